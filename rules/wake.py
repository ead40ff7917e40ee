"""A car that takes nothing of what it is offered: woken step by step, and then a person is told.

Some cars sleep through the end of a pause. The wallbox offers a current and the car says that it wants none
(SuspendedEV), as a full one would. What wakes them, in the order of what it costs: the same limit once more; 2 A more
for half a minute; 0 A for half a minute, so that the pilot signal goes away and comes back. OCPP 1.6 has no command
that interrupts the pilot otherwise, and a RemoteStop is left to people: it would end their transaction.

    REST ──60 s nothing──> AGAIN ──30 s──> MORE ──30 s──> PAUSE ──30 s──> BACK ──60 s──> ASLEEP
      ^──────────── it draws, or nothing is offered any more: from everywhere ─────────────┘

A car that has drawn since the offer began and then stopped has had what it wanted, and a full one needs nothing: both
are left alone. So is one that was tried three times in a visit; between two attempts lies half an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from hemsd.model import ConnectorStatus, WallboxImage

QUIET_S = 60.0
STEP_S = 30.0
PROOF_S = 120.0  # the longest wait for the verdict on what was sent before more is offered
LAST_WAIT_S = 60.0
MORE_A = 2.0
EVERY_S = 1800.0
MOST_A_VISIT = 3
FULL_PCT = 99.0
ASLEEP = "asleep"  # the rule by which a car stays that nothing woke


class WakeStep(StrEnum):
    """How far the attempt has come."""

    REST = "rest"
    AGAIN = "again"  # the same limit was sent again
    MORE = "more"
    PAUSE = "pause"
    BACK = "back"  # the limit is offered again
    ASLEEP = "asleep"  # nothing helped


NEXT_STEPS: Mapping[WakeStep, frozenset[WakeStep]] = {
    WakeStep.REST: frozenset({WakeStep.REST, WakeStep.AGAIN}),
    WakeStep.AGAIN: frozenset({WakeStep.AGAIN, WakeStep.MORE, WakeStep.PAUSE, WakeStep.BACK, WakeStep.REST}),
    WakeStep.MORE: frozenset({WakeStep.MORE, WakeStep.PAUSE, WakeStep.BACK, WakeStep.REST}),
    WakeStep.PAUSE: frozenset({WakeStep.PAUSE, WakeStep.BACK, WakeStep.REST}),
    WakeStep.BACK: frozenset({WakeStep.BACK, WakeStep.ASLEEP, WakeStep.REST}),
    WakeStep.ASLEEP: frozenset({WakeStep.ASLEEP, WakeStep.AGAIN, WakeStep.REST}),
}


@dataclass(frozen=True, slots=True)
class WakeMemory:
    step: WakeStep = WakeStep.REST
    since_s: float = 0.0
    satisfied: bool = False  # it has drawn since the offer began
    began_s: tuple[float, ...] = ()  # the attempts of this visit


AT_REST = WakeMemory()


def noticed(memory: WakeMemory, *, offering: bool, draws: bool, now_s: float) -> WakeMemory:
    """What the newest sample says: a car that draws is awake, and where nothing is offered nobody is to be woken."""
    satisfied = offering and (draws or memory.satisfied)
    if draws or not offering:
        step, since_s = WakeStep.REST, now_s if memory.step is not WakeStep.REST else memory.since_s
    else:
        step, since_s = memory.step, memory.since_s
    if (step, satisfied) == (memory.step, memory.satisfied):
        return memory
    return replace(memory, step=step, since_s=since_s, satisfied=satisfied)


def advance(
    memory: WakeMemory, image: WallboxImage, quiet_s: float | None, now_s: float, *, room_a: float, may_pause: bool
) -> WakeMemory:
    """The next step when its time has come. ``quiet_s``: since when nothing is drawn; ``room_a``: what may be added."""
    held_s = now_s - memory.since_s
    match memory.step:
        case WakeStep.REST | WakeStep.ASLEEP if _sleeps(memory, image, quiet_s, now_s):
            return replace(memory, step=WakeStep.AGAIN, since_s=now_s, began_s=(*memory.began_s, now_s))
        case WakeStep.AGAIN if held_s >= (STEP_S if image.last_final else PROOF_S):
            return _to(memory, now_s, WakeStep.MORE if room_a > 0.0 else _after_more(may_pause))
        case WakeStep.MORE if held_s >= STEP_S:
            return _to(memory, now_s, _after_more(may_pause))
        case WakeStep.PAUSE if held_s >= STEP_S:
            return _to(memory, now_s, WakeStep.BACK)
        case WakeStep.BACK if held_s >= LAST_WAIT_S:
            return _to(memory, now_s, WakeStep.ASLEEP)
    return memory


def _after_more(may_pause: bool) -> WakeStep:
    return WakeStep.PAUSE if may_pause else WakeStep.BACK


def _to(memory: WakeMemory, now_s: float, step: WakeStep) -> WakeMemory:
    return replace(memory, step=step, since_s=now_s)


def _sleeps(memory: WakeMemory, image: WallboxImage, quiet_s: float | None, now_s: float) -> bool:
    """Whether this looks like a car that should draw and does not, and may be tried (again)."""
    waits = image.status in (ConnectorStatus.SUSPENDED_EV, ConnectorStatus.PREPARING)
    if not waits or image.transaction_id is None or not image.limit_a or memory.satisfied:
        return False
    if image.soc_pct is not None and image.soc_pct >= FULL_PCT:
        return False
    if quiet_s is None or now_s - quiet_s < QUIET_S or len(memory.began_s) >= MOST_A_VISIT:
        return False
    if image.sample_age_s is not None and now_s - quiet_s - image.sample_age_s < QUIET_S / 2:
        return False  # what was last measured says nothing of the time since
    return not memory.began_s or now_s - memory.began_s[-1] >= EVERY_S
