"""What a wallbox's ``Current.Offered`` is worth: it earns trust by following, and loses it by one contradiction.

It counts as followed only what the current bore out: a wallbox that repeats what it was told, before a car that takes
little, would be believed otherwise. Kept for vendor, model and firmware. The current needs no trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hemsd.model import Outcome, Sample
from rules.drawn import import_tolerance_a, stopped
from rules.trial import Trial, Verdict

OFFERED_BELOW_A = 1.0  # boxes round down to whole amperes
OFFERED_ABOVE_A = 0.3
SHORTFALL_A = 1.5  # a car stays below its offer by a few tenths, some by an ampere
CAPPED = "offered-capped"


class Trust(StrEnum):
    """What Current.Offered of one wallbox is worth."""

    UNKNOWN = "unknown"
    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"


@dataclass(frozen=True, slots=True)
class Witness:
    """What has been learned about a wallbox's Current.Offered, kept per vendor, model and firmware."""

    trust: Trust = Trust.UNKNOWN
    followed: tuple[tuple[float, float], ...] = ()  # (setpoint, offered) that agreed, newest last, at most 4
    stuck_at: tuple[tuple[float, float], ...] = ()  # (setpoint, offered) of proven commands that it did not follow
    cap_a: float | None = None  # more it was never seen to offer, though told to


def offered_matches(offered_a: float | None, limit_a: float) -> bool:
    if offered_a is None:
        return False
    return limit_a - OFFERED_BELOW_A - 1e-6 <= offered_a <= limit_a + OFFERED_ABOVE_A


def earns_trust(followed: Sequence[tuple[float, float]]) -> bool:
    """Two setpoints followed, far enough apart: 2 A, or 1 A where both were met exactly (so it was no rounding)."""
    for n, (setpoint_a, offered_a) in enumerate(followed):
        for other_a, other_offered_a in followed[:n]:
            apart = abs(setpoint_a - other_a)
            exact = abs(setpoint_a - offered_a) <= OFFERED_ABOVE_A and abs(other_a - other_offered_a) <= OFFERED_ABOVE_A
            if apart >= 2.0 or (apart >= 1.0 and exact):
                return True
    return False


def borne_out(sample: Sample) -> bool:
    """Whether the current goes along with the offer. Some wallboxes say what they were told and do something else."""
    offered_a, current_a = sample.offered_a, sample.max_current_a
    if offered_a is None:
        return False
    if current_a is None:
        return sample.power_w is None or stopped(sample) == (offered_a == 0)
    if offered_a == 0:
        return stopped(sample)
    return offered_a - SHORTFALL_A <= current_a <= offered_a + import_tolerance_a(offered_a)


def followed_before(trial: Trial, witness: Witness) -> tuple[tuple[float, float], ...]:
    old, before = trial.command.before_a, trial.before
    if old is None or before is None or before.offered_a is None or not borne_out(before):
        return witness.followed
    return (*witness.followed, (old, before.offered_a)) if offered_matches(before.offered_a, old) else witness.followed


def learn(witness: Witness, trial: Trial, verdict: Verdict) -> Witness:
    """What a final verdict says about the worth of this wallbox's Current.Offered. Distrust is for good."""
    recent = verdict.evidence.samples
    if witness.trust is Trust.DISTRUSTED or not recent:
        return witness
    if len(recent) >= 2 and all(_contradicts(sample) for sample in recent):
        return replace(witness, trust=Trust.DISTRUSTED)
    offered = recent[-1].offered_a
    if offered is None:
        return witness
    if verdict.evidence.rule == CAPPED:
        return replace(witness, cap_a=offered)
    if witness.cap_a is not None and offered > witness.cap_a + OFFERED_ABOVE_A:
        witness = replace(witness, cap_a=None)
    amps = trial.command.amps
    if offered_matches(offered, amps) and borne_out(recent[-1]):
        followed = (*followed_before(trial, witness), (amps, offered))[-4:]
        trust = Trust.TRUSTED if witness.trust is Trust.TRUSTED or earns_trust(followed) else Trust.UNKNOWN
        return replace(witness, trust=trust, followed=followed)
    if verdict.outcome is Outcome.APPLIED and verdict.evidence.rule.startswith("import"):
        stuck = (*witness.stuck_at, (amps, offered))[-4:]
        constant = max(o for _, o in stuck) - min(o for _, o in stuck) <= OFFERED_ABOVE_A
        apart = max(a for a, _ in stuck) - min(a for a, _ in stuck) >= 2.0
        trust = Trust.DISTRUSTED if constant and apart else witness.trust
        return replace(witness, trust=trust, stuck_at=stuck)
    return witness


def _contradicts(sample: Sample) -> bool:
    current = sample.max_current_a
    return current is not None and sample.offered_a is not None and current > sample.offered_a + 1.0
