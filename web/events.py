"""``GET /api/events``: the present as a stream of server-sent events.

A stream waits for a change, takes the newest state, which all streams share (``web.present``), and sends it; then it
rests for a quarter of a second, so that a burst of readings becomes one event. A slow reader blocks only its own stream
and finds the newest state when it is back, because nothing is queued. When nothing changes the state is sent all the
same every few seconds (its ages have grown), behind a comment: so the page notices a dead line, and we a dead reader.
These pauses belong to the network, so they are real time even when the simulated home's clock runs faster.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from hemsd.said import said
from web.house import House
from web.present import FRESH_S, Present
from web.routes import Refused

REST_S = FRESH_S
ALIVE_S = 10.0
STALLED_S = 30.0
MAX_STREAMS = 64


class EventStreams:
    """Every open stream; ``close`` ends them, or a shutdown would wait for browsers."""

    def __init__(self, house: House, *, rest_s: float = REST_S, alive_s: float = ALIVE_S) -> None:
        self.house, self.rest_s, self.alive_s = house, rest_s, alive_s
        self.present = Present(house, fresh_s=rest_s)
        self._open: set[asyncio.Task[None]] = set()

    async def get(self, request: web.Request) -> web.StreamResponse:
        if len(self._open) >= MAX_STREAMS:
            raise Refused(503, said("refused.streams", "too many open event streams; close some tabs"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._feed(response)
        except (ConnectionError, TimeoutError):
            pass  # the reader has gone, or has not taken anything for STALLED_S
        finally:
            self._open.discard(task)
        return response

    async def _feed(self, response: web.StreamResponse) -> None:
        seen = -1
        await _send(response, b"retry: 2000\n\n")
        while True:
            try:
                async with asyncio.timeout(self.alive_s):
                    await self.house.changes.newer_than(seen)
            except TimeoutError:
                await _send(response, b": still here\n\n")
                seen = -1
            told = self.present.recent()
            if told.version > seen:
                await _send(response, told.event)
                seen = told.version
            await asyncio.sleep(self.rest_s)

    async def close(self) -> None:
        for task in self._open:
            task.cancel()


async def _send(response: web.StreamResponse, chunk: bytes) -> None:
    async with asyncio.timeout(STALLED_S):
        await response.write(chunk)
