"""What became of a visit, in one word each: for a HEMS session and for a car's session of the partner dialect.

Several words may fit. Each function is the order of precedence, written from top to bottom; the first that fits wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hemsd.model import Command, Decision, DecisionKind, Outcome, SteeringState, Visit
from rules.course import Course
from rules.schedule import TargetType

UNASKED_RULES = frozenset({"off", "observing", "no_car", "not_controllable"})
"""Holds by these rules say nothing of the sun: nobody wanted to know."""

TINY_WH = 10.0
INEFFECTIVE = frozenset({Outcome.ACCEPTED_INEFFECTIVE, Outcome.PHASE_SWITCH_INEFFECTIVE})


class HemsOutcome(StrEnum):
    CHARGED_FROM_SOLAR = "charged_from_solar"
    NO_SURPLUS = "no_surplus"
    STEERING_INEFFECTIVE = "steering_ineffective"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class CommandCounts:
    """How many commands a session had, how many took effect, how many had none."""

    sent: int
    applied: int
    ineffective: int


def counts(commands: Sequence[Command]) -> CommandCounts:
    return CommandCounts(
        sent=len(commands),
        applied=sum(command.outcome is Outcome.APPLIED for command in commands),
        ineffective=sum(command.outcome in INEFFECTIVE for command in commands),
    )


def hems_outcome(visit: Visit, decisions: Sequence[Decision], commands: Sequence[Command]) -> HemsOutcome | None:
    """None while the visit runs, and where none of the four fits (it charged from the grid, as somebody wished)."""
    if visit.plugged_out_at is None:
        return None
    if visit.aborted:
        return HemsOutcome.ABORTED
    if any(command.outcome is Outcome.APPLIED and command.amps > 0.0 for command in commands) and visit.solar_wh > 0.0:
        return HemsOutcome.CHARGED_FROM_SOLAR
    if commands and not counts(commands).applied:
        return HemsOutcome.STEERING_INEFFECTIVE
    judged = any(each.kind is DecisionKind.HOLD and each.rule not in UNASKED_RULES for each in decisions)
    if not commands and judged:
        return HemsOutcome.NO_SURPLUS
    return None


class SessionOutcome(StrEnum):
    """The partner dialect's words for a car's session; docs/dialects.md says why two of them are never said here."""

    NOT_AT_HOME = "not_at_home"
    NOT_AUTHENTICATED = "not_authenticated"
    SMART_OPTIMIZATION_DISABLED = "smart_optimization_disabled"
    NO_BATTERY_CAPACITY = "no_battery_capacity"
    ALREADY_AT_TARGET = "already_at_target"
    EV_NOT_FOUND = "ev_not_found"
    HEMS_ONLY_MODE = "hems_only_mode"
    IMMEDIATE_START = "immediate_start"
    OEM_NOT_CAPABLE = "oem_not_capable"
    INSUFFICIENT_PRICE_COVERAGE = "insufficient_price_coverage"
    USER_UNPLUGGED_EARLY = "user_unplugged_early"
    COMMANDS_FAILED = "commands_failed"
    OEM_REPORTED_FULL = "oem_reported_full"
    BOOSTED = "boosted"
    IN_PROGRESS = "in_progress"
    OPTIMIZED = "optimized"
    OTHER = "other"
    UNKNOWN = "unknown"


def session_outcome(visit: Visit, course: Course | None, commands: Sequence[Command]) -> SessionOutcome:
    """While the visit runs it is in progress, unless hemsd has no part in it or somebody wanted it at once."""
    if not visit.at_home:
        return SessionOutcome.NOT_AT_HOME
    if course is None or visit.aborted:
        return SessionOutcome.UNKNOWN if visit.plugged_out_at is not None else SessionOutcome.IN_PROGRESS
    if not visit.managed:
        return SessionOutcome.SMART_OPTIMIZATION_DISABLED
    if visit.plugged_out_at is None:
        return _while_running(course)
    return _ended(visit, course, commands)


def _while_running(course: Course) -> SessionOutcome:
    latest = course.targets.latest
    if latest is not None and latest.type is TargetType.IMMEDIATE_START:
        return SessionOutcome.BOOSTED if course.boosted else SessionOutcome.IMMEDIATE_START
    return SessionOutcome.IN_PROGRESS


def _ended(visit: Visit, course: Course, commands: Sequence[Command]) -> SessionOutcome:
    charged = visit.energy_wh > TINY_WH
    if visit.transaction_id is None and not charged:
        return SessionOutcome.NOT_AUTHENTICATED
    if commands and all(command.outcome is Outcome.NOT_CAPABLE for command in commands):
        return SessionOutcome.OEM_NOT_CAPABLE
    if commands and not counts(commands).applied and not charged:
        return SessionOutcome.COMMANDS_FAILED
    if _was_at_target(course) and not charged:
        return SessionOutcome.ALREADY_AT_TARGET
    if course.boosted:
        return SessionOutcome.BOOSTED
    if course.began_boosted:
        return SessionOutcome.IMMEDIATE_START
    if _unplugged_early(visit, course):
        return SessionOutcome.USER_UNPLUGGED_EARLY
    if visit.final_state is SteeringState.FINISHED:
        return SessionOutcome.OEM_REPORTED_FULL
    if course.policy is None and charged:
        return SessionOutcome.HEMS_ONLY_MODE
    if course.bill is not None and not course.bill.has_complete_price_coverage and charged:
        return SessionOutcome.INSUFFICIENT_PRICE_COVERAGE
    return SessionOutcome.OPTIMIZED if charged else SessionOutcome.OTHER


def _was_at_target(course: Course) -> bool:
    latest = course.targets.latest
    if latest is None or course.from_pct is None:
        return False
    return course.from_pct >= latest.minimum_charge_target_pct


def _unplugged_early(visit: Visit, course: Course) -> bool:
    """Before the deadline, and short of the target."""
    latest = course.targets.latest
    if latest is None or latest.ready_by_at is None or visit.plugged_out_at is None:
        return False
    missed = course.prospect is not None and not course.prospect.on_target
    return missed and visit.plugged_out_at < latest.ready_by_at
