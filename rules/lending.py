"""What the home battery may give while a car charges that does not follow the sun, and whether it keeps to that.

Only for a battery that can be told (``hemsd.battery``). It goes on covering what the house needs without its cars, and
adds for them what ``battery_to_car_w`` allows; the rest of a fast charge comes from the grid. While no such car
charges, nothing is said: an inverter covers a kettle faster than anybody could tell it to.

At its floor the battery has to prove first that it listens. It is told to give nothing, and a car that was asked for
a fast charge waits for as long as that takes: some ten seconds in which the house buys and the battery stands still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hemsd.model import Metered, Mode, Outcome, Snapshot, SteeringSettings, WallboxImage, WallboxSettings
from rules import charge, sight
from rules.sight import Freshness, Party
from rules.steer import Memory
from rules.surplus import GIVES_W

NOT_BY_SUN = frozenset({Mode.FAST, Mode.MIN_SOLAR})
SETTLES_S = 15.0  # so long after it was told, a battery may still be on its way
PROVES_S = 5.0  # it gives no more than it may, and the house buys
BREAKS_S = 30.0  # it gives more than it may
TOLERANCE_W = 150.0  # of its regulation, and of two meters that are not read at the same moment
TOLERANCE = 0.05


def most_w(
    steering: SteeringSettings, boxes: tuple[WallboxSettings, ...], memory: Memory, snapshot: Snapshot
) -> float | None:
    """What the battery may give from now on; None: what it likes. ``memory`` is that of this tick, after ``steer``."""
    battery, surplus_w = memory.site.battery, memory.site.surplus_w
    if snapshot.battery is None or surplus_w is None or not _seen(steering, snapshot):
        return None
    images = {image.name: image for image in snapshot.wallboxes}
    if not any(_feeds(box, memory, images, spared=battery.spared) for box in boxes):
        return None
    if battery.spared:
        return 0.0
    return max(0.0, -surplus_w) + (0.0 if battery.low else steering.battery_to_car_w)


def _seen(steering: SteeringSettings, snapshot: Snapshot) -> bool:
    return sight.freshness(steering, sight.needed_age_s(steering, snapshot)) is Freshness.FRESH


def _feeds(box: WallboxSettings, memory: Memory, images: Mapping[str, WallboxImage], *, spared: bool) -> bool:
    """Whether the battery would feed this car: it is offered more than the sun gives, or would be but for the floor."""
    own, image = memory.boxes.get(box.name), images.get(box.name)
    if own is None or image is None:
        return False
    party = Party(box, own, image)
    if not party.taking_part or party.asked_mode not in NOT_BY_SUN:
        return False
    return spared or (own.offering and own.state is not charge.FINISHED)


# ---------------------------------------------------------------------------------------------------------------------
# Whether it keeps to it


@dataclass(frozen=True, slots=True)
class Obedience:
    """What a battery was told lately and what it made of it. The verdict outlives the order that it is about."""

    outcome: Outcome = Outcome.UNVERIFIED
    told: tuple[tuple[float, float | None], ...] = ()  # (since, what it may give), oldest first; all that still counts
    keeps_since_s: float | None = None
    breaks_since_s: float | None = None


def told(memory: Obedience, now_s: float, may_give_w: float | None) -> Obedience:
    """What stands from now on; None: nothing."""
    if memory.told and memory.told[-1][1] == may_give_w:
        return memory
    return replace(memory, told=(*memory.told, (now_s, may_give_w)))


def judged(memory: Obedience, now_s: float, battery: Metered | None, grid: Metered | None) -> Obedience:
    """By what the battery gives. That it gives less is a proof only while the house buys: else it had no reason to."""
    while len(memory.told) > 1 and now_s - memory.told[1][0] >= SETTLES_S:
        memory = replace(memory, told=memory.told[1:])
    most_w = _bound_w(memory, now_s)
    if most_w is None or battery is None or battery.power_w is None or grid is None or grid.power_w is None:
        return replace(memory, keeps_since_s=None, breaks_since_s=None)
    if battery.power_w > most_w + max(TOLERANCE_W, TOLERANCE * most_w):
        since_s = now_s if memory.breaks_since_s is None else memory.breaks_since_s
        outcome = Outcome.ACCEPTED_INEFFECTIVE if now_s - since_s >= BREAKS_S else memory.outcome
        return replace(memory, outcome=outcome, keeps_since_s=None, breaks_since_s=since_s)
    if grid.power_w <= GIVES_W:
        return replace(memory, keeps_since_s=None, breaks_since_s=None)
    since_s = now_s if memory.keeps_since_s is None else memory.keeps_since_s
    outcome = Outcome.APPLIED if now_s - since_s >= PROVES_S else memory.outcome
    return replace(memory, outcome=outcome, keeps_since_s=since_s, breaks_since_s=None)


def _bound_w(memory: Obedience, now_s: float) -> float | None:
    """The most of what it was told within the time that it needs to follow; None while it may give what it likes."""
    if not memory.told or now_s - memory.told[0][0] < SETTLES_S:
        return None
    known = [may_give_w for _, may_give_w in memory.told if may_give_w is not None]
    return max(known) if len(known) == len(memory.told) else None
