"""A lane pays the debts to one receiver, one at a time.

A delivery has these steps, and the process may die between any two of them:

1. the oldest debt that is due is read from the store;
2. the route makes a parcel of it from what the store holds now, or finds that there is nothing to say;
3. the key of the parcel is frozen: committed, unless the same parcel has one already;
4. the parcel goes out, with its key;
5. the answer is judged, and what it means is committed.

Dying after 3 or 4 means that the same parcel goes out again under the same key; dying before means that nothing has
happened. So nothing is lost, and what arrives twice can be told.

A failure silences the lane for a while (backoff); where it may be the fault of what was sent, that debt rests longer
and the others go first (rests). ``step`` does one delivery and gives the seconds until the next makes sense: the loop
around it is all that sleeps.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drivers.base import DeviceError
from hemsd.clock import Clock
from hemsd.cloud.answer import Answer, Fate
from hemsd.cloud.backoff import CATCHING_UP_FOR_S, Dice, Pace, first_contact_s
from hemsd.cloud.outbox import Outbox
from hemsd.cloud.rests import TRIES, Rests, is_hopeless, is_worth_writing, may_be_its_own_fault
from hemsd.cloud.route import Judgement, NothingToSay, Route, Transport
from hemsd.said import said
from hemsd.store import outbox as rows
from hemsd.store.outbox import Backlog, Entry, LaneRow, Statement

log = logging.getLogger(__name__)

LOOK_S = 60.0  # a debt that another process put back is found within this


@dataclass(slots=True)
class Lane:
    """``clock`` is the home's, for what is due; ``real`` is for pauses: no network runs faster with a simulated day."""

    name: str
    address: str  # for people
    route: Route
    transport: Transport
    outbox: Outbox
    clock: Clock
    real: Clock
    bytes_s: float
    turn: int = 0  # which of the home's lanes it is: after a power cut they begin one after the other
    spreads: bool = True  # False: no other home comes back together with this one
    gives_up_after_s: float | None = None
    dice: Dice = field(default_factory=random.SystemRandom)
    pace: Pace = field(default_factory=Pace)
    row: LaneRow = field(default_factory=LaneRow)
    dead: int = 0  # dead letters, as far as known
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    rests: Rests = field(init=False)
    _catching_up_until_s: float = 0.0
    _lamented: bool = False  # the log says that nothing is taken
    _refusals: int = 0  # in a row, by a receiver that was reached
    _refused_since_at: datetime | None = None

    def __post_init__(self) -> None:
        self.rests = Rests(self.dice)

    @property
    def closed(self) -> bool:
        return self.row.closed_at is not None

    @property
    def trouble(self) -> str | None:
        """Why nothing leaves at present, for people; None when all is well."""
        if self.closed:
            return said(
                "lane.given_up", "given up after {patience}: {answer}", patience=self._patience, answer=self.row.answer
            )
        return self.row.answer if self.pace.failures else None

    @property
    def _patience(self) -> str:
        return f"{(self.gives_up_after_s or 0) / 3600:g} h"

    async def run(self) -> None:
        """Delivers until cancelled."""
        await self.begin()
        try:
            while True:
                pause_s = await self.step()
                if pause_s > 0:
                    await self._rest(pause_s)
        finally:
            await self.transport.close()

    async def begin(self) -> None:
        """Recalls how the lane did, and spreads the first contact after a power cut."""
        self.row = (await self.outbox.lane_rows()).get(self.name, LaneRow())
        backlog = (await self.outbox.backlogs()).get(self.name, Backlog())
        self.dead = backlog.dead
        self._refused_since_at = self.row.failing_since_at
        now_s = self.real.monotonic()
        wait_s = first_contact_s(now_s, backlog.waiting, self.dice, self.turn) if self.spreads else 0.0
        self.pace = self.pace.waiting_until(now_s + wait_s)
        if wait_s > 0:
            log.info("%s: the power was out, it seems; first contact in %.0f s", self.name, wait_s)
            self._catching_up_until_s = now_s + CATCHING_UP_FOR_S
        if self.row.failing_since_at is not None:
            outage_s = max(0.0, (self.real.utc() - self.row.failing_since_at).total_seconds())
            self.pace = Pace(self.pace.not_before_s, 1, now_s - outage_s)

    async def _rest(self, pause_s: float) -> None:
        """News ends a rest that has no other reason than that there were none; so does the home's clock, if faster."""
        silent_s = self.pace.not_before_s - self.real.monotonic()
        if silent_s > 0:
            await self.real.sleep(min(silent_s, pause_s))
            return
        reasons = (self.real.sleep(pause_s), self.clock.sleep(pause_s), self.woken.wait())
        waiting = [asyncio.ensure_future(reason) for reason in reasons]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    # -- one delivery -------------------------------------------------------------------------------------------------

    async def step(self) -> float:
        """One delivery, if one is due; gives the seconds until the next look makes sense."""
        now_s = self.real.monotonic()
        if self.closed:
            self.woken.clear()
            await self._look_whether_opened()
            return LOOK_S
        if now_s < self.pace.not_before_s:
            return self.pace.not_before_s - now_s
        if self.woken.is_set():
            self.woken.clear()
            await self.outbox.settle()  # what woke us is seen; a mere look must not cost the card a commit
        at = self.clock.utc()
        entry = await self.route.next(at, self.rests.asleep(now_s))
        if entry is None:
            return await self._until_due(at, now_s)
        try:
            parcel = await self.route.parcel(entry, at)
        except DeviceError as error:  # a secret that can't be read
            await self._failed(Answer(None, str(error)), str(error), (), now_s)
            return 0.0
        if isinstance(parcel, NothingToSay):
            self.rests.is_over(entry)
            await self.outbox.void(entry, parcel.progress, parcel.due_at, over=parcel.over)
            return 0.0
        if parcel.plan is not None:
            entry = await self.outbox.freeze(entry, parcel.plan)
        answer = await self.transport.send(self.route.keyed(parcel.request, entry.delivery or ""))
        judgement = await self.route.judged(entry, parcel, answer, self.clock.utc())
        await self._write_down(entry, answer, judgement)
        return max(0.0, self.pace.not_before_s - self.real.monotonic())

    async def _until_due(self, at: datetime, now_s: float) -> float:
        """A debt that rests is due when it has rested; the home's clock may run faster than the real one."""
        if self.dead:  # a person may have put them back
            await self._count_the_dead()
        due_at = await self.outbox.due_at(self.name, at)
        until_due_s = LOOK_S if due_at is None else (due_at - at).total_seconds()
        return min([LOOK_S, until_due_s, *self.rests.waits_s(now_s)])

    async def _write_down(self, entry: Entry, answer: Answer, judgement: Judgement) -> None:
        match judgement.fate:
            case Fate.TAKEN:
                self.rests.is_over(entry)
                also = (*judgement.also, *self._went_well(answer))
                if judgement.over:
                    await self.outbox.finish(entry, *also, progress=judgement.progress)
                else:
                    await self.outbox.advance(
                        entry,
                        *also,
                        progress=judgement.progress,
                        due_at=judgement.due_at or entry.due_at,
                        settled=judgement.due_at is None,
                    )
            case Fate.DEAD:
                await self._refused(entry, answer, judgement.text or answer.summary)
            case Fate.LATER | Fate.SILENCE:
                await self._not_taken(entry, answer, judgement)

    async def _not_taken(self, entry: Entry, answer: Answer, judgement: Judgement) -> None:
        """The lane pauses; a debt whose own fault it may be rests longer, or has failed too often by now."""
        now_s, at = self.real.monotonic(), self.real.utc()
        text, also = judgement.text or answer.summary, tuple(judgement.also)
        again = False
        if judgement.rests and may_be_its_own_fault(answer):
            pace = self.rests.failed(entry, now_s, at, answer.retry_after_s)
            again = pace.failures > 1
            if is_hopeless(pace, self.pace, now_s, server_error=(answer.status or 0) >= 500):
                text = said("lane.tries", "{answer} ({n} tries)", answer=text, n=pace.failures)
                self.rests.is_over(entry)
                log.warning("%s: %s of %s is put aside: %s", self.name, entry.kind, entry.subject, text)
                also = (*also, *rows.bury(entry, at, answer.status, text))
            elif is_worth_writing(pace.failures):
                also = (*also, rows.failed(entry, pace.failures, entry.failing_since_at or at))
        await self._failed(answer, text, also, now_s, known=again)
        if also:
            await self._count_the_dead()

    async def _refused(self, entry: Entry, answer: Answer, text: str) -> None:
        """The receiver is there and says no: the lane goes on with the next."""
        self.rests.is_over(entry)
        log.warning("%s refuses %s for good: %s", self.name, entry.kind, text)
        self.pace = self._paced(answer)
        self.row = LaneRow(answered_at=self.row.answered_at, answer=text)
        await self.outbox.write(rows.lane(self.name, self.row), *rows.bury(entry, self.real.utc(), answer.status, text))
        await self._count_the_dead()

    async def _count_the_dead(self) -> None:
        self.dead = (await self.outbox.backlogs()).get(self.name, Backlog()).dead

    # -- how the lane does --------------------------------------------------------------------------------------------

    def _went_well(self, answer: Answer) -> tuple[Statement, ...]:
        if self._lamented:
            log.info("%s takes what it is told again", self.name)
            self._lamented = False
        self.rests.receiver_is_well_again(self.pace.failing_since_s, self.real.monotonic())
        self.pace = self._paced(answer)
        text = f"{answer.status}" if answer.status else "taken"
        self.row = LaneRow(answered_at=self.real.utc(), answer=text)
        return (rows.lane(self.name, self.row),)

    def _paced(self, answer: Answer) -> Pace:
        self._refusals, self._refused_since_at = 0, None
        now_s = self.real.monotonic()
        catching_up = now_s < self._catching_up_until_s
        return Pace().went_well(
            now_s, self.dice, sent_bytes=answer.sent_bytes, bytes_s=self.bytes_s, catching_up=catching_up
        )

    async def _failed(
        self, answer: Answer, text: str, also: Sequence[Statement], now_s: float, *, known: bool = False
    ) -> None:
        """Logged and written once an outage, not once a try; ``known``: this debt has failed before."""
        if not self.pace.failures and not known:
            log.warning("%s (%s): %s; trying again", self.name, self.address, text)
            self._lamented = True
        self.pace = self.pace.failed(now_s, self.dice, answer.retry_after_s)
        at = self.real.utc()
        since_at = self.row.failing_since_at or at
        row = LaneRow(since_at, self.row.answered_at, text)
        if self._has_refused_for_too_long(answer, at):
            log.error("%s (%s) is given up after %s: %s", self.name, self.address, self._patience, text)
            row = LaneRow(since_at, self.row.answered_at, text, closed_at=at)
        if row != self.row or also:
            self.row = row
            await self.outbox.write(*also, rows.lane(self.name, row))

    def _has_refused_for_too_long(self, answer: Answer, at: datetime) -> bool:
        """A home that is offline itself gives nobody up."""
        if answer.status is None and not answer.sent_bytes:
            self._refusals, self._refused_since_at = 0, None
            return False
        self._refusals += 1
        since_at = self._refused_since_at = self._refused_since_at or at
        if self.gives_up_after_s is None or self._refusals < TRIES:
            return False
        return at - since_at >= timedelta(seconds=self.gives_up_after_s)

    async def _look_whether_opened(self) -> None:
        """A person may have asked to try again, with `hemsd cloud retry`."""
        self.row = (await self.outbox.lane_rows()).get(self.name, LaneRow())
        if not self.closed:
            log.info("%s is tried again", self.name)
            self.pace = Pace(self.real.monotonic())
            self._refusals, self._refused_since_at = 0, None
