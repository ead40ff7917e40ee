"""Where connections wait before they are heard, and for how long one may dawdle.

aiohttp bounds what a request may hold (lines, headers, body). It does not bound how slowly a request trickles in, or
how long an answer waits for a reader who takes nothing; each of these, from a careless program or a hostile one, would
use up the process's sockets or its memory. So a small protocol stands between the socket and aiohttp's, and holds a
watch. How many connections there may be at once is counted before (``drivers.listening``).

    connected -- first request within HEAD_S --> heard -- answer taken within STALLED_S --> heard ...
                     otherwise: closed                         otherwise: closed

After its first request, an idle connection is closed by aiohttp itself (``KEEPALIVE_S``), also when half a request
has trickled in. A body must be whole within BODY_S.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler as AioHandler
from aiohttp.typedefs import Middleware

from web.routes import Refused, route_of

HEAD_S = 15.0
BODY_S = 30.0
STALLED_S = 60.0
KEEPALIVE_S = 75.0


class Lobby:
    """All open connections of one listener."""

    def __init__(self, *, head_s: float = HEAD_S, stalled_s: float = STALLED_S) -> None:
        self.head_s, self.stalled_s = head_s, stalled_s
        self._visitors: dict[asyncio.BaseTransport, _Visitor] = {}

    def protocol(self, inner: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """The protocol factory of a listener whose connections pass through here."""
        return lambda: _Visitor(self, inner())

    def entered(self, visitor: _Visitor, transport: asyncio.BaseTransport) -> None:
        self._visitors[transport] = visitor

    def left(self, transport: asyncio.BaseTransport) -> None:
        del self._visitors[transport]

    @property
    def middleware(self) -> Middleware:
        """Says of each request that it was heard."""

        @web.middleware
        async def heard(request: web.Request, handler: AioHandler) -> web.StreamResponse:
            visitor = self._visitors.get(request.transport) if request.transport else None
            if visitor is not None:
                visitor.heard()
            return await handler(request)

        return heard


class _Visitor(asyncio.Protocol):
    """One connection. Everything goes on to aiohttp's protocol."""

    def __init__(self, lobby: Lobby, inner: asyncio.Protocol) -> None:
        self._lobby, self._inner = lobby, inner
        self._transport: asyncio.Transport | None = None  # None: not yet or no more
        self._hearing: asyncio.TimerHandle | None = None  # runs until the first request was heard
        self._taking: asyncio.TimerHandle | None = None  # runs while an answer is not taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._lobby.entered(self, transport)
        self._hearing = self._end_after(self._lobby.head_s)
        self._inner.connection_made(transport)

    def heard(self) -> None:
        """A request came in whole, its body aside."""
        if self._hearing is not None:
            self._hearing.cancel()

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The reader does not keep up, and its share of memory is full."""
        self._taking = self._end_after(self._lobby.stalled_s)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        for watch in (self._hearing, self._taking):
            if watch is not None:
                watch.cancel()
        if self._transport is not None:
            self._lobby.left(self._transport)
            self._transport = None
            self._inner.connection_lost(exc)

    def _end_after(self, seconds: float) -> asyncio.TimerHandle:
        assert self._transport is not None
        return asyncio.get_running_loop().call_later(seconds, self._transport.abort)


@web.middleware
async def whole_body(request: web.Request, handler: AioHandler) -> web.StreamResponse:
    """Reads the body, of whoever may come in, within its time; aiohttp keeps it for the handler that asks for it."""
    if request.can_read_body:
        if request.content_type.startswith("multipart/"):  # read in parts, it would not be kept; nothing here needs it
            raise Refused(415, "send JSON, or a plain form")
        route = route_of(request)
        if route is not None and route.largest_body is not None:
            request = request.clone(client_max_size=route.largest_body)
        try:
            async with asyncio.timeout(BODY_S):
                await request.read()
        except TimeoutError:
            raise Refused(408, f"the body did not come within {BODY_S:g} s") from None
    return await handler(request)
