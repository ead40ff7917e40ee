"""``/metrics`` for Prometheus, for this machine and for a token with the scope local. It knows no numbers itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from web.routes import Route

FORMAT = "text/plain; version=0.0.4; charset=utf-8"


def metrics_route(text: Callable[[], Awaitable[bytes]]) -> Route:
    async def get(_request: web.Request) -> web.Response:
        return web.Response(body=await text(), headers={"Content-Type": FORMAT})

    return Route(
        "GET", "/metrics", get, "Everything as numbers, for Prometheus", {200: None},
        produces="text/plain", open_to_this_machine=True,
    )  # fmt: skip
