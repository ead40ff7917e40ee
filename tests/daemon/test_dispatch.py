"""Couriers, open trials and the newest of everything."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from hemsd.alerts import Alerts, of_meters, of_stranger, of_wallbox
from hemsd.clock import ManualClock
from hemsd.dispatch import Dispatcher
from hemsd.latest import Latest
from hemsd.model import (
    Command,
    ConnectorStatus,
    Dispatch,
    DispatchStatus,
    LinkDown,
    LinkUp,
    Metered,
    MeterReading,
    Outcome,
    Role,
    Sample,
    Sampled,
    Snapshot,
    StatusChanged,
    SteeringSettings,
    StrangerRefused,
    TransactionEnded,
    TransactionStarted,
    VerificationSettings,
    WallboxImage,
)
from hemsd.trials import Trials

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)


def command(number: int, amps: float = 10.0) -> Command:
    return Command(number, "garage", START, 100.0, amps, None, amps * 230, before_a=6.0)


class SlowWallbox:
    """Answers only when it is let go."""

    name = "garage"

    def __init__(self) -> None:
        self.heard: list[float] = []
        self.asked_for_samples = 0
        self.go = asyncio.Event()

    async def send_limit(
        self, limit_a: float, phases: int | None, *, failsafe_a: float, at_once: bool = False
    ) -> Dispatch:
        self.heard.append(limit_a)
        await self.go.wait()
        return Dispatch(DispatchStatus.APPLIED)

    async def start_transaction(self) -> Dispatch:
        raise NotImplementedError

    async def stop_transaction(self) -> Dispatch:
        raise NotImplementedError

    async def request_sample(self) -> Dispatch:
        self.asked_for_samples += 1
        return Dispatch(DispatchStatus.APPLIED)


async def test_of_the_commands_that_wait_only_the_newest_goes_out() -> None:
    box = SlowWallbox()
    courier = Dispatcher(box, ManualClock())
    answers: list[tuple[int, DispatchStatus]] = []
    courier.answered = lambda command, dispatch, _: answers.append((command.id, dispatch.status))
    running = asyncio.create_task(courier.run())
    courier.give(command(1, 8), 6)
    await settle()
    courier.give(command(2, 9), 6)
    courier.give(command(3, 10), 6)
    assert answers == [(2, DispatchStatus.TIMEOUT)]
    box.go.set()
    await settle()
    assert box.heard == [8, 10]
    assert answers == [(2, DispatchStatus.TIMEOUT), (1, DispatchStatus.APPLIED), (3, DispatchStatus.APPLIED)]
    running.cancel()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_after_a_command_the_wallbox_is_asked_for_its_proof() -> None:
    box, clock = SlowWallbox(), ManualClock()
    box.go.set()
    courier = Dispatcher(box, clock)
    running = asyncio.create_task(courier.run())
    courier.give(command(1), 6)
    await settle()
    assert box.asked_for_samples == 0
    for asked in (1, 2):
        clock.leap(6)
        await settle()
        assert box.asked_for_samples == asked
    clock.leap(60)
    await settle()
    assert box.asked_for_samples == 2
    running.cancel()


async def test_a_wallbox_that_is_slow_to_answer_is_not_asked_as_well() -> None:
    box, clock = SlowWallbox(), ManualClock()
    courier = Dispatcher(box, clock)
    running = asyncio.create_task(courier.run())
    courier.give(command(1), 6)
    await settle()
    clock.leap(25)
    box.go.set()
    await settle()
    clock.leap(6)
    await settle()
    assert box.asked_for_samples == 0
    running.cancel()


async def test_a_command_takes_the_place_of_a_rest_that_waits() -> None:
    box = SlowWallbox()
    box.go.set()
    courier = Dispatcher(box, ManualClock())
    rested: list[DispatchStatus] = []
    courier.rested = lambda _, dispatch, __: rested.append(dispatch.status)
    courier.rest(0.0, None, 6)
    running = asyncio.create_task(courier.run())
    await settle()
    assert (box.heard, rested) == ([0.0], [DispatchStatus.APPLIED])
    courier.rest(0.0, None, 6)
    courier.give(command(1, 8), 6)
    await settle()
    assert box.heard == [0.0, 8]
    running.cancel()


def test_a_newer_command_ends_the_wait_for_the_older_ones_verdict() -> None:
    judged: list[Command] = []
    trials = Trials(VerificationSettings(), judged.append)
    trials.open(command(1), None, 10.0, None)
    trials.answered(command(1), Dispatch(DispatchStatus.APPLIED), 101.0)
    trials.open(command(2), None, 10.0, None)
    assert [(each.id, each.outcome, each.final) for each in judged] == [(1, Outcome.UNVERIFIED, True)]


def test_a_verdict_is_reported_once_when_it_changes() -> None:
    judged: list[Command] = []
    trials = Trials(VerificationSettings(), judged.append)
    before = Sample(99.0, START, currents_a=(15.8, 0.0, 0.0))
    trials.open(replace(command(1, 8.0), before_a=16.0), before, 10.0, None)
    trials.answered(command(1, 8.0), Dispatch(DispatchStatus.APPLIED), 101.0)
    for at_s in (105.0, 115.0, 125.0):
        trials.sample("garage", Sample(at_s, START, currents_a=(7.9, 0.0, 0.0)))
        trials.judge(at_s)
    assert [(each.outcome, each.final) for each in judged] == [(Outcome.APPLIED, True)]


# --- Latest


def latest(clock: ManualClock, **roles: Role) -> Latest:
    return Latest(clock, roles or {"grid": Role.GRID}, ("garage",))


def test_several_inverters_add_up_and_are_as_old_as_the_oldest() -> None:
    clock = ManualClock()
    seen = latest(clock, pv_east=Role.PV, pv_west=Role.PV)
    seen.put("pv_east", MeterReading(power_w=1000))
    assert seen.freeze().pv is None  # half a roof is not known to be the roof
    clock.leap(5)
    seen.put("pv_west", MeterReading(power_w=500))
    pv = seen.freeze().pv
    assert pv is not None
    assert (pv.power_w, pv.age_s) == (1500, 5.0)


def test_history_never_overwrites_the_present() -> None:
    clock = ManualClock()
    seen = latest(clock)
    seen.apply(LinkUp("garage", "here"))
    seen.apply(Sampled("garage", Sample(clock.monotonic(), START, power_w=2000.0)))
    seen.apply(Sampled("garage", Sample(clock.monotonic(), START, power_w=22_000.0, backlog=True)))
    assert seen.freeze().wallboxes[0].power_w == 2000.0


def test_a_lost_link_makes_the_power_unknown_but_not_the_car_gone() -> None:
    clock = ManualClock()
    seen = latest(clock)
    seen.apply(LinkUp("garage", "here"))
    seen.apply(StatusChanged("garage", 1, ConnectorStatus.CHARGING))
    seen.apply(TransactionStarted("garage", 17, 1, "tag", START, 0.0))
    seen.apply(Sampled("garage", Sample(clock.monotonic(), START, power_w=2000.0)))
    seen.apply(LinkDown("garage", "cable out"))
    image = seen.freeze().wallboxes[0]
    assert (image.connected, image.power_w, image.plugged, image.transaction_id) == (False, None, True, 17)


def test_the_end_of_another_transaction_does_not_end_this_one() -> None:
    seen = latest(ManualClock())
    seen.apply(TransactionStarted("garage", 17, 1, "tag", START, 0.0))
    seen.apply(TransactionEnded("garage", 9, START, None, "Local"))
    assert seen.freeze().wallboxes[0].transaction_id == 17


def test_the_sampling_interval_is_the_one_that_the_wallbox_keeps() -> None:
    clock = ManualClock()
    seen = latest(clock)
    for _ in range(3):
        clock.leap(60)
        seen.apply(Sampled("garage", Sample(clock.monotonic(), START, power_w=0.0)))
    assert seen.freeze().wallboxes[0].sample_interval_s == 60.0


# --- alerts


def test_an_alert_is_raised_once_and_cleared_once() -> None:
    alerts = Alerts()
    silent = ("grid", "The grid meter has been silent for 75 s.", "Check it.")
    alerts.update([silent], START)
    alerts.update([silent], START.replace(minute=5))
    assert [(alert.key, alert.since_at) for alert in alerts.standing] == [("grid", START)]
    alerts.update([], START.replace(minute=6))
    assert alerts.standing == ()


def test_a_silent_grid_meter_is_an_alert_after_a_minute_not_before() -> None:
    def keys(age_s: float, up_s: float = 1000.0) -> list[str]:
        snapshot = Snapshot(START, 0.0, grid=Metered(MeterReading(power_w=1.0), age_s))
        return [key for key, _, _ in of_meters(snapshot, SteeringSettings(), {}, up_s)]

    assert keys(60.0) == []
    assert keys(60.1) == ["grid"]
    nothing_yet = Snapshot(START, 0.0)
    assert list(of_meters(nothing_yet, SteeringSettings(), {}, 30.0)) == []
    assert len(list(of_meters(nothing_yet, SteeringSettings(), {}, 61.0))) == 1


def test_a_wallbox_is_named_when_it_disobeys_twice_in_a_row() -> None:
    image = WallboxImage("garage", connected=True)
    ignored = Outcome.ACCEPTED_INEFFECTIVE
    assert list(of_wallbox(image, (ignored, Outcome.APPLIED))) == []
    assert [key for key, _, _ in of_wallbox(image, (Outcome.APPLIED, ignored, ignored))] == ["obedience:garage"]
    assert [key for key, _, _ in of_wallbox(WallboxImage("garage", link_age_s=61), ())] == ["link:garage"]


def test_a_stranger_is_named_with_what_to_do() -> None:
    key, text, remedy = of_stranger(StrangerRefused("WB-9", "192.168.1.77", "unknown charge point"))
    assert key == "stranger:WB-9"
    assert "192.168.1.77" in text
    assert "charge_point: WB-9" in remedy
