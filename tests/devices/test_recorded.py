"""Recordings of what real devices answered, served again on a socket: a device that has one is called proven."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from drivers.device_file import available
from drivers.modbus import ModbusSettings, build
from drivers.modbus_line import TcpLine
from drivers.modbus_link import ModbusLink
from drivers.modbus_probe import examine
from hemsd.clock import SystemClock
from hemsd.model import MeterReading, Role
from tests.drivers_modbus.device import serving, until

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.yaml"))
ROLES = [(file, role) for file in RECORDED for role in Role if role in yaml.safe_load(file.read_text())["expected"]]


def recording(file: Path) -> tuple[dict[str, Any], dict[int, int]]:
    """The recording, and its registers by address."""
    found: dict[str, Any] = yaml.safe_load(file.read_text())
    registers = {
        start + index: int(word, 16)
        for start, words in found["registers"].items()
        for index, word in enumerate(str(words).split())
    }
    return found, registers


@pytest.mark.parametrize(("file", "role"), ROLES, ids=lambda each: getattr(each, "stem", str(each)))
async def test_a_real_devices_answers_are_understood(file: Path, role: Role) -> None:
    found, registers = recording(file)
    got: list[MeterReading] = []
    async with serving({found["unit"]: registers}) as device:
        settings = ModbusSettings(
            driver="modbus", device=found["device"], host="127.0.0.1", port=device.port, unit=found["unit"]
        )
        (driver,) = build({"meter": (role, settings)}, SystemClock(), lambda _, reading: got.append(reading))
        task = asyncio.ensure_future(driver.run())
        try:
            await until(lambda: got or task.done())
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert got, task
    for name, value in found["expected"][role].items():
        assert getattr(got[0], name) == pytest.approx(tuple(value) if isinstance(value, list) else value), name


async def test_a_real_goodwe_is_recognised_by_its_serial_number() -> None:
    found, registers = recording(Path(__file__).parent / "recorded" / "goodwe-et.yaml")
    async with serving({found["unit"]: registers}) as device:
        seen = await examine(ModbusLink(TcpLine("127.0.0.1", device.port)), found["unit"], 0.5, available())
    assert seen.device == "goodwe-et"
    assert {role: reading.power_w for role, reading in seen.readings.items()} == {
        role: values["power_w"] for role, values in found["expected"].items()
    }
