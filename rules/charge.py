"""Whether one wallbox charges now, and with how much: the rules for one car on one tick.

Everything is decided by energy. While a car waits, the surplus above what charging would need piles up as *given
away*; when that is more than ``start_budget_wh`` it starts. While it charges with too little sun, what is bought piles
up, and what the sun adds takes it off again at its worth (``import_weight``); when that is more than
``stop_budget_wh`` it pauses. So a little too little takes minutes and a lot takes seconds, a passing cloud changes
nothing, and an afternoon of half a kilowatt too little does.

The states and their moves:

    IDLE ──start──> COMMITMENT ──min_run_s──> MODULATING ──budget used up──> COOLDOWN ──min_pause_s──> IDLE
                                                  └──the car takes nothing──> FINISHED ──it draws again──> MODULATING

Only the fuse, the person (mode off) and the loss of the grid meter end a COMMITMENT early; unplugging leads to IDLE
from everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hemsd.model import Mode, SteeringSettings, SteeringState, WallboxSettings
from rules import phases
from rules.phases import PhaseMemory
from rules.response import NEW, Response, floor_a

HOUR_S = 3600.0
DAY_S = 86_400.0

IDLE = SteeringState.IDLE
COMMITMENT = SteeringState.COMMITMENT
MODULATING = SteeringState.MODULATING
COOLDOWN = SteeringState.COOLDOWN
FINISHED = SteeringState.FINISHED

MOVES: Mapping[SteeringState, frozenset[SteeringState]] = {
    IDLE: frozenset({IDLE, COMMITMENT}),
    COMMITMENT: frozenset({COMMITMENT, MODULATING, COOLDOWN, IDLE}),
    MODULATING: frozenset({MODULATING, COOLDOWN, FINISHED, IDLE}),
    COOLDOWN: frozenset({COOLDOWN, IDLE}),
    FINISHED: frozenset({FINISHED, MODULATING, COOLDOWN, IDLE}),
}

CHARGING = frozenset({COMMITMENT, MODULATING, FINISHED})
"""The states in which a current is offered."""


@dataclass(frozen=True, slots=True)
class BoxMemory:
    """What the rules remember of one wallbox from tick to tick; its budgets are for the page to show."""

    state: SteeringState = IDLE
    since_s: float = 0.0  # when the state began
    last_s: float | None = None  # the tick before
    plugged: bool = False
    mode: Mode | None = None  # what a person asked for; None: as configured
    boost: bool = False
    boost_target_pct: float | None = None
    given_wh: float = 0.0  # given away while waiting, of start_budget_wh
    bought_wh: float = 0.0  # bought while charging, of stop_budget_wh
    step_wh: float = 0.0  # worth lost at the present current, of step_budget_wh
    starts_s: tuple[float, ...] = ()  # the starts of the last 24 hours
    quiet_s: float | None = None  # since when the car takes nothing of what it is offered
    turn_s: float = 0.0  # when its turn among its equals began
    limit_a: float = 0.0  # what was last decided
    imposed: bool = False  # something was sent in this visit
    stopped: bool = False  # the last thing sent was a stop
    sent_s: float | None = None
    tries: int = 0
    next_start: str = ""  # when or on what condition it may start, for people
    response: Response = NEW
    phase: PhaseMemory = field(default_factory=PhaseMemory)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules know of one wallbox at this tick, limits and share of the surplus already worked out."""

    now_s: float
    dt_s: float
    mode: Mode
    surplus_w: float  # this car's share
    ceiling_a: Mapping[int, float]  # the most that may flow per phase, by phase count
    ceiling_because: str
    minimum_a: float
    voltage_v: float
    drawn_w: float
    draws: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """What shall be in force from now on, and why."""

    limit_a: float
    phases: int
    rule: str
    reason: str


# ---------------------------------------------------------------------------------------------------------------------
# Worth


def worth_w(power_w: float, surplus_w: float, import_weight: float) -> float:
    """What charging is worth: watts from the sun, less the weighted watts that are bought for it."""
    sun_w = min(power_w, max(0.0, surplus_w))
    return sun_w - import_weight * (power_w - sun_w)


def power_w(limit_a: float, offered_phases: int, response: Response, voltage_v: float) -> float:
    """The power that a limit is expected to give."""
    return response.draw_a(limit_a) * voltage_v * response.phases_of(offered_phases)


def best_a(situation: Situation, offered_phases: int, response: Response, import_weight: float) -> float | None:
    """The limit of most worth on so many phases; None where even the minimum does not fit below the ceiling."""
    ceiling_a = floor_a(response, situation.ceiling_a[offered_phases])
    if ceiling_a < situation.minimum_a:
        return None
    per_amp_w = situation.voltage_v * response.phases_of(offered_phases)
    exact_a = max(0.0, situation.surplus_w) / per_amp_w + response.shortfall_a
    below_a = floor_a(response, exact_a)
    # the next step up is worth it when the sun fills this much of it
    round_up = exact_a - below_a > response.step_a * import_weight / (1.0 + import_weight)
    wanted_a = below_a + response.step_a if round_up else below_a
    return round(max(situation.minimum_a, min(wanted_a, ceiling_a)), 1)


@dataclass(frozen=True, slots=True)
class Option:
    """One way to charge now: a limit on some phases, and what it is worth."""

    limit_a: float
    phases: int
    power_w: float
    worth_w: float


def options(
    situation: Situation, box: WallboxSettings, response: Response, import_weight: float
) -> Mapping[int, Option]:
    """The best limit on each number of phases that the wallbox can be asked for."""
    found = {}
    for count in phases.choices(box):
        limit_a = best_a(situation, count, response, import_weight)
        if limit_a is not None:
            watts = power_w(limit_a, count, response, situation.voltage_v)
            found[count] = Option(limit_a, count, watts, worth_w(watts, situation.surplus_w, import_weight))
    return found


# ---------------------------------------------------------------------------------------------------------------------
# States


def moved(memory: BoxMemory, state: SteeringState, now_s: float) -> BoxMemory:
    """The same in another state; what a state counts begins anew with it."""
    if state is memory.state:
        return memory
    if state not in MOVES[memory.state]:
        raise AssertionError(f"no move from {memory.state} to {state}")
    return replace(memory, state=state, since_s=now_s, given_wh=0.0, bought_wh=0.0, step_wh=0.0, quiet_s=None)


def aged(memory: BoxMemory, settings: SteeringSettings, situation: Situation) -> BoxMemory:
    """What time alone changes: minimum run and pause times that are over, a car that takes nothing, old starts."""
    now_s = situation.now_s
    held_s = now_s - memory.since_s
    starts_s = tuple(at_s for at_s in memory.starts_s if now_s - at_s < DAY_S)
    quiet_s = None if situation.draws or memory.state not in CHARGING else memory.quiet_s
    if quiet_s is None and not situation.draws and memory.state in CHARGING:
        quiet_s = now_s
    memory = replace(memory, starts_s=starts_s, quiet_s=quiet_s)
    match memory.state:
        case SteeringState.COMMITMENT if held_s >= settings.min_run_s:
            return _kept(moved(memory, MODULATING, now_s), memory)
        case SteeringState.COOLDOWN if held_s >= settings.min_pause_s:
            return _kept(moved(memory, IDLE, now_s), memory)
        case SteeringState.MODULATING if quiet_s is not None and now_s - quiet_s >= FINISHED_AFTER_S:
            return moved(memory, FINISHED, now_s)
        case SteeringState.FINISHED if situation.draws:
            return moved(memory, MODULATING, now_s)
    return memory


FINISHED_AFTER_S = 300.0  # a car that takes nothing for so long is full, or has stopped by itself


def _kept(after: BoxMemory, before: BoxMemory) -> BoxMemory:
    """A state that only time has ended goes on counting."""
    return replace(
        after,
        given_wh=before.given_wh,
        bought_wh=before.bought_wh,
        step_wh=before.step_wh,
        quiet_s=before.quiet_s,
    )


def wait_s(memory: BoxMemory, settings: SteeringSettings, now_s: float) -> tuple[float, str]:
    """How long a start has to wait for other reasons than the sun, and which."""
    waits = [(0.0, "")]
    if memory.state is COOLDOWN:
        waits.append((memory.since_s + settings.min_pause_s - now_s, "the minimum pause"))
    if len(memory.starts_s) >= settings.starts_per_day:
        first_s = memory.starts_s[-settings.starts_per_day]
        waits.append((first_s + DAY_S - now_s, f"{settings.starts_per_day} starts a day"))
    if len(memory.starts_s) >= settings.starts_per_hour:
        first_s = memory.starts_s[-settings.starts_per_hour]
        waits.append((first_s + HOUR_S - now_s, f"{settings.starts_per_hour} starts an hour"))
    return max(waits)


# ---------------------------------------------------------------------------------------------------------------------
# Modes


def choose(
    memory: BoxMemory, box: WallboxSettings, settings: SteeringSettings, situation: Situation
) -> tuple[BoxMemory, Choice]:
    """The rules of the mode. The memory must have been aged, and a car is plugged in."""
    if situation.mode is Mode.OFF:
        return paused(memory, situation, "off", "Charging is switched off.")
    found = options(situation, box, memory.response, settings.import_weight)
    if not found:
        most_a = max(situation.ceiling_a.values())
        text = f"{situation.ceiling_because} leaves {most_a:.1f} A, and a car needs {situation.minimum_a:g} A: paused."
        return paused(memory, situation, "fuse_pause", text)
    if memory.phase.phases not in found:
        memory = replace(memory, phase=replace(memory.phase, phases=min(found)))
    if memory.state in CHARGING:
        return _charging(memory, box, settings, situation, found)
    return _waiting(memory, settings, situation, found)


def paused(memory: BoxMemory, situation: Situation, rule: str, reason: str) -> tuple[BoxMemory, Choice]:
    """Nothing is offered; a charge that runs ends now."""
    if memory.state in CHARGING:
        memory = moved(memory, COOLDOWN, situation.now_s)
    memory = replace(memory, given_wh=0.0)
    return memory, Choice(0.0, memory.phase.phases, rule, reason)


def _waiting(
    memory: BoxMemory, settings: SteeringSettings, situation: Situation, found: Mapping[int, Option]
) -> tuple[BoxMemory, Choice]:
    now_s = situation.now_s
    blocked_s, because = wait_s(memory, settings, now_s)
    eager = situation.mode in (Mode.FAST, Mode.MIN_SOLAR)
    option = _first_option(memory, settings, situation, found)
    kilowatts = f"{situation.surplus_w / 1000:.1f} kW of surplus"
    if not eager:
        needed_w = min(each.power_w for each in found.values() if each.phases == option.phases)
        minimum_w = power_w(situation.minimum_a, option.phases, memory.response, situation.voltage_v)
        spare_w = (
            situation.surplus_w - minimum_w if option.worth_w > 0.0 or situation.surplus_w > minimum_w else -needed_w
        )
        given_wh = memory.given_wh + spare_w * situation.dt_s / HOUR_S
        given_wh = min(max(0.0, given_wh), settings.start_budget_wh)
        memory = replace(memory, given_wh=given_wh)
        budget = f"{given_wh:.0f} of {settings.start_budget_wh:g} Wh given away"
        if given_wh < settings.start_budget_wh or situation.surplus_w < minimum_w:
            needed = f"{minimum_w / 1000:.1f} kW needed for {situation.minimum_a:g} A on {_phases(option.phases)}"
            text = f"{kilowatts}, {needed}; {budget}."
            return memory, Choice(0.0, memory.phase.phases, "waiting", text)
    if blocked_s > 0.0:
        text = f"{kilowatts}: starts in {blocked_s:.0f} s, {because} is not over."
        return memory, Choice(0.0, memory.phase.phases, "blocked", text)
    memory = _started(memory, situation, option)
    if eager:
        return memory, Choice(option.limit_a, option.phases, "start", _fast_text(situation, option))
    text = f"{kilowatts}, {budget}: enough for {option.limit_a:g} A on {_phases(option.phases)}."
    return memory, Choice(option.limit_a, option.phases, "start", text)


def _first_option(
    memory: BoxMemory, settings: SteeringSettings, situation: Situation, found: Mapping[int, Option]
) -> Option:
    """The phases to start on: the others only when that is worth one of the day's changes."""
    present = found[memory.phase.phases]
    if not phases.may_change(memory.phase, settings, situation.now_s):
        return present
    if situation.mode is Mode.FAST:
        return max(found.values(), key=lambda option: option.power_w)
    if situation.mode is Mode.MIN_SOLAR:
        return max(found.values(), key=lambda option: option.worth_w)
    return max(found.values(), key=lambda option: (option.worth_w, option.phases == present.phases))


def _started(memory: BoxMemory, situation: Situation, option: Option) -> BoxMemory:
    now_s = situation.now_s
    if option.phases != memory.phase.phases:
        memory = replace(memory, phase=phases.change(memory.phase, option.phases, now_s, under_load=False))
    memory = moved(memory if memory.state is IDLE else moved(memory, IDLE, now_s), COMMITMENT, now_s)
    return replace(memory, starts_s=(*memory.starts_s, now_s), turn_s=now_s)


def _charging(
    memory: BoxMemory,
    box: WallboxSettings,
    settings: SteeringSettings,
    situation: Situation,
    found: Mapping[int, Option],
) -> tuple[BoxMemory, Choice]:
    present = found[memory.phase.phases]
    if situation.mode is Mode.FAST:
        most = max(found.values(), key=lambda option: option.power_w)
        ceiling_a = floor_a(memory.response, situation.ceiling_a[memory.phase.phases])
        present = replace(present, limit_a=ceiling_a)
        if most.phases != present.phases and phases.may_change(memory.phase, settings, situation.now_s):
            return _changed(memory, box, situation, most)
        return memory, Choice(present.limit_a, present.phases, "fast", _fast_text(situation, present))

    memory = _weighed(memory, settings, situation, found)
    other = next((option for option in found.values() if option.phases != present.phases), None)
    if (
        other is not None
        and phases.may_change(memory.phase, settings, situation.now_s)
        and phases.worth_changing(memory.phase, settings, situation.now_s)
    ):
        return _changed(memory, box, situation, other)
    stays = situation.mode is Mode.MIN_SOLAR or box.never_pause
    if memory.state is MODULATING and not stays and memory.bought_wh >= settings.stop_budget_wh:
        text = (
            f"{situation.surplus_w / 1000:.1f} kW of surplus is less than {present.power_w / 1000:.1f} kW, "
            f"{memory.bought_wh:.0f} of {settings.stop_budget_wh:g} Wh bought: paused."
        )
        return paused(memory, situation, "pause", text)
    return _followed(memory, settings, situation, present)


def _weighed(
    memory: BoxMemory, settings: SteeringSettings, situation: Situation, found: Mapping[int, Option]
) -> BoxMemory:
    """The budgets of a running charge after this tick."""
    present = found[memory.phase.phases]
    loss_w = -present.worth_w / settings.import_weight  # what the sun adds takes off what was bought, at its worth
    bought_wh = min(max(0.0, memory.bought_wh + loss_w * situation.dt_s / HOUR_S), settings.stop_budget_wh)
    phase = memory.phase
    for option in found.values():
        if option.phases != present.phases:
            phase = phases.weigh(phase, option.worth_w - present.worth_w, situation.now_s, situation.dt_s)
    return replace(memory, bought_wh=bought_wh, phase=phase)


def _followed(
    memory: BoxMemory, settings: SteeringSettings, situation: Situation, present: Option
) -> tuple[BoxMemory, Choice]:
    """The current follows the surplus, as soon as the present one has lost enough worth."""
    now_a = memory.limit_a
    ceiling_a = floor_a(memory.response, situation.ceiling_a[present.phases])
    kilowatts = f"{situation.surplus_w / 1000:.1f} kW of surplus"
    now_w = power_w(now_a, present.phases, memory.response, situation.voltage_v)
    lost_w = present.worth_w - worth_w(now_w, situation.surplus_w, settings.import_weight)
    step_wh = max(0.0, memory.step_wh + lost_w * situation.dt_s / HOUR_S) if present.limit_a != now_a else 0.0
    fits = situation.minimum_a <= now_a <= ceiling_a
    if fits and step_wh < settings.step_budget_wh:
        memory = replace(memory, step_wh=step_wh)
        if present.power_w > situation.surplus_w + situation.voltage_v:
            text = (
                f"{kilowatts} is less than {present.power_w / 1000:.1f} kW; "
                f"{memory.bought_wh:.0f} of {settings.stop_budget_wh:g} Wh bought before a pause."
            )
            return memory, Choice(now_a, present.phases, "minimum", text)
        return memory, Choice(now_a, present.phases, "follow", f"{kilowatts} keeps {now_a:g} A.")
    memory = replace(memory, step_wh=0.0)
    text = f"{kilowatts}: {present.limit_a:g} A on {_phases(present.phases)}."
    return memory, Choice(present.limit_a, present.phases, "follow", text)


def _changed(memory: BoxMemory, box: WallboxSettings, situation: Situation, option: Option) -> tuple[BoxMemory, Choice]:
    under_load = not box.own_phase_pause
    gain_wh = memory.phase.gain_wh
    phase = phases.change(memory.phase, option.phases, situation.now_s, under_load=under_load)
    memory = replace(memory, phase=phase, step_wh=0.0, bought_wh=0.0, quiet_s=None)
    text = (
        f"{situation.surplus_w / 1000:.1f} kW of surplus: {_phases(option.phases)} is better "
        f"by {gain_wh:.0f} Wh so far."
    )
    limit_a, count = phases.asked(phase, situation.minimum_a) if under_load else (option.limit_a, option.phases)
    return memory, Choice(limit_a, count, "phases", text)


def _phases(count: int) -> str:
    return "1 phase" if count == 1 else f"{count} phases"


def _fast_text(situation: Situation, option: Option) -> str:
    if situation.mode is Mode.MIN_SOLAR:
        return f"Minimum and surplus: {option.limit_a:g} A on {_phases(option.phases)}."
    return f"Fast: {option.limit_a:g} A on {_phases(option.phases)}, as much as {situation.ceiling_because} allows."
