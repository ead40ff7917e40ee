"""The commands that still wait for their verdict, one for each wallbox, with the samples that came since.

``rules.verify`` judges; this keeps what it needs between ticks, and what verdicts teach about each wallbox.

A limit that was accepted without effect may be said in another way. That is the same command still: its trial waits
for the next answer, the outcome so far stands meanwhile, and only when no way is left is it final.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hemsd.model import Command, Dispatch, DispatchStatus, Evidence, Outcome, Sample, VerificationSettings
from rules.amps_proof import LIMITED_BY_BOX
from rules.trial import Trial, Verdict
from rules.verify import judge
from rules.witness import Witness, learn

KEPT_SAMPLES = 64  # a window of two minutes at 2 s; older ones prove nothing


@dataclass(slots=True)
class _Open:
    command: Command
    before: Sample | None
    interval_s: float
    before_phases: int | None
    trial: Trial | None = None  # from the answer on
    samples: list[Sample] = field(default_factory=list)


def nowhere(_command: Command) -> bool:
    """There is no other way to say it."""
    return False


class Trials:
    """``said_otherwise`` is asked when a command had no effect: whether it now goes out in another way."""

    def __init__(
        self,
        settings: VerificationSettings,
        judged: Callable[[Command], None],
        said_otherwise: Callable[[Command], bool] = nowhere,
    ) -> None:
        self.settings = settings
        self._said_otherwise = said_otherwise
        self.witnesses: dict[str, Witness] = {}
        self.limited_by_box: dict[str, int] = {}  # how many commands in a row ended so
        self._judged = judged
        self._open: dict[str, _Open] = {}
        self._car_phases: dict[str, int] = {}

    def open(self, command: Command, before: Sample | None, interval_s: float, before_phases: int | None) -> None:
        """A command goes out; an older one that has no verdict yet gets none any more."""
        self.close(command.wallbox, "A newer command took its place before it could be judged.")
        self._open[command.wallbox] = _Open(command, before, interval_s, before_phases)

    def answered(self, command: Command, dispatch: Dispatch, now_s: float) -> Command:
        """The wallbox's answer starts the window; gives the command as it now stands."""
        told_before = command.outcome is Outcome.ACCEPTED_INEFFECTIVE
        opened = self._open.get(command.wallbox)
        current = opened is not None and opened.command.id == command.id
        command = replace(command, attempts=(*command.attempts, *dispatch.attempts))
        if told_before and (not current or dispatch.status not in (DispatchStatus.APPLIED, DispatchStatus.TIMEOUT)):
            # It went out before and had no effect; that it could not be said again changes nothing of that.
            if current:
                del self._open[command.wallbox]
            return replace(command, final=True)
        command = replace(command, dispatch_status=dispatch.status)
        if opened is None or not current:
            # It was given up before it went out, or its wallbox was unplugged: what was known at dispatch is all.
            accepted = dispatch.status is DispatchStatus.APPLIED
            outcome = Outcome.UNVERIFIED if accepted else Outcome(dispatch.status.value)
            return replace(command, outcome=outcome, final=True, evidence=Evidence("answer", dispatch.text))
        opened.command = command
        opened.trial = Trial(
            command,
            opened.before,
            now_s,
            opened.interval_s,
            opened.before_phases,
            self._car_phases.get(command.wallbox),
        )
        return self._settle(opened, now_s)

    def sample(self, wallbox: str, sample: Sample) -> None:
        phases = sample.active_phases
        if phases and not sample.backlog:
            self._car_phases[wallbox] = max(phases, self._car_phases.get(wallbox, 0))
        opened = self._open.get(wallbox)
        if opened is not None:
            opened.samples = [*opened.samples[-KEPT_SAMPLES + 1 :], sample]

    def judge(self, now_s: float) -> None:
        """Looks at every open command again and reports each one whose verdict changed."""
        for opened in list(self._open.values()):
            if opened.trial is not None:
                before = (opened.command.outcome, opened.command.final)
                command = self._settle(opened, now_s)
                if (command.outcome, command.final) != before:
                    self._judged(command)

    def _settle(self, opened: _Open, now_s: float) -> Command:
        assert opened.trial is not None
        wallbox = opened.command.wallbox
        witness = self.witnesses.get(wallbox, Witness())
        verdict = judge(opened.trial, opened.samples, witness, now_s, self.settings)
        if opened.command.outcome is Outcome.ACCEPTED_INEFFECTIVE:
            if not verdict.final:
                return opened.command
            if verdict.outcome is Outcome.TIMEOUT:  # what was proved of the way before is worth more than a silence
                opened.command = replace(opened.command, final=True)
                del self._open[wallbox]
                return opened.command
        opened.command = _with_verdict(opened.command, verdict)
        if verdict.final:
            self.witnesses[wallbox] = learn(witness, opened.trial, verdict)
            limited = verdict.evidence.rule == LIMITED_BY_BOX
            self.limited_by_box[wallbox] = self.limited_by_box.get(wallbox, 0) + 1 if limited else 0
            self._finish(opened)
        return opened.command

    def _finish(self, opened: _Open) -> None:
        final = opened.command
        if final.outcome is Outcome.ACCEPTED_INEFFECTIVE:
            opened.command, opened.trial = replace(final, final=False), None
            if self._said_otherwise(opened.command):
                return
            opened.command = final
        del self._open[final.wallbox]

    def close(self, wallbox: str, why: str) -> None:
        """Ends the waiting for a verdict: what is not proven by now stays unverified."""
        opened = self._open.pop(wallbox, None)
        if opened is None:
            return
        if opened.command.outcome is Outcome.ACCEPTED_INEFFECTIVE:
            self._judged(replace(opened.command, final=True))
        elif opened.trial is not None:
            self._judged(replace(opened.command, final=True, evidence=Evidence("superseded", why)))

    def forget_car(self, wallbox: str) -> None:
        """Another car may come: what was seen of this one's phases says nothing of the next."""
        self._car_phases.pop(wallbox, None)


def _with_verdict(command: Command, verdict: Verdict) -> Command:
    return replace(
        command,
        outcome=verdict.outcome,
        final=verdict.final,
        evidence=verdict.evidence,
        observed_current_offered_a=verdict.offered_a,
        observed_power_w=verdict.power_w,
        effect_s=verdict.effect_s,
    )
