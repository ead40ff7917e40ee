"""Listening sockets that count before anything is spent on a connection.

asyncio tells a protocol of a connection only after its TLS handshake. Until then it keeps a socket and a buffer of
256 kB for whoever has connected and says nothing, and however many they are. So the limits stand where connections come
in, at accept(2): one too many is closed there and nobody else hears of it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from drivers.base import is_loopback


@dataclass(slots=True)
class Room:
    """How many connections one listener has at once, over all of its addresses."""

    most: int
    most_of_an_address: int
    """Not for this machine's own programs: a reverse proxy brings everybody from one address"""
    _open: MutableMapping[socket.socket, str] = field(default_factory=WeakKeyDictionary)

    @property
    def taken(self) -> int:
        return len(self._addresses())

    def take(self, connection: socket.socket, address: str) -> bool:
        """Whether there is room for it; it is kept until the connection is closed."""
        addresses = self._addresses()
        crowded = not is_loopback(address) and addresses.count(address) >= self.most_of_an_address
        if crowded or len(addresses) >= self.most:
            return False
        self._open[connection] = address
        return True

    def _addresses(self) -> list[str]:
        return [address for connection, address in self._open.items() if connection.fileno() != -1]


class _Listening(socket.socket):
    room: Room

    def accept(self) -> tuple[socket.socket, tuple[object, ...]]:
        """Raises ConnectionAbortedError for one too many; to asyncio that is one that went away while it waited."""
        connection, address = super().accept()
        if not self.room.take(connection, str(address[0])):
            connection.close()
            raise ConnectionAbortedError
        return connection, address


async def listening(host: str, port: int, room: Room) -> Sequence[socket.socket]:
    """A socket for each address of the host, as ``loop.create_server`` makes them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[_Listening] = []
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            bound = socket.create_server(address, family=family)
            one = _Listening(fileno=bound.detach())
            one.room = room
            sockets.append(one)
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets
