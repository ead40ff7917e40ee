"""The one entry point of steering: the whole present in, a decision for each wallbox out.

Pure: time comes with the snapshot, memory comes in and goes out. The order of things is the order of their weight:
the fuse first, then missing inputs, then what the person wants, then the sun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hemsd.model import (
    Decision,
    DecisionKind,
    Mode,
    SiteSettings,
    Snapshot,
    SteeringSettings,
    WallboxImage,
    WallboxSettings,
    Wish,
)
from rules import charge, limits, phases, response, surplus
from rules.allocate import Demand, allocate
from rules.charge import CHARGING, BoxMemory, Choice, Situation
from rules.response import Drawn
from rules.surplus import BatteryMemory, BatteryRules

LONGEST_TICK_S = 60.0  # a longer gap (a suspended machine) counts as this much
CARRY_S = 30.0  # how long the surplus of before is carried over a change that acts
RETRY_S = (
    30.0  # the first pause before a command is repeated that the wallbox did not take; doubles up to a quarter-hour
)
LONGEST_RETRY_S = 900.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What steering remembers from tick to tick."""

    boxes: Mapping[str, BoxMemory] = field(default_factory=dict)
    battery: BatteryMemory = field(default_factory=BatteryMemory)
    surplus_w: float | None = None  # the last one that was certain
    surplus_s: float = 0.0


class Freshness(StrEnum):
    """What the age of the grid reading allows."""

    FRESH = "fresh"
    SKIP = "skip"
    STEP = "step"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Sight:
    """What this tick knows of the site."""

    freshness: Freshness
    grid_age_s: float
    surplus_w: float  # for cars
    drawn: Mapping[str, Drawn]
    house_a: tuple[float, float, float]
    inputs: Mapping[str, float | str | bool | None]


def steer(
    steering: SteeringSettings,
    site: SiteSettings,
    boxes: tuple[WallboxSettings, ...],
    memory: Memory,
    snapshot: Snapshot,
    wishes: tuple[Wish, ...],
) -> tuple[Memory, tuple[Decision, ...]]:
    """One tick: what every wallbox shall offer from now on, and why."""
    images = {image.name: image for image in snapshot.wallboxes}
    seen = {box.name: images.get(box.name, WallboxImage(box.name)) for box in boxes}
    memories = {
        box.name: _observed(memory.boxes.get(box.name, BoxMemory()), box, seen[box.name], snapshot, wishes)
        for box in boxes
    }
    memory, sight = _sight(steering, site, boxes, replace(memory, boxes=memories), snapshot, seen)
    situations = _situations(steering, site, boxes, memory, snapshot, seen, sight)
    decided = {}
    decisions = []
    for box in boxes:
        after, decision = _decide(
            steering, box, memories[box.name], snapshot, seen[box.name], sight, situations[box.name]
        )
        decided[box.name] = after
        decisions.append(decision)
    return replace(memory, boxes=decided), tuple(decisions)


# ---------------------------------------------------------------------------------------------------------------------
# Seeing


def _observed(
    memory: BoxMemory, box: WallboxSettings, image: WallboxImage, snapshot: Snapshot, wishes: tuple[Wish, ...]
) -> BoxMemory:
    """Wishes, plugging in and out, and what the newest sample teaches."""
    for wish in wishes:
        if wish.wallbox == box.name:
            memory = _wished(memory, wish)
    if image.plugged and not memory.plugged:
        memory = replace(
            memory,
            plugged=True,
            imposed=False,
            stopped=False,
            response=response.at_plug_in(memory.response),
            phase=phases.at_plug_in(memory.phase),
            turn_s=snapshot.now_s,
        )
        if box.phases != "auto":
            memory = replace(memory, phase=replace(memory.phase, phases=int(box.phases)))
        elif image.limit_phases:
            memory = replace(memory, phase=replace(memory.phase, phases=image.limit_phases))
    elif memory.plugged and not image.plugged and image.connected:
        memory = charge.moved(memory, charge.IDLE, snapshot.now_s)
        memory = replace(memory, plugged=False, boost=False, boost_target_pct=None, limit_a=0.0, tries=0)
    if memory.boost and memory.boost_target_pct is not None and image.soc_pct is not None:
        memory = replace(memory, boost=image.soc_pct < memory.boost_target_pct)
    phase = phases.forget_old(phases.advance(memory.phase, image, _NO_SETTINGS, snapshot.now_s), snapshot.now_s)
    return replace(memory, response=response.learn(memory.response, image), phase=phase)


_NO_SETTINGS = SteeringSettings()


def _wished(memory: BoxMemory, wish: Wish) -> BoxMemory:
    if wish.mode is not None:
        memory = replace(memory, mode=wish.mode)
    if wish.boost is not None:
        memory = replace(memory, boost=wish.boost, boost_target_pct=wish.boost_target_pct)
    return memory


def _sight(
    steering: SteeringSettings,
    site: SiteSettings,
    boxes: tuple[WallboxSettings, ...],
    memory: Memory,
    snapshot: Snapshot,
    seen: Mapping[str, WallboxImage],
) -> tuple[Memory, Sight]:
    """The site's surplus and the house's own currents."""
    grid, battery = snapshot.grid, snapshot.battery
    grid_age_s = grid.age_s if grid is not None and grid.power_w is not None else float("inf")
    freshness = _freshness(steering, grid_age_s)
    drawn = {
        box.name: response.drawn(memory.boxes[box.name].response, seen[box.name], grid_age_s, site.voltage_v)
        for box in boxes
    }
    cars_w = sum(each.power_w for each in drawn.values())
    battery_w = (battery.power_w if battery is not None else None) or 0.0
    soc_pct = battery.reading.soc_pct if battery is not None else None
    pv_w = (snapshot.pv.power_w if snapshot.pv is not None else None) or 0.0
    rules = BatteryRules(
        steering.battery_first_below_pct, steering.battery_to_car_w, steering.battery_floor_pct, site.battery_max_w
    )
    order = surplus.battery_order(memory.battery, rules, battery_w, soc_pct) if battery is not None else BatteryMemory()
    memory = replace(memory, battery=order)
    surplus_w = memory.surplus_w or 0.0
    if freshness is Freshness.FRESH and grid is not None and grid.power_w is not None:
        certain = all(each.certain for each in drawn.values())
        if certain or memory.surplus_w is None or snapshot.now_s - memory.surplus_s > CARRY_S:
            surplus_w = surplus.surplus_w(grid.power_w, battery_w, cars_w)
            memory = replace(memory, surplus_w=surplus_w, surplus_s=snapshot.now_s)
    cars_a = _cars_a(boxes, seen)
    sight = Sight(
        freshness=freshness,
        grid_age_s=grid_age_s,
        surplus_w=surplus.for_cars_w(surplus_w, order, rules, soc_pct),
        drawn=drawn,
        house_a=limits.house_a(grid, pv_w, battery_w, cars_w, cars_a, site),
        inputs={
            "grid_w": grid.power_w if grid is not None else None,
            "grid_age_s": grid_age_s if grid_age_s != float("inf") else None,
            "battery_w": battery_w if battery is not None else None,
            "battery_soc_pct": soc_pct,
            "cars_w": cars_w,
            "surplus_w": surplus_w,
        },
    )
    return memory, sight


def _cars_a(boxes: tuple[WallboxSettings, ...], seen: Mapping[str, WallboxImage]) -> tuple[float, float, float]:
    total = [0.0, 0.0, 0.0]
    for box in boxes:
        sample = seen[box.name].sample
        if sample is not None:
            for phase, current_a in enumerate(limits.on_house_phases(sample.currents_a, box.rotation)):
                total[phase] += current_a
    return total[0], total[1], total[2]


def _freshness(steering: SteeringSettings, age_s: float) -> Freshness:
    if age_s <= steering.stale_skip_s:
        return Freshness.FRESH
    if age_s <= steering.stale_step_s:
        return Freshness.SKIP
    if age_s <= steering.stale_stop_s:
        return Freshness.STEP
    return Freshness.STOP


def _situations(
    steering: SteeringSettings,
    site: SiteSettings,
    boxes: tuple[WallboxSettings, ...],
    memory: Memory,
    snapshot: Snapshot,
    seen: Mapping[str, WallboxImage],
    sight: Sight,
) -> Mapping[str, Situation]:
    """Ceilings by the fuse (the earlier priority is served first) and shares of the surplus for each wallbox."""
    free_a = [site.main_fuse_a - a for a in sight.house_a]
    ceilings: dict[str, dict[int, limits.Bound]] = {}
    for box in sorted(
        boxes, key=lambda each: (each.priority, memory.boxes[each.name].state not in CHARGING, each.name)
    ):
        own = limits.tightest(limits.box_bounds(box))
        ceilings[box.name] = {
            count: limits.tightest([own, limits.Bound(limits.room_a(free_a, count, box.rotation), "the house fuse")])
            for count in phases.choices(box)
        }
        if memory.boxes[box.name].state in CHARGING:
            count = memory.boxes[box.name].phase.phases
            bound = ceilings[box.name].get(count)
            takes_a = min(bound.limit_a, max(memory.boxes[box.name].limit_a, limits.minimum_a(box))) if bound else 0.0
            for own_phase in range(count):
                free_a[box.rotation[own_phase] - 1] -= takes_a
    shares = allocate(
        sight.surplus_w,
        [
            _demand(site, box, memory.boxes[box.name], ceilings[box.name])
            for box in boxes
            if seen[box.name].plugged and box.steer
        ],
    )
    situations = {}
    for box in boxes:
        own_memory, image = memory.boxes[box.name], seen[box.name]
        last_s = own_memory.last_s if own_memory.last_s is not None else snapshot.now_s
        bounds = ceilings[box.name]
        current_a = image.sample.max_current_a if image.sample is not None else None
        situations[box.name] = Situation(
            now_s=snapshot.now_s,
            dt_s=min(snapshot.now_s - last_s, LONGEST_TICK_S),
            mode=Mode.FAST if own_memory.boost else own_memory.mode or box.mode,
            surplus_w=shares.get(box.name, 0.0),
            ceiling_a={count: bound.limit_a for count, bound in bounds.items()},
            ceiling_because=limits.tightest(tuple(bounds.values())).because,
            minimum_a=limits.minimum_a(box),
            voltage_v=site.voltage_v,
            drawn_w=sight.drawn[box.name].power_w,
            draws=(current_a or 0.0) > 0.5 or sight.drawn[box.name].power_w > 100.0,
        )
    return situations


def _demand(site: SiteSettings, box: WallboxSettings, memory: BoxMemory, ceiling: Mapping[int, limits.Bound]) -> Demand:
    least = min(ceiling)
    most = max(ceiling)
    return Demand(
        name=box.name,
        priority=box.priority,
        min_w=charge.power_w(limits.minimum_a(box), least, memory.response, site.voltage_v),
        max_w=charge.power_w(ceiling[most].limit_a, most, memory.response, site.voltage_v),
        charging=memory.state in CHARGING and memory.state is not charge.FINISHED,
        order=memory.turn_s,
    )


# ---------------------------------------------------------------------------------------------------------------------
# Deciding


def _decide(
    steering: SteeringSettings,
    box: WallboxSettings,
    memory: BoxMemory,
    snapshot: Snapshot,
    image: WallboxImage,
    sight: Sight,
    situation: Situation,
) -> tuple[BoxMemory, Decision]:
    """The rule that fires for one wallbox, and what of it is sent."""
    now_s = snapshot.now_s
    inputs = {**sight.inputs, "share_w": situation.surplus_w, "drawn_w": situation.drawn_w}
    memory = replace(memory, last_s=now_s)

    def nothing(kind: DecisionKind, rule: str, reason: str, memory: BoxMemory = memory) -> tuple[BoxMemory, Decision]:
        return memory, Decision(box.name, snapshot.at, kind, memory.state, rule, reason, inputs=inputs)

    if not box.steer or not image.controllable:
        return nothing(DecisionKind.HOLD, "observing", "Only watched: this wallbox is not steered.")
    if not image.plugged:
        return nothing(DecisionKind.HOLD, "no_car", "No car is plugged in.")
    if not image.connected:
        return nothing(DecisionKind.SKIP, "no_link", "The wallbox is not connected.")
    memory = charge.aged(memory, steering, situation)
    memory, choice, kind = _choice(steering, box, memory, sight, situation)
    if kind is DecisionKind.SKIP:
        return nothing(kind, choice.rule, choice.reason, memory)
    return _sent(memory, box, snapshot, image, situation, choice, inputs)


def _choice(
    steering: SteeringSettings, box: WallboxSettings, memory: BoxMemory, sight: Sight, situation: Situation
) -> tuple[BoxMemory, Choice, DecisionKind | None]:
    """Fuse, then stale inputs, then a change of phases under way, then the mode."""
    charging = memory.state in CHARGING
    count = memory.phase.phases
    ceiling_a = situation.ceiling_a.get(count, 0.0)
    if charging and memory.limit_a > ceiling_a:
        return (*_cut(memory, situation, ceiling_a), None)
    stale = _stale(memory, sight, situation)
    if stale is not None:
        return stale
    if phases.pausing(memory.phase) and charging:
        limit_a, asked_phases = phases.asked(memory.phase, situation.minimum_a)
        text = f"Changing to {memory.phase.phases} phases: {limit_a:g} A until the contactors have moved."
        return memory, Choice(limit_a, asked_phases, f"phases_{memory.phase.step}", text), None
    return (*charge.choose(memory, box, steering, situation), None)


def _cut(memory: BoxMemory, situation: Situation, ceiling_a: float) -> tuple[BoxMemory, Choice]:
    """The limit in force is more than the fuse bears: down at once, whatever else holds."""
    count = memory.phase.phases
    limit_a = response.floor_a(memory.response, ceiling_a)
    because = situation.ceiling_because
    if limit_a < situation.minimum_a:
        text = f"{because} leaves {ceiling_a:.1f} A on a phase: paused at once."
        return charge.paused(memory, situation, "fuse", text[0].upper() + text[1:])
    text = f"{because} leaves {ceiling_a:.1f} A on a phase: down to {limit_a:g} A at once."
    return memory, Choice(limit_a, count, "fuse", text[0].upper() + text[1:])


def _stale(
    memory: BoxMemory, sight: Sight, situation: Situation
) -> tuple[BoxMemory, Choice, DecisionKind | None] | None:
    """What may still be done without a fresh grid reading: never more than before."""
    if sight.freshness is Freshness.FRESH or situation.mode is Mode.OFF:
        return None
    if situation.mode is Mode.FAST:
        return None  # its ceiling already leaves the house its reserve
    count = memory.phase.phases
    age = (
        "No grid reading yet"
        if sight.grid_age_s == float("inf")
        else f"The grid reading is {sight.grid_age_s:.0f} s old"
    )
    keep = Choice(memory.limit_a, count, "stale", f"{age}: nothing is changed.")
    if memory.state not in CHARGING or sight.freshness is Freshness.SKIP:
        return memory, keep, DecisionKind.SKIP
    if sight.freshness is Freshness.STEP or situation.mode is Mode.MIN_SOLAR:
        limit_a = min(memory.limit_a, situation.minimum_a)
        return memory, Choice(limit_a, count, "stale_step", f"{age}: down to {limit_a:g} A."), None
    return (*charge.paused(memory, situation, "stale_stop", f"{age}: paused."), None)


def _sent(
    memory: BoxMemory,
    box: WallboxSettings,
    snapshot: Snapshot,
    image: WallboxImage,
    situation: Situation,
    choice: Choice,
    inputs: Mapping[str, float | str | bool | None],
) -> tuple[BoxMemory, Decision]:
    """Compares what shall be in force with what is, and says what kind of decision that makes."""
    now_s = snapshot.now_s
    asked_before = (memory.limit_a, True) if memory.sent_s is not None else (None, False)
    in_force = image.limit_a == choice.limit_a and image.limit_phases in (choice.phases, None)
    repeated = memory.imposed and asked_before[0] == choice.limit_a and memory.phase.phases == choice.phases
    kind = DecisionKind.HOLD
    tries = 0
    # Before the first start and after a stop the box rests at 0 A; the shell keeps it there, and that is no command.
    resting = choice.limit_a == 0.0 and (memory.stopped or not memory.imposed)
    if not in_force and not resting:
        pause_s = min(RETRY_S * 2**memory.tries, LONGEST_RETRY_S)
        waited = memory.sent_s is None or now_s - memory.sent_s >= pause_s
        if not repeated or waited:
            kind = _kind(memory, choice)
            tries = memory.tries + 1 if repeated else 0
        else:
            tries = memory.tries
    sending = kind is not DecisionKind.HOLD
    memory = replace(
        memory,
        limit_a=choice.limit_a,
        tries=tries,
        imposed=memory.imposed or sending,
        stopped=(kind is DecisionKind.STOP) if sending else memory.stopped,
        sent_s=now_s if sending else memory.sent_s,
    )
    watts = charge.power_w(choice.limit_a, choice.phases, memory.response, situation.voltage_v)
    return memory, Decision(
        wallbox=box.name,
        at=snapshot.at,
        kind=kind,
        state=memory.state,
        rule=choice.rule,
        reason=choice.reason,
        limit_a=choice.limit_a,
        phases=choice.phases,
        target_w=watts,
        inputs=inputs,
    )


def _kind(memory: BoxMemory, choice: Choice) -> DecisionKind:
    """The first thing sent in a visit, and after a stop, is a start; then 0 A is a stop and all else a step."""
    if not memory.imposed or memory.stopped:
        return DecisionKind.START
    return DecisionKind.STOP if choice.limit_a == 0.0 else DecisionKind.STEP
