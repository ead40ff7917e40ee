"""The door of the central system: what is decided before anybody has said who it is.

How many sockets there may be, of one address and altogether; what they may speak, and with which certificate. Who comes
in by name is the central system's to judge.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from http import HTTPStatus

from websockets import NegotiationError, Subprotocol
from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

from drivers.base import is_loopback
from drivers.ocpp16.identity import identity_in
from drivers.ocpp16.settings import OcppTlsSettings

log = logging.getLogger(__name__)

SUBPROTOCOL = Subprotocol("ocpp1.6")
MAX_SOCKETS = 128  # with those that have not said yet who they are
MAX_UNNAMED = 16  # of these, from one address; a reverse proxy on this machine may have as many as there are

JUDGED = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNAUTHORIZED,
    }
)
"""With what the central system refuses whom it knows by name; it reports them itself."""


def door(report: Callable[[str, str, str], None]) -> type[ServerConnection]:
    """A connection that reports what websockets turns away by itself: no WebSocket at all, or an OCPP but 1.6.

    Of sockets that say nothing, or say it slowly, there are only so many, and fewer from one address, so that it keeps
    no wallbox out: the next one is hung up on.
    """
    sockets: set[ServerConnection] = set()

    def has_room(transport: asyncio.BaseTransport) -> bool:
        address = transport.get_extra_info("peername")[0]
        unnamed = [one for one in sockets if one.protocol.state is State.CONNECTING and remote_of(one) == address]
        return len(sockets) < MAX_SOCKETS and (len(unnamed) < MAX_UNNAMED or is_loopback(address))

    class Door(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            if has_room(transport):
                sockets.add(self)
                super().connection_made(transport)
            else:
                assert isinstance(transport, asyncio.Transport)
                transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            if self not in sockets:
                return
            sockets.remove(self)
            refused = self.protocol.handshake_exc
            judged_already = self.response is not None and self.response.status_code in JUDGED
            if refused is not None and not judged_already:
                report(identity_in(self.request.path, ()) if self.request else "", remote_of(self), str(refused))
            super().connection_lost(exc)

    return Door


def select_subprotocol(socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """``ocpp1.6`` of several; a box that offers none means it too."""
    if not offered:
        log.info("%s offers no subprotocol and is taken for OCPP 1.6", remote_of(socket))
        return None
    for word in offered:
        if word.lower() == SUBPROTOCOL:
            return word
    raise NegotiationError(f"speaks {', '.join(offered)}, not {SUBPROTOCOL}")


def tls_of(settings: OcppTlsSettings | None) -> ssl.SSLContext | None:
    if settings is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


def remote_of(socket: ServerConnection) -> str:
    address = socket.remote_address
    return str(address[0]) if address else "unknown"
