"""Noticing that a link is dead though nobody closed it.

websockets' own keepalive closes at the first missed pong. Home networks lose one now and then, so this one tolerates
two in a row, and takes any frame for a sign of life. A dead link is found within a minute; so is one whose other end
speaks and takes nothing, on which even a ping would wait for ever.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from drivers.ocpp16.rpc import Link


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Real seconds: this is about the network."""

    every_s: float = 15.0
    misses: int = 2  # in a row that are forgiven


async def watch(link: Link, heartbeat: Heartbeat) -> None:
    """Pings until the link ends, and ends it when nothing comes back."""
    missed = 0
    while missed <= heartbeat.misses:
        frames = link.counters.frames_in
        alive = await _pong_within(link.socket, heartbeat.every_s)
        if alive is None:
            return
        missed = 0 if alive or link.counters.frames_in > frames else missed + 1
    link.lose("silent: no pong and no message")
    link.socket.transport.abort()  # a closing handshake would wait for the same silence


async def _pong_within(socket: ServerConnection, seconds: float) -> bool | None:
    """Whether a pong came; takes the whole time in any case. None: the socket is closed."""
    pong: asyncio.Future[float] | None = None
    try:
        async with asyncio.timeout(seconds):
            pong = asyncio.ensure_future(await socket.ping())
            await socket.wait_closed()
            return None
    except TimeoutError:
        return pong is not None and pong.done()
    except ConnectionClosed:
        return None
