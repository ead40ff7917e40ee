"""What the store answers where hemsd.model has no value for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hemsd.model import UNKNOWN_PHASES, PerPhase, Visit


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
class Reading:
    """What a wallbox measured in one minute of a visit: the newest sample of that minute."""

    at: datetime  # when it was received; for backlog, when the wallbox says that it was
    transaction_id: int | None = None
    offered_a: float | None = None
    offered_w: float | None = None
    currents_a: PerPhase = UNKNOWN_PHASES
    voltages_v: PerPhase = UNKNOWN_PHASES
    power_w: float | None = None
    energy_wh: float | None = None
    soc_pct: float | None = None
    backlog: bool = False


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a wallbox said of the beginning and the end of a charge."""

    id: int
    started_at: datetime
    meter_start_wh: float | None
    ended_at: datetime | None
    meter_stop_wh: float | None


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """The mean of one step of the history; ``at`` is where the step begins."""

    at: datetime
    grid_w: float | None
    pv_w: float | None
    battery_w: float | None
    soc_pct: float | None
    house_w: float | None
    cars_w: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identities:
    """The uuids that the public dialects use, made once."""

    org_id: str
    user_id: str
    location_id: str
    wallboxes: Mapping[str, str] = field(default_factory=dict)
    vehicles: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrittenDay:
    """What the store asked of the card in one UTC day."""

    day_at: datetime
    bytes: int
    commits: int
