"""``hemsd adopt``: finds out, once and with its owner's consent, what a new wallbox really does.

A car is plugged in and charges. The wallbox is told its maximum, 10 A, 6 A and 8.5 A; then a limit that is to fall back
by itself while hemsd keeps silent; then a pause and a start; and, where it may change phases, one phase and three. Each
of these is a command like any other: said in the ways of the ladder, and believed only when the currents prove it. So
nothing here depends on a maker's name, and what was found out is kept for vendor, model and firmware.

It takes the daemon's place while it runs, and refuses while the daemon is there. The wallbox is left at its failsafe.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from drivers.base import DeviceError
from drivers.ocpp16.charge_point import ChargePoint
from drivers.ocpp16.server import CentralSystem
from drivers.ocpp16.steering import Failsafe
from hemsd.app import only_one
from hemsd.capabilities import Capabilities, Zero
from hemsd.clock import Clock
from hemsd.config import Config, load
from hemsd.latest import Latest
from hemsd.learned import Learned
from hemsd.model import (
    ACTIVE_PHASE_A,
    MIN_PILOT_A,
    Booted,
    Command,
    DispatchStatus,
    Outcome,
    Sample,
    Sampled,
    StrangerRefused,
    VerificationSettings,
    WallboxEvent,
    WallboxImage,
)
from hemsd.simulation import clock_for, simulated_home
from hemsd.store.rows import StoreError
from hemsd.store.store import Store
from hemsd.trials import Trials
from rules.verify import Witness, import_tolerance_a

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
RELEASE_S = 8.0
CAPABILITIES_FACT = "capabilities."

DONE, NOT_DONE = 0, 1

Say = Callable[[str], None]

_CAPABILITIES = TypeAdapter(Capabilities)


def main(config_path: Path, wallbox: str, *, yes: bool = False, say: Say = print) -> int:
    """Status 0 when the wallbox can be steered, 1 when it can't or nothing could be told. Raises ConfigError."""
    config = load(config_path)
    if wallbox not in config.wallboxes:
        say(f"There is no wallbox {wallbox} in {config_path}.")
        return NOT_DONE
    if not yes and not _consents(config, wallbox):
        say("Nothing was done.")
        return NOT_DONE
    try:
        with only_one(config.storage.path):
            return asyncio.run(_run(config, wallbox, say))
    except StoreError as error:
        say(f"{error}: stop it first (sudo systemctl stop hemsd).")
        return NOT_DONE


def _consents(config: Config, wallbox: str) -> bool:
    if not sys.stdin.isatty():
        return False
    print(
        f"For about eight minutes the car at {wallbox} charges with up to {config.wallboxes[wallbox].max_a:g} A per"
        " phase, pauses once, and may change its phases. Charging profiles that others left on the wallbox are removed."
    )
    return input("Go ahead? [y/N] ").strip().lower() in ("y", "yes")


async def _run(config: Config, wallbox: str, say: Say) -> int:
    return await adopt(config, await clock_for(config), wallbox, say)


async def adopt(config: Config, clock: Clock, name: str, say: Say) -> int:
    """Sets everything up, tries, writes down what was found, and takes it down again."""
    store = await Store.open(config.storage.path, clock)
    learned = Learned(store)
    latest = Latest(clock, {}, tuple(config.wallboxes))
    probe: list[Probe] = []

    def notice(event: WallboxEvent) -> None:
        latest.apply(event)
        match event:
            case StrangerRefused(identity=identity, remote=remote, why=why):
                say(f"{identity!r} from {remote} was turned away: {why}.")
            case Sampled(wallbox=wallbox, sample=sample) if wallbox == name and probe:
                probe[0].sampled(sample)
            case Booted(wallbox=wallbox, restarted=True) if wallbox == name and probe:
                probe[0].trials.close(name, "The wallbox was restarted.")

    central = CentralSystem(
        config.ocpp,
        config.wallboxes,
        Failsafe(config.steering.failsafe_a, FALL_BACK_S),
        store,
        clock,
        notice,
        memories=learned.ladders(),
        remember=learned.ladder,
    )
    try:
        async with _served(config, clock, central):
            say(f"Waiting for {name} at ws://{config.ocpp.host}:{central.port}/{config.wallboxes[name].charge_point}")
            probe.append(Probe(config, name, central.wallboxes[name], latest, clock, say))
            found = await probe[0].run()
            if found is None:
                return NOT_DONE
            learned.witness(found.kind, probe[0].witness)
            store.save_fact(CAPABILITIES_FACT + found.kind, _CAPABILITIES.dump_python(found, mode="json"))
            for word, value in found.lines():
                say(f"{word + ':':34}{value}")
            return DONE if found.controllable else NOT_DONE
    except DeviceError as error:
        say(str(error))
        return NOT_DONE
    finally:
        await store.close()


@asynccontextmanager
async def _served(config: Config, clock: Clock, central: CentralSystem) -> AsyncIterator[None]:
    """The central system listens, and the simulated home is there if the file names one."""
    tasks = [asyncio.create_task(central.run())]
    try:
        ready = asyncio.create_task(central.listening())
        await asyncio.wait({tasks[0], ready}, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            ready.cancel()
            tasks[0].result()
        home = simulated_home(config.simulate, config, clock)
        if home is not None:
            await home.start()
            home.connect_wallboxes(f"ws://127.0.0.1:{central.port}")
            tasks.append(asyncio.create_task(home.run()))
        yield
        async with asyncio.timeout(RELEASE_S):
            await central.close(config.steering.failsafe_a)
    except TimeoutError:
        pass  # it is left with the last profile, which falls back if it can
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(slots=True)
class Probe:
    """One wallbox, through the whole sequence."""

    config: Config
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
            self.say(f"{self.name} did not connect, or no car is plugged in and charging.")
            return None
        await self.box.clear_profiles()
        most_a = await self._baseline()
        if most_a is None:
            self.say("The car takes nothing: this needs one that is hungry.")
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
        settings = self.config.wallboxes[self.name]
        self.say(f"Charging with up to {settings.max_a:g} A ...")
        await self._tell(settings.max_a)
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
        self.say(f"Keeping silent for {FALL_BACK_S + FALL_BACK_GRACE_S:.0f} s ...")
        self.box.steering.renews = False
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
            self.box.steering.renews = True
        self.box.steering.speaker.learn(replace(self.box.steering.memory, falls_back=fell))
        return fell

    async def _phase_changes(self) -> tuple[bool | None, bool | None]:
        if self.config.wallboxes[self.name].phases != "auto":
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
        self.say(f"  {limit_a:g} A{f' on {phases} phase(s)' if phases else ''}: {told.outcome.replace('_', ' ')}")
        return told.outcome

    def _judged(self, command: Command) -> None:
        if self._command is not None and command.id == self._command.id:
            self._command = command

    def _say_otherwise(self, command: Command) -> bool:
        self._again = self.box.verdict(command.outcome)
        return self._again

    def sampled(self, sample: Sample) -> None:
        self.trials.sample(self.name, sample)
        self.samples.append(sample)

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
