"""What proves a limit, and what disproves it. None: nothing that was seen does.

The two witnesses in turn: the offer where it is believed, then what flows.
"""

from __future__ import annotations

from hemsd.model import MIN_PILOT_A, Evidence, Sample, VerificationSettings
from rules.drawn import draws_above, flows_above, import_tolerance_a, in_words, knows_draw, stopped
from rules.trial import Trial
from rules.witness import (
    CAPPED,
    OFFERED_ABOVE_A,
    OFFERED_BELOW_A,
    Trust,
    Witness,
    borne_out,
    earns_trust,
    followed_before,
    offered_matches,
)

LIMIT_BOUND_A = 0.5  # a car this close to its limit would take more if it were offered more
STEP_A = 3.0  # some boxes know only 6, 8, 10, 13 and 16 A: a raise by less may change nothing and be obeyed
LIMITED_BY_BOX = "offered-limited"


def amps_proved(
    trial: Trial, recent: tuple[Sample, ...], witness: Witness, settings: VerificationSettings, over: bool
) -> Evidence | None:
    by_offered = _offered_proves(trial, recent, witness, settings) if "offered" in settings.evidence else None
    if by_offered or "import" not in settings.evidence:
        return by_offered
    return _import_proves(trial, recent) or (_limited_by_box(trial, recent, witness) if over else None)


def _offered_proves(
    trial: Trial, recent: tuple[Sample, ...], witness: Witness, settings: VerificationSettings
) -> Evidence | None:
    amps = trial.command.amps
    strict = "import" not in settings.evidence
    believed = strict or witness.trust is Trust.TRUSTED or _follows_now(trial, recent, witness)
    if not believed or (witness.trust is Trust.DISTRUSTED and not strict):
        return None
    if any(draws_above(sample, amps) for sample in recent) and not strict:
        return None
    if all(offered_matches(sample.offered_a, amps) for sample in recent):
        return Evidence(
            "offered", f"The wallbox offers {recent[-1].offered_a:g} A as it was told ({amps:g} A).", recent
        )
    if amps > 0 and not strict and _offered_is_capped(trial, recent, witness):
        return Evidence(CAPPED, f"The wallbox went up to {recent[-1].offered_a:g} A and no further.", recent)
    return None


def _follows_now(trial: Trial, recent: tuple[Sample, ...], witness: Witness) -> bool:
    """Whether this very command makes it two setpoints that Offered has followed, so that it may be believed."""
    offered = recent[-1].offered_a
    if witness.trust is not Trust.UNKNOWN or offered is None or not borne_out(recent[-1]):
        return False
    return earns_trust((*followed_before(trial, witness), (trial.command.amps, offered)))


def _offered_is_capped(trial: Trial, recent: tuple[Sample, ...], witness: Witness) -> bool:
    """It went up and stopped short of the limit, or stands where it always stops."""
    old, amps = trial.command.before_a or 0.0, trial.command.amps
    cap_a = witness.cap_a
    return all(
        sample.offered_a is not None
        and sample.offered_a < amps
        and (
            old + import_tolerance_a(old) < sample.offered_a
            or (cap_a is not None and abs(sample.offered_a - cap_a) <= OFFERED_ABOVE_A)
        )
        for sample in recent
    )


def _limited_by_box(trial: Trial, recent: tuple[Sample, ...], witness: Witness) -> Evidence | None:
    """It offers clearly less than both the new limit and the old one: somebody else steers it as well."""
    most_a = min(trial.command.amps, trial.command.before_a or 0.0) - OFFERED_BELOW_A
    if witness.trust is not Trust.TRUSTED or any(draws_above(sample, trial.command.amps) for sample in recent):
        return None
    if all(sample.offered_a is not None and MIN_PILOT_A <= sample.offered_a < most_a for sample in recent):
        return Evidence(LIMITED_BY_BOX, f"The wallbox offers {recent[-1].offered_a:g} A by its own choice.", recent)
    return None


def _import_proves(trial: Trial, recent: tuple[Sample, ...]) -> Evidence | None:
    amps, old, before = trial.command.amps, trial.command.before_a, trial.before
    if not all(knows_draw(sample) for sample in recent):
        return None
    if amps == 0:
        was_flowing = before is not None and knows_draw(before) and not stopped(before)
        if was_flowing and all(stopped(sample) for sample in recent):
            return Evidence("import-stopped", "The current has stopped.", recent)
        return None
    currents = [sample.max_current_a for sample in recent]
    if any(current is None for current in currents):
        return _power_proves(trial, recent)
    now_a = max(current for current in currents if current is not None)
    least_a = min(current for current in currents if current is not None)
    limit_a = amps + import_tolerance_a(amps)
    if before is not None and flows_above(before, limit_a) and now_a <= limit_a:
        return Evidence("import-fell", f"The current fell from {in_words(before)} to {now_a:.1f} A.", recent)
    if old is not None and amps > old and least_a > old + import_tolerance_a(old) and now_a <= limit_a:
        return Evidence("import-rose", f"The car takes {now_a:.1f} A, more than the {old:g} A of before.", recent)
    if old is not None and amps == old and now_a <= limit_a:
        return Evidence("import-within", f"The current stays within the limit: {now_a:.1f} A.", recent)
    return None


def _power_proves(trial: Trial, recent: tuple[Sample, ...]) -> Evidence | None:
    """The power before was drawn at no more than the old limit, so its share of that is known to the current, too."""
    amps, old, before = trial.command.amps, trial.command.before_a, trial.before
    powers_w = [sample.power_w for sample in recent if sample.power_w is not None]
    if not old or before is None or not before.power_w or len(powers_w) < len(recent) or trial.switches_phases:
        return None
    limit_a = amps + import_tolerance_a(amps)
    if (old + OFFERED_ABOVE_A) * max(powers_w) / before.power_w > limit_a:
        return None
    if flows_above(before, limit_a):
        return Evidence("import-fell", f"The power fell from {before.power_w:.0f} W to {powers_w[-1]:.0f} W.", recent)
    if all(flows_above(sample, old + import_tolerance_a(old)) for sample in recent):
        return Evidence("import-rose", f"The power rose to {powers_w[-1]:.0f} W.", recent)
    return None


def amps_disproved(
    trial: Trial, recent: tuple[Sample, ...], witness: Witness, settings: VerificationSettings
) -> Evidence | None:
    amps, old = trial.command.amps, trial.command.before_a
    offered = [sample.offered_a for sample in recent]
    if "import" not in settings.evidence:
        if all(value is not None and not offered_matches(value, amps) for value in offered):
            return Evidence("offered-unmoved", f"The wallbox still offers {offered[-1]:g} A, not {amps:g} A.", recent)
        return None
    if all(draws_above(sample, amps) for sample in recent):
        return Evidence("import-above", f"{in_words(recent[-1])} flow, although {amps:g} A were accepted.", recent)
    if old is None or amps <= old:
        return None
    limit_bound = trial.before is not None and (trial.before.max_current_a or 0.0) >= old - LIMIT_BOUND_A
    stayed = all(
        sample.max_current_a is not None and abs(sample.max_current_a - old) <= LIMIT_BOUND_A for sample in recent
    )
    unmoved = witness.trust is Trust.TRUSTED and all(
        value is not None and value <= old + OFFERED_ABOVE_A for value in offered
    )
    if old > 0 and amps - old > STEP_A and limit_bound and stayed and unmoved:
        return Evidence("raise-ignored", f"Offer and current both stay at {old:g} A.", recent)
    if old == 0 and unmoved and trial.command.amps > 0:
        return Evidence("raise-ignored", "The wallbox goes on offering nothing.", recent)
    return None
