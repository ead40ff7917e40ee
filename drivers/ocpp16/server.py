"""The central system: one listening socket for all wallboxes.

It lets in whom config.yaml names, hands each socket to its charge point, and keeps everybody else short: strangers are
refused in the handshake and reported, because a mistyped identity is the most common reason why a wallbox "does not
work"; frames, connections and attempts per address are limited.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus

from websockets import Request, Response
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from drivers.base import DeviceError, EventSink, TransactionBook
from drivers.listening import Room, listening
from drivers.ocpp16 import connectors
from drivers.ocpp16.charge_point import ChargePoint, Patience
from drivers.ocpp16.door import door, remote_of, select_subprotocol, tls_of
from drivers.ocpp16.guests import AttemptLimit, GuestBook
from drivers.ocpp16.identity import identity_in, introduced_in, may_enter
from drivers.ocpp16.keepalive import Heartbeat
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.rpc import Link
from drivers.ocpp16.settings import OcppServerSettings, OcppWallboxSettings
from drivers.ocpp16.steering import Failsafe
from hemsd.clock import Clock
from hemsd.model import StrangerRefused
from hemsd.said import said

log = logging.getLogger(__name__)

_socket_log = logging.getLogger(f"{__name__}.socket")
_socket_log.setLevel(logging.WARNING)  # it tells of each opening and closing, which charge_point does in our words

MAX_FRAME_BYTES = 256 * 1024  # GetConfiguration of a box with 400 keys is about 60 kB
MAX_CONNECTIONS = 64
MAX_SOCKETS = 128  # with those that have not said yet who they are
MAX_OF_AN_ADDRESS = 32  # a wallbox has one, and a second while it believes that the first is dead
HANDSHAKE_S = 10.0
CLOSE_S = 2.0
AT_RESTART = ("charge_point", "connector")  # of a wallbox: what its link and its transactions hang on
INTRODUCTION_S = 30.0  # to its first message, for a box whose URL names nobody


class CentralSystem:
    """Listens for wallboxes (a ``drivers.base.Driver``)."""

    name = "ocpp"

    def __init__(
        self,
        settings: OcppServerSettings,
        wallboxes: Mapping[str, OcppWallboxSettings],
        failsafe: Failsafe,
        book: TransactionBook,
        clock: Clock,
        sink: EventSink,
        *,
        memories: Mapping[str, Memory] | None = None,
        remember: Callable[[Memory], None] = lambda memory: None,
        patience: Patience | None = None,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._memories = dict(memories or {})
        self._remember = remember
        self._guests = GuestBook(clock)
        self._attempts = AttemptLimit(clock)
        self._open: set[ServerConnection] = set()
        self._listening = asyncio.Event()
        self._port = 0
        self.wallboxes: Mapping[str, ChargePoint] = {
            name: ChargePoint(
                name,
                wallbox,
                failsafe,
                book,
                clock,
                sink,
                memories=self._memories,
                remember=self._keep_memory,
                patience=patience,
                heartbeat=heartbeat,
            )
            for name, wallbox in wallboxes.items()
        }
        self._book = book
        self._by_identity: dict[str, list[ChargePoint]] = {}  # with several connectors, several wallboxes
        for box in self.wallboxes.values():
            self._by_identity.setdefault(box.settings.charge_point, []).append(box)
        for boxes in self._by_identity.values():
            if len({box.connector for box in boxes}) < len(boxes):
                raise ValueError("two wallboxes have the same charge_point and the same connector")
            for box in boxes:
                box.alone = len(boxes) == 1
        self._passwords = self._secrets()

    @property
    def port(self) -> int:
        """The port that it listens on; 0 before it does."""
        return self._port

    @property
    def sockets(self) -> frozenset[ServerConnection]:
        """The wallboxes' open sockets."""
        return frozenset(self._open)

    async def listening(self) -> None:
        """Returns once wallboxes can connect."""
        await self._listening.wait()

    async def run(self) -> None:
        try:
            tls = tls_of(self._settings.tls)
            sockets = await listening(self._settings.host, self._settings.port, Room(MAX_SOCKETS, MAX_OF_AN_ADDRESS))
        except OSError as error:
            raise DeviceError(
                said(
                    "ocpp.no_port",
                    "can't listen on {host}:{port}: {error}",
                    host=self._settings.host,
                    port=self._settings.port,
                    error=str(error),
                )
            ) from error
        async with AsyncExitStack() as servers:
            for bound in sockets:
                await servers.enter_async_context(await self._served(bound, tls))
            self._port = sockets[0].getsockname()[1]
            self._listening.set()
            scheme = "wss" if tls else "ws"
            log.info("waiting for wallboxes at %s://%s:%d/{charge_point}", scheme, self._settings.host, self._port)
            try:
                await asyncio.Event().wait()
            finally:
                self._listening.clear()

    async def _served(self, bound: socket.socket, tls: ssl.SSLContext | None) -> Server:
        return await serve(
            self._attend,
            sock=bound,
            select_subprotocol=select_subprotocol,
            process_request=self._judge_request,
            create_connection=door(self._report),
            open_timeout=HANDSHAKE_S,
            ping_interval=None,  # keepalive.py has its own, more patient one
            close_timeout=CLOSE_S,
            max_size=MAX_FRAME_BYTES,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_S if tls else None,
            logger=_socket_log,
        )

    async def close(self, failsafe_a: float) -> None:
        """Leaves every connected box at the failsafe; ``run`` is cancelled afterwards."""
        async with asyncio.TaskGroup() as group:
            for box in self.wallboxes.values():
                if box.linked:
                    group.create_task(box.release(failsafe_a))

    def apply(self, wallboxes: Mapping[str, OcppWallboxSettings], failsafe: Failsafe) -> tuple[str, ...]:
        """Takes over the changed settings of the same wallboxes; gives the names of those that must be made anew."""
        waiting = []
        for name, box in self.wallboxes.items():
            kept = {key: getattr(box.settings, key) for key in AT_RESTART}
            settings = wallboxes[name].model_copy(update=kept)
            if settings != wallboxes[name]:
                waiting.append(name)
            box.apply(settings, failsafe)
        self._passwords = self._secrets()
        return tuple(waiting)

    def _secrets(self) -> Mapping[str, str | None]:
        """By identity; one socket shows one password, so it is enough that one of its connectors names it."""
        secrets = {identity: [box.settings.secret() for box in boxes] for identity, boxes in self._by_identity.items()}
        return {identity: next((one for one in told if one is not None), None) for identity, told in secrets.items()}

    # -- the door -----------------------------------------------------------------------------------------------------

    def _judge_request(self, socket: ServerConnection, request: Request) -> Response | None:
        """Lets in or refuses, before anything of a stranger's is kept."""
        remote = remote_of(socket)
        identity = identity_in(request.path, self._by_identity)
        if not self._attempts.allows(remote):
            return self._refuse(
                socket, HTTPStatus.TOO_MANY_REQUESTS, identity, said("door.too_many", "too many attempts")
            )
        if len(self._open) >= MAX_CONNECTIONS:
            return self._refuse(
                socket, HTTPStatus.SERVICE_UNAVAILABLE, identity, said("door.crowded", "too many connections")
            )
        if not identity and self._by_identity:
            return None  # its first message shall say who it is
        if identity not in self._by_identity:
            return self._refuse(socket, HTTPStatus.NOT_FOUND, identity, said("door.unknown", "unknown charge point"))
        if not self._knows_password(identity, request):
            response = self._refuse(
                socket, HTTPStatus.UNAUTHORIZED, identity, said("door.password", "wrong password or none")
            )
            response.headers["WWW-Authenticate"] = 'Basic realm="hemsd"'
            return response
        return None

    def _knows_password(self, identity: str, request: Request) -> bool:
        authorizations = request.headers.get_all("Authorization")
        return may_enter(self._passwords[identity], authorizations[0] if authorizations else None)

    def _refuse(self, socket: ServerConnection, status: HTTPStatus, identity: str, why: str) -> Response:
        self._report(identity, remote_of(socket), why)
        return socket.respond(status, f"{why}\n")

    def _report(self, identity: str, remote: str, why: str) -> None:
        if self._guests.is_news(identity, remote, why):
            log.warning("refused %r from %s: %s", identity, remote, why)
            self._sink(StrangerRefused(identity, remote, why))

    async def _attend(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None  # the handshake is over
        link = Link(socket, remote_of(socket))
        self._open.add(socket)
        try:
            identity = identity_in(request.path, self._by_identity)
            if not identity:
                identity = await self._introduced(link, request)
            if identity:
                await connectors.attend(self._by_identity[identity], link, self._book)
        finally:
            self._open.discard(socket)

    async def _introduced(self, link: Link, request: Request) -> str:
        """Who a wallbox is whose URL names nobody: its BootNotification comes first, or it is sent away (empty)."""
        try:
            async with asyncio.timeout(INTRODUCTION_S):
                link.early.append(await link.socket.recv())
        except TimeoutError:
            pass
        except ConnectionClosed:
            return ""
        identity = introduced_in(link.early[0], self._by_identity) if link.early else ""
        if identity and self._knows_password(identity, request):
            return identity
        why = (
            said("door.password", "wrong password or none")
            if identity
            else said("door.nobody", "no identity in its address, and no serial number that is one")
        )
        self._report(identity, link.remote, why)
        await link.socket.close(CloseCode.POLICY_VIOLATION, why)
        return ""

    def _keep_memory(self, memory: Memory) -> None:
        self._memories[memory.key] = memory
        self._remember(memory)
