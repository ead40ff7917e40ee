"""Which lanes must be told of which change. Pure but for the clock and the dice; the store commits what it answers.

What a person waits for (a car came, a charge ended, a target changed) is due at once. That a quarter-hour is over is
true in every home at the same moment, so that news is due a random while later: nobody's server is to see all homes
of a region at :00, :15, :30 and :45.
"""

from __future__ import annotations

import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hemsd.clock import Clock
from hemsd.cloud.backoff import Dice
from hemsd.cloud.fields import Document, to_bytes
from hemsd.model import Command, QuarterHour, Visit
from hemsd.store.changes import changes_state
from hemsd.store.outbox import Mark

NEWS_SPREAD_S = 600.0
DECISIONS_S = 60.0  # they are gathered for so long: the store writes them that much later anyway
LAST_WORDS_S = 60.0  # after a visit, for the verdicts on its last commands; then it is summed up

VISIT = "visit"
DECISIONS = "decisions"
SUMMARY = "summary"
SESSION = "flex:session:updated"
STATION = "station.anomaly_detected"


@dataclass(frozen=True, slots=True)
class Lines:
    """The lanes of this home by what they want to hear; ``summaries`` are the kinds that one lane takes."""

    analysis: str | None = None
    telemetry: str | None = None
    told_of: tuple[str, ...] = ()  # the kinds that telemetry wants: VISIT, DECISIONS, SUMMARY
    summary_lane: str | None = None
    summaries: tuple[str, ...] = ()
    session_hooks: tuple[str, ...] = ()
    station_hooks: tuple[str, ...] = ()


@dataclass(slots=True)
class Marks:
    """Satisfies hemsd.store.outbox.Announcer."""

    lines: Lines
    clock: Clock
    dice: Dice = field(default_factory=random.SystemRandom)
    wake: Callable[[str], None] = lambda _: None  # hears of each lane that has something to do at once
    is_open: Callable[[str], bool] = lambda _: True  # a lane that was given up hears nothing
    _quarters: dict[str, datetime] = field(default_factory=dict)
    _settled: deque[str] = field(default_factory=lambda: deque(maxlen=64))

    def of_visit(self, visit: Visit, before: Visit | None) -> tuple[Mark, ...]:
        if before is not None and not changes_state(before, visit):
            return ()
        return tuple(self._of_visit(visit, before, self.clock.utc()))

    def _of_visit(self, visit: Visit, before: Visit | None, at: datetime) -> Iterator[Mark]:
        lines = self.lines
        over = visit.plugged_out_at is not None
        began = before is None or before.transaction_id != visit.transaction_id
        if visit.transaction_id is not None and (began or over):
            yield from self._mark(lines.analysis, VISIT, visit.id, at)
        if VISIT in lines.told_of:
            yield from self._mark(lines.telemetry, VISIT, visit.id, at)
        yield from self._sessions(visit.id, at)
        if over:
            self._quarters.pop(visit.id, None)
            self._settled.append(visit.id)
            last_words_at = at + timedelta(seconds=LAST_WORDS_S)
            for kind in lines.summaries:
                yield from self._mark(lines.summary_lane, kind, visit.id, at, last_words_at)
            for kind in (DECISIONS, SUMMARY):
                if kind in lines.told_of:
                    yield from self._mark(lines.telemetry, kind, visit.id, at, last_words_at)

    def of_transaction_end(self, visit: Visit) -> tuple[Mark, ...]:
        return tuple(self._mark(self.lines.analysis, VISIT, visit.id, self.clock.utc()))

    def of_quarter(self, quarter: QuarterHour) -> tuple[Mark, ...]:
        """Once for each quarter-hour: when its first energy is known, so is the whole of the one before."""
        if self._quarters.get(quarter.visit_id, quarter.start_at) >= quarter.start_at:
            self._quarters.setdefault(quarter.visit_id, quarter.start_at)
            return ()
        self._quarters[quarter.visit_id] = quarter.start_at
        at = self.clock.utc()
        due_at = at + timedelta(seconds=self.dice.uniform(0.0, NEWS_SPREAD_S))
        return tuple(self._sessions(quarter.visit_id, at, due_at))

    def of_decision(self, visit_id: str) -> tuple[Mark, ...]:
        """A row of its own, told once: a decision that stands for more ticks by now is no news."""
        if DECISIONS not in self.lines.told_of:
            return ()
        at = self.clock.utc()
        return tuple(self._mark(self.lines.telemetry, DECISIONS, visit_id, at, at + timedelta(seconds=DECISIONS_S)))

    def of_command(self, command: Command) -> tuple[Mark, ...]:
        """A final verdict may be an error that the session shows, or its end."""
        if command.visit_id is None or not command.final:
            return ()
        return self.of_course(command.visit_id)

    def of_course(self, visit_id: str) -> tuple[Mark, ...]:
        """A target, or what becomes of it. A session that is settled never changes again."""
        return () if visit_id in self._settled else tuple(self._sessions(visit_id, self.clock.utc()))

    def of_subject(self, subject: str) -> tuple[Mark, ...]:
        """What no change of the store tells: the session to come of ``policy:NAME`` got another target."""
        return tuple(self._sessions(subject, self.clock.utc()))

    def of_station(self, anomaly: Document) -> tuple[Mark, ...]:
        """``station.anomaly_detected``, complete but for ``webhook_id``; to be committed with the verdict itself."""
        at = self.clock.utc()
        event_id = str(uuid.uuid4())
        body = to_bytes({**anomaly, "webhook_id": event_id}).decode()
        return tuple(
            mark for hook in self.lines.station_hooks for mark in self._mark(hook, STATION, event_id, at, body=body)
        )

    def _sessions(self, subject: str, at: datetime, due_at: datetime | None = None) -> Iterable[Mark]:
        for hook in self.lines.session_hooks:
            yield from self._mark(hook, SESSION, subject, at, due_at)

    def _mark(
        self,
        lane: str | None,
        kind: str,
        subject: str,
        at: datetime,
        due_at: datetime | None = None,
        body: str | None = None,
    ) -> Iterator[Mark]:
        if lane is None or not self.is_open(lane):
            return
        if due_at is None:
            self.wake(lane)
        yield Mark(lane, kind, subject, at, due_at or at, body)
