"""How hemsd says who it is: a fixed token, or OAuth2 client credentials (RFC 6749 section 4.4).

A token is asked for once and used until shortly before it expires. When the receiver refuses it all the same, it is
renewed once; a second refusal is the receiver's answer.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from drivers.base import DeviceError
from hemsd.clock import Clock
from hemsd.cloud.answer import Answer, Request
from hemsd.said import said

EXPIRES_S = 3600.0  # where the receiver does not say (RFC 6749 5.1 only recommends that it does)
MARGIN = 0.1  # of its life, and at most a minute, a token is not trusted at the end

Ask = Callable[[Request], Awaitable[Answer]]


class NotSignedIn(Exception):
    """There is no token; the answer says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.summary)
        self.answer = answer


class SignIn(Protocol):
    async def header(self, ask: Ask) -> str | None:
        """The Authorization header, or None where none is wanted. Raises NotSignedIn, DeviceError."""
        ...

    def signs(self) -> bool:
        """Whether there will be such a header. Raises DeviceError."""
        ...

    def refused(self) -> bool:
        """The receiver answered 401. Says whether it makes sense to try again at once."""
        ...


@dataclass(slots=True)
class FixedToken:
    """Read anew for each request, so that a changed file counts at once."""

    read: Callable[[], str | None]

    async def header(self, ask: Ask) -> str | None:
        token = self.read()
        return None if token is None else f"Bearer {token}"

    def signs(self) -> bool:
        return self.read() is not None

    def refused(self) -> bool:
        return False


@dataclass(slots=True)
class ClientCredentials:
    """``clock`` is real: tokens do not expire faster because a simulated home plays a day in minutes."""

    token_url: str
    client_id: str
    secret: Callable[[], str | None]
    clock: Clock
    _token: str | None = None
    _until_s: float = 0.0

    async def header(self, ask: Ask) -> str | None:
        if self._token is None or self.clock.monotonic() >= self._until_s:
            await self._renew(ask)
        return f"Bearer {self._token}"

    def signs(self) -> bool:
        return True

    def refused(self) -> bool:
        self._token = None
        return True

    async def _renew(self, ask: Ask) -> None:
        asked_s = self.clock.monotonic()
        answer = await ask(
            Request(
                "POST",
                self.token_url,
                b"grant_type=client_credentials",
                {"Authorization": self._basic(), "Content-Type": "application/x-www-form-urlencoded"},
            )
        )
        found = answer.document() if answer.is_good else None
        token = found.get("access_token") if found else None
        if found is None or not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise NotSignedIn(_without_secrets(answer))
        expires = found.get("expires_in")
        life_s = float(expires) if isinstance(expires, int | float) and expires > 0 else EXPIRES_S
        self._token, self._until_s = token, asked_s + life_s - min(60.0, MARGIN * life_s)

    def _basic(self) -> str:
        """RFC 6749 2.3.1: both parts form-encoded first."""
        secret = self.secret()
        if not secret:
            raise DeviceError(said("cloud.empty_secret", "The cloud's client secret is empty"))
        pair = f"{quote(self.client_id, safe='')}:{quote(secret, safe='')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


def _without_secrets(answer: Answer) -> Answer:
    """The refusal of a token, never the token itself; a refusal keeps its status, a strange answer has none."""
    if answer.status is None:
        return Answer(None, f"no token: {answer.text}", sent_bytes=answer.sent_bytes)
    if answer.is_good:
        return Answer(None, "no token: the answer to the request for one can't be read", sent_bytes=answer.sent_bytes)
    why = answer.document() or {}
    error = why.get("error")
    text = f"no token: {error if isinstance(error, str) else 'refused'}"
    if answer.status in (429, 503) or answer.status >= 500:
        return Answer(answer.status, text, retry_after_s=answer.retry_after_s, sent_bytes=answer.sent_bytes)
    return Answer(401, text, sent_bytes=answer.sent_bytes)  # 400 invalid_client is a matter of credentials as well
