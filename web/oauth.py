"""Tokens for programs (OAuth 2, RFC 6749): client credentials, and the page's password for the partner dialect.

There are three addresses, because the dialects' clients expect them. ``/oauth2/token`` is everybody's. The partner
dialect has one below its own base and one with a slash at the end; both take a form or JSON and answer as its clients
expect: ten hours, and "read write" where we would name our scopes. Nobody gets a refresh token: to ask again is easy.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from hemsd.clock import SystemClock
from web.auth import Throttle
from web.routes import Route, Scope, answer, in_words

TOKEN = "/oauth2/token"
PARTNER_TOKENS = ("/api/partners/v2.0/auth/token", "/oauth2/token/")
LASTS_S = 3600
PARTNER_LASTS_S = 36_000
PARTNER_SCOPE = "read write"
GRANT_TYPES = ("client_credentials", "password")
_clock = SystemClock()  # tokens and guesses live in real time


class TokenOffice(Protocol):
    """Who is known, and who gets which token."""

    async def client(self, client_id: str, secret: str) -> frozenset[str] | None: ...

    async def person(self, user: str, password: str) -> frozenset[str] | None: ...

    def issue_to_client(self, client_id: str, scopes: frozenset[str], lasts_s: int) -> str: ...

    async def issue_to_person(self, scopes: frozenset[str], lasts_s: int) -> str: ...


class TokenPage(BaseModel):
    """RFC 6749 section 5.1."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"access_token": "Y2xpZW50...", "token_type": "Bearer", "expires_in": 3600, "scope": "flex"}]
        },
    )

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(ge=1)
    scope: str


class TokenErrorPage(BaseModel):
    """RFC 6749 section 5.2."""

    model_config = ConfigDict(extra="forbid")

    error: Literal[
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ]
    error_description: str


class Grant(BaseModel):
    """What every request for a token may hold; the client's id and secret may also come with HTTP Basic."""

    model_config = ConfigDict(extra="ignore")

    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    """Some of flex, analysis, partner and local; left out: everything that may be had"""


class ClientGrant(Grant):
    """A program asks for itself."""

    grant_type: Literal["client_credentials"]


class PasswordGrant(Grant):
    """A program asks for the household."""

    grant_type: Literal["password"]
    username: Annotated[str, Field(min_length=1)]
    """home"""
    password: Annotated[str, Field(min_length=1)]


class TokenBody(RootModel[Annotated[ClientGrant | PasswordGrant, Field(discriminator="grant_type")]]):
    """One of the two, as a form or as JSON."""


class NoToken(Exception):
    """Why none is given."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True, slots=True)
class _Asked:
    grant: ClientGrant | PasswordGrant
    client: tuple[str, str] | None  # id and secret


class OAuthApi:
    """The handlers, and the table that names them."""

    def __init__(self, office: TokenOffice) -> None:
        self.office = office
        self.throttle = Throttle()
        self._one_at_a_time = asyncio.Lock()  # a password hash takes 32 MB

    def routes(self) -> tuple[Route, ...]:
        about = "A token for a program"
        answers: Mapping[int, type[BaseModel] | None] = {200: TokenPage, 400: TokenErrorPage, 401: TokenErrorPage}
        return tuple(
            Route("POST", path, handler, about, answers, body=TokenBody, scope=Scope.OPEN)
            for path, handler in ((TOKEN, self.post), *((path, self.post_partner) for path in PARTNER_TOKENS))
        )

    async def post(self, request: web.Request) -> web.Response:
        return await self._answer(request, LASTS_S, None)

    async def post_partner(self, request: web.Request) -> web.Response:
        return await self._answer(request, PARTNER_LASTS_S, PARTNER_SCOPE)

    async def _answer(self, request: web.Request, lasts_s: int, shown_scope: str | None) -> web.Response:
        try:
            page = await self._token(request, lasts_s, shown_scope)
        except NoToken as no:
            response = web.json_response({"error": no.error, "error_description": no.description}, status=no.status)
            if no.status == 401:
                response.headers["WWW-Authenticate"] = 'Basic realm="hemsd"'
        else:
            response = answer(page)
        response.headers["Cache-Control"] = "no-store"  # RFC 6749 section 5.1
        response.headers["Pragma"] = "no-cache"
        return response

    async def _token(self, request: web.Request, lasts_s: int, shown_scope: str | None) -> TokenPage:
        asked = await _read(request)
        match asked.grant:
            case ClientGrant(scope=wanted):
                client_id, allowed = await self._client(asked)
                scopes = _scopes(wanted, allowed, shown_scope)
                token = self.office.issue_to_client(client_id, scopes, lasts_s)
            case PasswordGrant(scope=wanted) as grant:
                if asked.client is not None:
                    await self._client(asked)
                scopes = _scopes(wanted, await self._person(grant, request.remote or ""), shown_scope)
                token = await self.office.issue_to_person(scopes, lasts_s)
        return TokenPage(access_token=token, expires_in=lasts_s, scope=shown_scope or " ".join(sorted(scopes)))

    async def _client(self, asked: _Asked) -> tuple[str, frozenset[str]]:
        client_id, secret = asked.client or ("", "")
        allowed = await self.office.client(client_id, secret) if client_id else None
        if allowed is None:
            raise NoToken("invalid_client", "no such client, or not its secret", 401)
        return client_id, allowed

    async def _person(self, grant: PasswordGrant, address: str) -> frozenset[str]:
        if self.throttle.wait_s(address, _clock.monotonic()):
            raise NoToken("invalid_grant", "too many wrong passwords; wait a little")
        async with self._one_at_a_time:
            allowed = await self.office.person(grant.username, grant.password)
        if allowed is None:
            self.throttle.wrong(address, _clock.monotonic())
            raise NoToken("invalid_grant", "not this user, or not their password")
        self.throttle.right(address)
        return allowed


def _scopes(asked: str, allowed: frozenset[str], shown_scope: str | None) -> frozenset[str]:
    """What is asked for, if it may be had; without a wish everything."""
    wanted = frozenset(asked.split())
    if shown_scope is not None:
        wanted -= frozenset(shown_scope.split())
    if wanted - allowed:
        raise NoToken("invalid_scope", f"not for this client: {' '.join(sorted(wanted - allowed))}")
    return wanted or allowed


async def _read(request: web.Request) -> _Asked:
    """RFC 6749 2.3.1: credentials come with HTTP Basic or in the body, never both."""
    fields = await _fields(request)
    grant_type = fields.get("grant_type")
    if grant_type is None:
        raise NoToken("invalid_request", "grant_type is missing")
    if grant_type not in GRANT_TYPES:
        raise NoToken("unsupported_grant_type", f"no {grant_type!r} here: {' or '.join(GRANT_TYPES)}")
    try:
        grant = TokenBody.model_validate(fields, strict=True).root
    except ValidationError as error:
        raise NoToken("invalid_request", in_words(error)) from error
    basic = _basic(request.headers.get("Authorization", ""))
    if basic is None and grant.client_id:
        basic = grant.client_id, grant.client_secret
    return _Asked(grant, basic)


async def _fields(request: web.Request) -> dict[str, object]:
    """What was sent; what has no value counts as left out (RFC 6749 section 3.2)."""
    try:
        if request.content_type == "application/json":
            found = json.loads(await request.read() or b"{}")
            if not isinstance(found, dict):
                raise ValueError("no object")
            pairs = [(str(name), value) for name, value in found.items()]
        else:
            pairs = list((await request.post()).items())
    except (ValueError, LookupError) as error:  # also a form that is none, and one in no known writing
        raise NoToken("invalid_request", "send a form, or a JSON object") from error
    if len(dict(pairs)) < len(pairs):
        raise NoToken("invalid_request", "nothing may be given twice")
    return {name: value for name, value in pairs if value not in (None, "")}


def _basic(header: str) -> tuple[str, str] | None:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ("", "")
    return name, secret
