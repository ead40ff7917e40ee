"""What will come of a visit's newest target, and what keeps it from coming; once settled, what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hemsd.model import Command, Outcome
from rules.course import Course, Prospect, Trouble, has
from rules.plan_values import Plan
from rules.schedule import Target, TargetType

NO_PROOF = "no-proof"  # the rule in the evidence of a verdict by rules.verify
REFUSED = frozenset(
    {
        Outcome.REJECTED,
        Outcome.UNREACHABLE,
        Outcome.TIMEOUT,
        Outcome.ACCEPTED_INEFFECTIVE,
        Outcome.NOT_CAPABLE,
    }
)


def foreseen(course: Course, plan: Plan | None, at: datetime, now_pct: float, missing_s: float) -> Course:
    """The prospect of the newest target. ``missing_s``: how long its missing energy takes at full power."""
    latest = course.targets.latest
    if latest is None:
        return course
    prospect = _prospect(course, latest, plan, at, now_pct, missing_s)
    reachable_pct = plan.soc_at_deadline_pct if plan is not None else None
    return replace(
        course,
        prospect=prospect,
        target_reachable=prospect.on_target if latest.type is TargetType.REGULAR else None,
        reachable_pct=prospect.level_at_ready_by_pct if not prospect.on_target else reachable_pct,
        desired_start_at=_desired_start(course, plan),
        desired_end_at=plan.blocks[-1].end_at if plan is not None and plan.blocks else course.desired_end_at,
    )


def _desired_start(course: Course, plan: Plan | None) -> datetime | None:
    if course.desired_start_at is not None and course.begun:
        return course.desired_start_at
    starts = [plan.blocks[0].start_at] if plan is not None and plan.blocks else []
    if not starts:
        return course.desired_start_at
    return max(starts[0], course.plugged_in_at) if course.plugged_in_at else starts[0]


def _prospect(
    course: Course, latest: Target, plan: Plan | None, at: datetime, now_pct: float, missing_s: float
) -> Prospect:
    stuck = course.trouble is Trouble.START_FAIL
    if latest.type is TargetType.IMMEDIATE_START:
        reached_at = course.reached_at or (None if stuck else at + timedelta(seconds=missing_s))
        return Prospect(latest.id, latest.type, on_target=True, reached_at=reached_at)
    if has(now_pct, latest):
        return Prospect(latest.id, latest.type, on_target=True)
    assert latest.ready_by_at is not None
    if stuck:
        # Nothing is counted on until the deadline; if it works then, the target is reached so much later.
        reached_at = max(at, latest.ready_by_at) + timedelta(seconds=missing_s)
        return Prospect(latest.id, latest.type, False, now_pct, reached_at)
    if plan is not None and plan.target_reachable and latest.ready_by_at > at:
        return Prospect(latest.id, latest.type, on_target=True)
    at_deadline_pct = plan.soc_at_deadline_pct if plan is not None else now_pct
    reached = plan.target_reached_at if plan is not None else None
    late = reached if reached is not None and reached > latest.ready_by_at else None
    return Prospect(latest.id, latest.type, False, at_deadline_pct, late)


def judged(course: Course, command: Command, *, flows: bool, asked: bool) -> Course:
    """A verdict: a start that nothing came of is shown until current flows after all, and so with a stop.

    A start that was accepted and can't be proved counts as failed only where charging is ``asked`` for: else the car
    may simply want nothing.
    """
    if course.policy is None or not command.final:
        return course
    if command.outcome is Outcome.APPLIED:
        return replace(course, trouble=None)
    never_sent = command.outcome is Outcome.TIMEOUT and not command.attempts  # a newer command took its place
    rule = command.evidence.rule if command.evidence is not None else ""
    no_sign = command.outcome is Outcome.UNVERIFIED and asked and rule == NO_PROOF
    if (command.outcome not in REFUSED and not no_sign) or never_sent:
        return course
    if command.amps > 0.0:
        return course if flows else replace(course, trouble=Trouble.START_FAIL)
    return replace(course, trouble=Trouble.STOP_FAIL) if flows else course


def result(course: Course, latest: Target, final_pct: float) -> Prospect:
    """What was reached when the car left."""
    if latest.type is TargetType.IMMEDIATE_START:
        return Prospect(latest.id, latest.type, has(final_pct, latest), None, course.reached_at)
    assert latest.ready_by_at is not None
    in_time = course.reached_at is not None and course.reached_at <= latest.ready_by_at
    if in_time or (has(final_pct, latest) and course.reached_at is None):
        return Prospect(latest.id, latest.type, on_target=True, reached_at=course.reached_at)
    late_at = course.reached_at if course.reached_at is not None and course.reached_at > latest.ready_by_at else None
    at_ready_by_pct = course.prospect.level_at_ready_by_pct if course.prospect is not None else None
    return Prospect(latest.id, latest.type, False, final_pct if at_ready_by_pct is None else at_ready_by_pct, late_at)
