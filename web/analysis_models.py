"""What the analysis dialect says and takes, as JSON: snake_case, UTC, scores and confidences from 0 to 1.

Keys that the dialect calls nullable are always sent. A reader must tolerate categories that it does not know.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from web.models import Page, Utc


def _moment(at: datetime) -> datetime:
    """UTC; a time without a zone is taken as UTC, as the dialect writes nothing else."""
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must lie within the years 1 to 9999 in UTC") from error


def _no_flag(value: object) -> object:
    """True is 1 to Python; a meter that says so has said nothing."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _written(value: object) -> object:
    """In ISO 8601; a bare number could be seconds or milliseconds of anything."""
    if not isinstance(value, datetime | str) or (isinstance(value, str) and "-" not in value.strip()[1:]):
        raise ValueError("must be a time as ISO 8601 writes it")
    return value


Moment = Annotated[datetime, BeforeValidator(_written), AfterValidator(_moment)]
Share = Annotated[float, Field(ge=0, le=1)]
Id = Annotated[str, Field(min_length=1, max_length=255)]
Word = Annotated[str, Field(max_length=80)]
Metadata = dict[str, Any]
LONGEST_QUESTION = 2000
MOST_VALUES = 20_000


class Status(StrEnum):
    PENDING = "pending"  # too few values yet
    ACTIVE = "active"  # analysed
    FAILED = "failed"  # the analysis failed; the values are kept


class Progress(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


# ---------------------------------------------------------------------------------------------------------------------
# What is taken; unknown keys are ignored


class MeterValueBody(BaseModel):
    timestamp: Moment
    value: Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_no_flag)]
    measurand: Word | None = None
    """As in OCPP 1.6; left out: Energy.Active.Import.Register"""
    unit: Word | None = None
    """In upper or lower case; left out: Wh, W or A"""
    phase: Word | None = None
    location: Word | None = None
    metadata: Metadata | None = None


Values = Annotated[list[MeterValueBody], Field(max_length=MOST_VALUES)]


class CreateBody(BaseModel):
    session_id: Id
    charging_station_id: Id
    connector_id: Id | None = None
    evse_id: Id | None = None
    meter_values: Values | None = None
    metadata: Metadata | None = None


class PutBody(BaseModel):
    meter_values: Annotated[Values, Field(min_length=1)]
    metadata: Metadata | None = None


class PatchBody(BaseModel):
    meter_values: Values
    metadata: Metadata | None = None


class BatchSession(BaseModel):
    """The batch calls a station ``charging_point_id``; the usual name is taken too.

    Values are looked at one session after the other, so that a bad one fails alone.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("charging_point_id", "charging_station_id")
            ]
        }
    )

    session_id: Id
    charging_point_id: Id | None = None
    charging_station_id: Id | None = None
    connector_id: Id | None = None
    meter_values: list[Any]

    @model_validator(mode="after")
    def _at_a_station(self) -> Self:
        if self.charging_point_id is None and self.charging_station_id is None:
            raise ValueError("charging_point_id is required")
        return self

    @property
    def station(self) -> str:
        return self.charging_point_id or self.charging_station_id or ""


class BatchBody(BaseModel):
    sessions: Annotated[list[BatchSession], Field(max_length=1000)]


class ExplainBody(BaseModel):
    pass


class AskBody(BaseModel):
    question: Annotated[str, Field(min_length=1, max_length=LONGEST_QUESTION)]


class SessionFilterBody(BaseModel):
    station_id: Id | None = None
    date_from: date | None = None
    date_to: date | None = None


class DataSourceBody(BaseModel):
    type: Literal["sessions"]
    session_filter: SessionFilterBody | None = None


class TrainingBody(BaseModel):
    model_config = ConfigDict(extra="allow")

    epochs: Annotated[int, Field(ge=1, le=500)] | None = None
    learning_rate: Annotated[float, Field(gt=0, le=0.1, allow_inf_nan=False)] | None = None


class FineTuneBody(BaseModel):
    base_model_id: Id
    name: Id
    data_source: DataSourceBody
    training_config: TrainingBody | None = None


# ---------------------------------------------------------------------------------------------------------------------
# What is answered


class BucketRange(Page):
    """Positions of 15 minutes, counted from the first analysed reading; both ends belong to it."""

    start_unit: Annotated[int, Field(ge=0)]
    end_unit: Annotated[int, Field(ge=0)]


class TimeRange(Page):
    start_timestamp: Utc
    end_timestamp: Utc


class AnomalyPage(Page):
    category: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    score: Share
    confidence: Share
    bucket_range: BucketRange
    time_range: TimeRange | None = None


class ResultPage(Page):
    """The verdict on a session; all of it is null until there are three values."""

    session_id: str
    """The client's own id"""
    status: Status
    is_anomaly: bool | None = None
    anomaly_score: Share | None = None
    anomaly_confidence: Share | None = None
    is_incident: bool | None = None
    """The fault ended the visit early, or needs a person"""
    is_recurring: bool | None = None
    """The same category was found on this connector at least twice in the 30 days before"""
    anomalies: list[AnomalyPage] = Field(default_factory=list)
    analyzed_at: Utc | None = None


class MeterValuePage(Page):
    timestamp: Utc
    value: float
    measurand: str | None = None
    unit: str | None = None
    phase: str | None = None
    location: str | None = None


class DetailedPage(ResultPage):
    meter_values: list[MeterValuePage]
    created_at: Utc


class SessionItem(Page):
    session_id: str
    """The internal uuid"""
    external_session_id: str
    """The client's own id"""
    charging_station_id: str
    is_anomaly: bool | None
    anomaly_score: Share | None
    anomaly_count: int
    status: Status
    created_at: Utc
    last_analyzed_at: Utc | None


class Paged(Page):
    total: int
    page: int
    page_size: int


class SessionList(Paged):
    items: list[SessionItem]


class ExplanationPage(Page):
    session_id: str
    explanation: Annotated[str, Field(min_length=1)]


class AnswerPage(Page):
    session_id: str
    answer: Annotated[str, Field(min_length=1)]


class BatchPage(Page):
    batch_id: str
    total_sessions: int
    status: Progress


class BatchResult(Page):
    session_id: str
    status: Status
    is_anomaly: bool | None
    anomaly_score: Share | None
    sequence_length: int
    """15-minute positions that were analysed"""
    anomalies: list[AnomalyPage]
    anomaly_confidence: Share | None = None
    error_message: str | None = None


class BatchStatusPage(Page):
    batch_id: str
    status: Progress
    total_sessions: int
    processed_sessions: int
    failed_sessions: int
    results: list[BatchResult]
    created_at: Utc
    completed_at: Utc | None


class StationItem(Page):
    charging_station_id: str
    external_station_id: str
    total_sessions: int
    anomalous_sessions: int
    max_anomaly_score: Share | None
    last_anomaly_at: Utc | None


class StationList(Paged):
    items: list[StationItem]


class ConnectorItem(Page):
    connector_id: str
    total_sessions: int
    anomalous_sessions: int


class StationPage(Page):
    charging_station_id: str
    external_station_id: str
    connectors: list[ConnectorItem]
    total_sessions: int
    anomalous_sessions: int
    metadata: Metadata | None = None


class ConnectorDetail(ConnectorItem):
    anomaly_categories: dict[str, int]


class ConnectorsPage(Page):
    charging_station_id: str
    connectors: list[ConnectorDetail]


class InferencePage(Page):
    charging_station_id: str
    is_anomaly: bool
    anomaly_score: Share
    detection_details: dict[str, Any]
    analyzed_at: Utc


class StationAnomaly(Page):
    inference_id: str
    is_anomaly: bool
    anomaly_score: Share
    detection_details: dict[str, Any]
    analyzed_at: Utc


class StationAnomalies(Paged):
    items: list[StationAnomaly]


class ModelItem(Page):
    id: str
    name: str
    type: str = "csar_2"
    version: str
    is_base: bool
    base_model: str | None
    metrics: dict[str, float]
    status: str = "active"
    created_at: Utc


class ModelList(Page):
    models: list[ModelItem]


class ModelPage(ModelItem):
    s3_path: str | None = None
    description: str | None = None


class JobPage(Page):
    job_id: str
    status: JobStatus
    base_model_id: str
    created_at: Utc


class JobStatusPage(JobPage):
    result_model_id: str | None
    config: dict[str, Any] | None
    started_at: Utc | None
    completed_at: Utc | None
    error_message: str | None


class StatisticsPage(Page):
    total_sessions: int
    anomalous_sessions: int
    total_stations: int
    stations_with_anomalies: int
    anomaly_rate: Share
