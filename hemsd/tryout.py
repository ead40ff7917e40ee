"""Trying out what a wallbox really does, with a hungry car plugged in and its owner's consent.

It is told its maximum, 10 A, 6 A and 8.5 A; then a limit that is to fall back by itself while hemsd keeps silent; then,
where it may change phases, one phase and three; then a pause and a start. Each of these is a command like any other:
said in the ways of the ladder, and believed only when the currents prove it. So nothing here depends on a maker's name.

``hemsd adopt`` runs it in the daemon's place (``hemsd.adopt``), the page while the daemon runs (``hemsd.adopting``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from drivers.ocpp16.charge_point import ChargePoint
from drivers.ocpp16.settings import OcppWallboxSettings
from hemsd.alerts import VERDICTS
from hemsd.capabilities import Capabilities, Zero
from hemsd.clock import Clock
from hemsd.latest import Latest
from hemsd.model import (
    ACTIVE_PHASE_A,
    MIN_PILOT_A,
    Booted,
    Command,
    DispatchStatus,
    Outcome,
    Sample,
    Sampled,
    VerificationSettings,
    WallboxEvent,
    WallboxImage,
)
from hemsd.said import said
from hemsd.trials import Trials
from rules.drawn import import_tolerance_a
from rules.witness import Witness

CONNECT_S = 300.0  # some wallboxes come back after minutes only
CHARGE_S = 180.0
BASELINE_S = 60.0  # a car rises slowly
STEADY_S = 25.0  # what is read of a current is read so long after it was proved
FALL_BACK_S = 60.0
FALL_BACK_GRACE_S = 30.0
LOOK_S = 1.0
ASK_EVERY_S = 5.0
MIDDLE_A = 10.0
FRACTION_A = 8.5

Say = Callable[[str], None]


@dataclass(slots=True)
class Tryout:
    """One wallbox, through the whole sequence."""

    settings: OcppWallboxSettings
    name: str
    box: ChargePoint
    latest: Latest
    clock: Clock
    say: Say
    trials: Trials = field(init=False)
    samples: list[Sample] = field(default_factory=list)  # since the newest command
    effects_s: list[float] = field(default_factory=list)
    _limit_a: float | None = None
    _phases: int | None = None
    _number: int = 0
    _command: Command | None = None
    _again: bool = False

    def __post_init__(self) -> None:
        self.trials = Trials(VerificationSettings(), self._judged, self._say_otherwise)

    @property
    def witness(self) -> Witness:
        return self.trials.witnesses.get(self.name, Witness())

    async def run(self) -> Capabilities | None:
        if not await self._connects():
            self.say(
                said("tryout.no_car", "{name} did not connect, or no car is plugged in and charging.", name=self.name)
            )
            return None
        await self.box.clear_profiles()
        most_a = await self._baseline()
        if most_a is None:
            self.say(said("tryout.full", "The car takes nothing: this needs one that is hungry."))
            return None
        follows = await self._tell(MIDDLE_A) is Outcome.APPLIED
        least_a = await self._drawn_at(MIN_PILOT_A) if follows else None
        step_a = await self._step() if follows else None
        falls_back = await self._falls_back() if follows else None
        one, three = await self._phase_changes() if follows else (None, None)
        zero, overshoots = await self._pause() if follows else (Zero.UNKNOWN, None)
        memory, identity = self.box.steering.memory, self.box.preparation.identity
        return Capabilities(
            vendor=identity.vendor,
            model=identity.model,
            firmware=identity.firmware,
            way=str(memory.way) if memory.way is not None else None,
            step_a=step_a,
            least_a=least_a,
            most_a=most_a,
            zero=zero,
            falls_back=falls_back,
            overshoots=overshoots,
            one_phase=one,
            three_phases=three,
            offered=self.witness.trust,
            effects_s=tuple(sorted(self.effects_s)),
        )

    # -- the steps ----------------------------------------------------------------------------------------------------

    async def _connects(self) -> bool:
        """Until it is set up and in a transaction."""
        return await self._until(lambda: self.box.transaction_id is not None and self._sample is not None, CONNECT_S)

    async def _baseline(self) -> float | None:
        self.say(said("tryout.charging", "Charging with up to {most_a:g} A ...", most_a=self.settings.max_a))
        await self._tell(self.settings.max_a)
        if not await self._until(lambda: self._drawn_a >= ACTIVE_PHASE_A, CHARGE_S):
            return None
        await self._wait(BASELINE_S)
        return self._shown_a()

    async def _drawn_at(self, limit_a: float) -> float | None:
        if await self._tell(limit_a) is not Outcome.APPLIED:
            return None
        await self._wait(STEADY_S)
        return limit_a if self._drawn_a >= ACTIVE_PHASE_A else None

    async def _step(self) -> float | None:
        """What a fraction becomes. A wallbox that takes it for nonsense is given whole amperes by its driver."""
        if await self._tell(FRACTION_A) is not Outcome.APPLIED:
            return None
        await self._wait(STEADY_S)
        shown_a = self._shown_a()
        if shown_a is None:
            return None
        whole = self.box.steering.memory.step_a >= 1.0 or shown_a <= FRACTION_A - 0.3
        return 1.0 if whole else 0.1

    async def _falls_back(self) -> bool | None:
        """Tells a limit, is silent, and watches both edges: the limit, and a minute later the lower one."""
        await self._tell(MIDDLE_A)
        self.say(
            said("tryout.silence", "Keeping silent for {silent_s:.0f} s ...", silent_s=FALL_BACK_S + FALL_BACK_GRACE_S)
        )
        steering, wired, usual = self.box.steering, self.settings.wired_phases, self.box.steering.failsafe
        steering.renews = False
        steering.apply(replace(usual, after_s=FALL_BACK_S), wired)
        try:
            await self.box.send_limit(MIDDLE_A, self._phases, failsafe_a=MIN_PILOT_A)
            installed = self.box.steering.installed
            if installed is None or not installed.falls_back:
                return False
            await self._wait(FALL_BACK_S - STEADY_S)
            before_a = self._drawn_a
            if before_a <= MIN_PILOT_A + import_tolerance_a(MIN_PILOT_A):
                return None  # the car takes no more than that anyway
            await self._wait(STEADY_S + FALL_BACK_GRACE_S)
            fell = self._drawn_a <= MIN_PILOT_A + import_tolerance_a(MIN_PILOT_A)
        finally:
            steering.renews = True
            steering.apply(usual, wired)
        self.box.steering.speaker.learn(replace(self.box.steering.memory, falls_back=fell))
        return fell

    async def _phase_changes(self) -> tuple[bool | None, bool | None]:
        if self.settings.phases != "auto":
            return None, None
        one = _told(await self._tell(MIN_PILOT_A, 1))
        three = _told(await self._tell(MIN_PILOT_A, 3))
        return one, three

    async def _pause(self) -> tuple[Zero, bool | None]:
        """And the start after it, whose first samples show whether the wallbox comes back at its limit."""
        transaction_id = self.box.transaction_id
        outcome = await self._tell(0.0)
        if not await self._until(lambda: self.box.transaction_id != transaction_id, STEADY_S, expected=False):
            return Zero.ENDS, None
        if outcome in (Outcome.REJECTED, Outcome.NOT_CAPABLE):
            return Zero.REFUSED, None
        if outcome is not Outcome.APPLIED:
            return Zero.IGNORED if outcome is Outcome.ACCEPTED_INEFFECTIVE else Zero.UNKNOWN, None
        self.samples.clear()
        await self._tell(MIN_PILOT_A)
        await self._until(lambda: self._drawn_a >= ACTIVE_PHASE_A, CHARGE_S)
        highest_a = max((sample.max_current_a or 0.0 for sample in self.samples), default=0.0)
        return Zero.PAUSES, highest_a > MIN_PILOT_A + import_tolerance_a(MIN_PILOT_A)

    # -- one command --------------------------------------------------------------------------------------------------

    async def _tell(self, limit_a: float, phases: int | None = None) -> Outcome:
        """Says a limit, in as many ways as it takes, and waits for the verdict."""
        self._number += 1
        now_s = self.clock.monotonic()
        command = Command(
            self._number, self.name, self.clock.utc(), now_s, limit_a, phases, limit_a * 230.0, before_a=self._limit_a
        )
        self.trials.open(command, self._sample, self._image.sample_interval_s, self._phases)
        self._command, self._again, self.samples = command, True, []
        while not self._command.final:
            if self._again:
                self._again = False
                answer = await self.box.send_limit(limit_a, phases, failsafe_a=MIN_PILOT_A)
                self._command = self.trials.answered(self._command, answer, self.clock.monotonic())
                continue
            await self._look()
            self.trials.judge(self.clock.monotonic())
        told = self._command
        if told.dispatch_status is DispatchStatus.APPLIED:
            self._limit_a, self._phases = limit_a, phases or self._phases
        if told.outcome is not Outcome.ACCEPTED_INEFFECTIVE:
            self.box.verdict(told.outcome)
        if told.effect_s is not None:
            self.effects_s.append(told.effect_s)
        verdict = VERDICTS[told.outcome]
        if phases:
            self.say(
                said(
                    "tryout.told_phases",
                    "  {limit_a:g} A on {phases:g} phase(s): {verdict}",
                    limit_a=limit_a,
                    phases=phases,
                    verdict=verdict,
                )
            )
        else:
            self.say(said("tryout.told", "  {limit_a:g} A: {verdict}", limit_a=limit_a, verdict=verdict))
        return told.outcome

    def _judged(self, command: Command) -> None:
        if self._command is not None and command.id == self._command.id:
            self._command = command

    def _say_otherwise(self, command: Command) -> bool:
        self._again = self.box.verdict(command.outcome)
        return self._again

    def notice(self, event: WallboxEvent) -> None:
        """What happens at the wallboxes; of the others it takes no notice."""
        match event:
            case Sampled(wallbox=self.name, sample=sample):
                self.trials.sample(self.name, sample)
                self.samples.append(sample)
            case Booted(wallbox=self.name, restarted=True):
                self.trials.close(self.name, "The wallbox was restarted.")

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def _image(self) -> WallboxImage:
        return next(image for image in self.latest.freeze().wallboxes if image.name == self.name)

    @property
    def _sample(self) -> Sample | None:
        return self._image.sample

    @property
    def _drawn_a(self) -> float:
        sample = self._sample
        return (sample.max_current_a or 0.0) if sample else 0.0

    def _shown_a(self) -> float | None:
        """What it offers, or else what the car draws."""
        sample = self._sample
        if sample is None:
            return None
        return sample.max_current_a if sample.offered_a is None else sample.offered_a

    async def _look(self) -> None:
        """A second; now and then it asks for samples, where the wallbox is slow to tell."""
        await self.clock.sleep(LOOK_S)
        age_s = self._image.sample_age_s
        if self.box.linked and (age_s is None or age_s >= ASK_EVERY_S):
            await self.box.request_sample()

    async def _wait(self, seconds: float) -> None:
        await self._until(lambda: False, seconds)

    async def _until(self, true: Callable[[], bool], most_s: float, *, expected: bool = True) -> bool:
        """Whether it came as expected within the time."""
        end_s = self.clock.monotonic() + most_s
        while not true() and self.clock.monotonic() < end_s:
            await self._look()
        return true() is expected


def _told(outcome: Outcome) -> bool | None:
    match outcome:
        case Outcome.APPLIED:
            return True
        case Outcome.UNVERIFIED:
            return None
        case _:
            return False
