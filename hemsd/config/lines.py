"""Whether meters that share a serial port, or a gateway, can share it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from drivers.modbus import ModbusSettings, described, device_of
from drivers.modbus_line import Line
from hemsd.config.file import KeyPath
from hemsd.config.models import Config, role_of
from hemsd.config.words import Fault


def line_faults(config: Config, folder: Path) -> Iterator[Fault]:
    """Meters on one serial port, or behind one gateway, must be asked in the same way."""
    first: dict[str, tuple[KeyPath, Line]] = {}
    for name, entry in config.meters.items():
        for index, settings in enumerate(entry if isinstance(entry, tuple) else (entry,)):
            path: KeyPath = ("meters", name, index) if isinstance(entry, tuple) else ("meters", name)
            role = role_of(name, settings)
            if not isinstance(settings, ModbusSettings) or role is None:
                continue
            try:
                line = settings.line(device_of(role, settings, folder / "devices"))
            except ValueError:
                continue  # said already
            other, its = first.setdefault(line.place, (path, line))
            if its != line:
                wrong = f"is asked by {described(line)}, and {other[1]} by {described(its)}"
                yield Fault((path, other), wrong, "write the same in both: they share one line")
