"""A card that is full, read-only or gone: charging goes on, and somebody is told."""

# ruff: noqa: ASYNC240

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from hemsd.app import only_one
from hemsd.clock import ManualClock
from hemsd.ops import lifeboat
from hemsd.ops.lifeboat import open_store
from hemsd.store import Store, StoreError, copies, opening
from tests.daemon.living import Living, daemon, write_config
from tests.daemon.test_in_process import proved, running, until
from tests.ops.card import card
from tests.ops.test_backup import spoil
from tests.store.values import a_visit


@pytest.fixture
def memory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("memory")
    monkeypatch.setattr(lifeboat, "MEMORY", folder)
    return folder


def read_only(_path: Path) -> None:
    raise sqlite3.OperationalError("attempt to write a readonly database")


async def test_a_read_only_database_is_taken_along_in_memory_and_left_alone(
    path: Path, clock: ManualClock, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(path, clock)
    store.save_visit(a_visit())
    store.save_fact("mode.garage", "fast")
    await store.close()
    before = path.read_bytes()
    connect: Callable[..., object] = opening._connect
    monkeypatch.setattr(opening, "_connect", lambda at: read_only(at) if at == path else connect(at))
    for known in (1, 2):  # a second start finds what it had
        store = await open_store(path, clock)
        assert store.mended is not None
        assert "readonly" in store.mended
        assert "lost when the machine stops" in store.mended
        assert store.facts() == {"mode.garage": "fast"}
        assert store.next_visit_number() == 1 + known
        store.save_visit(a_visit(1 + known))
        await store.settle()
        assert await store.views.count_visits() == 1 + known
        await store.close()
    assert path.read_bytes() == before


async def test_where_no_file_can_be_there_is_a_daemon_all_the_same(
    tmp_path: Path, clock: ManualClock, memory: Path
) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "hemsd.db"
    with only_one(path):
        store = await open_store(path, clock)
        store.save_visit(a_visit())
        await store.settle()
        assert await store.views.count_visits() == 1
        await store.close()


async def test_a_database_of_a_newer_hemsd_is_no_reason_to_forget_it(path: Path, clock: ManualClock) -> None:
    await (await Store.open(path, clock)).close()
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('hemsd', 'm999_from_tomorrow')")
    with pytest.raises(StoreError, match="m999_from_tomorrow"):
        await open_store(path, clock)


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_damaged_database_is_replaced_by_the_newest_good_copy_and_the_car_charges(
    tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / "home.db"
    store = await Store.open(path, clock)
    for visit in range(1, 201):
        store.save_visit(a_visit(visit))
    await store.close()
    copies.copy_database(path, copies.daily(path, clock.utc()))
    spoil(path)
    async with running(tmp_path) as daemon:
        await until(lambda: "store:mended" in {alert.key for alert in daemon.alerts.standing})
        [alert] = [alert for alert in daemon.alerts.standing if alert.key == "store:mended"]
        assert "copy" in alert.text
        assert await daemon.store.views.count_visits() >= 200
        await until(lambda: proved(daemon))
    assert list(tmp_path.glob("home.db.damaged-*"))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_real_card_that_is_full_and_at_the_next_start_read_only_stops_no_charge_and_is_told(tmp_path: Path) -> None:
    _, _, web = write_config(tmp_path)
    config = tmp_path / "config.yaml"
    with card(tmp_path / "card") as real:
        config.write_text(config.read_text().replace("home.db", str(real.folder / "home.db")))

        def alerts(living: Living, key: str) -> list[str]:
            return [alert["text"] for alert in living.get("/api/state")["alerts"] if alert["key"] == key]

        with daemon(tmp_path, web, prefix=real.prefix) as living:
            living.until(living.charging)
            real.fill()
            living.until(lambda: any("full" in text for text in alerts(living, "store")))
            energy_kwh = living.garage()["session_kwh"]
            living.until(lambda: living.garage()["session_kwh"] > energy_kwh)
            real.empty()
            living.until(lambda: not alerts(living, "store"))
            assert living.end() == 0
        before = (real.seen / "home.db").read_bytes()
        (tmp_path / "taken.db").write_bytes(before)  # SQLite finds no way through /proc
        with closing(sqlite3.connect(tmp_path / "taken.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            minutes = [at_ms for (at_ms,) in db.execute("SELECT at_ms FROM site_minutes ORDER BY at_ms")]
            assert {later - earlier for earlier, later in pairwise(minutes)} == {60_000}, "no minute is missing"
        real.remount_read_only()
        with daemon(tmp_path, web, prefix=real.prefix) as living:
            living.until(lambda: any("copy in memory" in text for text in alerts(living, "store:mended")))
            living.until(living.charging)
            assert living.get("/api/sessions")["sessions"]
            assert living.end() == 0
        assert (real.seen / "home.db").read_bytes() == before
