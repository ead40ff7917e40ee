"""The page's own API, which scripts may use too: the present and wishes. ``web.past`` has the rest of it.

Nothing here calls a driver. A write becomes a ``Wish`` for the next tick and is answered with what was asked, not with
what came of it: that is in the state, with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web
from pydantic import BaseModel

from hemsd.model import Wish
from hemsd.said import said
from web.events import EventStreams
from web.house import House
from web.models import HealthPage, Problem
from web.plan_models import PlanPage
from web.routes import Refused, Route, Scope, answer, body_of
from web.state_models import SitePage, StatePage
from web.wish_models import BoostBody, DimmedBody, ModeBody, SocBody, SocPage, TargetBody, WishPage


class LocalApi:
    """The handlers, and the table that names them."""

    def __init__(self, house: House, streams: EventStreams) -> None:
        self.house, self.streams = house, streams

    def routes(self) -> tuple[Route, ...]:
        state: Mapping[int, type[BaseModel] | None] = {200: StatePage}
        wish: Mapping[int, type[BaseModel] | None] = {200: WishPage, 404: Problem, 422: Problem}
        box = "/api/wallboxes/{name}"
        return (
            Route("GET", "/api/state", self.get_state, "The whole present", state, for_guests=True),
            Route(
                "GET",
                "/api/events",
                self.streams.get,
                "The whole present, again whenever it changes",
                state,
                produces="text/event-stream",
                for_guests=True,
            ),
            Route(
                "GET", "/api/plan", self.get_plan, "Prices, and what is planned ahead", {200: PlanPage}, for_guests=True
            ),
            Route("PUT", f"{box}/mode", self.put_mode, "How the wallbox charges", wish, body=ModeBody),
            Route("PUT", f"{box}/boost", self.put_boost, "Start at once", wish, body=BoostBody),
            Route("DELETE", f"{box}/boost", self.delete_boost, "Take that back", wish),
            Route(
                "PUT",
                f"{box}/target",
                self.put_target,
                "Ready by, for this visit",
                {**wish, 409: Problem},
                body=TargetBody,
            ),
            Route("DELETE", f"{box}/target", self.delete_target, "Back to the schedule", wish),
            Route(
                "PUT",
                "/api/site/dimmed",
                self.put_dimmed,
                "What the grid operator leaves to the cars, until it ends by itself",
                {200: SitePage, 422: Problem},
                body=DimmedBody,
            ),
            Route("DELETE", "/api/site/dimmed", self.delete_dimmed, "Take that back", {200: SitePage}),
            Route(
                "PUT",
                "/api/vehicles/{name}/soc",
                self.put_soc,
                "What the driver reads off the dashboard",
                {200: SocPage, 404: Problem, 422: Problem},
                body=SocBody,
            ),
            Route(
                "GET",
                "/healthz",
                self.get_health,
                "Whether the control loop goes round",
                {200: HealthPage, 503: HealthPage},
                scope=Scope.OPEN,
            ),
        )

    async def get_state(self, request: web.Request) -> web.Response:
        return self.streams.present.exact().body.answer(request)

    async def get_plan(self, _request: web.Request) -> web.Response:
        return answer(self.house.plan())

    async def get_health(self, _request: web.Request) -> web.Response:
        if self.house.ticking():
            return answer(HealthPage(status="ok", tick_age_s=self.house.tick_age_s()))
        return answer(HealthPage(status="control loop stands still", tick_age_s=self.house.tick_age_s()), 503)

    async def put_mode(self, request: web.Request) -> web.Response:
        name, asked = self._wallbox(request), await body_of(request, ModeBody)
        return self._wish(Wish(name, mode=asked.mode))

    async def put_boost(self, request: web.Request) -> web.Response:
        name, asked = self._wallbox(request), await body_of(request, BoostBody)
        return self._wish(Wish(name, boost=True, boost_target_pct=asked.minimum_charge_target_pct))

    async def delete_boost(self, request: web.Request) -> web.Response:
        return self._wish(Wish(self._wallbox(request), boost=False))

    async def put_target(self, request: web.Request) -> web.Response:
        name, asked = self._wallbox(request), await body_of(request, TargetBody)
        if self.house.state().wallboxes[name].vehicle is None:
            raise Refused(
                409,
                said(
                    "refused.no_car",
                    "No car is configured for this wallbox, and a target needs to know how large it is.",
                ),
            )
        return self._wish(Wish(name, target_pct=asked.minimum_charge_target_pct, ready_by_at=asked.ready_by))

    async def delete_target(self, request: web.Request) -> web.Response:
        return self._wish(Wish(self._wallbox(request), clear_target=True))

    def _wish(self, wish: Wish) -> web.Response:
        self.house.wish(wish)
        return answer(
            WishPage(
                wallbox=wish.wallbox,
                mode=wish.mode,
                boost=wish.boost,
                minimum_charge_target_pct=wish.boost_target_pct or wish.target_pct,
                ready_by=wish.ready_by_at,
            )
        )

    async def put_soc(self, request: web.Request) -> web.Response:
        name, asked = _named(request, "vehicle", self.house.vehicles), await body_of(request, SocBody)
        self.house.told_soc(name, asked.soc_pct)
        return answer(SocPage(vehicle=name, soc_pct=asked.soc_pct))

    async def put_dimmed(self, request: web.Request) -> web.Response:
        asked = await body_of(request, DimmedBody)
        self.house.dim(asked.dimmed_w, asked.until)
        return answer(self.house.state().site)

    async def delete_dimmed(self, _request: web.Request) -> web.Response:
        self.house.undim()
        return answer(self.house.state().site)

    def _wallbox(self, request: web.Request) -> str:
        return _named(request, "wallbox", self.house.wallboxes)


def _named(request: web.Request, kind: str, known: Sequence[str]) -> str:
    name = request.match_info["name"]
    if name not in known:
        raise Refused(404, f"no {kind} {name!r}; there is {', '.join(known) or 'none'}")
    return name
