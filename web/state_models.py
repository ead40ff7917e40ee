"""``GET /api/state``: the whole present, as the page and scripts see it."""

from __future__ import annotations

from hemsd.model import DecisionKind, DimmedBy, DispatchStatus, Mode, Outcome, Role, SteeringState, ToldBy
from web.models import Page, Utc
from web.spoken import Spoken


class DimmedPage(Page):
    """What the grid operator leaves to all cars together (EnWG §14a)."""

    dimmed_w: float
    source: DimmedBy
    until: Utc | None = None
    """null: until it is taken out of config.yaml"""


class SitePage(Page):
    name: str
    fuse_a: float
    timezone: str = "UTC"
    currency: str = "EUR"
    dimmed: DimmedPage | None = None
    """null: nobody dims"""


class MeterPage(Page):
    power_w: float | None
    age_s: float | None
    """None: it never said anything"""
    ok: bool
    delay_s: float | None = None
    """How old its readings are already when they arrive, learned from steps of the wallboxes; null: none is known"""
    role: Role | None = None
    """None: what it is named after"""
    soc_pct: float | None = None
    may_give_w: float | None = None
    """What this battery was told that it may give at most; null: what it likes, or it can't be told"""
    outcome: Outcome | None = None
    """The verdict on what it was told; null: it can't be told"""
    doubts: list[Spoken] = []
    """Why values are withheld, for people"""
    trouble: Spoken | None = None
    """Why it is silent, for people; null while nothing is known to be wrong"""
    limit_a: float | None = None


class BudgetPage(Page):
    """How much of the energies is used up that a start and a pause wait for."""

    start_used_wh: float
    start_wh: float
    stop_used_wh: float
    stop_wh: float


class CountdownPage(Page):
    """What ends by itself, and when."""

    what: str
    """minimum_run, minimum_pause, stale_step, stale_stop, phase_switch or boost"""
    ends_at: Utc


class TurnPage(Page):
    """What would change a charge that follows the sun."""

    what: str
    """start, more, keep (no pause) or pause"""
    by_w: float
    """The change of what is left over that it takes; negative for less"""
    limit_a: float | None = None


class DecisionPage(Page):
    wallbox: str = ""
    time: Utc
    kind: DecisionKind
    reason: str
    grid_w: float | None = None
    target_w: float | None = None
    rule: str = ""
    state: SteeringState | None = None
    limit_a: float | None = None
    phases: int | None = None
    ticks: int = 1
    """For how many ticks this decision stood"""
    command_id: int | None = None
    inputs: dict[str, float | str | bool | None] = {}


class AttemptPage(Page):
    """One frame that carried a command."""

    time: Utc
    way: str
    status: DispatchStatus
    text: str = ""


class SamplePage(Page):
    """What the wallbox said at a moment that counted for the verdict."""

    time: Utc
    offered_a: float | None = None
    currents_a: tuple[float | None, float | None, float | None] = (None, None, None)
    power_w: float | None = None


class CommandPage(Page):
    id: int
    wallbox: str = ""
    time: Utc
    amps: float
    phases: int | None
    dispatch_status: DispatchStatus
    outcome: Outcome
    final: bool = True
    """False: the verdict may still change"""
    before_a: float | None = None
    watts: float | None = None
    offered_a: float | None = None
    """What the wallbox offered when the verdict was found"""
    power_w: float | None = None
    """What the car drew then"""
    effect_s: float | None = None
    """Seconds from the command to its proof"""
    rule: str = ""
    evidence: str = ""
    """What the verdict rests on, for people"""
    samples: list[SamplePage] = []
    """... and for those who want to see for themselves"""
    attempts: list[AttemptPage] = []


class PowerMixPage(Page):
    """Where the power comes from that flows into the car now."""

    solar_w: float
    battery_w: float
    grid_w: float


class LearnedPage(Page):
    """What was found out about a wallbox and its present car; None: not known."""

    response_s: float
    """From a command to its effect"""
    step_a: float
    """It keeps whole multiples of this"""
    shortfall_a: float = 0.0
    """By so much the car stays below the offer"""
    cap_a: float | None = None
    """The most that the car takes"""
    min_a: float | None = None
    """The least with which the car charges, where it has shown that less is too little"""
    car_phases: int | None = None
    way: str = ""
    """How limits are said to it"""
    way_proven: bool | None = None
    zero_pauses: bool | None = None
    """Whether 0 A is proven to pause it"""


class WallboxPage(Page):
    connected: bool
    plugged: bool
    charging: bool
    transaction_id: int | None
    mode: Mode
    state: SteeringState
    limit_a: float | None
    phases: int | None
    offered_a: float | None
    power_w: float | None
    session_kwh: float | None
    session_solar_kwh: float | None
    decision: DecisionPage | None
    command: CommandPage | None

    session_battery_kwh: float | None = None
    session_grid_kwh: float | None = None
    session_id: str | None = None
    """The visit under /api/sessions"""
    session_cost: float | None = None
    session_saved: float | None = None
    """Against charging at full power at once"""
    session_co2_g: float | None = None
    """What its energy from the grid stands for; sun and battery count as nothing"""
    session_co2_saved_g: float | None = None
    """Against charging at full power at once"""
    plugged_in_at: Utc | None = None
    link_since: Utc | None = None
    """Since when it has been connected, or not"""
    status: str | None = None
    """The connector's status in the words of OCPP 1.6, 7.7"""
    error_code: str = "NoError"
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    steer: bool = True
    controllable: bool = True
    """False: proven that it can't be steered"""
    falls_back: bool | None = None
    """Whether it returns to the failsafe by itself when hemsd is silent; null: not tested"""
    writes_today: int | None = None
    """How many limits it was given today (UTC); each may wear its memory"""
    learned: LearnedPage | None = None
    min_a: float = 6.0
    max_a: float = 16.0
    sample_age_s: float | None = None
    mix: PowerMixPage | None = None
    budgets: BudgetPage | None = None
    countdowns: list[CountdownPage] = []
    next_start: str = ""
    """What a waiting car waits for, for people"""
    turns: list[TurnPage] = []
    """What would change it"""
    vehicle: str | None = None
    soc_pct: float | None = None
    soc_age_s: float | None = None
    """Since it was told"""
    soc_now_pct: float | None = None
    """By now, reckoned from the told level and what was charged since, with the losses; null: nobody told one"""
    target_pct: float | None = None
    ready_by: Utc | None = None
    boost: bool = False
    obeyed: int | None = None
    """Of the commands with a verdict since hemsd started, how many were obeyed"""
    judged: int | None = None


class VehiclePage(Page):
    """A car of the household."""

    wallbox: str
    capacity_kwh: float
    phases: int
    max_a: float
    plugged: bool | None = None
    """null: several cars share the wallbox, and which one stands there is not known"""
    soc_pct: float | None = None
    soc_age_s: float | None = None
    source: str | None = None
    """Who publishes its level: a topic, or a device as ``teslamate 1``; null: the wallbox or a person tells it"""
    told_by: ToldBy | None = None
    """Who told the level"""
    soc_now_pct: float | None = None
    """By now, reckoned from the told level and what was charged since, with the losses; null: no car charges"""


class AlertPage(Page):
    key: str
    since: Utc
    text: str
    remedy: str = ""
    said: Spoken | None = None
    """The text, for those who say it in another language"""
    todo: Spoken | None = None
    """The remedy, likewise"""


class SimulationPage(Page):
    """The home is simulated: how fast its time runs."""

    speed: float
    day: str


class StoragePage(Page):
    """How the database and its card are."""

    bytes_today: int
    """What was written since the UTC day began"""
    max_bytes_per_day: int
    """More than this raises an alert"""
    database_bytes: int | None = None
    """None: nobody has looked yet"""
    newest_copy: str | None = None
    """The name of the newest daily copy"""
    trouble: Spoken | None = None
    """Why nothing can be written at present"""


class StatePage(Page):
    """The whole present."""

    time: Utc
    version: str
    site: SitePage
    meters: dict[str, MeterPage]
    wallboxes: dict[str, WallboxPage]
    alerts: list[AlertPage]
    vehicles: dict[str, VehiclePage] = {}
    house_w: float | None = None
    """What the house uses without the cars"""
    simulate: SimulationPage | None = None
    storage: StoragePage | None = None
