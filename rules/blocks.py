"""The blocks of a visit: stretches of charging of one type, opened and closed by what is asked for and what flows.

A block runs while the plan, the reserve or an immediate start asks for it, or while current flows all the same (the
sun, a person's fast mode). Blocks are kept as stretches of the visit's energy, so their sum is the visit's energy by
construction. What a register tells late is counted to the block that has just ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from hemsd.model import QUARTER, Because, quarter_start
from rules.course import TINY_WH, Begun, Course, Seen, asks_at_once
from rules.plan_values import Block, BlockType, Plan

TAIL_S = 180.0
LATE = timedelta(seconds=120)  # some registers move once a minute
PROMPT = timedelta(seconds=60)  # so soon a command has come through: what begins or flows within it belongs to it


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the plan and the target are."""

    now_pct: float
    reserve_pct: float
    charged_wh: float  # since the plan was made
    missing_s: float  # to the target, at full power


def wanted(course: Course, plan: Plan | None, at: datetime, now: Progress) -> BlockType | None:
    """What shall run at this moment, whether or not current flows; None: nothing is asked for."""
    urgent = asks_at_once(course, now.now_pct, now.reserve_pct)
    if urgent is not None:
        return urgent
    if plan is not None and _has_more(plan, at, now.charged_wh):
        return BlockType.REGULAR
    return BlockType.REGULAR if _is_nearly_there(course, now) else None


def _is_nearly_there(course: Course, now: Progress) -> bool:
    """A car takes a little less than it is offered: for what is missing then, nobody starts another time."""
    running = course.running
    by_plan = running is not None and running.type is BlockType.REGULAR and running.planned_end_at is not None
    return by_plan and running is not None and running.unasked_at is None and 0.0 < now.missing_s <= TAIL_S


def _has_more(plan: Plan, at: datetime, charged_wh: float) -> bool:
    """Whether this quarter-hour's share is still to be charged; one that goes on in the next is not interrupted."""
    if plan.at(at) is None:
        return False
    due_wh = sum(each.energy_wh for each in plan.quarters if each.start_at <= at)
    return charged_wh < due_wh - TINY_WH or plan.at(at + QUARTER) is not None


def blocked(course: Course, seen: Seen, asked: BlockType | None, plan: Plan | None) -> Course:
    """Opens and closes blocks, by what is asked for and by what flows."""
    running = course.running
    gained_wh = seen.energy_wh - course.energy_wh
    flows = seen.flows or gained_wh > TINY_WH
    type_now = asked if asked is not None else BlockType.REGULAR if flows else None
    if running is None and asked is None and not seen.flows and gained_wh > 0.0 and _just_ended(course, seen.at):
        last = replace(course.begun[-1], to_wh=seen.energy_wh)
        course = replace(course, begun=(*course.begun[:-1], last))
    elif running is not None and running.type is not type_now:
        if asked is None and flows and seen.at - (running.unasked_at or seen.at) < PROMPT:
            slowing = replace(running, unasked_at=running.unasked_at or seen.at)
            return replace(course, begun=(*course.begun[:-1], slowing), energy_wh=seen.energy_wh, seen_at=seen.at)
        course = closed(course, seen)
        running = None
    if running is None and type_now is not None:
        course = _opened(course, seen, type_now, asked, plan)
    elif running is not None and asked is not None:
        course = _replanned(course, running, plan, seen.at)
    return replace(course, energy_wh=seen.energy_wh, seen_at=seen.at)


def because(asked: BlockType, plan: Plan | None, at: datetime) -> Because:
    """Why the car charges now whatever the sun does, for the homeowner, and with what power."""
    match asked:
        case BlockType.IMMEDIATE_START:
            return Because("boost", "Immediate start")
        case BlockType.BATTERY_RESERVE:
            return Because("reserve", "Below the reserve of the car's battery, at once")
        case BlockType.REGULAR:
            reason = plan.reason if plan is not None else ""
            step = plan.at(at) if plan is not None else None
            text = f"By plan ({reason[:1].lower()}{reason[1:]})" if reason else "By plan"
            return Because("plan", text, None if step is None else step.power_w)
        case _:
            assert_never(asked)


def _just_ended(course: Course, at: datetime) -> bool:
    last = course.begun[-1] if course.begun else None
    return last is not None and last.ended_at is not None and at - last.ended_at <= LATE


def closed(course: Course, seen: Seen) -> Course:
    """The running block ends now."""
    running = course.running
    assert running is not None
    if seen.at <= running.started_at:  # nothing happened in it
        return replace(course, begun=course.begun[:-1])
    ended = replace(running, ended_at=seen.at, to_wh=seen.energy_wh)
    return replace(course, begun=(*course.begun[:-1], ended))


def _opened(course: Course, seen: Seen, type_now: BlockType, asked: BlockType | None, plan: Plan | None) -> Course:
    last = course.begun[-1] if course.begun else None
    from_wh = last.to_wh if last is not None and last.to_wh is not None else 0.0
    earliest_at = last.ended_at if last is not None and last.ended_at is not None else course.plugged_in_at
    assert earliest_at is not None
    started_at = _started_at(course, seen, asked)
    started_at = max(started_at, earliest_at)
    if last is not None and last.type is type_now and last.ended_at is not None and started_at <= last.ended_at:
        reopened = replace(last, ended_at=None, to_wh=None, planned_end_at=_planned_end(plan, type_now, seen.at))
        return replace(course, begun=(*course.begun[:-1], reopened))
    block = Begun(type_now, started_at, from_wh, _planned_end(plan, type_now, seen.at) if asked else None)
    return replace(course, begun=(*course.begun, block))


def _started_at(course: Course, seen: Seen, asked: BlockType | None) -> datetime:
    """What was planned begins with its quarter-hour; what just flows has begun after the tick before."""
    before_at = course.seen_at or seen.at
    if asked is BlockType.REGULAR:
        quarter_at = quarter_start(seen.at)
        return quarter_at if quarter_at >= before_at - PROMPT else seen.at
    return before_at if asked is None or course.plugged_in_at == before_at else seen.at


def _replanned(course: Course, running: Begun, plan: Plan | None, at: datetime) -> Course:
    """A running block ends where the newest plan says."""
    planned_at = _planned_end(plan, running.type, at) or running.planned_end_at
    if (planned_at, None) == (running.planned_end_at, running.unasked_at):
        return course
    asked_again = replace(running, planned_end_at=planned_at, unasked_at=None)
    return replace(course, begun=(*course.begun[:-1], asked_again))


def _planned_end(plan: Plan | None, type_now: BlockType, at: datetime) -> datetime | None:
    if plan is None:
        return None
    return next((b.end_at for b in plan.blocks if b.type is type_now and b.start_at <= at < b.end_at), None)


def ahead(course: Course, plan: Plan | None, at: datetime) -> tuple[Block, ...]:
    """The blocks that have not begun yet, as the newest plan places them."""
    if plan is None or course.settled_at is not None:
        return ()
    after_at = running_end(course, plan, at) or at
    return tuple(block for block in plan.blocks if block.start_at >= after_at and block.start_at > at)


def running_end(course: Course, plan: Plan | None, at: datetime) -> datetime | None:
    """Where the running block will end: as planned, else with this quarter-hour; one that follows at once joins it."""
    running = course.running
    if running is None:
        return None
    end_at = running.planned_end_at
    if end_at is None or end_at <= at:
        end_at = quarter_start(at) + QUARTER
    for block in plan.blocks if plan is not None else ():
        if block.start_at <= end_at < block.end_at and block.type is running.type:
            end_at = block.end_at
    return end_at
