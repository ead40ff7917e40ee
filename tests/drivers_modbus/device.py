"""A Modbus TCP device on a real socket that can also misbehave in every way that devices do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

Answer = bytes | None


@dataclass(frozen=True, slots=True)
class Request:
    """A request to read registers, as it came."""

    transaction: int
    unit: int
    function: int
    start: int
    count: int

    def frame(self, pdu: bytes, *, transaction: int | None = None, unit: int | None = None) -> bytes:
        number = self.transaction if transaction is None else transaction
        whose = self.unit if unit is None else unit
        return number.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes([whose]) + pdu

    def exception(self, code: int) -> bytes:
        return self.frame(bytes([self.function | 0x80, code]))

    def registers(self, words: list[int]) -> bytes:
        data = b"".join(word.to_bytes(2, "big") for word in words)
        return self.frame(bytes([self.function, len(data)]) + data)


@dataclass
class Device:
    """Serves registers per unit. ``trick`` may answer instead: bytes, b"" for silence, or None to leave it be."""

    units: Mapping[int, Mapping[int, int]]
    trick: Callable[[Request], Answer] = lambda request: None
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        await until(lambda: not self._writers)

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()

    def say(self, data: bytes) -> None:
        """Sends bytes to everyone, asked or not."""
        for writer in self._writers:
            writer.write(data)

    @property
    def open_connections(self) -> int:
        return len(self._writers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(12)
                request = Request(
                    int.from_bytes(head[0:2], "big"),
                    head[6],
                    head[7],
                    int.from_bytes(head[8:10], "big"),
                    int.from_bytes(head[10:12], "big"),
                )
                self.requests.append(request)
                answer = self.trick(request)
                writer.write(self._honest(request) if answer is None else answer)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()

    def _honest(self, request: Request) -> bytes:
        unit = self.units.get(request.unit)
        if unit is None:
            return request.exception(11)
        words = [unit.get(address) for address in range(request.start, request.start + request.count)]
        known = [word for word in words if word is not None]
        return request.registers(known) if len(known) == len(words) else request.exception(2)


@asynccontextmanager
async def serving(
    units: Mapping[int, Mapping[int, int]], trick: Callable[[Request], Answer] | None = None
) -> AsyncIterator[Device]:
    device = Device(units, trick or (lambda request: None))
    await device.start()
    try:
        yield device
    finally:
        await device.stop()


async def until(condition: Callable[[], object]) -> None:
    """Waits for what is about to happen."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen within 2 s")


@contextmanager
def black_hole() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops whoever asks for one more."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])
