"""The home's own visits: judged when they are over, seen by every program that may ask, changed by none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.model import (
    Command,
    ConnectorStatus,
    Decision,
    DecisionKind,
    Sample,
    StatusChanged,
    SteeringState,
    Visit,
)
from hemsd.scoring.office import Office
from hemsd.scoring.own import Outlet
from hemsd.scoring.statuses import MOST_A_DAY
from hemsd.store import Store
from tests.analysis.conftest import Program
from tests.analysis.values import HEALTHY, register, session

SIX = datetime(2026, 2, 26, 18, 0, tzinfo=UTC)
VISIT_ID = "7d7a1c0e-9a55-4f0e-8f43-000000000001"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SIX)


async def visited(
    store: Store, watts: list[float], *, number: int = 1, commands: tuple[tuple[float, float], ...] = ((0, 16.0),)
) -> Visit:
    """A visit with a sample each minute, as the daemon records it; commands are (minute, amperes on one phase)."""
    began_at = SIX + timedelta(days=number - 1)
    visit = Visit(VISIT_ID[:-1] + str(number), number, "garage", began_at)
    store.save_visit(visit)
    energy_wh = 1000.0
    for minute, power_w in enumerate(watts):
        at = began_at + timedelta(minutes=minute)
        store.record_sample(visit.id, Sample(0.0, at, power_w=power_w, energy_wh=round(energy_wh)))
        energy_wh += power_w / 60
    for place, (minute, amps) in enumerate(commands):
        at = began_at + timedelta(minutes=minute)
        store.record_command(Command(10 * number + place, "garage", at, 0.0, amps, 1, 230 * amps, visit_id=visit.id))
    over = replace(visit, plugged_out_at=began_at + timedelta(minutes=len(watts)), energy_wh=energy_wh - 1000)
    store.save_visit(over)
    await store.settle()
    return over


@pytest.fixture
async def office(store: Store, clock: ManualClock) -> Office:
    return Office.open(store, clock, outlets={"garage": Outlet(3680.0)})


PIT = [3600.0] * 60 + [0.0] * 40 + [3600.0] * 60


async def test_a_visit_is_judged_when_it_is_over_and_every_program_sees_it(
    store: Store, office: Office, anna: Program, bert: Program
) -> None:
    visit = await visited(store, PIT)
    await office.visits.judge(visit)

    for program in (anna, bert):
        detail = await program.detail(visit.id)
        assert {one["category"] for one in detail["anomalies"]} == {"ENERGY_PIT"}
        assert len(detail["meter_values"]) == 2 * len(PIT)
        [item] = (await program.call("GET", "/v1/sessions", schema="session_list"))["items"]
        assert (item["external_session_id"], item["charging_station_id"]) == (visit.id, "garage")


async def test_a_pause_that_hemsd_commanded_is_no_fault(store: Store, office: Office, anna: Program) -> None:
    visit = await visited(store, PIT, commands=((0, 16.0), (60, 0.0), (100, 16.0)))
    await office.visits.judge(visit)

    assert (await anna.detail(visit.id))["is_anomaly"] is False


async def test_a_day_without_sun_is_no_zero_session(store: Store, office: Office, anna: Program) -> None:
    """The limit was 0 A before the car came, so no command was needed in all the visit."""
    visit = await visited(store, [0.0] * 90, commands=())
    waits = Decision("garage", visit.plugged_in_at, DecisionKind.HOLD, SteeringState.IDLE, "wait", "No sun.", 0.0)
    store.record_decision(1, waits, visit.id)
    await store.settle()
    await office.visits.judge(visit)

    assert (await anna.detail(visit.id))["is_anomaly"] is False


async def test_a_wallbox_that_ignores_a_pause_is_found_out(store: Store, office: Office, anna: Program) -> None:
    visit = await visited(store, [3600.0] * 90, commands=((0, 16.0), (45, 6.0)))
    await office.visits.judge(visit)

    assert {one["category"] for one in (await anna.detail(visit.id))["anomalies"]} == {"ABOVE_CAP"}


async def test_what_the_wallbox_says_of_the_car_counts(
    store: Store, office: Office, anna: Program, clock: ManualClock
) -> None:
    office.visits.notice(StatusChanged("garage", 1, ConnectorStatus.SUSPENDED_EV))
    clock.leap(1)
    office.visits.notice(StatusChanged("garage", 1, ConnectorStatus.CHARGING))
    stopped = await visited(store, [3600.0] * 30 + [0.0] * 60)
    await office.visits.judge(stopped)

    result = await anna.detail(stopped.id)
    assert {one["category"] for one in result["anomalies"]} == {"CHARGING_EXPECTED"}
    assert result["is_incident"] is True


async def test_what_the_wallbox_said_before_a_restart_still_counts(
    store: Store, office: Office, clock: ManualClock, tmp_path: Path
) -> None:
    office.visits.notice(StatusChanged("garage", 1, ConnectorStatus.SUSPENDED_EV))
    clock.leap(1)
    office.visits.notice(StatusChanged("garage", 1, ConnectorStatus.CHARGING))
    stopped = await visited(store, [3600.0] * 30 + [0.0] * 60)
    office.close()
    await store.close()

    again = await Store.open(tmp_path / "hemsd.db", clock)
    after = Office.open(again, clock, outlets={"garage": Outlet(3680.0)})
    record = await after.visits.judge(stopped)
    after.close()
    await again.close()
    assert {one.category for one in record.anomalies} == {"CHARGING_EXPECTED"}


async def test_a_wallbox_that_repeats_itself_or_flaps_without_end_fills_no_card(
    store: Store, office: Office, clock: ManualClock
) -> None:
    for _ in range(5):
        office.visits.notice(StatusChanged("garage", 1, ConnectorStatus.CHARGING))
        clock.leap(1)
    for number in range(2 * MOST_A_DAY):
        status = ConnectorStatus.CHARGING if number % 2 else ConnectorStatus.AVAILABLE
        office.visits.notice(StatusChanged("garage", 1, status))
        clock.leap(1)
    await store.settle()

    kept = await store.views.ask(lambda db: db.execute("SELECT count(*) FROM wallbox_statuses").fetchone()[0])
    assert kept == MOST_A_DAY


async def test_a_wallbox_that_was_too_hot_says_why_the_car_got_less(
    store: Store, office: Office, anna: Program, clock: ManualClock
) -> None:
    for number in (1, 2, 3):
        await office.visits.judge(await visited(store, [3600.0] * 60, number=number))
    clock.leap(timedelta(days=3, minutes=40).total_seconds())
    office.visits.notice(StatusChanged("garage", 1, ConnectorStatus.CHARGING, "HighTemperature"))
    hot = await visited(store, [3600.0] * 30 + [1900.0] * 60 + [3600.0] * 30, number=4)
    await office.visits.judge(hot)

    assert {one["category"] for one in (await anna.detail(hot.id))["anomalies"]} == {"OVER_TEMPERATURE"}


async def test_a_fault_of_the_wallbox_needs_a_person(
    store: Store, office: Office, anna: Program, clock: ManualClock
) -> None:
    office.visits.notice(StatusChanged("garage", 1, ConnectorStatus.FAULTED))
    visit = await visited(store, [3600.0] * 60)
    await office.visits.judge(visit)

    assert (await anna.detail(visit.id))["is_incident"] is True


async def test_nobody_changes_what_hemsd_recorded(store: Store, office: Office, anna: Program) -> None:
    visit = await visited(store, PIT)
    await office.visits.judge(visit)

    await anna.put(visit.id, register(HEALTHY), status=409)
    await anna.patch(visit.id, register(HEALTHY), status=409)
    await anna.post(session(visit.id, values=register(HEALTHY)), status=409)


async def test_the_page_gets_sentences(store: Store, office: Office) -> None:
    visit = await visited(store, PIT)
    await office.visits.judge(visit)

    found = await office.visits.of([visit.id, "another"])
    assert list(found) == [visit.id]
    odd = found[visit.id][0]
    assert "ENERGY_PIT (quarter-hours" in odd.text
    assert "19:00 to 19:39" in odd.text
    assert (f"{odd.begin_at:%H:%M}", f"{odd.end_at:%H:%M}") == ("19:00", "19:39")
    assert "dropped out for 39 minutes" in odd.told["en"]
    assert "39 Minuten lang" in odd.told["de"]


async def test_a_long_night_keeps_its_positions_within_six_hours(store: Store, office: Office, anna: Program) -> None:
    """Plugged in at six, charged at once, unplugged in the morning: the window lies around the charge."""
    visit = await visited(store, PIT + [0.0] * 700)
    await office.visits.judge(visit)

    result = await anna.detail(visit.id)
    pit = next(one for one in result["anomalies"] if one["category"] == "ENERGY_PIT")
    assert pit["bucket_range"] == {"start_unit": 4, "end_unit": 6}
    explained = await anna.call("POST", f"/v1/sessions/{visit.id}/explain", {}, schema="explain")
    assert "ENERGY_PIT (quarter-hours 4–6, 19:00 to 19:39 UTC)" in explained["explanation"]


async def test_visits_that_ended_while_nobody_looked_are_judged_at_the_next_look(
    store: Store, office: Office, anna: Program, clock: ManualClock
) -> None:
    import asyncio

    for number in (1, 2, 3):
        await visited(store, [3600.0] * 60, number=number)
    running = asyncio.create_task(office.visits.run())
    try:
        for _ in range(200):
            page = await anna.call("GET", "/v1/sessions")
            if page["total"] == 3:
                break
            await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert {item["status"] for item in page["items"]} == {"active"}
