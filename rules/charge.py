"""One charge: its states, what is remembered of it from tick to tick, and the energy budgets that start and end it.

Everything is decided by energy. While a car waits, the worth of what is given away piles up; when that is more than
``start_budget_wh`` it starts. While it charges with too little sun, what is bought piles up, and what the sun adds
takes it off again at its worth; when that is more than ``stop_budget_wh`` it pauses. So a little too little takes
minutes and a lot takes seconds, a passing cloud changes nothing, and an afternoon of too little does.

Contactors wear, so starts have a price that rises through the day: the first pause comes after a third of
``stop_budget_wh``, from the ninth on it takes all of it; each start so far adds a quarter to the next one's budget.
Commands have one too: a wallbox may write each of them to its flash memory, so 500 a day are meant to be enough.

    IDLE ──start──> COMMITMENT ──min_run_s──> MODULATING ──budget used up──> COOLDOWN ──min_pause_s──> IDLE
                                                  └──the car takes nothing──> FINISHED ──it draws again──> MODULATING

Only the fuse, the person (mode off) and the loss of the grid meter end a COMMITMENT early; unplugging leads to IDLE
from everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hemsd.model import Because, Mode, SteeringSettings, SteeringState
from rules.phases import PhaseMemory
from rules.response import NEW, Response
from rules.wake import AT_REST, WakeMemory

HOUR_S = 3600.0
DAY_S = 86_400.0
FINISHED_AFTER_S = 300.0  # a car that takes nothing for so long is full, or has stopped by itself
COMMANDS_A_DAY = 500.0  # a wallbox that keeps its limit in flash memory bears so many for years

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

OFFERING = frozenset({COMMITMENT, MODULATING, FINISHED})
"""The states in which a current is offered."""


@dataclass(frozen=True, slots=True)
class BoxMemory:
    """What the rules remember of one wallbox from tick to tick; the page shows its budgets."""

    state: SteeringState = IDLE
    since_s: float = 0.0  # when the state began
    plugged: bool = False
    mode: Mode | None = None  # what a person asked for; None: as configured
    boost: bool = False
    boost_target_pct: float | None = None
    because: Because | None = None  # why it is boosted

    given_wh: float = 0.0  # worth given away while waiting
    start_needs_wh: float = 0.0  # ... and how much of it a start needs, at today's price
    bought_wh: float = 0.0  # bought while charging, less what the sun has made up for
    stop_allows_wh: float = 0.0  # ... and how much of it comes before a pause, at today's price
    step_wh: float = 0.0  # worth lost at the present current
    next_start: str = ""  # what a waiting car waits for, in words
    starts_with_w: float = 0.0  # ... and the least power that it would start with

    starts_s: tuple[float, ...] = ()  # the starts of the last 24 hours
    quiet_s: float | None = None  # since when the car takes nothing of what it is offered
    turn_s: float = 0.0  # when its turn among its equals began
    cut_s: float | None = None  # when the fuse last cut it

    limit_a: float = 0.0  # what was last decided
    phases: int | None = None
    imposed: bool = False  # something was sent in this visit
    stopped: bool = False  # at the tick before, nothing was offered
    sent_s: float | None = None
    tries: int = 0  # how often the same was sent again
    told: float = 0.0  # the commands up to sent_s, less what COMMANDS_A_DAY allowed for the time between them

    response: Response = NEW
    phase: PhaseMemory = field(default_factory=PhaseMemory)
    wake: WakeMemory = AT_REST

    @property
    def offering(self) -> bool:
        return self.state in OFFERING


# ---------------------------------------------------------------------------------------------------------------------
# States


def moved(memory: BoxMemory, state: SteeringState, now_s: float) -> BoxMemory:
    """The same in another state."""
    if state is memory.state:
        return memory
    if state not in MOVES[memory.state]:
        raise AssertionError(f"no move from {memory.state} to {state}")
    return replace(memory, state=state, since_s=now_s)


def aged(memory: BoxMemory, settings: SteeringSettings, now_s: float, *, draws: bool) -> BoxMemory:
    """What time alone changes: minimum times that are over, a car that takes nothing, starts of yesterday."""
    starts_s = memory.starts_s
    if starts_s and now_s - starts_s[0] >= DAY_S:
        starts_s = starts_s[1:]
    quiet_s = None if draws or not memory.offering else now_s if memory.quiet_s is None else memory.quiet_s
    needs_wh, allows_wh = start_needs_wh(settings, len(starts_s)), stop_allows_wh(settings, len(starts_s))
    if (starts_s, quiet_s, needs_wh, allows_wh) != (
        memory.starts_s,
        memory.quiet_s,
        memory.start_needs_wh,
        memory.stop_allows_wh,
    ):
        memory = replace(memory, starts_s=starts_s, quiet_s=quiet_s, start_needs_wh=needs_wh, stop_allows_wh=allows_wh)
    held_s = now_s - memory.since_s
    match memory.state:
        case SteeringState.COMMITMENT if held_s >= settings.min_run_s:
            return moved(memory, MODULATING, now_s)
        case SteeringState.COOLDOWN if held_s >= settings.min_pause_s:
            return moved(memory, IDLE, now_s)
        case SteeringState.MODULATING if quiet_s is not None and now_s - quiet_s >= FINISHED_AFTER_S:
            return moved(memory, FINISHED, now_s)
        case SteeringState.FINISHED if draws:
            return moved(replace(memory, bought_wh=0.0), MODULATING, now_s)
    return memory


def started(memory: BoxMemory, now_s: float) -> BoxMemory:
    """A charge begins, and with it a new count of everything."""
    memory = moved(memory, COMMITMENT, now_s)
    return replace(
        memory,
        starts_s=(*memory.starts_s, now_s),
        given_wh=0.0,
        bought_wh=0.0,
        step_wh=0.0,
        quiet_s=None,
        turn_s=now_s,
        next_start="",
    )


def ended(memory: BoxMemory, now_s: float) -> BoxMemory:
    """Nothing is offered from now on; a charge that runs becomes a pause."""
    if memory.offering:
        memory = replace(moved(memory, COOLDOWN, now_s), turn_s=now_s)
    return replace(memory, given_wh=0.0, bought_wh=0.0, step_wh=0.0, quiet_s=None)


def waits_s(memory: BoxMemory, settings: SteeringSettings, now_s: float) -> tuple[float, str]:
    """How long a start still has to wait for other reasons than the sun, and for which."""
    waits = [(0.0, "")]
    if memory.state is COOLDOWN:
        waits.append((memory.since_s + settings.min_pause_s - now_s, "the minimum pause"))
    for most, span_s, words in (
        (settings.starts_per_hour, HOUR_S, "an hour"),
        (settings.starts_per_day, DAY_S, "a day"),
    ):
        if len(memory.starts_s) >= most:
            waits.append((memory.starts_s[-most] + span_s - now_s, f"the limit of {most} starts {words}"))
    return max(waits)


# ---------------------------------------------------------------------------------------------------------------------
# Budgets


def start_needs_wh(settings: SteeringSettings, starts: int) -> float:
    """What must have been given away before a start: a quarter more for each start of the last 24 hours."""
    return settings.start_budget_wh * (1.0 + starts / 4.0)


def stop_allows_wh(settings: SteeringSettings, starts: int) -> float:
    """What may be bought before a pause: a third of the budget after the first start, all of it after the ninth."""
    return settings.stop_budget_wh * min(1.0, (3.0 + starts) / 12.0)


def step_needs_wh(settings: SteeringSettings, worn: float) -> float:
    """What the present current must have lost before another one is worth a command: twice as much from 100 on."""
    return settings.step_budget_wh * (1.0 + worn / 100.0)


def worn(memory: BoxMemory, now_s: float) -> float:
    """The commands that the wallbox had to bear, less what COMMANDS_A_DAY allows for the time since."""
    if memory.sent_s is None:
        return 0.0
    return max(0.0, memory.told - (now_s - memory.sent_s) * COMMANDS_A_DAY / DAY_S)


def given_wh(memory: BoxMemory, worth_w: float, import_weight: float, dt_s: float) -> float:
    """After a tick of waiting: worth that nobody takes piles up, and a lack of it takes from the pile."""
    rate_w = worth_w if worth_w >= 0.0 else worth_w / import_weight
    return min(max(0.0, memory.given_wh + rate_w * dt_s / HOUR_S), memory.start_needs_wh)


def bought_wh(memory: BoxMemory, worth_w: float, import_weight: float, dt_s: float) -> float:
    """After a tick of charging: what is bought piles up, and the sun takes it off again at its worth."""
    return min(max(0.0, memory.bought_wh - worth_w / import_weight * dt_s / HOUR_S), memory.stop_allows_wh)
