"""What a visit is for and how far it has come: level of charge, targets, blocks, prospect, error.

Every visit has a course; one with a policy begins before its car comes, as UPCOMING, and takes its identity along into
the visit. It is a fold: each tick gives the next course from the one before and from what was seen. Nothing of it
needs the past but what it holds itself, so a course that was written down and read again goes on as if nothing had
been.

    UPCOMING --plug_in--> ACTIVE (what runs now names it) --settle--> SETTLED, and never changes again

Here are the values, and what can be read off them. ``rules.course_steps`` takes a course from the policy that waits to
the car that has gone, ``rules.blocks`` opens and closes its blocks, ``rules.prospect`` says what will come of it.

*Level.* A car or a person tells it now and then; in between it is estimated from the energy since. Before anybody has
told it, the policy's reserve is assumed: no higher, so that the target is not missed, and no lower, so that nothing is
charged at once on a guess. The first level that is told puts the level at plug-in right; after that it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rules.plan_values import BlockType, estimated_soc_pct
from rules.schedule import NO_TARGETS, Target, Targets, TargetType

TINY_WH = 0.5
TINY_PCT = 0.05


class Stage(StrEnum):
    """Where a visit stands; the words of the flex dialect."""

    UPCOMING = "UPCOMING"
    BATTERY_RESERVE = "ACTIVE:BATTERY_RESERVE"
    REGULAR = "ACTIVE:REGULAR"
    IMMEDIATE_START = "ACTIVE:IMMEDIATE_START"
    SETTLED = "SETTLED"


class Trouble(StrEnum):
    """What keeps a visit from its course at present."""

    START_FAIL = "START_FAIL"
    STOP_FAIL = "STOP_FAIL"


@dataclass(frozen=True, slots=True)
class Level:
    """The car's level of charge when it was last known, and how much the visit had charged by then."""

    pct: float
    at_wh: float = 0.0
    told_at: datetime | None = None  # by whom it was told, car or person, does not matter; None: assumed

    def now_pct(self, energy_wh: float, battery: Battery) -> float:
        return estimated_soc_pct(self.pct, max(0.0, energy_wh - self.at_wh), battery.capacity_wh, battery.efficiency)


@dataclass(frozen=True, slots=True)
class Battery:
    """The car's own, as far as it is known."""

    capacity_wh: float = 60_000.0
    efficiency: float = 0.9  # what of the wallbox's energy arrives in it


@dataclass(frozen=True, slots=True)
class Begun:
    """A block that runs or has run: from one count of the visit's energy to another."""

    type: BlockType
    started_at: datetime
    from_wh: float
    planned_end_at: datetime | None = None  # None: nobody planned it, current flows all the same
    unasked_at: datetime | None = None  # since when nobody asks for it any more, and the car is still slowing down
    ended_at: datetime | None = None
    to_wh: float | None = None


@dataclass(frozen=True, slots=True)
class Prospect:
    """What will come of the newest target; once settled, what came of it."""

    target_id: int
    type: TargetType
    on_target: bool
    level_at_ready_by_pct: float | None = None  # only where the target is missed
    reached_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """The money of a finished visit, and its CO2."""

    has_complete_price_coverage: bool
    cost_eur: float | None = None
    savings_eur: float | None = None
    co2_g: float | None = None
    co2_saved_g: float | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A visit's course. ``policy`` is None where nobody manages the visit: then only the level is followed."""

    id: str  # becomes the visit's
    policy: str | None = None
    targets: Targets = NO_TARGETS
    plugged_in_at: datetime | None = None
    settled_at: datetime | None = None
    level: Level | None = None
    from_pct: float | None = None  # at plug-in
    begun: tuple[Begun, ...] = ()
    prospect: Prospect | None = None
    trouble: Trouble | None = None
    reached_at: datetime | None = None  # when the level first reached the newest target
    began_boosted: bool = False  # an immediate start was asked for before the car came
    boosted: bool = False  # ... or while it was there
    desired_start_at: datetime | None = None  # where the newest plan begins and ends
    desired_end_at: datetime | None = None
    target_reachable: bool | None = None
    reachable_pct: float | None = None
    expected_savings_eur: float | None = None
    peak_w: float = 0.0
    charging_s: float = 0.0
    energy_wh: float = 0.0
    seen_at: datetime | None = None
    bill: Bill | None = None

    @property
    def running(self) -> Begun | None:
        last = self.begun[-1] if self.begun else None
        return last if last is not None and last.ended_at is None else None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tick saw of a plugged-in car."""

    at: datetime
    energy_wh: float  # into the car since plug-in
    power_w: float | None
    told_pct: float | None  # what car or person told last
    told_at: datetime | None  # ... and when
    flows: bool  # the car draws more than its electronics need


# ---------------------------------------------------------------------------------------------------------------------
# Read off a course


def level_pct(course: Course, energy_wh: float, battery: Battery) -> float:
    """The car's level of charge at present, told or estimated."""
    return course.level.now_pct(energy_wh, battery) if course.level else 0.0


def has(now_pct: float, target: Target) -> bool:
    """Whether a level is that of a target, but for what no car tells."""
    return now_pct >= target.minimum_charge_target_pct - TINY_PCT


def asks_at_once(course: Course, now_pct: float, reserve_pct: float) -> BlockType | None:
    """What may not wait for a price: an immediate start, or the reserve."""
    latest = course.targets.latest
    if latest is not None and latest.type is TargetType.IMMEDIATE_START:
        return BlockType.IMMEDIATE_START
    return BlockType.BATTERY_RESERVE if now_pct < reserve_pct else None


def boost_pct(course: Course) -> float | None:
    latest = course.targets.latest
    if latest is None or latest.type is not TargetType.IMMEDIATE_START:
        return None
    return latest.minimum_charge_target_pct


def stage(course: Course, now_pct: float, reserve_pct: float) -> Stage:
    """What is being done now; between blocks it is REGULAR unless the reserve or an immediate start is in force."""
    if course.settled_at is not None:
        return Stage.SETTLED
    if course.plugged_in_at is None:
        return Stage.UPCOMING
    running = course.running
    block_type = running.type if running is not None else asks_at_once(course, now_pct, reserve_pct)
    match block_type:
        case BlockType.BATTERY_RESERVE:
            return Stage.BATTERY_RESERVE
        case BlockType.IMMEDIATE_START:
            return Stage.IMMEDIATE_START
        case _:
            return Stage.REGULAR
