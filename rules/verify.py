"""Did the wallbox really do what it was told?

An answer ``Accepted`` means "parsed". So each command is held against what the wallbox then says and does, within a
window that is as long as the wallbox's own sampling makes necessary. Two witnesses are heard:

- *import*, the measured current: it proves a reduction (the current fell to the new limit), and proves a raise only
  when it goes above the old limit, because a car may always take less than it is offered. Where a wallbox measures only
  its power, that counts as far as it goes: more than three phases could carry is too much on one of them, and between
  two moments on the same phases the current changes as the power does;
- *Current.Offered*, what the wallbox says that it offers. Some boxes report a constant, or echo what they were told,
  so it must earn trust: it counts once it has been seen to follow two different setpoints, and never again after the
  measured current contradicted it.

Only samples count that arrived after the answer, are not a replay of history, and do not close a transaction; two in
a row must agree, or one where the wallbox samples more rarely than every 30 s. A verdict is given as soon as its
evidence is complete; what would need to be *absent* is judged when the window ends. No evidence is ``unverified``,
never success; that a wallbox says it holds a profile (GetCompositeSchedule) is none.

A limit is an upper bound, so a wallbox that offers less has obeyed, and the rule of its evidence says why it is less:
``offered-capped`` where it went up to a ceiling of its own, ``offered-limited`` where something else steers it, too.

Tolerances: a pilot step is about 0.25 A (IEC 61851-1: 10 microseconds of duty cycle are 0.06 A, boxes use 1 % to
0.4 %), meters in wallboxes are good to a few percent, and many boxes report whole amperes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hemsd.model import MIN_PILOT_A, Command, DispatchStatus, Evidence, Outcome, Sample, VerificationSettings

OFF_A = 0.5
OFF_W = 100.0
LIMIT_BOUND_A = 0.5  # a car this close to its limit would take more if it were offered more
OFFERED_BELOW_A = 1.0  # boxes round down to whole amperes
OFFERED_ABOVE_A = 0.3
MOST_PHASES = 3
HIGH_V = 253.0  # EN 50160: 230 V + 10 %
STEP_A = 3.0  # some boxes know only 6, 8, 10, 13 and 16 A: a raise by less may change nothing and be obeyed
CAPPED = "offered-capped"
LIMITED_BY_BOX = "offered-limited"


class Trust(StrEnum):
    """What Current.Offered of one wallbox is worth."""

    UNKNOWN = "unknown"
    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"


@dataclass(frozen=True, slots=True)
class Witness:
    """What has been learned about a wallbox's Current.Offered, kept per vendor, model and firmware."""

    trust: Trust = Trust.UNKNOWN
    followed: tuple[tuple[float, float], ...] = ()  # (setpoint, offered) pairs that agreed, newest last, at most 4
    stuck_at: tuple[tuple[float, float], ...] = ()  # (setpoint, offered) of proven commands that it did not follow
    cap_a: float | None = None  # more it was never seen to offer, though told to


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


def import_tolerance_a(limit_a: float) -> float:
    return max(1.0, 0.05 * limit_a)


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


def judge(
    trial: Trial,
    samples: Sequence[Sample],
    witness: Witness,
    now_s: float,
    settings: VerificationSettings = VerificationSettings(),
) -> Verdict:
    """The verdict as far as the samples since then allow one; ``final`` says whether it may still change."""
    command = trial.command
    over = now_s - trial.answered_s >= trial.window_s
    if command.dispatch_status not in (DispatchStatus.APPLIED, DispatchStatus.TIMEOUT):
        outcome = Outcome(command.dispatch_status.value)
        return Verdict(outcome, True, Evidence("answer", f"The wallbox's answer decides: {outcome}."))

    usables = usable(trial, samples)
    needed = 1 if trial.interval_s > 30 else 2
    recent = usables[-needed:]
    proof = _proof(trial, recent, witness, settings, over) if len(recent) == needed else None
    if proof:
        return _verdict(trial, Outcome.APPLIED, True, proof, usables)

    if command.dispatch_status is DispatchStatus.TIMEOUT:
        # Some boxes act and forget to answer; until the window ends, evidence may still turn this into applied.
        return _verdict(trial, Outcome.TIMEOUT, over, Evidence("answer", "No answer in time."), usables)
    if not over:
        return _verdict(trial, Outcome.UNVERIFIED, False, Evidence("waiting", "The window is still open."), usables)
    if len(recent) < needed:
        return _verdict(trial, Outcome.UNVERIFIED, True, Evidence("no-samples", "No usable sample came."), usables)
    if usables[-1].received_s < trial.answered_s + trial.window_s - max(30.0, 2 * trial.interval_s + 10.0):
        fell_silent = Evidence("no-samples", "The wallbox fell silent before it had its time to act.", usables[-2:])
        return _verdict(trial, Outcome.UNVERIFIED, True, fell_silent, usables)
    disproof = _phases_disproved(trial, recent)
    if disproof:
        return _verdict(trial, Outcome.PHASE_SWITCH_INEFFECTIVE, True, disproof, usables)
    newest = usables[-2:]  # for a verdict against a wallbox two are heard even where it samples rarely
    disproof = _amps_disproved(trial, newest, witness, settings)
    if disproof:
        return _verdict(trial, Outcome.ACCEPTED_INEFFECTIVE, True, disproof, usables)
    return _verdict(
        trial, Outcome.UNVERIFIED, True, Evidence("no-proof", "Nothing seen proves or disproves it.", newest), usables
    )


def _proof(
    trial: Trial, recent: tuple[Sample, ...], witness: Witness, settings: VerificationSettings, over: bool
) -> Evidence | None:
    if not trial.switches_phases or trial.command.amps == 0:
        proof = _amps_proved(trial, recent, witness, settings, over)
        return None if proof and trial.command.amps > 0 and _too_many_phases(trial, recent) else proof
    if _phases_visible(recent):
        return _phases_proved(trial, recent)
    # Nothing flows, so the phases can't be seen. A car may still be waking up: only at the end is the current enough.
    return _amps_proved(trial, recent, witness, settings, over) if over else None


def _verdict(trial: Trial, outcome: Outcome, final: bool, evidence: Evidence, usables: tuple[Sample, ...]) -> Verdict:
    last = usables[-1] if usables else None
    effect_s = None
    if outcome is Outcome.APPLIED and evidence.samples:
        effect_s = round(evidence.samples[0].received_s - trial.command.sent_s, 1)
    return Verdict(
        outcome,
        final,
        evidence,
        offered_a=last.offered_a if last else None,
        power_w=last.power_w if last else None,
        effect_s=effect_s,
    )


# --- current -----------------------------------------------------------------------------------------------------


def _amps_proved(
    trial: Trial, recent: tuple[Sample, ...], witness: Witness, settings: VerificationSettings, over: bool
) -> Evidence | None:
    by_offered = _offered_proves(trial, recent, witness, settings) if "offered" in settings.evidence else None
    if by_offered or "import" not in settings.evidence:
        return by_offered
    return _import_proves(trial, recent) or (_limited_by_box(trial, recent, witness) if over else None)


def offered_matches(offered_a: float | None, limit_a: float) -> bool:
    if offered_a is None:
        return False
    return limit_a - OFFERED_BELOW_A - 1e-6 <= offered_a <= limit_a + OFFERED_ABOVE_A


def _offered_proves(
    trial: Trial, recent: tuple[Sample, ...], witness: Witness, settings: VerificationSettings
) -> Evidence | None:
    amps = trial.command.amps
    strict = "import" not in settings.evidence
    believed = strict or witness.trust is Trust.TRUSTED or _follows_now(trial, recent, witness)
    if not believed or (witness.trust is Trust.DISTRUSTED and not strict):
        return None
    if any(_draws_above(sample, amps) for sample in recent) and not strict:
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
    if witness.trust is not Trust.UNKNOWN or offered is None:
        return False
    return earns_trust((*_followed_before(trial, witness), (trial.command.amps, offered)))


def _followed_before(trial: Trial, witness: Witness) -> tuple[tuple[float, float], ...]:
    old, before = trial.command.before_a, trial.before
    if old is None or before is None or before.offered_a is None or not offered_matches(before.offered_a, old):
        return witness.followed
    return (*witness.followed, (old, before.offered_a))


def earns_trust(followed: Sequence[tuple[float, float]]) -> bool:
    """Two setpoints followed, far enough apart: 2 A, or 1 A where both were met exactly (so it was no rounding)."""
    for n, (setpoint_a, offered_a) in enumerate(followed):
        for other_a, other_offered_a in followed[:n]:
            apart = abs(setpoint_a - other_a)
            exact = abs(setpoint_a - offered_a) <= OFFERED_ABOVE_A and abs(other_a - other_offered_a) <= OFFERED_ABOVE_A
            if apart >= 2.0 or (apart >= 1.0 and exact):
                return True
    return False


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
    if witness.trust is not Trust.TRUSTED or any(_draws_above(sample, trial.command.amps) for sample in recent):
        return None
    if all(sample.offered_a is not None and MIN_PILOT_A <= sample.offered_a < most_a for sample in recent):
        return Evidence(LIMITED_BY_BOX, f"The wallbox offers {recent[-1].offered_a:g} A by its own choice.", recent)
    return None


def _draws_above(sample: Sample, limit_a: float) -> bool:
    if limit_a == 0:
        return not _stopped(sample)
    return _flows_above(sample, limit_a + import_tolerance_a(limit_a))


def _flows_above(sample: Sample, amps: float) -> bool:
    """Whether more flows on one phase; by the power alone only where all phases together could not carry it."""
    if sample.max_current_a is not None:
        return sample.max_current_a > amps
    return sample.power_w is not None and sample.power_w > amps * MOST_PHASES * HIGH_V


def _stopped(sample: Sample) -> bool:
    current = sample.max_current_a
    if current is not None:
        return current < OFF_A
    return sample.power_w is not None and sample.power_w < OFF_W


def _knows_draw(sample: Sample) -> bool:
    return sample.max_current_a is not None or sample.power_w is not None


def _import_proves(trial: Trial, recent: tuple[Sample, ...]) -> Evidence | None:
    amps, old, before = trial.command.amps, trial.command.before_a, trial.before
    if not all(_knows_draw(sample) for sample in recent):
        return None
    if amps == 0:
        was_flowing = before is not None and _knows_draw(before) and not _stopped(before)
        if was_flowing and all(_stopped(sample) for sample in recent):
            return Evidence("import-stopped", "The current has stopped.", recent)
        return None
    currents = [sample.max_current_a for sample in recent]
    if any(current is None for current in currents):
        return _power_proves(trial, recent)
    now_a = max(current for current in currents if current is not None)
    least_a = min(current for current in currents if current is not None)
    limit_a = amps + import_tolerance_a(amps)
    if before is not None and _flows_above(before, limit_a) and now_a <= limit_a:
        return Evidence("import-fell", f"The current fell from {_drawn(before)} to {now_a:.1f} A.", recent)
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
    if _flows_above(before, limit_a):
        return Evidence("import-fell", f"The power fell from {before.power_w:.0f} W to {powers_w[-1]:.0f} W.", recent)
    if all(_flows_above(sample, old + import_tolerance_a(old)) for sample in recent):
        return Evidence("import-rose", f"The power rose to {powers_w[-1]:.0f} W.", recent)
    return None


def _drawn(sample: Sample) -> str:
    return f"{sample.power_w or 0:.0f} W" if sample.max_current_a is None else f"{sample.max_current_a:.1f} A"


def _amps_disproved(
    trial: Trial, recent: tuple[Sample, ...], witness: Witness, settings: VerificationSettings
) -> Evidence | None:
    amps, old = trial.command.amps, trial.command.before_a
    offered = [sample.offered_a for sample in recent]
    if "import" not in settings.evidence:
        if all(value is not None and not offered_matches(value, amps) for value in offered):
            return Evidence("offered-unmoved", f"The wallbox still offers {offered[-1]:g} A, not {amps:g} A.", recent)
        return None
    if all(_draws_above(sample, amps) for sample in recent):
        return Evidence("import-above", f"{_drawn(recent[-1])} flow, although {amps:g} A were accepted.", recent)
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


# --- phases ------------------------------------------------------------------------------------------------------


def _phases_visible(recent: tuple[Sample, ...]) -> bool:
    return all((sample.active_phases or 0) >= 1 for sample in recent)


def _too_many_phases(trial: Trial, recent: tuple[Sample, ...]) -> bool:
    """One phase is the wallbox's to give; fewer than were asked for may be the car's own choice."""
    return trial.command.phases == 1 and any((sample.active_phases or 0) >= 2 for sample in recent)


def _phases_proved(trial: Trial, recent: tuple[Sample, ...]) -> Evidence | None:
    """Two of three are a car's own choice, and more than a wallbox could give that had stayed on one."""
    wanted, active = trial.command.phases, [sample.active_phases or 0 for sample in recent]
    matches = all(count >= 2 for count in active) if wanted == 3 else all(count == wanted for count in active)
    if matches and not any(_draws_above(sample, trial.command.amps) for sample in recent):
        return Evidence("phases", f"The current flows on {active[-1]} phase{'s' if active[-1] != 1 else ''}.", recent)
    return None


def _phases_disproved(trial: Trial, recent: tuple[Sample, ...]) -> Evidence | None:
    wanted = trial.command.phases
    if wanted is None or not _phases_visible(recent):
        return None
    active = [sample.active_phases or 0 for sample in recent]
    if wanted == 1 and min(active) >= 2:
        return Evidence("phases-stayed", f"The current still flows on {active[-1]} phases.", recent)
    if wanted == 3 and max(active) == 1 and (trial.car_uses_phases or 0) >= 2 and trial.switches_phases:
        return Evidence("phases-stayed", "One phase only, although this car was seen on more.", recent)
    return None


# --- what a verdict teaches -----------------------------------------------------------------------------------------


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
    if offered_matches(offered, amps):
        followed = (*_followed_before(trial, witness), (amps, offered))[-4:]
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
