"""One table for each dialect: every route is written once, with what it takes, what it answers and who may ask.

The application, the scope check and the OpenAPI document are all made from these rows, so none of them can forget one.
A handler raises ``Refused``; the middleware turns it, and aiohttp's own errors, into ``{"detail": ...}``.

A word in a path wins over a parameter: ``/sessions/current`` is never the session with the id "current", whatever the
method (``router_path``).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Shape = Mapping[str, str | int]
"""A small JSON Schema."""
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
    schema: Shape = field(default_factory=lambda: {"type": "string"})
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
    params: Mapping[str, Shape] = field(default_factory=dict)
    """What the parameters of the path look like; one that is not named is any text"""
    scope: Scope = Scope.LOCAL
    for_guests: bool = False
    """Whether those may ask who have no password, where web.guests lets them look"""
    produces: str = "application/json"
    open_to_this_machine: bool = False
    """Whoever asks over loopback needs no token, unless a proxy asks for somebody else"""
    largest_body: int | None = None
    """In bytes, where that is more than elsewhere"""


ROUTE = web.AppKey("routes", dict[tuple[str, str], Route])


def route_of(request: web.Request) -> Route | None:
    """Which call this is; None: a file, or nothing that there is."""
    resource = request.match_info.route.resource
    if resource is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    return request.app[ROUTE].get((method, resource.canonical))


def router_path(path: str, all_paths: Collection[str]) -> str:
    """The path as the router takes it: its parameters don't match the words that other routes have in their place."""
    steps = path.split("/")
    others = [other.split("/") for other in all_paths]
    alike = [other for other in others if len(other) == len(steps) and other != steps]
    return "/".join(_without(step, _words_instead(steps, place, alike)) for place, step in enumerate(steps))


def _words_instead(steps: list[str], place: int, alike: list[list[str]]) -> list[str]:
    """What stands in the place of a parameter where all else is the same."""
    if re.fullmatch(r"{\w+}", steps[place]) is None:
        return []
    same = [other[place] for other in alike if other[:place] + other[place + 1 :] == steps[:place] + steps[place + 1 :]]
    return sorted({word for word in same if "{" not in word})


def _without(step: str, words: list[str]) -> str:
    if not words:
        return step
    taken = "|".join(re.escape(word) for word in words)
    return f"{{{step[1:-1]}:(?!(?:{taken})$)[^{{}}/]+}}"


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
    try:
        return await parsed(request, shape)
    except ValidationError as error:
        raise Refused(422, in_words(error)) from error


async def parsed(request: web.Request, shape: type[Asked]) -> Asked:
    """Nothing counts as an empty object; what is no text at all is a ValidationError as well."""
    return shape.model_validate_json(await request.read() or b"{}", strict=True)


def in_words(error: ValidationError) -> str:
    """pydantic's findings as one line: where, and what would be right."""
    return "; ".join(_finding(".".join(str(step) for step in one["loc"]), one["msg"]) for one in error.errors())


def _finding(place: str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return f"{place}: {text}" if place else text
