"""What wallboxes said of their state, kept beside the visits: whether the car asked, paused, or something was faulty.

Only changes are kept, and of a wallbox that changes its mind without end no more than ``MOST_A_DAY``: the memory card
is not its diary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from sqlite3 import Connection
from typing import Final

from hemsd.model import ConnectorStatus, StatusChanged
from hemsd.store.changes import upsert
from hemsd.store.codec import DAY_MS, Value, ms, utc
from hemsd.store.outbox import Statement

MOST_A_DAY: Final = 2000
TOO_HOT: Final = "HighTemperature"  # OCPP 1.6 section 7.6, ChargePointErrorCode


@dataclass(frozen=True, slots=True)
class Told:
    """One thing a wallbox said."""

    at: datetime
    status: ConnectorStatus
    error_code: str


@dataclass(slots=True)
class StatusBook:
    """Decides what is worth a row."""

    _last: dict[str, tuple[ConnectorStatus, str]] = field(default_factory=dict)
    _today: dict[str, tuple[int, int]] = field(default_factory=dict)  # the day, and how many rows it has had

    def row(self, event: StatusChanged, at: datetime) -> Statement | None:
        said = (event.status, event.error_code)
        day, count = self._today.get(event.wallbox, (0, 0))
        today = ms(at) // DAY_MS
        count = count if day == today else 0
        if self._last.get(event.wallbox) == said or count >= MOST_A_DAY:
            return None
        self._last[event.wallbox] = said
        self._today[event.wallbox] = (today, count + 1)
        columns: dict[str, Value] = {
            "wallbox": event.wallbox,
            "at_ms": ms(at),
            "status": event.status,
            "error_code": event.error_code,
        }
        return upsert("wallbox_statuses", ("wallbox", "at_ms"), columns)


def told(db: Connection, wallbox: str, from_at: datetime, until_at: datetime) -> list[Told]:
    """[from_at, until_at), oldest first."""
    rows = db.execute(
        "SELECT * FROM wallbox_statuses WHERE wallbox = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms",
        (wallbox, ms(from_at), ms(until_at)),
    )
    return [Told(utc(row["at_ms"]), ConnectorStatus(row["status"]), row["error_code"]) for row in rows]
