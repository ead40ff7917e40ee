"""What becomes of old rows, and of the room that they took."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.config.models import StorageSettings
from hemsd.model import QuarterHour, SiteMinute
from hemsd.ops.retention import Retention
from hemsd.ops.upkeep import Upkeep
from hemsd.store import Store, aging
from hemsd.store.copies import daily
from tests.store.values import NOON, a_command, a_decision, a_sample, a_visit

BIG = 1 << 40


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def a_day(store: Store, number: int, at: datetime) -> None:
    """A visit of ten minutes, with all that belongs to it."""
    visit = a_visit(number, plugged_in_at=at, plugged_out_at=at + timedelta(minutes=10))
    store.save_visit(visit)
    for minute in range(10):
        moment = at + timedelta(minutes=minute)
        store.record_minute(SiteMinute(moment, 10.0 * minute, 500.0, None, None, 400.0, {"garage": 100.0 * minute}))
        store.record_sample(visit.id, dataclasses.replace(a_sample(), received_at=moment, energy_wh=float(minute)))
    store.record_decision(store.next_decision_id(), a_decision(at=at), visit.id)
    store.record_command(a_command(store.next_command_id(), at=at, visit_id=visit.id))
    store.record_quarter(QuarterHour(visit.id, at, 100.0, 100.0, 0.0, 0.0))


@pytest.fixture
async def three_days(store: Store) -> Store:
    """Days of 21, 22 and 23 June."""
    for number in range(3):
        a_day(store, number + 1, NOON + timedelta(days=number))
    await store.settle()
    return store


async def test_a_look_deletes_one_day_that_is_too_old_and_the_visits_stay(
    three_days: Store, path: Path, clock: ManualClock
) -> None:
    retention = Retention(three_days, 30, BIG, clock)
    clock.leap(40 * 86_400)
    left = []
    for _look in range(4):
        await retention.look()
        await three_days.settle()
        left.append([count(path, table) for table in ("site_minutes", "meter_values", "decisions", "commands")])
    assert left == [[20, 20, 2, 2], [10, 10, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]  # the newest ids stay taken
    assert [count(path, table) for table in ("visits", "quarter_hours")] == [3, 3]


async def test_nothing_is_deleted_before_its_time(three_days: Store, path: Path, clock: ManualClock) -> None:
    clock.leap(29 * 86_400)
    await Retention(three_days, 30, BIG, clock).look()
    await three_days.settle()
    assert count(path, "site_minutes") == 30


async def test_a_file_that_is_too_big_forgets_early_but_never_the_last_week(
    three_days: Store, path: Path, clock: ManualClock
) -> None:
    retention = Retention(three_days, 730, 1, clock)
    for days, minutes in ((5, 30), (5, 20)):
        clock.leap(days * 86_400)
        await retention.look()
        await three_days.settle()
        assert count(path, "site_minutes") == minutes


async def test_after_three_months_five_minutes_become_one_with_the_same_mean(
    three_days: Store, path: Path, clock: ManualClock
) -> None:
    before = await three_days.views.history(NOON, NOON + timedelta(minutes=15), 900)
    retention = Retention(three_days, 730, BIG, clock)
    clock.leap(91 * 86_400)
    for _look in range(3):
        await retention.look()
        await three_days.settle()
    assert count(path, "site_minutes") == 2 + 10 + 10  # the two younger days are not three months old yet
    first, second = await three_days.views.history(NOON, NOON + timedelta(minutes=15), 300)
    assert (first.grid_w, first.cars_w, second.grid_w) == (20.0, {"garage": 200.0}, 70.0)
    assert await three_days.views.history(NOON, NOON + timedelta(minutes=15), 900) == before
    readings = await three_days.views.readings(a_visit(1).id)
    assert [reading.energy_wh for reading in readings] == [4.0, 9.0]


async def test_room_that_stays_free_is_given_back(
    store: Store, path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aging, "SPARE_PAGES", 50)
    for number in range(400):
        store.record_decision(number + 1, a_decision(reason="x" * 900), None)
    await store.settle()
    retention = Retention(store, 7, BIG, clock)
    clock.leap(20 * 86_400)
    for _look in range(3):
        await retention.look()
        await store.settle()
    size = await store.views.ask(aging.size)
    assert size.bytes < 200_000
    assert size.spare_pages < 50


async def test_what_is_written_in_a_day_is_counted_over_restarts_and_too_much_is_said(
    path: Path, clock: ManualClock
) -> None:
    settings = StorageSettings(path=path, max_mb_per_day=1, copies=0)
    store = await Store.open(path, clock)
    upkeep = Upkeep(store, settings, clock)
    assert not list(upkeep.found())
    store.also_wrote(900_000)
    store.save_visit(a_visit())
    await store.settle()
    await store.close()
    store = await Store.open(path, clock)
    upkeep = Upkeep(store, settings, clock)
    await upkeep._recall_today()
    assert upkeep.bytes_today() > 900_000
    store.also_wrote(200_000)
    store.save_visit(a_visit(2))
    await store.settle()
    assert [key for key, _, _ in upkeep.found()] == ["store:wear"]
    clock.leap(86_400)
    assert upkeep.bytes_today() == 0
    assert not list(upkeep.found())
    await store.close()


async def test_a_copy_alone_does_not_wear_out_a_card_and_an_alert_comes_above_four_times_an_ordinary_day(
    path: Path, store: Store, clock: ManualClock
) -> None:
    upkeep = Upkeep(store, StorageSettings(path=path), clock)
    copy = daily(path, clock.utc())
    copy.write_bytes(b"\0" * 90_000_000)
    for written, alerts in ((90_000_000, []), (99_000_000, []), (2_000_000, ["store:wear"])):
        store.also_wrote(written)
        store.save_visit(a_visit())
        await store.settle()
        await upkeep._recall_today()
        assert [key for key, _, _ in upkeep.found()] == alerts
        upkeep = Upkeep(store, StorageSettings(path=path), clock) if not alerts else upkeep


async def test_a_look_takes_the_copy_of_the_day_and_the_page_names_it(
    three_days: Store, path: Path, clock: ManualClock
) -> None:
    upkeep = Upkeep(three_days, StorageSettings(path=path), clock)
    await upkeep.look()
    page = upkeep.page()
    assert page.newest_copy == "hemsd.db.copy-20260621"
    assert page.database_bytes is not None
    assert page.database_bytes >= 20_000
