"""Keeping one wallbox at the limit that Control wants, through everything that happens to the box and to the link.

Control gives a *setpoint*. Carrying it out may take several frames: a pause goes to 6 A first, so that the box opens
its contactor without load, and a way that is refused is followed by the next one (``saying``). These are attempts
within one command. A newer command pre-empts an older one between 6 A and 0 A. A cut that a fuse asks for goes to 0 A
at once: a contactor is cheaper than a fuse.

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

from drivers.ocpp16.memory import Memory
from drivers.ocpp16.profiles import Setpoint, quantised_a, renewal_due
from drivers.ocpp16.saying import Installed, Speaker, Station
from hemsd.clock import Clock, happens_within
from hemsd.model import ACTIVE_PHASE_A, MIN_PILOT_A, Attempt, Dispatch, DispatchStatus, Outcome, Sample

log = logging.getLogger(__name__)

EASE_OFF_S = 5.0  # a car has about 5 s to follow a new duty cycle (IEC 61851-1 annex A)
RETRY_S = 30.0
LONGEST_RETRY_S = 900.0
SOFT_WRITES = 500  # a day; past them a limit is no longer renewed, and the box falls back to the failsafe
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
        remember: Callable[[Memory], None] = lambda memory: None,
    ) -> None:
        self.name = name
        self.wanted: Setpoint | None = None
        self.renews = True  # False: it is to be seen whether the box falls back by itself
        self.speaker = Speaker(
            name,
            station,
            clock,
            failsafe_after_s=failsafe.after_s,
            wired_phases=wired_phases,
            remember=remember,
        )
        self._station = station
        self._clock = clock
        self.failsafe = failsafe
        self._turn = asyncio.Lock()
        self._superseded = asyncio.Event()  # the newest command's; set when a newer one comes
        self._stale = asyncio.Event()
        self._released = False
        self._marks = 0  # how often the limit was marked stale
        self._retry_s = RETRY_S

    def apply(self, failsafe: Failsafe, wired_phases: int | None) -> None:
        """Changed settings; a limit that stands with another time to fall back in is said again."""
        before, self.failsafe = self.failsafe, failsafe
        self.speaker.failsafe_after_s, self.speaker.wired_phases = failsafe.after_s, wired_phases
        if before.after_s != failsafe.after_s:
            self.mark_stale()

    @property
    def installed(self) -> Installed | None:
        return self.speaker.installed

    @property
    def memory(self) -> Memory:
        return self.speaker.memory

    # -- commands ---------------------------------------------------------------------------------------------------

    async def command(self, setpoint: Setpoint, *, at_once: bool = False) -> Dispatch:
        """Says a setpoint; the newest wins."""
        if self._released:
            return Dispatch(DispatchStatus.UNREACHABLE, text="hemsd is stopping; the wallbox stays at its failsafe")
        return await self._command(setpoint, at_once=at_once)

    async def _command(self, setpoint: Setpoint, *, at_once: bool = False) -> Dispatch:
        setpoint = self.speaker.sayable(setpoint)
        refuses_zero = setpoint.limit_a == 0 and self.memory.zero_ends_tx
        if refuses_zero:
            setpoint = replace(setpoint, limit_a=MIN_PILOT_A)
        self.wanted = setpoint
        self._superseded.set()
        superseded = self._superseded = asyncio.Event()
        async with self._turn:
            if superseded.is_set():
                return Dispatch(DispatchStatus.UNREACHABLE, text="superseded by a newer command before it was sent")
            carry_out = self._cut if at_once else self._carry_out
            dispatch = await carry_out(setpoint, superseded)
        if self.speaker.gave_up:
            self._give_up()
        if refuses_zero and dispatch.status is DispatchStatus.APPLIED:
            return replace(dispatch, status=DispatchStatus.NOT_CAPABLE, text="6 A: 0 A would end the transaction")
        return dispatch

    async def release(self, failsafe_a: float) -> Dispatch:
        """Leaves the box at the failsafe, for good. Never without a profile: that means no limit (OCPP 1.6 3.13.6)."""
        self._released = True
        if self.installed is None and self.wanted is None:
            return Dispatch(DispatchStatus.APPLIED, text="nothing of ours is installed")
        dispatch = await self._command(self._at_rest(failsafe_a))
        self.wanted = None
        return dispatch

    async def _carry_out(self, setpoint: Setpoint, superseded: asyncio.Event) -> Dispatch:
        attempts: tuple[Attempt, ...] = ()
        if self._eases_off_first(setpoint):
            gentle = await self._say(replace(setpoint, limit_a=MIN_PILOT_A), superseded)
            attempts = gentle.attempts
            if gentle.status is DispatchStatus.APPLIED and await happens_within(self._clock, EASE_OFF_S, superseded):
                return replace(gentle, text="superseded by a newer command after 6 A")
            if gentle.status in (DispatchStatus.UNREACHABLE, DispatchStatus.NOT_CAPABLE):
                return gentle
        said = await self._say(setpoint, superseded)
        self._keep_what_stands(setpoint, said)
        return replace(said, attempts=attempts + said.attempts)

    async def _cut(self, setpoint: Setpoint, superseded: asyncio.Event) -> Dispatch:
        """Straight to the setpoint; a box that refuses a pause is left at 6 A at least."""
        said = await self._say(setpoint, superseded)
        if said.status is DispatchStatus.REJECTED and self._eases_off_first(setpoint):
            least = await self._say(replace(setpoint, limit_a=MIN_PILOT_A), superseded)
            said = replace(said, attempts=said.attempts + least.attempts)
        self._keep_what_stands(setpoint, said)
        return said

    def _keep_what_stands(self, setpoint: Setpoint, said: Dispatch) -> None:
        """And not what the box refuses."""
        if said.status is DispatchStatus.REJECTED and self.installed is not None and setpoint == self.wanted:
            self.wanted = self.installed.setpoint

    def _eases_off_first(self, setpoint: Setpoint) -> bool:
        """Going to 6 A before 0 A spares the contactor; pointless when the box offers no more than 6 A already."""
        if setpoint.limit_a > 0 or self._station.transaction_id is None:
            return False
        return self.installed is None or self.installed.setpoint.limit_a > MIN_PILOT_A

    async def _say(self, setpoint: Setpoint, superseded: asyncio.Event) -> Dispatch:
        marks = self._marks
        dispatch = await self.speaker.say(setpoint, superseded.is_set)
        if dispatch.status is DispatchStatus.APPLIED:
            self._retry_s = RETRY_S
            if setpoint == self.wanted and marks == self._marks:  # nothing happened while the box made up its mind
                self._stale.clear()
        return dispatch

    def verdict(self, outcome: Outcome) -> bool:
        """Takes the verdict on the newest command; True: it had no effect, and saying it again may have one.

        Whoever judges says it again, because only a command is judged. A box on which nothing had an effect is left at
        the failsafe; if it hears anything at all, it is that.
        """
        again = self.speaker.verdict(outcome)
        if self.speaker.gave_up:
            self._give_up()
        return again and not self._released

    def _give_up(self) -> None:
        if self.wanted is not None and self.wanted != self._at_rest(self.wanted.failsafe_a):
            log.warning("%s can't be steered: nothing that it was told had an effect", self.name)
            self.wanted = self._at_rest(self.wanted.failsafe_a)
            self.mark_stale()

    # -- what happens to the box --------------------------------------------------------------------------------------

    def forget(self) -> None:
        """The box rebooted: what was installed may be gone, and what failed may work now."""
        self.speaker.installed = None
        self.speaker.start_over()
        self.mark_stale()

    def mark_stale(self) -> None:
        """Something happened that may have lost the limit; ``keep`` says it again."""
        if self.wanted is not None:
            self._marks += 1
            self._stale.set()

    def reconnected(self, linked_s: float) -> None:
        """The box is set up on a new link; it may have lost the limit meanwhile, unless it was said since."""
        if self.installed is None or self.installed.at_s <= linked_s:
            self.mark_stale()

    def resumed(self) -> None:
        """The car draws again; what was accepted while it did not may have been dropped."""
        if self.installed is not None and self.installed.while_suspended:
            self.speaker.installed = replace(self.installed, while_suspended=False)
            self.mark_stale()

    def sampled(self, sample: Sample) -> None:
        """The first sample that draws after a pause shows whether the box came back at the limit."""
        installed, drawn_a = self.installed, sample.max_current_a
        if installed is None or not installed.after_pause or drawn_a is None or drawn_a < ACTIVE_PHASE_A:
            return
        self.speaker.installed = replace(installed, after_pause=False)
        if drawn_a > installed.setpoint.limit_a + max(OVERSHOOT_A, OVERSHOOT * installed.setpoint.limit_a):
            log.warning("%s resumed at %.1f A instead of %.1f A", self.name, drawn_a, installed.setpoint.limit_a)
            self.mark_stale()

    def transaction_ended(self, reason: str) -> None:
        """A box that answers 0 A by ending the transaction is never given 0 A again."""
        installed = self.installed
        self.speaker.transaction_ended()
        if installed is None or installed.setpoint.limit_a > 0 or reason in ENDED_BY_OTHERS:
            return
        if self._clock.monotonic() - installed.at_s <= ZERO_ENDS_S:
            log.warning("%s ends the transaction at 0 A; from now on a pause is 6 A", self.name)
            self.speaker.learn(replace(self.memory, zero_ends_tx=True))

    def rest(self) -> None:
        """The car has left: the box shall hold nothing but the failsafe until Control speaks again."""
        if self.wanted is None:
            return
        self.wanted = self._at_rest(self.wanted.failsafe_a)
        if self.installed is None or self.installed.setpoint != self.wanted:
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
            if self.speaker.waits_for_transaction:  # its beginning will mark the limit stale
                self._stale.clear()
                return
            dispatch = await self._say(wanted, self._superseded)
        if dispatch.status is DispatchStatus.APPLIED:
            return
        self._stale.clear()
        log.info("%s could not be given its limit again: %s (%s)", self.name, dispatch.status, dispatch.text)
        await self._clock.sleep(self._retry_s)
        self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S)
        if self.wanted == wanted and dispatch.status is not DispatchStatus.NOT_CAPABLE:
            self.mark_stale()

    def _renewal_due(self) -> bool:
        if self.installed is None or self._resting() or not self.renews:
            return False
        if not self.installed.falls_back:  # its clock was wrong, perhaps, and is right again
            return self.speaker.would_fall_back()
        if not self.speaker.writes.left(self._clock.utc().date(), SOFT_WRITES):
            return False
        return renewal_due(self.installed.at_s, self._clock.monotonic(), self.failsafe.after_s)

    def _resting(self) -> bool:
        """At the failsafe already: falling back to it changes nothing, so there is nothing to renew."""
        return self.installed is not None and self.installed.setpoint.limit_a == self.installed.setpoint.failsafe_a

    def _next_look_s(self) -> float:
        half_s = self.failsafe.after_s / 2
        if self.installed is None:
            return half_s
        to_half_s = self.installed.at_s + half_s - self._clock.monotonic()
        return to_half_s if to_half_s > 0 else half_s  # past it there is nothing to renew
