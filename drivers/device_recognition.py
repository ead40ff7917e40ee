"""Which device file fits what answers: by the names in its SunSpec chain, or by signs in its registers.

Nothing is guessed: a device whose file names no sign is not recognised, and its installer names it. What can be said of
it is which files it *could* be read by: where all that a file names is there and looks like a home's mains, battery and
counters. Several may fit, and the installer's word decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from drivers.base import DeviceError
from drivers.device_file import DeviceFile, Sign
from drivers.modbus_blocks import Read, Span
from drivers.modbus_words import decode, text
from drivers.sunspec import SunSpecDevice
from hemsd.model import MeterReading, Role

MAINS_V = (180.0, 270.0)  # phase to neutral; 230 V +- 10 % is the rule (EN 50160), with room for what is not


def by_chain(device: SunSpecDevice, files: Mapping[str, DeviceFile]) -> str | None:
    """The name of the file whose maker and model are this device's."""
    for name, file in files.items():
        identity = file.identity
        if (
            identity is not None
            and identity.maker is not None
            and re.match(identity.maker, device.manufacturer)
            and re.match(identity.model, device.model)
        ):
            return name
    return None


async def by_signs(read: Read, files: Mapping[str, DeviceFile]) -> str | None:
    """The name of the first file whose signs all stand in the registers."""
    for name, file in files.items():
        signs = file.identity.signs if file.identity else ()
        if signs and all([await _stands(read, sign, file) for sign in signs]):
            return name
    return None


def can_be_lookalike(file: DeviceFile) -> bool:
    """Whether a stranger may be this device: it has no sign, or not all its models have it."""
    by_points = any(its is not None and not its.sunspec for its in (file.grid, file.pv, file.battery))
    return by_points and (file.identity is None or not file.identity.every_model)


def looks_like(file: DeviceFile, readings: Mapping[Role, MeterReading]) -> bool:
    """Whether what was read by the file's points can be a home.

    Some other device's words, read in the wrong place, give zeros, no numbers, or volts that no socket has.
    """
    for role in Role:
        its = getattr(file, role)
        if its is None or (its == file.grid and role is not Role.GRID):
            continue
        reading = readings.get(role)
        if reading is None or reading.doubts or reading.power_w is None:
            return False
        if its.voltages_v and not all(
            MAINS_V[0] <= (v or 0.0) <= MAINS_V[1] for v in _named(reading, len(its.voltages_v))
        ):
            return False
        if its.soc_pct and not reading.soc_pct:
            return False
        if its.energy_import_wh and not reading.energy_import_wh:
            return False
    return True


def _named(reading: MeterReading, phases: int) -> tuple[float | None, ...]:
    return reading.voltages_v[:phases]


async def _stands(read: Read, sign: Sign, file: DeviceFile) -> bool:
    count = sign.kind.words if sign.text is None else sign.words
    try:
        words = await read(Span(sign.at, count, sign.space or file.transport.space))
    except DeviceError:
        return False
    if sign.text is not None:
        swapped = [(word & 0xFF) << 8 | word >> 8 for word in words]
        return any(re.match(sign.text, text(each)) is not None for each in (words, swapped))
    value = decode(sign.kind, words, file.transport.order)
    if sign.between is not None:
        return value is not None and sign.between[0] <= value <= sign.between[1]
    return value in sign.values
