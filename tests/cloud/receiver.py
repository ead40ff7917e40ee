"""A real HTTP server on loopback that behaves as badly as a test wishes, and remembers what it was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Heard:
    """One request, as the receiver saw it."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes  # decompressed: aiohttp does that by itself

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key") or self.headers.get("x-enode-delivery") or ""

    @property
    def body(self) -> Any:
        return json.loads(self.raw) if self.raw else None

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


Answerer = Callable[[Heard, web.Request], Awaitable[web.StreamResponse]]


async def taken(heard: Heard, request: web.Request) -> web.StreamResponse:
    """What a receiver says that is well: an analysis where one is asked for, a token, or nothing."""
    if heard.path.endswith("/oauth2/token"):
        return web.json_response({"access_token": "t0k3n", "token_type": "Bearer", "expires_in": 3600})
    if "/v1/sessions" in heard.path:
        session_id = heard.path.rpartition("/")[2] if heard.method != "POST" else heard.body.get("session_id")
        return web.json_response({"session_id": session_id, "status": "active", "is_anomaly": False, "anomalies": []})
    return web.Response(status=204)


@dataclass
class Receiver:
    """``behaves`` may be changed at any time."""

    behaves: Answerer = taken
    heard: list[Heard] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[str]:
        return [heard.line for heard in self.heard if not heard.path.endswith("/oauth2/token")]

    async def hear(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        heard = Heard(request.method, request.path, {k.lower(): v for k, v in request.headers.items()}, raw)
        self.heard.append(heard)
        return await self.behaves(heard, request)


@asynccontextmanager
async def receiving(receiver: Receiver | None = None, ssl: Any = None) -> AsyncIterator[Receiver]:
    receiver = receiver or Receiver()
    app = web.Application(client_max_size=1 << 28)
    app.router.add_route("*", "/{tail:.*}", receiver.hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", receiver.port, ssl_context=ssl)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()


def says(status: int, body: object = None, **headers: str) -> Answerer:
    async def answer(heard: Heard, request: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


async def hangs(heard: Heard, request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError("nobody waits so long")


async def half_a_body(heard: Heard, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"session_id": "')
    assert request.transport is not None
    request.transport.close()
    return response


async def closes(heard: Heard, request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()
