"""How each dialect says no: the flex dialect with problem documents (RFC 7807), all others with ``{"detail": ...}``.

A handler raises ``Refused``, or ``Malformed`` for a value that does not parse; what the client reads depends only on
where it knocked. So a wrong token, an unknown path and a method that is not allowed are told in the right words too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from hemsd.said import Said
from web.models import Problem
from web.routes import Refused, answer, parsed

PROBLEM_JSON = "application/problem+json"
Asked = TypeVar("Asked", bound=BaseModel)
FLEX_PREFIX = "/flex/"
OWN_PREFIX, PARTNERS_PREFIX = "/api/", "/api/partners/"
PROBLEM_TYPES: Mapping[int, str] = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "payload-too-large",
    429: "rate-limited",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One value that is wrong: where it stands, what is wrong, and the kind of mistake."""

    loc: tuple[str | int, ...]
    msg: str
    type: str


class Malformed(Refused):
    """A path, a query or a body that does not parse: 422, and 400 in the flex dialect."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(422, "; ".join(f"{each.loc[-1] if each.loc else ''}: {each.msg}" for each in findings))
        self.findings = findings

    @classmethod
    def of(cls, error: ValidationError, place: str = "body") -> Malformed:
        return cls(*(Finding((place, *one["loc"]), one["msg"], one["type"]) for one in error.errors()))


class FindingPage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    loc: list[str | int]
    """Where it stands: path, query or body, then the name"""
    msg: str
    type: str


class DetailPage(BaseModel):
    """Why a call was refused: in words, or for each value that does not parse."""

    model_config = ConfigDict(extra="forbid")

    detail: str | list[FindingPage]


class ProblemPage(BaseModel):
    """A problem document (RFC 7807)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/not-found",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "There is no such policy.",
                }
            ]
        },
    )

    type: str
    """Names the kind of problem: a reference below /problems/"""
    title: str
    status: int
    detail: str


def refusal(request: web.Request, refused: Refused) -> web.Response:
    """The answer to a call that can't be served, in the words of its dialect."""
    findings = refused.findings if isinstance(refused, Malformed) else ()
    if request.path.startswith(FLEX_PREFIX):
        response = _problem(400 if refused.status == 422 else refused.status, refused.detail)
    elif findings:
        page = DetailPage(detail=[FindingPage.model_validate(_listed(each)) for each in findings])
        response = answer(page, refused.status)
    else:
        response = answer(_told(request.path, refused.detail), refused.status)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 6750 section 3
    return response


def _told(path: str, detail: str) -> Problem:
    """Who does not speak with our own page is told in English, and in no more words than its contract has."""
    own = path.startswith(OWN_PREFIX) and not path.startswith(PARTNERS_PREFIX)
    return Problem(detail=detail, said=detail if own and isinstance(detail, Said) else None)


def _listed(finding: Finding) -> dict[str, object]:
    return {**asdict(finding), "loc": list(finding.loc)}


def _problem(status: int, detail: str) -> web.Response:
    slug = PROBLEM_TYPES.get(status, "error")
    page = ProblemPage(type=f"/problems/{slug}", title=HTTPStatus(status).phrase, status=status, detail=detail)
    return web.Response(text=page.model_dump_json(), status=status, content_type=PROBLEM_JSON)


async def body_for(request: web.Request, shape: type[Asked]) -> Asked:
    """The body as ``shape``; each value that is wrong becomes a finding."""
    try:
        return await parsed(request, shape)
    except ValidationError as error:
        raise Malformed.of(error) from error
