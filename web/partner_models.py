"""What the partner dialect says: snake_case, words in lower case, nullable keys always there, times with ``Z``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hemsd.model import DecisionKind, Outcome
from web.examples import examples
from web.flex_models import Utc, Uuid

Percent = Annotated[float, Field(ge=0, le=100)]
AtLeastZero = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]

SESSION_OUTCOMES = Literal[
    "not_at_home",
    "not_authenticated",
    "smart_optimization_disabled",
    "no_battery_capacity",
    "already_at_target",
    "ev_not_found",
    "hems_only_mode",
    "immediate_start",
    "oem_not_capable",
    "insufficient_price_coverage",
    "user_unplugged_early",
    "commands_failed",
    "oem_reported_full",
    "boosted",
    "in_progress",
    "optimized",
    "other",
    "unknown",
]


class Partner(BaseModel):
    """The base of everything in this dialect."""

    model_config = ConfigDict(extra="forbid")


class HemsSession(Partner):
    """One run of the steering: a car's stay at a wallbox that hemsd steers, from plug-in to plug-out."""

    id: int
    ocpp_transaction_id: int | None
    started_at: Utc
    ended_at: Utc | None
    final_hems_state: Annotated[str, Field(min_length=1)]
    """IDLE, COMMITMENT, MODULATING, COOLDOWN or FINISHED; while it runs, the present one"""
    outcome: Literal["charged_from_solar", "no_surplus", "steering_ineffective", "aborted"] | None
    """None while it runs, and where none of the four fits"""
    energy_from_solar_kwh: AtLeastZero | None
    savings_eur: float | None
    """None unless every quarter-hour of the stay has its prices"""
    has_complete_price_coverage: bool | None
    commands_sent: Count
    commands_applied: Count
    commands_ineffective: Count


class HemsDecision(Partner):
    """A point at which was decided, or at which nothing could be: then it is a skip."""

    time: Utc
    hems_state: Annotated[str, Field(min_length=1)]
    decision: DecisionKind
    reason: str
    export_w: float | None
    """Positive while the home feeds into the grid"""
    target_w: float | None
    phases: Annotated[int, Field(ge=1, le=3)] | None
    dispatched: bool
    steering_command_id: int | None


class HemsCommand(Partner):
    """One intent, and the verdict on it. Until there is evidence it is unverified."""

    id: int
    time: Utc
    commanded_watts: AtLeastZero
    commanded_amps: AtLeastZero
    commanded_phases: Annotated[int, Field(ge=1, le=3)] | None
    dispatch_status: Annotated[str, Field(min_length=1)]
    """applied, rejected, unreachable, timeout or not_capable: what was known when it had been sent"""
    outcome: Outcome
    observed_current_offered_a: AtLeastZero | None
    observed_power_w: float | None


class HemsSessionDetail(Partner):
    model_config = ConfigDict(json_schema_extra={"examples": examples("hems_session")})

    session: HemsSession
    decisions: list[HemsDecision]
    commands: list[HemsCommand]


class CurrentHemsSession(Partner):
    session: HemsSessionDetail | None


class HemsSessionList(Partner):
    """Newest first."""

    total: Count
    items: list[HemsSession]


class EvSession(Partner):
    """A car's stay at its wallbox."""

    id: Uuid
    plug_in_time: Utc
    unplug_time: Utc | None
    inferred_session_end: Utc | None
    """Always null: a stay ends when the wallbox says that the car is gone, and nothing is inferred"""
    desired_charging_start_time: Utc | None
    desired_charging_end_time: Utc | None
    charge_deadline: Utc | None
    target_soc_pct: Percent | None
    initial_soc_pct: Percent | None
    final_soc_pct: Percent | None
    """Null until it has ended"""
    energy_charged_kwh: AtLeastZero | None
    avg_charge_power_kw: AtLeastZero | None
    """While it charged, pauses left out"""
    peak_charge_power_kw: AtLeastZero | None
    actual_cost_eur: float | None
    expected_savings_eur: float | None
    actual_savings_eur: float | None
    is_at_home: bool
    session_outcome: SESSION_OUTCOMES
    is_hidden: bool = False
    hidden_reason: Literal["short_duration"] | None = None
    target_reachable: bool | None = None
    reachable_soc_pct: Annotated[int, Field(ge=0, le=100)] | None = None


class CurrentEvSession(Partner):
    model_config = ConfigDict(json_schema_extra={"examples": [{"session": None}, *examples("ev_session")]})

    session: EvSession | None


class EvSessionList(Partner):
    """Sessions that have ended, newest first."""

    total: Count
    items: list[EvSession]
