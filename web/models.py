"""What the local API says and takes, as JSON: one class a shape, from which the OpenAPI document follows.

The names that scripts hold on to are fixed, those of ``/api/state`` first of all; others were added for the page.
Signs and units are those of ``hemsd.model``; energies of visits are in kWh because people read them. Times are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, RootModel

from hemsd.model import DecisionKind, DimmedBy, DispatchStatus, Mode, Outcome, Role, SteeringState, ToldBy
from web.moments import Moment
from web.spoken import Spoken


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Utc = Annotated[AwareDatetime, PlainSerializer(_utc_text, return_type=str, when_used="json")]
Percent = Annotated[float, Field(ge=0, le=100)]


class Page(BaseModel):
    """The base of everything that is sent."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


# ---------------------------------------------------------------------------------------------------------------------
# GET /api/state


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


# ---------------------------------------------------------------------------------------------------------------------
# GET /api/plan


class QuarterPage(Page):
    """What is known of a UTC quarter-hour."""

    start: Utc
    import_eur_per_kwh: float | None = None
    export_eur_per_kwh: float | None = None
    surplus_w: float | None = None
    """What the sun is expected to leave to cars"""


class BlockPage(Page):
    """A stretch in which a car is planned to charge."""

    type: str
    """Why: BATTERY_RESERVE, REGULAR or IMMEDIATE_START"""
    start: Utc
    end: Utc
    kwh: float
    cost: float | None = None


class PlanStoryPage(Page):
    """What a plan's reason tells, in numbers, for those who say it in another language."""

    soc_pct: float
    """The level that is known, or estimated"""
    goal_pct: float
    reserve_pct: float | None = None
    """Charged at once up to here, whatever it costs"""
    boost_pct: float | None = None
    """Charged at once up to here, because somebody asked for it"""
    regular_h: float
    """For so long in the hours that were chosen"""
    mean_price: float | None = None
    """Per kWh, over all that is planned"""
    solar_kwh: float
    """So much of it is expected from the sun"""
    same_price: bool
    priced_h: float
    """Prices are known for so many hours ..."""
    all_h: float
    """... of so many until the deadline"""
    reached_at: Utc | None = None


class BoxPlanPage(Page):
    """The plan of one running visit."""

    reason: str
    story: PlanStoryPage | None = None
    blocks: list[BlockPage]
    kwh: float
    cost: float | None = None
    target_pct: float | None = None
    ready_by: Utc | None = None
    target_reachable: bool = True
    level_at_deadline_pct: float | None = None


class PlanPage(Page):
    """What lies ahead: prices where a tariff tells them, and planned blocks."""

    time: Utc
    quarters: list[QuarterPage]
    wallboxes: dict[str, BoxPlanPage]


# ---------------------------------------------------------------------------------------------------------------------
# What is asked for

PEERS_WORDS = {"pv": Mode.SOLAR, "smart": Mode.SOLAR, "minpv": Mode.MIN_SOLAR, "now": Mode.FAST}
"""evcc's names of the modes, before and after its release 0.316"""


def _mode(word: object) -> Mode:
    if isinstance(word, str):
        if word in PEERS_WORDS:
            return PEERS_WORDS[word]
        if word in set(Mode):
            return Mode(word)
    raise ValueError(f"must be one of {', '.join(Mode)} (or {', '.join(PEERS_WORDS)}), not {word!r}")


class Asked(BaseModel):
    """The base of every request body."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModeBody(Asked):
    mode: Annotated[Mode, BeforeValidator(_mode)]


class BoostBody(Asked):
    """An immediate start."""

    minimum_charge_target_pct: Percent | None = None
    """Until this level; else until the car is full"""


class TargetBody(Asked):
    """Overrides the schedule for this visit."""

    minimum_charge_target_pct: Percent
    ready_by: Moment | None = None


class WhatIfBody(RootModel[dict[str, float | bool | str | None]]):
    """Settings by their place: ``steering.NAME``, ``site.NAME``, and ``wallbox.NAME`` of the visit's wallbox."""


class DimmedBody(Asked):
    """What the grid operator leaves to all cars together."""

    dimmed_w: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    until: AwareDatetime | None = None
    """When it ends by itself, at most 24 hours ahead; else in two hours"""


class SocBody(Asked):
    soc_pct: Percent


class WishPage(Page):
    """What was put to the rules; the state tells what became of it."""

    wallbox: str
    mode: Mode | None = None
    boost: bool | None = None
    minimum_charge_target_pct: float | None = None
    ready_by: Utc | None = None


class SocPage(Page):
    vehicle: str
    soc_pct: float


# ---------------------------------------------------------------------------------------------------------------------
# The past


class AnomalyPage(Page):
    """What the judgement of a visit found unusual, and where."""

    category: str
    begin: Utc
    end: Utc
    texts: dict[str, str]
    """What it is, by language"""
    advice: dict[str, str] = {}
    """Where it usually comes from, and what can be done; by language"""


class StretchPage(Page):
    """A stretch in which the car charged."""

    type: str
    """Why: BATTERY_RESERVE, REGULAR or IMMEDIATE_START"""
    start: Utc
    end: Utc | None
    """null: it is not over"""
    kwh: float


class CloudAnomalyPage(Page):
    category: str
    """The cloud's own word"""
    begin: Utc | None = None
    end: Utc | None = None


class CloudVerdictPage(Page):
    """What a cloud thinks of a visit that it was told of."""

    received: Utc
    status: str
    """pending, active or failed; a cloud may have words of its own"""
    is_anomaly: bool | None
    score: float | None
    """0 to 1"""
    confidence: float | None
    anomalies: list[CloudAnomalyPage]


class VisitPage(Page):
    """One stay of a car at a wallbox."""

    id: str
    number: int
    wallbox: str
    """Empty: the car charged away from home, by its own word"""
    vehicle: str | None
    plugged_in_at: Utc
    plugged_out_at: Utc | None
    managed: bool
    kwh: float
    solar_kwh: float
    battery_kwh: float
    grid_kwh: float
    state: SteeringState
    cost: float | None = None
    saved: float | None = None
    """Against charging at full power at once"""
    co2_g: float | None = None
    """What its energy from the grid stands for; sun and battery count as nothing; null: not known"""
    co2_saved_g: float | None = None
    """Against charging at full power at once"""
    findings: list[str] = []
    """What the judgement of the visit found unusual, for people"""
    anomalies: list[AnomalyPage] = []
    """The same, with where it lies"""
    blocks: list[StretchPage] = []
    """When it charged, and why"""
    obeyed: int = 0
    """Of the commands with a verdict, so many"""
    judged: int = 0
    cloud: CloudVerdictPage | None = None
    """What a cloud thinks of it, beside hemsd's own findings; null: none has said anything"""


class PlayedPage(Page):
    """What a visit would have been under some settings."""

    kwh: float
    cost: float | None = None
    """The sun at what it would have brought; null where a price is not known"""
    solar_kwh: float
    battery_kwh: float
    grid_kwh: float
    starts: int
    phase_switches: int
    commands: int


class WhatIfPage(Page):
    """A visit played twice; only the difference of the two tells anything."""

    hours: float
    """How much of the visit was played"""
    whole: bool
    """False: the rest of it would have taken too long"""
    now: PlayedPage
    """With the settings of now"""
    then: PlayedPage
    """With those asked for"""


class VisitsPage(Page):
    sessions: list[VisitPage]
    next_after: str | None = None
    """Pass it as `after` to read on"""


class DecisionsPage(Page):
    decisions: list[DecisionPage] = []


class CommandsPage(Page):
    commands: list[CommandPage] = []


class ReadingPage(Page):
    """What the wallbox said at one moment of a visit."""

    time: Utc
    power_w: float | None = None
    offered_a: float | None = None
    currents_a: tuple[float | None, float | None, float | None] = (None, None, None)
    energy_wh: float | None = None
    soc_pct: float | None = None


class ReadingsPage(Page):
    readings: list[ReadingPage] = []


class HistoryPoint(Page):
    """Mean powers of one step, and how they divide up; None where nothing was recorded."""

    time: Utc
    grid_w: float | None = None
    pv_w: float | None = None
    battery_w: float | None = None
    house_w: float | None = None
    cars_w: dict[str, float] = {}
    soc_pct: float | None = None
    pv_house_w: float | None = None
    pv_car_w: float | None = None
    pv_battery_w: float | None = None
    pv_grid_w: float | None = None
    battery_house_w: float | None = None
    battery_car_w: float | None = None
    grid_house_w: float | None = None
    grid_car_w: float | None = None
    grid_battery_w: float | None = None


class HistoryPage(Page):
    from_at: Utc
    to_at: Utc
    step_s: int
    points: list[HistoryPoint]


class IdentitiesPage(Page):
    """The uuids that the public dialects use; made once, kept in the store."""

    org_id: str
    user_id: str
    location_id: str
    wallboxes: dict[str, str]
    vehicles: dict[str, str]
    policies: dict[str, str]


# ---------------------------------------------------------------------------------------------------------------------
# The installer's corner


class FaultPage(Page):
    """What `hemsd check` finds in the file."""

    line: int
    path: str
    wrong: Spoken
    remedy: Spoken


class StrangerPage(Page):
    """A wallbox that was not let in."""

    identity: str
    remote: str
    why: Spoken
    time: Utc
    block: str
    """What config.yaml would need for it"""


class LogPage(Page):
    time: Utc
    level: str
    logger: str
    text: str


class InstallerPage(Page):
    config: str
    """The settings in force, as YAML, secrets hidden"""
    file: str | None
    faults: list[FaultPage]
    """Of the file as it is now; none: it is fine"""
    strangers: list[StrangerPage]
    log: list[LogPage]
    """Of the last hour, oldest first"""


class MePage(Page):
    """Who asks."""

    guest: bool
    """True: who may look, and change nothing"""
    password: bool = False
    """Whether the page has one, so that it can be left"""


class HealthPage(Page):
    status: str
    tick_age_s: float | None = None


class Problem(Page):
    """The body of every error."""

    detail: str
    said: Spoken | None = Field(default=None, exclude_if=lambda said: said is None)
    """The same, for those who say it in another language"""
