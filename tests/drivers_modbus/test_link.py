"""One connection for an address, on real sockets, with devices that misbehave."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.base import DeviceError
from drivers.modbus_blocks import Absent, Refused, Space, Span
from drivers.modbus_line import TcpLine
from drivers.modbus_link import Busy, Failed, ModbusLink
from tests.drivers_modbus.device import Device, Request, serving, until

UNIT = {1: {address: address for address in range(200)}}
TIMEOUT_S = 0.1


async def read(device: Device) -> list[int]:
    async with ModbusLink(TcpLine("127.0.0.1", device.port)).connection(1.0) as connection:
        return await connection.read(1, Span(10, 3), TIMEOUT_S)


async def test_registers_of_an_independent_server_arrive() -> None:
    device = SimDevice(
        7,
        (
            [SimData(0, datatype=DataType.BITS, values=[True] * 16)],
            [SimData(0, datatype=DataType.BITS, values=[True] * 16)],
            [SimData(100, values=[1, 2, 0xFFFF], datatype=DataType.REGISTERS)],
            [SimData(100, values=[4, 5, 6], datatype=DataType.REGISTERS)],
        ),
    )
    server = ModbusTcpServer(device, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        async with ModbusLink(TcpLine("127.0.0.1", port)).connection(1.0) as connection:
            assert await connection.read(7, Span(100, 3), 1.0) == [1, 2, 0xFFFF]
            assert await connection.read(7, Span(101, 2, Space.INPUT), 1.0) == [5, 6]
            with pytest.raises(Refused, match="holding registers 102 to 103"):
                await connection.read(7, Span(102, 2), 1.0)
    finally:
        await server.shutdown()


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: nobody else gets it, and it refuses
        link = ModbusLink(TcpLine("127.0.0.1", taken.getsockname()[1]))
        with pytest.raises(DeviceError, match="refuses the connection"):
            async with link.connection(1.0):
                pass


async def test_silence_is_given_up_after_a_second_try() -> None:
    async with serving(UNIT, lambda request: b"") as device:
        began_s = time.monotonic()
        with pytest.raises(DeviceError, match=r"unit 1 does not answer within 0\.1 s"):
            await read(device)
        assert time.monotonic() - began_s < 4 * TIMEOUT_S
        assert len(device.requests) == 2


async def test_a_first_request_that_gets_lost_is_asked_again() -> None:
    async with serving(UNIT) as device:
        device.trick = lambda request: b"" if len(device.requests) == 1 else None
        assert await read(device) == [10, 11, 12]


@pytest.mark.parametrize("code", [1, 2, 3])
async def test_registers_that_are_not_there_are_refused(code: int) -> None:
    async with serving(UNIT, lambda request: request.exception(code)) as device:
        with pytest.raises(Refused):
            await read(device)
        assert len(device.requests) == 1


@pytest.mark.parametrize(("code", "error"), [(4, Failed), (5, Busy), (6, Busy), (10, Absent), (11, DeviceError)])
async def test_a_trouble_is_told_from_the_others_and_keeps_the_connection(code: int, error: type[DeviceError]) -> None:
    async with serving(UNIT) as device:
        device.trick = lambda request: request.exception(code) if len(device.requests) == 1 else None
        async with ModbusLink(TcpLine("127.0.0.1", device.port)).connection(1.0) as connection:
            with pytest.raises(error) as caught:
                await connection.read(1, Span(10, 3), TIMEOUT_S)
            assert caught.type is error
            assert await connection.read(1, Span(10, 3), TIMEOUT_S) == [10, 11, 12]
        assert device.connections == 1


async def test_fewer_registers_than_asked_for_are_no_answer() -> None:
    async with serving(UNIT, lambda request: request.registers([10, 11])) as device:
        with pytest.raises(DeviceError, match="2 registers instead of 3"):
            await read(device)


async def test_half_a_frame_is_silence() -> None:
    async with serving(UNIT, lambda request: request.registers([10, 11, 12])[:10]) as device:
        with pytest.raises(DeviceError, match="does not answer"):
            await read(device)


async def test_an_answer_that_comes_in_pieces_is_whole() -> None:
    async with serving(UNIT) as device:
        whole: list[bytes] = []

        def drip(request: Request) -> bytes:
            whole.append(request.registers([10, 11, 12]))
            return whole[0][:5]

        device.trick = drip
        async with (
            ModbusLink(TcpLine("127.0.0.1", device.port)).connection(1.0) as connection,
            asyncio.TaskGroup() as group,
        ):
            answer = group.create_task(connection.read(1, Span(10, 3), 1.0))
            await until(lambda: whole)
            device.say(whole[0][5:])
            assert await answer == [10, 11, 12]


@pytest.mark.parametrize("what", ["another transaction", "another unit"])
async def test_somebody_elses_answer_is_not_ours(what: str) -> None:
    def stranger(request: Request) -> bytes:
        pdu = bytes([3, 6, 0, 1, 0, 1, 0, 1])
        if what == "another unit":
            return request.frame(pdu, unit=request.unit + 1)
        return request.frame(pdu, transaction=request.transaction + 77)

    async with serving(UNIT, stranger) as device:
        with pytest.raises(DeviceError, match="does not answer"):
            await read(device)


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next() -> None:
    async with serving(UNIT) as device:
        late: list[bytes] = []

        def slow(request: Request) -> bytes | None:
            if len(device.requests) == 1:
                late.append(request.registers([99, 99, 99]))
                return b""
            return late.pop() + request.registers([10, 11, 12]) if late else None

        device.trick = slow
        assert await read(device) == [10, 11, 12]


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        bytes.fromhex("0001 0000 0009 01 03 40 0001 0002 0003"),  # 64 bytes are announced, 6 come
        bytes.fromhex("0001 0000 0005 01 10 0000 03"),  # the answer to a write
        bytes.fromhex("0001 0000 0900 01 03 06"),
    ],
)
async def test_what_is_not_modbus_ends_the_connection_at_once(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(UNIT, lambda request: garbage) as device:
        with pytest.raises(DeviceError, match="not Modbus TCP"):
            await read(device)
        assert len(device.requests) == 1
    assert not caplog.records


async def test_a_device_that_hangs_up_is_noticed_long_before_the_timeout() -> None:
    async with serving(UNIT) as device:

        def hang_up(request: Request) -> bytes:
            device.hang_up()
            return b""

        device.trick = hang_up
        async with ModbusLink(TcpLine("127.0.0.1", device.port)).connection(1.0) as connection:
            async with asyncio.timeout(1.0):
                with pytest.raises(DeviceError, match="closed the connection"):
                    await connection.read(1, Span(10, 3), 30.0)


async def test_a_lost_connection_stays_lost_and_the_next_one_is_new() -> None:
    async with serving(UNIT) as device:
        link = ModbusLink(TcpLine("127.0.0.1", device.port))
        async with link.connection(1.0) as old:
            await old.read(1, Span(10, 3), TIMEOUT_S)
            device.hang_up()
            await until(lambda: old.lost)
            async with link.connection(1.0) as new:
                assert await new.read(1, Span(10, 3), TIMEOUT_S) == [10, 11, 12]
                with pytest.raises(DeviceError, match="closed the connection"):
                    await old.read(1, Span(10, 3), TIMEOUT_S)
        assert device.connections == 2


async def test_several_units_take_turns_on_one_connection() -> None:
    units = {unit: {address: 100 * unit + address for address in range(20)} for unit in range(1, 6)}
    async with serving(units) as device:
        link = ModbusLink(TcpLine("127.0.0.1", device.port))

        async def of(unit: int) -> list[int]:
            async with link.connection(1.0) as connection:
                for _ in range(5):
                    words = await connection.read(unit, Span(7, 2), 1.0)
                return words

        answers = await asyncio.gather(*map(of, units))
        assert answers == [[100 * unit + 7, 100 * unit + 8] for unit in units]
        assert device.connections == 1


async def test_a_unit_that_is_silent_does_not_take_the_connection_from_one_that_answers() -> None:
    async with (
        serving({1: UNIT[1], 2: {}}, lambda request: b"" if request.unit == 2 else None) as device,
        ModbusLink(TcpLine("127.0.0.1", device.port)).connection(1.0) as connection,
    ):
        for _ in range(3):
            with pytest.raises(DeviceError, match="unit 2 does not answer"):
                await connection.read(2, Span(10, 3), 0.05)
            assert await connection.read(1, Span(10, 3), 1.0) == [10, 11, 12]


async def test_a_connection_on_which_nobody_answers_any_more_is_given_up_for_all() -> None:
    async with (
        serving(UNIT, lambda request: b"") as device,
        ModbusLink(TcpLine("127.0.0.1", device.port)).connection(1.0) as connection,
    ):
        for unit in (1, 2):
            with pytest.raises(DeviceError, match="does not answer within"):
                await connection.read(unit, Span(10, 3), 0.05)
        with pytest.raises(DeviceError, match="does not answer any more"):
            await connection.read(1, Span(10, 3), 0.05)


async def test_a_reader_that_is_cancelled_leaves_the_connection_usable() -> None:
    async with (
        serving(UNIT, lambda request: b"" if request.start == 50 else None) as device,
        ModbusLink(TcpLine("127.0.0.1", device.port)).connection(1.0) as connection,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await connection.read(1, Span(50, 1), 30.0)
        assert await connection.read(1, Span(10, 3), 1.0) == [10, 11, 12]


async def test_the_connection_closes_when_the_last_one_lets_go() -> None:
    async with serving(UNIT) as device:
        link = ModbusLink(TcpLine("127.0.0.1", device.port))
        async with link.connection(1.0) as first:
            async with link.connection(1.0) as second:
                assert first is second
            assert await first.read(1, Span(10, 3), TIMEOUT_S) == [10, 11, 12]
        await until(lambda: device.open_connections == 0)


async def test_a_cancellation_in_the_moment_of_the_answer_is_not_lost() -> None:
    """Python 3.11's wait_for, in pymodbus, would give the answer and forget that it was cancelled."""
    async with serving(UNIT) as device, ModbusLink(TcpLine("127.0.0.1", device.port)).connection(1.0) as connection:
        went_on: list[int] = []

        async def reads() -> None:
            went_on.extend(await connection.read(1, Span(10, 3), 1.0))

        for turns in range(40):  # whichever turn of the event loop it is
            reading = asyncio.ensure_future(reads())
            for _ in range(turns):
                await asyncio.sleep(0)
            before = len(went_on)
            if reading.cancel():
                await asyncio.gather(reading, return_exceptions=True)
                assert reading.cancelled(), turns
                assert len(went_on) == before
            await asyncio.sleep(0.002)
        assert await connection.read(1, Span(10, 3), 1.0) == [10, 11, 12]
