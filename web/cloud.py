"""Who outside the house is told, what waits for them, and what they refused: to be looked at, and to be sent again."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from hemsd.said import said
from web.models import Page, Problem, Utc
from web.routes import Refused, Route, answer
from web.spoken import Spoken


class LanePage(Page):
    """Somebody who is told."""

    lane: str
    address: str
    waiting: int
    """What is owed at present"""
    oldest: Utc | None
    """Since when the oldest of it waits"""
    dead: int
    """What was refused for good"""
    failing_since: Utc | None
    answered: Utc | None
    """When something was last taken"""
    answer: Spoken
    """The newest answer, or why there was none"""
    given_up: Utc | None


class LetterPage(Page):
    """What was put aside, with the answer that it got."""

    id: int
    lane: str
    kind: str
    visit_id: str | None
    """The visit that it tells of; null for anything else"""
    time: Utc
    status: int | None
    answer: Spoken


class LanesPage(Page):
    lanes: list[LanePage]
    letters: list[LetterPage]


class RetriedPage(Page):
    """So many are sent again."""

    count: int


class CloudDesk(Protocol):
    """What the daemon knows of it."""

    async def page(self) -> LanesPage: ...

    async def retry(self, letter_id: int | None) -> int:
        """Puts one letter back, or all of them; gives how many."""
        ...


class CloudApi:
    """The handlers, and the table that names them."""

    def __init__(self, desk: CloudDesk) -> None:
        self.desk = desk

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/api/cloud", self.get, "Who outside the house is told, and what waits", {200: LanesPage}),
            Route("POST", "/api/cloud/retry", self.post_retry, "Send all again that was refused", {200: RetriedPage}),
            Route(
                "POST",
                "/api/cloud/letters/{id}/retry",
                self.post_retry_one,
                "Send one of them again",
                {200: RetriedPage, 404: Problem},
                params={"id": {"type": "integer"}},
            ),
        )

    async def get(self, _request: web.Request) -> web.Response:
        return answer(await self.desk.page())

    async def post_retry(self, _request: web.Request) -> web.Response:
        return answer(RetriedPage(count=await self.desk.retry(None)))

    async def post_retry_one(self, request: web.Request) -> web.Response:
        asked = request.match_info["id"]
        count = await self.desk.retry(int(asked)) if asked.isdecimal() and len(asked) < 19 else 0
        if not count:
            raise Refused(
                404,
                said(
                    "refused.letter", "there is no letter {number}; it may have been sent again already", number=asked
                ),
            )
        return answer(RetriedPage(count=count))
