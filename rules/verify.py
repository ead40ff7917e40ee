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

from hemsd.model import DispatchStatus, Evidence, Outcome, Sample, VerificationSettings
from rules.amps_proof import amps_disproved, amps_proved
from rules.phase_proof import phases_disproved, phases_proved, phases_visible, too_many_phases
from rules.trial import Trial, Verdict, usable
from rules.witness import Witness


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
    disproof = phases_disproved(trial, recent)
    if disproof:
        return _verdict(trial, Outcome.PHASE_SWITCH_INEFFECTIVE, True, disproof, usables)
    newest = usables[-2:]  # for a verdict against a wallbox two are heard even where it samples rarely
    disproof = amps_disproved(trial, newest, witness, settings)
    if disproof:
        return _verdict(trial, Outcome.ACCEPTED_INEFFECTIVE, True, disproof, usables)
    return _verdict(
        trial, Outcome.UNVERIFIED, True, Evidence("no-proof", "Nothing seen proves or disproves it.", newest), usables
    )


def _proof(
    trial: Trial, recent: tuple[Sample, ...], witness: Witness, settings: VerificationSettings, over: bool
) -> Evidence | None:
    if not trial.switches_phases or trial.command.amps == 0:
        proof = amps_proved(trial, recent, witness, settings, over)
        return None if proof and trial.command.amps > 0 and too_many_phases(trial, recent) else proof
    if phases_visible(recent):
        return phases_proved(trial, recent)
    # Nothing flows, so the phases can't be seen. A car may still be waking up: only at the end is the current enough.
    return amps_proved(trial, recent, witness, settings, over) if over else None


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
