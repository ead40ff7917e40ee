"""Many finished charges in one request, when an outage has left a backlog.

A batch is a debt of its own in the outbox; its members, named in its body, wait until it is done. The cloud takes it
at once and works on it later, so it is asked how far it is, with growing pauses. What it could not analyse, or does
not mention, goes on alone, where the answer says what is wrong; so does a charge of which there was news meanwhile, and
so do the members of a batch that fails again and again, since one of them may be why. A cloud that knows no batches
gets everything alone.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from datetime import datetime, timedelta
from sqlite3 import Connection
from typing import Protocol

from hemsd.cloud.answer import Answer, Fate, Request, fate_of
from hemsd.cloud.fields import Document, digest, to_bytes
from hemsd.cloud.meter_values import Moment, values_of
from hemsd.cloud.outbox import Outbox
from hemsd.cloud.route import Judgement, NothingToSay, Parcel
from hemsd.cloud.verdict import verdict_of
from hemsd.model import Visit
from hemsd.said import said
from hemsd.store import outbox as rows
from hemsd.store import queries, verdicts
from hemsd.store.outbox import Entry, Mark, Statement

BATCH = "batch"
ALONE = "alone"
FROM = 4  # fewer are as fast alone
MOST_MEMBERS = 100
MOST_BYTES = 1 << 20
FIRST_POLL_S = 5.0
LONGEST_POLL_S = 120.0
LONGEST_WORK_S = 86_400.0
FAILURES = 2  # before the one that ends a batch
LOST = 1  # a cloud that loses the same batch more often does not get it again
DONE = ("completed", "failed")

# Charges that are over and of which the cloud has nothing.
FOR_A_BATCH = (
    "kind = 'visit' AND progress IS NULL AND delivery IS NULL"
    " AND subject IN (SELECT id FROM visits WHERE plugged_out_ms IS NOT NULL)"
)


class Uploads(Protocol):
    """What a batch needs of hemsd.cloud.analysis_upload.AnalysisRoute."""

    def held(self, db: Connection, visit: Visit, at: datetime) -> tuple[Moment, ...]: ...
    def request(self, method: str, path: str, body: bytes = b"") -> Request: ...
    def may_leave(self, session: Document) -> Document: ...
    def station_of(self, visit: Visit) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Working:
    """The cloud has taken the batch."""

    batch_id: str
    since: str
    poll_s: float = FIRST_POLL_S


@dataclass(frozen=True, slots=True)
class Member:
    """A debt that is in a batch, as it was when the batch was made."""

    entry_id: int
    visit_id: str
    told: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The batch that is on its way, whether it is its turn, and who waits for it."""

    entry: Entry
    due: bool
    waiting: tuple[int, ...]

    @property
    def oldest_id(self) -> int:
        return min(self.waiting)


@dataclass(slots=True)
class Batches:
    lane: str
    outbox: Outbox
    uploads: Uploads
    most_bytes: int = MOST_BYTES
    known_to_cloud: bool = True
    _members: dict[str, tuple[Member, ...]] = field(default_factory=dict)  # by the batch's own uuid
    _sessions: dict[str, list[bytes]] = field(default_factory=dict)  # of a batch that was just made
    _lost: dict[str, int] = field(default_factory=dict)  # how often the cloud has lost it

    async def standing(self, at: datetime, resting: Sequence[int]) -> Standing | None:
        """The one batch that is on its way; a new one is made when enough finished charges wait."""
        batch = await self._open_one()
        if batch is None and self.known_to_cloud:
            batch = await self._make(at, resting)
        if batch is None:
            return None
        due = rows.is_due(batch, at) and batch.id not in resting
        return Standing(batch, due, (batch.id, *(member.entry_id for member in self._members_of(batch))))

    async def _open_one(self) -> Entry | None:
        return await self.outbox.ask(lambda db: next(rows.entries(db, self.lane, BATCH), None))

    async def _make(self, at: datetime, resting: Sequence[int]) -> Entry | None:
        found = await self.outbox.ask(lambda db: tuple(_waiting(db, self.lane)))
        waiting = [member for member in found if member.entry_id not in resting]
        if len(waiting) < FROM:
            return None
        members: list[Member] = []
        sessions: list[bytes] = []
        size = 0
        for member in waiting:
            session = await self._session(member, at)
            if session is None:
                continue
            size += len(session)
            if members and size > self.most_bytes:
                break
            members.append(member)
            sessions.append(session)
        if len(members) < 2:
            return None
        mark = Mark(self.lane, BATCH, str(uuid.uuid4()), at, at, to_bytes([astuple(each) for each in members]).decode())
        self._sessions = {mark.subject: sessions}
        await self.outbox.write(*rows.tell(mark))
        return await self._open_one()

    def _members_of(self, batch: Entry) -> tuple[Member, ...]:
        if batch.subject not in self._members:
            self._members = {batch.subject: tuple(Member(*each) for each in json.loads(batch.body or "[]"))}
        return self._members[batch.subject]

    # -- saying it ----------------------------------------------------------------------------------------------------

    async def parcel(self, batch: Entry, at: datetime) -> Parcel | NothingToSay:
        working = _working(batch)
        if working is not None:
            return Parcel(self.uploads.request("GET", f"/v1/sessions/batch/{working.batch_id}"), None)
        sessions = self._sessions.pop(batch.subject, None) or await self._put_together(batch, at)
        if not sessions:
            return NothingToSay(over=True)
        body = b'{"sessions":[' + b",".join(sessions) + b"]}"
        return Parcel(self.uploads.request("POST", "/v1/sessions/batch", body), f"POST {digest(body)}")

    async def _put_together(self, batch: Entry, at: datetime) -> list[bytes]:
        found = [await self._session(member, at) for member in self._members_of(batch)]
        return [session for session in found if session is not None]

    async def _session(self, member: Member, at: datetime) -> bytes | None:
        """Put together one at a time, in the thread that reads: neither a tick nor a page is to wait for a megabyte."""
        return await self.outbox.ask(lambda db: self._put_together_one(db, member.visit_id, at))

    def _put_together_one(self, db: Connection, visit_id: str, at: datetime) -> bytes | None:
        visit = queries.visit(db, visit_id)
        station = None if visit is None else self.uploads.station_of(visit)
        if visit is None or station is None:
            return None
        values = values_of(self.uploads.held(db, visit, at))
        session = {"session_id": visit.id, "charging_point_id": station, "meter_values": values}
        return to_bytes(self.uploads.may_leave(session))

    # -- understanding the answer -------------------------------------------------------------------------------------

    async def judged(self, batch: Entry, answer: Answer, at: datetime) -> Judgement:
        working = _working(batch)
        if working is None:
            return self._handed_over(batch, answer, at)
        return self._asked(batch, working, answer, at)

    def _handed_over(self, batch: Entry, answer: Answer, at: datetime) -> Judgement:
        match fate_of(answer):
            case Fate.TAKEN:
                batch_id = (answer.document() or {}).get("batch_id")
                if not isinstance(batch_id, str) or not batch_id:
                    return Judgement(
                        Fate.SILENCE,
                        text=said("cloud.no_batch_id", "{status}, but without a batch_id", status=str(answer.status)),
                    )
                working = Working(batch_id, at.isoformat())
                return self._goes_on(working, at)
            case Fate.DEAD if answer.status == 413:
                self.most_bytes = max(1024, self.most_bytes // 2)
                return self._dissolved(batch, said("cloud.large_batch", "413: the batch is too large; smaller ones"))
            case Fate.DEAD:
                self.known_to_cloud = False
                return self._dissolved(
                    batch,
                    said("cloud.no_batches", "{answer}: no batches here; each charge alone", answer=answer.summary),
                )
            case Fate.LATER if batch.failures >= FAILURES:
                return self._given_up(batch, answer)
            case fate:
                return Judgement(fate)

    def _dissolved(self, batch: Entry, why: str) -> Judgement:
        return Judgement(Fate.LATER, also=rows.finish(batch), text=why, rests=False)

    def _given_up(self, batch: Entry, answer: Answer) -> Judgement:
        return self._each_alone(batch, said("cloud.each_alone", "{answer}: each charge alone", answer=answer.summary))

    def _each_alone(self, batch: Entry, why: str) -> Judgement:
        """None of them is put into another batch, where it might spoil that as well."""
        also = [*rows.finish(batch), *(_alone(member) for member in self._members_of(batch))]
        return Judgement(Fate.LATER, also=also, text=why, rests=False)

    def _goes_on(self, working: Working, at: datetime) -> Judgement:
        return Judgement(
            Fate.TAKEN,
            progress=json.dumps(asdict(working)),
            due_at=at + timedelta(seconds=working.poll_s),
            over=False,
        )

    def _asked(self, batch: Entry, working: Working, answer: Answer, at: datetime) -> Judgement:
        fate = fate_of(answer)
        late = (at - datetime.fromisoformat(working.since)).total_seconds() > LONGEST_WORK_S
        if fate is Fate.DEAD:  # the cloud has lost it, and gets it again
            return self._gone(batch, answer, at)
        if fate is Fate.LATER and late:
            return self._given_up(batch, answer)
        if fate is not Fate.TAKEN:
            return Judgement(fate)
        status = answer.document()
        if status is None or "status" not in status:
            return Judgement(
                Fate.SILENCE,
                text=said(
                    "cloud.no_batch_status", "{status}, but not the status of a batch", status=str(answer.status)
                ),
            )
        if status["status"] not in DONE and not late:
            slower = Working(working.batch_id, working.since, min(LONGEST_POLL_S, 2 * working.poll_s))
            return self._goes_on(slower, at)
        return Judgement(Fate.TAKEN, over=True, also=tuple(self._settled(batch, status, at)))

    def _gone(self, batch: Entry, answer: Answer, at: datetime) -> Judgement:
        self._lost = {batch.subject: self._lost.get(batch.subject, 0) + 1}
        if self._lost[batch.subject] > LOST:
            return self._each_alone(
                batch,
                said("cloud.lost_again", "{answer}: the batch is lost again; each charge alone", answer=answer.summary),
            )
        anew = rows.advance(batch, done=batch.done, progress=None, due_at=at)
        text = said("cloud.lost_batch", "{answer}: the batch is lost; it is sent again", answer=answer.summary)
        return Judgement(Fate.LATER, also=anew, text=text, rests=False)

    def _settled(self, batch: Entry, status: Mapping[str, object], at: datetime) -> Iterator[Statement]:
        """Who arrived is done; who failed, and of whom there was news meanwhile, goes on alone."""
        results = {
            str(result["session_id"]): result
            for result in _list(status.get("results"))
            if isinstance(result, dict) and "session_id" in result
        }
        all_well = status.get("status") == "completed" and not status.get("failed_sessions")
        for member in self._members_of(batch):
            result = results.get(member.visit_id)
            if result is not None:
                yield verdicts.record(member.visit_id, verdict_of(result, at))
            if all_well if result is None else result.get("status") != "failed":
                yield rows.forget(member.entry_id, member.told)
            yield _alone(member)  # if it is still owed


def _alone(member: Member) -> Statement:
    return "UPDATE outbox SET progress = ? WHERE id = ?", (ALONE, member.entry_id)


def _waiting(db: Connection, lane: str) -> Iterator[Member]:
    """Who could be in a batch, oldest first."""
    sql = f"SELECT id, subject, told FROM outbox WHERE lane = ? AND told > done AND {FOR_A_BATCH} ORDER BY id LIMIT ?"
    for row in db.execute(sql, (lane, MOST_MEMBERS)):
        yield Member(row[0], row[1], row[2])


def _working(batch: Entry) -> Working | None:
    return None if batch.progress is None else Working(**json.loads(batch.progress))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
