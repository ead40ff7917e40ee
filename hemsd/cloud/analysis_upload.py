"""Charges on their way to a cloud that analyses them.

The debt of a visit stands from the first transaction until the cloud has everything of the finished visit. Each turn
compares what the cloud has (``Progress``: up to which moment, and what it looked like) with what the store holds now:

=================================================  ========================================================
the cloud has nothing                              POST: the session is created, with what there is
what it has looks otherwise in the store by now    PUT: all of it again (a wallbox told late what it kept)
something is newer than what it has                PATCH: a group of it; every 15 minutes, at the end at once
nothing is newer, and the visit is over            the debt is paid
=================================================  ========================================================

All three are harmless when they arrive twice. Each answer carries the cloud's verdict, which is kept beside our own.
A session that the cloud has lost (404) is created anew; a body that is too large (413) is halved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from sqlite3 import Connection

from hemsd.cloud.answer import Answer, Fate, Request, fate_of
from hemsd.cloud.batches import ALONE, BATCH, FOR_A_BATCH, Batches
from hemsd.cloud.fields import Document, to_bytes, without
from hemsd.cloud.meter_values import Moment, digest_of, first, moments, values_of
from hemsd.cloud.outbox import Outbox
from hemsd.cloud.route import Judgement, NothingToSay, Parcel
from hemsd.cloud.settings import Measurand
from hemsd.cloud.verdict import is_result, verdict_of
from hemsd.model import Visit
from hemsd.said import said
from hemsd.store import outbox as rows
from hemsd.store import queries, verdicts
from hemsd.store.outbox import Entry

MOST_VALUES = 4000  # in one request: about half a megabyte before it is compressed


@dataclass(frozen=True, slots=True)
class Station:
    """A wallbox as the analysis API names it."""

    charging_station_id: str
    connector_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What the cloud has of a visit."""

    upto_ms: int | None = None
    looks: str = ""

    @classmethod
    def read(cls, text: str | None) -> Progress | None:
        """None: the cloud has nothing. ``ALONE`` is what a batch could not bring."""
        return None if text is None or text == ALONE else cls(**json.loads(text))

    def write(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Turn:
    """What one request brings: everything up to here, of which the group is new."""

    method: str
    group: tuple[Moment, ...]
    after: Progress
    complete: bool  # nothing is left in the store when this is taken

    @property
    def plan(self) -> str:
        """The same for the same request; ``frozen_upto_ms`` reads it again."""
        return f"{self.method} {self.after.upto_ms} {self.after.looks}"


def next_turn(has: Progress | None, held: Sequence[Moment], most_values: int) -> Turn | None:
    """The table above; None: nothing is newer."""
    known = () if has is None or has.upto_ms is None else tuple(each for each in held if each.at_ms <= has.upto_ms)
    if has is None:
        method, group = "POST", first(held, most_values)
    elif digest_of(known) != has.looks:
        method, group = "PUT", first(held, most_values)
    elif len(known) < len(held):
        method, group = "PATCH", first(held[len(known) :], most_values)
    else:
        return None
    if not group:
        return None if method != "POST" else Turn(method, (), Progress(), complete=True)
    upto_ms = group[-1].at_ms
    brought = tuple(each for each in held if each.at_ms <= upto_ms)
    return Turn(method, group, Progress(upto_ms, digest_of(brought)), complete=len(brought) == len(held))


def frozen_upto_ms(plan: str | None) -> int | None:
    """How far the request reached that is under way; None: none is, or it brings nothing."""
    upto = (plan or "").split(" ")[1:2]
    return int(upto[0]) if upto and upto[0] != "None" else None


@dataclass(slots=True)
class AnalysisRoute:
    """Satisfies hemsd.cloud.route.Route."""

    lane: str
    url: str
    outbox: Outbox
    stations: Mapping[str, Station]
    measurands: Sequence[Measurand]
    group_s: float
    leave_out: Sequence[str] = ()
    batches: Batches | None = None
    most_values: int = MOST_VALUES
    _turns: dict[int, Turn] = field(default_factory=dict)

    async def next(self, at: datetime, resting: Sequence[int]) -> Entry | None:
        if self.batches is None:
            return await self.outbox.next(self.lane, at, resting)
        batch = await self.batches.standing(at, resting)
        if batch is None:
            return await self.outbox.next(self.lane, at, resting)
        # The members wait for their batch, and those who could be in one for the next.
        other = await self.outbox.next(self.lane, at, (*resting, *batch.waiting), but=FOR_A_BATCH)
        older = other is not None and other.id < batch.oldest_id
        return batch.entry if batch.due and not older else other

    def keyed(self, request: Request, key: str) -> Request:
        return replace(request, headers={**request.headers, "Idempotency-Key": key}) if key else request

    # -- making a parcel ----------------------------------------------------------------------------------------------

    async def parcel(self, entry: Entry, at: datetime) -> Parcel | NothingToSay:
        if entry.kind == BATCH and self.batches is not None:
            return await self.batches.parcel(entry, at)
        return await self.outbox.ask(lambda db: self._parcel(db, entry, at))

    def _parcel(self, db: Connection, entry: Entry, at: datetime) -> Parcel | NothingToSay:
        """In the thread that reads: this work grows with the visit, and the event loop is not to wait for it."""
        visit = queries.visit(db, entry.subject)
        if visit is None or visit.wallbox not in self.stations:
            return NothingToSay(over=True)
        turn = self._turn(entry, self.held(db, visit, at))
        if turn is None:
            over = visit.plugged_out_at is not None
            return NothingToSay(progress=entry.progress, due_at=at + timedelta(seconds=self.group_s), over=over)
        self._turns = {entry.id: turn}
        path = "" if turn.method == "POST" else f"/{visit.id}"
        return Parcel(
            self.request(turn.method, f"/v1/sessions{path}", to_bytes(self.may_leave(self._document(visit, turn)))),
            turn.plan,
        )

    def _turn(self, entry: Entry, held: Sequence[Moment]) -> Turn | None:
        """What is under way goes out again as it was, though more is held by now: or it would get a new key."""
        has = Progress.read(entry.progress)
        upto_ms = frozen_upto_ms(entry.plan)
        if upto_ms is not None:
            again = next_turn(has, [each for each in held if each.at_ms <= upto_ms], self.most_values)
            if again is not None and again.plan == entry.plan:
                return replace(again, complete=held[-1].at_ms <= upto_ms)
        return next_turn(has, held, self.most_values)

    def held(self, db: Connection, visit: Visit, at: datetime) -> tuple[Moment, ...]:
        """Everything of a visit that may leave now."""
        readings, transactions = queries.readings(db, visit.id), queries.transactions_of(db, visit.id)
        return moments(readings, transactions, self.measurands, at, over=visit.plugged_out_at is not None)

    def station_of(self, visit: Visit) -> str | None:
        station = self.stations.get(visit.wallbox)
        return None if station is None else station.charging_station_id

    def request(self, method: str, path: str, body: bytes = b"") -> Request:
        url = self.url.rstrip("/") + path
        return Request(method, url, body, {"Content-Type": "application/json"} if body else {})

    def may_leave(self, session: Document) -> Document:
        """The session without what stays in the house."""
        return without(session, self.leave_out)

    def _document(self, visit: Visit, turn: Turn) -> Document:
        values = values_of(turn.group)
        if turn.method != "POST":
            return {"meter_values": values}
        station = self.stations[visit.wallbox]
        return {
            "session_id": visit.id,
            "charging_station_id": station.charging_station_id,
            "connector_id": station.connector_id,
            "meter_values": values,
        }

    # -- understanding the answer -------------------------------------------------------------------------------------

    async def judged(self, entry: Entry, parcel: Parcel, answer: Answer, at: datetime) -> Judgement:
        if entry.kind == BATCH and self.batches is not None:
            return await self.batches.judged(entry, answer, at)
        turn = self._turns[entry.id]
        match fate_of(answer):
            case Fate.TAKEN:
                return await self._taken(entry, turn, answer, at)
            case Fate.DEAD if answer.status == 404 and turn.method != "POST":
                forget = rows.advance(entry, done=entry.done, progress=None, due_at=at)
                return Judgement(
                    Fate.LATER,
                    also=forget,
                    text=said("cloud.lost_session", "404: the cloud has lost the session; it gets it anew"),
                )
            case Fate.DEAD if answer.status == 413 and len(turn.group) > 1:
                self.most_values = max(1, len(values_of(turn.group)) // 2)
                return Judgement(
                    Fate.LATER,
                    text=said(
                        "cloud.too_much", "413: too much at once; {most} values from now on", most=self.most_values
                    ),
                )
            case fate:
                return Judgement(fate)

    async def _taken(self, entry: Entry, turn: Turn, answer: Answer, at: datetime) -> Judgement:
        result = answer.document()
        if result is None or not is_result(result):
            return Judgement(
                Fate.LATER,
                text=said(
                    "cloud.no_analysis", "{status}, but not in the words of an analysis", status=str(answer.status)
                ),
            )
        verdict = verdicts.record(entry.subject, verdict_of(result, at))
        over, is_all = await self.outbox.ask(lambda db: self._where_it_stands(db, entry.subject, turn, at))
        due_at = at if over or not turn.complete else at + timedelta(seconds=self.group_s)
        return Judgement(Fate.TAKEN, progress=turn.after.write(), due_at=due_at, over=is_all, also=(verdict,))

    def _where_it_stands(self, db: Connection, visit_id: str, turn: Turn, at: datetime) -> tuple[bool, bool]:
        """(whether the visit, which may have ended while the request was out, is over; that all of it is told)"""
        visit = queries.visit(db, visit_id)
        if visit is None or visit.plugged_out_at is None:
            return False, False
        all_told = turn.complete and next_turn(turn.after, self.held(db, visit, at), self.most_values) is None
        return True, all_told
