"""What Control writes down, and when a decision becomes a row.

A decision is made at every tick; a row is a decision *point*: a change of kind, rule, target or state, and otherwise
one every 5 minutes. Each row counts the ticks that it stands for, so that nothing is lost by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from hemsd.model import Command, Decision, QuarterHour, Sample, SiteMinute, Visit

ROW_S = 300.0


class Journal(Protocol):
    """Takes rows without ever blocking; the store is one."""

    def next_command_id(self) -> int: ...
    def next_decision_id(self) -> int: ...
    def next_visit_number(self) -> int: ...
    def record_decision(self, row_id: int, decision: Decision, visit_id: str | None) -> None: ...
    def record_command(self, command: Command) -> None: ...
    def record_sample(self, visit_id: str, sample: Sample) -> None: ...
    def record_minute(self, minute: SiteMinute) -> None: ...
    def record_quarter(self, quarter: QuarterHour) -> None: ...
    def save_visit(self, visit: Visit) -> None: ...
    def save_course(self, visit_id: str, course: object, *, urgent: bool = True) -> None: ...


@dataclass(slots=True)
class _Row:
    row_id: int
    decision: Decision
    visit_id: str | None
    began_s: float


class DecisionRows:
    """Turns the stream of decisions into rows, for each wallbox."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: dict[str, _Row] = {}

    def add(self, decision: Decision, visit_id: str | None, now_s: float) -> None:
        row = self._rows.get(decision.wallbox)
        if row is None or row.visit_id != visit_id or now_s - row.began_s >= ROW_S or is_point(row.decision, decision):
            row = _Row(self._journal.next_decision_id(), decision, visit_id, now_s)
            self._rows[decision.wallbox] = row
        else:
            row.decision = replace(row.decision, ticks=row.decision.ticks + 1)
        self._journal.record_decision(row.row_id, row.decision, visit_id)


def is_point(before: Decision, now: Decision) -> bool:
    """Whether a decision differs from the one before it in a way that is worth a row."""
    if now.dispatched:
        return True
    return _gist(before) != _gist(now)


def _gist(decision: Decision) -> tuple[object, ...]:
    """The target is compared as what was asked for: the watts expected of it drift with what is learned."""
    return (decision.kind, decision.rule, decision.state, decision.limit_a, decision.phases)


@dataclass(slots=True)
class MemoryJournal:
    """Keeps everything in memory: for replays and tests."""

    decisions: dict[int, Decision] = field(default_factory=dict)
    commands: dict[int, Command] = field(default_factory=dict)
    visits: dict[int, Visit] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    minutes: list[SiteMinute] = field(default_factory=list)
    quarters: dict[tuple[str, str], QuarterHour] = field(default_factory=dict)
    courses: dict[str, object] = field(default_factory=dict)

    def next_command_id(self) -> int:
        return len(self.commands) + 1

    def next_decision_id(self) -> int:
        return len(self.decisions) + 1

    def next_visit_number(self) -> int:
        return len(self.visits) + 1

    def record_decision(self, row_id: int, decision: Decision, visit_id: str | None) -> None:
        self.decisions[row_id] = decision

    def record_command(self, command: Command) -> None:
        self.commands[command.id] = command

    def record_sample(self, visit_id: str, sample: Sample) -> None:
        self.samples.append(sample)

    def record_minute(self, minute: SiteMinute) -> None:
        self.minutes.append(minute)

    def record_quarter(self, quarter: QuarterHour) -> None:
        self.quarters[quarter.visit_id, quarter.start_at.isoformat()] = quarter

    def save_visit(self, visit: Visit) -> None:
        self.visits[visit.number] = visit

    def save_course(self, visit_id: str, course: object, *, urgent: bool = True) -> None:
        self.courses[visit_id] = course
