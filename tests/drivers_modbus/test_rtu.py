"""RTU over TCP and on serial ports: frames without a number, several units on one line, and what comes late."""

from __future__ import annotations

import asyncio

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

from drivers.base import DeviceError
from drivers.modbus import ModbusSettings, build
from drivers.modbus_blocks import Refused, Space, Span
from drivers.modbus_line import Asked, Framer, SerialLine, TcpLine, crc, rtu_answer
from drivers.modbus_link import ModbusLink
from hemsd.clock import SystemClock
from hemsd.model import MeterReading, Role
from tests.drivers_modbus.device import until
from tests.drivers_modbus.images import fronius_meter
from tests.drivers_modbus.rtu import Gateway, Line, Request, cable, gateway, serial_line, sim_device

REGISTERS = {address: address for address in range(200)}


def over_tcp(where: Gateway) -> ModbusLink:
    return ModbusLink(TcpLine("127.0.0.1", where.port, Framer.RTU))


# Frames


ASKED = Asked(unit=17, function=3, count=2)
FRAME = bytes([17, 3, 4, 0, 1, 0, 2])
FRAME += crc(FRAME)
REFUSAL = bytes([17, 0x83, 2])
REFUSAL += crc(REFUSAL)


def test_the_checksum_is_that_of_the_standard() -> None:
    """Modbus over Serial Line V1.02, appendix B: the frame 02 07 has the checksum 1241 hex, low byte first."""
    assert crc(bytes([2, 7])) == bytes([0x41, 0x12])


@pytest.mark.parametrize("before", [b"", b"\0", b"\xff\x11\x03\x04", bytes([17, 3, 0, 10, 0, 2, 0x99, 0x99])])
@pytest.mark.parametrize("frame", [FRAME, REFUSAL])
def test_the_answer_is_found_behind_noise_and_echo(before: bytes, frame: bytes) -> None:
    assert rtu_answer(before + frame, ASKED) == frame


@pytest.mark.parametrize(
    "other",
    [
        Asked(unit=18, function=3, count=2),
        Asked(unit=17, function=4, count=2),
        Asked(unit=17, function=3, count=3),
        Asked(unit=17, function=3, count=1),
    ],
)
def test_the_answer_to_something_else_is_none(other: Asked) -> None:
    assert rtu_answer(FRAME, other) == b""


def test_half_an_answer_and_a_spoilt_one_are_none() -> None:
    for length in range(len(FRAME)):
        assert rtu_answer(FRAME[:length], ASKED) == b""
    assert rtu_answer(FRAME[:-1] + b"\0", ASKED) == b""


# Independent servers


async def test_an_independent_rtu_server_over_tcp_is_read() -> None:
    server = ModbusTcpServer(
        [sim_device(7, [1, 2, 0xFFFF]), sim_device(9, [4, 5, 6])], framer=FramerType.RTU, address=("127.0.0.1", 0)
    )
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        async with ModbusLink(TcpLine("127.0.0.1", port, Framer.RTU)).connection(1.0) as connection:
            assert await connection.read(7, Span(100, 3), 1.0) == [1, 2, 0xFFFF]
            assert await connection.read(9, Span(101, 2, Space.INPUT), 1.0) == [5, 6]
            with pytest.raises(Refused):
                await connection.read(7, Span(102, 2), 1.0)
    finally:
        await server.shutdown()


@pytest.mark.parametrize(("baud", "parity", "stopbits"), [(9600, "N", 1), (115200, "N", 2)])
async def test_an_independent_rtu_server_on_a_serial_port_is_read(baud: int, parity: str, stopbits: int) -> None:
    async with cable() as (theirs, ours):
        server = ModbusSerialServer(
            [sim_device(7, [1, 2, 3]), sim_device(9, [4, 5, 6])],
            port=theirs, baudrate=baud, parity=parity, stopbits=stopbits,
        )  # fmt: skip
        await server.serve_forever(background=True)
        line = SerialLine(ours, baud, parity, stopbits)  # type: ignore[arg-type]
        try:
            async with ModbusLink(line).connection(1.0) as connection:
                assert await connection.read(7, Span(100, 3), 1.0) == [1, 2, 3]
                assert await connection.read(9, Span(101, 2, Space.INPUT), 1.0) == [5, 6]
                with pytest.raises(Refused):
                    await connection.read(9, Span(102, 2), 1.0)
        finally:
            await server.shutdown()


# Lines that misbehave


async def test_units_on_one_line_take_turns_with_a_silence_between() -> None:
    line = Line({unit: {address: 100 * unit + address for address in range(20)} for unit in (1, 2, 3)})
    async with serial_line(line) as port:
        link = ModbusLink(SerialLine(port.path, baud=1200))

        async def of(unit: int) -> list[int]:
            async with link.connection(1.0) as connection:
                for _ in range(3):
                    words = await connection.read(unit, Span(7, 2), 1.0)
                return words

        assert await asyncio.gather(of(1), of(2), of(3)) == [[100 * unit + 7, 100 * unit + 8] for unit in (1, 2, 3)]
    assert [request.unit for request in line.requests] == [1, 2, 3] * 3
    silences_s = [
        asked.at_s - answered_s for asked, answered_s in zip(line.requests[1:], line.answered_s, strict=False)
    ]
    assert min(silences_s) >= 3.5 * 11 / 1200


async def test_a_late_answer_is_not_taken_for_the_next_one() -> None:
    """Both ask for two registers of the same unit: only the order on the line could tell the answers apart."""
    late: list[Request] = []

    def slow(request: Request) -> bytes | None:
        if request.start == 10:
            late.append(request)
            return b""
        return None

    async with gateway(Line({1: REGISTERS}, slow)) as where, over_tcp(where).connection(1.0) as connection:
        with pytest.raises(DeviceError, match="does not answer"):
            await connection.read(1, Span(10, 2), 0.05)
        where.say(late[0].registers([10, 11]))  # nobody waits for it any more
        assert await connection.read(1, Span(50, 2), 1.0) == [50, 51]
        assert where.connections == 3, "each silence cost the gateway's connection, and nothing else"


async def test_a_late_answer_on_a_serial_port_is_not_taken_for_the_next_one() -> None:
    line = Line({1: REGISTERS}, lambda request: b"" if request.start == 10 else None)
    async with serial_line(line) as port, ModbusLink(SerialLine(port.path)).connection(1.0) as connection:
        with pytest.raises(DeviceError, match="does not answer"):
            await connection.read(1, Span(10, 2), 0.05)
        port.say(line.requests[0].registers([10, 11]))
        assert await connection.read(1, Span(50, 2), 1.0) == [50, 51]


async def test_a_reader_that_gave_up_leaves_no_answer_behind() -> None:
    line = Line({1: REGISTERS}, lambda request: b"" if request.start == 10 else None)
    async with gateway(line) as where, over_tcp(where).connection(1.0) as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.read(1, Span(10, 2), 30.0)
        where.say(line.requests[0].registers([10, 11]))
        assert await connection.read(1, Span(50, 2), 1.0) == [50, 51]


@pytest.mark.slow
async def test_a_silent_unit_does_not_take_the_line_from_the_others() -> None:
    async with gateway(Line({1: REGISTERS})) as where, over_tcp(where).connection(1.0) as connection:
        for _ in range(3):
            with pytest.raises(DeviceError, match="unit 2 does not answer"):
                await connection.read(2, Span(10, 3), 0.02)
            assert await connection.read(1, Span(10, 3), 1.0) == [10, 11, 12]


async def test_a_line_on_which_nobody_answers_is_given_up() -> None:
    async with gateway(Line({})) as where, over_tcp(where).connection(1.0) as connection:
        for unit in (1, 2):
            with pytest.raises(DeviceError, match="does not answer within"):
                await connection.read(unit, Span(10, 3), 0.02)
        with pytest.raises(DeviceError, match="does not answer any more"):
            await connection.read(1, Span(10, 3), 0.02)


@pytest.mark.parametrize(
    "noise", [b"\0\0\0", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes([1, 16, 0, 10, 0, 3]), bytes([1, 3, 0xFF])]
)
async def test_noise_on_the_line_is_passed_over(noise: bytes, caplog: pytest.LogCaptureFixture) -> None:
    line = Line({1: REGISTERS}, lambda request: noise + request.registers([7, 8, 9]))
    async with gateway(line) as where, over_tcp(where).connection(1.0) as connection:
        assert await connection.read(1, Span(10, 3), 0.2) == [7, 8, 9]
    assert not caplog.records


async def test_an_adapter_that_echoes_the_request_is_understood() -> None:
    def echo(request: Request) -> bytes:
        asked = bytes([1, 3, 0, 10, 0, 3])
        return asked + crc(asked) + request.registers([7, 8, 9])

    async with serial_line(Line({}, echo)) as port, ModbusLink(SerialLine(port.path)).connection(1.0) as connection:
        assert await connection.read(1, Span(10, 3), 0.2) == [7, 8, 9]


async def test_an_answer_in_pieces_is_whole() -> None:
    line = Line({1: REGISTERS}, lambda request: request.registers([7, 8, 9])[:4])
    async with (
        serial_line(line) as port,
        ModbusLink(SerialLine(port.path)).connection(1.0) as connection,
        asyncio.TaskGroup() as group,
    ):
        answer = group.create_task(connection.read(1, Span(10, 3), 1.0))
        await until(lambda: line.requests)
        await asyncio.sleep(0.01)
        port.say(line.requests[0].registers([7, 8, 9])[4:])
        assert await answer == [7, 8, 9]


async def test_a_serial_port_that_is_pulled_out_is_noticed_at_once() -> None:
    async with serial_line(Line({1: REGISTERS})) as port, ModbusLink(SerialLine(port.path)).connection(1.0) as opened:
        assert await opened.read(1, Span(10, 3), 1.0) == [10, 11, 12]
        port.unplug()
        async with asyncio.timeout(1.0):
            with pytest.raises(DeviceError, match="closed the connection"):
                await opened.read(1, Span(10, 3), 30.0)


async def test_a_serial_port_that_does_not_take_the_settings_is_said() -> None:
    """A pseudo terminal has no parity, like some converters."""
    async with serial_line(Line({})) as port:
        with pytest.raises(DeviceError, match=r"9600 baud, 8E1\) can't be set up: Invalid argument"):
            async with ModbusLink(SerialLine(port.path, parity="E")).connection(1.0):
                pass


async def test_a_serial_port_that_is_not_there_is_said() -> None:
    with pytest.raises(DeviceError, match=r"/dev/no-such-port can't be opened: is it plugged in"):
        async with ModbusLink(SerialLine("/dev/no-such-port")).connection(1.0):
            pass


# Meters


def settings(**given: object) -> ModbusSettings:
    return ModbusSettings.model_validate({"driver": "modbus", "poll_s": 0.2, "timeout_s": 0.3, **given})


async def test_two_meters_of_different_kinds_share_a_serial_port() -> None:
    sdm630 = {52: 0x44FA, 53: 0x0000} | {address: 0 for address in range(52)} | {a: 0 for a in range(54, 80)}
    line = Line({1: sdm630, 200: fronius_meter(watts=-700).registers})
    got: dict[str, MeterReading] = {}
    async with serial_line(line) as port:
        meters = {
            "grid": (Role.GRID, settings(device="eastron-sdm630", port=port.path)),
            "pv": (Role.GRID, settings(device="fronius-gen24", port=port.path)),
        }
        tasks = [asyncio.ensure_future(each.run()) for each in build(meters, SystemClock(), got.__setitem__)]
        try:
            await until(lambda: len(got) == 2)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert (got["grid"].power_w, got["pv"].power_w) == (2000.0, -700.0)


def test_meters_that_want_one_line_in_two_ways_are_refused() -> None:
    meters = {
        "grid": (Role.GRID, settings(port="/dev/ttyUSB0", baud=9600)),
        "pv": (Role.PV, settings(port="/dev/ttyUSB0", baud=19200)),
    }
    with pytest.raises(ValueError, match=r"pv wants /dev/ttyUSB0 \(19200 baud, 8N1\) where another meter has .*9600"):
        build(meters, SystemClock(), lambda name, reading: None)


def test_a_serial_line_is_as_the_device_likes_it_unless_the_configuration_says_otherwise() -> None:
    from drivers.device_file import load

    saj = load("saj-h2")
    assert settings(device="saj-h2", port="/dev/ttyS1").line(saj) == SerialLine("/dev/ttyS1", 115200, "N", 1)
    assert settings(device="saj-h2", port="/dev/ttyS1", baud=9600, parity="E").line(saj) == (
        SerialLine("/dev/ttyS1", 9600, "E", 1)
    )
    assert settings(device="saj-h2", host="h", framer="rtu").line(saj) == TcpLine("h", 502, Framer.RTU)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"port": 502}, "names no place; add host"),
        ({"port": "/dev/ttyUSB0", "host": "h"}, "do not go with a serial port"),
        ({"host": "h", "baud": 9600}, "belong to a serial port"),
        ({"host": "h", "port": "ttyUSB0"}, "is no port"),
        ({"host": "h", "port": 70000}, "is no port"),
        ({"host": "h", "port": True}, "is no port"),
    ],
)
def test_a_place_that_can_t_be_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings(**given)
