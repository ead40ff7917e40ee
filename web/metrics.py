"""``/metrics`` for Prometheus, for this machine and for a token with the scope local. It knows no numbers itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from web.routes import Route

FORMAT = "text/plain; version=0.0.4; charset=utf-8"


FRESH_S = 1.0  # whoever asks more often hears the same again: numbers of many wallboxes take a while to write down


def metrics_route(text: Callable[[], Awaitable[bytes]]) -> Route:
    """``text`` is asked for by one visitor at a time."""
    told, fresh_until_s, asking = b"", 0.0, asyncio.Lock()

    async def get(_request: web.Request) -> web.Response:
        nonlocal told, fresh_until_s
        loop = asyncio.get_running_loop()
        async with asking:
            if loop.time() >= fresh_until_s:
                told, fresh_until_s = await text(), loop.time() + FRESH_S
        return web.Response(body=told, headers={"Content-Type": FORMAT})

    return Route(
        "GET", "/metrics", get, "Everything as numbers, for Prometheus", {200: None},
        produces="text/plain", open_to_this_machine=True,
    )  # fmt: skip
