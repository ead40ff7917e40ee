"""The door of the central system: what is decided before anybody has said who it is.

What may be spoken, with which certificate, and what is said of those who speak something else. How many sockets there
may be is counted before (``drivers.listening``); who comes in by name is the central system's to judge.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Sequence
from http import HTTPStatus

from websockets import NegotiationError, Subprotocol
from websockets.asyncio.server import ServerConnection

from drivers.ocpp16.identity import identity_in
from drivers.ocpp16.settings import OcppTlsSettings

log = logging.getLogger(__name__)

SUBPROTOCOL = Subprotocol("ocpp1.6")

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
    """A connection that reports what websockets turns away by itself: no WebSocket at all, or an OCPP but 1.6."""

    class Door(ServerConnection):
        def connection_lost(self, exc: Exception | None) -> None:
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
