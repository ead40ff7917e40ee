"""Which device file fits what answers: by the names in its SunSpec chain, or by signs in its registers.

Nothing is guessed: a device whose file names no sign is not recognised, and its installer names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from drivers.base import DeviceError
from drivers.device_file import DeviceFile, Sign
from drivers.modbus_blocks import Read, Span
from drivers.modbus_words import decode, text
from drivers.sunspec import SunSpecDevice


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
