"""Recordings of what real devices answered, served again on a socket: a device that has one is called proven."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.device_file import available
from drivers.modbus_line import TcpLine
from drivers.modbus_link import ModbusLink
from drivers.modbus_probe import examine
from tests.devices.answers import HERE, RECORDED, answers, on_a_server, readings


@pytest.mark.slow
@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
async def test_a_real_devices_answers_are_understood(file: Path) -> None:
    recorded = answers(file)
    for role, reading in (await readings(recorded)).items():
        for name, value in recorded.expected[role].items():
            assert getattr(reading, name) == pytest.approx(tuple(value) if isinstance(value, list) else value), name
        assert not reading.doubts


async def test_a_real_goodwe_is_recognised_by_its_serial_number() -> None:
    recorded = answers(HERE / "recorded" / "goodwe-et.yaml")
    async with on_a_server(recorded) as port:
        seen = await examine(ModbusLink(TcpLine("127.0.0.1", port)), 247, 0.5, available())
    assert seen.device == "goodwe-et"
    assert {role: reading.power_w for role, reading in seen.readings.items()} == {
        role: values["power_w"] for role, values in recorded.expected.items()
    }
