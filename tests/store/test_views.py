"""Lists, pages and the history."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Connection
from uuid import UUID

import pytest

from hemsd.clock import ManualClock
from hemsd.model import SiteMinute, Visit
from hemsd.store import BadCursor, Store, VisitFilter, queries
from hemsd.store.cursor import Place
from tests.store.values import NOON, a_command, a_decision, a_visit


def hours(number: float) -> datetime:
    return NOON + timedelta(hours=number)


def visits(count: int) -> list[Visit]:
    """One every 10 hours, 8 hours long; now and then two at the same moment, at two wallboxes."""
    made = []
    for number in range(1, count + 1):
        came_at = hours(10 * (number - (number % 5 == 0)))
        made.append(
            a_visit(
                number,
                id=str(UUID(int=random.Random(number).getrandbits(128))),
                wallbox="carport" if number % 5 == 0 else "garage",
                vehicle="van" if number % 3 == 0 else "car",
                managed=number % 4 != 0,
                plugged_in_at=came_at,
                plugged_out_at=None if number == count else came_at + timedelta(hours=8),
            )
        )
    return made


def newest_first(some: list[Visit]) -> list[Visit]:
    return sorted(some, key=lambda visit: (-visit.plugged_in_at.timestamp(), visit.id))


async def filled(store: Store, some: list[Visit]) -> None:
    for visit in some:
        store.save_visit(visit)
    await store.settle()


@pytest.mark.parametrize("limit", [1, 4, 23, 24, 100])
async def test_walking_to_the_end_and_back_visits_each_row_once(store: Store, limit: int) -> None:
    await filled(store, visits(23))
    page = await store.views.visits(limit=limit)
    assert page.before is None
    pages = [page]
    while page.after is not None:
        page = await store.views.visits(limit=limit, after=page.after)
        pages.append(page)
    assert [visit for page in pages for visit in page.visits] == newest_first(visits(23))
    for earlier in reversed(pages[:-1]):
        assert page.before is not None
        page = await store.views.visits(limit=limit, before=page.before)
        assert page == earlier


async def test_a_cursor_keeps_its_place_while_rows_are_added(store: Store) -> None:
    await filled(store, visits(9))
    first = await store.views.visits(limit=3)
    await filled(store, [replace(visit, plugged_out_at=None) for visit in visits(30)[25:]])
    second = await store.views.visits(limit=3, after=first.after)
    assert [*first.visits, *second.visits] == newest_first(visits(9))[:6]


async def test_a_cursor_outlives_a_restart_and_is_refused_by_another_home(
    path: Path, tmp_path: Path, clock: ManualClock
) -> None:
    here = await Store.open(path, clock)
    await filled(here, visits(9))
    cursor = (await here.views.visits(limit=3)).after
    await here.close()
    here = await Store.open(path, clock)
    there = await Store.open(tmp_path / "other.db", clock)
    assert len((await here.views.visits(limit=3, after=cursor)).visits) == 3
    with pytest.raises(BadCursor):
        await there.views.visits(limit=3, after=cursor)
    await here.close()
    await there.close()


@pytest.mark.parametrize(
    "made_up", ["", "x", "17", "====", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw", "\u00e4", "a" * 5000]
)
async def test_a_cursor_that_was_not_issued_is_refused(store: Store, made_up: str) -> None:
    with pytest.raises(BadCursor):
        await store.views.visits(after=made_up)
    with pytest.raises(BadCursor):
        await store.views.visits(before=made_up)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (VisitFilter(wallbox="carport"), lambda visit: visit.wallbox == "carport"),
        (VisitFilter(vehicle="van"), lambda visit: visit.vehicle == "van"),
        (VisitFilter(managed=False), lambda visit: not visit.managed),
        (VisitFilter(ended=False), lambda visit: visit.plugged_out_at is None),
        (VisitFilter(ended=True), lambda visit: visit.plugged_out_at is not None),
        (VisitFilter(plugged_in_from_at=hours(50)), lambda visit: visit.plugged_in_at >= hours(50)),
        (VisitFilter(plugged_in_to_at=hours(50)), lambda visit: visit.plugged_in_at <= hours(50)),
        (
            VisitFilter(plugged_out_to_at=hours(58)),
            lambda v: v.plugged_out_at is not None and v.plugged_out_at <= hours(58),
        ),
        (
            VisitFilter(wallbox="garage", vehicle="car", ended=True, plugged_in_from_at=hours(30)),
            lambda v: (v.wallbox, v.vehicle) == ("garage", "car") and v.plugged_out_at and v.plugged_in_at >= hours(30),
        ),
        (VisitFilter(wallbox="nowhere"), lambda visit: False),
    ],
)
async def test_filters_keep_what_they_say_bounds_included(
    store: Store, wanted: VisitFilter, fits: Callable[[Visit], bool]
) -> None:
    await filled(store, visits(23))
    expected = [visit for visit in newest_first(visits(23)) if fits(visit)]
    found: list[Visit] = []
    page = await store.views.visits(wanted, limit=2)
    found += page.visits
    while page.after:
        page = await store.views.visits(wanted, limit=2, after=page.after)
        found += page.visits
    assert found == expected
    assert await store.views.count_visits(wanted) == len(expected)
    assert await store.views.counted_page(wanted, offset=1, limit=3) == (len(expected), tuple(expected[1:4]))


async def test_what_belongs_to_a_visit_does_not_show_up_at_another(store: Store) -> None:
    await filled(store, [a_visit(1), a_visit(2)])
    store.record_command(a_command(1, visit_id=a_visit(1).id))
    store.record_command(a_command(2, visit_id=a_visit(2).id))
    store.record_decision(1, a_decision(), a_visit(1).id)
    store.record_decision(2, a_decision(reason="nobody there"), None)
    await store.settle()
    assert [command.id for command in await store.views.commands(a_visit(2).id)] == [2]
    assert await store.views.decisions(a_visit(1).id) == (a_decision(),)
    assert await store.views.decisions("unknown") == ()
    assert await store.views.visit("unknown") is None


async def test_the_history_is_the_mean_of_what_was_known(store: Store) -> None:
    for minute in range(30):
        cars_w = {"garage": 2000.0} if minute < 5 else {}
        pv_w = None if minute % 2 else 100.0 * minute
        store.record_minute(
            SiteMinute(NOON + timedelta(minutes=minute), float(minute), pv_w, None, 50.0, 300.0, cars_w)
        )
    await store.settle()
    first, second = await store.views.history(NOON, NOON + timedelta(minutes=20), 600)
    assert (first.at, second.at) == (NOON, NOON + timedelta(minutes=10))
    assert (first.grid_w, second.grid_w) == (4.5, 14.5)
    assert (first.pv_w, first.battery_w) == (400.0, None)
    assert (first.cars_w, second.cars_w) == ({"garage": 2000.0}, {})


async def test_the_newest_recorded_moment(store: Store) -> None:
    assert await store.views.newest_at() is None
    await filled(store, [a_visit()])
    assert await store.views.newest_at() == a_visit().plugged_in_at
    store.record_decision(1, a_decision(at=hours(3)), None)
    store.record_minute(SiteMinute(hours(2), None, None, None, None, None))
    await store.settle()
    assert await store.views.newest_at() == hours(3)


@pytest.mark.parametrize(
    "wanted",
    [
        VisitFilter(),
        VisitFilter(wallbox="garage"),
        VisitFilter(vehicle="van"),
        VisitFilter(plugged_out_to_at=hours(50)),
    ],
)
async def test_a_page_is_a_walk_along_an_index_and_never_sorts_or_reads_all(store: Store, wanted: VisitFilter) -> None:
    """What makes page 2,000 of 100,000 visits cost what page 1 costs."""
    await filled(store, visits(23))
    seen: list[str] = []

    def plans(db: Connection) -> None:
        db.set_trace_callback(seen.append)
        queries.visit_page(db, wanted, 5, None, None)
        db.set_trace_callback(None)
        for sql in seen:
            for row in db.execute(f"EXPLAIN QUERY PLAN {sql}"):
                assert "USING INDEX visits_" in row["detail"], (sql, row["detail"])
                assert "TEMP B-TREE" not in row["detail"], (sql, row["detail"])

    await store.views.ask(plans)
    assert len(seen) == 3


COUNTED = [VisitFilter(wallbox="garage", managed=True), VisitFilter(vehicle="van", ended=True)]


@pytest.mark.parametrize("wanted", COUNTED)
async def test_what_a_counted_page_skips_and_counts_is_told_by_the_index_alone(
    store: Store, wanted: VisitFilter
) -> None:
    await filled(store, visits(23))
    seen: list[str] = []

    def plans(db: Connection) -> None:
        db.set_trace_callback(seen.append)
        queries.counted_page(db, wanted, 1, 2)
        queries.counted_page(db, wanted, 5, 2)
        db.set_trace_callback(None)
        for sql in seen[:]:
            details = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
            assert any("visits USING COVERING INDEX visits_by_" in detail for detail in details), (sql, details)

    await store.views.ask(plans)
    assert len(seen) == 4


@pytest.mark.parametrize("wanted", COUNTED)
async def test_counted_pages_from_either_end_make_one_list(store: Store, wanted: VisitFilter) -> None:
    await filled(store, visits(23))
    whole = (await store.views.visits(wanted, limit=100)).visits
    for limit in (1, 3, 50):
        for offset in range(len(whole) + 2):
            total, page = await store.views.counted_page(wanted, offset=offset, limit=limit)
            assert (total, page) == (len(whole), tuple(whole[offset : offset + limit]))


@pytest.mark.parametrize(
    "wanted", [VisitFilter(), VisitFilter(vehicle="car"), VisitFilter(plugged_out_to_at=hours(9_000))]
)
async def test_a_page_far_down_costs_no_more_steps_than_the_first(store: Store, wanted: VisitFilter) -> None:
    await filled(store, visits(1000))
    pages = [await store.views.visits(wanted, limit=10)]
    while pages[-1].after is not None:
        pages.append(await store.views.visits(wanted, limit=10, after=pages[-1].after))
    assert len(pages) > 50

    def steps(db: Connection, after: Place | None) -> int:
        """How many instructions SQLite's machine needed."""
        counter = itertools.count()
        db.set_progress_handler(lambda: next(counter) < 0, 1)
        queries.visit_page(db, wanted, 10, after, None)
        db.set_progress_handler(None, 1)
        return next(counter)

    first = await store.views.ask(lambda db: steps(db, None))
    far = await store.views.ask(lambda db: steps(db, queries.place(pages[-3].visits[-1])))
    assert 0 < far < 1.5 * first
