"""When what was recorded reaches the file, and what happens when the file can't be written."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from hemsd.clock import FastClock, ManualClock
from hemsd.model import SiteMinute, SteeringState
from hemsd.store import Store, StoreError, writer
from tests.store.values import NOON, a_command, a_decision, a_sample, a_visit


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LOOK_S", 0.01)
    monkeypatch.setattr(writer, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.02)


def rows(path: Path, table: str) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        db.close()


def states(path: Path) -> list[str]:
    db = sqlite3.connect(path)
    try:
        return [str(state) for (state,) in db.execute("SELECT final_state FROM visits")]
    finally:
        db.close()


async def soon(claim: Callable[[], bool], within_s: float = 3.0) -> None:
    async with asyncio.timeout(within_s):
        while not claim():  # noqa: ASYNC110 - a thread and a file can't set an event
            await asyncio.sleep(0.01)


def a_minute(number: int) -> SiteMinute:
    return SiteMinute(NOON + timedelta(minutes=number), -100.0, 500.0, None, None, 400.0)


async def test_readings_wait_for_their_group_and_are_written_before_they_are_60_s_old(
    store: Store, path: Path, clock: ManualClock
) -> None:
    store.save_visit(a_visit())
    await store.settle()
    store.record_minute(a_minute(0))
    store.record_sample(a_visit().id, a_sample())
    store.record_decision(1, a_decision(), a_visit().id)
    clock.leap(54)
    await asyncio.sleep(0.1)
    assert [rows(path, table) for table in ("site_minutes", "meter_values", "decisions")] == [0, 0, 0]
    clock.leap(2)
    await soon(lambda: rows(path, "site_minutes") == 1)
    assert [rows(path, table) for table in ("meter_values", "decisions")] == [1, 1]


async def test_a_group_never_waits_60_s_of_real_time_either(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "GROUP_S", 0.2)  # the manual clock stands still
    store.record_minute(a_minute(0))
    await soon(lambda: rows(path, "site_minutes") == 1)


async def test_a_faster_clock_writes_its_groups_faster(path: Path) -> None:
    store = await Store.open(path, FastClock(NOON, speed=600))
    store.record_minute(a_minute(0))
    await soon(lambda: rows(path, "site_minutes") == 1, within_s=1.0)
    await store.close()


@pytest.mark.parametrize("table", ["commands", "visits", "facts", "identities", "decisions"])
async def test_what_must_not_be_lost_is_written_at_once(store: Store, path: Path, table: str) -> None:
    await store.settle()
    before = rows(path, table)
    match table:
        case "commands":
            store.record_command(a_command())
        case "visits":
            store.save_visit(a_visit())
        case "facts":
            store.save_fact("mode/garage", "fast")
        case "identities":
            store.identities(wallboxes=["garage"])
        case "decisions":
            store.record_decision(1, a_decision(dispatched=True, command_id=1), None)
    await soon(lambda: rows(path, table) > before)


async def test_a_visit_whose_counters_move_waits_and_one_whose_state_changes_does_not(store: Store, path: Path) -> None:
    visit = a_visit()
    store.save_visit(visit)
    await store.settle()
    store.save_visit(a_visit(energy_wh=50.0, solar_wh=50.0, meter_last_wh=1050.0))
    await asyncio.sleep(0.1)
    assert await store.views.visit(visit.id) == visit

    changed = a_visit(energy_wh=60.0, solar_wh=60.0, final_state=SteeringState.COMMITMENT)
    store.save_visit(changed)
    store.save_visit(a_visit(energy_wh=61.0, solar_wh=61.0, final_state=SteeringState.COMMITMENT))
    await soon(lambda: states(path) == ["COMMITMENT"])


async def test_an_urgent_change_takes_everything_before_it_along(store: Store, path: Path) -> None:
    store.save_visit(a_visit())
    await store.settle()
    store.record_minute(a_minute(0))
    store.record_command(a_command())
    await soon(lambda: rows(path, "commands") == 1)
    assert rows(path, "site_minutes") == 1


async def test_only_what_must_survive_a_power_cut_is_forced_to_the_card(store: Store, clock: ManualClock) -> None:
    await store.settle()
    said: list[str] = []
    store._writer._db.conn.set_trace_callback(said.append)

    def forced(table: str) -> bool:
        """The mode in which the insert was committed."""
        [mode] = [sql for sql in said[: _first(said, f"INSERT INTO {table}")] if "synchronous" in sql][-1:]
        return mode == "PRAGMA synchronous = FULL"

    store.record_minute(a_minute(0))
    clock.leap(60)
    await soon(lambda: any("site_minutes" in sql for sql in said))
    assert not forced("site_minutes")
    store.record_command(a_command(visit_id=None))
    await soon(lambda: any("INSERT INTO commands" in sql for sql in said))
    assert forced("commands")


def _first(said: list[str], beginning: str) -> int:
    return next(place for place, sql in enumerate(said) if sql.startswith(beginning))


async def test_closing_writes_what_waits(path: Path, clock: ManualClock) -> None:
    store = await Store.open(path, clock)
    store.record_minute(a_minute(0))
    await store.close()
    assert rows(path, "site_minutes") == 1


async def test_a_locked_database_is_told_and_everything_is_written_afterwards(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hemsd.store.opening.BUSY_S", 0.01)
    store = await Store.open(path, clock)
    await store.settle()
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.INFO):
        store.save_visit(a_visit())
        store.record_command(a_command(outcome="unverified"))
        await soon(lambda: store.trouble is not None)
        assert "locked" in (store.trouble or "")
        store.record_command(a_command(outcome="applied"))  # newer words on the same command, while the old ones wait
        await asyncio.sleep(0.1)  # several tries
        other.rollback()
        await store.settle()
    assert store.trouble is None
    assert await store.views.commands(a_visit().id) == (a_command(outcome="applied"),)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    other.close()
    await store.close()


async def test_a_full_card_costs_the_oldest_readings_and_no_command(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 50)
    store.save_visit(a_visit())
    await store.settle()
    db = store._writer._db
    [pages] = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    store.save_visit(a_visit(final_state=SteeringState.COOLDOWN))
    store.save_visit(a_visit(final_state=SteeringState.COOLDOWN, energy_wh=1.0))
    for number in range(1, 21):
        store.record_command(a_command(number))
    for number in range(100):
        store.record_minute(a_minute(number))
    await soon(lambda: "full" in (store.trouble or ""))
    await soon(lambda: store.forgotten >= 70)
    db.execute("PRAGMA max_page_count = 1000000")
    await store.settle()
    assert store.trouble is None
    assert rows(path, "commands") == 20
    assert rows(path, "site_minutes") in (29, 30)  # the visit may have found room before the card was full
    assert states(path) == ["COOLDOWN"]
    assert (await store.views.newest_at()) == a_minute(99).at


async def test_a_row_that_can_not_be_written_is_left_out_alone(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.save_visit(a_visit())
    store.record_sample("a visit that nobody saved", a_sample())
    store.record_command(a_command())
    await store.settle()
    assert len(await store.views.commands(a_visit().id)) == 1
    assert "leaves out a change of ('reading'" in caplog.text


async def test_a_writer_that_died_of_a_bug_ends_the_daemon_at_the_next_record(path: Path, clock: ManualClock) -> None:
    store = await Store.open(path, clock)
    await store.close()
    with pytest.raises(StoreError):
        store.record_minute(a_minute(0))
    with pytest.raises(StoreError):
        await store.settle()


async def test_counters_that_move_cost_one_page_and_no_index(store: Store) -> None:
    for number in range(1, 100):
        store.save_visit(a_visit(number))
    await store.settle()
    before = store.bytes_written
    store.save_visit(a_visit(50, energy_wh=10.0, meter_last_wh=10.0))
    await store.settle()
    assert store.bytes_written - before == 1024 + 24  # a page and the head of its frame


async def test_what_the_card_is_asked_to_take_is_counted_per_day(path: Path, clock: ManualClock) -> None:
    store = await Store.open(path, clock)
    await store.settle()
    before = store.bytes_written
    for number in range(10):
        store.record_minute(a_minute(number))
        await store.settle()
    per_commit = (store.bytes_written - before) / 10
    assert 1024 < per_commit < 4 * 1048  # a page, now and then its parent
    clock.leap(3600)
    store.record_minute(a_minute(10))
    await store.settle()
    [day] = await store.views.written_days()
    assert day.day_at == clock.utc().replace(hour=0)
    assert day.commits >= 11
    assert day.bytes >= 10 * per_commit
    await store.close()
