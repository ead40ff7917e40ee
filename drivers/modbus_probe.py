"""Asking a Modbus device who it is: the first thing of every run, and what ``hemsd probe`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.base import DeviceError
from drivers.modbus_blocks import BlockReader, Read, Refused
from drivers.modbus_link import Failed, ModbusLink
from drivers.sunspec import SunSpecDevice, walk
from drivers.sunspec_models import Model

UNITS = (1, 2, 3, 71, 100, 126, *range(200, 205), *range(240, 245), 247)
"""The unit ids under which devices are found: most 1, SMA 126, Kostal 71, Fronius meters from 200 or 240 on."""


async def find_sunspec(read: Read) -> SunSpecDevice:
    """Walks the chain. Raises DeviceError when there is none, or the device is lost on the way."""
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
class Description:
    """What a probe found."""

    unit: int
    device: SunSpecDevice
    models: tuple[ModelValues, ...]


async def describe(host: str, port: int, unit: int, timeout_s: float) -> Description:
    """Who answers there, and all values of it that hemsd can name. Raises DeviceError."""
    async with ModbusLink(host, port).connection(timeout_s) as connection:
        read = connection.reader(unit, timeout_s)
        device = await find_sunspec(read)
        return Description(unit, device, tuple([await _values(read, model) for model in device.models]))


async def scan(host: str, port: int, timeout_s: float, units: Sequence[int] = UNITS) -> list[Description]:
    """Who answers under which unit id. Raises DeviceError when the address itself does not answer.

    A device that answers under any unit id is listed once, under the first.
    """
    async with ModbusLink(host, port).connection(timeout_s):
        pass
    found: dict[tuple[str, str, str, int], Description] = {}
    for unit in units:
        try:
            description = await describe(host, port, unit, timeout_s)
        except DeviceError:
            continue
        device = description.device
        found.setdefault((device.manufacturer, device.model, device.serial, len(device.models)), description)
    return list(found.values())


async def _values(read: Read, model: Model) -> ModelValues:
    spans = [point.span(model) for point in model.points]
    try:
        return ModelValues(model, model.values(await BlockReader(read, spans).image()) if spans else {})
    except DeviceError:
        return ModelValues(model, {})
