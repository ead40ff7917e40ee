"""`hemsd probe` against a home and devices on real sockets: what it prints, and its exit status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers import device_file as device_files
from drivers.modbus import ModbusSettings
from drivers.modbus_line import SerialLine, TcpLine
from drivers.simulated.home import SimulatedHome
from drivers.simulated.settings import SimulateSettings
from hemsd.cli import main
from hemsd.clock import SystemClock
from hemsd.config import load
from hemsd.model import MeterReading, Role
from hemsd.probe import places
from hemsd.probe_words import doubts_of_all, lines
from tests.devices.answers import HERE, answers, on_a_server
from tests.drivers_modbus.device import serving
from tests.drivers_modbus.rtu import Line, serial_line

Capture = pytest.CaptureFixture[str]


@pytest.fixture
async def home() -> AsyncIterator[SimulatedHome]:
    made = SimulatedHome(SimulateSettings(start_s=22_000, battery=True), SystemClock())
    await made.start()
    for _ in range(30):
        made.physics.step()
    yield made
    await made.close()


async def port_of(home: SimulatedHome) -> int:
    assert home._meters._server is not None
    return int(home._meters._server.transport.sockets[0].getsockname()[1])  # type: ignore[union-attr]


async def hemsd(*arguments: str) -> int:
    """The command, in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(main, arguments)


def write(folder: Path, port: int, more: str = "") -> str:
    file = folder / "config.yaml"
    file.write_text(
        f"meters:\n"
        f"  grid: {{driver: modbus, host: 127.0.0.1, port: {port}, unit: 200, timeout_s: 0.2}}\n"
        f"  pv: {{driver: modbus, host: 127.0.0.1, port: {port}, unit: 1, timeout_s: 0.2}}\n"
        f"wallboxes: {{garage: {{charge_point: WB-001}}}}\n"
        f"ocpp: {{host: 127.0.0.1, port: 9001}}\n" + more
    )
    return str(file)


async def test_a_probe_prints_what_every_device_says(home: SimulatedHome, tmp_path: Path, capsys: Capture) -> None:
    assert await hemsd("probe", "-c", write(tmp_path, await port_of(home))) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("grid: hemsd Simulated meter (serial SIM-GRID-1")
    assert any("W export, 0." in line or "W import, 0." in line for line in said)
    assert any("W generation" in line for line in said)
    assert said[-1] == "garage: connects to us at ws://127.0.0.1:9001/WB-001"
    assert not [line for line in said if "doubt" in line or "SILENT" in line]


async def test_a_silent_device_is_named_with_the_reason_and_answered_with_1(
    home: SimulatedHome, tmp_path: Path, capsys: Capture
) -> None:
    home.grid_meter.silent = True
    assert await hemsd("probe", "-c", write(tmp_path, await port_of(home))) == 1
    said = capsys.readouterr().out
    assert "SILENT: 127.0.0.1" in said
    assert "unit 200 does not answer within 0.2 s" in said
    assert "W generation" in said, "the others are printed all the same"


async def test_a_meter_over_mqtt_without_its_broker_is_silent_for_that_reason(tmp_path: Path, capsys: Capture) -> None:
    async with serving({}) as device:
        port = device.port
    file = tmp_path / "config.yaml"
    file.write_text(f"meters: {{grid: {{driver: mqtt, topic: a/b}}}}\nmqtt: {{port: {port}}}\n")
    assert await hemsd("probe", "-c", str(file)) == 1
    assert f"SILENT: MQTT broker 127.0.0.1:{port}" in capsys.readouterr().out


async def test_a_probe_of_a_wrong_file_answers_2_like_every_command(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "config.yaml").write_text("meter: {}\n")
    assert await hemsd("probe", "-c", str(tmp_path / "config.yaml")) == 2
    assert "did you mean meters" in capsys.readouterr().err
    assert await hemsd("probe", "bluetooth") == 2


@pytest.mark.slow
async def test_an_unknown_address_gives_a_block_that_works_as_it_stands(
    home: SimulatedHome, tmp_path: Path, capsys: Capture
) -> None:
    assert await hemsd("probe", "modbus", f"127.0.0.1:{await port_of(home)}") == 0
    said = capsys.readouterr().out
    assert "unit 200: hemsd Simulated meter" in said
    assert "model 203 at " in said
    file = tmp_path / "config.yaml"
    file.write_text(said.partition("# for config.yaml:\n")[2])
    assert {name: settings.unit for name, settings in load(file).meters.items()} == {  # type: ignore[union-attr]
        "grid": 200,
        "pv": 1,
        "battery": 2,
    }
    assert await hemsd("probe", "-c", str(file)) == 0


async def test_an_unknown_address_where_nobody_answers_is_answered_with_1(capsys: Capture) -> None:
    async with serving({}) as device:
        port = device.port
    assert await hemsd("probe", "modbus", f"127.0.0.1:{port}") == 1
    assert "refuses the connection" in capsys.readouterr().out


async def test_a_device_that_nobody_knows_is_no_success(capsys: Capture) -> None:
    async with serving({1: dict.fromkeys(range(100), 7)}) as device:
        assert await hemsd("probe", "modbus", f"127.0.0.1:{device.port}") == 1
    assert "is nothing that hemsd knows" in capsys.readouterr().out


async def test_a_stranger_that_could_be_something_is_shown_by_what_it_says(capsys: Capture) -> None:
    """The meter has no register by which it could be told; its installer knows what is written on it."""
    served = answers(HERE / "served" / "chint-dtsu666.yaml")
    async with on_a_server(served) as port:
        assert await hemsd("probe", "modbus", f"127.0.0.1:{port}", "--unit", "1") == 1
    said = capsys.readouterr().out
    assert "unit 1: answers and has no sign of what it is; by what it says it could be\n  device: chint-dtsu666" in said
    assert "as grid: 830 W import" in said
    assert f"No device that hemsd knows answers at 127.0.0.1:{port}." in said


async def test_a_serial_port_is_searched_too(tmp_path: Path, capsys: Capture) -> None:
    async with serial_line(Line({1: {0xFC02: 0x70} | dict.fromkeys(range(80), 0)})) as port:
        assert await hemsd("probe", "modbus", f"{port.path}:19200", "--unit", "1") == 0
    said = capsys.readouterr().out
    assert "unit 1: Eastron SDM630 (device: eastron-sdm630)" in said
    file = tmp_path / "config.yaml"
    file.write_text(said.partition("# for config.yaml:\n")[2])
    grid = load(file).meters["grid"]
    assert isinstance(grid, ModbusSettings)
    assert grid.line(device_files.load("eastron-sdm630")) == SerialLine(port.path, 19200)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("inverter.local", [TcpLine("inverter.local", 502), TcpLine("inverter.local", 1502)]),
        ("192.168.1.20:1502", [TcpLine("192.168.1.20", 1502)]),
        ("[fe80::1]:502", [TcpLine("fe80::1", 502)]),
        ("fe80::1", [TcpLine("fe80::1", 502), TcpLine("fe80::1", 1502)]),
        ("/dev/ttyUSB0", [SerialLine("/dev/ttyUSB0", 9600)]),
    ],
)
def test_a_target_leads_to_a_place(target: str, found: list[object]) -> None:
    assert places(target) == found


async def test_a_target_that_is_no_place_is_answered_with_2(capsys: Capture) -> None:
    assert await hemsd("probe", "modbus", "host:many") == 2
    assert "neither HOST[:PORT] nor" in capsys.readouterr().err


def said_of(role: Role, reading: MeterReading) -> str:
    return "\n".join(lines(role, reading, 0.3))


def test_a_power_is_said_with_its_direction() -> None:
    assert said_of(Role.GRID, MeterReading(power_w=-120.4)) == "120 W export, 0.3 s old"
    assert said_of(Role.GRID, MeterReading(power_w=120.4)) == "120 W import, 0.3 s old"
    assert said_of(Role.BATTERY, MeterReading(power_w=-5, soc_pct=61)) == (
        "5 W charge, 0.3 s old\nstate of charge 61 %"
    )


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (MeterReading(), "without a power"),
        (MeterReading(power_w=5000, currents_a=(1, 1, 1), voltages_v=(230, 230, 230)), "is the scale right"),
        (MeterReading(power_w=0, voltages_v=(400, 400, 400)), "wired phase to phase"),
        (MeterReading(doubts=("power of 36000000 W can't be",)), "power of 36000000 W can't be"),
    ],
)
def test_a_doubt_says_why(reading: MeterReading, said: str) -> None:
    assert said in said_of(Role.GRID, reading)


def test_a_sound_meter_is_not_doubted() -> None:
    sound = MeterReading(power_w=700, currents_a=(1.2, -0.1, 2.0), voltages_v=(228, 231, 230))
    assert "doubt" not in said_of(Role.GRID, sound)


def test_a_house_that_would_give_energy_shows_a_wrong_sign() -> None:
    grid, pv = MeterReading(power_w=-3000), MeterReading(power_w=2000)
    assert "less than nothing" in next(iter(doubts_of_all({Role.GRID: grid, Role.PV: pv})))
    battery = MeterReading(power_w=1500)
    assert not list(doubts_of_all({Role.GRID: grid, Role.PV: pv, Role.BATTERY: battery}))
