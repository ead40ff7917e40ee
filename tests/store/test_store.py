"""What is recorded can be asked for, and outlives a restart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from drivers.base import TransactionBook
from hemsd.clock import ManualClock
from hemsd.journal import Journal
from hemsd.model import Attempt, DispatchStatus, Outcome, QuarterHour, SiteMinute
from hemsd.store import Store, VisitFilter
from tests.store.values import NOON, a_command, a_decision, a_sample, a_visit

VISIT = a_visit()


async def test_the_store_is_the_journal_of_control_and_the_book_of_transactions(store: Store) -> None:
    journal: Journal = store
    book: TransactionBook = store
    assert isinstance(journal, Store)
    assert isinstance(book, Store)


async def test_a_quarter_hour_as_it_grew_last(store: Store) -> None:
    store.save_visit(VISIT)
    for energy_wh in (100.0, 250.0):
        store.record_quarter(QuarterHour(VISIT.id, NOON, energy_wh, 80.0, 0.0, energy_wh - 80.0))
    await store.settle()
    assert await store.views.quarters(VISIT.id) == (QuarterHour(VISIT.id, NOON, 250.0, 80.0, 0.0, 170.0),)


async def test_one_sample_a_minute_is_kept_the_newest(store: Store) -> None:
    store.save_visit(VISIT)
    for seconds in range(0, 180, 10):
        store.record_sample(VISIT.id, a_sample(seconds, power_w=float(seconds)))
    await store.settle()
    assert [reading.power_w for reading in await store.views.readings(VISIT.id)] == [50.0, 110.0, 170.0]


async def test_replayed_history_lies_where_the_wallbox_measured_it(store: Store) -> None:
    store.save_visit(VISIT)
    yesterday = NOON - timedelta(days=1)
    store.record_sample(VISIT.id, a_sample(backlog=True, box_time=yesterday))
    store.record_sample(VISIT.id, a_sample())
    await store.settle()
    assert [reading.at for reading in await store.views.readings(VISIT.id)] == [yesterday, NOON]


async def test_a_decision_that_stands_for_more_ticks_rewrites_its_row(store: Store) -> None:
    store.save_visit(VISIT)
    first, second = store.next_decision_id(), store.next_decision_id()
    store.record_decision(first, a_decision(), VISIT.id)
    store.record_decision(second, a_decision(ticks=1), VISIT.id)
    await store.settle()
    store.record_decision(first, a_decision(ticks=60), VISIT.id)
    await store.settle()
    assert [decision.ticks for decision in await store.views.decisions(VISIT.id)] == [60, 1]


async def test_a_visit_that_is_understood_later_is_found_as_what_it_is_now(store: Store) -> None:
    store.save_visit(VISIT)
    await store.settle()
    known = a_visit(vehicle="van", plugged_in_at=NOON, plugged_out_at=NOON + timedelta(hours=1), energy_wh=5.0)
    store.save_visit(known)
    await store.settle()
    assert (await store.views.visits(VisitFilter(vehicle="van", ended=True))).visits == (known,)
    assert (await store.views.visits(VisitFilter(vehicle="car"))).visits == ()
    assert await store.running_visits() == ()


async def test_a_verdict_replaces_what_was_known_when_the_command_was_sent(store: Store) -> None:
    store.save_visit(VISIT)
    store.record_command(a_command(outcome=Outcome.UNVERIFIED, evidence=None))
    verdict = a_command(outcome=Outcome.ACCEPTED_INEFFECTIVE, final=True)
    store.record_command(verdict)
    await store.settle()
    assert await store.views.commands(VISIT.id) == (verdict,)


async def test_half_a_surrogate_pair_from_a_wallbox_stops_nothing(store: Store) -> None:
    store.save_visit(VISIT)
    odd = a_command(attempts=(Attempt(NOON, "TxProfile", DispatchStatus.REJECTED, text="bad \ud83d"),))
    store.record_command(odd)
    store.record_decision(1, a_decision(reason="bad \ud83d"), VISIT.id)
    await store.begin("garage", 1, "tag\ud83d", NOON, 0.0)
    assert await store.views.commands(VISIT.id) == (odd,)
    assert [decision.reason for decision in await store.views.decisions(VISIT.id)] == ["bad ?"]


async def test_facts_and_identities_and_counters_outlive_a_restart(path: Path, clock: ManualClock) -> None:
    store = await Store.open(path, clock)
    store.save_fact("mode/garage", "min+solar")
    store.save_fact("ladder/acme/one", {"purpose": "TxProfile", "stack": 0})
    growing = {"seen": 1}
    store.save_fact("growing", growing)
    growing["seen"] = 2
    store.save_fact("growing", growing)
    store.save_fact("passing", 1)
    store.save_fact("passing", None)
    identities = store.identities(wallboxes=["garage"], vehicles=["car"], policies=["home"])
    store.save_visit(a_visit(7))
    store.record_command(a_command(42))
    store.record_decision(99, a_decision(), None)
    await store.close()

    store = await Store.open(path, clock)
    assert store.facts() == {
        "mode/garage": "min+solar",
        "ladder/acme/one": {"purpose": "TxProfile", "stack": 0},
        "growing": {"seen": 2},
    }
    assert store.identities(wallboxes=["garage"], vehicles=["car"], policies=["home"]) == identities
    assert len({*identities.wallboxes.values(), *identities.vehicles.values(), identities.org_id}) == 3
    assert (store.next_visit_number(), store.next_command_id(), store.next_decision_id()) == (8, 43, 100)
    assert await store.running_visits() == (a_visit(7),)
    await store.close()


async def test_a_command_id_that_only_a_decision_names_is_not_given_again(path: Path, clock: ManualClock) -> None:
    store = await Store.open(path, clock)
    store.record_decision(1, a_decision(dispatched=True, command_id=42), None)
    await store.close()
    store = await Store.open(path, clock)
    assert store.next_command_id() == 43
    await store.close()


async def test_a_minute_of_the_house(store: Store) -> None:
    minute = SiteMinute(NOON, -120.0, 2960.0, None, 55.0, 780.0, {"garage": 2060.0})
    store.record_minute(minute)
    await store.settle()
    [point] = await store.views.history(NOON, NOON + timedelta(minutes=1), 60)
    for name in ("at", "grid_w", "pv_w", "battery_w", "soc_pct", "house_w", "cars_w"):
        assert getattr(point, name) == getattr(minute, name)
