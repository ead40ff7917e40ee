"""Who is there: SunSpec chains, and devices without one that are known by signs in their registers."""

from __future__ import annotations

import pytest

from drivers.base import DeviceError
from drivers.device_file import DeviceFile, available
from drivers.modbus_line import TcpLine
from drivers.modbus_link import ModbusLink
from drivers.modbus_probe import Found, examine, scan
from hemsd.model import Role
from tests.drivers_modbus.device import Device, serving
from tests.drivers_modbus.images import float32, fronius_meter, inverter, words

FILES = available()


async def one(device: Device, unit: int = 1, files: dict[str, DeviceFile] = FILES) -> Found:
    return await examine(ModbusLink(TcpLine("127.0.0.1", device.port)), unit, 0.2, files)


async def scanned(device: Device) -> list[Found]:
    return [found async for found in scan(TcpLine("127.0.0.1", device.port), 0.05, FILES)]


def text(value: str, count: int, *, swapped: bool = False) -> dict[int, int]:
    """The words of a text, counted from 0."""
    given = value.encode().ljust(2 * count, b"\0")
    return {
        index: int.from_bytes(given[2 * index : 2 * index + 2], "little" if swapped else "big")
        for index in range(count)
    }


def at(start: int, values: dict[int, int]) -> dict[int, int]:
    return {start + index: word for index, word in values.items()}


async def test_a_probe_describes_the_whole_chain() -> None:
    async with serving({1: fronius_meter().model(64001, 5, {}).registers}) as device:
        found = await one(device)
    assert found.chain is not None
    assert found.chain.manufacturer == "Fronius"
    assert [entry.model.id for entry in found.models] == [1, 203, 64001]
    assert found.models[1].values["W"] == -1200
    assert found.models[1].values["PhVphA"] == 230.1


async def test_a_maker_in_the_chain_leads_to_its_device_file() -> None:
    async with serving({1: fronius_meter(watts=-1200).registers}) as device:
        found = await one(device)
    assert (found.device, found.name) == ("fronius-gen24", FILES["fronius-gen24"].name)
    assert found.readings[Role.GRID].power_w == -1200


async def test_a_scan_finds_every_unit_once() -> None:
    units = {1: inverter().registers, 2: inverter().registers, 200: fronius_meter().registers}
    async with serving(units, lambda request: b"" if request.unit == 71 else None) as device:
        found = await scanned(device)
    assert [(each.unit, each.models[-1].model.id) for each in found] == [(1, 103), (200, 203)]


async def test_a_scan_of_an_address_where_nobody_is_says_so() -> None:
    async with serving({}) as device:
        pass
    with pytest.raises(DeviceError, match="refuses the connection"):
        await scanned(device)


@pytest.mark.parametrize(
    ("device", "registers"),
    [
        ("huawei-sun2000", at(30000, text("SUN2000-10KTL-M1", 15))),
        ("goodwe-et", at(35003, text("9010KETU218W0001", 8))),
        ("sungrow-sh", {4999: 0x0E0F}),
        ("deye-3p", {0: 0x500, 598: 2310}),
        ("deye-3p-hv", {0: 6, 598: 2310}),
        ("sma-tripower", at(30051, dict(enumerate(words("I", 8009))))),
        ("e3dc", {40000: 0xE3DC}),
        ("carlogavazzi-em340", {0xB: 1651}),
        ("carlogavazzi-em340", {0xB: 341}),
        ("solax-x3-hybrid-g4", at(0, text("H34A10H8765432", 7))),
        ("eastron-sdm630", {0xFC02: 0x89}),
        ("foxess-h3", at(30000, text("H3-10.0-E", 8))),
        ("victron-gx", at(800, text("c0619ab12345", 6))),
        ("shelly-pro-3em", at(6, text("SPEM-003CEBEU", 10))),
        ("shelly-pro-3em", at(6, text("SPEM-003CEBEU", 10, swapped=True))),
    ],
)
async def test_a_device_without_sunspec_is_known_by_its_signs(device: str, registers: dict[int, int]) -> None:
    async with serving({9: registers}) as served:
        found = await one(served, 9)
    assert (found.device, found.chain) == (device, None)


@pytest.mark.parametrize(
    "registers",
    [
        at(30000, text("STP8000", 15)),
        at(35003, text("9010KDTU218W0001", 8)),
        {4999: 0x2430},  # a string inverter of the same maker
        {0: 5},  # a type without plausible volts
        {0: 5, 598: 0},
        {0: 0, 598: 2310},
        at(30051, dict(enumerate(words("I", 8002)))),
        {40000: 0xE3DD},
        {0xB: 340},
        {0xFC02: 0x20},
        dict.fromkeys(range(100), 0),
        dict.fromkeys(range(100), 0xFFFF),
    ],
)
async def test_a_stranger_is_not_taken_for_a_device_that_is_known(registers: dict[int, int]) -> None:
    async with serving({9: registers}) as served:
        found = await one(served, 9)
    assert not found.is_known


async def test_what_a_known_device_says_is_read_too() -> None:
    registers = {0xFC02: 0x70} | dict.fromkeys(range(80), 0) | at(52, dict(enumerate(float32(-815.0))))
    async with serving({1: registers}) as device:
        found = await one(device)
    assert found.readings[Role.GRID].power_w == -815.0
    assert Role.PV not in found.readings


async def test_a_device_that_answers_under_any_unit_is_given_once() -> None:
    registers = {4999: 0x0E0F}
    async with serving(dict.fromkeys(range(256), registers)) as device:
        assert [each.unit for each in await scanned(device)] == [1]


async def test_a_silent_unit_is_nobody() -> None:
    async with serving({1: {}}, lambda request: b"") as device:
        with pytest.raises(DeviceError):
            await one(device)
