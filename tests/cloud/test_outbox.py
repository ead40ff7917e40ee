"""A debt is committed with the change that it tells of, and outlives whatever happens to that change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.cloud.marks import Lines, Marks
from hemsd.cloud.outbox import Outbox
from hemsd.model import Visit
from hemsd.store import Store, outbox
from hemsd.store.outbox import FARTHEST_MS, Mark
from tests.cloud.home import at_home, settings, visit_id
from tests.cloud.receiver import Receiver, receiving, says


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    clock = ManualClock()
    store = await Store.open(path, clock)
    store.announcer = Marks(Lines(analysis="analysis", session_hooks=("hook",)), clock)
    yield store
    await store.close()


def a_visit(**changed: object) -> Visit:
    visit = Visit(visit_id(1), 1, "garage", ManualClock().utc(), transaction_id=17)
    return replace(visit, **changed)  # type: ignore[arg-type]


async def owed(store: Store) -> list[tuple[str, str, int]]:
    await store.settle()
    rows = "SELECT lane, kind, told FROM outbox WHERE told > done ORDER BY lane"
    return [tuple(row) for row in await store.views.ask(lambda db: db.execute(rows).fetchall())]


async def test_a_visit_and_what_must_be_told_of_it_are_one_transaction(store: Store, path: Path) -> None:
    """Another connection never sees the one without the other."""
    seen = set()
    with closing(sqlite3.connect(path)) as db:
        for number in range(1, 60):
            store.save_visit(a_visit(id=visit_id(number), number=number))
            for _ in range(20):
                counts = "SELECT (SELECT count(*) FROM visits), (SELECT count(*) FROM outbox WHERE lane = 'analysis')"
                visits, debts = db.execute(counts).fetchone()
                seen.add(visits - debts)
    assert seen == {0}


async def test_a_debt_outlives_the_change_that_is_replaced_before_it_is_written(store: Store) -> None:
    """Only counters move in the newer change, and it takes the place of the one that began the visit."""
    begun = a_visit()
    store.save_visit(begun)
    store.save_visit(replace(begun, energy_wh=1.0))
    assert [lane for lane, _, _ in await owed(store)] == ["analysis", "hook"]


async def test_telling_again_leaves_one_row(store: Store) -> None:
    begun = a_visit()
    store.save_visit(begun)
    await store.settle()
    for number in range(5):
        store.record_quarter(quarter := a_quarter(number))
        await store.settle()
        store.record_quarter(quarter)
    assert await owed(store) == [("analysis", "visit", 1), ("hook", "flex:session:updated", 5)]


def a_quarter(number: int):  # type: ignore[no-untyped-def]
    from hemsd.model import QuarterHour

    return QuarterHour(visit_id(1), ManualClock().utc() + timedelta(minutes=15 * number), 1.0, 1.0, 0.0, 0.0)


async def test_what_is_told_while_something_is_under_way_stays_owed(store: Store) -> None:
    clock = ManualClock()
    box = Outbox(store)
    store.save_visit(a_visit())
    await store.settle()
    entry = await box.next("hook", clock.utc())
    assert entry is not None
    frozen = await box.freeze(entry, "a plan")
    assert await box.freeze(frozen, "a plan") == frozen
    store.save_visit(a_visit(vehicle="car"))
    await box.finish(frozen)
    again = await box.next("hook", clock.utc())
    assert again is not None
    assert (again.delivery, again.plan) == (None, None)
    await box.finish(again)
    assert await box.next("hook", clock.utc()) is None


async def test_a_wall_clock_that_was_set_back_holds_nothing_up(store: Store) -> None:
    clock = ManualClock()
    at = clock.utc()
    late = at + timedelta(milliseconds=FARTHEST_MS + 1)
    store.carry_out(told=[Mark("hook", "a", "1", at, at + timedelta(minutes=5)), Mark("hook", "a", "2", at, late)])
    await store.settle()
    entry = await Outbox(store).next("hook", at)
    assert entry is not None
    assert entry.subject == "2"


async def test_with_nobody_to_tell_nothing_is_written(path: Path, tmp_path: Path) -> None:
    async with at_home(path, settings("", tmp_path)) as home:
        await home.plug_in()
        home.cloud.session_changed("policy:home")
        await home.plug_out()
        assert await owed(home.store) == []


async def test_a_dead_letter_is_shown_with_the_answer_and_can_be_sent_again(path: Path, tmp_path: Path) -> None:
    from hemsd.cloud.status import retry, status

    cloud = Receiver(says(422, {"detail": "no such station"}))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await home.plug_in()
        await home.plug_out()
        await home.pay("analysis", 1)
        assert "has refused something for good" in home.cloud.troubles()["analysis"]
        shown = status(home.cloud.settings, path)
        assert 'visit 00000000-0000-0000-0000-000000000001: 422 {"detail": "no such station"}' in shown.text()
        json.dumps(shown.document())
        cloud.behaves = says(200, {"session_id": visit_id(1), "status": "pending", "anomalies": []})
        assert retry(path, home.clock.utc(), 99) == 0
        assert retry(path, home.clock.utc(), None) == 1
        await home.pay("analysis", 61)
        assert await home.dead() == []
        assert home.cloud.troubles() == {}
        assert await home.owed("analysis") == 0
        text = status(home.cloud.settings, path).text()
        assert "nothing waits; last answer 200" in text


async def test_the_revived_letter_goes_on_where_its_story_stood(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await home.plug_in()
        await home.pay("analysis", 1)
        well = cloud.behaves
        cloud.behaves = says(422)
        await home.charge(minutes=20)
        await home.pay("analysis", 1)
        assert len(await home.dead()) == 1
        cloud.behaves = well
        await home.cloud.outbox.write(*outbox.revive(home.clock.utc(), None))
        await home.pay("analysis", 61)
        assert [heard.method for heard in cloud.heard] == ["POST", "PATCH", "PATCH"]
