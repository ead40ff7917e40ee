"""A price or weather service on loopback that can misbehave in every way a real one does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Service:
    """Answers ``answer`` as JSON, unless ``mood`` says otherwise; remembers what it was asked."""

    answer: Any = None
    mood: str = "well"
    seen: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        self.bodies.append(await request.read())
        match self.mood:
            case "well":
                return web.json_response(self.answer)
            case "half":
                return await self._half(request)
            case "slow":
                await asyncio.sleep(30)
            case "nonsense":
                return web.Response(text="<html>Under maintenance</html>")
            case "elsewhere":
                raise web.HTTPFound("http://127.0.0.1:9/")
            case "endless":
                return await self._endless(request)
            case status:
                return web.Response(status=int(status), text="no")
        raise AssertionError(self.mood)

    async def _half(self, request: web.Request) -> web.StreamResponse:
        whole = json.dumps(self.answer).encode()
        response = web.StreamResponse(headers={"Content-Length": str(len(whole)), "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" " * 65536)
        return response


@contextlib.asynccontextmanager
async def running(answer: Any = None) -> AsyncIterator[Service]:
    service = Service(answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    server = TestServer(app, host="127.0.0.1", port=0)
    await server.start_server(shutdown_timeout=0.1)
    service.url = str(server.make_url("/")).rstrip("/")
    try:
        yield service
    finally:
        await server.close()


async def until(condition: Callable[[], object]) -> None:
    """Waits for something that a socket brings; 5 s at most."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what a socket brings has no event to wait for
            await asyncio.sleep(0.002)
