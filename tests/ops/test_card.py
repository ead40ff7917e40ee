"""A card that is full, read-only or gone: charging goes on, and somebody is told."""

# ruff: noqa: ASYNC240

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from hemsd.app import only_one
from hemsd.clock import ManualClock
from hemsd.ops import lifeboat
from hemsd.ops.lifeboat import open_store
from hemsd.store import Store, StoreError, copies, opening, writer
from tests.daemon.test_in_process import charging, proved, running, until
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
@pytest.mark.timeout(120)
async def test_a_card_that_is_full_while_a_car_charges_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 1.0)
    async with running(tmp_path) as daemon:
        await until(lambda: proved(daemon))
        card = daemon.store._writer._db
        pages = int(card.execute("PRAGMA page_count").fetchone()[0])
        card.execute(f"PRAGMA max_page_count = {pages}")
        await until(lambda: "store" in {alert.key for alert in daemon.alerts.standing})
        [alert] = [alert for alert in daemon.alerts.standing if alert.key == "store"]
        assert "full" in alert.text
        ticks = daemon.control.last_tick_s or 0.0
        energy_wh = daemon.control.visits.running["garage"].visit.energy_wh
        await until(lambda: (daemon.control.last_tick_s or 0.0) > ticks + 300)
        assert charging(daemon)
        assert daemon.control.visits.running["garage"].visit.energy_wh > energy_wh
        card.execute("PRAGMA max_page_count = 1000000")
        await until(lambda: "store" not in {alert.key for alert in daemon.alerts.standing})
        assert daemon.store.forgotten == 0
        visit_id = daemon.control.visits.visit_id("garage")
        assert visit_id is not None
        minutes = [point.at for point in await daemon.store.views.history(*_all_time(), 60)]
        assert len(minutes) >= 10
        gaps = {later - earlier for earlier, later in pairwise(minutes)}
        assert len(gaps) == 1, "no minute is missing"


def _all_time() -> tuple[datetime, datetime]:
    return datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
