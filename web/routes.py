"""One table for each dialect: every route is written once, with what it takes, what it answers and who may ask.

The application, the scope check and the OpenAPI document are all made from these rows, so none of them can forget one.
A handler raises ``Refused``; the middleware turns it, and aiohttp's own errors, into ``{"detail": ...}``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Asked = TypeVar("Asked", bound=BaseModel)


class Scope(StrEnum):
    """Who may ask: a token names its scopes; the page's cookie counts as LOCAL; OPEN is for everybody."""

    OPEN = "open"
    LOCAL = "local"
    FLEX = "flex"
    ANALYSIS = "analysis"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter after the question mark, for the documentation; the handler reads it."""

    name: str
    about: str
    schema: Mapping[str, str | int] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One call of an HTTP interface."""

    method: str
    path: str
    handler: Handler
    about: str
    answers: Mapping[int, type[BaseModel] | None]
    """By status; None for a body that is not JSON, or none"""
    body: type[BaseModel] | None = None
    query: tuple[Query, ...] = ()
    scope: Scope = Scope.LOCAL
    for_guests: bool = False
    """Whether those may ask who have no password, where web.guests lets them look"""
    produces: str = "application/json"
    open_to_this_machine: bool = False
    """Whoever asks over loopback needs no token, unless a proxy asks for somebody else"""


ROUTE = web.AppKey("routes", dict[tuple[str, str], Route])


class Refused(Exception):
    """The call can't be answered as asked. The text is for people."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


COMPRESSED_FROM_BYTES = 8192  # a day's decisions shrink to a tenth


def answer(page: BaseModel, status: int = 200) -> web.Response:
    text = page.model_dump_json()
    response = web.Response(text=text, status=status, content_type="application/json")
    if len(text) >= COMPRESSED_FROM_BYTES:
        response.enable_compression()
    return response


async def body_of(request: web.Request, shape: type[Asked]) -> Asked:
    """The body as ``shape``; what is wrong with it is told in one sentence."""
    text = await request.text()
    try:
        return shape.model_validate_json(text or "{}")
    except ValidationError as error:
        raise Refused(422, in_words(error)) from error


def in_words(error: ValidationError) -> str:
    """pydantic's findings as one line: where, and what would be right."""
    return "; ".join(_finding(".".join(str(step) for step in one["loc"]), one["msg"]) for one in error.errors())


def _finding(place: str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return f"{place}: {text}" if place else text
