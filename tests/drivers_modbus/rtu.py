"""RTU devices on real ports of this machine: a gateway on TCP, and a serial line made of pseudo terminals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import tty
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.modbus_line import crc


@dataclass(frozen=True, slots=True)
class Request:
    """A request to read registers, as it came."""

    unit: int
    function: int
    start: int
    count: int
    at_s: float

    def frame(self, pdu: bytes, unit: int | None = None) -> bytes:
        frame = bytes([self.unit if unit is None else unit]) + pdu
        return frame + crc(frame)

    def registers(self, words: list[int]) -> bytes:
        data = b"".join(word.to_bytes(2, "big") for word in words)
        return self.frame(bytes([self.function, len(data)]) + data)

    def exception(self, code: int) -> bytes:
        return self.frame(bytes([self.function | 0x80, code]))


@dataclass
class Line:
    """Units that share a line. ``trick`` may answer instead: bytes, b"" for silence, or None to leave it be."""

    units: Mapping[int, Mapping[int, int]]
    trick: Callable[[Request], bytes | None] = lambda request: None
    requests: list[Request] = field(default_factory=list)
    answered_s: list[float] = field(default_factory=list)

    def hear(self, data: bytes) -> bytes:
        """A request's frame comes; gives what goes back over the line."""
        assert crc(data[:6]) == data[6:8]
        request = Request(
            data[0], data[1], int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big"), time.monotonic()
        )
        self.requests.append(request)
        answer = self.trick(request)
        if answer is None:
            registers = self.units.get(request.unit)
            if registers is None:
                return b""  # nobody there: silence, as on every serial line
            words = [registers.get(request.start + index) for index in range(request.count)]
            known = [word for word in words if word is not None]
            answer = request.registers(known) if len(known) == len(words) else request.exception(2)
        self.answered_s.append(time.monotonic())
        return answer


@dataclass
class Gateway:
    """A transparent gateway: what the line says goes to whoever is connected at that moment."""

    line: Line
    port: int = 0
    connections: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def say(self, data: bytes) -> None:
        for writer in self.writers:
            writer.write(data)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                writer.write(self.line.hear(await reader.readexactly(8)))
        self.writers.discard(writer)
        writer.close()


@asynccontextmanager
async def gateway(line: Line) -> AsyncIterator[Gateway]:
    made = Gateway(line)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for writer in made.writers:
            writer.close()


@dataclass
class Terminal:
    """The device's end of a serial line; ``path`` is the port that the other end opens."""

    path: str
    master: int
    is_plugged: bool = True

    def say(self, data: bytes) -> None:
        os.write(self.master, data)

    def unplug(self) -> None:
        if self.is_plugged:
            self.is_plugged = False
            asyncio.get_running_loop().remove_reader(self.master)
            os.close(self.master)


@contextmanager
def terminal() -> AsyncIterator[Terminal]:  # type: ignore[misc]
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    made = Terminal(os.ttyname(slave), master)
    try:
        yield made
    finally:
        made.unplug()
        os.close(slave)


@asynccontextmanager
async def serial_line(line: Line) -> AsyncIterator[Terminal]:
    """The units of ``line`` behind a serial port."""
    buffer = bytearray()
    with terminal() as port:

        def readable() -> None:
            buffer.extend(os.read(port.master, 256))
            while len(buffer) >= 8:
                request, buffer[:8] = bytes(buffer[:8]), b""
                port.say(line.hear(request))

        asyncio.get_running_loop().add_reader(port.master, readable)
        yield port


@asynccontextmanager
async def cable() -> AsyncIterator[tuple[str, str]]:
    """Two serial ports joined, as socat does it."""
    with terminal() as left, terminal() as right:

        def carry(source: Terminal, target: Terminal) -> None:
            target.say(os.read(source.master, 256))

        loop = asyncio.get_running_loop()
        loop.add_reader(left.master, carry, left, right)
        loop.add_reader(right.master, carry, right, left)
        yield left.path, right.path


def sim_device(unit: int, registers: list[int], start: int = 100) -> SimDevice:
    """A device of pymodbus's own server, with the same holding and input registers."""
    bits = [SimData(0, datatype=DataType.BITS, values=[True] * 16)]
    values = [SimData(start, values=registers, datatype=DataType.REGISTERS)]
    return SimDevice(unit, (bits, bits, values, values))
