"""The HTTP server: every dialect's routes, the page's files, and what all of them go through.

``application`` only puts parts together, so a test uses the same one on a port of its own. ``WebServer.run`` serves
until it is cancelled, and then ends the event streams first, or a browser would hold up the shutdown.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Collection, Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

import hemsd
from drivers.listening import Room, listening
from web.auth import Doors, Login, doorkeeper, is_at_home
from web.bench import BenchApi
from web.custody import CustodyApi
from web.events import EventStreams
from web.files import PageFiles
from web.guard import MAX_BODY_BYTES, add_headers, guard
from web.house import Archive, House, Playing, Workshop
from web.installer import InstallerApi
from web.lobby import HEAD_S, KEEPALIVE_S, Lobby, whole_body
from web.local import LocalApi
from web.models import MePage
from web.openapi import document
from web.packed import Packed
from web.past import PastApi
from web.routes import ROUTE, Route, Scope, answer, router_path
from web.settings import WebSettings

_log = logging.getLogger(__name__)
_handlers_log = logging.getLogger(f"{__name__}.handlers")


def _ours(record: logging.LogRecord) -> bool:
    """A request that is no HTTP is its sender's fault; it is answered with 400, and may hold what no log should."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_handlers_log.addFilter(_ours)

STATIC = Path(__file__).parent / "static"
SHUTDOWN_S = 2.0
MAX_CONNECTIONS = 256
MAX_OF_AN_ADDRESS = 64  # a browser opens six; a family behind one router has several


def application(
    house: House,
    archive: Archive,
    doors: Doors,
    *,
    dialects: Sequence[Route] = (),
    playing: Playing | None = None,
    workshop: Workshop | None = None,
    guests: bool = False,
    allowed_hosts: Collection[str] = (),
    streams: EventStreams | None = None,
) -> web.Application:
    """Everything that answers on the port. ``dialects`` are the routes of the public APIs."""
    streams = streams or EventStreams(house)
    app = web.Application(
        middlewares=[guard(allowed_hosts), doorkeeper(doors, guests=guests), whole_body],
        client_max_size=MAX_BODY_BYTES,
    )
    app.on_response_prepare.append(add_headers)
    routes = route_table(house, archive, doors, streams, dialects, playing, workshop)
    app[ROUTE] = {(route.method, route.path): route for route in routes}
    paths = {route.path for route in routes}
    for route in routes:
        app.router.add_route(route.method, router_path(route.path, paths), route.handler)
    _add_page(app, doors, guests=guests)

    async def end_streams(_app: web.Application) -> None:
        await streams.close()

    app.on_shutdown.append(end_streams)
    return app


def route_table(
    house: House,
    archive: Archive,
    doors: Doors,
    streams: EventStreams,
    dialects: Sequence[Route],
    playing: Playing | None,
    workshop: Workshop | None,
) -> tuple[Route, ...]:
    """Every route with what it takes and answers; the last one describes them all."""
    routes = (_me(doors), *LocalApi(house, streams).routes(), *PastApi(house, archive, playing).routes(), *dialects)
    if workshop is not None:
        tools = (BenchApi(lambda: workshop.bench), CustodyApi(lambda: workshop.custody))
        routes = (*routes, *InstallerApi(workshop).routes(), *(route for tool in tools for route in tool.routes()))
    return (*routes, described(routes))


def described(routes: Sequence[Route]) -> Route:
    """The route of the document that describes all routes, this one too."""

    told: Packed | None = None
    asking = asyncio.Lock()

    def describe() -> Packed:
        return Packed(json.dumps(document((*routes, own), hemsd.__version__)).encode())

    async def get(request: web.Request) -> web.Response:
        nonlocal told
        async with asking:
            if told is None:
                told = await asyncio.to_thread(describe)  # takes a second, and three on a small Pi
        return told.answer(request)

    own = Route("GET", "/openapi.json", get, "This description", {200: None}, scope=Scope.OPEN)
    return own


def _me(doors: Doors) -> Route:
    async def get(request: web.Request) -> web.Response:
        locked = await doors.password_hash() is not None
        return answer(MePage(guest=not await is_at_home(request, doors), password=locked))

    return Route("GET", "/api/me", get, "Who asks", {200: MePage}, scope=Scope.OPEN)


def _add_page(app: web.Application, doors: Doors, *, guests: bool) -> None:
    """The page's files. They hold no secrets, so they are open; a visitor without a cookie is shown the way."""

    async def index(request: web.Request) -> web.StreamResponse:
        if not guests and not await is_at_home(request, doors):
            raise web.HTTPSeeOther("login")
        return files.answer(request, "index.html")

    async def worker(request: web.Request) -> web.StreamResponse:
        return files.answer(request, "sw.js")  # not under /static/: it serves only what lies beside or below it

    async def login(request: web.Request) -> web.StreamResponse:
        # Under "no-referrer" a browser posts a form with "Origin: null", which looks like another site.
        return files.answer(request, "login.html", {"Referrer-Policy": "same-origin"})

    form, files = Login(doors), PageFiles(STATIC)
    app.router.add_get("/", index)
    app.router.add_get("/login", login)
    app.router.add_get("/sw.js", worker)
    app.router.add_post("/login", form.post)
    app.router.add_post("/logout", form.logout)
    app.router.add_get("/static/{name:.+}", files.get)


class WebServer:
    """Serves an application where ``web`` in config.yaml says."""

    def __init__(
        self, settings: WebSettings, app: web.Application, lobby: Lobby | None = None, room: Room | None = None
    ) -> None:
        self.settings, self.app = settings, app
        self.lobby = lobby or Lobby()
        self.room = room or Room(MAX_CONNECTIONS, MAX_OF_AN_ADDRESS)
        app.middlewares.insert(0, self.lobby.middleware)
        self.port: int | None = None  # the real one, as soon as it listens
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Serves until cancelled. Raises OSError when the port is taken."""
        runner = web.AppRunner(
            self.app,
            access_log=None,
            logger=_handlers_log,
            shutdown_timeout=SHUTDOWN_S,
            handle_signals=False,
            keepalive_timeout=KEEPALIVE_S,
        )
        await runner.setup()
        assert runner.server is not None
        listeners: list[asyncio.Server] = []
        try:
            tls = self._tls()
            visitor = self.lobby.protocol(runner.server)
            for bound in await listening(self.settings.host, self.settings.port, self.room):
                listeners.append(
                    await asyncio.get_running_loop().create_server(
                        visitor, sock=bound, ssl=tls, ssl_handshake_timeout=HEAD_S if tls else None
                    )
                )
            self.port = int(listeners[0].sockets[0].getsockname()[1])
            scheme = "https" if self.settings.tls else "http"
            _log.info("The page is at %s://%s:%s/", scheme, self.settings.host, self.port)
            self.listening.set()
            await asyncio.Event().wait()
        finally:
            for listener in listeners:
                listener.close()
            async with asyncio.timeout(2 * SHUTDOWN_S):
                await runner.cleanup()

    def _tls(self) -> ssl.SSLContext | None:
        if self.settings.tls is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.settings.tls.cert_file, self.settings.tls.key_file)
        return context
