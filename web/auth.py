"""The page's password: hashed with argon2id, asked for once, then remembered by the browser in a signed cookie.

The cookie is ``expiry.signature``; the key of the signature is derived from the password's hash. So nothing is kept
for a session, a restart logs nobody out, and a new password logs everybody out. It is HttpOnly and SameSite=Strict.
Guesses are slowed down for each address, and hashed one at a time, because one costs a Pi a tenth of a second.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from typing import NoReturn, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler as AioHandler
from aiohttp.typedefs import Middleware
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from drivers.base import is_loopback
from hemsd.clock import SystemClock
from hemsd.said import said
from web.routes import Refused, Scope, route_of

COOKIE = "hemsd"
COOKIE_S = 90 * 24 * 3600
USER = "home"  # the page's user in the password grant of the partner dialect

# RFC 9106 section 4, second recommended option, with less memory: a Pi Zero has 512 MB for everything.
_HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=2)
_clock = SystemClock()  # a log-in lasts real days, however fast the simulated home lives


def hash_of(password: str) -> str:
    """What `hemsd password` stores."""
    return _HASHER.hash(password)


def matches(password_hash: str, password: str) -> bool:
    """Takes a tenth of a second: call it in a thread."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


class Doors(Protocol):
    """What is known about who may come in."""

    async def password_hash(self) -> str | None:
        """None: no password was set."""
        ...

    async def token_scopes(self, token: str) -> frozenset[str]:
        """What a bearer token is good for; nothing when it is unknown or over."""
        ...


class Open:
    """Doors of a house without password and tokens."""

    async def password_hash(self) -> str | None:
        return None

    async def token_scopes(self, token: str) -> frozenset[str]:
        return frozenset()


def make_cookie(password_hash: str, now_s: float) -> str:
    expiry = str(int(now_s) + COOKIE_S)
    return f"{expiry}.{_signature(password_hash, expiry)}"


def cookie_holds(cookie: str, password_hash: str, now_s: float) -> bool:
    expiry, _, signature = cookie.partition(".")
    genuine = hmac.compare_digest(signature.encode(), _signature(password_hash, expiry).encode())
    return genuine and int(expiry) > now_s


def _signature(password_hash: str, expiry: str) -> str:
    key = hashlib.sha256(b"hemsd page cookie" + password_hash.encode()).digest()
    return hmac.new(key, expiry.encode(), hashlib.sha256).hexdigest()


class Throttle:
    """After ``free`` wrong guesses an address waits: 2 s, 4 s, 8 s ... up to five minutes."""

    def __init__(self, free: int = 4, longest_s: float = 300.0, addresses: int = 1000) -> None:
        self.free, self.longest_s, self.addresses = free, longest_s, addresses
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, address: str, now_s: float) -> float:
        """How long this address has to wait before its next guess."""
        wrong, since_s = self._wrong.get(address, (0, now_s))
        if wrong < self.free:
            return 0.0
        pause_s = min(2.0 ** (wrong - self.free + 1), self.longest_s)
        return max(since_s + pause_s - now_s, 0.0)

    def wrong(self, address: str, now_s: float) -> None:
        count, _ = self._wrong.pop(address, (0, now_s))
        self._wrong[address] = (count + 1, now_s)
        while len(self._wrong) > self.addresses:
            self._wrong.popitem(last=False)

    def right(self, address: str) -> None:
        self._wrong.pop(address, None)


class Login:
    """The login form's other end. Its redirects are relative, so that a proxy may put the page under a path."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.throttle = Throttle()
        self._one_at_a_time = asyncio.Lock()

    async def post(self, request: web.Request) -> NoReturn:
        """Sets the cookie and leads to the page; back to the form when the password is wrong."""
        form = await request.post()
        password = form.get("password")
        address = request.remote or ""
        self._hold_back(address)
        password_hash = await self.doors.password_hash()
        if password_hash is None:
            raise web.HTTPSeeOther("./")
        async with self._one_at_a_time:  # a hash takes 32 MB
            self._hold_back(address)  # many guesses may have come at once, and waited here
            if not isinstance(password, str) or not await asyncio.to_thread(matches, password_hash, password):
                self.throttle.wrong(address, _clock.monotonic())
                raise web.HTTPSeeOther("login?wrong=1")
            self.throttle.right(address)
        response = web.HTTPSeeOther("./")
        response.set_cookie(
            COOKIE,
            make_cookie(password_hash, _clock.utc().timestamp()),
            max_age=COOKIE_S,
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        raise response

    def _hold_back(self, address: str) -> None:
        if wait_s := self.throttle.wait_s(address, _clock.monotonic()):
            raise web.HTTPSeeOther(f"login?wait={int(wait_s) + 1}")

    async def logout(self, _request: web.Request) -> NoReturn:
        response = web.HTTPSeeOther("login")
        response.del_cookie(COOKIE)
        raise response


def doorkeeper(doors: Doors, *, guests: bool = False) -> Middleware:
    """The middleware that lets nobody to a route without its scope; guests only look."""

    @web.middleware
    async def middleware(request: web.Request, handler: AioHandler) -> web.StreamResponse:
        route = route_of(request)
        if (
            route is not None
            and route.scope is not Scope.OPEN
            and not (route.open_to_this_machine and _is_here(request))
            and not (route.for_guests and guests)
        ):
            await _admit(request, route.scope, doors)
        return await handler(request)

    return middleware


def _is_here(request: web.Request) -> bool:
    proxied = "Forwarded" in request.headers or "X-Forwarded-For" in request.headers
    return not proxied and is_loopback(request.remote or "")


async def _admit(request: web.Request, scope: Scope, doors: Doors) -> None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        scopes = await doors.token_scopes(token.strip())
        if scope in scopes:
            return
        if scopes:
            raise Refused(403, said("refused.scope", "this token has no scope {scope!r}", scope=scope.value))
    if scope is Scope.LOCAL and await is_at_home(request, doors):
        return
    raise Refused(401, said("refused.log_in", "log in first, or send a bearer token"))


async def is_at_home(request: web.Request, doors: Doors) -> bool:
    """Whether the page's cookie is genuine, or none is needed."""
    password_hash = await doors.password_hash()
    if password_hash is None:
        return True
    return cookie_holds(request.cookies.get(COOKIE, ""), password_hash, _clock.utc().timestamp())
