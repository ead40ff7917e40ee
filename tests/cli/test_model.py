"""``hemsd model``: a model can be chosen and taken back beside a running daemon."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hemsd.cli import main
from hemsd.clock import ManualClock
from hemsd.scoring.engine import weights
from hemsd.scoring.model_rows import TunedModel, choose, judging, keep
from hemsd.scoring.tenants import HOME
from hemsd.store import Store, clients

NOW = datetime(2026, 6, 21, 12, tzinfo=UTC)
METRICS = {"held_out_before": 5.0, "held_out_after": 4.0, "sessions": 25.0}


@pytest.fixture
async def client(tmp_path: Path) -> str:
    """A program with two models, the second made from the first."""
    clock = ManualClock(NOW)
    (tmp_path / "config.yaml").write_text("storage: {path: hemsd.db}\n")
    store = await Store.open(tmp_path / "hemsd.db", clock)
    client_id, _ = clients.add(tmp_path / "hemsd.db", clock, "anna", ["analysis"])
    for name, base in (("csar-1", "csar-base"), ("csar-2", "csar-1")):
        store.carry_out(keep(TunedModel(name, client_id, "ours", base, METRICS, NOW), weights(), [1.0]))
    store.carry_out(choose(client_id, "csar-2", NOW))
    await store.close()
    return client_id


async def judge_of(tmp_path: Path, tenant: str) -> str:
    store = await Store.open(tmp_path / "hemsd.db", ManualClock(NOW))
    found = await store.views.ask(lambda db: judging(db, tenant))
    await store.close()
    return found.id


async def test_rolling_back_goes_one_model_back_at_a_time_and_ends_at_the_base(tmp_path: Path, client: str) -> None:
    config = ["-c", str(tmp_path / "config.yaml")]
    seen = [await judge_of(tmp_path, client)]
    for _ in range(3):
        assert main(["model", "rollback", "--client", "anna", *config]) == 0
        seen.append(await judge_of(tmp_path, client))

    assert seen == ["csar-2", "csar-1", "csar-base", "csar-base"]


async def test_the_home_may_be_judged_by_a_programs_model(
    tmp_path: Path, client: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["-c", str(tmp_path / "config.yaml")]
    assert main(["model", "use", "csar-2", *config]) == 0
    assert await judge_of(tmp_path, HOME) == "csar-2"
    assert main(["model", "list", *config]) == 0
    assert "* csar-2  ours  from csar-1" in capsys.readouterr().out


async def test_what_there_is_not_can_not_be_used(
    tmp_path: Path, client: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ["-c", str(tmp_path / "config.yaml")]
    assert main(["model", "use", "csar-9", *config]) == 2
    assert main(["model", "rollback", "--client", "nobody", *config]) == 2
    assert "no model 'csar-9'" in (told := capsys.readouterr().err)
    assert "no client 'nobody'" in told
