"""``hemsd probe``: what is there, and what does it say? For the installer who wonders where the fault is.

``configured`` talks to every meter of config.yaml once, through the same drivers as the daemon, and prints what it
says, how old that is and what is doubtful about it. ``modbus`` looks at an address of which nothing is known yet.
Only reads; the daemon may run beside it, as far as the devices take two clients.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from drivers.base import DeviceError, Driver
from drivers.device_file import available
from drivers.modbus import ModbusMeter
from drivers.modbus import ModbusSettings as OverModbus
from drivers.modbus_line import Line, SerialLine, TcpLine
from drivers.modbus_probe import UNITS, Found, scan
from drivers.mqtt import MqttReader, MqttSettings, MqttSocSettings
from drivers.pulse_settings import PulseSettings
from hemsd.clock import SystemClock
from hemsd.config import Config, NamedMeter, load, named_meters
from hemsd.meters import behind_inverter, meter_drivers
from hemsd.model import MeterReading, Role
from hemsd.probe_words import chain_lines, doubted, doubts_of_all, lines
from hemsd.said import said

WAIT_S = 20.0  # the slowest meters that can steer anything speak every 10 s
TIMEOUT_S = 1.5  # for an answer of a device of which nothing is known
PORTS = (502, 1502)  # Modbus TCP, and the port that SolarEdge and Kostal took
SILENT = 1


# --- the configured devices


@dataclass
class Heard:
    """What the drivers handed over, and why some did not."""

    readings: dict[str, tuple[MeterReading, float]] = field(default_factory=dict)
    socs: dict[str, tuple[float, float]] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)


def configured(config_path: Path, wait_s: float = WAIT_S) -> int:
    """Prints every configured device. Status 1 when one is silent. Raises ConfigError."""
    config = load(config_path)
    devices = config_path.absolute().parent / "devices"
    return asyncio.run(_configured(config, devices, wait_s))


async def _configured(config: Config, devices: Path, wait_s: float) -> int:
    clock, heard = SystemClock(), Heard()

    def metered(name: str, reading: MeterReading) -> None:
        heard.readings[name] = reading, clock.monotonic()
        heard.news.set()

    def told_soc(vehicle: str, soc_pct: float) -> None:
        heard.socs[vehicle] = soc_pct, clock.monotonic()

    meters = named_meters(config)
    try:
        drivers = meter_drivers(config, clock, metered, told_soc, devices)
    except DeviceError as error:
        print(error)
        return SILENT
    await _listen(drivers, heard, {meter.name: _source(meter) for meter in meters}, wait_s)
    known = {driver.name: driver.known_as for driver in drivers if isinstance(driver, ModbusMeter)}
    complaints = next((driver.complaints for driver in drivers if isinstance(driver, MqttReader)), {})
    for meter in meters:
        print(f"{meter.name}: {known.get(meter.name) or meter.settings.driver}, {_where(meter)}")
        found = heard.readings.get(meter.name)
        if found is None:
            why = complaints.get(meter.name) or heard.troubles.get(_source(meter))
            why = why or f"said nothing within {wait_s:g} s"
            print(f"  SILENT: {why}")
            continue
        for line in lines(meter.role, found[0], clock.monotonic() - found[1]):
            print(f"  {line}")
    if not behind_inverter(meters):
        spoken = {meter.role: heard.readings[meter.name][0] for meter in meters if meter.name in heard.readings}
        for doubt in doubts_of_all(spoken):
            print(doubted(doubt))
    _print_vehicles(config, heard)
    _print_wallboxes(config)
    return SILENT if len(heard.readings) < len(meters) else 0


async def _listen(drivers: Iterable[Driver], heard: Heard, sources: Mapping[str, str], wait_s: float) -> None:
    """Until every meter has spoken or given up, or the time is over."""

    async def once(driver: Driver) -> None:
        try:
            await driver.run()
        except DeviceError as error:
            heard.troubles[driver.name] = str(error)
            heard.news.set()

    tasks = [asyncio.create_task(once(driver), name=driver.name) for driver in drivers]
    try:
        async with asyncio.timeout(wait_s):
            while any(name not in heard.readings and of not in heard.troubles for name, of in sources.items()):
                await heard.news.wait()
                heard.news.clear()
    except TimeoutError:
        pass
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _source(meter: NamedMeter) -> str:
    """The driver that reads the meter."""
    return MqttReader.name if isinstance(meter.settings, MqttSettings) else meter.name


def _where(meter: NamedMeter) -> str:
    match meter.settings:
        case OverModbus() as settings:
            return f"{settings.device} at {settings.host or settings.port}"
        case PulseSettings() as settings:
            return f"node {settings.node} at {settings.host}"
        case MqttSettings() as settings:
            return _published(settings)
        case _:
            assert_never(meter.settings)


def _published(settings: MqttSettings | MqttSocSettings) -> str:
    words = (("device", settings.device), ("topic", settings.topic))
    return ", ".join(f"{word} {said}" for word, said in words if said is not None)


def _print_vehicles(config: Config, heard: Heard) -> None:
    for name, car in config.vehicles.items():
        if car.soc is None:
            continue
        found = heard.socs.get(name)
        said = f"{found[0]:g} %" if found else "said nothing; a car that sleeps does not"
        print(f"{name}: {_published(car.soc)}\n  state of charge: {said}")


def _print_wallboxes(config: Config) -> None:
    for name, box in config.wallboxes.items():
        host = config.ocpp.host if config.ocpp.host not in ("0.0.0.0", "::") else socket.gethostname()
        print(f"{name}: connects to us at ws://{host}:{config.ocpp.port}/{box.charge_point}")


# --- an address of which nothing is known


def modbus(target: str, devices: Path | None = None, units: Sequence[int] = ()) -> int:
    """Prints who answers Modbus at HOST[:PORT], or at a serial port /dev/NAME[:BAUD]; without units, at the usual ones.

    Status 1 when nobody that is known does. Raises ValueError when the target is no place.
    """
    return asyncio.run(_modbus(target, places(target), devices, units or UNITS))


def places(target: str) -> list[Line]:
    """Where a target may lead to. Raises ValueError."""
    if target.startswith("/"):
        port, _, baud = target.partition(":")
        return [SerialLine(port, int(baud or 9600))]
    host, colon, port = target.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):  # no port, or an IPv6 address without brackets
        return [TcpLine(target.strip("[]"), port) for port in PORTS]
    return [TcpLine(host.strip("[]"), int(port))]


async def _modbus(target: str, lines: Iterable[Line], devices: Path | None, units: Sequence[int]) -> int:
    known: list[tuple[Line, Found]] = []
    for line in lines:
        print(said("probe.asking", "Asking {line}; unit ids that don't exist take their time.", line=str(line)))
        try:
            async for found in scan(line, TIMEOUT_S, available(devices), units):
                print("\n".join(chain_lines(found)))
                if found.is_known:
                    known.append((line, found))
        except (DeviceError, ValueError) as error:
            print(error)
    if not known:
        print(said("probe.nobody", "No device that hemsd knows answers at {target}.", target=target))
        return SILENT
    print("\n# for config.yaml:")
    print("\n".join(config_lines(known)))
    return 0


def config_lines(known: Iterable[tuple[Line, Found]]) -> list[str]:
    """The block for config.yaml: each role once, except for several inverters; what is too much is a comment."""
    by_role: dict[Role, list[str]] = {}
    for line, found in known:
        where = (
            f"host: {line.host}, port: {line.port}"
            if isinstance(line, TcpLine)
            else f"port: {line.port}, baud: {line.baud}"
        )
        for role in found.readings:
            entry = f"{{driver: modbus, device: {found.device or 'sunspec'}, {where}, unit: {found.unit}}}"
            by_role.setdefault(role, []).append(entry)
    block = ["meters:"]
    for role, entries in by_role.items():
        if role is Role.PV and len(entries) > 1:
            block += ["  pv:", *(f"    - {entry}" for entry in entries)]
        else:
            block.append(f"  {role}: {entries[0]}")
            block += [f"  # {role}: {entry}" for entry in entries[1:]]
    return block
