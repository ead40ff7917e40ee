"""The flex dialect: policies, the session that each of them waits for or steers, and the sessions that are settled.

Nothing is kept here: the daemon answers each question from the visits that it has recorded (``FlexHouse``). A word in
a path wins over a policy's id, so ``/flex/vehicle-policies/sessions`` is the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aiohttp import web
from pydantic import BaseModel

from web.asking import path_uuid, query_int, query_moment, query_uuid
from web.flex_models import (
    FlexPolicy,
    FlexPolicyBody,
    FlexPolicyChange,
    FlexPolicyList,
    FlexSession,
    FlexSessionList,
    FlexTargetBody,
)
from web.problems import Finding, Malformed, ProblemPage, body_for
from web.routes import Handler, Query, Refused, Route, Scope, Shape, answer

DEFAULT_PAGE, LARGEST_PAGE = 50, 100
NO_SUCH_POLICY = "There is no such policy."
NO_SUCH_SESSION = "There is no such settled session under this policy."

MOMENT: Shape = {"type": "string", "format": "date-time"}
UUID_SHAPE: Shape = {"type": "string", "format": "uuid"}
PARAMS = dict.fromkeys(("policyId", "sessionId"), UUID_SHAPE)
FILTERS = (
    Query("from", "plugged in at this time or later", MOMENT),
    Query("to", "plugged out at this time or earlier", MOMENT),
    Query("policyId", "only sessions of this policy", UUID_SHAPE),
    Query("locationId", "only sessions at this place", UUID_SHAPE),
    Query("vehicleId", "only sessions of this car", UUID_SHAPE),
    Query("after", "the cursor to older sessions; not together with before"),
    Query("before", "the cursor back to newer sessions"),
    Query(
        "pageSize",
        "how many at most",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": DEFAULT_PAGE},
    ),
)


class UnknownCursor(Exception):
    """A cursor that was not issued here."""


@dataclass(frozen=True, slots=True)
class SessionsWanted:
    """Which settled sessions; what is None does not matter."""

    from_at: datetime | None = None
    to_at: datetime | None = None
    policy_id: str | None = None
    location_id: str | None = None
    vehicle_id: str | None = None


class FlexHouse(Protocol):
    """What the dialect asks of the daemon. Ids are uuids in their usual form."""

    def policies(self) -> list[FlexPolicy]: ...

    def policy(self, policy_id: str) -> FlexPolicy | None: ...

    def add_policy(self, asked: FlexPolicyBody) -> FlexPolicy | None:
        """None: there is no such vehicle."""
        ...

    def change_policy(self, policy_id: str, asked: FlexPolicyChange) -> FlexPolicy | None: ...

    def remove_policy(self, policy_id: str) -> bool: ...

    async def current(self, policy_id: str) -> FlexSession | None:
        """The session that a policy waits for or steers."""
        ...

    async def settled(self, policy_id: str, session_id: str) -> FlexSession | None: ...

    async def sessions(
        self, wanted: SessionsWanted, limit: int, after: str | None, before: str | None
    ) -> FlexSessionList:
        """Raises UnknownCursor."""
        ...

    def policy_of_session(self, session_id: str) -> str | None:
        """Whose session that is not settled yet it is."""
        ...

    def aim(self, policy_id: str, asked: FlexTargetBody) -> None:
        """Another target for the policy's session."""
        ...


class FlexApi:
    """The handlers, and the table that names them."""

    def __init__(self, house: FlexHouse) -> None:
        self.house = house

    def routes(self) -> tuple[Route, ...]:
        policies = "/flex/vehicle-policies"
        one = f"{policies}/{{policyId}}"
        return (
            _route("GET", f"{policies}/sessions", self.get_sessions, "Settled sessions", FlexSessionList, FILTERS),
            _route("GET", policies, self.get_policies, "What the household wants for each car", FlexPolicyList),
            _route("POST", policies, self.post_policy, "A new policy", FlexPolicy, body=FlexPolicyBody, status=201),
            _route("GET", one, self.get_policy, "One policy", FlexPolicy),
            _route("PATCH", one, self.patch_policy, "Changes a policy", FlexPolicy, body=FlexPolicyChange),
            _route("DELETE", one, self.delete_policy, "Ends a policy", None, status=204),
            _route("GET", f"{one}/session", self.get_current, "The present session, or the next one", FlexSession),
            _route(
                "PUT",
                f"{one}/session/target",
                self.put_policy_target,
                "Another target for the present session, or the next one",
                FlexSession,
                body=FlexTargetBody,
            ),
            _route("GET", f"{one}/sessions/{{sessionId}}", self.get_settled, "One settled session", FlexSession),
            _route(
                "PUT",
                "/flex/sessions/{sessionId}/target",
                self.put_session_target,
                "Another target for a session that is not settled",
                FlexSession,
                body=FlexTargetBody,
            ),
        )

    # --- sessions

    async def get_current(self, request: web.Request) -> web.Response:
        session = await self.house.current(path_uuid(request, "policyId"))
        if session is None:
            raise Refused(404, NO_SUCH_POLICY)
        return answer(session)

    async def get_settled(self, request: web.Request) -> web.Response:
        policy_id, session_id = path_uuid(request, "policyId"), path_uuid(request, "sessionId")
        session = await self.house.settled(policy_id, session_id)
        if session is None:
            raise Refused(404, NO_SUCH_SESSION)
        return answer(session)

    async def get_sessions(self, request: web.Request) -> web.Response:
        after, before = request.query.get("after"), request.query.get("before")
        if after is not None and before is not None:
            message = "can't be given together with after"
            raise Malformed(Finding(("query", "before"), message, "value_error"))
        wanted = SessionsWanted(
            from_at=query_moment(request, "from"),
            to_at=query_moment(request, "to"),
            policy_id=query_uuid(request, "policyId"),
            location_id=query_uuid(request, "locationId"),
            vehicle_id=query_uuid(request, "vehicleId"),
        )
        limit = query_int(request, "pageSize", DEFAULT_PAGE, least=1, most=LARGEST_PAGE)
        try:
            return answer(await self.house.sessions(wanted, limit, after, before))
        except UnknownCursor:
            name = "after" if after is not None else "before"
            raise Malformed(Finding(("query", name), "was not issued here", "value_error")) from None

    # --- targets

    async def put_policy_target(self, request: web.Request) -> web.Response:
        return await self._aim(path_uuid(request, "policyId"), await body_for(request, FlexTargetBody))

    async def put_session_target(self, request: web.Request) -> web.Response:
        policy_id = self.house.policy_of_session(path_uuid(request, "sessionId"))
        if policy_id is None:
            raise Refused(404, "There is no such session that is not settled.")
        return await self._aim(policy_id, await body_for(request, FlexTargetBody))

    async def _aim(self, policy_id: str, asked: FlexTargetBody) -> web.Response:
        if self.house.policy(policy_id) is None:
            raise Refused(404, NO_SUCH_POLICY)
        self.house.aim(policy_id, asked)
        session = await self.house.current(policy_id)
        assert session is not None
        return answer(session)

    # --- policies

    async def get_policies(self, _request: web.Request) -> web.Response:
        return answer(FlexPolicyList(data=self.house.policies()))

    async def get_policy(self, request: web.Request) -> web.Response:
        return _policy(self.house.policy(path_uuid(request, "policyId")))

    async def post_policy(self, request: web.Request) -> web.Response:
        made = self.house.add_policy(await body_for(request, FlexPolicyBody))
        if made is None:
            raise Refused(404, "There is no such vehicle.")
        return answer(made, 201)

    async def patch_policy(self, request: web.Request) -> web.Response:
        policy_id = path_uuid(request, "policyId")
        return _policy(self.house.change_policy(policy_id, await body_for(request, FlexPolicyChange)))

    async def delete_policy(self, request: web.Request) -> web.Response:
        if not self.house.remove_policy(path_uuid(request, "policyId")):
            raise Refused(404, NO_SUCH_POLICY)
        return web.Response(status=204)


def _policy(page: FlexPolicy | None) -> web.Response:
    if page is None:
        raise Refused(404, NO_SUCH_POLICY)
    return answer(page)


def _route(
    method: str,
    path: str,
    handler: Handler,
    about: str,
    page: type[BaseModel] | None,
    query: tuple[Query, ...] = (),
    *,
    body: type[BaseModel] | None = None,
    status: int = 200,
) -> Route:
    answers: Mapping[int, type[BaseModel] | None] = {
        status: page,
        **dict.fromkeys((400, 401, 403, 404) if "{" in path or body is not None else (400, 401, 403), ProblemPage),
    }
    return Route(method, path, handler, about, answers, body=body, query=query, params=PARAMS, scope=Scope.FLEX)
