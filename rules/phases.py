"""One phase or three: when a change is worth its pause, and how it is carried out and proved.

Three phases begin at 4.1 kW, one phase ends at 3.7 kW. A change costs a pause and wears the contactors, so it is
decided like everything else here by energy: the worth that the present phases lose against the others piles up, and
empties again when they are the better ones. The change comes when that is more than its budget and the last change is
long enough ago; each change of the last 24 hours adds a tenth to the price of the next. Up, it must also have lasted;
down, it need not: what three phases lose is bought, and a pause would come first.

A wallbox that has no pause of its own is taken through one: 6 A, 0 A, wait until nothing flows, the new phases at
0 A, wait, 6 A. Whether the change happened is told by the measured currents; after two failures in a visit the phases
stay as they are. Some cars hang after a change. One that takes nothing since is woken (``rules.wake``), and where that
does not help it gets the phases back on which it drew, and keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from hemsd.model import Outcome, SteeringSettings, WallboxImage, WallboxSettings

HOUR_S = 3600.0
DAY_S = 86_400.0
EASE_S = 5.0  # IEC 61851-1: a car has 5 s to come down to 6 A, so that the contactor opens without load
DRAIN_S = 30.0  # the longest wait for the currents to end
VERIFY_S = 120.0  # from the change to the judgement of the currents
FAILURES_TO_LOCK = 2
LEAST_DWELL_S = 600.0  # the floor of phase_dwell_s


class SwitchStep(StrEnum):
    """Where a change of phases stands."""

    REST = "rest"
    EASE = "ease"  # 6 A on the old phases
    DRAIN = "drain"  # 0 A on the old phases
    SETTLE = "settle"  # 0 A on the new phases
    VERIFY = "verify"  # charging again; the currents have to show it


NEXT_STEPS = {
    SwitchStep.REST: frozenset({SwitchStep.REST, SwitchStep.EASE, SwitchStep.VERIFY}),
    SwitchStep.EASE: frozenset({SwitchStep.EASE, SwitchStep.DRAIN, SwitchStep.REST}),
    SwitchStep.DRAIN: frozenset({SwitchStep.DRAIN, SwitchStep.SETTLE, SwitchStep.REST}),
    SwitchStep.SETTLE: frozenset({SwitchStep.SETTLE, SwitchStep.VERIFY, SwitchStep.REST}),
    SwitchStep.VERIFY: frozenset({SwitchStep.VERIFY, SwitchStep.REST}),
}


@dataclass(frozen=True, slots=True)
class PhaseMemory:
    phases: int = 1  # what was last asked for
    step: SwitchStep = SwitchStep.REST
    since_s: float = 0.0  # when the step began
    gain_wh: float = 0.0  # worth lost against the other phases
    better_since_s: float | None = None
    changed_s: tuple[float, ...] = ()  # the changes of the last 24 hours
    in_visit: int = 0
    failures: int = 0
    locked: bool = False
    silent: bool = False  # the car has drawn nothing since the change


def at_plug_in(memory: PhaseMemory) -> PhaseMemory:
    """A new car: the day's changes stay counted."""
    return PhaseMemory(phases=memory.phases, changed_s=memory.changed_s)


def choices(box: WallboxSettings) -> tuple[int, ...]:
    """The phase counts that a wallbox may be asked for."""
    return (1, 3) if box.phases == "auto" else (int(box.phases),)


def may_change(
    memory: PhaseMemory, settings: SteeringSettings, now_s: float, *, instead_of_pause: bool = False
) -> bool:
    """Whether dwell time and budgets leave room for one more change.

    One that takes the place of a pause spares the contactor a start, so it waits no longer than it must.
    """
    if memory.locked or memory.step is not SwitchStep.REST:
        return False
    if memory.in_visit >= settings.phase_switches_per_visit:
        return False
    if len(memory.changed_s) >= settings.phase_switches_per_day:
        return False
    dwell_s = LEAST_DWELL_S if instead_of_pause else settings.phase_dwell_s
    return not memory.changed_s or now_s - memory.changed_s[-1] >= dwell_s


def weigh(memory: PhaseMemory, advantage_w: float, now_s: float, dt_s: float) -> PhaseMemory:
    """Piles up what the other phases would have been worth more (or takes it off again)."""
    gain_wh = max(0.0, memory.gain_wh + advantage_w * dt_s / HOUR_S)
    if gain_wh <= 0.0:
        return replace(memory, gain_wh=0.0, better_since_s=None) if memory.gain_wh else memory
    since_s = now_s if memory.better_since_s is None else memory.better_since_s
    return replace(memory, gain_wh=gain_wh, better_since_s=since_s)


def worth_changing(memory: PhaseMemory, settings: SteeringSettings, now_s: float) -> bool:
    """Whether the pile is high enough and old enough, and a change is allowed."""
    if memory.better_since_s is None or not may_change(memory, settings, now_s):
        return False
    price = 1.0 + len(memory.changed_s) / 10.0
    if memory.phases == 3:
        return memory.gain_wh >= settings.phase_down_budget_wh * price
    held_s = now_s - memory.better_since_s
    return memory.gain_wh >= settings.phase_up_budget_wh * price and held_s >= settings.phase_hold_s


def change(memory: PhaseMemory, phases: int, now_s: float, *, pause_first: bool = False) -> PhaseMemory:
    """Begins a change; ``pause_first`` where the wallbox charges and makes no pause of its own."""
    return replace(
        memory,
        phases=phases,
        step=SwitchStep.EASE if pause_first else SwitchStep.VERIFY,
        since_s=now_s,
        gain_wh=0.0,
        better_since_s=None,
        changed_s=(*memory.changed_s, now_s),
        in_visit=memory.in_visit + 1,
    )


def back(memory: PhaseMemory, now_s: float) -> PhaseMemory:
    """To the phases on which the car drew, for the rest of its visit. Nothing flows, so it takes no pause."""
    return replace(change(memory, 3 if memory.phases == 1 else 1, now_s), locked=True, silent=False)


def forget_old(memory: PhaseMemory, now_s: float) -> PhaseMemory:
    """Changes count for 24 hours."""
    kept = tuple(at_s for at_s in memory.changed_s if now_s - at_s < DAY_S)
    return memory if len(kept) == len(memory.changed_s) else replace(memory, changed_s=kept)


def advance(memory: PhaseMemory, image: WallboxImage, settings: SteeringSettings, now_s: float) -> PhaseMemory:
    """The next step of a change that is under way, when its predicate or its time says so."""
    held_s = now_s - memory.since_s
    match memory.step:
        case SwitchStep.EASE if held_s >= EASE_S:
            return replace(memory, step=SwitchStep.DRAIN, since_s=now_s)
        case SwitchStep.DRAIN if _nothing_flows(image, held_s) or held_s >= DRAIN_S:
            return replace(memory, step=SwitchStep.SETTLE, since_s=now_s)
        case SwitchStep.SETTLE if held_s >= settings.phase_settle_s:
            return replace(memory, step=SwitchStep.VERIFY, since_s=now_s)
        case SwitchStep.VERIFY if held_s >= VERIFY_S + image.sample_interval_s:
            return _judged(memory, image, now_s)
    return memory


def pausing(memory: PhaseMemory) -> bool:
    """Whether the change itself says what is offered now."""
    return memory.step in (SwitchStep.EASE, SwitchStep.DRAIN, SwitchStep.SETTLE)


def in_force(memory: PhaseMemory) -> int:
    """The phases that carry the current now; the old ones until they are let go."""
    if memory.step in (SwitchStep.EASE, SwitchStep.DRAIN):
        return 3 if memory.phases == 1 else 1
    return memory.phases


def asked(memory: PhaseMemory, minimum_a: float) -> tuple[float, int]:
    """Limit and phases during the pause of a change."""
    return (minimum_a if memory.step is SwitchStep.EASE else 0.0), in_force(memory)


def _nothing_flows(image: WallboxImage, held_s: float) -> bool:
    """By a sample that was taken within this step."""
    if image.sample is None or image.sample_age_s is None or image.sample_age_s > held_s:
        return False
    current_a = image.sample.max_current_a
    return current_a is not None and current_a < 1.0


def _judged(memory: PhaseMemory, image: WallboxImage, now_s: float) -> PhaseMemory:
    """The verdict on a change. A car that uses one phase of three is no fault of the wallbox, but locks as well."""
    rested = replace(memory, step=SwitchStep.REST, since_s=now_s)
    seen = image.sample.active_phases if image.sample is not None else None
    failed = image.last_outcome is Outcome.PHASE_SWITCH_INEFFECTIVE
    if seen:
        failed = (seen >= 2) != (memory.phases == 3)
    if not failed:
        return replace(rested, failures=0, silent=seen == 0)
    failures = memory.failures + 1
    back = 1 if seen == 1 or (not seen and memory.phases == 3) else 3
    return replace(rested, phases=back, failures=failures, locked=failures >= FAILURES_TO_LOCK)
