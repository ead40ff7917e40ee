"""A command under judgement, the samples that may speak for or against it, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hemsd.model import Command, Evidence, Outcome, Sample


@dataclass(frozen=True, slots=True)
class Trial:
    """A command under judgement and what was known when it went out."""

    command: Command
    before: Sample | None  # the newest sample from before the command
    answered_s: float  # when the wallbox answered, or when waiting for it ended
    interval_s: float  # the wallbox's real sampling interval
    before_phases: int | None = None  # the phase count that was in force
    car_uses_phases: int | None = None  # the most phases on which this car was ever seen

    @property
    def switches_phases(self) -> bool:
        wanted = self.command.phases
        return wanted is not None and self.before_phases is not None and wanted != self.before_phases

    @property
    def window_s(self) -> float:
        """How long a verdict may take, from the answer on."""
        first_of_visit = self.command.phases is not None and self.before_phases is None
        if self.switches_phases or first_of_visit:  # its relay may have to move
            return 120.0 + self.interval_s
        if self.command.amps > 0 and not self.command.before_a:
            return 60.0 + self.interval_s  # a car needs time to start
        return max(30.0, 2 * self.interval_s + 10.0)


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    final: bool
    evidence: Evidence
    offered_a: float | None = None
    power_w: float | None = None
    effect_s: float | None = None


def usable(trial: Trial, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The samples that may prove something about this command, oldest first."""
    newest_before = trial.before.box_time if trial.before else None
    return tuple(
        sample
        for sample in samples
        if sample.received_s >= trial.answered_s
        and not sample.backlog
        and sample.context != "Transaction.End"
        and (newest_before is None or sample.box_time is None or sample.box_time >= newest_before)
    )
