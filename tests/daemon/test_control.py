"""One tick after another, on the played home: what Control sends, records and believes."""

import asyncio
from dataclasses import replace

import pytest

from drivers.simulated import day
from hemsd.control import ControlSettings
from hemsd.model import (
    Command,
    DecisionKind,
    Dispatch,
    DispatchStatus,
    MeterReading,
    Mode,
    Outcome,
    SiteSettings,
    SteeringSettings,
    SteeringState,
    TransactionEnded,
    WallboxSettings,
    Wish,
)
from hemsd.replay import Stage, play, stage

DAY = day.load("serf-2022-03-18")
SUN_S = 3000.0  # shortly before the sun is enough


def scene(box: WallboxSettings = WallboxSettings("garage", phases="1"), start_s: float = SUN_S) -> Stage:  # noqa: B008
    return stage(DAY, ControlSettings(SteeringSettings(), SiteSettings(), (box,)), start_s=start_s)


def commands(at: Stage) -> list[Command]:
    return list(at.journal.commands.values())


def test_a_car_waits_at_nothing_until_the_sun_is_enough_and_then_starts() -> None:
    at = scene()
    play(at, 60)
    assert at.control.orders["garage"].limit_a == 0.0
    assert commands(at) == []  # keeping a wallbox at rest is no command
    play(at, 900)
    kinds = [decision.kind for decision in at.journal.decisions.values() if decision.dispatched]
    assert kinds[0] is DecisionKind.START
    assert at.boxes[0].station.power_w > 1000


def test_every_command_is_named_by_one_decision_and_gets_a_verdict() -> None:
    at = scene()
    play(at, 3600)
    named = [decision.command_id for decision in at.journal.decisions.values() if decision.dispatched]
    assert sorted(named) == sorted(at.journal.commands)  # type: ignore[type-var]
    first = commands(at)[0]
    assert (first.outcome, first.final) == (Outcome.APPLIED, True)
    assert first.evidence is not None
    assert first.evidence.samples


@pytest.mark.slow
def test_what_was_given_away_and_bought_ends_up_in_the_visit() -> None:
    at = scene()
    play(at, 3600)
    (visit,) = at.journal.visits.values()
    assert visit.energy_wh > 500
    assert visit.solar_wh > 0.9 * visit.energy_wh
    assert abs(visit.energy_wh - at.boxes[0].station.energy_wh) < 20
    assert abs(sum(q.energy_wh for q in at.journal.quarters.values()) - visit.energy_wh) < 1e-6


def test_a_refusal_gives_the_old_limit_back_to_the_rules() -> None:
    at = scene()
    at.boxes[0].give = lambda command, _: at.boxes[0].answered(  # type: ignore[method-assign]
        command, Dispatch(DispatchStatus.REJECTED, text="no"), at.clock.monotonic()
    )
    play(at, 900)
    refused = commands(at)
    assert refused
    assert all(command.outcome is Outcome.REJECTED for command in refused)
    assert at.control.orders["garage"].limit_a == 0.0
    assert len(refused) < 10  # asked again, but with growing pauses


def test_a_silent_grid_meter_first_skips_then_goes_down_then_pauses() -> None:
    at = scene(start_s=20_000.0)
    play(at, 600)
    assert at.boxes[0].station.offered_a > 6
    quiet = at.latest.put
    at.latest.put = lambda name, reading: None if name == "grid" else quiet(name, reading)  # type: ignore[method-assign]
    play(at, 35)
    assert at.control.decisions["garage"].kind is DecisionKind.SKIP
    assert at.boxes[0].station.limit_a > 6
    play(at, 40)
    assert at.boxes[0].station.limit_a == 6
    play(at, 130)
    assert at.boxes[0].station.limit_a == 0
    assert at.control.memory.boxes["garage"].state is SteeringState.COOLDOWN


def test_a_wish_for_fast_is_granted_at_the_next_tick_and_off_ends_the_charge() -> None:
    at = scene(start_s=0.0)  # before sunrise
    play(at, 60)
    at.control.wish(Wish("garage", mode=Mode.FAST))
    play(at, 30)
    assert at.boxes[0].station.limit_a == 16
    at.control.wish(Wish("garage", mode=Mode.OFF))
    play(at, 30)
    assert at.boxes[0].station.limit_a == 0


def test_the_end_of_a_transaction_forgets_what_was_ordered() -> None:
    at = scene(start_s=20_000.0)
    play(at, 300)
    assert at.control.orders["garage"].limit_a
    at.control.notice(TransactionEnded("garage", 1, at.clock.utc(), None, "EVDisconnected"))
    assert at.control.orders["garage"].limit_a is None


def test_new_settings_are_in_force_at_the_next_tick_and_the_charge_goes_on() -> None:
    at = scene(start_s=20_000.0)
    play(at, 600)
    before = at.control.settings
    at.control.apply(replace(before, boxes=(replace(before.boxes[0], max_a=8.0),)))
    play(at, 30)
    assert at.boxes[0].station.limit_a <= 8
    assert at.boxes[0].station.power_w > 1000
    assert at.control.visits.visit_id("garage") is not None


def test_decision_rows_count_the_ticks_that_they_stand_for() -> None:
    at = scene()
    play(at, 1800)
    ticks = sum(decision.ticks for decision in at.journal.decisions.values())
    assert ticks == len(at.snapshots)
    assert len(at.journal.decisions) < ticks / 4


def test_a_minute_mean_knows_the_house_without_the_car() -> None:
    at = scene(start_s=20_000.0)
    play(at, 1200)
    minute = at.journal.minutes[-1]
    assert minute.house_w is not None
    assert abs(minute.house_w - DAY.house_at(20_000 + 1140)) < 300
    assert minute.cars_w["garage"] > 1000


def test_a_meter_that_withholds_its_power_does_not_look_fresh() -> None:
    at = scene()
    play(at, 10)
    at.clock.leap(20)
    at.latest.put("grid", MeterReading(power_w=None, doubts=("36 MW is no house",)))
    metered = at.latest.meter("grid")
    assert metered is not None
    assert metered.age_s >= 20
    assert metered.reading.doubts == ("36 MW is no house",)


@pytest.mark.slow
def test_a_raise_waits_until_the_last_command_is_proved_and_a_reduction_does_not() -> None:
    at = scene()
    play(at, 4500)
    pairs = list(zip(commands(at), commands(at)[1:], strict=False))
    superseded = [now for before, now in pairs if before.evidence and before.evidence.rule == "superseded"]
    assert len(pairs) > 10
    assert all(command.amps < (command.before_a or 0) for command in superseded)


async def test_more_than_the_fuse_bears_is_not_left_to_the_next_tick() -> None:
    at = scene()
    control, over = at.control, MeterReading(8e3, currents_a=(36.0, 0.0, 0.0))
    control.latest.heard = lambda *_: None
    ticks: list[float] = []
    control.ticked = lambda snapshot: ticks.append(snapshot.now_s - began_s)
    began_s = at.clock.monotonic()
    running = asyncio.create_task(control.run())

    async def after(leap_s: float, reading: MeterReading) -> list[float]:
        at.clock.leap(leap_s)
        at.latest.put("grid", reading)
        control.metered()
        for _ in range(10):
            await asyncio.sleep(0)
        return ticks

    assert await after(0.0, MeterReading(0.0)) == [0.0]
    assert await after(1.0, over) == [0.0, 1.0]
    assert await after(1.0, over) == [0.0, 1.0]  # that has been judged, and an answer takes its time
    assert await after(1.0, MeterReading(0.0)) == [0.0, 1.0]
    assert await after(1.0, over) == [0.0, 1.0, 4.0]
    assert await after(1.0, over) == [0.0, 1.0, 4.0, 5.0]  # the regular one comes when it would have come
    running.cancel()
