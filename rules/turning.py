"""What would change a charge that follows the sun: how much more or less has to be left over, and for what.

The rules act when a sum of worth turns over (``rules.worth``): a start and the next ampere are worth having from a
share of ``import_weight / (1 + import_weight)`` on. Here the same sum is solved for the surplus, so that the page can
say "10 A when the sun gives 450 W more". It is an answer for the present tick: minimum times, budgets and the fuse may
hold a change up a little longer, and are told of elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hemsd.model import Decision, Mode, SteeringSettings
from rules.charge import BoxMemory


class Turn(StrEnum):
    START = "start"
    MORE = "more"
    KEEP = "keep"  # the charge that buys too much would go on without a pause
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Turning:
    """``by_w`` is the change of the surplus that it takes: negative for less."""

    turn: Turn
    by_w: float
    limit_a: float | None = None  # what would be offered then, where that is not plain


def turnings(
    decision: Decision,
    memory: BoxMemory,
    steering: SteeringSettings,
    voltage_v: float,
    *,
    mode: Mode,
    never_pause: bool,
) -> tuple[Turning, ...]:
    """In the order in which a person asks. Nothing where no sun would change anything."""
    share_w, minimum_w = decision.inputs.get("share_w"), decision.inputs.get("minimum_w")
    if mode not in (Mode.SOLAR, Mode.MIN_SOLAR) or memory.boost:
        return ()
    if not isinstance(share_w, float | int) or not isinstance(minimum_w, float | int):
        return ()
    worth_from_w = minimum_w * _share(steering)
    match decision.rule:
        case "waiting" if worth_from_w > share_w:
            return (Turning(Turn.START, worth_from_w - share_w, None),)
        case "short":
            return (Turning(Turn.KEEP, worth_from_w - share_w),) if worth_from_w > share_w else ()
        case "follow":
            pauses = mode is Mode.SOLAR and not never_pause
            less = (Turning(Turn.PAUSE, worth_from_w - share_w),) if pauses and worth_from_w < share_w else ()
            return (*_more(decision, memory, steering, voltage_v, share_w), *less)
    return ()


def _share(steering: SteeringSettings) -> float:
    """From this part on, covered by the sun, a power is worth having."""
    return steering.import_weight / (1.0 + steering.import_weight)


def _more(
    decision: Decision, memory: BoxMemory, steering: SteeringSettings, voltage_v: float, share_w: float
) -> Iterator[Turning]:
    """The next step of the current, where there is one below the ceiling."""
    limit_a, phases, ceiling_a = decision.limit_a, decision.phases, decision.inputs.get("ceiling_a")
    if not limit_a or not phases or not isinstance(ceiling_a, float | int):
        return
    response = memory.response
    next_a = limit_a + response.step_a
    if next_a > ceiling_a or (response.cap_a is not None and limit_a >= response.cap_a):
        return
    exact_a = limit_a - response.shortfall_a + response.step_a * _share(steering)
    by_w = exact_a * voltage_v * response.phases_of(phases) - share_w
    if by_w > 0.0:
        yield Turning(Turn.MORE, by_w, round(next_a, 1))
