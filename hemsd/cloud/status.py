"""`hemsd cloud status` and `hemsd cloud retry`: how the lanes do, from the database alone, beside a running daemon."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from hemsd.cloud.fields import timestamp
from hemsd.cloud.service import ANALYSIS, SUMMARIES, hook_lane
from hemsd.cloud.settings import CloudSettings
from hemsd.cloud.telemetry import TELEMETRY
from hemsd.store import outbox as rows
from hemsd.store.outbox import Backlog, DeadLetter, LaneRow

BUSY_S = 5.0


@dataclass(frozen=True, slots=True)
class LaneStatus:
    name: str
    address: str
    backlog: Backlog
    row: LaneRow

    @property
    def words(self) -> str:
        row, backlog = self.row, self.backlog
        if row.closed_at is not None:
            return f"given up since {timestamp(row.closed_at)}: {row.answer}"
        waiting = "nothing waits"
        if backlog.waiting:
            oldest = f", the oldest since {timestamp(backlog.oldest_at)}" if backlog.oldest_at else ""
            waiting = f"{backlog.waiting} waiting{oldest}"
        if row.failing_since_at is not None:
            return f"{waiting}; failing since {timestamp(row.failing_since_at)}: {row.answer}"
        last = f"last answer {row.answer} at {timestamp(row.answered_at)}" if row.answered_at else "no answer yet"
        return f"{waiting}; {last}"


@dataclass(frozen=True, slots=True)
class CloudStatus:
    lanes: tuple[LaneStatus, ...]
    dead: tuple[DeadLetter, ...]

    def text(self) -> str:
        if not self.lanes:
            return "Nobody is told anything: config.yaml names nobody under cloud."
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for lane in self.lanes:
            yield f"{lane.name:<18} {lane.address:<30} {lane.words}"
        if self.dead:
            yield ""
            yield "Refused for good (hemsd cloud retry NUMBER, or all of them: hemsd cloud retry):"
        for letter in self.dead:
            what = f"{letter.lane} {letter.kind} {letter.subject}"
            yield f"{letter.id:>5} {timestamp(letter.died_at)} {what}: {letter.answer}"

    def document(self) -> dict[str, object]:
        """The same as JSON can hold it."""
        return {
            "lanes": [
                {
                    "lane": lane.name,
                    "address": lane.address,
                    "waiting": lane.backlog.waiting,
                    "oldest_at": _text(lane.backlog.oldest_at),
                    "dead": lane.backlog.dead,
                    "failing_since_at": _text(lane.row.failing_since_at),
                    "answered_at": _text(lane.row.answered_at),
                    "answer": lane.row.answer,
                    "given_up_at": _text(lane.row.closed_at),
                }
                for lane in self.lanes
            ],
            "dead_letters": [
                {
                    "id": letter.id,
                    "lane": letter.lane,
                    "kind": letter.kind,
                    "subject": letter.subject,
                    "died_at": _text(letter.died_at),
                    "status": letter.status,
                    "answer": letter.answer,
                }
                for letter in self.dead
            ],
        }


def _text(at: datetime | None) -> str | None:
    return None if at is None else timestamp(at)


def addresses(cloud: CloudSettings) -> Mapping[str, str]:
    """Who is told, by lane; without paths and queries, which may hold secrets."""
    found = {}
    for name, receiver in ((ANALYSIS, cloud.analysis), (SUMMARIES, cloud.summaries)):
        if receiver is not None:
            found[name] = _host(receiver.url)
    found |= {hook_lane(hook): _host(hook.url) for hook in cloud.webhooks}
    if cloud.telemetry is not None:
        found[TELEMETRY] = f"{cloud.telemetry.host}:{cloud.telemetry.port}"
    return found


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def status(cloud: CloudSettings, database: Path) -> CloudStatus:
    """Raises sqlite3.Error where the database can't be read."""
    known = addresses(cloud)
    if not known or not database.exists():
        return CloudStatus(tuple(LaneStatus(*each, Backlog(), LaneRow()) for each in known.items()), ())
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)) as db:
        db.row_factory = sqlite3.Row
        return put_together(known, db)


def put_together(known: Mapping[str, str], db: sqlite3.Connection) -> CloudStatus:
    """What the database has of the lanes with these addresses."""
    lanes, backlogs, dead = rows.lanes(db), rows.backlogs(db), rows.dead_letters(db)
    return CloudStatus(
        tuple(
            LaneStatus(name, address, backlogs.get(name, Backlog()), lanes.get(name, LaneRow()))
            for name, address in known.items()
        ),
        tuple(letter for letter in dead if letter.lane in known),
    )


def retry(database: Path, at: datetime, letter_id: int | None) -> int:
    """Puts a dead letter, or all, back into the outbox; gives how many. The daemon finds them within a minute."""
    with closing(sqlite3.connect(database, timeout=BUSY_S)) as db, db:
        before = _count(db)
        for sql, values in rows.revive(at, letter_id):
            db.execute(sql, values)
        return before - _count(db)


def _count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM dead_letters").fetchone()[0])
