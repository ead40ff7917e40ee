"""What can be wrong with a session, and what a finding of it says.

docs/anomalies.md has the categories in a table, each with its physics, how sure its rule is, and what to do about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    KWH_DECREASE = "KWH_DECREASE"  # an energy register fell
    REGISTER_RESET = "REGISTER_RESET"  # it began anew near zero
    SPIKE = "SPIKE"  # it showed more than can have flowed
    ZERO_SESSION = "ZERO_SESSION"  # energy was offered, and none was taken
    ENERGY_PIT = "ENERGY_PIT"  # the flow dropped out and came back, uncommanded
    CHARGING_EXPECTED = "CHARGING_EXPECTED"  # the car asks, energy is offered, and none flows
    STUCK_METER = "STUCK_METER"  # the register stands still while power flows
    OVER_REPORT = "OVER_REPORT"  # the register counts more than the power reading
    UNDER_REPORT = "UNDER_REPORT"  # or less
    ABOVE_CAP = "ABOVE_CAP"  # more flows than is offered
    DERATING = "DERATING"  # steadily less flows than is offered and the car can take
    OVER_TEMPERATURE = "OVER_TEMPERATURE"  # the same, and something was hot
    FLAPPING = "FLAPPING"  # on and off, again and again, uncommanded
    MISSING_PHASE = "MISSING_PHASE"  # a phase that carried a charge carries none
    UNCLASSIFIED = "UNCLASSIFIED"  # odd to the model, and no rule knows why


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, and the span that proves it, in seconds since the first reading."""

    category: Category
    begin_s: float
    end_s: float
    score: float
    confidence: float
    size: float = 0.0  # of the fault, in the unit that its sentence uses (hemsd.scoring.words)
    advisory: bool = False  # worth saying, not worth an alarm

    @property
    def weight(self) -> float:
        """How grave, as far as it is sure."""
        return self.score * self.confidence

    def within(self, length_s: float) -> Finding:
        begin = min(max(self.begin_s, 0.0), length_s)
        return Finding(
            self.category,
            begin,
            min(max(self.end_s, begin), length_s),
            self.score,
            self.confidence,
            self.size,
            self.advisory,
        )
