"""The one entry point of steering: the whole present in, a decision for each wallbox out.

Pure: time comes with the snapshot, memory comes in and goes out. The order of the rules is the order of their weight:
the fuse, then inputs that are missing, then a change of phases under way, then the person's wish, then the sun.

    memory, decisions = steer(steering, site, boxes, Memory(), snapshot, ())
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

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
from rules import charge, limits, modes, phases, response, sight, wake
from rules.charge import BoxMemory
from rules.modes import Choice
from rules.sight import Freshness, Party, Sight, SiteMemory
from rules.situation import Situation, situations
from rules.wake import WakeStep

RETRY_S = 30.0  # before a command is sent again that the wallbox did not take; doubles each time
LONGEST_RETRY_S = 900.0
SILENT_S = 60.0  # a wallbox that has not told its current for so long gets no more than it has


@dataclass(frozen=True, slots=True)
class Memory:
    """What steering remembers from tick to tick."""

    boxes: Mapping[str, BoxMemory] = field(default_factory=dict)
    site: SiteMemory = field(default_factory=SiteMemory)


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
    parties = tuple(
        _noticed(
            Party(box, memory.boxes.get(box.name, BoxMemory()), images.get(box.name, WallboxImage(box.name))),
            steering,
            [wish for wish in wishes if wish.wallbox == box.name],
            snapshot.now_s,
        )
        for box in boxes
    )
    site_memory, house = sight.look(steering, site, parties, memory.site, snapshot)
    if house.spared_at_pct is not None:
        parties = tuple(replace(party, only_sun=True) for party in parties)
    known = situations(steering, site, parties, house, snapshot.now_s)
    decided = [_decide(steering, party, house, known[party.box.name], snapshot) for party in parties]
    memories = {decision.wallbox: own for own, decision in decided}
    return Memory(memories, site_memory), tuple(decision for _, decision in decided)


# ---------------------------------------------------------------------------------------------------------------------
# Before anything is decided


def _noticed(party: Party, steering: SteeringSettings, wishes: list[Wish], now_s: float) -> Party:
    """Wishes, plugging in and out, and what the newest sample teaches."""
    memory, image = party.memory, party.image
    for wish in wishes:
        memory = _wished(memory, wish)
    if image.plugged and not memory.plugged:
        memory = _plugged_in(memory, party.box, image, now_s)
    elif memory.plugged and image.connected and not image.plugged:
        memory = charge.moved(charge.ended(memory, now_s), charge.IDLE, now_s)
        memory = replace(memory, plugged=False, boost=False, boost_target_pct=None, limit_a=0.0, next_start="")
    if memory.boost and memory.boost_target_pct is not None and image.soc_pct is not None:
        memory = replace(memory, boost=image.soc_pct < memory.boost_target_pct)
    phase = phases.forget_old(phases.advance(memory.phase, image, steering, now_s), now_s)
    learned = response.learn(memory.response, image, now_s)
    draws = response.draws(image)
    if phase.silent and draws:
        phase = replace(phase, silent=False)
    awake = wake.noticed(memory.wake, offering=memory.offering, draws=draws, now_s=now_s)
    gave_up = phase.silent or learned.least.suspect_a is not None
    if gave_up and awake.satisfied:  # what it took before the change was not all that it wanted
        awake = replace(awake, satisfied=False)
    if (phase, learned, awake) != (memory.phase, memory.response, memory.wake):
        memory = replace(memory, response=learned, phase=phase, wake=awake)
    return Party(party.box, charge.aged(memory, steering, now_s, draws=draws), image)


def _wished(memory: BoxMemory, wish: Wish) -> BoxMemory:
    if wish.mode is not None:
        memory = replace(memory, mode=wish.mode)
    if wish.boost is not None:
        memory = replace(memory, boost=wish.boost, boost_target_pct=wish.boost_target_pct, because=wish.because)
    return memory


def _plugged_in(memory: BoxMemory, box: WallboxSettings, image: WallboxImage, now_s: float) -> BoxMemory:
    """A visit begins: what was learned of the last car is forgotten."""
    phase = phases.at_plug_in(memory.phase)
    if box.phases != "auto":
        phase = replace(phase, phases=int(box.phases))
    elif image.limit_phases is not None:
        phase = replace(phase, phases=image.limit_phases)
    elif image.sample is not None and (image.sample.active_phases or 0) > 1:
        phase = replace(phase, phases=3)
    return replace(
        memory,
        plugged=True,
        imposed=False,
        stopped=False,
        tries=0,
        turn_s=now_s,
        response=response.at_plug_in(memory.response, box.vehicle_phases),
        phase=phase,
        wake=wake.AT_REST,
    )


# ---------------------------------------------------------------------------------------------------------------------
# Deciding


def _decide(
    steering: SteeringSettings, party: Party, house: Sight, now: Situation, snapshot: Snapshot
) -> tuple[BoxMemory, Decision]:
    """The rule that fires for one wallbox, and what of it is sent."""
    memory, image = party.memory, party.image
    if not party.box.steer:
        return memory, _silent(
            DecisionKind.HOLD, "observing", "Only watched: hemsd does not steer it.", party, house, snapshot
        )
    if not image.plugged:
        return memory, _silent(DecisionKind.HOLD, "no_car", "No car is plugged in.", party, house, snapshot)
    if not image.connected:
        return memory, _silent(DecisionKind.SKIP, "no_link", "The wallbox is not connected.", party, house, snapshot)
    if not image.controllable:
        text = "The wallbox has proved that it does not follow limits."
        return memory, _silent(DecisionKind.HOLD, "not_controllable", text, party, house, snapshot)
    memory, choice = _choice(steering, party.box, memory, image, house, now)
    if choice is None:
        text = f"{_age(house)}: nothing is changed."
        return memory, _silent(DecisionKind.SKIP, "stale", text, replace(party, memory=memory), house, snapshot)
    if party.mode is not party.asked_mode:
        floor = f"The home battery is at its floor of {house.spared_at_pct:g} %: only the sun charges the car."
        choice = replace(choice, reason=f"{choice.reason} {floor}")
    return _sent(memory, party, house, now, choice, snapshot)


def _silent(kind: DecisionKind, rule: str, reason: str, party: Party, house: Sight, snapshot: Snapshot) -> Decision:
    """A decision that neither sends nor says a limit."""
    return Decision(party.box.name, snapshot.at, kind, party.memory.state, rule, reason, inputs=house.inputs)


def _choice(
    steering: SteeringSettings,
    box: WallboxSettings,
    memory: BoxMemory,
    image: WallboxImage,
    house: Sight,
    now: Situation,
) -> tuple[BoxMemory, Choice | None]:
    """The rules in the order of their weight. No choice means: an input is missing, and nothing may be judged."""
    ceiling_a = now.outlet.ceiling_a.get(phases.in_force(memory.phase), 0.0)
    if memory.offering and memory.limit_a > ceiling_a:
        return _cut(memory, now, ceiling_a)
    if now.mode is Mode.OFF:
        return modes.choose(memory, box, steering, now)
    if house.freshness is not Freshness.FRESH and now.mode is not Mode.FAST:
        return _stale(memory, house, now)
    if memory.offering and phases.pausing(memory.phase):
        limit_a, count = phases.asked(memory.phase, now.outlet.minimum_a)
        text = f"Changing to {memory.phase.phases} phases: {limit_a:g} A until the contactors have moved."
        return memory, Choice(limit_a, count, f"phases_{memory.phase.step}", text)
    after, choice = modes.choose(memory, box, steering, now)
    if after.offering and after.phase.step is phases.SwitchStep.REST:
        after, choice = _woken(after, box, image, now, choice)
        if after.wake.step not in (WakeStep.REST, WakeStep.ASLEEP):
            return after, choice
    raised = memory.offering and choice.limit_a > memory.limit_a and choice.phases == memory.phase.phases
    because = _not_yet(image) if raised else None
    if because is None:
        return after, choice
    rule, text = because
    text = f"{text} {memory.limit_a:g} A are not raised to {choice.limit_a:g} A before."
    return replace(after, step_wh=memory.step_wh), Choice(memory.limit_a, choice.phases, rule, text)


def _may_go_back(memory: BoxMemory, now: Situation) -> bool:
    before = 3 if memory.phase.phases == 1 else 1
    return now.outlet.ceiling_a.get(before, 0.0) >= now.outlet.minimum_a


def _woken(
    memory: BoxMemory, box: WallboxSettings, image: WallboxImage, now: Situation, choice: Choice
) -> tuple[BoxMemory, Choice]:
    """What a car is offered that sleeps; every other one what the mode says."""
    silent = _not_yet(image)
    if silent is not None and silent[0] == "silent_box":
        return memory, choice
    ceiling_a = response.floor_a(memory.response, now.outlet.ceiling_a[choice.phases])
    more_a = min(choice.limit_a + wake.MORE_A, ceiling_a)
    if memory.wake.step is WakeStep.MORE:  # the limit in force has it already
        more_a = min(max(memory.limit_a, choice.limit_a), ceiling_a)
    step = wake.advance(
        memory.wake,
        image,
        memory.quiet_s,
        now.now_s,
        room_a=more_a - choice.limit_a,
        may_pause=image.zero_pauses and not box.never_pause,
    )
    began = step is not memory.wake
    memory = replace(memory, wake=step) if began else memory
    offer = f"{choice.limit_a:g} A"
    match step.step:
        case WakeStep.REST:
            return memory, choice
        case WakeStep.AGAIN:
            text = f"The car takes nothing of {offer}: they are sent again, to wake it."
            return memory, replace(choice, rule="wake_again", reason=text, insists=began)
        case WakeStep.MORE:
            text = f"The car still takes nothing: {more_a:g} A for half a minute, to wake it."
            return memory, replace(choice, limit_a=more_a, rule="wake_more", reason=text)
        case WakeStep.PAUSE:
            text = "The car still takes nothing: 0 A for half a minute and then its current again, to wake it."
            return memory, replace(choice, limit_a=0.0, rule="wake_pause", reason=text)
        case WakeStep.BACK:
            return memory, replace(choice, rule="wake_back", reason=f"{offer} again: whether the car wakes now.")
        case WakeStep.ASLEEP if memory.phase.silent and _may_go_back(memory, now):
            memory = replace(memory, phase=phases.back(memory.phase, now.now_s), wake=replace(step, step=WakeStep.REST))
            count = memory.phase.phases
            before = "one phase" if count == 1 else "three phases"
            text = f"The car takes nothing since the phases were changed, and nothing woke it: back to {before}."
            return memory, Choice(now.outlet.minimum_a, count, "phases_back", text)
        case WakeStep.ASLEEP:
            text = f"The car takes nothing, and nothing that was tried has woken it; {offer} stay offered."
            return memory, replace(choice, rule=wake.ASLEEP, reason=text)
        case _:
            assert_never(step.step)


def _not_yet(image: WallboxImage) -> tuple[str, str] | None:
    """Why a wallbox gets no more than it has, for now: (rule, text). Down it may always go."""
    if image.sample_age_s is not None and image.sample_age_s > max(SILENT_S, 3 * image.sample_interval_s):
        return "silent_box", f"The wallbox has told nothing for {image.sample_age_s:.0f} s:"
    if not image.last_final:
        return "proof", "Whether the wallbox obeyed the last command is not proved yet:"
    return None


def _cut(memory: BoxMemory, now: Situation, ceiling_a: float) -> tuple[BoxMemory, Choice]:
    """The limit in force is more than may flow: down at once, whatever else holds."""
    limit_a = response.floor_a(memory.response, ceiling_a)
    memory = replace(memory, cut_s=now.now_s)
    because = modes.sentence(now.ceiling_because)
    if limit_a < now.outlet.minimum_a:
        text = f"{because} leaves {ceiling_a:.1f} A on a phase: paused at once."
        memory, choice = modes.paused(memory, now, now.ceiling_rule, text)
    else:
        text = f"{because} leaves {ceiling_a:.1f} A on a phase: down to {limit_a:g} A at once."
        memory = replace(memory, step_wh=0.0)
        choice = Choice(limit_a, memory.phase.phases, now.ceiling_rule, text)
    return memory, replace(choice, at_once=choice.rule == limits.FUSE)


def _stale(memory: BoxMemory, house: Sight, now: Situation) -> tuple[BoxMemory, Choice | None]:
    """What may still be done without a fresh grid reading: never more than before."""
    if not memory.offering or house.freshness is Freshness.SKIP:
        return memory, None
    if house.freshness is Freshness.STEP or now.mode is Mode.MIN_SOLAR:
        limit_a = min(memory.limit_a, now.outlet.minimum_a)
        text = f"{_age(house)}: down to {limit_a:g} A."
        return replace(memory, step_wh=0.0), Choice(limit_a, memory.phases or memory.phase.phases, "stale_step", text)
    return modes.paused(memory, now, "stale_stop", f"{_age(house)}: paused.")


def _age(house: Sight) -> str:
    if math.isinf(house.age_s):
        return "There is no grid reading"
    return f"The grid reading is {house.age_s:.0f} s old"


# ---------------------------------------------------------------------------------------------------------------------
# Sending


def _sent(
    memory: BoxMemory, party: Party, house: Sight, now: Situation, choice: Choice, snapshot: Snapshot
) -> tuple[BoxMemory, Decision]:
    """Compares what shall be in force with what is, and says what kind of decision that makes."""
    kind = _kind(memory, party.image, choice, now.now_s)
    repeated = (memory.limit_a, memory.phases) == (choice.limit_a, choice.phases)
    if not repeated or memory.stopped is memory.offering:
        memory = replace(memory, limit_a=choice.limit_a, phases=choice.phases, stopped=not memory.offering)
    if kind is not DecisionKind.HOLD:
        memory = replace(
            memory,
            imposed=True,
            sent_s=now.now_s,
            tries=memory.tries + 1 if repeated else 0,
            told=charge.worn(memory, now.now_s) + 1.0,
        )
    return memory, Decision(
        wallbox=party.box.name,
        at=snapshot.at,
        kind=kind,
        state=memory.state,
        rule=choice.rule,
        reason=choice.reason,
        limit_a=choice.limit_a,
        phases=choice.phases,
        target_w=now.outlet.power_w(choice.limit_a, choice.phases),
        at_once=choice.at_once,
        inputs={
            **house.inputs,
            "mode": party.asked_mode,
            "share_w": round(now.surplus_w, 1),
            "drawn_w": round(now.drawn_w, 1),
            "minimum_w": round(_minimum_w(memory, now, choice), 1),
            "ceiling_a": round(now.outlet.ceiling_a.get(choice.phases, 0.0), 2),
            "given_wh": round(memory.given_wh, 2),
            "start_needs_wh": round(memory.start_needs_wh, 2),
            "bought_wh": round(memory.bought_wh, 2),
            "stop_allows_wh": round(memory.stop_allows_wh, 2),
            **({} if party.mode is party.asked_mode else {"battery_floor_pct": house.spared_at_pct}),
        },
    )


def _minimum_w(memory: BoxMemory, now: Situation, choice: Choice) -> float:
    """The least power of a charge; a car that waits may start on other phases than the present ones."""
    if choice.rule in ("waiting", "blocked"):
        return memory.starts_with_w
    return now.outlet.minimum_w(choice.phases)


def _kind(memory: BoxMemory, image: WallboxImage, choice: Choice, now_s: float) -> DecisionKind:
    """A charge begins with a start and ends with a stop; between them, what is not in force yet is a step.

    A pause that goes on is a hold: that 0 A stay in force is the shell's care, not a new decision.
    """
    if not memory.offering:
        return DecisionKind.STOP if memory.imposed and not memory.stopped else DecisionKind.HOLD
    if memory.stopped or not memory.imposed:
        return DecisionKind.START
    if choice.insists:
        return DecisionKind.STEP
    if image.limit_a == choice.limit_a and image.limit_phases in (choice.phases, None):
        return DecisionKind.HOLD
    if (memory.limit_a, memory.phases) == (choice.limit_a, choice.phases) and memory.sent_s is not None:
        pause_s = min(RETRY_S * 2.0**memory.tries, LONGEST_RETRY_S)
        if now_s - memory.sent_s < pause_s:
            return DecisionKind.HOLD
    return DecisionKind.STEP
