"""By when a car shall have what: the weekly schedule, and what a person asked for instead.

A schedule has a goal a weekday: a local clock time and the level that the car must have by then. The next deadline is
the earliest of these that is still to come, read in the home's time zone and given in UTC. When clocks change, a
local time can be missing or come twice: a missing one (02:30 on the last Sunday in March) is read with the offset
that was in force before, so 03:30 on the wall; one that comes twice means its first coming, so that the car is never
late.

An override (another level or another time for this visit, or an immediate start) stands above the schedule and does
not touch the reserve; it ends with the visit at the latest. Each new target gets the next id, the first of a visit is
1. When the level of an immediate start is reached, the target that was there before comes back, with a new id. A
target whose time has passed before its level was reached stays until it is: a car that is still plugged in is still
wanted full. Once time and level are behind it, the next deadline of the schedule follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Goal:
    """What a weekday asks for."""

    deadline: time  # local
    minimum_charge_target_pct: float


Week = Sequence[Goal | None]
"""Seven goals, Monday first; None: that day has no deadline."""


@dataclass(frozen=True, slots=True)
class Due:
    """The next deadline."""

    ready_by_at: datetime  # UTC
    minimum_charge_target_pct: float


def next_due(week: Week, after: datetime, zone: tzinfo) -> Due | None:
    """The first deadline that is later than ``after``; None when no day has one."""
    today = after.astimezone(zone).date()
    for days in range(8):  # today's may have passed: then the same weekday is seven days away
        day = today + timedelta(days=days)
        goal = week[day.weekday()]
        if goal is None:
            continue
        ready_by_at = datetime.combine(day, goal.deadline, zone).astimezone(UTC)  # fold=0: the first of two
        if ready_by_at > after:
            return Due(ready_by_at, goal.minimum_charge_target_pct)
    return None


class TargetType(StrEnum):
    REGULAR = "REGULAR"
    IMMEDIATE_START = "IMMEDIATE_START"


class TargetSource(StrEnum):
    POLICY = "POLICY"
    USER_OVERRIDE = "USER_OVERRIDE"


@dataclass(frozen=True, slots=True)
class Target:
    """What a visit is charged for at present; the words are those of the flex dialect."""

    id: int
    type: TargetType
    source: TargetSource
    minimum_charge_target_pct: float
    ready_by_at: datetime | None = None  # None for an immediate start
    battery_reserve_pct: float = 0.0


@dataclass(frozen=True, slots=True)
class Targets:
    """The newest target of a visit, and the regular one that an immediate start stands before."""

    latest: Target | None = None  # None: no day has a deadline and nobody asked for anything
    regular: Target | None = None
    last_id: int = 0


NO_TARGETS = Targets()


def follow_schedule(
    targets: Targets, due: Due | None, reserve_pct: float, *, at: datetime, soc_pct: float | None
) -> Targets:
    """The schedule's own target where no other stands; the same Targets when nothing changed."""
    if targets.regular is not None and _stands(targets.regular, at, soc_pct):
        return targets
    regular = None if due is None else _regular(due, TargetSource.POLICY, reserve_pct)
    if _same(regular, targets.regular):
        return targets
    if targets.latest is not None and targets.latest.type is TargetType.IMMEDIATE_START:
        return replace(targets, regular=regular)
    return _latest(targets, regular)


def _stands(regular: Target, at: datetime, soc_pct: float | None) -> bool:
    """Whether the schedule may not replace it yet."""
    if regular.ready_by_at is not None and regular.ready_by_at > at:
        return regular.source is TargetSource.USER_OVERRIDE
    return soc_pct is not None and soc_pct < regular.minimum_charge_target_pct


def override_schedule(targets: Targets, due: Due, reserve_pct: float) -> Targets:
    """A person's level and time for this visit; the reserve stays the policy's."""
    return _latest(targets, _regular(due, TargetSource.USER_OVERRIDE, reserve_pct))


def drop_override(targets: Targets, due: Due | None, reserve_pct: float) -> Targets:
    """Back to the schedule."""
    regular = None if due is None else _regular(due, TargetSource.POLICY, reserve_pct)
    if _same(regular, targets.latest):
        return targets
    return _latest(targets, regular)


def start_at_once(targets: Targets, minimum_charge_target_pct: float) -> Targets:
    """An immediate start up to a level; what was there before waits behind it."""
    immediate = Target(0, TargetType.IMMEDIATE_START, TargetSource.USER_OVERRIDE, minimum_charge_target_pct)
    numbered = replace(immediate, id=targets.last_id + 1)
    return Targets(latest=numbered, regular=targets.regular, last_id=numbered.id)


def end_immediate_start(targets: Targets) -> Targets:
    """Its level was reached, or it was taken back: the regular target returns under a new id."""
    if targets.latest is None or targets.latest.type is not TargetType.IMMEDIATE_START:
        return targets
    return _latest(targets, targets.regular)


def next_visit(due: Due | None, reserve_pct: float) -> Targets:
    """Overrides end with the visit; ids begin anew."""
    return drop_override(NO_TARGETS, due, reserve_pct)


def _regular(due: Due, source: TargetSource, reserve_pct: float) -> Target:
    return Target(0, TargetType.REGULAR, source, due.minimum_charge_target_pct, due.ready_by_at, reserve_pct)


def _same(one: Target | None, other: Target | None) -> bool:
    if one is None or other is None:
        return one is other
    return replace(one, id=0) == replace(other, id=0)


def _latest(targets: Targets, regular: Target | None) -> Targets:
    if regular is None:
        return Targets(last_id=targets.last_id)
    numbered = replace(regular, id=targets.last_id + 1)
    return Targets(latest=numbered, regular=numbered, last_id=numbered.id)
