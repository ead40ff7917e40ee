"""A visit and its course as a flex session. Pure: the same values give the same page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from hemsd.model import QUARTER, QuarterHour, Visit, quarter_start
from rules.blocks import ahead, running_end
from rules.course import Battery, Begun, Course, Prospect, Stage, level_pct, stage
from rules.plan_values import Plan
from rules.schedule import Target, TargetType
from web.flex_models import (
    FlexAggregated,
    FlexBlock,
    FlexError,
    FlexErrorType,
    FlexImmediateOutcome,
    FlexImmediateTarget,
    FlexOutcome,
    FlexPoint,
    FlexRegularOutcome,
    FlexRegularTarget,
    FlexSession,
    FlexState,
    FlexStatistics,
    FlexTarget,
)

DIGITS = 3  # kWh to the watt-hour


def upcoming_session(course: Course, policy_id: str) -> FlexSession:
    """Nobody knows yet when the car comes, so all but the target is empty."""
    return FlexSession(
        policy_id=policy_id,
        state=FlexState.UPCOMING,
        plugged_in_at=None,
        plugged_out_at=None,
        blocks=[],
        statistics=FlexStatistics(aggregated=None, timeseries=[]),
        target=target_page(course),
        outcome=FlexOutcome(latest=None),
        error=FlexError(latest=None),
    )


def active_session(
    visit: Visit,
    course: Course,
    plan: Plan | None,
    quarters: Iterable[QuarterHour],
    battery: Battery,
    reserve_pct: float,
    policy_id: str,
    now: datetime,
) -> FlexSession:
    now_pct = level_pct(course, visit.energy_wh, battery)
    behind = [_begun_page(begun, course, plan, visit.energy_wh, now) for begun in course.begun]
    to_come = [
        FlexBlock(type=block.type.value, kwh_sum=_kwh(block.energy_wh), start_at=block.start_at, end_at=block.end_at)
        for block in ahead(course, plan, now)
    ]
    return FlexSession(
        policy_id=policy_id,
        state=FlexState(stage(course, now_pct, reserve_pct).value),
        plugged_in_at=visit.plugged_in_at,
        plugged_out_at=None,
        blocks=[*behind, *to_come],
        statistics=FlexStatistics(
            aggregated=_aggregated(sum(block.kwh_sum for block in behind), course, now_pct),
            timeseries=series(quarters, visit.plugged_in_at, None, now),
        ),
        target=target_page(course),
        outcome=outcome_page(course),
        error=_error(course),
    )


def settled_session(
    visit: Visit, course: Course, quarters: Iterable[QuarterHour], battery: Battery, policy_id: str | None
) -> FlexSession:
    """Final. Without a policy only what was metered is told."""
    assert visit.plugged_out_at is not None
    blocks = [
        _begun_page(begun, course, None, visit.energy_wh, visit.plugged_out_at)
        for begun in (course.begun if policy_id is not None else ())
    ]
    kwh = sum(block.kwh_sum for block in blocks) if policy_id is not None else visit.energy_wh / 1000.0
    managed = policy_id is not None
    return FlexSession(
        id=visit.id,
        policy_id=policy_id,
        state=FlexState(Stage.SETTLED.value),
        plugged_in_at=visit.plugged_in_at,
        plugged_out_at=visit.plugged_out_at,
        blocks=blocks,
        statistics=FlexStatistics(
            aggregated=_aggregated(kwh, course, level_pct(course, visit.energy_wh, battery)),
            timeseries=series(quarters, visit.plugged_in_at, visit.plugged_out_at, visit.plugged_out_at),
        ),
        target=target_page(course) if managed else FlexTarget(latest=None),
        outcome=outcome_page(course) if managed else FlexOutcome(latest=None),
        error=_error(course) if managed else FlexError(latest=None),
    )


def series(
    quarters: Iterable[QuarterHour], plugged_in_at: datetime, plugged_out_at: datetime | None, now: datetime
) -> list[FlexPoint]:
    """Every quarter-hour that is over, idle ones too; the first begins at plug-in, the last is cut by the plug-out."""
    energies: Mapping[datetime, float] = {each.start_at: each.energy_wh for each in quarters}
    points = []
    start_at = quarter_start(plugged_in_at)
    until_at = plugged_out_at if plugged_out_at is not None else now - QUARTER + timedelta(microseconds=1)
    while start_at < until_at:
        points.append(FlexPoint(start_at=max(start_at, plugged_in_at), kwh=_kwh(energies.get(start_at, 0.0))))
        start_at += QUARTER
    return points


def _begun_page(begun: Begun, course: Course, plan: Plan | None, energy_wh: float, now: datetime) -> FlexBlock:
    to_wh = begun.to_wh if begun.to_wh is not None else energy_wh
    end_at = begun.ended_at or running_end(course, plan, now) or now
    return FlexBlock(
        type=begun.type.value,
        kwh_sum=_kwh(max(0.0, to_wh - begun.from_wh)),
        start_at=begun.started_at,
        end_at=max(end_at, begun.started_at + timedelta(milliseconds=1)),
    )


def _aggregated(kwh: float, course: Course, now_pct: float) -> FlexAggregated:
    from_pct = course.from_pct if course.from_pct is not None else now_pct
    return FlexAggregated(
        kwh_sum=round(kwh, DIGITS), battery_from=_whole_pct(from_pct), battery_to=_whole_pct(max(now_pct, 0.0))
    )


def target_page(course: Course) -> FlexTarget:
    latest = course.targets.latest
    return FlexTarget(latest=None if latest is None else _target(latest))


def _target(target: Target) -> FlexRegularTarget | FlexImmediateTarget:
    if target.type is TargetType.IMMEDIATE_START:
        return FlexImmediateTarget(id=target.id, minimum_charge_target=target.minimum_charge_target_pct)
    assert target.ready_by_at is not None
    return FlexRegularTarget(
        id=target.id,
        source=target.source.value,
        battery_reserve=target.battery_reserve_pct,
        minimum_charge_target=target.minimum_charge_target_pct,
        ready_by=target.ready_by_at,
    )


def outcome_page(course: Course) -> FlexOutcome:
    return FlexOutcome(latest=None if course.prospect is None else _outcome(course.prospect))


def _outcome(prospect: Prospect) -> FlexRegularOutcome | FlexImmediateOutcome:
    if prospect.type is TargetType.IMMEDIATE_START:
        return FlexImmediateOutcome(target_id=prospect.target_id, minimum_charge_target_reached_at=prospect.reached_at)
    at_ready_by_pct = prospect.level_at_ready_by_pct
    return FlexRegularOutcome(
        target_id=prospect.target_id,
        state="ON_TARGET" if prospect.on_target else "OFF_TARGET",
        battery_level_at_ready_by=None if at_ready_by_pct is None else _whole_pct(at_ready_by_pct),
        minimum_charge_target_reached_at=prospect.reached_at,
    )


def _error(course: Course) -> FlexError:
    return FlexError(latest=None if course.trouble is None else FlexErrorType(type=course.trouble.value))


def _kwh(energy_wh: float) -> float:
    return round(energy_wh / 1000.0, DIGITS)


def _whole_pct(pct: float) -> int:
    return round(min(100.0, max(0.0, pct)))
