"""The analysis dialect: sessions are posted, judged and explained; stations, models and statistics follow from them.

A bearer token selects the tenant. Each program sees the sessions that it posted itself, and the home's own finished
visits, which hemsd judged at plug-out; nothing of another program's. Handlers only read what is asked and hand it to
the ``AnalysisDesk``; None means that there is no such thing for this tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from web.analysis_models import (
    MOST_VALUES,
    AnswerPage,
    AskBody,
    BatchBody,
    BatchPage,
    BatchStatusPage,
    ConnectorsPage,
    CreateBody,
    DetailedPage,
    ExplainBody,
    ExplanationPage,
    FineTuneBody,
    InferencePage,
    JobPage,
    JobStatusPage,
    ModelList,
    ModelPage,
    PatchBody,
    PutBody,
    ResultPage,
    SessionList,
    StationAnomalies,
    StationList,
    StationPage,
    StatisticsPage,
)
from web.asking import query_bool, query_int, query_moment
from web.problems import DetailPage, Finding, Malformed
from web.routes import Handler, Query, Refused, Route, Scope, answer

DEFAULT_PAGE, LARGEST_PAGE, LAST_PAGE = 20, 100, 10**9
LARGEST_BODY = 16 * 2**20  # a hundred thousand values, each with all that may be said of it, are below
MOST_BATCH_VALUES = 5 * MOST_VALUES
SESSION, STATION, MODEL = "/v1/sessions/{session_id}", "/v1/stations/{charging_station_id}", "/v1/models/{model_id}"
LARGE = (CreateBody, PutBody, PatchBody, BatchBody)  # hold meter values
TenantOf = Callable[[str], str]
"""The tenant behind a bearer token that was let in already"""

Asked = TypeVar("Asked", bound=BaseModel)
Found = TypeVar("Found", bound=BaseModel)

PAGING = (
    Query("page", "counted from 1", {"type": "integer", "minimum": 1, "maximum": LAST_PAGE, "default": 1}),
    Query("page_size", "how many at most", {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": 20}),
)
NUMBER: Mapping[str, str | int] = {"type": "number", "minimum": 0, "maximum": 1}
MOMENT: Mapping[str, str | int] = {"type": "string", "format": "date-time"}
FILTERS = (
    Query("charging_station_id", "of this station"),
    Query("evse_id", "of this EVSE"),
    Query("is_anomaly", "only odd ones, or only others", {"type": "boolean"}),
    Query("min_score", "with at least this score", NUMBER),
    Query("min_confidence", "with at least this confidence", NUMBER),
    Query("date_from", "made at this time or later", MOMENT),
    Query("date_to", "made before this time", MOMENT),
)
LANGUAGE = Query("lang", "en or de; otherwise Accept-Language decides, and then the question's own language")


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions; what is None does not matter. [date_from, date_to)"""

    station: str | None = None
    evse_id: str | None = None
    is_anomaly: bool | None = None
    min_score: float | None = None
    min_confidence: float | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Paging:
    page: int = 1
    size: int = DEFAULT_PAGE

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.size


class Sessions(Protocol):
    """Sessions may go by the client's ids or by the internal ones."""

    async def create(self, tenant: str, asked: CreateBody) -> ResultPage: ...

    async def replace(self, tenant: str, session: str, asked: PutBody) -> ResultPage | None: ...

    async def append(self, tenant: str, session: str, asked: PatchBody) -> ResultPage | None: ...

    async def session(self, tenant: str, session: str) -> DetailedPage | None: ...

    async def sessions(self, tenant: str, wanted: SessionFilter, paging: Paging) -> SessionList: ...

    async def explain(self, tenant: str, session: str, language: str) -> ExplanationPage | None: ...

    async def ask(self, tenant: str, session: str, question: str, language: str) -> AnswerPage | None: ...


class Batches(Protocol):
    async def batch(self, tenant: str, asked: BatchBody) -> BatchPage: ...

    async def batch_status(self, tenant: str, batch: str) -> BatchStatusPage | None: ...


class Stations(Protocol):
    """Stations may go by their names or by the internal ids."""

    async def stations(self, tenant: str, paging: Paging) -> StationList: ...

    async def station(self, tenant: str, station: str) -> StationPage | None: ...

    async def connectors(self, tenant: str, station: str) -> ConnectorsPage | None: ...

    async def inference(self, tenant: str, station: str) -> InferencePage | None: ...

    async def anomalies(self, tenant: str, station: str, paging: Paging) -> StationAnomalies | None: ...

    async def statistics(self, tenant: str) -> StatisticsPage: ...


class Models(Protocol):
    async def models(self, tenant: str) -> ModelList: ...

    async def model(self, tenant: str, model: str) -> ModelPage | None: ...

    async def activate(self, tenant: str, model: str) -> ModelPage | None: ...

    async def rollback(self, tenant: str) -> ModelPage: ...

    async def fine_tune(self, tenant: str, asked: FineTuneBody) -> JobPage | None:
        """None: there is no such base model."""
        ...

    async def job(self, tenant: str, job: str) -> JobStatusPage | None: ...


class AnalysisDesk(Protocol):
    """What the dialect asks of the daemon."""

    @property
    def sessions(self) -> Sessions: ...

    @property
    def batches(self) -> Batches: ...

    @property
    def stations(self) -> Stations: ...

    @property
    def models(self) -> Models: ...


class AnalysisApi:
    """The handlers, and the table that names them."""

    def __init__(self, desk: AnalysisDesk, tenant_of: TenantOf) -> None:
        self.desk, self.tenant_of = desk, tenant_of

    def routes(self) -> tuple[Route, ...]:
        batch, job = "/v1/sessions/batch/{batch_id}", "/v1/models/fine-tune/{job_id}"
        return (
            _route("POST", "/v1/sessions", self.post_session, "Make a session, or add to it", ResultPage, CreateBody),
            _route("GET", "/v1/sessions", self.get_sessions, "Sessions, newest first", SessionList, query=FILTERS),
            _route("POST", "/v1/sessions/batch", self.post_batch, "Many at once, judged later", BatchPage, BatchBody),
            _route("GET", batch, self.get_batch, "How far a batch is", BatchStatusPage),
            _route("GET", SESSION, self.get_session, "A session with its values", DetailedPage),
            _route("PUT", SESSION, self.put_session, "Other values instead of all", ResultPage, PutBody),
            _route("PATCH", SESSION, self.patch_session, "Further values", ResultPage, PatchBody),
            _route("POST", f"{SESSION}/explain", self.post_explain, "Its verdict, told", ExplanationPage, ExplainBody),
            _route("POST", f"{SESSION}/ask", self.post_ask, "A question about it", AnswerPage, AskBody),
            _route("GET", "/v1/stations", self.get_stations, "Stations", StationList, query=PAGING),
            _route("GET", STATION, self.get_station, "A station", StationPage),
            _route("GET", f"{STATION}/connectors", self.get_connectors, "Its connectors' anomalies", ConnectorsPage),
            _route("GET", f"{STATION}/inference", self.get_inference, "Its newest daily verdict", InferencePage),
            _route(
                "GET", f"{STATION}/anomalies", self.get_anomalies, "Its odd days, newest first", StationAnomalies,
                query=PAGING,
            ),
            _route("GET", "/v1/models", self.get_models, "The base model and your own", ModelList),
            _route("POST", "/v1/models/fine-tune", self.post_fine_tune, "Train on sessions", JobPage, FineTuneBody),
            _route("GET", job, self.get_job, "How far a training is", JobStatusPage),
            _route("GET", MODEL, self.get_model, "A model", ModelPage),
            _route("POST", "/v1/models/rollback", self.post_rollback, "Judge by the model before", ModelPage),
            _route("POST", f"{MODEL}/activate", self.post_activate, "Judge by this model from now on", ModelPage),
            _route("GET", "/v1/statistics", self.get_statistics, "Totals", StatisticsPage),
        )  # fmt: skip

    # -- sessions -----------------------------------------------------------------------------------------------------

    async def post_session(self, request: web.Request) -> web.Response:
        return answer(await self.desk.sessions.create(self._tenant(request), await _body(request, CreateBody)))

    async def put_session(self, request: web.Request) -> web.Response:
        session, asked = request.match_info["session_id"], await _body(request, PutBody)
        return answer(_known(await self.desk.sessions.replace(self._tenant(request), session, asked), "session"))

    async def patch_session(self, request: web.Request) -> web.Response:
        session, asked = request.match_info["session_id"], await _body(request, PatchBody)
        return answer(_known(await self.desk.sessions.append(self._tenant(request), session, asked), "session"))

    async def get_session(self, request: web.Request) -> web.Response:
        found = await self.desk.sessions.session(self._tenant(request), request.match_info["session_id"])
        return answer(_known(found, "session"))

    async def get_sessions(self, request: web.Request) -> web.Response:
        wanted = SessionFilter(
            station=request.query.get("charging_station_id"),
            evse_id=request.query.get("evse_id"),
            is_anomaly=query_bool(request, "is_anomaly") if "is_anomaly" in request.query else None,
            min_score=_share(request, "min_score"),
            min_confidence=_share(request, "min_confidence"),
            from_at=query_moment(request, "date_from"),
            to_at=query_moment(request, "date_to"),
        )
        return answer(await self.desk.sessions.sessions(self._tenant(request), wanted, _paging(request)))

    async def post_explain(self, request: web.Request) -> web.Response:
        await _body(request, ExplainBody)
        session = request.match_info["session_id"]
        found = await self.desk.sessions.explain(self._tenant(request), session, _language(request))
        return answer(_known(found, "session"))

    async def post_ask(self, request: web.Request) -> web.Response:
        asked, session = await _body(request, AskBody), request.match_info["session_id"]
        found = await self.desk.sessions.ask(self._tenant(request), session, asked.question, _language(request))
        return answer(_known(found, "session"))

    async def post_batch(self, request: web.Request) -> web.Response:
        return answer(await self.desk.batches.batch(self._tenant(request), await _body(request, BatchBody)))

    async def get_batch(self, request: web.Request) -> web.Response:
        found = await self.desk.batches.batch_status(self._tenant(request), request.match_info["batch_id"])
        return answer(_known(found, "batch"))

    # -- stations -----------------------------------------------------------------------------------------------------

    async def get_stations(self, request: web.Request) -> web.Response:
        return answer(await self.desk.stations.stations(self._tenant(request), _paging(request)))

    async def get_station(self, request: web.Request) -> web.Response:
        return answer(_known(await self.desk.stations.station(self._tenant(request), _station(request)), "station"))

    async def get_connectors(self, request: web.Request) -> web.Response:
        return answer(_known(await self.desk.stations.connectors(self._tenant(request), _station(request)), "station"))

    async def get_inference(self, request: web.Request) -> web.Response:
        found = await self.desk.stations.inference(self._tenant(request), _station(request))
        return answer(_known(found, "verdict on such a station"))

    async def get_anomalies(self, request: web.Request) -> web.Response:
        paging = _paging(request)
        found = await self.desk.stations.anomalies(self._tenant(request), _station(request), paging)
        return answer(_known(found, "station"))

    # -- models -------------------------------------------------------------------------------------------------------

    async def get_models(self, request: web.Request) -> web.Response:
        return answer(await self.desk.models.models(self._tenant(request)))

    async def get_model(self, request: web.Request) -> web.Response:
        return answer(
            _known(await self.desk.models.model(self._tenant(request), request.match_info["model_id"]), "model")
        )

    async def post_activate(self, request: web.Request) -> web.Response:
        model = request.match_info["model_id"]
        return answer(_known(await self.desk.models.activate(self._tenant(request), model), "model"))

    async def post_rollback(self, request: web.Request) -> web.Response:
        return answer(await self.desk.models.rollback(self._tenant(request)))

    async def post_fine_tune(self, request: web.Request) -> web.Response:
        asked = await _body(request, FineTuneBody)
        return answer(_known(await self.desk.models.fine_tune(self._tenant(request), asked), "base model"))

    async def get_job(self, request: web.Request) -> web.Response:
        return answer(_known(await self.desk.models.job(self._tenant(request), request.match_info["job_id"]), "job"))

    async def get_statistics(self, request: web.Request) -> web.Response:
        return answer(await self.desk.stations.statistics(self._tenant(request)))

    def _tenant(self, request: web.Request) -> str:
        return self.tenant_of(request.headers.get("Authorization", "").partition(" ")[2].strip())


def _route(
    method: str,
    path: str,
    handler: Handler,
    about: str,
    page: type[BaseModel],
    body: type[BaseModel] | None = None,
    query: tuple[Query, ...] = (),
) -> Route:
    answers: dict[int, type[BaseModel] | None] = {200: page, 401: DetailPage}
    if "{" in path or body is FineTuneBody:
        answers[404] = DetailPage
    if body is not None or query:
        answers[422] = DetailPage
    if query is FILTERS:
        query = (*FILTERS, *PAGING)
    elif path.endswith(("/explain", "/ask")):
        query = (LANGUAGE,)
    return Route(
        method,
        path,
        handler,
        about,
        answers,
        body=body,
        query=query,
        scope=Scope.ANALYSIS,
        largest_body=LARGEST_BODY if body in LARGE else None,
    )


async def _body(request: web.Request, shape: type[Asked]) -> Asked:
    """From bytes, whatever the header says of their encoding: JSON is UTF-8 (RFC 8259 section 8.1).

    How many values there are is counted before any is looked at, so that too many of them hold nobody up.
    """
    data = await request.read()
    most = MOST_BATCH_VALUES if shape is BatchBody else MOST_VALUES
    if data.count(b'"timestamp"') > most:
        raise Malformed(Finding(("meter_values",), f"must hold at most {most} values", "too_long"))
    try:
        return shape.model_validate_json(data or b"{}")
    except ValidationError as error:
        raise Malformed.of(error) from error


def _known(found: Found | None, what: str) -> Found:
    if found is None:
        raise Refused(404, f"there is no such {what}")
    return found


def _station(request: web.Request) -> str:
    return request.match_info["charging_station_id"]


def _paging(request: web.Request) -> Paging:
    return Paging(
        query_int(request, "page", 1, least=1, most=LAST_PAGE),
        query_int(request, "page_size", DEFAULT_PAGE, least=1, most=LARGEST_PAGE),
    )


def _share(request: web.Request, name: str) -> float | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise Malformed(Finding(("query", name), f"must be a number from 0 to 1, not {text!r}", "float_parsing"))
    return number


def _language(request: web.Request) -> str:
    """What was asked for: de, en for anything else, and nothing when nobody said."""
    asked: str = (request.query.get("lang") or request.headers.get("Accept-Language") or "").strip().lower()
    return "" if asked in ("", "*") else "de" if asked.startswith("de") else "en"
