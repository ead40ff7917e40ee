"""Rules and model in one verdict.

A rule that fired says how grave and how sure; the model says how odd. They are taken as two witnesses: the verdict is
that not both are wrong. What "odd" means differs from home to home, so the model's surprise is measured against what
healthy sessions of this home scored. Before there are twenty of those, the shipped yardstick is used, and then the
model alone may not raise an alarm: on a real home it did so for a quarter of all healthy sessions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.features import BUCKET_S, Buckets
from hemsd.scoring.surprise import Surprise

OWN_SESSIONS: Final = 20
OWN_QUANTILE: Final = 0.97
THRESHOLD: Final = 0.61  # a little more than the model alone can reach against the shipped yardstick
RULES_WEIGHT: Final = 0.98  # nothing is certain
STEEPNESS: Final = 4.0
LEAST_Q: Final = 0.5  # a home whose sessions are all alike must not call the first other one a fault
ODD_SHARE: Final = 0.5  # of the worst bucket: what belongs to the same oddity


@dataclass(frozen=True, slots=True)
class Calibration:
    """The surprise that a healthy session hardly ever exceeds, and from how many own ones that is known."""

    limit: float
    own: int = 0

    @property
    def settled(self) -> bool:
        return self.own >= OWN_SESSIONS


def calibrated(own_scores: Sequence[float], shipped: Calibration) -> Calibration:
    """From the scores of this home's own unflagged sessions."""
    if len(own_scores) < OWN_SESSIONS:
        return replace(shipped, own=len(own_scores))
    limit = max(float(np.quantile(own_scores, OWN_QUANTILE)), LEAST_Q * shipped.limit)
    return Calibration(limit, len(own_scores))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out about a session."""

    is_anomaly: bool
    score: float
    confidence: float
    is_incident: bool
    findings: tuple[Finding, ...] = ()  # those that make it an anomaly
    advisories: tuple[Finding, ...] = ()  # worth knowing, no alarm
    surprise: float | None = None
    length: int = 0  # quarter-hour positions that were analysed
    calibrated_on: int = 0


def oddness(surprise: float, limit: float) -> float:
    """0 to 1; one half where healthy sessions end."""
    return 1 / (1 + math.exp(-STEEPNESS * (math.log(max(surprise, 1e-3)) - math.log(limit))))


def both(rule: float, odd: float) -> float:
    """That not both witnesses are wrong."""
    return 1 - (1 - RULES_WEIGHT * rule) * (1 - odd)


def fuse(
    found: Sequence[Finding],
    surprise: Surprise | None,
    place: Buckets | None,
    calibration: Calibration,
    *,
    faulted: bool = False,
    length: int = 0,
) -> Verdict:
    odd = oddness(surprise.score, calibration.limit) if surprise else 0.0
    strongest = max((one.score * one.confidence for one in found if not one.advisory), default=0.0)
    score = both(strongest, odd)
    flagged = [
        replace(one, score=both(one.score * one.confidence, odd))
        for one in found
        if not one.advisory and both(one.score * one.confidence, odd) >= THRESHOLD
    ]
    rest = [one for one in found if one.advisory or both(one.score * one.confidence, odd) < THRESHOLD]
    if not flagged and odd >= THRESHOLD and surprise and place:
        strange = _unclassified(surprise, place, odd, calibration)
        (flagged if calibration.settled else rest).append(strange)
    if not flagged:
        score = min(score, THRESHOLD - 0.01)
    flagged.sort(key=lambda one: -one.score)
    return Verdict(
        is_anomaly=bool(flagged),
        score=round(score, 4),
        confidence=round(max(one.confidence for one in flagged) if flagged else 1 - score, 4),
        is_incident=faulted or any(one.category in NEEDS_A_PERSON for one in flagged),
        findings=tuple(flagged),
        advisories=tuple(rest),
        surprise=None if surprise is None else round(surprise.score, 4),
        length=length,
        calibrated_on=calibration.own,
    )


NEEDS_A_PERSON: Final = frozenset(
    {Category.ZERO_SESSION, Category.CHARGING_EXPECTED, Category.MISSING_PHASE, Category.OVER_TEMPERATURE}
)


def _unclassified(surprise: Surprise, place: Buckets, odd: float, calibration: Calibration) -> Finding:
    """The oddest bucket and what around it is odd too. No category is made up for it."""
    strange = np.nan_to_num(surprise.by_bucket) >= ODD_SHARE * np.nanmax(surprise.by_bucket)
    first = last = surprise.worst
    while first > 0 and strange[first - 1]:
        first -= 1
    while last + 1 < len(strange) and strange[last + 1]:
        last += 1
    return Finding(
        Category.UNCLASSIFIED,
        max(0.0, float(place.begins_s[first])),
        float(place.begins_s[last] + BUCKET_S),
        odd,
        0.6 if calibration.settled else 0.3,
        size=surprise.score / calibration.limit,
        advisory=not calibration.settled,
    )
