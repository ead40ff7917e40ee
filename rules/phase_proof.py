"""What proves a change of phases, and what disproves it: the phases that carry a current."""

from __future__ import annotations

from hemsd.model import Evidence, Sample
from rules.drawn import draws_above
from rules.trial import Trial


def phases_visible(recent: tuple[Sample, ...]) -> bool:
    return all((sample.active_phases or 0) >= 1 for sample in recent)


def too_many_phases(trial: Trial, recent: tuple[Sample, ...]) -> bool:
    """One phase is the wallbox's to give; fewer than were asked for may be the car's own choice."""
    return trial.command.phases == 1 and any((sample.active_phases or 0) >= 2 for sample in recent)


def phases_proved(trial: Trial, recent: tuple[Sample, ...]) -> Evidence | None:
    """Two of three are a car's own choice, and more than a wallbox could give that had stayed on one."""
    wanted, active = trial.command.phases, [sample.active_phases or 0 for sample in recent]
    matches = all(count >= 2 for count in active) if wanted == 3 else all(count == wanted for count in active)
    if matches and not any(draws_above(sample, trial.command.amps) for sample in recent):
        return Evidence("phases", f"The current flows on {active[-1]} phase{'s' if active[-1] != 1 else ''}.", recent)
    return None


def phases_disproved(trial: Trial, recent: tuple[Sample, ...]) -> Evidence | None:
    wanted = trial.command.phases
    if wanted is None or not phases_visible(recent):
        return None
    active = [sample.active_phases or 0 for sample in recent]
    if wanted == 1 and min(active) >= 2:
        return Evidence("phases-stayed", f"The current still flows on {active[-1]} phases.", recent)
    if wanted == 3 and max(active) == 1 and (trial.car_uses_phases or 0) >= 2 and trial.switches_phases:
        return Evidence("phases-stayed", "One phase only, although this car was seen on more.", recent)
    return None
