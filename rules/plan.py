"""When the car charges: the minimum by the deadline at the least cost, as blocks on quarter-hours, with the reason.

The order of things. First what shall not wait for a price: a boost, or the car's own battery reserve, at once and at
full power. Then the minimum charge target by the deadline, in the quarter-hours where it costs least: the sun's
surplus costs the feed-in price that it would have brought, the grid costs its price (``rules.cheapest`` chooses). More
than the minimum is charged only where the grid pays for it.

A target that can't be reached in time is charged for without a pause, past the deadline until it is reached, and the
plan says what level the deadline will see. A deadline that has passed is the same case. A price that is not known is
assumed to be the mean of the known ones, so the deadline is met anyway; costs that rest on an assumption are None.

A deadline within a quarter-hour leaves a part of that one: its energy is charged before the deadline, though the block
ends with the quarter-hour, as blocks do.

Equal costs: what touches a running block first, then the earliest, so that what goes wrong can still be made good.
The plan holds no state. When reality differs, it is simply made anew; with the same inputs it is the same plan.

Days have 92, 96 or 100 quarter-hours; here they are only UTC quarter-hours, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hemsd.model import QUARTER, quarter_start
from rules.cheapest import Slot, cheapest
from rules.plan_result import told
from rules.plan_values import (
    QUARTER_H,
    Block,
    BlockType,
    Plan,
    PlannedQuarter,
    PowerRange,
    Quarter,
    Task,
    estimated_soc_pct,
)
from rules.side_by_side import joined

__all__ = [
    "Block",
    "BlockType",
    "Plan",
    "PlannedQuarter",
    "PowerRange",
    "Quarter",
    "Task",
    "estimated_soc_pct",
    "make_plan",
]

LONGEST_HORIZON = timedelta(days=8)  # a weekly schedule is never further away
NO_PRICE_EUR_PER_KWH = 1.0  # where no price at all is known: dearer than the sun, and the same everywhere
TINY_WH = 0.5


def make_plan(task: Task) -> Plan:
    """The plan for the rest of a visit."""
    at_once_wh = task.missing_wh(max(task.reserve_pct, task.boost_pct or 0.0))
    minimum_wh = at_once_wh if task.deadline_at is None else max(at_once_wh, task.missing_wh(task.target_pct))
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
    return told(task, slots, known, energies_wh, _types(task, energies_wh, at_once_wh, at_once))


def _most_wh(task: Task, minimum_wh: float) -> float:
    return max(minimum_wh, task.missing_wh(task.limit_pct))


def _until(task: Task) -> datetime:
    """The deadline; without one, where the prices end."""
    if task.deadline_at is not None:
        return min(task.deadline_at, quarter_start(task.at + LONGEST_HORIZON))
    return max((each.start_at + QUARTER for each in task.quarters), default=task.at)


def _hours(task: Task, until_at: datetime) -> list[float]:
    """How much there is of each quarter-hour: of the present one what is left, of the last one what comes before."""
    hours = []
    start_at = quarter_start(task.at)
    while start_at < until_at:
        hours.append((min(start_at + QUARTER, until_at) - max(start_at, task.at)) / timedelta(hours=1))
        start_at += QUARTER
    return hours


def _until_enough(task: Task, hours: float) -> list[float]:
    """Quarter-hours without a pause that hold so many hours."""
    left_h = task.left_h
    more = max(0, math.ceil((hours - left_h) / QUARTER_H - 1e-9))
    return [left_h, *[QUARTER_H] * more]


def _slots(task: Task, hours: Sequence[float]) -> tuple[list[Slot], list[Quarter]]:
    """What each quarter-hour offers, unknown prices assumed, and what is really known of it."""
    by_start = {each.start_at: each for each in task.quarters}
    first_at = quarter_start(task.at)
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


def _types(task: Task, energies_wh: Sequence[float], at_once_wh: float, at_once: int) -> list[BlockType]:
    """A quarter-hour that the reserve needs a part of is counted to it as a whole."""
    urgent = BlockType.BATTERY_RESERVE if task.boost_pct is None else BlockType.IMMEDIATE_START
    types, done_wh = [], 0.0
    for number, energy_wh in enumerate(energies_wh):
        types.append(urgent if number < at_once and done_wh < at_once_wh - TINY_WH else BlockType.REGULAR)
        done_wh += energy_wh
    return types
