"""One Modbus TCP connection for everything behind one address; the only file that knows pymodbus.

Many devices take one client at a time (SolarEdge, Huawei), and a gateway has several units behind one address. So all
meters with the same host and port share a *link*, and requests take turns on its *connection*, in the order in which
they came.

A connection is a lifetime: it opens when the first meter asks for it, and closes when the last one lets go. When it
breaks, everyone on it gets a DeviceError and starts again, because a device that restarted may have moved its
registers. A unit that is silent costs the others nothing but their turn, as long as they are answered themselves.

What the pieces of the standard's exceptions mean here (Modbus Application Protocol V1.1b3, section 7):

1, 2, 3   Refused      these registers are not served; asking again is pointless
4         Failed       the device had an internal fault; ask again soon
5, 6      Busy         ask again later, and less often; the connection is fine
10, 11    DeviceError  a gateway does not reach the unit
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Never

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from drivers.base import DeviceError
from drivers.modbus_blocks import Read, Refused, Space, Span

# Whatever pymodbus has to say reaches us as an exception or a time-out, and is then said once instead of each time.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

TRIES = 2  # the first request after a connect is the one that gets lost
SILENCES = 2  # so many unanswered reads in a row, from whichever unit: the connection is dead


class Busy(DeviceError):
    """The device asks for patience (exceptions 5 and 6)."""


class Failed(DeviceError):
    """The device had a fault inside (exception 4)."""


class Connection:
    """One open TCP connection. Made by ModbusLink."""

    def __init__(self, host: str, port: int, pause_s: float) -> None:
        self.users = 0
        self.lost: str | None = None
        """Why it can't be used any more."""
        self._where = f"{host}:{port}"
        self._pause_s = pause_s
        self._turn = asyncio.Lock()
        self._deadline: asyncio.Timeout | None = None
        self._silences = 0
        self._client = AsyncModbusTcpClient(
            host,
            port=port,
            reconnect_delay=0,  # a new lifetime is the driver's business
            retries=0,
            timeout=3600,  # time-outs are ours: pymodbus waits its own out even when the connection is gone
            trace_connect=self._connected,
            trace_packet=self._packet,
        )

    async def open(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                connected = await self._client.connect()
        except TimeoutError:
            raise DeviceError(f"{self._where} does not answer") from None
        if not connected:  # pymodbus keeps the reason for itself
            raise DeviceError(f"{self._where} can't be reached, or refuses the connection")

    def close(self) -> None:
        self.lost = self.lost or "the connection was closed"
        self._client.close()

    async def read(self, unit: int, span: Span, timeout_s: float) -> list[int]:
        """The words of ``span``. Raises Refused, Failed, Busy, or any other DeviceError."""
        async with self._turn:
            for _ in range(TRIES):
                if self.lost:
                    raise DeviceError(self.lost)
                if self._pause_s:
                    await asyncio.sleep(self._pause_s)  # the device's own time, whatever clock the house lives by
                words = await self._ask(unit, span, timeout_s)
                if words is not None:
                    self._silences = 0
                    return words
            self._silences += 1
            if self._silences >= SILENCES:
                self._lose(f"{self._where} does not answer any more")
                self.close()
            raise DeviceError(f"{self._where} unit {unit} does not answer within {timeout_s:g} s")

    def reader(self, unit: int, timeout_s: float) -> Read:
        """``read`` for one unit."""

        async def read(span: Span) -> list[int]:
            return await self.read(unit, span, timeout_s)

        return read

    async def _ask(self, unit: int, span: Span, timeout_s: float) -> list[int] | None:
        """One request; None is silence."""
        client = self._client
        request = client.read_holding_registers if span.space is Space.HOLDING else client.read_input_registers
        try:
            async with asyncio.timeout(timeout_s) as self._deadline:
                answer = await request(span.start, count=span.count, device_id=unit)
        except TimeoutError:
            if self.lost:
                raise DeviceError(self.lost) from None
            return None
        except ModbusException as error:
            raise DeviceError(f"{self._where} unit {unit}: {error}") from error
        finally:
            self._deadline = None
        if answer.isError():
            self._silences = 0
            _raise(answer.exception_code, unit, span)
        if len(answer.registers) != span.count:
            raise DeviceError(
                f"{self._where} unit {unit} answers with {len(answer.registers)} registers instead of {span.count}"
            )
        return list(answer.registers)

    def _connected(self, connected: bool) -> None:
        if not connected:
            self._lose(f"{self._where} closed the connection")

    def _packet(self, sending: bool, data: bytes) -> bytes:
        """Sees all bytes. Nonsense ends here: inside pymodbus it would raise in the event loop's own callback."""
        if sending or not garbled(data):
            return data
        self._lose(f"{self._where} answers with something that is not Modbus TCP")
        self._client.close()
        return b""

    def _lose(self, why: str) -> None:
        self.lost = self.lost or why
        if self._deadline and not self._deadline.expired():
            self._deadline.reschedule(0)  # whoever waits for an answer need not wait any longer


def garbled(data: bytes) -> bool:
    """Whether a complete frame in ``data`` can't be an answer to a reading of registers.

    Frame: transaction (2 bytes), protocol 0 (2), length of the rest (2), unit (1), function (1), then the number of
    bytes and the bytes, or an exception code (Modbus Messaging on TCP/IP V1.0b, section 3.1).
    """
    while len(data) >= 8:
        length = int.from_bytes(data[4:6], "big")
        if data[2:4] != b"\0\0" or not 2 <= length <= 254 or data[7] & 0x7F not in (3, 4):
            return True
        frame, data = data[: 6 + length], data[6 + length :]
        if len(frame) < 6 + length:
            return False  # the rest may still come
        if not frame[7] & 0x80 and (length < 3 or frame[8] != length - 3):
            return True
    return False


def _raise(code: int, unit: int, span: Span) -> Never:
    match code:
        case 1 | 2 | 3:
            raise Refused(f"unit {unit} does not serve {span.space} registers {span.start} to {span.end - 1}")
        case 4:
            raise Failed(f"unit {unit} reports a fault of its own (Modbus exception 4)")
        case 5 | 6:
            raise Busy(f"unit {unit} is busy (Modbus exception {code})")
        case 10 | 11:
            raise DeviceError(f"the gateway does not reach unit {unit} (Modbus exception {code})")
        case _:
            raise DeviceError(f"unit {unit} answers with Modbus exception {code}")


class ModbusLink:
    """All that one host and port have behind them."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._pause_s = 0.0
        self._connect_delay_s = 0.0
        self._opening = asyncio.Lock()
        self._connection: Connection | None = None

    def be_gentle(self, *, pause_s: float, connect_delay_s: float) -> None:
        """Somebody behind this address needs so much time before each request, and after a connect."""
        self._pause_s = max(self._pause_s, pause_s)
        self._connect_delay_s = max(self._connect_delay_s, connect_delay_s)

    @asynccontextmanager
    async def connection(self, timeout_s: float) -> AsyncIterator[Connection]:
        """The connection that all share, opened when there is none. Raises DeviceError."""
        async with self._opening:
            connection = self._connection
            if connection is None or connection.lost:
                connection = await self._open(timeout_s)
            connection.users += 1
        try:
            yield connection
        finally:
            connection.users -= 1
            if not connection.users:
                connection.close()

    async def _open(self, timeout_s: float) -> Connection:
        connection = Connection(self.host, self.port, self._pause_s)
        try:
            await connection.open(timeout_s)
            await asyncio.sleep(self._connect_delay_s)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection
