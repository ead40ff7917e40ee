"""Saying one setpoint to one box, in as many frames as it takes, and learning from how the box took it.

What the box accepted last is *installed*. A way that is refused is followed by the next one at once (``ladder``). A
way that was accepted without effect is said once more, one ampere lower, because an identical repetition has been
taken for no news; then it is left, and whoever judged it says the limit again in the next way. When each way has had
its turn, our profiles are cleared and the first way gets one last chance; after that this session is given up. A box
that refuses a pause in a way in which it takes a limit refuses the pause, not the way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Protocol

from ocpp.v16.call import ClearChargingProfile

from drivers.ocpp16.boxtime import BoxClock
from drivers.ocpp16.configuration import Configuration
from drivers.ocpp16.dispatching import Judged, judged
from drivers.ocpp16.ladder import Setback, climb, foot
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.profiles import (
    Circumstances,
    Setpoint,
    carries_failsafe,
    profile_id,
    quantised_a,
    set_charging_profile,
)
from drivers.ocpp16.rpc import Reply
from drivers.ocpp16.ways import Offer, Purpose, Way
from hemsd.clock import Clock
from hemsd.model import MIN_PILOT_A, Attempt, Dispatch, DispatchStatus, Outcome

log = logging.getLogger(__name__)

HARD_WRITES = 2000  # a day; profiles are persistent by OCPP 1.6 errata 3.37, so each may wear the box's flash
FLASH_WRITES = 100  # a day where only ChargePointMaxProfile works, which many boxes write to flash at once
WHOLE_A = 1.0
REPEATS = 1  # of the same words, before another way is tried
REPEATS_PROVEN = 3
SILENCES = 2  # in the same way, before another is tried


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
    """What must be known of the box to speak to it, and the only way to do so."""

    @property
    def connector(self) -> int: ...

    @property
    def alone(self) -> bool:
        """Whether no other connector of the box is steered."""
        ...

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


class LastChance(StrEnum):
    """Of the first way, once our profiles are off the box."""

    AHEAD = "ahead"
    DUE = "due"  # the next attempt clears ours first
    TAKEN = "taken"
    LOST = "lost"


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


class Speaker:
    """Speaks to one box in the way that it understands."""

    def __init__(
        self,
        name: str,
        station: Station,
        clock: Clock,
        *,
        failsafe_after_s: float,
        wired_phases: int | None,
        remember: Callable[[Memory], None],
    ) -> None:
        self.memory = Memory()
        self.ladder = foot(Offer(), self.memory)
        self.installed: Installed | None = None
        self.writes = WriteBudget()
        self._name = name
        self._station = station
        self._clock = clock
        self.failsafe_after_s = failsafe_after_s
        self.wired_phases = wired_phases
        self._remember = remember
        self._offer = Offer()  # what the ladder was made for
        self._step_a = self.memory.step_a
        self._silences = 0
        self._unanswered: Installed | None = None  # what is installed if the box acted without answering
        self._repeats = 0  # how often the same words were said again for want of effect
        self._made_room = False  # a full store was emptied of ours once
        self._last_chance = LastChance.AHEAD

    @property
    def gave_up(self) -> bool:
        """Each way was tried in this session, and none had an effect."""
        return self._last_chance is LastChance.LOST

    @property
    def can_steer(self) -> bool:
        """False: the box has said of every purpose that it does not have it."""
        return self._able.incapable != frozenset(Purpose)

    @property
    def _able(self) -> Memory:
        """A limit of the whole box would bind its other connectors as well."""
        if self._station.alone:
            return self.memory
        beyond = self.memory.incapable | {Purpose.CHARGE_POINT_MAX}
        own = None if self.memory.way is not None and self.memory.way.purpose in beyond else self.memory.way
        return replace(self.memory, incapable=beyond, way=own)

    @property
    def waits_for_transaction(self) -> bool:
        return self.ladder.way.purpose is Purpose.TX and self._station.transaction_id is None

    # -- saying -------------------------------------------------------------------------------------------------------

    def sayable(self, setpoint: Setpoint) -> Setpoint:
        """In the box's own steps, so that what is installed can be compared with what is wanted."""
        return replace(
            setpoint,
            limit_a=quantised_a(setpoint.limit_a, self._step_a),
            failsafe_a=quantised_a(setpoint.failsafe_a, self._step_a),
        )

    async def say(self, setpoint: Setpoint, is_past: Callable[[], bool] = lambda: False) -> Dispatch:
        """Tries until the box accepts, nothing is left to try, or something newer is to be said."""
        attempts: list[Attempt] = []
        while True:
            obstacle = self._obstacle(setpoint)
            if obstacle is not None:
                return replace(obstacle, attempts=tuple(attempts))
            way = self.ladder.way
            attempts.append(await self._attempt(way, setpoint))
            newest = attempts[-1]
            if newest.status is not DispatchStatus.REJECTED or self._refuses_only_this(way, setpoint) or is_past():
                break
            if await self._make_room(way):
                continue
            self._climb(Setback.REFUSED)
            if self.ladder.exhausted and self._last_chance is not LastChance.DUE:
                await self._restore()
                break
        return Dispatch(newest.status, tuple(attempts), newest.text)

    def _obstacle(self, setpoint: Setpoint) -> Dispatch | None:
        """Why nothing can be sent, or need not be tried."""
        if not self._station.linked:
            return Dispatch(DispatchStatus.UNREACHABLE, text="not connected")
        if not self.can_steer:
            return Dispatch(DispatchStatus.NOT_CAPABLE, text="this wallbox has no charging profiles")
        if self.waits_for_transaction:
            text = f"{self.ladder.way} needs an open transaction and there is none"
            return Dispatch(DispatchStatus.UNREACHABLE, text=text)
        if not self._may_write(setpoint):
            text = f"{self.writes.today} profiles written today: no more raises"
            return Dispatch(DispatchStatus.NOT_CAPABLE, text=text)
        return None

    def _may_write(self, setpoint: Setpoint) -> bool:
        """Past the hard limit only what lowers the limit is still worth the flash."""
        flash = self.ladder.way.purpose is Purpose.CHARGE_POINT_MAX
        if self.writes.left(self._clock.utc().date(), FLASH_WRITES if flash else HARD_WRITES):
            return True
        return self.installed is None or setpoint.limit_a < self.installed.setpoint.limit_a

    async def _attempt(self, way: Way, setpoint: Setpoint) -> Attempt:
        circumstances = self._circumstances()
        at = self._clock.utc()
        self.writes.count(at.date())
        would_be = self._would_be(way, setpoint, circumstances)
        if self._last_chance is LastChance.DUE:
            self._last_chance = LastChance.TAKEN
            await self._clear_ours()
        said = self._lowered(setpoint) if self._repeats else setpoint
        answer = judged(await self._station.call(set_charging_profile(way, said, circumstances)))
        self._unanswered = would_be if answer.status is DispatchStatus.TIMEOUT else None
        if answer.status is DispatchStatus.APPLIED:
            await self._note_installed(would_be)
        self._note_silence(way, answer)
        if answer.incapable:
            beyond = frozenset(Purpose) if answer.unknown_action else frozenset({way.purpose})
            self.learn(replace(self.memory, incapable=self.memory.incapable | beyond))
        return Attempt(at, str(way), answer.status, answer.text)

    async def _clear_ours(self) -> None:
        for purpose in Purpose:
            await self._clear(purpose)

    async def _clear(self, purpose: Purpose) -> None:
        await self._station.call(ClearChargingProfile(id=profile_id(purpose, self._station.connector)))

    def _lowered(self, setpoint: Setpoint) -> Setpoint:
        """By one ampere where that leaves a charge; a fraction might be a word that the box does not know."""
        lower_a = quantised_a(setpoint.limit_a - WHOLE_A, WHOLE_A)
        return replace(setpoint, limit_a=lower_a) if lower_a >= MIN_PILOT_A else setpoint

    def would_fall_back(self) -> bool:
        """Whether the box would return to the failsafe by itself if it were told now."""
        return carries_failsafe(self.ladder.way, self._circumstances())

    def _circumstances(self) -> Circumstances:
        self._station.box_clock.note_our_time(self._clock.utc(), self._clock.monotonic())
        return Circumstances(
            now_at=self._clock.utc(),
            connector=self._station.connector,
            transaction_id=self._station.transaction_id,
            failsafe_after_s=self.failsafe_after_s if self._takes_two_periods() else None,
            clock_trusted=self._station.box_clock.trusted,
            step_a=self._step_a,
            wired_phases=self.wired_phases or 3,
        )

    def _takes_two_periods(self) -> bool:
        return self.memory.falls_back is not False and self._station.configuration.two_periods

    def _would_be(self, way: Way, setpoint: Setpoint, circumstances: Circumstances) -> Installed:
        before = self.installed
        return Installed(
            setpoint,
            way,
            self._clock.monotonic(),
            carries_failsafe(way, circumstances),
            while_suspended=self._station.suspended,
            after_pause=before is not None and before.setpoint.limit_a == 0 < setpoint.limit_a,
        )

    async def _note_installed(self, installed: Installed) -> None:
        before, self.installed = self.installed, replace(installed, at_s=self._clock.monotonic())
        if before is not None and before.way.purpose is not installed.way.purpose:  # both together would limit twice
            await self._clear(before.way.purpose)

    def _note_silence(self, way: Way, answer: Judged) -> None:
        """A box that is deaf to a way never answers it; one that is only slow has answered it before."""
        self._silences = self._silences + 1 if answer.status is DispatchStatus.TIMEOUT else 0
        if self._silences >= SILENCES and way != self.memory.way:
            self._climb(Setback.REFUSED)

    def _refuses_only_this(self, way: Way, setpoint: Setpoint) -> bool:
        return setpoint.limit_a == 0 and self.installed is not None and self.installed.way == way

    async def _make_room(self, way: Way) -> bool:
        """A full store may refuse even a replacement: removes ours, once. ``Unknown`` is as good as cleared.

        Only where the box says that its store has an end: between the two frames it has no limit.
        """
        bounded = self._station.configuration.number("MaxChargingProfilesInstalled") is not None
        if not bounded or self._made_room or self.installed is None or self.installed.way != way:
            return False
        self._made_room = True
        await self._clear(way.purpose)
        return True

    async def _restore(self) -> None:
        """Nothing new was taken, and making room may have removed what stood: says that again."""
        if self._made_room and self.installed is not None:
            await self._attempt(self.installed.way, self.installed.setpoint)

    # -- learning -----------------------------------------------------------------------------------------------------

    def verdict(self, outcome: Outcome) -> bool:
        """Takes the verdict on what was said last; True when it must be said again, in other words."""
        if outcome is Outcome.APPLIED:
            self._note_proof()
            return False
        if outcome is not Outcome.ACCEPTED_INEFFECTIVE or self.installed is None or self.gave_up:
            return False
        if self.installed.way == self.ladder.way:
            self._choose_other_words(self.installed.setpoint)
        return not self.gave_up

    def _note_proof(self) -> None:
        if self._unanswered is not None:  # some boxes act and forget to answer
            self.installed, self._unanswered = self._unanswered, None
        if self.installed is None:
            return
        self._repeats = self._silences = 0
        self._last_chance = LastChance.AHEAD
        zero_proven = self.memory.zero_proven or self.installed.setpoint.limit_a == 0
        self.learn(replace(self.memory, way=self.installed.way, step_a=self._step_a, zero_proven=zero_proven))

    def _choose_other_words(self, setpoint: Setpoint) -> None:
        """First whole amperes where there was a fraction, then the same again, then the next way.

        A way that worked before gets more chances: a car that is slow once is no reason to give up a good way.
        """
        patience = REPEATS_PROVEN if self.memory.way == self.ladder.way else REPEATS
        if self._last_chance is LastChance.TAKEN:
            self._climb(Setback.INEFFECTIVE)
        elif self._step_a < WHOLE_A and setpoint.limit_a % WHOLE_A > 0:
            self._step_a = WHOLE_A
        elif self._repeats < patience:
            self._repeats += 1
        else:
            self._climb(Setback.INEFFECTIVE)

    def _climb(self, why: Setback) -> None:
        left, offer = self.ladder.way, self._station.configuration.offer
        in_transaction = self._station.transaction_id is not None
        was_exhausted = self.ladder.exhausted
        self.ladder = climb(self.ladder, why, offer, self._able, in_transaction=in_transaction)
        self._silences = self._repeats = 0
        if not self.ladder.exhausted:
            log.info("%s: %s was %s, next is %s", self._name, left, why, self.ladder.way)
        elif not was_exhausted:
            log.warning("%s follows none of the ways to say a limit", self._name)
        if self.ladder.exhausted and self.ladder.ineffective:
            self._last_chance = LastChance.DUE if self._last_chance is LastChance.AHEAD else LastChance.LOST

    def learn(self, memory: Memory) -> None:
        """Keeps what was found out, here and, for a box whose kind is known, for the next time."""
        if memory == self.memory:
            return
        self.memory = memory
        if memory.vendor or memory.model:
            self._remember(memory)

    # -- beginnings ---------------------------------------------------------------------------------------------------

    def identified(self, memory: Memory) -> None:
        """The box said who it is, and what it can do is known: begin where such a box was left.

        After a mere loss of the link nothing of that is news, and the climb goes on where it was.
        """
        known = (memory, self._station.configuration.offer)
        if known == (self.memory, self._offer):
            return
        self.memory, self._offer = known
        self._step_a = memory.step_a
        self.start_over()

    def transaction_ended(self) -> None:
        """A TxProfile ends with its transaction (OCPP 1.6 section 3.13.1)."""
        if self.installed is not None and self.installed.way.purpose is Purpose.TX:
            self.installed = None
        if self.ladder.ineffective:
            self.start_over()

    def start_over(self) -> None:
        """A new session: what failed may work now."""
        self.ladder = foot(self._station.configuration.offer, self._able)
        self._silences = self._repeats = 0
        self._made_room = False
        self._last_chance = LastChance.AHEAD
