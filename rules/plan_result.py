"""From the energy of each quarter-hour to the plan: powers, blocks, costs, the levels that follow, and the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hemsd.model import QUARTER, quarter_start
from rules.cheapest import Slot
from rules.plan_reason import Story, reason
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

TINY_WH = 0.5
TINY_PCT = 0.01


def told(
    task: Task,
    slots: Sequence[Slot],
    known: Sequence[Quarter],
    energies_wh: Sequence[float],
    types: Sequence[BlockType],
) -> Plan:
    """The plan that so much energy in each slot makes."""
    quarters = _quarters(task, slots, known, energies_wh, types)
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
        story=story,
    )


def _quarters(
    task: Task,
    slots: Sequence[Slot],
    known: Sequence[Quarter],
    energies_wh: Sequence[float],
    types: Sequence[BlockType],
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


def _has(quarters: Sequence[PlannedQuarter], block_type: BlockType) -> bool:
    return any(each.type is block_type for each in quarters)


def _regular_h(task: Task, quarters: Sequence[PlannedQuarter]) -> float:
    now_at = quarter_start(task.at)
    return sum(
        task.left_h if each.start_at == now_at else QUARTER_H for each in quarters if each.type is BlockType.REGULAR
    )


def _soc_at(task: Task, quarters: Sequence[PlannedQuarter], moment: datetime | None) -> float:
    """The level that the plan leads to; by a moment, counting what is charged before it."""
    energy_wh = sum(each.energy_wh if moment is None else _charged_wh(task, each, moment) for each in quarters)
    return min(
        task.limit_pct, max(task.soc_pct, estimated_soc_pct(task.soc_pct, energy_wh, task.capacity_wh, task.efficiency))
    )


def _charged_wh(task: Task, quarter: PlannedQuarter, moment: datetime) -> float:
    """What of a quarter-hour's energy has been charged by a moment."""
    hours = max(0.0, (moment - max(quarter.start_at, task.at)) / timedelta(hours=1))
    return min(quarter.energy_wh, quarter.power_w * hours)


def _reached_at(task: Task, quarters: Sequence[PlannedQuarter], level_pct: float) -> datetime | None:
    """When the plan brings the level to the target."""
    missing_wh = task.missing_wh(level_pct)
    if missing_wh <= TINY_WH:
        return None
    for each in quarters:
        if missing_wh <= each.energy_wh + TINY_WH:
            return max(each.start_at, task.at) + timedelta(hours=missing_wh / each.power_w)
        missing_wh -= each.energy_wh
    return None
