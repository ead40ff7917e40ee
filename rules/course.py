"""What a visit is for and how far it has come: level of charge, targets, blocks, prospect, error.

Every visit has a course; one with a policy begins before its car comes, as UPCOMING, and takes its identity along into
the visit. It is a fold: each tick gives the next course from the one before and from what was seen. Nothing of it
needs the past but what it holds itself, so a course that was written down and read again goes on as if nothing had
been.

    UPCOMING --plug_in--> ACTIVE (what runs now names it) --settle--> SETTLED, and never changes again

*Level.* A car or a person tells it now and then; in between it is estimated from the energy since. Before anybody has
told it, the policy's reserve is assumed: no higher, so that the target is not missed, and no lower, so that nothing is
charged at once on a guess. The first level that is told puts the level at plug-in right; after that it stands.

*Blocks.* A block is a stretch of charging of one type. It runs while the plan, the reserve or an immediate start asks
for it, or while current flows all the same (the sun, a person's fast mode). Blocks are kept as stretches of the
visit's energy, so their sum is the visit's energy by construction. What a register tells late is counted to the block
that has just ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from hemsd.model import Because, Command, Outcome
from rules.plan_values import FULL_PCT, Block, BlockType, Plan, estimated_soc_pct
from rules.schedule import (
    NO_TARGETS,
    Due,
    Target,
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
from rules.session import QUARTER, quarter_start

TINY_WH = 0.5
TINY_PCT = 0.05
FELL_PCT = 1.0
TAIL_S = 180.0
LATE = timedelta(seconds=120)  # some registers move once a minute
A_TOLD_MOMENT = timedelta(seconds=2)  # an age is counted by another clock than a moment: nearer is the same telling
PROMPT = timedelta(seconds=60)  # so soon a command has come through: what begins or flows within it belongs to it

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
    """The money of a finished visit."""

    has_complete_price_coverage: bool
    cost_eur: float | None = None
    savings_eur: float | None = None


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


def level_pct(course: Course, energy_wh: float, battery: Battery) -> float:
    """The car's level of charge at present, told or estimated."""
    return course.level.now_pct(energy_wh, battery) if course.level else 0.0


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
        course = _closed(course, seen)
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


def _closed(course: Course, seen: Seen) -> Course:
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


# ---------------------------------------------------------------------------------------------------------------------
# What will come of it


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


# ---------------------------------------------------------------------------------------------------------------------
# The end


def settle(course: Course, at: datetime, energy_wh: float, battery: Battery, bill: Bill | None) -> Course:
    """The car has gone: what runs ends now, and the outcome says what was reached."""
    if course.running is not None:
        course = _closed(course, Seen(at, energy_wh, None, None, None, flows=False))
        if course.begun and course.begun[-1].to_wh is not None and course.begun[-1].to_wh < energy_wh:
            course = replace(course, begun=(*course.begun[:-1], replace(course.begun[-1], to_wh=energy_wh)))
    elif course.begun and energy_wh > (course.begun[-1].to_wh or 0.0):
        course = replace(course, begun=(*course.begun[:-1], replace(course.begun[-1], to_wh=energy_wh)))
    final_pct = level_pct(course, energy_wh, battery)
    course = replace(course, settled_at=at, energy_wh=energy_wh, seen_at=at, bill=bill)
    latest = course.targets.latest
    if course.policy is None or latest is None:
        return course
    return replace(course, prospect=_result(course, latest, final_pct))


def _result(course: Course, latest: Target, final_pct: float) -> Prospect:
    if latest.type is TargetType.IMMEDIATE_START:
        return Prospect(latest.id, latest.type, has(final_pct, latest), None, course.reached_at)
    assert latest.ready_by_at is not None
    in_time = course.reached_at is not None and course.reached_at <= latest.ready_by_at
    if in_time or (has(final_pct, latest) and course.reached_at is None):
        return Prospect(latest.id, latest.type, on_target=True, reached_at=course.reached_at)
    late_at = course.reached_at if course.reached_at is not None and course.reached_at > latest.ready_by_at else None
    at_ready_by_pct = course.prospect.level_at_ready_by_pct if course.prospect is not None else None
    return Prospect(latest.id, latest.type, False, final_pct if at_ready_by_pct is None else at_ready_by_pct, late_at)


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
