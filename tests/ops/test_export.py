"""What leaves as CSV."""

# ruff: noqa: ASYNC240

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from hemsd.cli import main
from hemsd.model import SiteMinute
from hemsd.store import Store
from tests.store.values import NOON, a_command, a_decision, a_visit


async def recorded(store: Store) -> None:
    store.save_visit(a_visit(1, energy_wh=3100.0, solar_wh=2900.0, grid_wh=200.0))
    store.save_visit(a_visit(2, vehicle=None))
    store.record_decision(1, a_decision(dispatched=True, command_id=1, reason='"quoted", and so on'), a_visit().id)
    store.record_command(a_command())
    for minute in range(24 * 60):
        at = NOON.replace(hour=0) + timedelta(minutes=minute)
        pv_w = None if minute < 300 else 3000.0
        cars_w = {"garage": 1400.0} if minute == 700 else {}
        store.record_minute(SiteMinute(at, -100.0, pv_w, None, None, 400.0, cars_w))
    await store.begin("garage", 1, "04A1B2C3D4", NOON, 1000.0)
    await store.settle()


def exported(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, str]]:
    assert main(["export", *arguments]) == 0
    text = capsys.readouterr().out
    assert "04A1B2C3D4" not in text
    return list(csv.DictReader(io.StringIO(text)))


async def test_sessions_and_decisions_come_out_beside_a_running_daemon(
    store: Store, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await recorded(store)
    first, second = exported(capsys, "sessions", "-c", str(config))
    assert (first["energy_kwh"], first["solar_kwh"], first["vehicle"], second["vehicle"]) == ("3.1", "2.9", "car", "")
    assert first["plugged_in"] == "2026-06-21T12:01:00.000Z"
    [decision] = exported(capsys, "decisions", "-c", str(config))
    assert decision["reason"] == '"quoted", and so on'
    assert (decision["session"], decision["outcome"]) == (first["id"], a_command().outcome)
    assert json.loads(decision["inputs"])["grid_w"] == -120.0


async def test_a_span_is_local_time_and_leaves_its_end_out(
    store: Store, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await recorded(store)
    rows = exported(capsys, "readings", "--from", "2026-06-21T14:00", "--to", "2026-06-21T15:00", "-c", str(config))
    assert (len(rows), rows[0]["time"], rows[-1]["time"]) == (
        60,
        "2026-06-21T12:00:00.000Z",
        "2026-06-21T12:59:00.000Z",
    )
    assert rows[0]["t_s"] == "0"


@pytest.mark.slow
async def test_an_exported_day_can_be_replayed(
    store: Store, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await recorded(store)
    assert (
        main(["export", "readings", "--from", "2026-06-21T10:00", "--to", "2026-06-21T14:00", "-c", str(config)]) == 0
    )
    day = tmp_path / "day.csv"
    day.write_text(capsys.readouterr().out)
    config.write_text(config.read_text().replace(", password: '${NOBODY_SET_THIS}'", ""))
    assert main(["replay", str(day), "--json", "-c", str(config)]) == 0
    played = json.loads(capsys.readouterr().out)
    assert played["solar_kwh"] > 5


@pytest.mark.parametrize(
    ("arguments", "status"), [(["sessions", "--from", "yesterday"], 2), (["sessions"], 1)], ids=["no time", "no file"]
)
def test_what_can_not_be_exported_is_said(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int
) -> None:
    assert main(["export", *arguments, "-c", str(config)]) == status
    assert capsys.readouterr().err.startswith("hemsd: ")
