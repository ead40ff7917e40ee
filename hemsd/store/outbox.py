"""The outbox as rows: who is still to be told what.

A row is not a message but a debt: "what ``lane`` knows of ``subject`` is out of date". Telling the same again raises
``told``; so a month without a network leaves one row for each visit, not one for each change of it, and what leaves
in the end is the newest state. Only an event that is news by itself carries its own ``body``.

``delivery`` is the idempotency key of what is on its way, written before the first byte leaves and kept until the
receiver's answer is; ``plan`` says what that was, so that after a ``kill -9`` the same goes out under the same key.
``done`` is the ``told`` that the receiver knows of, ``progress`` what a lane needs to remember of a longer story.

What fails for good becomes a dead letter: the same debt, put aside with the receiver's answer. A subject is never in
both places: a person who puts the letter back, and whoever tells of its subject again, make it a debt that goes on
where its story stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Connection, Row
from typing import Protocol

from hemsd.model import Command, QuarterHour, Visit
from hemsd.said import kept, recalled
from hemsd.store import codec

Statement = tuple[str, tuple[codec.Value, ...]]


@dataclass(frozen=True, slots=True)
class Mark:
    """A lane is to be told of a subject, at ``due_at`` or later."""

    lane: str
    kind: str
    subject: str
    at: datetime
    due_at: datetime
    body: str | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        return self.lane, self.kind, self.subject


class Announcer(Protocol):
    """Knows which lanes want to hear of a change. Its marks are committed with that change or not at all."""

    def of_visit(self, visit: Visit, before: Visit | None) -> Iterable[Mark]: ...
    def of_quarter(self, quarter: QuarterHour) -> Iterable[Mark]: ...
    def of_decision(self, visit_id: str) -> Iterable[Mark]: ...
    def of_command(self, command: Command) -> Iterable[Mark]: ...
    def of_course(self, visit_id: str) -> Iterable[Mark]: ...
    def of_transaction_end(self, visit: Visit) -> Iterable[Mark]: ...


class Nobody:
    """Nothing leaves the house."""

    def of_visit(self, visit: Visit, before: Visit | None) -> Iterable[Mark]:
        return ()

    def of_quarter(self, quarter: QuarterHour) -> Iterable[Mark]:
        return ()

    def of_decision(self, visit_id: str) -> Iterable[Mark]:
        return ()

    def of_command(self, command: Command) -> Iterable[Mark]:
        return ()

    def of_course(self, visit_id: str) -> Iterable[Mark]:
        return ()

    def of_transaction_end(self, visit: Visit) -> Iterable[Mark]:
        return ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the outbox."""

    id: int
    lane: str
    kind: str
    subject: str
    told: int
    done: int
    told_at: datetime
    due_at: datetime
    body: str | None = None
    delivery: str | None = None
    plan: str | None = None
    progress: str | None = None
    failures: int = 0  # in a row, by itself; written when they have doubled
    failing_since_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What can't succeed as it is, with what the receiver said."""

    id: int
    lane: str
    kind: str
    subject: str
    died_at: datetime
    status: int | None
    answer: str


@dataclass(frozen=True, slots=True)
class LaneRow:
    """How a lane does, over restarts."""

    failing_since_at: datetime | None = None
    answered_at: datetime | None = None  # when the receiver last took something
    answer: str = ""  # the newest answer, or why there was none
    closed_at: datetime | None = None  # given up


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits on a lane."""

    waiting: int = 0
    oldest_at: datetime | None = None
    dead: int = 0


# ---------------------------------------------------------------------------------------------------------------------
# Writing

LETTER = "lane = ? AND kind = ? AND subject = ?"
TELL = (
    "INSERT INTO outbox (lane, kind, subject, told, done, told_ms, due_ms, body, progress)"
    f" VALUES (?, ?, ?, 1, 0, ?, ?, ?, (SELECT progress FROM dead_letters WHERE {LETTER}))"
    " ON CONFLICT (lane, kind, subject) DO UPDATE SET told = told + 1,"
    " told_ms = CASE WHEN told = done THEN excluded.told_ms ELSE told_ms END,"
    " due_ms = CASE WHEN told = done THEN excluded.due_ms ELSE min(due_ms, excluded.due_ms) END"
)
FREEZE = "UPDATE outbox SET delivery = ?, plan = ? WHERE id = ?"
FORGET = "DELETE FROM outbox WHERE id = ? AND told = ?"
FAILED = "UPDATE outbox SET failures = ?, failing_since_ms = ? WHERE id = ?"
ADVANCE = (
    "UPDATE outbox SET done = ?, progress = ?, delivery = NULL, plan = NULL, failures = 0, failing_since_ms = NULL,"
    " due_ms = CASE WHEN told > ? THEN min(due_ms, ?) ELSE ? END WHERE id = ?"
)
BURY = (
    "INSERT OR REPLACE INTO dead_letters (lane, kind, subject, body, progress, told_ms, died_ms, status, answer)"
    " SELECT lane, kind, subject, body, progress, told_ms, ?, ?, ? FROM outbox WHERE id = ? AND told = ?"
)
REVIVE = (
    "INSERT INTO outbox (lane, kind, subject, told, done, told_ms, due_ms, body, progress)"
    " SELECT lane, kind, subject, 1, 0, told_ms, ?, body, progress FROM dead_letters WHERE {which}"
    " ON CONFLICT (lane, kind, subject) DO UPDATE SET told = told + 1, due_ms = min(due_ms, excluded.due_ms)"
)
LANE = (
    "INSERT INTO lanes (lane, failing_since_ms, answered_ms, answer, closed_ms) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (lane) DO UPDATE SET failing_since_ms = excluded.failing_since_ms,"
    " answered_ms = excluded.answered_ms, answer = excluded.answer, closed_ms = excluded.closed_ms"
)


def tell(mark: Mark) -> tuple[Statement, ...]:
    """A debt; what lies dead of the same subject is due again with it."""
    values = (*mark.place, codec.ms(mark.at), codec.ms(mark.due_at), mark.body, *mark.place)
    return (TELL, values), (f"DELETE FROM dead_letters WHERE {LETTER}", mark.place)


def freeze(entry: Entry, delivery: str, plan: str) -> Statement:
    return FREEZE, (delivery, plan, entry.id)


def forget(entry_id: int, told: int) -> Statement:
    """Nothing is owed any more, unless something was told since."""
    return FORGET, (entry_id, told)


def finish(entry: Entry, progress: str | None = None) -> tuple[Statement, ...]:
    """The receiver knows all; what was told in the meantime keeps the row, and where its story stands."""
    return forget(entry.id, entry.told), *advance(entry, done=entry.told, progress=progress, due_at=entry.due_at)


def advance(entry: Entry, *, done: int, progress: str | None, due_at: datetime) -> tuple[Statement, ...]:
    """One step of a longer story was taken; the next is due at ``due_at``, or before if something was told since."""
    due_ms = codec.ms(due_at)
    return ((ADVANCE, (done, progress, entry.told, due_ms, due_ms, entry.id)),)


def failed(entry: Entry, failures: int, since_at: datetime) -> Statement:
    return FAILED, (failures, codec.ms(since_at), entry.id)


def bury(entry: Entry, at: datetime, status: int | None, answer: str) -> tuple[Statement, ...]:
    """What was told of it in the meantime is tried first: it may be what is missing."""
    return (BURY, (codec.ms(at), status, codec.text(kept(answer)), entry.id, entry.told)), forget(entry.id, entry.told)


def revive(at: datetime, letter_id: int | None) -> tuple[Statement, ...]:
    """One dead letter, or all, goes back into the outbox; a lane that was given up is tried again."""
    which, values = ("1", ()) if letter_id is None else ("id = ?", (letter_id,))
    theirs = "1" if letter_id is None else f"lane IN (SELECT lane FROM dead_letters WHERE {which})"
    opened = f"UPDATE lanes SET closed_ms = NULL, failing_since_ms = NULL WHERE closed_ms IS NOT NULL AND {theirs}"
    return (
        (opened, values),
        (REVIVE.format(which=which), (codec.ms(at), *values)),
        (f"DELETE FROM dead_letters WHERE {which}", values),
    )


def lane(name: str, row: LaneRow) -> Statement:
    moments = (codec.ms_or_none(at) for at in (row.failing_since_at, row.answered_at))
    return LANE, (name, *moments, codec.text(kept(row.answer)), codec.ms_or_none(row.closed_at))


def empty(name: str) -> Statement:
    """Nothing of this lane is owed any more."""
    return "DELETE FROM outbox WHERE lane = ?", (name,)


# ---------------------------------------------------------------------------------------------------------------------
# Reading

FARTHEST_MS = 2 * 3_600_000
"""No debt is due later than this from now; one that seems to be shows that the wall clock was set back."""

OWED = "told > done AND (due_ms <= ? OR due_ms > ?)"


def next_due(db: Connection, lane: str, at: datetime, resting: Iterable[int] = (), but: str = "FALSE") -> Entry | None:
    """The oldest debt that is due, except for those that rest, and ``but`` for those that fulfil a condition."""
    now_ms = codec.ms(at)
    rest = ",".join(str(int(id_)) for id_ in resting)
    row = db.execute(
        f"SELECT * FROM outbox WHERE lane = ? AND {OWED} AND id NOT IN ({rest}) AND NOT ({but}) ORDER BY id LIMIT 1",
        (lane, now_ms, now_ms + FARTHEST_MS),
    ).fetchone()
    return None if row is None else entry_of(row)


def next_due_at(db: Connection, lane: str, at: datetime) -> datetime | None:
    """When something becomes due that is not yet."""
    row = db.execute(
        "SELECT min(due_ms) FROM outbox WHERE lane = ? AND told > done AND due_ms > ?", (lane, codec.ms(at))
    ).fetchone()
    return codec.utc_or_none(row[0])


def is_due(entry: Entry, at: datetime) -> bool:
    due_ms, now_ms = codec.ms(entry.due_at), codec.ms(at)
    return entry.told > entry.done and not now_ms < due_ms <= now_ms + FARTHEST_MS


def entries(db: Connection, lane: str, kind: str) -> Iterator[Entry]:
    """Everything owed of one kind, oldest first."""
    for row in db.execute("SELECT * FROM outbox WHERE lane = ? AND kind = ? ORDER BY id", (lane, kind)):
        yield entry_of(row)


def entry_of(row: Row) -> Entry:
    return Entry(
        id=row["id"],
        lane=row["lane"],
        kind=row["kind"],
        subject=row["subject"],
        told=row["told"],
        done=row["done"],
        told_at=codec.utc(row["told_ms"]),
        due_at=codec.utc(row["due_ms"]),
        body=row["body"],
        delivery=row["delivery"],
        plan=row["plan"],
        progress=row["progress"],
        failures=row["failures"],
        failing_since_at=codec.utc_or_none(row["failing_since_ms"]),
    )


def lanes(db: Connection) -> dict[str, LaneRow]:
    return {
        row["lane"]: LaneRow(
            codec.utc_or_none(row["failing_since_ms"]),
            codec.utc_or_none(row["answered_ms"]),
            recalled(row["answer"]),
            codec.utc_or_none(row["closed_ms"]),
        )
        for row in db.execute("SELECT * FROM lanes")
    }


def backlogs(db: Connection) -> dict[str, Backlog]:
    found = {
        row[0]: Backlog(row[1], codec.utc_or_none(row[2]))
        for row in db.execute("SELECT lane, count(*), min(told_ms) FROM outbox WHERE told > done GROUP BY lane")
    }
    for name, dead in db.execute("SELECT lane, count(*) FROM dead_letters GROUP BY lane"):
        waiting = found.get(name, Backlog())
        found[name] = Backlog(waiting.waiting, waiting.oldest_at, dead)
    return found


def dead_letters(db: Connection) -> tuple[DeadLetter, ...]:
    return tuple(
        DeadLetter(
            row["id"],
            row["lane"],
            row["kind"],
            row["subject"],
            codec.utc(row["died_ms"]),
            row["status"],
            recalled(row["answer"]),
        )
        for row in db.execute("SELECT * FROM dead_letters ORDER BY id")
    )
