"""Whether meters fit what they hang on: the line that several share, the device file that knows their topics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from drivers.device_file import SHIPPED, load
from drivers.modbus import ModbusSettings, described, device_of
from drivers.modbus_line import Line
from drivers.mqtt import MqttSettings, meter_source, soc_source
from drivers.position import Position
from drivers.pulse_settings import PulseSettings
from hemsd.clock import SystemClock
from hemsd.config.file import KeyPath
from hemsd.config.models import Config, MeterEntry, MeterSettings, named_meters, role_of
from hemsd.config.words import Fault, one_of, refused
from hemsd.model import Role
from hemsd.said import Said, said


def line_faults(config: Config, folder: Path) -> Iterator[Fault]:
    """Meters on one serial port, or behind one gateway, must be asked in the same way."""
    first: dict[str, tuple[KeyPath, Line]] = {}
    for path, role, settings in _each(config):
        if not isinstance(settings, ModbusSettings) or role is None:
            continue
        try:
            line = settings.line(device_of(role, settings, folder / "devices"))
        except ValueError:
            continue  # said already
        other, its = first.setdefault(line.place, (path, line))
        if its != line:
            wrong = said(
                "fault.line",
                "is asked by {how}, and {other} by {other_how}",
                how=described(line),
                other=str(other[1]),
                other_how=described(its),
            )
            yield Fault((path, other), wrong, said("fault.line.do", "write the same in both: they share one line"))


def control_faults(config: Config, folder: Path) -> Iterator[Fault]:
    """Who shall be told what it may give is a battery, of a kind that can be told, and is told in one way."""
    battery: KeyPath | None = None
    told: KeyPath | None = None
    for path, role, settings in _each(config):
        battery = path if role is Role.BATTERY else battery
        if isinstance(settings, ModbusSettings) and settings.control and role is not None:
            told = (*path, "control")
            wrong = _not_told(role, settings, folder)
            if wrong is not None:
                yield Fault((told,), wrong, said("fault.take_out", "take it out"))
    if config.mqtt is None or config.mqtt.battery_topic is None:
        return
    topic: KeyPath = ("mqtt", "battery_topic")
    if battery is None:
        wrong = said("fault.unseen_battery", "needs to know what the battery gives")
        yield Fault((topic,), wrong, said("fault.unseen_battery.do", "add it under meters"))
    elif told is not None:
        wrong = said("fault.told_twice", "is a second way to tell the battery what it may give")
        yield Fault((topic, told), wrong, said("fault.told_twice.do", "take it out, or control under meters"))


def _not_told(role: Role, settings: ModbusSettings, folder: Path) -> Said | None:
    """Why it can't be told what it may give; None where it can, or where another fault says it already."""
    if role is not Role.BATTERY:
        return said("fault.for_battery", "belongs to a battery, and this is {role}", role=role)
    try:
        its = device_of(role, settings, folder / "devices").role(role)
    except ValueError:
        return None
    if its.sunspec:
        return None
    device = settings.device
    return said("fault.needs_sunspec", "needs a battery that speaks SunSpec, and {device} does not", device=device)


def mqtt_faults(config: Config, folder: Path) -> Iterator[Fault]:
    """A device that publishes is known, its file can be read and serves the role, and its braces are filled."""
    for path, role, settings in _each(config):
        name = str(path[1])
        if isinstance(settings, PulseSettings) and role is not None:
            if role is not Role.GRID:
                yield Fault(
                    ((*path, "driver"),),
                    said("fault.reads_grid", "reads a grid meter, and this is {role}", role=role),
                    said("fault.reads_grid.do", "write it under grid"),
                )
            elif why := _unfit(name, role, settings.heard, folder):
                yield Fault((path,), why[0], why[1] or said("fault.mend", "mend it"))
        if isinstance(settings, MqttSettings) and settings.device is not None and role is not None:
            yield from _published(path, settings.device, _unfit(name, role, settings, folder), folder)
    for name, car in config.vehicles.items():
        if car.soc is not None and car.soc.device is not None:
            why = _why(partial(soc_source, name, car.soc, lambda *_: None, folder / "devices"))
            yield from _published(("vehicles", name, "soc"), car.soc.device, why, folder)


def _each(config: Config) -> Iterator[tuple[KeyPath, Role | None, MeterSettings]]:
    """Every meter: where it stands, what it measures as far as that is clear, and its settings."""
    for name, entry in config.meters.items():
        for index, settings in enumerate(_several(entry)):
            path: KeyPath = ("meters", name, index) if isinstance(entry, tuple) else ("meters", name)
            yield path, role_of(name, settings), settings


def _several(entry: MeterEntry) -> tuple[MeterSettings, ...]:
    return entry if isinstance(entry, tuple) else (entry,)


def position_faults(config: Config) -> Iterator[Fault]:
    """What flows to the grid can be worked out of the house's use only with everything that gives."""
    if any(role is None for _, role, _ in _each(config)):
        return  # said already
    meters = named_meters(config)
    served = {meter.role for meter in meters}
    for meter in meters:
        if meter.settings.position is Position.CONNECTION:
            continue
        path: KeyPath = ("meters", meter.name, "position")
        if meter.role is not Role.GRID:
            yield Fault(
                (path,),
                said("fault.for_grid", "belongs to a grid meter, and this is {role}", role=meter.role),
                said("fault.take_out", "take it out"),
            )
        elif Role.PV not in served:
            yield Fault(
                (path,),
                said("fault.needs_pv", "needs to know what the sun gives"),
                said("fault.needs_pv.do", "add the inverter under pv"),
            )


def _unfit(name: str, role: Role, settings: MqttSettings, folder: Path) -> tuple[str, str] | None:
    return _why(partial(meter_source, name, role, settings, SystemClock(), lambda *_: None, folder / "devices"))


def _why(make: Callable[[], object]) -> tuple[str, str] | None:
    """Why it can't be made, and what would be right; None when it can."""
    try:
        make()
    except ValueError as error:
        return refused(error)
    return None


def _published(path: KeyPath, device: str, why: tuple[str, str] | None, folder: Path) -> Iterator[Fault]:
    known = publishers(folder)
    if device not in known and not _exists(device, folder):
        yield Fault(
            ((*path, "device"),),
            said("fault.no_device", 'there is no device "{device}"', device=device),
            one_of(device, known),
        )
    elif why:
        wrong, remedy = why
        yield Fault(
            ((*path, "device"),),
            wrong,
            remedy or said("fault.mend_or_other", "name another device, or mend its file"),
        )


def publishers(folder: Path) -> list[str]:
    """The devices whose files know topics."""
    found = {file.stem for place in (SHIPPED, folder / "devices") for file in place.glob("*.yaml")}
    return sorted(name for name in found if _publishes(name, folder))


def _publishes(name: str, folder: Path) -> bool:
    try:
        return load(name, folder / "devices").mqtt is not None
    except ValueError:
        return False


def _exists(name: str, folder: Path) -> bool:
    return any((place / f"{name}.yaml").is_file() for place in (SHIPPED, folder / "devices"))
