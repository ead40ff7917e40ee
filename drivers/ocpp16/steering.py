"""Keeping one wallbox at the limit that Control wants, through everything that happens to the box and to the link.

Theory. Control gives a *setpoint*. Saying it may take several frames: a pause goes to 6 A first, so that the box opens
its contactor without load; a way that is refused is followed by the next one (``ladder``). These are attempts within
one command. A newer command pre-empts an older one between two frames; it never waits for more than the one frame that
is under way, because OCPP allows no second.

What the box accepted is *installed*, and it does not stay so by itself. The profile falls back to the failsafe unless
it is renewed at half time; a reboot, a new transaction and an outage may lose it. Each of these marks the installed
limit as stale, and ``keep`` says it again. Between two visits no limit of ours but the failsafe stays on the box:
a box that holds a pause would lock the next driver out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from ocpp.v16.call import ClearChargingProfile

from drivers.ocpp16.boxtime import BoxClock
from drivers.ocpp16.configuration import Configuration
from drivers.ocpp16.dispatching import judged
from drivers.ocpp16.ladder import Setback, climb, foot
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.profiles import (
    PROFILE_IDS,
    Circumstances,
    Setpoint,
    carries_failsafe,
    quantised_a,
    renewal_due,
    set_charging_profile,
)
from drivers.ocpp16.rpc import Reply
from drivers.ocpp16.waiting import happens_within
from drivers.ocpp16.ways import Purpose, Way
from hemsd.clock import Clock
from hemsd.model import ACTIVE_PHASE_A, MIN_PILOT_A, Attempt, Dispatch, DispatchStatus, Outcome, Sample

log = logging.getLogger(__name__)

EASE_OFF_S = 5.0  # a car has about 5 s to follow a new duty cycle (IEC 61851-1 annex A)
RETRY_S = 30.0
LONGEST_RETRY_S = 900.0
SOFT_WRITES = 500  # a day; profiles are persistent by OCPP 1.6 errata 3.37, so each may wear the box's flash
HARD_WRITES = 2000
FLASH_WRITES = 100  # a day where only ChargePointMaxProfile works, which many boxes write to flash at once
WHOLE_A = 1.0
OVERSHOOT_A = 1.0
OVERSHOOT = 0.05
ZERO_ENDS_S = 10.0
ENDED_BY_OTHERS = frozenset(
    {
        "DeAuthorized",
        "EmergencyStop",
        "EVDisconnected",
        "HardReset",
        "Local",
        "PowerLoss",
        "Reboot",
        "Remote",
        "SoftReset",
    }
)


@dataclass(frozen=True, slots=True)
class Failsafe:
    """What every box falls back to when it hears nothing, and after how long."""

    limit_a: float = 6.0
    after_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Installed:
    """What the box accepted last, and how."""

    setpoint: Setpoint
    way: Way
    at_s: float
    falls_back: bool  # the box returns to the failsafe by itself
    while_suspended: bool = False  # accepted while no car drew: some boxes drop it
    after_pause: bool = False  # the first after 0 A: some boxes come back at full current


class Station(Protocol):
    """What steering needs to know of the box, and its only way to talk to it."""

    @property
    def connector(self) -> int: ...

    @property
    def transaction_id(self) -> int | None: ...

    @property
    def linked(self) -> bool: ...

    @property
    def suspended(self) -> bool: ...

    @property
    def configuration(self) -> Configuration: ...

    @property
    def box_clock(self) -> BoxClock: ...

    async def call(self, request: object) -> Reply: ...


class WriteBudget:
    """Counts the profiles that were written on one UTC day."""

    def __init__(self) -> None:
        self.today = 0
        self._day: date | None = None

    def count(self, day: date) -> None:
        self.today = self.today + 1 if day == self._day else 1
        self._day = day

    def left(self, day: date, most: int) -> bool:
        return day != self._day or self.today < most


class Steering:
    """One wallbox's limit."""

    def __init__(
        self,
        name: str,
        station: Station,
        clock: Clock,
        failsafe: Failsafe,
        *,
        wired_phases: int | None,
        memory: Memory | None = None,
        remember: Callable[[Memory], None] = lambda memory: None,
    ) -> None:
        self.name = name
        self.memory = memory or Memory()
        self.ladder = foot(station.configuration.offer, self.memory)
        self.installed: Installed | None = None
        self.wanted: Setpoint | None = None
        self.writes = WriteBudget()
        self._station = station
        self._clock = clock
        self._failsafe = failsafe
        self._wired_phases = wired_phases
        self._remember = remember
        self._turn = asyncio.Lock()
        self._superseded = asyncio.Event()  # the newest command's; set when a newer one comes
        self._stale = asyncio.Event()
        self._retry_s = RETRY_S
        self._silences = 0
        self._marks = 0  # how often the limit was marked stale
        self._repeated = False  # the same words were said twice before another way is tried
        self._cleared = False  # a full store was emptied of ours once
        self._step_a = self.memory.step_a

    # -- commands ---------------------------------------------------------------------------------------------------

    async def command(self, setpoint: Setpoint) -> Dispatch:
        """Says a setpoint; the newest wins."""
        setpoint = self._sayable(setpoint)
        refuses_zero = setpoint.limit_a == 0 and self.memory.zero_ends_tx
        if refuses_zero:
            setpoint = replace(setpoint, limit_a=MIN_PILOT_A)
        self.wanted = setpoint
        self._superseded.set()
        superseded = self._superseded = asyncio.Event()
        async with self._turn:
            if superseded.is_set():
                return Dispatch(DispatchStatus.UNREACHABLE, text="superseded by a newer command before it was sent")
            dispatch = await self._carry_out(setpoint, superseded)
        if refuses_zero and dispatch.status is DispatchStatus.APPLIED:
            return replace(dispatch, status=DispatchStatus.NOT_CAPABLE, text="6 A: 0 A would end the transaction")
        return dispatch

    async def release(self, failsafe_a: float) -> Dispatch:
        """Leaves the box at the failsafe. Never without any profile: that means unlimited (OCPP 1.6 3.13.6)."""
        if self.installed is None:
            return Dispatch(DispatchStatus.APPLIED, text="nothing of ours is installed")
        dispatch = await self.command(self._at_rest(failsafe_a))
        self.wanted = None
        return dispatch

    async def _carry_out(self, setpoint: Setpoint, superseded: asyncio.Event) -> Dispatch:
        attempts: tuple[Attempt, ...] = ()
        if self._eases_off_first(setpoint):
            gentle = await self._say(replace(setpoint, limit_a=MIN_PILOT_A))
            attempts = gentle.attempts
            if gentle.status is DispatchStatus.APPLIED and await happens_within(self._clock, EASE_OFF_S, superseded):
                return replace(gentle, text="superseded by a newer command after 6 A")
            if gentle.status in (DispatchStatus.UNREACHABLE, DispatchStatus.NOT_CAPABLE):
                return gentle
        said = await self._say(setpoint)
        return replace(said, attempts=attempts + said.attempts)

    def _sayable(self, setpoint: Setpoint) -> Setpoint:
        """In the box's own steps, so that what is installed can be compared with what is wanted."""
        step_a = self._step_a
        return Setpoint(
            quantised_a(setpoint.limit_a, step_a), setpoint.phases, quantised_a(setpoint.failsafe_a, step_a)
        )

    def _eases_off_first(self, setpoint: Setpoint) -> bool:
        """Going to 6 A before 0 A spares the contactor; pointless when the box offers no more than 6 A already."""
        if setpoint.limit_a > 0 or self._station.transaction_id is None:
            return False
        return self.installed is None or self.installed.setpoint.limit_a > MIN_PILOT_A

    # -- one setpoint, as many frames as it takes --------------------------------------------------------------------

    async def _say(self, setpoint: Setpoint) -> Dispatch:
        if not self._station.linked:
            return Dispatch(DispatchStatus.UNREACHABLE, text="not connected")
        if self.memory.incapable == frozenset(Purpose):
            return Dispatch(DispatchStatus.NOT_CAPABLE, text="this wallbox has no charging profiles")
        if not self._may_write(setpoint):
            return Dispatch(
                DispatchStatus.NOT_CAPABLE, text=f"{self.writes.today} profiles written today: no more raises"
            )
        attempts: list[Attempt] = []
        while True:
            way = self.ladder.way
            if way.purpose is Purpose.TX and self._station.transaction_id is None:
                text = f"{way} needs an open transaction and there is none"
                return Dispatch(DispatchStatus.UNREACHABLE, tuple(attempts), text)
            attempt = await self._attempt(way, setpoint)
            attempts.append(attempt)
            if attempt.status is DispatchStatus.REJECTED and await self._made_room(way):
                continue
            if attempt.status is not DispatchStatus.REJECTED or self.ladder.way == way or self.ladder.exhausted:
                return Dispatch(attempt.status, tuple(attempts), attempt.text)

    async def _attempt(self, way: Way, setpoint: Setpoint) -> Attempt:
        circumstances = self._circumstances()
        marks = self._marks
        at = self._clock.utc()
        self.writes.count(at.date())
        answer = judged(await self._station.call(set_charging_profile(way, setpoint, circumstances)))
        if answer.status is DispatchStatus.APPLIED:
            await self._note_installed(way, setpoint, carries_failsafe(way, circumstances), marks)
        if answer.incapable:
            beyond = frozenset(Purpose) if answer.unknown_action else frozenset({way.purpose})
            self.learn(replace(self.memory, incapable=self.memory.incapable | beyond))
        self._silences = self._silences + 1 if answer.status is DispatchStatus.TIMEOUT else 0
        if (answer.status is DispatchStatus.REJECTED and not self._might_be_full(way)) or self._silences >= 2:
            self._climb(Setback.REFUSED)
        return Attempt(at, str(way), answer.status, answer.text)

    async def _note_installed(self, way: Way, setpoint: Setpoint, falls_back: bool, marks: int) -> None:
        before = self.installed
        self.installed = Installed(
            setpoint,
            way,
            self._clock.monotonic(),
            falls_back,
            while_suspended=self._station.suspended,
            after_pause=before is not None and before.setpoint.limit_a == 0 < setpoint.limit_a,
        )
        self._retry_s = RETRY_S
        if setpoint == self.wanted and marks == self._marks:  # nothing happened while the box made up its mind
            self._stale.clear()
        if before is not None and before.way.purpose is not way.purpose:  # two of ours would limit each other
            await self._station.call(ClearChargingProfile(id=PROFILE_IDS[before.way.purpose]))

    def _might_be_full(self, way: Way) -> bool:
        """A way that was accepted before and is refused now: a full store may refuse even a replacement."""
        return not self._cleared and self.installed is not None and self.installed.way == way

    async def _made_room(self, way: Way) -> bool:
        """Removes ours from the box, once, so that it can be put there anew. ``Unknown`` is as good as cleared."""
        if not self._might_be_full(way):
            return False
        self._cleared = True
        await self._station.call(ClearChargingProfile(id=PROFILE_IDS[way.purpose]))
        return True

    def _circumstances(self) -> Circumstances:
        return Circumstances(
            now_at=self._clock.utc(),
            connector=self._station.connector,
            transaction_id=self._station.transaction_id,
            failsafe_after_s=self._failsafe.after_s if self._station.configuration.two_periods else None,
            clock_trusted=self._station.box_clock.trusted,
            step_a=self._step_a,
            wired_phases=self._wired_phases or 3,
        )

    def _may_write(self, setpoint: Setpoint) -> bool:
        """Past the hard limit only what lowers the limit is still worth the flash."""
        flash = self.ladder.way.purpose is Purpose.CHARGE_POINT_MAX
        if self.writes.left(self._clock.utc().date(), FLASH_WRITES if flash else HARD_WRITES):
            return True
        return self.installed is None or setpoint.limit_a < self.installed.setpoint.limit_a

    # -- what experience teaches ---------------------------------------------------------------------------------------

    def verdict(self, outcome: Outcome) -> None:
        """Takes the verdict on the newest command. What had no effect is said again, and then in another way."""
        installed = self.installed
        if installed is None:
            return
        match outcome:
            case Outcome.APPLIED:
                self._repeated = False
                zero_proven = self.memory.zero_proven or installed.setpoint.limit_a == 0
                self.learn(replace(self.memory, way=installed.way, step_a=self._step_a, zero_proven=zero_proven))
            case Outcome.ACCEPTED_INEFFECTIVE if installed.way == self.ladder.way:
                self._say_otherwise(installed)
                self.mark_stale()
            case _:
                pass

    def _say_otherwise(self, installed: Installed) -> None:
        """First whole amperes where there was a fraction, then once the same, then the next way."""
        if self._step_a < WHOLE_A and installed.setpoint.limit_a % WHOLE_A > 0:
            self._step_a = WHOLE_A
            if self.wanted is not None:
                self.wanted = self._sayable(self.wanted)
        elif not self._repeated:
            self._repeated = True
        else:
            self._climb(Setback.INEFFECTIVE)

    def _climb(self, why: Setback) -> None:
        in_transaction = self._station.transaction_id is not None
        left = self.ladder.way
        self.ladder = climb(
            self.ladder, why, self._station.configuration.offer, self.memory, in_transaction=in_transaction
        )
        self._silences = 0
        self._repeated = False
        if self.ladder.exhausted:
            log.warning("%s follows none of the ways to say a limit", self.name)
        else:
            log.info("%s: %s was %s, next is %s", self.name, left, why, self.ladder.way)

    def learn(self, memory: Memory) -> None:
        """Keeps what was found out, here and for the next time."""
        if memory != self.memory:
            self.memory = memory
            self._remember(memory)

    # -- what happens to the box --------------------------------------------------------------------------------------

    def identified(self, memory: Memory) -> None:
        """The box said who it is, and what it can do is known: begin where such a box was left."""
        self.memory = memory
        self._step_a = memory.step_a
        self.ladder = foot(self._station.configuration.offer, memory)

    def forget(self) -> None:
        """The box rebooted: what was installed may be gone, and what failed may work now."""
        self.installed = None
        self.ladder = foot(self._station.configuration.offer, self.memory)
        self.mark_stale()

    def mark_stale(self) -> None:
        """Something happened that may have lost the limit; ``keep`` says it again."""
        if self.wanted is not None:
            self._marks += 1
            self._stale.set()

    def reconnected(self, linked_s: float) -> None:
        """The box is set up on a new link; it may have lost the limit meanwhile, unless it was said since."""
        if self.installed is None or self.installed.at_s < linked_s:
            self.mark_stale()

    def resumed(self) -> None:
        """The car draws again; what was accepted while it did not may have been dropped."""
        if self.installed is not None and self.installed.while_suspended:
            self.installed = replace(self.installed, while_suspended=False)
            self.mark_stale()

    def sampled(self, sample: Sample) -> None:
        """The first sample that draws after a pause shows whether the box came back at the limit."""
        installed, drawn_a = self.installed, sample.max_current_a
        if installed is None or not installed.after_pause or drawn_a is None or drawn_a < ACTIVE_PHASE_A:
            return
        self.installed = replace(installed, after_pause=False)
        if drawn_a > installed.setpoint.limit_a + max(OVERSHOOT_A, OVERSHOOT * installed.setpoint.limit_a):
            log.warning("%s resumed at %.1f A instead of %.1f A", self.name, drawn_a, installed.setpoint.limit_a)
            self.mark_stale()

    def transaction_ended(self, reason: str) -> None:
        """A box that answers 0 A by ending the transaction is never given 0 A again."""
        installed = self.installed
        if installed is None or installed.setpoint.limit_a > 0 or reason in ENDED_BY_OTHERS:
            return
        if self._clock.monotonic() - installed.at_s <= ZERO_ENDS_S:
            log.warning("%s ends the transaction at 0 A; from now on a pause is 6 A", self.name)
            self.learn(replace(self.memory, zero_ends_tx=True))

    def rest(self) -> None:
        """The car has left: the box shall hold nothing but the failsafe until Control speaks again."""
        if self.wanted is not None:
            self.wanted = self._at_rest(self.wanted.failsafe_a)
            self.mark_stale()

    def _at_rest(self, failsafe_a: float) -> Setpoint:
        """0 A is left behind only where it is proven not to lock the next driver out."""
        amps = quantised_a(failsafe_a)
        if amps == 0 and (self.memory.zero_ends_tx or not self.memory.zero_proven):
            amps = MIN_PILOT_A
        return Setpoint(amps, None, amps)

    # -- keeping it -------------------------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Says the wanted limit again when it is stale or due, for as long as the link lives."""
        while True:
            await happens_within(self._clock, self._next_look_s(), self._stale)
            if self._stale.is_set() or self._renewal_due():
                await self._renew()

    async def _renew(self) -> None:
        async with self._turn:
            wanted = self.wanted
            if wanted is None:
                self._stale.clear()
                return
            if not self._stale.is_set() and not self._renewal_due():  # a command came first
                return
            dispatch = await self._say(wanted)
        if dispatch.status is DispatchStatus.APPLIED:
            return
        self._stale.clear()
        log.info("%s could not be given its limit again: %s (%s)", self.name, dispatch.status, dispatch.text)
        await self._clock.sleep(self._retry_s)
        self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S)
        if self.wanted == wanted and dispatch.status is not DispatchStatus.NOT_CAPABLE:
            self.mark_stale()

    def _renewal_due(self) -> bool:
        if self.installed is None or not self.installed.falls_back or self._resting():
            return False
        if not self.writes.left(self._clock.utc().date(), SOFT_WRITES):
            return False
        return renewal_due(self.installed.at_s, self._clock.monotonic(), self._failsafe.after_s)

    def _resting(self) -> bool:
        """At the failsafe already: falling back to it changes nothing, so there is nothing to renew."""
        return self.installed is not None and self.installed.setpoint.limit_a == self.installed.setpoint.failsafe_a

    def _next_look_s(self) -> float:
        if self.installed is None:
            return self._failsafe.after_s / 2
        return max(1.0, self.installed.at_s + self._failsafe.after_s / 2 - self._clock.monotonic())
