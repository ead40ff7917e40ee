"""One connection for everything behind one address or serial port; the only file that knows pymodbus.

Many devices take one client at a time (SolarEdge, Huawei), and a gateway has several units behind one address. So all
meters on the same line share a *link*, and requests take turns on its *connection*, in the order in which they came.

A connection is a lifetime: it opens when the first meter asks for it, and closes when the last one lets go. When it
breaks, everyone on it gets a DeviceError and starts again, because a device that restarted may have moved its
registers. A unit that is silent costs the others nothing but their turn, as long as they are answered themselves; on
RTU the line is opened anew after each silence, without anybody noticing (``drivers.modbus_line`` says why).

What the pieces of the standard's exceptions mean here (Modbus Application Protocol V1.1b3, section 7):

1, 2, 3   Refused      these registers are not served; asking again is pointless
4         Failed       the device had an internal fault; ask again soon
5, 6      Busy         ask again later, and less often; the connection is fine
10, 11    DeviceError  a gateway does not reach the unit
"""

from __future__ import annotations

import asyncio
import logging
import termios
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Never

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from drivers.base import DeviceError
from drivers.cancelling import heeded
from drivers.modbus_blocks import Absent, Read, Refused, Space, Span
from drivers.modbus_line import WRITE, Asked, Framer, Line, SerialLine, TcpLine, garbled, rtu_answer
from hemsd.said import said

# Whatever pymodbus has to say reaches us as an exception or a time-out, and is then said once instead of each time.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

TRIES = 2  # the first request after a connect is the one that gets lost
SETTLE_S = 0.1  # before an RTU line is opened anew: what is late arrives while nobody listens
NEVER_S = 3600.0  # time-outs are ours: pymodbus waits its own out even when the connection is gone
SILENCES = 2  # so many unanswered reads in a row, from whichever unit: the connection is dead


class Busy(DeviceError):
    """The device asks for patience (exceptions 5 and 6)."""


class Failed(DeviceError):
    """The device had a fault inside (exception 4)."""


_Client = AsyncModbusTcpClient | AsyncModbusSerialClient


class Connection:
    """One open connection. Made by ModbusLink."""

    def __init__(self, line: Line, pause_s: float) -> None:
        self.users = 0
        self.lost: str | None = None
        """Why it can't be used any more."""
        self._line = line
        self._pause_s = max(pause_s, line.gap_s)
        self._turn = asyncio.Lock()
        self._deadline: asyncio.Timeout | None = None
        self._asked: Asked | None = None
        self._unanswered = False  # whoever asked last had no patience left
        self._silences = 0
        self._client = self._dialled()

    def _dialled(self) -> _Client:
        """A client that has not connected yet; what an earlier one of ours still has to say no longer matters."""

        def connected(up: bool) -> None:
            if client is self._client and not up:
                self._lose(f"{self._line.place} closed the connection")

        def packet(sending: bool, data: bytes) -> bytes:
            return data if sending else self._heard(data) if client is self._client else b""

        client: _Client
        match self._line:
            case TcpLine(host, port, framer):
                client = AsyncModbusTcpClient(
                    host,
                    port=port,
                    framer=FramerType.RTU if framer is Framer.RTU else FramerType.SOCKET,
                    reconnect_delay=0,  # a new lifetime is the driver's business
                    retries=0,
                    timeout=NEVER_S,
                    trace_connect=connected,
                    trace_packet=packet,
                )
            case SerialLine(device, baud, parity, stopbits):
                client = AsyncModbusSerialClient(
                    device,
                    baudrate=baud,
                    parity=parity,
                    stopbits=stopbits,
                    reconnect_delay=0,
                    retries=0,
                    timeout=NEVER_S,
                    trace_connect=connected,
                    trace_packet=packet,
                )
        return client

    async def open(self, timeout_s: float) -> None:
        try:
            with heeded():
                async with asyncio.timeout(timeout_s):
                    connected = await self._client.connect()
        except TimeoutError:
            raise DeviceError(said("modbus.no_connection", "{place} does not answer", place=self._line.place)) from None
        except termios.error as error:  # no OSError, and so not caught by pymodbus
            raise DeviceError(
                said(
                    "modbus.not_set_up",
                    "{line} can't be set up: {error}",
                    line=str(self._line),
                    error=str(error.args[-1]),
                )
            ) from error
        if not connected:  # pymodbus keeps the reason for itself
            if isinstance(self._line, SerialLine):
                raise DeviceError(
                    said(
                        "modbus.not_opened",
                        "{place} can't be opened: is it plugged in, and may hemsd use it?",
                        place=self._line.place,
                    )
                )
            raise DeviceError(
                said(
                    "modbus.unreachable", "{place} can't be reached, or refuses the connection", place=self._line.place
                )
            )

    async def _reopen(self, timeout_s: float) -> None:
        """Loses what may still be on its way. Raises DeviceError when the line can't be opened again."""
        old, self._client = self._client, self._dialled()
        self._unanswered = False
        old.close()
        await asyncio.sleep(SETTLE_S)
        if self.lost:
            raise DeviceError(self.lost)
        try:
            await self.open(timeout_s)
        except DeviceError as error:
            self._lose(str(error))
            raise

    def close(self) -> None:
        self.lost = self.lost or said("modbus.closed", "the connection was closed")
        self._client.close()

    async def read(self, unit: int, span: Span, timeout_s: float) -> list[int]:
        """The words of ``span``. Raises Refused, Failed, Busy, or any other DeviceError."""
        return await self._exchange(unit, span, None, timeout_s)

    async def write(self, unit: int, start: int, words: Sequence[int], timeout_s: float) -> None:
        """Puts ``words`` into holding registers. Raises the same."""
        await self._exchange(unit, Span(start, len(words)), words, timeout_s)

    async def _exchange(self, unit: int, span: Span, words: Sequence[int] | None, timeout_s: float) -> list[int]:
        """One request, and its answer; ``words`` are to be written."""
        async with self._turn:
            for _ in range(TRIES):
                if self.lost:
                    raise DeviceError(self.lost)
                if self._unanswered and self._line.is_rtu:
                    await self._reopen(timeout_s)
                if self._pause_s:
                    await asyncio.sleep(self._pause_s)  # the device's own time, whatever clock the house lives by
                answer = await self._ask(unit, span, words, timeout_s)
                if answer is not None:
                    self._silences = 0
                    return answer
            self._silences += 1
            if self._silences >= SILENCES:
                self._lose(said("modbus.fell_silent", "{place} does not answer any more", place=self._line.place))
                self.close()
            raise DeviceError(
                said(
                    "modbus.no_answer",
                    "{place} unit {unit} does not answer within {timeout_s:g} s",
                    place=self._line.place,
                    unit=unit,
                    timeout_s=timeout_s,
                )
            )

    def reader(self, unit: int, timeout_s: float) -> Read:
        """``read`` for one unit."""

        async def read(span: Span) -> list[int]:
            return await self.read(unit, span, timeout_s)

        return read

    async def _ask(self, unit: int, span: Span, words: Sequence[int] | None, timeout_s: float) -> list[int] | None:
        """One request; None is silence."""
        self._unanswered = True
        try:
            with heeded():
                async with asyncio.timeout(timeout_s) as self._deadline:
                    answer = await self._request(unit, span, words)
        except TimeoutError:
            if self.lost:
                raise DeviceError(self.lost) from None
            return None
        except ModbusException as error:
            if self.lost:  # during the pause before this request
                raise DeviceError(self.lost) from None
            raise DeviceError(
                said(
                    "modbus.error", "{place} unit {unit}: {error}", place=self._line.place, unit=unit, error=str(error)
                )
            ) from error
        finally:
            self._deadline = self._asked = None
        self._unanswered = False
        if answer.isError():
            self._silences = 0
            _raise(answer.exception_code, unit, span)
        if words is None and len(answer.registers) != span.count:
            raise DeviceError(
                said(
                    "modbus.wrong_count",
                    "{place} unit {unit} answers with {got} registers instead of {wanted}",
                    place=self._line.place,
                    unit=unit,
                    got=len(answer.registers),
                    wanted=span.count,
                )
            )
        return list(answer.registers)

    async def _request(self, unit: int, span: Span, words: Sequence[int] | None) -> ModbusPDU:
        client = self._client
        if words is not None:
            self._asked = Asked(unit, WRITE, span.count)
            return await client.write_registers(span.start, list(words), device_id=unit)
        self._asked = Asked(unit, 3 if span.space is Space.HOLDING else 4, span.count)
        request = client.read_holding_registers if span.space is Space.HOLDING else client.read_input_registers
        return await request(span.start, count=span.count, device_id=unit)

    def _heard(self, data: bytes) -> bytes:
        """Sees all bytes. Nonsense ends here: inside pymodbus it would raise in the event loop's own callback."""
        if self._line.is_rtu:
            return rtu_answer(data, self._asked) if self._asked else b""
        if not garbled(data):
            return data
        self._lose(
            said("modbus.no_modbus", "{place} answers with something that is not Modbus TCP", place=self._line.place)
        )
        self._client.close()
        return b""

    def _lose(self, why: str) -> None:
        self.lost = self.lost or why
        if self._deadline and not self._deadline.expired():
            self._deadline.reschedule(0)  # whoever waits for an answer need not wait any longer


def _raise(code: int, unit: int, span: Span) -> Never:
    match code:
        case 1 | 2 | 3:
            raise Refused(
                said(
                    "modbus.refused",
                    "unit {unit} does not serve {space} registers {first} to {last}",
                    unit=unit,
                    space=span.space,
                    first=str(span.start),
                    last=str(span.end - 1),
                )
            )
        case 4:
            raise Failed(
                said("modbus.failed", "unit {unit} reports a fault of its own (Modbus exception 4)", unit=unit)
            )
        case 5 | 6:
            raise Busy(said("modbus.busy", "unit {unit} is busy (Modbus exception {code})", unit=unit, code=code))
        case 10:
            raise Absent(
                said("modbus.absent", "the gateway does not reach unit {unit} (Modbus exception 10)", unit=unit)
            )
        case 11:
            raise DeviceError(
                said("modbus.no_target", "the gateway does not reach unit {unit} (Modbus exception 11)", unit=unit)
            )
        case _:
            raise DeviceError(
                said("modbus.exception", "unit {unit} answers with Modbus exception {code}", unit=unit, code=code)
            )


class ModbusLink:
    """All that one line has behind it."""

    def __init__(self, line: Line) -> None:
        self.line = line
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
        connection = Connection(self.line, self._pause_s)
        try:
            await connection.open(timeout_s)
            await asyncio.sleep(self._connect_delay_s)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection
