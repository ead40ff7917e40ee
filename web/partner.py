"""The partner dialect: what the steering of a visit did and what came of it, and the car's sessions.

Everything lies under an organisation, a user and a device, each a uuid of this home; a call that names another one
finds nothing. Clients poll: nothing is pushed. ``current`` in a path wins over an id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Protocol

from aiohttp import web
from pydantic import BaseModel

from web.asking import LARGEST_NUMBER, path_int, path_uuid, query_bool, query_day, query_int
from web.partner_models import (
    CurrentEvSession,
    CurrentHemsSession,
    EvSession,
    EvSessionList,
    HemsSession,
    HemsSessionDetail,
    HemsSessionList,
)
from web.problems import DetailPage, Finding, Malformed
from web.routes import Handler, Query, Refused, Route, Scope, Shape, answer

BASE = "/api/partners/v2.0"
USER = f"{BASE}/org/{{org_id}}/users/{{user_id}}"
WALLBOX = f"{USER}/wallboxes/{{wallbox_id}}/hems-sessions"
VEHICLE = f"{USER}/electric-vehicles/{{electric_vehicle_id}}/sessions"
DEFAULT_PAGE, LARGEST_PAGE = 50, 200

DAY: Shape = {"type": "string", "format": "date"}
UUID_SHAPE: Shape = {"type": "string", "format": "uuid"}
PARAMS: Mapping[str, Shape] = {
    **dict.fromkeys(("org_id", "user_id", "wallbox_id", "electric_vehicle_id"), UUID_SHAPE),
    "session_id": {"type": "integer", "minimum": 1, "maximum": LARGEST_NUMBER},
}
SPAN = (
    Query("from", "the first UTC day, required", DAY, required=True),
    Query("to", "the last UTC day, required; it is included", DAY, required=True),
    Query(
        "limit",
        "how many at most",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": DEFAULT_PAGE},
    ),
    Query(
        "offset",
        "how many to leave out before",
        {"type": "integer", "minimum": 0, "maximum": LARGEST_NUMBER, "default": 0},
    ),
)
HIDDEN = Query("include_hidden", "also a session that is too short to be shown", {"type": "boolean"})


@dataclass(frozen=True, slots=True)
class Span:
    """The days that are asked for, their last instant included, and which part of the list."""

    from_at: datetime
    to_at: datetime
    limit: int
    offset: int


class PartnerHouse(Protocol):
    """What the dialect asks of the daemon. Devices go by their names in config.yaml."""

    def lives_here(self, org_id: str, user_id: str) -> bool: ...

    def wallbox(self, wallbox_id: str) -> str | None: ...

    def vehicle(self, vehicle_id: str) -> str | None: ...

    async def hems_session(self, wallbox: str, number: int) -> HemsSessionDetail | None: ...

    async def current_hems_session(self, wallbox: str) -> HemsSessionDetail | None: ...

    async def hems_sessions(self, wallbox: str, span: Span) -> tuple[int, list[HemsSession]]:
        """(how many there are in all, those of the page)"""
        ...

    async def current_ev_session(self, vehicle: str) -> EvSession | None:
        """Hidden ones too."""
        ...

    async def ev_sessions(self, vehicle: str, span: Span) -> tuple[int, list[EvSession]]: ...


class PartnerApi:
    """The handlers, and the table that names them."""

    def __init__(self, house: PartnerHouse) -> None:
        self.house = house

    def routes(self) -> tuple[Route, ...]:
        return (
            _route(
                f"{WALLBOX}/current", self.get_current_hems, "The run of the steering at present", CurrentHemsSession
            ),
            _route(f"{WALLBOX}/{{session_id}}", self.get_hems, "One run of the steering", HemsSessionDetail),
            _route(WALLBOX, self.get_hems_list, "Runs of the steering", HemsSessionList, SPAN),
            _route(
                f"{VEHICLE}/current",
                self.get_current_ev,
                "The car's session at present; null when there is none",
                CurrentEvSession,
                (HIDDEN,),
            ),
            _route(VEHICLE, self.get_ev_list, "The car's sessions that have ended", EvSessionList, SPAN),
        )

    async def get_hems(self, request: web.Request) -> web.Response:
        number = path_int(request, "session_id")
        detail = await self.house.hems_session(self._wallbox(request), number)
        if detail is None:
            raise Refused(404, "HEMS session not found")
        return answer(detail)

    async def get_current_hems(self, request: web.Request) -> web.Response:
        return answer(CurrentHemsSession(session=await self.house.current_hems_session(self._wallbox(request))))

    async def get_hems_list(self, request: web.Request) -> web.Response:
        span = _span(request)
        total, items = await self.house.hems_sessions(self._wallbox(request), span)
        return answer(HemsSessionList(total=total, items=items))

    async def get_current_ev(self, request: web.Request) -> web.Response:
        hidden_too = query_bool(request, "include_hidden")
        session = await self.house.current_ev_session(self._vehicle(request))
        if session is not None and session.is_hidden and not hidden_too:
            session = None
        return answer(CurrentEvSession(session=session))

    async def get_ev_list(self, request: web.Request) -> web.Response:
        span = _span(request)
        total, items = await self.house.ev_sessions(self._vehicle(request), span)
        return answer(EvSessionList(total=total, items=items))

    def _wallbox(self, request: web.Request) -> str:
        self._at_home(request)
        found = self.house.wallbox(path_uuid(request, "wallbox_id"))
        if found is None:
            raise Refused(404, "Wallbox not found")
        return found

    def _vehicle(self, request: web.Request) -> str:
        self._at_home(request)
        found = self.house.vehicle(path_uuid(request, "electric_vehicle_id"))
        if found is None:
            raise Refused(404, "Electric vehicle not found")
        return found

    def _at_home(self, request: web.Request) -> None:
        if not self.house.lives_here(path_uuid(request, "org_id"), path_uuid(request, "user_id")):
            raise Refused(404, "User not found")


def _span(request: web.Request) -> Span:
    from_at, to_at = query_day(request, "from"), query_day(request, "to")
    if to_at < from_at:
        raise Malformed(Finding(("query", "to"), "must not be before from", "value_error"))
    return Span(
        from_at=from_at,
        to_at=datetime.combine(to_at, time.max, UTC),
        limit=query_int(request, "limit", DEFAULT_PAGE, least=1, most=LARGEST_PAGE),
        offset=query_int(request, "offset", 0, least=0),
    )


def _route(path: str, handler: Handler, about: str, page: type[BaseModel], query: tuple[Query, ...] = ()) -> Route:
    answers: Mapping[int, type[BaseModel] | None] = {200: page, **dict.fromkeys((401, 403, 404, 422), DetailPage)}
    return Route("GET", path, handler, about, answers, query=query, params=PARAMS, scope=Scope.PARTNER)
