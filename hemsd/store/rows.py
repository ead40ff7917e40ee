"""What the store answers where hemsd.model has no value for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hemsd.model import Visit


class StoreError(Exception):
    """The database can't be used. The text is for people."""


class CantOpen(StoreError):
    """The file, or the card that it is on, does not let us."""


class BadCursor(ValueError):
    """A cursor that this store did not issue."""


@dataclass(frozen=True, slots=True)
class VisitFilter:
    """Which visits; what is None does not matter. Both bounds of a range are included."""

    wallbox: str | None = None
    vehicle: str | None = None
    policy: str | None = None
    managed: bool | None = None
    lasted_s: float | None = None  # at least so long; leaves out those that run
    ended: bool | None = None
    plugged_in_from_at: datetime | None = None
    plugged_in_to_at: datetime | None = None
    plugged_out_to_at: datetime | None = None


ALL_VISITS = VisitFilter()


@dataclass(frozen=True, slots=True)
class VisitPage:
    """Newest first. A cursor is None where nothing more lies in its direction."""

    visits: tuple[Visit, ...]
    after: str | None = None  # to older ones
    before: str | None = None  # back to newer ones


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a wallbox said of the beginning and the end of a charge."""

    id: int
    started_at: datetime
    meter_start_wh: float | None
    ended_at: datetime | None
    meter_stop_wh: float | None


@dataclass(frozen=True, slots=True)
class WrittenDay:
    """What the store asked of the card in one UTC day."""

    day_at: datetime
    bytes: int
    commits: int
