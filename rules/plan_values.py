"""What a charge plan is made from, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from hemsd.model import QUARTER, quarter_start
from rules.plan_reason import Story

QUARTER_H = 0.25
FULL_PCT = 100.0


class BlockType(StrEnum):
    """Why a block charges; the words of the flex dialect."""

    BATTERY_RESERVE = "BATTERY_RESERVE"
    REGULAR = "REGULAR"
    IMMEDIATE_START = "IMMEDIATE_START"


@dataclass(frozen=True, slots=True)
class Quarter:
    """What is known of a UTC quarter-hour to come."""

    start_at: datetime
    import_eur_per_kwh: float | None = None
    export_eur_per_kwh: float | None = None
    surplus_w: float | None = None  # what the sun will leave over for the car; None: no forecast, so none is counted on


@dataclass(frozen=True, slots=True)
class PowerRange:
    """What wallbox and car can do on one count of phases: any power between the two."""

    phases: int
    min_w: float
    max_w: float


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that a plan depends on. ``powers`` has at least one range."""

    at: datetime
    soc_pct: float
    capacity_wh: float
    powers: tuple[PowerRange, ...]
    quarters: tuple[Quarter, ...] = ()
    target_pct: float = 0.0
    deadline_at: datetime | None = None  # None: only the reserve, a boost, and what the grid pays for
    reserve_pct: float = 0.0  # the car's own: below it, it charges at once
    boost_pct: float | None = None  # an immediate start up to here
    limit_pct: float = FULL_PCT  # where the car ends by itself
    efficiency: float = 0.9  # what of the wallbox's energy arrives in the battery
    running: bool = False  # the car charges by plan at this moment
    zone: tzinfo = field(default=UTC)  # for the clock times in the reason

    def missing_wh(self, level_pct: float) -> float:
        """Energy at the wallbox up to a level; 0 when it is reached."""
        missing_pct = min(level_pct, self.limit_pct) - self.soc_pct
        return max(0.0, missing_pct / FULL_PCT * self.capacity_wh / self.efficiency)

    @property
    def left_h(self) -> float:
        """What is left of the present quarter-hour."""
        return QUARTER_H - (self.at - quarter_start(self.at)) / timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PlannedQuarter:
    """What one quarter-hour shall do."""

    start_at: datetime
    type: BlockType
    energy_wh: float  # at the wallbox
    solar_wh: float
    power_w: float
    phases: int
    cost_eur: float | None  # None: its price is not known


@dataclass(frozen=True, slots=True)
class Block:
    """Quarter-hours of one type without a gap. The first one may begin before now: with the present quarter-hour."""

    type: BlockType
    start_at: datetime
    end_at: datetime
    energy_wh: float
    cost_eur: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The blocks, what they cost, what they lead to, and why they lie where they lie."""

    blocks: tuple[Block, ...]
    quarters: tuple[PlannedQuarter, ...]
    energy_wh: float
    cost_eur: float | None
    has_complete_price_coverage: bool  # from now to the deadline (or the plan's end) every price is known
    target_reachable: bool
    soc_at_deadline_pct: float
    target_reached_at: datetime | None  # None: it is reached already, or there is none
    reason: str
    story: Story  # what the reason tells, for other languages

    def at(self, moment: datetime) -> PlannedQuarter | None:
        """What this moment shall do; None: wait."""
        return next((each for each in self.quarters if each.start_at <= moment < each.start_at + QUARTER), None)


def estimated_soc_pct(known_pct: float, energy_wh: float, capacity_wh: float, efficiency: float = 0.9) -> float:
    """The level now, from the level that was known and the wallbox's energy since then."""
    return min(FULL_PCT, known_pct + energy_wh * efficiency / capacity_wh * FULL_PCT)
