"""Asking a Modbus device who it is: the first thing of every run, and what ``hemsd probe`` prints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from drivers.base import DeviceError
from drivers.device_file import SUNSPEC, DeviceFile
from drivers.device_meter import DeviceMeter
from drivers.device_recognition import by_chain, by_signs, can_be_lookalike, looks_like
from drivers.modbus_blocks import BlockReader, Image, Read, Refused
from drivers.modbus_line import Line
from drivers.modbus_link import Failed, ModbusLink
from drivers.plausible import plausible
from drivers.sunspec import NoSunSpec, SunSpecDevice, walk
from drivers.sunspec_meter import meter as sunspec_meter
from drivers.sunspec_models import Model
from hemsd.model import MeterReading, Role

UNITS = (1, 2, 3, 71, 100, 126, *range(200, 205), *range(240, 245), 247)
"""The unit ids under which devices are found: most 1, SMA 126, Kostal 71, Fronius meters from 200 or 240 on."""


async def find_sunspec(read: Read) -> SunSpecDevice:
    """Walks the chain. Raises NoSunSpec when there is none, and DeviceError when the device is lost on the way."""
    steps = walk()
    try:
        span = next(steps)
        while True:
            try:
                words = await read(span)
            except (Refused, Failed):  # some answer "fault of my own" for registers that they don't have
                span = steps.send(None)
            else:
                span = steps.send(words)
    except StopIteration as found:
        device: SunSpecDevice = found.value
        return device


@dataclass(frozen=True, slots=True)
class ModelValues:
    """A model, and its values under the standard's own names."""

    model: Model
    values: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Found:
    """Who answers under one unit id, and what it says in each role that it can have."""

    unit: int
    chain: SunSpecDevice | None = None
    models: tuple[ModelValues, ...] = ()
    device: str | None = None  # the name of the device file that fits
    name: str = ""  # what that file calls it
    readings: Mapping[Role, MeterReading] = field(default_factory=dict)
    could_be: Mapping[str, Mapping[Role, MeterReading]] = field(default_factory=dict)
    """For a stranger: the device files by which it can be read, and what it says then."""

    @property
    def is_known(self) -> bool:
        return self.chain is not None or self.device is not None


async def examine(link: ModbusLink, unit: int, timeout_s: float, files: Mapping[str, DeviceFile]) -> Found:
    """Who answers under the unit id. Raises DeviceError when nobody does."""
    async with link.connection(timeout_s) as connection:
        read = connection.reader(unit, timeout_s)
        try:
            chain = await find_sunspec(read)
        except NoSunSpec:
            name = await by_signs(read, files)
            if name is None:
                return Found(unit, could_be=await _lookalikes(read, files))
            return Found(unit, device=name, name=files[name].name, readings=await _readings(read, files[name], None))
        models = tuple([await _values(read, model) for model in chain.models])
        name = by_chain(chain, files)
        file = files[name] if name else None
        readings = await _readings(read, SUNSPEC, chain)
        if file is not None:  # what its file says of its signs and its batteries counts more
            readings |= await _readings(read, file, chain)
        return Found(unit, chain, models, name, file.name if file else "", readings)


async def scan(
    line: Line, timeout_s: float, files: Mapping[str, DeviceFile], units: Sequence[int] = UNITS
) -> AsyncIterator[Found]:
    """Who answers under which unit id. Raises DeviceError when the line itself can't be opened.

    A device that answers under any unit id is given once, under the first.
    """
    link = ModbusLink(line)
    async with link.connection(timeout_s):
        pass
    seen: set[tuple[object, ...]] = set()
    for unit in units:
        try:
            found = await examine(link, unit, timeout_s, files)
        except DeviceError:
            continue
        chain = found.chain
        who = (chain.manufacturer, chain.model, chain.serial, len(chain.models)) if chain else (found.device,)
        if who not in seen:
            seen.add(who)
            yield found


async def _values(read: Read, model: Model) -> ModelValues:
    spans = [point.span(model) for point in model.points]
    try:
        return ModelValues(model, model.values(await BlockReader(read, spans).image()) if spans else {})
    except DeviceError:
        return ModelValues(model, {})


async def _readings(read: Read, file: DeviceFile | None, chain: SunSpecDevice | None) -> dict[Role, MeterReading]:
    """What the device says in each role; a role in which it says nothing is left out."""
    found: dict[Role, MeterReading] = {}
    for role in Role if file else ():
        assert file is not None
        with suppress(DeviceError):
            its = file.role(role)
            if role is Role.PV and its == file.grid and not its.sunspec:
                continue  # a meter, wherever it stands; at the house connection as a rule
            if its.sunspec:
                if chain is None:
                    continue
                layout = sunspec_meter(chain, role, invert=its.invert)
                image = await BlockReader(read, layout.spans()).image()
                reading = layout.reading(image)
            else:
                reading = await _by_points(read, DeviceMeter(role, its, file.transport))
            if reading.power_w is not None or reading.soc_pct is not None:
                found[role] = plausible(reading)
    return found


async def _lookalikes(read: Read, files: Mapping[str, DeviceFile]) -> dict[str, dict[Role, MeterReading]]:
    """The files by which a stranger can be read, and what it says then."""
    found: dict[str, dict[Role, MeterReading]] = {}
    for name, file in files.items():
        if can_be_lookalike(file):
            readings = await _readings(read, file, None)
            if looks_like(file, readings):
                found[name] = readings
    return found


async def _by_points(read: Read, meter: DeviceMeter) -> MeterReading:
    transport = meter.transport
    image: Image = await BlockReader(read, meter.spans(), limit=transport.words, gap=transport.gap).image()
    return meter.reading(image)
