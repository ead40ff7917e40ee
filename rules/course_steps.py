"""The steps of a visit's course, from the policy that waits for its car to the car that has gone.

Each gives the next course from the one before. Blocks have steps of their own (``rules.blocks``), and so has the
prospect (``rules.prospect``); both follow ``follow`` at each tick.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from rules.blocks import closed
from rules.course import Battery, Bill, Course, Level, Seen, Trouble, boost_pct, has, level_pct
from rules.plan_values import FULL_PCT
from rules.prospect import result
from rules.schedule import (
    Due,
    Targets,
    TargetSource,
    TargetType,
    drop_override,
    end_immediate_start,
    follow_schedule,
    next_visit,
    override_schedule,
    start_at_once,
)

FELL_PCT = 1.0
A_TOLD_MOMENT = timedelta(seconds=2)  # an age is counted by another clock than a moment: nearer is the same telling


# ---------------------------------------------------------------------------------------------------------------------
# Before the car comes


def upcoming(course_id: str, policy: str, due: Due, reserve_pct: float) -> Course:
    """The next visit of a policy."""
    return Course(course_id, policy, next_visit(due, reserve_pct))


def awaited(course: Course, due: Due, reserve_pct: float) -> Course:
    """The same a while later: the schedule's next deadline is still this visit's first target, under the same id."""
    latest = course.targets.latest
    if latest is not None and latest.type is TargetType.REGULAR and latest.source is TargetSource.POLICY:
        number = latest.id
        fresh = next_visit(due, reserve_pct).latest
        assert fresh is not None
        target = replace(fresh, id=number)
        return course if target == latest else replace(course, targets=Targets(target, target, number))
    if latest is not None and latest.ready_by_at is not None and latest.ready_by_at <= due.ready_by_at:
        return course  # a person's time stands until the schedule's has come later
    return course


# ---------------------------------------------------------------------------------------------------------------------
# What a person asks for


def asked_to_start(course: Course, level_pct: float | None) -> Course:
    """An immediate start; without a level until the car is full."""
    wanted_pct = FULL_PCT if level_pct is None else level_pct
    if boost_pct(course) == wanted_pct:
        return course
    targets = start_at_once(course.targets, wanted_pct)
    if course.plugged_in_at is None:
        return _aimed(replace(course, began_boosted=True), targets)
    return _aimed(replace(course, boosted=True), targets)


def start_taken_back(course: Course) -> Course:
    course = _aimed(course, end_immediate_start(course.targets))
    return replace(course, began_boosted=False) if course.plugged_in_at is None else course


def asked_for(course: Course, due: Due, reserve_pct: float) -> Course:
    """Another level by another time for this visit."""
    return _aimed(course, override_schedule(course.targets, due, reserve_pct))


def override_taken_back(course: Course, due: Due, reserve_pct: float) -> Course:
    return _aimed(course, drop_override(course.targets, due, reserve_pct))


def _aimed(course: Course, targets: Targets) -> Course:
    return course if targets == course.targets else replace(course, targets=targets, reached_at=None)


# ---------------------------------------------------------------------------------------------------------------------
# While the car is there


def plug_in(
    course: Course, at: datetime, told_pct: float | None, told_at: datetime | None, assumed_pct: float
) -> Course:
    """The visit begins."""
    pct = assumed_pct if told_pct is None else told_pct
    level = Level(pct, told_at=told_at if told_pct is not None else None)
    return replace(course, plugged_in_at=at, level=level, from_pct=pct, seen_at=at)


def follow(course: Course, seen: Seen, battery: Battery, due: Due | None, reserve_pct: float) -> Course:
    """One tick further, as far as no plan is needed: level, sums, targets."""
    course = _levelled(course, seen, battery)
    elapsed_s = max(0.0, (seen.at - course.seen_at).total_seconds()) if course.seen_at else 0.0
    course = replace(
        course,
        peak_w=max(course.peak_w, seen.power_w or 0.0),
        charging_s=course.charging_s + (elapsed_s if seen.flows else 0.0),
    )
    if course.policy is None:
        return replace(course, energy_wh=seen.energy_wh, seen_at=seen.at)
    if due is None:  # its policy was deleted meanwhile: the last target stands
        return course
    if seen.flows and course.trouble is Trouble.START_FAIL:
        course = replace(course, trouble=None)
    if not seen.flows and course.trouble is Trouble.STOP_FAIL:
        course = replace(course, trouble=None)
    return _targeted(course, seen, level_pct(course, seen.energy_wh, battery), due, reserve_pct)


def taken_in(course: Course, policy: str, due: Due) -> Course:
    """A visit that began without a policy has one from now on; what it has charged stays its own."""
    return replace(course, policy=policy, targets=next_visit(due, 0.0))


def retimed(course: Course, by: timedelta) -> Course:
    """The wall clock was set: everything that has happened moves along. Deadlines are as they were asked for."""

    def moved(moment: datetime | None) -> datetime | None:
        return None if moment is None else moment + by

    begun = tuple(
        replace(
            block,
            started_at=block.started_at + by,
            ended_at=moved(block.ended_at),
            planned_end_at=moved(block.planned_end_at),
            unasked_at=moved(block.unasked_at),
        )
        for block in course.begun
    )
    level = None if course.level is None else replace(course.level, told_at=moved(course.level.told_at))
    return replace(
        course,
        plugged_in_at=moved(course.plugged_in_at),
        seen_at=moved(course.seen_at),
        reached_at=moved(course.reached_at),
        desired_start_at=moved(course.desired_start_at),
        begun=begun,
        level=level,
    )


def _levelled(course: Course, seen: Seen, battery: Battery) -> Course:
    """A level that is told anew replaces the estimate."""
    level = course.level
    if seen.told_pct is None or seen.told_at is None:
        return course
    if level is not None and level.told_at is not None and seen.told_at - level.told_at < A_TOLD_MOMENT:
        return course
    first = level is None or level.told_at is None
    course = replace(course, level=Level(seen.told_pct, seen.energy_wh, seen.told_at))
    if first:
        charged_pct = seen.energy_wh * battery.efficiency / battery.capacity_wh * FULL_PCT
        course = replace(course, from_pct=max(0.0, seen.told_pct - charged_pct))
    return course


def _targeted(course: Course, seen: Seen, now_pct: float, due: Due | None, reserve_pct: float) -> Course:
    latest = course.targets.latest
    if course.reached_at is not None and latest is not None and now_pct < latest.minimum_charge_target_pct - FELL_PCT:
        course = replace(course, reached_at=None)  # somebody told a lower level
    if latest is not None and has(now_pct, latest) and course.reached_at is None:
        course = replace(course, reached_at=seen.at)
        if latest.type is TargetType.IMMEDIATE_START:
            return _aimed(course, end_immediate_start(course.targets))
    return _aimed(course, follow_schedule(course.targets, due, reserve_pct, at=seen.at, soc_pct=now_pct))


# ---------------------------------------------------------------------------------------------------------------------
# The end


def settle(course: Course, at: datetime, energy_wh: float, battery: Battery, bill: Bill | None) -> Course:
    """The car has gone: what runs ends now, and the outcome says what was reached."""
    if course.running is not None:
        course = closed(course, Seen(at, energy_wh, None, None, None, flows=False))
        if course.begun and course.begun[-1].to_wh is not None and course.begun[-1].to_wh < energy_wh:
            course = replace(course, begun=(*course.begun[:-1], replace(course.begun[-1], to_wh=energy_wh)))
    elif course.begun and energy_wh > (course.begun[-1].to_wh or 0.0):
        course = replace(course, begun=(*course.begun[:-1], replace(course.begun[-1], to_wh=energy_wh)))
    final_pct = level_pct(course, energy_wh, battery)
    course = replace(course, settled_at=at, energy_wh=energy_wh, seen_at=at, bill=bill)
    latest = course.targets.latest
    if course.policy is None or latest is None:
        return course
    return replace(course, prospect=result(course, latest, final_pct))
