"""When the car charges: the minimum by the deadline at the least cost, as blocks on quarter-hours, with the reason.

The order of things. First what shall not wait for a price: a boost, or the car's own battery reserve, at once and at
full power. Then the minimum charge target by the deadline, in the quarter-hours where it costs least: the sun's
surplus costs the feed-in price that it would have brought, the grid costs its price (``rules.cheapest`` chooses). More
than the minimum is charged only where the grid pays for it.

A target that can't be reached in time is charged for without a pause, past the deadline until it is reached, and the
plan says what level the deadline will see. A deadline that has passed is the same case. A price that is not known is
assumed to be the mean of the known ones, so the deadline is met anyway; costs that rest on an assumption are None.

Equal costs: what touches a running block first, then the earliest, so that what goes wrong can still be made good.
The plan holds no state. When reality differs, it is simply made anew; with the same inputs it is the same plan.

Days have 92, 96 or 100 quarter-hours; here they are only UTC quarter-hours, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from rules.cheapest import Slot, cheapest, joined
from rules.plan_reason import Story, reason

QUARTER = timedelta(minutes=15)
QUARTER_H = 0.25
LONGEST_HORIZON = timedelta(days=8)  # a weekly schedule is never further away
NO_PRICE_EUR_PER_KWH = 1.0  # where no price at all is known: dearer than the sun, and the same everywhere
TINY_WH = 0.5
TINY_PCT = 0.01
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

    def at(self, moment: datetime) -> PlannedQuarter | None:
        """What this moment shall do; None: wait."""
        return next((each for each in self.quarters if each.start_at <= moment < each.start_at + QUARTER), None)


def make_plan(task: Task) -> Plan:
    """The plan for the rest of a visit."""
    at_once_wh = _missing_wh(task, max(task.reserve_pct, task.boost_pct or 0.0))
    minimum_wh = at_once_wh if task.deadline_at is None else max(at_once_wh, _missing_wh(task, task.target_pct))
    hours = _hours(task, _until(task))
    max_w = max(power.max_w for power in task.powers)
    in_time = minimum_wh <= sum(hours) * max_w + TINY_WH
    if not in_time:
        hours = _until_enough(task, minimum_wh / max_w)
    slots, known = _slots(task, hours)
    slots, at_once = _committed(slots, at_once_wh if in_time else minimum_wh)
    if in_time:
        energies_wh = joined(slots, cheapest(slots, minimum_wh, _most_wh(task, minimum_wh)), before=task.running)
    else:
        energies_wh = tuple(slot.committed_wh for slot in slots)
    types = _types(task, energies_wh, at_once_wh, at_once)
    quarters = _quarters(task, slots, known, energies_wh, types)
    return _told(task, slots, known, quarters)


def estimated_soc_pct(known_pct: float, energy_wh: float, capacity_wh: float, efficiency: float = 0.9) -> float:
    """The level now, from the level that was known and the wallbox's energy since then."""
    return min(FULL_PCT, known_pct + energy_wh * efficiency / capacity_wh * FULL_PCT)


def quarter_of(moment: datetime) -> datetime:
    """The beginning of the UTC quarter-hour that holds a moment."""
    utc = moment.astimezone(UTC)
    return utc.replace(minute=utc.minute - utc.minute % 15, second=0, microsecond=0)


# ---------------------------------------------------------------------------------------------------------------------
# What there is to do, and in which quarter-hours


def _missing_wh(task: Task, level_pct: float) -> float:
    """Energy at the wallbox up to a level; 0 when it is reached."""
    missing_pct = min(level_pct, task.limit_pct) - task.soc_pct
    return max(0.0, missing_pct / FULL_PCT * task.capacity_wh / task.efficiency)


def _most_wh(task: Task, minimum_wh: float) -> float:
    return max(minimum_wh, _missing_wh(task, task.limit_pct))


def _until(task: Task) -> datetime:
    """The end of the last whole quarter-hour before the deadline; without one, where the prices end."""
    if task.deadline_at is not None:
        return min(quarter_of(task.deadline_at), task.at + LONGEST_HORIZON)
    return max((each.start_at + QUARTER for each in task.quarters), default=task.at)


def _hours(task: Task, until_at: datetime) -> list[float]:
    """How much of each quarter-hour is left, from the present one on."""
    first_at = quarter_of(task.at)
    count = max(0, math.ceil((until_at - first_at) / QUARTER))
    return [_left_h(task), *[QUARTER_H] * (count - 1)] if count else []


def _left_h(task: Task) -> float:
    return QUARTER_H - (task.at - quarter_of(task.at)) / timedelta(hours=1)


def _until_enough(task: Task, hours: float) -> list[float]:
    """Quarter-hours without a pause that hold so many hours."""
    left_h = _left_h(task)
    more = max(0, math.ceil((hours - left_h) / QUARTER_H - 1e-9))
    return [left_h, *[QUARTER_H] * more]


def _slots(task: Task, hours: Sequence[float]) -> tuple[list[Slot], list[Quarter]]:
    """What each quarter-hour offers, unknown prices assumed, and what is really known of it."""
    by_start = {each.start_at: each for each in task.quarters}
    first_at = quarter_of(task.at)
    starts = [first_at + number * QUARTER for number in range(len(hours))]
    known = [by_start.get(start_at, Quarter(start_at)) for start_at in starts]
    prices = [each.import_eur_per_kwh for each in known if each.import_eur_per_kwh is not None]
    assumed = sum(prices) / len(prices) if prices else NO_PRICE_EUR_PER_KWH
    ranges = _merged(task.powers)
    return [
        Slot(
            hours=length_h,
            ranges_w=ranges,
            import_eur_per_kwh=assumed if each.import_eur_per_kwh is None else each.import_eur_per_kwh,
            export_eur_per_kwh=each.export_eur_per_kwh or 0.0,
            sun_w=max(0.0, each.surplus_w or 0.0) if each.export_eur_per_kwh is not None else 0.0,
        )
        for length_h, each in zip(hours, known, strict=True)
    ], known


def _merged(powers: tuple[PowerRange, ...]) -> tuple[tuple[float, float], ...]:
    """The powers as ranges that ascend and do not overlap."""
    merged: list[tuple[float, float]] = []
    for low_w, high_w in sorted((power.min_w, power.max_w) for power in powers):
        if merged and low_w <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], high_w)
        else:
            merged.append((low_w, high_w))
    return tuple(merged)


def _committed(slots: list[Slot], at_once_wh: float) -> tuple[list[Slot], int]:
    """The slots with an energy set aside at full power from now on, and how many of them that takes."""
    result, left_wh, count = [], at_once_wh, 0
    for slot in slots:
        if left_wh > TINY_WH:
            share_wh = min(left_wh, slot.max_wh)
            result.append(replace(slot, committed_wh=share_wh))
            left_wh -= share_wh
            count += 1
        else:
            result.append(slot)
    return result, count


# ---------------------------------------------------------------------------------------------------------------------
# What comes of it


def _types(task: Task, energies_wh: Sequence[float], at_once_wh: float, at_once: int) -> list[BlockType]:
    """A quarter-hour that the reserve needs a part of is counted to it as a whole."""
    urgent = BlockType.BATTERY_RESERVE if task.boost_pct is None else BlockType.IMMEDIATE_START
    types, done_wh = [], 0.0
    for number, energy_wh in enumerate(energies_wh):
        types.append(urgent if number < at_once and done_wh < at_once_wh - TINY_WH else BlockType.REGULAR)
        done_wh += energy_wh
    return types


def _quarters(
    task: Task, slots: Sequence[Slot], known: Sequence[Quarter], energies_wh: Sequence[float], types: list[BlockType]
) -> tuple[PlannedQuarter, ...]:
    planned: list[PlannedQuarter] = []
    for slot, each, energy_wh, block_type in zip(slots, known, energies_wh, types, strict=True):
        if energy_wh <= TINY_WH:
            continue
        power_w = slot.max_wh / slot.hours if slot.committed_wh else energy_wh / slot.hours
        solar_wh = slot.sun_wh(energy_wh)
        priced = each.import_eur_per_kwh is not None or energy_wh - solar_wh <= TINY_WH
        planned.append(
            PlannedQuarter(
                start_at=each.start_at,
                type=block_type,
                energy_wh=energy_wh,
                solar_wh=solar_wh,
                power_w=power_w,
                phases=_phases(task.powers, power_w, planned[-1].phases if planned else None),
                cost_eur=slot.cost_eur(energy_wh) if priced else None,
            )
        )
    return tuple(planned)


def _phases(powers: tuple[PowerRange, ...], power_w: float, before: int | None) -> int:
    """On how many phases a power is charged: as before where that can give it, else on as many as can."""
    fitting = [each.phases for each in powers if each.min_w - 1.0 <= power_w <= each.max_w + 1.0]
    if before in fitting:
        return before
    return max(fitting, default=powers[0].phases)


def _blocks(quarters: Sequence[PlannedQuarter]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for each in quarters:
        last = blocks[-1] if blocks else None
        if last is not None and last.end_at == each.start_at and last.type is each.type:
            blocks[-1] = replace(
                last,
                end_at=each.start_at + QUARTER,
                energy_wh=last.energy_wh + each.energy_wh,
                cost_eur=_sum((last.cost_eur, each.cost_eur)),
            )
        else:
            blocks.append(Block(each.type, each.start_at, each.start_at + QUARTER, each.energy_wh, each.cost_eur))
    return tuple(blocks)


def _sum(costs_eur: Sequence[float | None]) -> float | None:
    known = [cost_eur for cost_eur in costs_eur if cost_eur is not None]
    return sum(known) if len(known) == len(costs_eur) else None


def _told(task: Task, slots: Sequence[Slot], known: Sequence[Quarter], quarters: tuple[PlannedQuarter, ...]) -> Plan:
    energy_wh = sum(each.energy_wh for each in quarters)
    cost_eur = _sum([each.cost_eur for each in quarters])
    priced_h = sum(slot.hours for slot, each in zip(slots, known, strict=True) if each.import_eur_per_kwh is not None)
    all_h = sum(slot.hours for slot in slots)
    prices = {each.import_eur_per_kwh for each in known}
    soc_pct = _soc_at(task, quarters, task.deadline_at)
    reachable = task.deadline_at is None or soc_pct >= min(task.target_pct, task.limit_pct) - TINY_PCT
    reached_at = _reached_at(task, quarters, task.target_pct if task.deadline_at is not None else 0.0)
    story = Story(
        at=task.at,
        zone=task.zone,
        soc_pct=task.soc_pct,
        target_pct=min(task.target_pct, task.limit_pct),
        deadline_at=task.deadline_at,
        reserve_pct=task.reserve_pct if _has(quarters, BlockType.BATTERY_RESERVE) else None,
        boost_pct=task.boost_pct if _has(quarters, BlockType.IMMEDIATE_START) else None,
        regular_h=_regular_h(task, quarters),
        energy_wh=energy_wh,
        solar_wh=sum(each.solar_wh for each in quarters),
        cost_eur=cost_eur,
        same_price=len(prices) == 1,
        priced_h=priced_h,
        all_h=all_h,
        reachable=reachable,
        soc_at_deadline_pct=soc_pct,
        reached_at=reached_at,
    )
    return Plan(
        blocks=_blocks(quarters),
        quarters=quarters,
        energy_wh=energy_wh,
        cost_eur=cost_eur,
        has_complete_price_coverage=priced_h >= all_h - 1e-9,
        target_reachable=reachable,
        soc_at_deadline_pct=soc_pct,
        target_reached_at=reached_at,
        reason=reason(story),
    )


def _has(quarters: Sequence[PlannedQuarter], block_type: BlockType) -> bool:
    return any(each.type is block_type for each in quarters)


def _regular_h(task: Task, quarters: Sequence[PlannedQuarter]) -> float:
    now_at = quarter_of(task.at)
    return sum(
        _left_h(task) if each.start_at == now_at else QUARTER_H for each in quarters if each.type is BlockType.REGULAR
    )


def _soc_at(task: Task, quarters: Sequence[PlannedQuarter], moment: datetime | None) -> float:
    """The level that the plan leads to; by a moment, counting what is charged before it."""
    energies: Mapping[datetime, float] = {each.start_at: each.energy_wh for each in quarters}
    energy_wh = sum(
        wh for start_at, wh in energies.items() if moment is None or start_at + QUARTER <= max(moment, task.at)
    )
    return min(
        task.limit_pct, max(task.soc_pct, estimated_soc_pct(task.soc_pct, energy_wh, task.capacity_wh, task.efficiency))
    )


def _reached_at(task: Task, quarters: Sequence[PlannedQuarter], level_pct: float) -> datetime | None:
    """When the plan brings the level to the target."""
    missing_wh = _missing_wh(task, level_pct)
    if missing_wh <= TINY_WH:
        return None
    for each in quarters:
        if missing_wh <= each.energy_wh + TINY_WH:
            return max(each.start_at, task.at) + timedelta(hours=missing_wh / each.power_w)
        missing_wh -= each.energy_wh
    return None
