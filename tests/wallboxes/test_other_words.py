"""A limit that was accepted without effect is said in another way, within the same command and its verdict."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from drivers.simulated import day
from hemsd.alerts import of_rival
from hemsd.control import ControlSettings
from hemsd.model import (
    Attempt,
    Command,
    DecisionKind,
    Dispatch,
    DispatchStatus,
    Mode,
    Outcome,
    Sample,
    SiteSettings,
    SteeringSettings,
    VerificationSettings,
    WallboxSettings,
    Wish,
)
from hemsd.replay import Stage, play, stage
from hemsd.trials import Trials
from rules.witness import Trust, Witness

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
BEFORE = Sample(95.0, START, currents_a=(15.8, 0.0, 0.0))


def command(number: int = 1) -> Command:
    return Command(number, "garage", START, 100.0, 8.0, None, 1840.0, before_a=16.0)


def said(way: str, status: DispatchStatus = DispatchStatus.APPLIED) -> Dispatch:
    return Dispatch(status, (Attempt(START, way, status),))


@dataclass
class Court:
    """Trials, what they report, and a wallbox that knows so many other ways."""

    ways_left: int = 1
    reported: list[Command] = field(default_factory=list)
    trials: Trials = field(init=False)

    def __post_init__(self) -> None:
        self.trials = Trials(VerificationSettings(), self.reported.append, self._say_otherwise)
        self.trials.open(command(), BEFORE, 10.0, None)

    def _say_otherwise(self, _command: Command) -> bool:
        self.ways_left -= 1
        return self.ways_left >= 0

    def answer(self, dispatch: Dispatch, at_s: float) -> Command:
        newest = self.reported[-1] if self.reported else command()
        return self.trials.answered(newest, dispatch, at_s)

    def see(self, amps: float, *at: float) -> None:
        for at_s in at:
            self.trials.sample("garage", Sample(at_s, START, currents_a=(amps, 0.0, 0.0)))
            self.trials.judge(at_s)

    @property
    def verdicts(self) -> list[tuple[Outcome, bool]]:
        return [(each.outcome, each.final) for each in self.reported]


INEFFECTIVE = Outcome.ACCEPTED_INEFFECTIVE


def test_the_next_way_is_judged_by_a_window_of_its_own_and_its_verdict_is_the_commands() -> None:
    court = Court()
    court.answer(said("absolute"), 100.0)
    court.see(15.8, 110, 120, 130)
    assert court.verdicts == [(INEFFECTIVE, False)]
    again = court.answer(said("relative"), 131.0)
    assert [attempt.way for attempt in again.attempts] == ["absolute", "relative"]
    court.see(7.9, 140)
    assert court.verdicts == [(INEFFECTIVE, False)]
    court.see(7.9, 150)
    assert court.verdicts == [(INEFFECTIVE, False), (Outcome.APPLIED, True)]


def test_when_no_way_is_left_the_verdict_is_final() -> None:
    court = Court(ways_left=1)
    court.answer(said("absolute"), 100.0)
    court.see(15.8, 110, 120, 130)
    court.answer(said("relative"), 131.0)
    court.see(15.8, 140, 150, 160)
    assert court.verdicts == [(INEFFECTIVE, False)]
    court.see(15.8, 161)
    assert court.verdicts == [(INEFFECTIVE, False), (INEFFECTIVE, True)]
    court.see(15.8, 200)
    assert len(court.reported) == 2


def test_between_two_ways_a_sample_of_the_first_proves_nothing_of_the_second() -> None:
    court = Court()
    court.answer(said("absolute"), 100.0)
    court.see(15.8, 110, 120, 130)
    court.see(7.9, 132, 134)  # before the next answer
    court.answer(said("relative"), 140.0)
    court.trials.judge(141.0)
    assert court.verdicts == [(INEFFECTIVE, False)]


def test_a_way_that_is_refused_at_last_leaves_the_command_ineffective_not_rejected() -> None:
    court = Court()
    court.answer(said("absolute"), 100.0)
    court.see(15.8, 110, 120, 130)
    final = court.answer(said("relative", DispatchStatus.REJECTED), 131.0)
    assert (final.outcome, final.final, final.dispatch_status) == (INEFFECTIVE, True, DispatchStatus.APPLIED)
    assert len(final.attempts) == 2


def test_a_silence_after_a_proved_disobedience_leaves_it_at_that() -> None:
    court = Court(ways_left=5)
    court.answer(said("absolute"), 100.0)
    court.see(15.8, 110, 120, 130)
    court.answer(said("relative", DispatchStatus.TIMEOUT), 160.0)
    court.see(15.8, 170, 180, 190)
    assert court.verdicts == [(INEFFECTIVE, False), (INEFFECTIVE, True)]


def test_a_newer_command_ends_the_trial_of_the_other_way_as_what_was_proved() -> None:
    court = Court()
    court.answer(said("absolute"), 100.0)
    court.see(15.8, 110, 120, 130)
    court.trials.open(command(2), BEFORE, 10.0, None)
    assert court.verdicts == [(INEFFECTIVE, False), (INEFFECTIVE, True)]
    late = court.trials.answered(court.reported[0], said("relative", DispatchStatus.UNREACHABLE), 135.0)
    assert (late.outcome, late.final) == (INEFFECTIVE, True)


# --- Control


class Deaf:
    """Replaces the courier of a played wallbox: accepts every command, and acts on none or from the nth on."""

    def __init__(self, at: Stage, *, hears_from: int | None) -> None:
        self.given: list[Command] = []
        box = at.boxes[0]
        obeys, clock = box.give, at.clock

        def give(command: Command, failsafe_a: float) -> None:
            self.given.append(command)
            if hears_from is not None and len(self.given) >= hears_from:
                obeys(command, failsafe_a)
            else:
                box.answered(command, said(f"way {len(self.given)}"), clock.monotonic())

        box.give = give  # type: ignore[method-assign]


def charging(*, hears_from: int | None) -> tuple[Stage, Deaf]:
    """Fast at 16 A, and then somebody wants it to stop."""
    box = WallboxSettings("garage", phases="1", mode=Mode.FAST)
    site = replace(SiteSettings(), main_fuse_a=63.0)
    at = stage(day.load("serf-2022-03-18"), ControlSettings(SteeringSettings(), site, (box,)))
    play(at, 300)
    assert at.boxes[0].station.currents_a[0] > 15
    deaf = Deaf(at, hears_from=hears_from)
    at.control.wish(Wish("garage", mode=Mode.OFF))
    return at, deaf


def test_control_says_it_again_until_it_has_an_effect_and_all_that_is_one_command() -> None:
    at, deaf = charging(hears_from=3)
    at.control.disobeyed = lambda _: True
    play(at, 200)
    assert [each.id for each in deaf.given] == [deaf.given[0].id] * 3
    (stop,) = [each for each in at.journal.commands.values() if each.amps == 0]
    assert (stop.outcome, stop.final) == (Outcome.APPLIED, True)
    assert [attempt.way for attempt in stop.attempts] == ["way 1", "way 2"]  # the third was obeyed
    assert at.boxes[0].station.currents_a[0] == 0


def test_a_wallbox_that_is_given_up_is_left_alone() -> None:
    at, deaf = charging(hears_from=None)
    ways = iter((True, True, False))
    gave_up: list[str] = []

    def disobeyed(command: Command) -> bool:
        if another := next(ways):
            return another
        gave_up.append(command.wallbox)
        return False

    at.control.disobeyed = disobeyed
    at.control.controllable = lambda name: name not in gave_up
    play(at, 900)
    assert len(deaf.given) == 3
    decision = at.control.decisions["garage"]
    assert (decision.kind, decision.rule) == (DecisionKind.HOLD, "not_controllable")
    assert not at.snapshots[-1].wallboxes[0].controllable
    (stop,) = [each for each in at.journal.commands.values() if each.amps == 0]
    assert (stop.outcome, stop.final) == (INEFFECTIVE, True)


def test_wb_62_a_box_that_is_limited_by_itself_three_times_in_a_row_is_named() -> None:
    trials = Trials(VerificationSettings(), lambda _: None)
    trials.witnesses["garage"] = Witness(Trust.TRUSTED)
    named = []
    for number in range(1, 5):
        at_s = 1000.0 * number
        up = replace(command(number), amps=12.0, before_a=10.0, sent_s=at_s)
        trials.open(up, replace(BEFORE, received_s=at_s - 5, currents_a=(9.8, 0.0, 0.0), offered_a=10.0), 10.0, None)
        trials.answered(up, said("absolute"), at_s)
        offered_a = 6.0 if number < 4 else 12.0
        for after_s in (10, 20, 31):
            drawn = (offered_a - 0.2, 0.0, 0.0)
            trials.sample("garage", Sample(at_s + after_s, START, currents_a=drawn, offered_a=offered_a))
        trials.judge(at_s + 31)
        named.append([key for key, _, _ in of_rival("garage", trials.limited_by_box["garage"])])
    assert named == [[], [], ["rival:garage"], []]
