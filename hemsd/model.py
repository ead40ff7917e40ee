"""Every value that travels between the parts of hemsd, and the conventions they share, said once.

Signs. ``grid_w`` is positive on import, ``battery_w`` positive while the battery discharges; ``pv_w`` and every
load are never negative. So the house uses ``grid_w + pv_w + battery_w - cars_w``.

Units stand at the end of a name: ``_w`` watts, ``_wh`` watt-hours, ``_a`` amperes per phase, ``_v`` volts from
phase to neutral, ``_s`` seconds, ``_pct`` percent. A field in ``_at`` is an aware UTC datetime, for rows and
people; a field in ``_s`` that names a moment is monotonic time, for durations (a Pi has no clock battery, so wall
time jumps).

``None`` means "not known" and is never read as zero.

The words: a driver gives *readings*, *samples* and *events*; they are frozen into a *snapshot* each tick; the rules
turn it into a *decision* for each wallbox; a decision may give a *command*, whose *outcome* is the verdict on what
the wallbox really did. A *visit* is one stay of a car at a wallbox, from plug-in to plug-out. A *wish* is what a
person or a cloud asked for; the rules decide what becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

PerPhase = tuple[float | None, float | None, float | None]
UNKNOWN_PHASES: PerPhase = (None, None, None)

MIN_PILOT_A = 6.0  # IEC 61851-1 annex A: 10 % duty cycle, the lowest current that a pilot can offer
ACTIVE_PHASE_A = 1.0  # a phase counts as carrying a charge from here on


class Role(StrEnum):
    """What a meter measures for the site."""

    GRID = "grid"
    PV = "pv"
    BATTERY = "battery"


class Mode(StrEnum):
    """How a wallbox charges."""

    OFF = "off"
    SOLAR = "solar"
    MIN_SOLAR = "min+solar"
    FAST = "fast"


class SteeringState(StrEnum):
    """Where the steering of one wallbox stands (the partner dialect shows these words as ``hems_state``)."""

    IDLE = "IDLE"
    COMMITMENT = "COMMITMENT"  # started; the minimum run time is not over
    MODULATING = "MODULATING"
    COOLDOWN = "COOLDOWN"  # paused; the minimum pause is not over
    FINISHED = "FINISHED"  # the car takes no more


class DecisionKind(StrEnum):
    START = "start"
    STEP = "step"
    HOLD = "hold"  # judged, and nothing needs sending
    STOP = "stop"
    SKIP = "skip"  # may not judge: an input is missing or stale


class DispatchStatus(StrEnum):
    """What was known when a command had been sent."""

    APPLIED = "applied"  # the wallbox answered Accepted
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    NOT_CAPABLE = "not_capable"  # nothing was sent: it is known to be pointless


class Outcome(StrEnum):
    """The verdict on a command."""

    APPLIED = "applied"
    ACCEPTED_INEFFECTIVE = "accepted_ineffective"
    PHASE_SWITCH_INEFFECTIVE = "phase_switch_ineffective"
    UNVERIFIED = "unverified"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    NOT_CAPABLE = "not_capable"


class DimmedBy(StrEnum):
    """Who said what the grid operator leaves to the cars."""

    CONFIG = "config"  # site.dimmed_w
    SCHEDULE = "schedule"  # site.dimmed_schedule
    API = "api"
    MQTT = "mqtt"


class ToldBy(StrEnum):
    """Who told a car's state of charge."""

    WALLBOX = "wallbox"
    CAR = "car"  # itself, by whatever reads it out
    PERSON = "person"


class ConnectorStatus(StrEnum):
    """OCPP 1.6 section 7.7, ChargePointStatus."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


PLUGGED = frozenset(
    {
        ConnectorStatus.PREPARING,
        ConnectorStatus.CHARGING,
        ConnectorStatus.SUSPENDED_EVSE,
        ConnectorStatus.SUSPENDED_EV,
        ConnectorStatus.FINISHING,
    }
)


# ---------------------------------------------------------------------------------------------------------------------
# What drivers give


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One answer of a meter, inverter or battery. What the device did not say, or what is doubtful, is None."""

    power_w: float | None = None
    currents_a: PerPhase = UNKNOWN_PHASES
    voltages_v: PerPhase = UNKNOWN_PHASES
    energy_import_wh: float | None = None
    energy_export_wh: float | None = None
    soc_pct: float | None = None
    doubts: tuple[str, ...] = ()  # why values are withheld, for people


@dataclass(frozen=True, slots=True)
class Sample:
    """What a wallbox said of itself in one MeterValues entry, normalised to SI units and to phases L1 to L3."""

    received_s: float
    received_at: datetime
    box_time: datetime | None = None  # as the wallbox wrote it; only for order and for finding backlog
    context: str = "Sample.Periodic"
    transaction_id: int | None = None
    offered_a: float | None = None
    offered_w: float | None = None
    currents_a: PerPhase = UNKNOWN_PHASES
    voltages_v: PerPhase = UNKNOWN_PHASES
    power_w: float | None = None
    energy_wh: float | None = None
    soc_pct: float | None = None
    backlog: bool = False  # replayed history: never the present

    @property
    def max_current_a(self) -> float | None:
        """The largest known phase current; limits are judged by it, never by the mean."""
        known = [a for a in self.currents_a if a is not None]
        return max(known) if known else None

    @property
    def active_phases(self) -> int | None:
        """How many phases carry a charge; None when the wallbox does not tell them apart."""
        if any(a is None for a in self.currents_a):
            return None
        return sum(1 for a in self.currents_a if a is not None and a >= ACTIVE_PHASE_A)


@dataclass(frozen=True, slots=True)
class LinkUp:
    wallbox: str
    remote: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    wallbox: str
    why: str


@dataclass(frozen=True, slots=True)
class Booted:
    """BootNotification: who the wallbox says that it is."""

    wallbox: str
    vendor: str
    model: str
    firmware: str
    serial: str
    restarted: bool = True  # False: it was asked who it is after an outage, and went on charging meanwhile


@dataclass(frozen=True, slots=True)
class StatusChanged:
    wallbox: str
    connector_id: int
    status: ConnectorStatus
    error_code: str = "NoError"
    info: str = ""


@dataclass(frozen=True, slots=True)
class TransactionStarted:
    wallbox: str
    transaction_id: int
    connector_id: int
    id_tag: str
    started_at: datetime
    meter_start_wh: float | None
    adopted: bool = False  # found running (hemsd was away), not started under our eyes


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    wallbox: str
    transaction_id: int
    ended_at: datetime
    meter_stop_wh: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Sampled:
    wallbox: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class StrangerRefused:
    """Someone whom config.yaml does not name tried to connect."""

    identity: str
    remote: str
    why: str


WallboxEvent = (
    LinkUp | LinkDown | Booted | StatusChanged | TransactionStarted | TransactionEnded | Sampled | StrangerRefused
)


# ---------------------------------------------------------------------------------------------------------------------
# What one tick sees


@dataclass(frozen=True, slots=True)
class Metered:
    """A meter's newest reading, as old as ``age_s`` says."""

    reading: MeterReading
    age_s: float  # since it arrived
    delay_s: float = 0.0  # how old it was when it arrived, as far as that was learned

    @property
    def power_w(self) -> float | None:
        return self.reading.power_w


@dataclass(frozen=True, slots=True)
class WallboxImage:
    """What is known of a wallbox at the moment of a tick."""

    name: str
    connected: bool = False
    link_age_s: float = 0.0  # how long the link has been up, or down
    status: ConnectorStatus | None = None
    error_code: str = "NoError"
    transaction_id: int | None = None
    sample: Sample | None = None
    sample_age_s: float | None = None
    sample_interval_s: float = 10.0  # what the wallbox really keeps
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    limit_a: float | None = None  # what the newest command that the wallbox accepted asks for; None: none yet
    limit_phases: int | None = None
    limit_age_s: float | None = None
    last_outcome: Outcome | None = None  # the newest command's verdict
    last_final: bool = True  # whether that verdict is final; False: the proof is still awaited
    soc_pct: float | None = None  # the car's, whoever told it
    soc_told_by: ToldBy | None = None
    soc_age_s: float | None = None  # since it was told
    controllable: bool = True  # False: proven that it can't be steered
    zero_pauses: bool = False  # proven that 0 A pauses it, and ends nothing

    @property
    def plugged(self) -> bool:
        return self.status in PLUGGED or (self.status is None and self.transaction_id is not None)

    @property
    def power_w(self) -> float | None:
        return self.sample.power_w if self.sample else None


@dataclass(frozen=True, slots=True)
class Because:
    """Why something is wished: the rule's short name, and a sentence."""

    rule: str
    text: str
    power_w: float | None = None  # at what power; None: as much as may flow


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for; None leaves a thing as it is. The rules decide what becomes of it."""

    wallbox: str
    mode: Mode | None = None
    boost: bool | None = None
    boost_target_pct: float | None = None
    because: Because | None = None  # of a boost that no person asked for just now
    target_pct: float | None = None
    ready_by_at: datetime | None = None
    clear_target: bool = False


@dataclass(frozen=True, slots=True)
class Dimmed:
    """What the grid operator leaves to all cars together (EnWG §14a), and who said so."""

    power_w: float
    by: DimmedBy
    until_at: datetime | None = None  # None: until it is taken back


@dataclass(frozen=True, slots=True)
class BatteryOrder:
    """What the home battery was told that it may give, and whether it keeps to that."""

    may_give_w: float | None  # None: what it likes
    outcome: Outcome = Outcome.UNVERIFIED  # of the newest order that could be judged


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole present, frozen once a tick; nothing in it changes while the rules run."""

    at: datetime
    now_s: float
    grid: Metered | None = None
    pv: Metered | None = None
    battery: Metered | None = None
    wallboxes: tuple[WallboxImage, ...] = ()
    grid_orders: tuple[Dimmed, ...] = ()  # what was ordered from outside and has not ended
    battery_order: BatteryOrder | None = None  # None: the home battery can't be told anything


# ---------------------------------------------------------------------------------------------------------------------
# What the rules and the shell give


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules decided for one wallbox at one tick, and why."""

    wallbox: str
    at: datetime
    kind: DecisionKind
    state: SteeringState
    rule: str  # the short, stable name of the rule that fired; a change of it is a decision point
    reason: str  # one sentence for the homeowner, with numbers
    limit_a: float | None = None  # what the wallbox shall offer from now on; 0 pauses; None: not ours to say
    phases: int | None = None
    target_w: float | None = None
    at_once: bool = False  # a cut by the fuse: no politeness delays it
    inputs: Mapping[str, float | str | bool | None] = field(default_factory=dict)
    dispatched: bool = False
    command_id: int | None = None
    ticks: int = 1  # how many ticks this row stands for


@dataclass(frozen=True, slots=True)
class Attempt:
    """One frame that carried a command: how it was said and what came back."""

    at: datetime
    way: str  # for people and for the ladder: "TxDefaultProfile Absolute stack 0 A"
    status: DispatchStatus
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What a wallbox driver answers after it tried to carry out a command."""

    status: DispatchStatus
    attempts: tuple[Attempt, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on."""

    rule: str
    text: str
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """One intent ("9 A on 1 phase") and what became of it. Frames that carry it are attempts, not commands."""

    id: int
    wallbox: str
    at: datetime
    sent_s: float
    amps: float
    phases: int | None
    watts: float
    visit_id: str | None = None
    before_a: float | None = None  # the limit that was in force before
    at_once: bool = False  # nothing gentle on the way to it, and it waits for no other command
    dispatch_status: DispatchStatus = DispatchStatus.APPLIED
    outcome: Outcome = Outcome.UNVERIFIED
    final: bool = False  # the verdict will not change any more
    observed_current_offered_a: float | None = None
    observed_power_w: float | None = None
    effect_s: float | None = None  # seconds from the command to its proof
    attempts: tuple[Attempt, ...] = ()
    evidence: Evidence | None = None


ELSEWHERE = ""
"""The wallbox of a charge away from home."""


@dataclass(frozen=True, slots=True)
class ChargeReport:
    """What a car says of itself, wherever it is."""

    charging: bool
    power_w: float | None = None
    energy_wh: float | None = None  # a counter; it may begin anew with each charge
    soc_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay of a car at a wallbox. Energy is split by where it came from."""

    id: str  # uuid
    number: int  # small, rising: the partner dialect's session id
    wallbox: str  # ELSEWHERE: at none of the house
    plugged_in_at: datetime
    plugged_out_at: datetime | None = None
    vehicle: str | None = None
    managed: bool = True
    policy: str | None = None  # by its name; None: nobody's schedule counts
    aborted: bool = False  # hemsd lost it: it ended while nobody steered
    transaction_id: int | None = None
    meter_start_wh: float | None = None
    meter_last_wh: float | None = None
    energy_wh: float = 0.0
    solar_wh: float = 0.0
    battery_wh: float = 0.0
    grid_wh: float = 0.0
    final_state: SteeringState = SteeringState.IDLE

    @property
    def at_home(self) -> bool:
        return self.wallbox != ELSEWHERE


@dataclass(frozen=True, slots=True)
class CloudVerdict:
    """What a cloud thinks of a visit. ``anomalies`` is its own JSON list: its categories are open."""

    received_at: datetime
    status: str
    is_anomaly: bool | None = None
    anomaly_score: float | None = None
    anomaly_confidence: float | None = None
    is_incident: bool | None = None
    is_recurring: bool | None = None
    anomalies: str = "[]"
    analyzed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a wallbox measured in one minute of a visit: the newest sample of that minute."""

    at: datetime  # when it was received; for backlog, when the wallbox says that it was
    transaction_id: int | None = None
    offered_a: float | None = None
    offered_w: float | None = None
    currents_a: PerPhase = UNKNOWN_PHASES
    voltages_v: PerPhase = UNKNOWN_PHASES
    power_w: float | None = None
    energy_wh: float | None = None
    soc_pct: float | None = None
    backlog: bool = False


@dataclass(frozen=True, slots=True)
class Identities:
    """The uuids that the public dialects use, made once."""

    org_id: str
    user_id: str
    location_id: str
    wallboxes: Mapping[str, str] = field(default_factory=dict)
    vehicles: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SiteMinute:
    """The mean of one minute, for the charts and the quarter-hours."""

    at: datetime
    grid_w: float | None
    pv_w: float | None
    battery_w: float | None
    soc_pct: float | None
    house_w: float | None
    cars_w: Mapping[str, float] = field(default_factory=dict)


QUARTER = timedelta(minutes=15)


def quarter_start(at: datetime) -> datetime:
    """The beginning of the UTC quarter-hour that holds a moment."""
    utc = at.astimezone(UTC)
    return utc.replace(minute=utc.minute - utc.minute % 15, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class QuarterHour:
    """Energy that reached a car in one UTC quarter-hour of a visit, by source."""

    visit_id: str
    start_at: datetime
    energy_wh: float
    solar_wh: float
    battery_wh: float
    grid_wh: float


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know; raised once, cleared once."""

    key: str
    since_at: datetime
    text: str
    remedy: str = ""


# ---------------------------------------------------------------------------------------------------------------------
# Settings that the rules read; config.yaml holds them under the same names


@dataclass(frozen=True, slots=True)
class DimmedSpan:
    """A part of the day in which the grid operator leaves less to the cars."""

    begin: time
    """Local time at which it begins, such as "17:00\""""
    end: time
    """Local time at which it ends; earlier than begin: on the next day"""
    dimmed_w: Annotated[float, Ge(0)]
    """What it leaves to all cars together"""
    days: Literal["every day", "weekdays", "weekend"] = "every day"
    """On which days it begins"""


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """The house connection."""

    name: str = "Home"
    """What the home is called on the page"""
    timezone: str = "Europe/Berlin"
    """Where schedules and days are counted: a name of the tz database"""
    voltage_v: Annotated[float, Ge(100), Le(260)] = 230.0
    """From phase to neutral, where no meter tells it"""
    main_fuse_a: Annotated[float, Ge(6), Le(400)] = 35.0
    """The main fuse per phase; no wish outranks it"""
    phases: Literal[1, 3] = 3
    """How many phases the house connection has"""
    house_reserve_a: Annotated[float, Ge(0)] | None = None
    """Left to the house while no meter tells; None: half the fuse"""
    peak_limit_w: Annotated[float, Gt(0)] | None = None
    """Mean import of a quarter-hour that the cars must not exceed"""
    dimmed_w: Annotated[float, Gt(0)] | None = None
    """What the grid operator leaves to the cars (EnWG §14a: 4,200 W)"""
    dimmed_schedule: tuple[DimmedSpan, ...] = ()
    """Hours in which it leaves less; the API and MQTT can say it too, and the least counts"""
    export_limit_w: Annotated[float, Ge(0)] | None = None
    """Where the inverter throttles: more sun may be behind it"""
    battery_max_w: Annotated[float, Gt(0)] | None = None
    """Charging power of the home battery; None: learned"""


@dataclass(frozen=True, slots=True)
class SteeringSettings:
    """How surplus becomes a charge. Budgets are energies: a little too much takes minutes, a lot takes seconds."""

    tick_s: Annotated[float, Ge(1), Le(60)] = 5.0
    """How often hemsd judges"""
    start_budget_wh: Annotated[float, Ge(0)] = 10.0
    """Surplus that must have been given away, above the minimum power, before a start"""
    stop_budget_wh: Annotated[float, Ge(0)] = 30.0
    """What may be bought, below the minimum power, before a pause"""
    min_run_s: Annotated[float, Ge(60)] = 180.0
    """A charge that was started runs at least so long"""
    min_pause_s: Annotated[float, Ge(60)] = 180.0
    """A pause lasts at least so long"""
    failsafe_a: Annotated[float, Ge(0), Le(80)] = 6.0
    """What a wallbox offers by itself when it hears nothing from hemsd"""
    failsafe_after_s: Annotated[float, Ge(30)] = 900.0
    """For how long it must have heard nothing"""
    stale_skip_s: Annotated[float, Gt(0)] = 30.0
    """A grid reading older than this is not judged by"""
    stale_step_s: Annotated[float, Gt(0)] = 60.0
    """Older than this, a charge for surplus goes down to the minimum"""
    stale_stop_s: Annotated[float, Gt(0)] = 180.0
    """Older than this, it pauses"""
    battery_stale_s: Annotated[float, Gt(0)] = 120.0
    """A home battery may be told this seldom before its reading counts as stale"""
    battery_first_below_pct: Annotated[float, Ge(0), Le(100)] = 50.0
    """Below this the home battery is served before the cars"""
    battery_to_car_w: Annotated[float, Ge(0)] = 0.0
    """What the home battery may give to cars that follow the sun, and to all where it can be told; 0: nothing"""
    battery_floor_pct: Annotated[float, Ge(0), Le(100)] = 20.0
    """At it the home battery feeds no car, in any mode; 100: never"""
    import_weight: Annotated[float, Ge(0.1), Le(100)] = 3.0
    """A kWh bought costs as much as this many from the sun"""
    step_budget_wh: Annotated[float, Ge(0)] = 0.1
    """Worth lost at the present current before it changes"""
    step_every_s: Annotated[float, Ge(5)] = 5.0
    """IEC 61851-1: a car has 5 s to follow a new duty cycle"""
    starts_per_hour: Annotated[int, Ge(1), Le(6)] = 4
    """No more starts of a charge than this in an hour"""
    starts_per_day: Annotated[int, Ge(1), Le(40)] = 20
    """No more starts of a charge than this in a day"""
    phase_up_budget_wh: Annotated[float, Ge(0)] = 75.0
    """Worth lost on one phase before it becomes three"""
    phase_down_budget_wh: Annotated[float, Ge(0)] = 25.0
    """Worth lost on three phases before they become one"""
    phase_hold_s: Annotated[float, Ge(120)] = 120.0
    """Three phases must have been better than one for so long"""
    phase_dwell_s: Annotated[float, Ge(600)] = 900.0
    """Between two changes of phases"""
    phase_settle_s: Annotated[float, Ge(60)] = 120.0
    """Pause around a change where the wallbox has none of its own"""
    phase_switches_per_visit: Annotated[int, Ge(0), Le(20)] = 12
    """No more changes of phases than this in a visit"""
    phase_switches_per_day: Annotated[int, Ge(0), Le(20)] = 12
    """No more changes of phases than this in a day"""
    rotate_after_s: Annotated[float, Ge(600)] = 3600.0
    """Then a waiting car of the same priority gets its turn"""


@dataclass(frozen=True, slots=True)
class WallboxSettings:
    """What the rules may do with one wallbox, vehicle included: the tightest limits already combined."""

    name: str
    phases: str = "auto"  # "1", "3" or "auto"
    min_a: float = MIN_PILOT_A
    max_a: float = 16.0
    vehicle_max_a: float | None = None
    vehicle_min_a: float | None = None  # some cars need more than 6 A to charge at all
    vehicle_phases: int | None = None  # how many phases the car can use; None: learned
    rotation: tuple[int, int, int] = (1, 2, 3)  # the house phase behind the wallbox's L1, L2 and L3
    own_phase_pause: bool = True  # False: the wallbox changes phases under load unless hemsd pauses it first
    never_pause: bool = False  # for cars that do not wake up again: the minimum current instead of a pause
    mode: Mode = Mode.SOLAR
    steer: bool = True
    priority: int = 1


@dataclass(frozen=True, slots=True)
class VerificationSettings:
    """What counts as proof that a wallbox obeyed."""

    evidence: tuple[Literal["offered", "import"], ...] = ("offered", "import")
    """What proves that a current took effect; offered alone is the strict reading: only Current.Offered proves"""
