"""What the mode makes of the sun: the rules for one plugged-in car that nothing more urgent has decided.

``off`` pauses. ``fast`` takes what the fuse leaves; a plan takes the power that it means, or the sun where that is
more. ``solar`` follows the surplus and pauses without it. ``min+solar`` does the same but never below the minimum.
All say what shall be in force, and why, in one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from hemsd.model import Because, Mode, SteeringSettings, WallboxSettings
from rules import charge, phases
from rules.charge import BoxMemory
from rules.situation import Situation
from rules.worth import Option, options, worth_w

FAR_OFF = 0.1  # of the planned power: so far from it, other phases are worth a change
RAISE_AFTER_CUT_S = 30.0  # so that a load that comes and goes does not rock the current


@dataclass(frozen=True, slots=True)
class Choice:
    """What shall be in force from now on, and why."""

    limit_a: float
    phases: int
    rule: str
    reason: str
    insists: bool = False  # it is sent even where it is in force already
    at_once: bool = False  # without the detour that spares a contactor


def choose(
    memory: BoxMemory, box: WallboxSettings, settings: SteeringSettings, now: Situation
) -> tuple[BoxMemory, Choice]:
    """The rules of the mode. The memory has been aged, and a car is plugged in."""
    if now.mode is Mode.OFF:
        return paused(memory, now, "off", "Charging is switched off.")
    planned_w = _planned_w(memory, box, now)
    by_plan = planned_w is not None and planned_w > now.surplus_w
    found = options(
        now.outlet,
        now.surplus_w,
        settings.import_weight,
        most=now.mode is Mode.FAST and planned_w is None,
        planned_w=planned_w if by_plan else None,
    )
    stuck = memory.offering or not phases.may_change(memory.phase, settings, now.now_s)
    if not found or (stuck and memory.phase.phases not in found):
        most_a = max(now.outlet.ceiling_a.values())
        text = f"{sentence(now.ceiling_because)} leaves {most_a:.1f} A, and charging needs {now.outlet.minimum_a:g} A."
        return paused(memory, now, "no_room", text)
    if not memory.offering:
        return _waiting(memory, box, settings, now, found)
    match now.mode:
        case Mode.FAST if planned_w is not None:
            return _planned(memory, box, settings, now, found, planned_w)
        case Mode.FAST:
            return _fast(memory, box, settings, now, found)
        case Mode.SOLAR | Mode.MIN_SOLAR:
            return _on_surplus(memory, box, settings, now, found)
        case _:
            assert_never(now.mode)


def paused(memory: BoxMemory, now: Situation, rule: str, reason: str) -> tuple[BoxMemory, Choice]:
    """Nothing is offered; a charge that runs ends now."""
    return charge.ended(memory, now.now_s), Choice(0.0, memory.phase.phases, rule, reason)


# ---------------------------------------------------------------------------------------------------------------------
# Waiting


def _waiting(
    memory: BoxMemory, box: WallboxSettings, settings: SteeringSettings, now: Situation, found: Mapping[int, Option]
) -> tuple[BoxMemory, Choice]:
    """A car that does not charge: whether it starts."""
    option = _to_start_with(memory, box, settings, now, found)
    memory = replace(memory, starts_with_w=now.outlet.minimum_w(option.phases))
    enough = now.mode is not Mode.SOLAR
    if now.mode is Mode.SOLAR:
        given_wh = charge.given_wh(memory, option.worth_w, settings.import_weight, now.dt_s)
        memory = replace(memory, given_wh=given_wh)
        found_charging = now.draws and not memory.imposed  # by itself, or since before a restart of hemsd
        enough = option.worth_w > 0.0 and (memory.given_wh >= memory.start_needs_wh or found_charging)
    blocked_s, because = charge.waits_s(memory, settings, now.now_s)
    if enough and blocked_s <= 0.0:
        return _start(memory, now, option)
    if enough:
        memory = replace(memory, next_start=f"when {because} is over, in {_span(blocked_s)}")
        sun = f"{kilowatts(now.surplus_w)} of surplus is enough; it " if now.mode is Mode.SOLAR else "It "
        return memory, Choice(0.0, memory.phase.phases, "blocked", f"{sun}starts {memory.next_start}.")
    needs = f"{kilowatts(now.outlet.minimum_w(option.phases))} for {_offer(now.outlet.minimum_a, option.phases)}"
    if option.worth_w <= 0.0:
        memory = replace(memory, next_start=f"when the surplus comes near {needs}")
        text = f"{kilowatts(now.surplus_w)} of surplus, too little: charging takes {needs}."
    else:
        left_s = (memory.start_needs_wh - memory.given_wh) * charge.HOUR_S / option.worth_w
        memory = replace(memory, next_start=f"in {_span(max(left_s, blocked_s))} if the surplus lasts")
        text = f"{kilowatts(now.surplus_w)} of surplus, {_given(memory)}: starts {memory.next_start}."
    return memory, Choice(0.0, memory.phase.phases, "waiting", text)


def _to_start_with(
    memory: BoxMemory, box: WallboxSettings, settings: SteeringSettings, now: Situation, found: Mapping[int, Option]
) -> Option:
    """The phases to start on; others than the present ones cost one of the day's changes."""
    present = found.get(memory.phase.phases)
    if present is not None and not (box.own_phase_pause and phases.may_change(memory.phase, settings, now.now_s)):
        return present
    if now.mode is Mode.FAST:
        planned_w = _planned_w(memory, box, now)
        return _nearest(found, None if planned_w is None else max(planned_w, now.surplus_w))
    return max(found.values(), key=lambda option: (option.worth_w, option is present))


def _start(memory: BoxMemory, now: Situation, option: Option) -> tuple[BoxMemory, Choice]:
    given = _given(memory) if memory.given_wh >= memory.start_needs_wh else "and the car is charging already"
    if option.phases != memory.phase.phases:
        memory = replace(memory, phase=phases.change(memory.phase, option.phases, now.now_s))
    memory = charge.started(memory, now.now_s)
    offer = _offer(option.limit_a, option.phases)
    match now.mode:
        case Mode.FAST:
            rule, text = _as_fast_as_allowed(memory, now, offer)
            return memory, Choice(option.limit_a, option.phases, "start" if rule == "fast" else rule, text)
        case Mode.MIN_SOLAR:
            text = f"Minimum and sun: {offer} with {kilowatts(now.surplus_w)} of surplus."
        case _:
            text = f"{kilowatts(now.surplus_w)} of surplus, {given}: enough for {offer}."
    return memory, Choice(option.limit_a, option.phases, "start", text)


# ---------------------------------------------------------------------------------------------------------------------
# Charging


def _fast(
    memory: BoxMemory, box: WallboxSettings, settings: SteeringSettings, now: Situation, found: Mapping[int, Option]
) -> tuple[BoxMemory, Choice]:
    """As much as may flow; after a cut by the fuse, up again only when that is some time ago."""
    present = found[memory.phase.phases]
    most = _nearest(found, None)
    if most.phases != present.phases and phases.may_change(memory.phase, settings, now.now_s):
        text = f"Fast: {_phases(most.phases)} for {kilowatts(most.power_w)}."
        return _change_phases(memory, box, now, most, text)
    limit_a = _after_a_cut(memory, now, present.limit_a)
    rule, text = _as_fast_as_allowed(memory, now, _offer(limit_a, present.phases))
    return memory, Choice(limit_a, present.phases, rule, text)


def _after_a_cut(memory: BoxMemory, now: Situation, limit_a: float) -> float:
    recently = memory.cut_s is not None and now.now_s - memory.cut_s < RAISE_AFTER_CUT_S
    return min(limit_a, memory.limit_a) if recently else limit_a


def _as_fast_as_allowed(memory: BoxMemory, now: Situation, offer: str) -> tuple[str, str]:
    """The rule and the reason: a plan, the reserve or an immediate start may be behind it."""
    if memory.boost and memory.because is not None:
        return memory.because.rule, f"{memory.because.text}: {_how_much(memory.because, now, offer)}."
    return "fast", f"Fast: {offer}, as much as {now.ceiling_because} allows."


def _how_much(because: Because, now: Situation, offer: str) -> str:
    """What is offered, and what it is measured by."""
    if because.power_w is None or because.power_w >= now.outlet.most_w:
        return f"{offer}, as much as {now.ceiling_because} allows"
    sun = f", and for {kilowatts(now.surplus_w)} of surplus" if now.surplus_w > because.power_w else ""
    return f"{offer} for the planned {kilowatts(because.power_w)}{sun}"


def _planned_w(memory: BoxMemory, box: WallboxSettings, now: Situation) -> float | None:
    """The power that a plan means; None where nothing is planned, or where a person wants it fast anyway."""
    if now.mode is not Mode.FAST or not memory.boost or (memory.mode or box.mode) is Mode.FAST:
        return None
    return memory.because.power_w if memory.because is not None else None


def _nearest(found: Mapping[int, Option], power_w: float | None) -> Option:
    """The option that comes nearest to a power; None: the one that gives most."""
    if power_w is None:
        return max(found.values(), key=lambda option: option.power_w)
    return min(found.values(), key=lambda option: abs(option.power_w - power_w))


def _planned(
    memory: BoxMemory,
    box: WallboxSettings,
    settings: SteeringSettings,
    now: Situation,
    found: Mapping[int, Option],
    planned_w: float,
) -> tuple[BoxMemory, Choice]:
    """At least what the plan means; where the sun gives more, it is followed."""
    asked_w = max(planned_w, now.surplus_w)
    present, best = found[memory.phase.phases], _nearest(found, asked_w)
    far_off = abs(present.power_w - asked_w) > FAR_OFF * asked_w
    if best is not present and far_off and phases.may_change(memory.phase, settings, now.now_s):
        text = f"{_phases(best.phases)} for {kilowatts(best.power_w)}, nearer to {kilowatts(asked_w)}."
        return _change_phases(memory, box, now, best, text)
    limit_a = _after_a_cut(memory, now, present.limit_a)
    if asked_w > planned_w or limit_a < memory.limit_a:
        memory, choice = _follow(memory, settings, now, replace(present, limit_a=limit_a))
        if asked_w > planned_w:
            return memory, choice
        limit_a = choice.limit_a
    rule, text = _as_fast_as_allowed(memory, now, _offer(limit_a, present.phases))
    return memory, Choice(limit_a, present.phases, rule, text)


def _on_surplus(
    memory: BoxMemory, box: WallboxSettings, settings: SteeringSettings, now: Situation, found: Mapping[int, Option]
) -> tuple[BoxMemory, Choice]:
    """Follows the surplus: other phases, a pause, or another current."""
    present = found[memory.phase.phases]
    if memory.state is charge.FINISHED:
        text = f"The car takes nothing; {now.outlet.minimum_a:g} A stay offered."
        return memory, Choice(min(memory.limit_a, now.outlet.minimum_a), present.phases, "finished", text)
    phase = memory.phase
    other = next((option for option in found.values() if option is not present), None)
    if other is not None:
        phase = phases.weigh(phase, other.worth_w - present.worth_w, now.now_s, now.dt_s)
    bought_wh = charge.bought_wh(memory, present.worth_w, settings.import_weight, now.dt_s)
    memory = replace(memory, bought_wh=bought_wh, phase=phase)
    if other is not None and phases.worth_changing(phase, settings, now.now_s):
        text = (
            f"{kilowatts(now.surplus_w)} of surplus: {_phases(other.phases)} would have been worth "
            f"{phase.gain_wh:.0f} Wh more by now."
        )
        return _change_phases(memory, box, now, other, text)
    stays = now.mode is Mode.MIN_SOLAR or box.never_pause
    if memory.state is charge.MODULATING and not stays:
        if memory.bought_wh >= memory.stop_allows_wh:
            if other is not None and other.worth_w > 0.0 and _may_replace_a_pause(memory, settings, now):
                text = f"{kilowatts(now.surplus_w)} of surplus: {_phases(other.phases)} instead of a pause."
                return _change_phases(memory, box, now, other, text)
            text = f"{kilowatts(now.surplus_w)} of surplus for {kilowatts(present.power_w)}, {_bought(memory)}: paused."
            return paused(memory, now, "pause", text)
        if now.turn_over:
            return paused(memory, now, "rotation", "The sun is not enough for all cars: another one has its turn.")
    return _follow(memory, settings, now, present)


def _may_replace_a_pause(memory: BoxMemory, settings: SteeringSettings, now: Situation) -> bool:
    return phases.may_change(memory.phase, settings, now.now_s, instead_of_pause=True)


def _follow(memory: BoxMemory, settings: SteeringSettings, now: Situation, best: Option) -> tuple[BoxMemory, Choice]:
    """The current follows the surplus, as soon as the present one has lost enough worth."""
    now_a = memory.limit_a
    lost_w = best.worth_w - worth_w(now.outlet.power_w(now_a, best.phases), now.surplus_w, settings.import_weight)
    step_wh = memory.step_wh + max(0.0, lost_w) * now.dt_s / charge.HOUR_S if best.limit_a != now_a else 0.0
    fits = now.outlet.minimum_a <= now_a <= now.outlet.ceiling_a[best.phases]
    too_soon = memory.sent_s is not None and now.now_s - memory.sent_s < settings.step_every_s
    surplus = f"{kilowatts(now.surplus_w)} of surplus"
    if fits and (
        too_soon or step_wh < charge.step_needs_wh(settings, charge.worn(memory, now.now_s)) or best.limit_a == now_a
    ):
        if step_wh != memory.step_wh:
            memory = replace(memory, step_wh=step_wh)
        if best.worth_w < 0.0:
            text = f"{surplus} for {kilowatts(best.power_w)}: {_bought(memory)} before a pause."
            return memory, Choice(now_a, best.phases, "short", text)
        return memory, Choice(now_a, best.phases, "follow", f"{surplus} keeps {_offer(now_a, best.phases)}.")
    memory = replace(memory, step_wh=0.0)
    return memory, Choice(best.limit_a, best.phases, "follow", f"{surplus}: {_offer(best.limit_a, best.phases)}.")


def _change_phases(
    memory: BoxMemory, box: WallboxSettings, now: Situation, option: Option, text: str
) -> tuple[BoxMemory, Choice]:
    """Begins a change of phases, through a pause of our own where the wallbox makes none."""
    phase = phases.change(memory.phase, option.phases, now.now_s, pause_first=not box.own_phase_pause)
    memory = replace(memory, phase=phase, bought_wh=0.0, step_wh=0.0, quiet_s=None)
    if phases.pausing(phase):
        limit_a, asked_phases = phases.asked(phase, now.outlet.minimum_a)
        return memory, Choice(limit_a, asked_phases, "phases", text)
    return memory, Choice(option.limit_a, option.phases, "phases", text)


# ---------------------------------------------------------------------------------------------------------------------
# Words


def sentence(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def kilowatts(power_w: float) -> str:
    return f"{power_w / 1000:.1f} kW"


def _phases(count: int) -> str:
    return "1 phase" if count == 1 else f"{count} phases"


def _offer(limit_a: float, count: int) -> str:
    return f"{limit_a:g} A on {_phases(count)}"


def _given(memory: BoxMemory) -> str:
    return f"{memory.given_wh:.0f} of {memory.start_needs_wh:.0f} Wh given away"


def _bought(memory: BoxMemory) -> str:
    return f"{memory.bought_wh:.0f} of {memory.stop_allows_wh:.0f} Wh bought"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
