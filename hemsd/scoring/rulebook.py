"""All rules, and what they find together.

Rules come first because a rule can say what it saw. Each takes the session, looks for one kind of fault, and gives a
finding with its span, how grave it is (score) and how sure (confidence), or nothing. They know what was offered and
what the wallbox said of the car. Thresholds that are not a standard's were chosen on simulated households and then left
alone (benchmarks/scoring.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.flow_rules import above_cap, charging_expected, energy_pit, missing_phase, zero_session
from hemsd.scoring.register_rules import kwh_decrease, misreport, register_reset, spike, stuck_meter
from hemsd.scoring.session import Session, session_of
from hemsd.scoring.shortfall_rules import less_than_usual

__all__ = ["RULES", "Rule", "findings", "session_of"]

Rule = Callable[[Session], Finding | None]

RULES: Final[tuple[Rule, ...]] = (
    kwh_decrease,
    register_reset,
    spike,
    stuck_meter,
    misreport,
    zero_session,
    energy_pit,
    charging_expected,
    above_cap,
    less_than_usual,
    missing_phase,
)


def findings(session: Session) -> tuple[Finding, ...]:
    """What all rules found, the gravest first; of one category the gravest only."""
    found: dict[Category, Finding] = {}
    for rule in RULES:
        one = rule(session)
        if one is not None and (one.category not in found or one.weight > found[one.category].weight):
            found[one.category] = one.within(session.series.length_s)
    return tuple(sorted(found.values(), key=lambda finding: -finding.weight))
