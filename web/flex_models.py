"""What the flex dialect says and takes: camelCase, words in upper case, energies in kWh, times in UTC with ``Z``."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    RootModel,
    model_validator,
)
from pydantic.alias_generators import to_camel

from web.examples import examples
from web.moments import Moment


def utc_text(moment: datetime) -> str:
    """With milliseconds only where there are any, so that what was read can be asked for again."""
    moment = moment.astimezone(UTC)
    precision = "milliseconds" if moment.microsecond // 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


Utc = Annotated[AwareDatetime, PlainSerializer(utc_text, return_type=str, when_used="json")]
Percent = Annotated[float, Field(ge=0, le=100)]
WholePercent = Annotated[int, Field(ge=0, le=100)]
Kwh = Annotated[float, Field(ge=0)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


Number = Annotated[float, Field(ge=0, le=100), PlainSerializer(_number, when_used="json")]
"""A percentage: 20 and not 20.0."""


def _is_none(value: object) -> bool:
    return value is None


class Flex(BaseModel):
    """The base of everything in this dialect."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class FlexAsked(Flex):
    """The base of what is taken: unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")


# ---------------------------------------------------------------------------------------------------------------------
# Sessions


class FlexState(StrEnum):
    UPCOMING = "UPCOMING"
    BATTERY_RESERVE = "ACTIVE:BATTERY_RESERVE"
    REGULAR = "ACTIVE:REGULAR"
    IMMEDIATE_START = "ACTIVE:IMMEDIATE_START"
    SETTLED = "SETTLED"


class FlexBlock(Flex):
    """A stretch of charging. What has begun is metered; what is to come is an estimate and may still move."""

    type: Literal["BATTERY_RESERVE", "REGULAR", "IMMEDIATE_START"]
    kwh_sum: Kwh
    start_at: Utc
    end_at: Utc


class FlexAggregated(Flex):
    kwh_sum: Kwh
    battery_from: WholePercent
    """The level at plug-in"""
    battery_to: WholePercent
    """The newest level, told or estimated"""


class FlexPoint(Flex):
    """A quarter-hour; the first and the last of a session may be shorter."""

    start_at: Utc
    kwh: Kwh


class FlexStatistics(Flex):
    aggregated: FlexAggregated | None
    timeseries: list[FlexPoint]


class FlexRegularTarget(Flex):
    """A level by a time."""

    id: Annotated[int, Field(ge=1)]
    type: Literal["REGULAR"] = "REGULAR"
    source: Literal["POLICY", "USER_OVERRIDE"]
    battery_reserve: Number
    minimum_charge_target: Number
    ready_by: Utc


class FlexImmediateTarget(Flex):
    """A level as soon as possible."""

    id: Annotated[int, Field(ge=1)]
    type: Literal["IMMEDIATE_START"] = "IMMEDIATE_START"
    minimum_charge_target: Number


class FlexTarget(Flex):
    latest: Annotated[FlexRegularTarget | FlexImmediateTarget, Field(discriminator="type")] | None


class FlexRegularOutcome(Flex):
    """Whether the level will be there in time. The two projections are told only where it will not."""

    type: Literal["REGULAR"] = "REGULAR"
    target_id: Annotated[int, Field(ge=1)]
    state: Literal["ON_TARGET", "OFF_TARGET"]
    battery_level_at_ready_by: WholePercent | None
    minimum_charge_target_reached_at: Utc | None


class FlexImmediateOutcome(Flex):
    type: Literal["IMMEDIATE_START"] = "IMMEDIATE_START"
    target_id: Annotated[int, Field(ge=1)]
    minimum_charge_target_reached_at: Utc | None


class FlexOutcome(Flex):
    latest: Annotated[FlexRegularOutcome | FlexImmediateOutcome, Field(discriminator="type")] | None


class FlexErrorType(Flex):
    type: Literal["START_FAIL", "STOP_FAIL"]
    """START_FAIL: a start that nothing came of; STOP_FAIL: an end that the car did not heed"""


class FlexError(Flex):
    latest: FlexErrorType | None


class FlexSession(Flex):
    """A stay of a car at a wallbox: to come, present, or settled for good. ``id`` is shown once it is settled."""

    model_config = ConfigDict(json_schema_extra={"examples": examples("flex_session")})

    id: Annotated[Uuid | None, Field(exclude_if=_is_none)] = None
    policy_id: Uuid | None
    """None: nobody's policy counted, so it was only recorded"""
    state: FlexState
    plugged_in_at: Utc | None
    plugged_out_at: Utc | None
    blocks: list[FlexBlock]
    statistics: FlexStatistics
    target: FlexTarget
    outcome: FlexOutcome
    error: FlexError


class FlexPagination(Flex):
    after: str | None
    """Leads to older sessions"""
    before: str | None
    """Leads back to newer ones"""


class FlexSessionList(Flex):
    """Settled sessions, newest first."""

    data: list[FlexSession]
    pagination: FlexPagination


class FlexEvent(Flex):
    """What a webhook is sent: the session as a GET at that moment would answer it."""

    event: Literal["flex:session:updated"] = "flex:session:updated"
    user_id: Uuid
    created_at: Utc
    session: FlexSession


# ---------------------------------------------------------------------------------------------------------------------
# Policies


class FlexDay(Flex):
    """What a weekday asks for."""

    deadline: TimeOfDay
    """Local time"""
    minimum_charge_target: Number


class FlexWeek(Flex):
    monday: FlexDay | None = None
    tuesday: FlexDay | None = None
    wednesday: FlexDay | None = None
    thursday: FlexDay | None = None
    friday: FlexDay | None = None
    saturday: FlexDay | None = None
    sunday: FlexDay | None = None

    def days(self) -> list[FlexDay | None]:
        """Monday first."""
        return [
            self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday,
        ]  # fmt: skip


class FlexPolicy(Flex):
    """What the household wants for one car."""

    id: Uuid
    vehicle_id: Uuid
    location_id: Uuid
    battery_reserve: Number
    schedule: FlexWeek


class FlexPolicyList(Flex):
    data: list[FlexPolicy]


class FlexPolicyBody(FlexAsked):
    """A new policy."""

    vehicle_id: Uuid
    battery_reserve: Percent = 20.0
    schedule: FlexWeek = FlexWeek()


def _given(name: str) -> dict[str, JsonValue]:
    """A JSON Schema: this one is there, and is not null."""
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class FlexPolicyChange(FlexAsked):
    """What is left out stays as it is; a schedule is replaced as a whole. One of the two must be given."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_given("batteryReserve"), _given("schedule")]})

    battery_reserve: Percent | None = None
    schedule: FlexWeek | None = None

    @model_validator(mode="after")
    def _something(self) -> FlexPolicyChange:
        if self.battery_reserve is None and self.schedule is None:
            raise ValueError("give batteryReserve, schedule or both")
        return self


class FlexRegularTargetBody(FlexAsked):
    """A level by a time."""

    type: Literal["REGULAR"]
    minimum_charge_target: Percent
    ready_by: Moment


class FlexImmediateTargetBody(FlexAsked):
    """A level as soon as possible."""

    type: Literal["IMMEDIATE_START"]
    minimum_charge_target: Percent


class FlexTargetBody(
    RootModel[Annotated[FlexRegularTargetBody | FlexImmediateTargetBody, Field(discriminator="type")]]
):
    """One of the two; ``type`` says which."""
