"""Trying out a wallbox from the page, and checking the grid meter with it: ``hemsd adopt`` and ``hemsd commission``.

Both while the daemon runs. A tryout takes about eight minutes, charges with the wallbox's maximum and pauses once, so
it begins only with consent. One at a time; the others are steered meanwhile.
"""

from __future__ import annotations

from typing import Literal, Protocol

from aiohttp import web
from pydantic import BaseModel

from hemsd.model import DispatchStatus
from hemsd.said import said
from web.models import Asked, Page, Problem
from web.routes import Refused, Route, answer, body_of
from web.spoken import Spoken


class SheetLinePage(Page):
    """One thing that was found out."""

    about: Spoken
    found: Spoken


class AdoptionPage(Page):
    wallbox: str
    running: bool
    said: list[Spoken]
    """How far the newest tryout has come, in sentences"""
    sheet: list[SheetLinePage]
    """What is known of such a wallbox; empty: it was never tried out"""


class MeterCheckPage(Page):
    """Whether the grid meter sees what the wallbox does."""

    wallbox: str
    running: bool
    said: list[Spoken]
    """How far the newest check has come, and what it found, in sentences"""


class ConsentBody(Asked):
    consent: Literal[True]
    """Whoever asks has agreed to what it does"""


class ClearedPage(Page):
    """How a wallbox took the request to remove every charging profile, those of others too."""

    wallbox: str
    status: DispatchStatus
    text: Spoken


class NotNow(Exception):
    """It can't be done at the moment. The text is for people."""


class Adopting(Protocol):
    """The tryouts of the home."""

    def knows(self, wallbox: str) -> bool: ...

    def page(self, wallbox: str) -> AdoptionPage: ...

    def begin(self, wallbox: str) -> None:
        """Raises NotNow."""
        ...

    def check_page(self, wallbox: str) -> MeterCheckPage: ...

    def begin_check(self, wallbox: str) -> None:
        """Raises NotNow."""
        ...

    def give_up(self, wallbox: str) -> None: ...

    async def clear_profiles(self, wallbox: str) -> ClearedPage:
        """The limit in force is said again at once. Raises NotNow."""
        ...


class AdoptionApi:
    """The handlers, and the table that names them."""

    def __init__(self, adopting: Adopting) -> None:
        self.adopting = adopting

    def routes(self) -> tuple[Route, ...]:
        box = "/api/wallboxes/{name}"
        page: dict[int, type[BaseModel] | None] = {200: AdoptionPage, 404: Problem}
        begun: dict[int, type[BaseModel] | None] = {202: AdoptionPage, 404: Problem, 409: Problem, 422: Problem}
        check: dict[int, type[BaseModel] | None] = {200: MeterCheckPage, 404: Problem}
        checking: dict[int, type[BaseModel] | None] = {202: MeterCheckPage, 404: Problem, 409: Problem, 422: Problem}
        cleared: dict[int, type[BaseModel] | None] = {200: ClearedPage, 404: Problem, 409: Problem, 422: Problem}
        return (
            Route(
                "GET", f"{box}/adoption", self.get, "What was found out about a wallbox, and how far a tryout is", page
            ),
            Route(
                "POST", f"{box}/adoption", self.post, "Try out what it really does: 8 minutes", begun, body=ConsentBody
            ),
            Route("DELETE", f"{box}/adoption", self.delete, "Give the tryout up", page),
            Route("GET", f"{box}/meter-check", self.get_check, "Whether the grid meter sees what it does", check),
            Route("POST", f"{box}/meter-check", self.post_check, "Check that: 5 minutes", checking, body=ConsentBody),
            Route("DELETE", f"{box}/meter-check", self.delete_check, "Give the check up", check),
            Route(
                "POST",
                f"{box}/clear-profiles",
                self.post_clear,
                "Remove every charging profile, those of others too; the limit in force follows at once",
                cleared,
                body=ConsentBody,
            ),
        )

    async def get(self, request: web.Request) -> web.Response:
        return answer(self.adopting.page(self._wallbox(request)))

    async def post(self, request: web.Request) -> web.Response:
        name = self._wallbox(request)
        await body_of(request, ConsentBody)
        try:
            self.adopting.begin(name)
        except NotNow as why:
            raise Refused(409, str(why)) from why
        return answer(self.adopting.page(name), 202)

    async def delete(self, request: web.Request) -> web.Response:
        name = self._wallbox(request)
        self.adopting.give_up(name)
        return answer(self.adopting.page(name))

    async def get_check(self, request: web.Request) -> web.Response:
        return answer(self.adopting.check_page(self._wallbox(request)))

    async def post_check(self, request: web.Request) -> web.Response:
        name = self._wallbox(request)
        await body_of(request, ConsentBody)
        try:
            self.adopting.begin_check(name)
        except NotNow as why:
            raise Refused(409, str(why)) from why
        return answer(self.adopting.check_page(name), 202)

    async def delete_check(self, request: web.Request) -> web.Response:
        name = self._wallbox(request)
        self.adopting.give_up(name)
        return answer(self.adopting.check_page(name))

    async def post_clear(self, request: web.Request) -> web.Response:
        name = self._wallbox(request)
        await body_of(request, ConsentBody)
        try:
            return answer(await self.adopting.clear_profiles(name))
        except NotNow as why:
            raise Refused(409, str(why)) from why

    def _wallbox(self, request: web.Request) -> str:
        name = request.match_info["name"]
        if not self.adopting.knows(name):
            raise Refused(404, said("refused.wallbox", "no wallbox {name!r}", name=name))
        return name
