"""The installer's bench in the running daemon: the device files, blocks for config.yaml, and who answers at an address.

A block is checked as ``hemsd check`` would: put into a copy of the file as it is now, and what is then wrong at the
block's own place is told. The file itself is never touched.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from drivers.base import DeviceError
from drivers.device_file import DeviceFile, available
from drivers.modbus_line import Line
from drivers.modbus_probe import Found, scan
from drivers.mqtt_file import MqttFile
from hemsd.config import ConfigError, load
from hemsd.model import Role
from hemsd.probe import TIMEOUT_S, config_lines, places
from hemsd.probe_words import chain_lines
from hemsd.redaction import redacted_text
from hemsd.said import said
from web.bench import NoPlace
from web.bench_models import BlockBody, BlockTextPage, KnownDevicePage, KnownDevicesPage, ProbeLine
from web.installer_models import FaultPage
from web.spoken import spoken

LONGEST_PROBE_S = 300.0

Plain = dict[str, object]


@dataclass(slots=True)
class Bench:
    """Satisfies ``web.bench.Bench``."""

    file: Path | None
    _known: tuple[float, KnownDevicesPage] | None = None  # with when the installer's own folder was changed

    @property
    def _own_devices(self) -> Path | None:
        return self.file.parent / "devices" if self.file is not None else None

    def devices(self) -> KnownDevicesPage:
        """Forty files take seconds on a small machine, so what was read stands until the own folder changes."""
        folder = self._own_devices
        changed_s = folder.stat().st_mtime if folder is not None and folder.is_dir() else 0.0
        if self._known is None or self._known[0] != changed_s:
            self._known = changed_s, self._read_devices()
        return self._known[1]

    def _read_devices(self) -> KnownDevicesPage:
        known = [_device_page(name, file) for name, file in available(self._own_devices).items()]
        generic = KnownDevicePage(
            device="sunspec", name="SunSpec", modbus=list(Role), mqtt=[], port=502, unit=1, needs=[], notes=[]
        )
        return KnownDevicesPage(devices=[generic, *sorted(known, key=lambda one: one.name.lower())])

    # --- a block

    def block(self, asked: BlockBody) -> BlockTextPage:
        entry = {key: _number(value) for key, value in asked.settings.items() if value not in (None, "", {})}
        block: Plain = {asked.section: {asked.name: entry}}
        text = yaml.safe_dump(block, sort_keys=False, allow_unicode=True, width=100)
        return BlockTextPage(block=text, faults=self._faults(asked.section, asked.name, entry))

    def _faults(self, section: str, name: str, entry: Plain) -> list[FaultPage]:
        values = self._values()
        holder = values.get(section)
        values[section] = {**(holder if isinstance(holder, dict) else {}), name: entry}
        with tempfile.TemporaryDirectory(prefix="hemsd-block-") as folder:
            copy = Path(folder) / "config.yaml"
            copy.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
            try:
                load(copy, password_comes=True)
            except ConfigError as error:
                place = f"{section}.{name}"
                return [
                    FaultPage(
                        line=0,
                        path=one.path,
                        wrong=spoken(one.wrong, redacted_text),
                        remedy=spoken(one.remedy, redacted_text),
                    )
                    for one in error.problems
                    if one.path == place or one.path.startswith(f"{place}.")
                ]
        return []

    def _values(self) -> Plain:
        """What stands in the file now, if that can be read at all."""
        try:
            found = yaml.safe_load(self.file.read_text(encoding="utf-8")) if self.file is not None else {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            return {}
        return dict(found) if isinstance(found, dict) else {}

    # --- an address

    async def probe(self, target: str) -> AsyncIterator[ProbeLine]:
        try:
            lines = places(target)
        except ValueError as error:
            raise NoPlace(
                said(
                    "probe.no_place",
                    "target: {target!r} is no address; write HOST, HOST:PORT or /dev/NAME:BAUD",
                    target=target,
                )
            ) from error
        known: list[tuple[Line, Found]] = []
        try:
            async with asyncio.timeout(LONGEST_PROBE_S):
                for line in lines:
                    yield ProbeLine(
                        text=said(
                            "probe.asking", "Asking {line}; unit ids that don't exist take their time.", line=str(line)
                        )
                    )
                    async for text in self._ask(line, known):
                        yield ProbeLine(text=text)
        except TimeoutError:
            yield ProbeLine(
                text=said("probe.enough", "That was enough after {longest_s:.0f} s.", longest_s=LONGEST_PROBE_S)
            )
        if known:
            yield ProbeLine(text=said("probe.done", "Done."), block="\n".join(config_lines(known)) + "\n")
        else:
            yield ProbeLine(
                text=said("probe.nobody", "No device that hemsd knows answers at {target}.", target=target), block=""
            )

    async def _ask(self, line: Line, known: list[tuple[Line, Found]]) -> AsyncIterator[str]:
        try:
            async for found in scan(line, TIMEOUT_S, available(self._own_devices)):
                if found.is_known:
                    known.append((line, found))
                for line_of_it in chain_lines(found):
                    yield line_of_it
        except (DeviceError, ValueError) as error:
            yield str(error)


def _number(value: object) -> object:
    """What a form sends as text, as a person would write it: 502, and not '502'."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _needs(mqtt: MqttFile) -> set[str]:
    """The names in braces for which the file has no usual word."""
    maps = [each for each in (mqtt.grid, mqtt.pv, mqtt.battery) if each is not None]
    topics = " ".join(point.topic for each in maps for point in each.points())
    usual = {*mqtt.keys, *(["topic"] if mqtt.topic is not None else [])}
    return set(re.findall(r"\{(\w+)\}", topics)) - usual


def _device_page(name: str, file: DeviceFile) -> KnownDevicePage:
    served: Mapping[Role, object] = {Role.GRID: file.grid, Role.PV: file.pv, Role.BATTERY: file.battery}
    over_mqtt: Mapping[Role, object] = (
        {} if file.mqtt is None else {Role.GRID: file.mqtt.grid, Role.PV: file.mqtt.pv, Role.BATTERY: file.mqtt.battery}
    )
    return KnownDevicePage(
        device=name,
        name=file.name,
        modbus=[role for role, its in served.items() if its is not None],
        mqtt=[role for role, its in over_mqtt.items() if its is not None],
        port=file.transport.port if file.has_registers else None,
        unit=file.transport.unit if file.has_registers else None,
        needs=sorted(_needs(file.mqtt)) if file.mqtt is not None else [],
        experimental=file.experimental,
        notes=list(file.notes),
    )
