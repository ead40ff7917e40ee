"""Devices as data: every file that is shipped, and what its registers mean.

What every value of every device is worth is held by ``tests/devices/test_served.py``; here is what they have in common,
and what some of them do differently.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from drivers.base import DeviceError
from drivers.device_file import SHIPPED, DeviceFile, load, read
from drivers.device_meter import DeviceMeter
from drivers.modbus import ModbusSettings, build
from drivers.modbus_blocks import Image, Space, Span, plan
from hemsd.clock import SystemClock
from hemsd.model import UNKNOWN_PHASES, MeterReading, Role
from tests.drivers_modbus.device import Request, serving, until
from tests.drivers_modbus.images import float32, fronius_meter, int16, uint32, words

FILES = [file for file in sorted(SHIPPED.glob("*.yaml")) if read(file).has_registers]


def swapped(pair: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(reversed(pair))


def int32(value: int) -> tuple[int, ...]:
    return words("i", value)


def low_first(value: int) -> tuple[int, ...]:
    return swapped(int32(value))


def reading(device: str | DeviceFile, role: Role, registers: dict[int, int | tuple[int, ...]]) -> MeterReading:
    """What a device says whose registers are these; the others don't exist."""
    file = load(device) if isinstance(device, str) else device
    image = Image()
    for address, value in registers.items():
        given = value if isinstance(value, tuple) else (value & 0xFFFF,)
        for space in Space:
            image.put(Span(address, len(given), space), given)
    return DeviceMeter(role, file.role(role), file.transport).reading(image)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_shipped_device_is_sound_and_can_be_asked(file: Path) -> None:
    device = read(file)
    assert device.sources, "nobody can check a fact without a source"
    roles = [role for role in Role if getattr(device, role) is not None]
    assert roles
    for role in roles:
        its = device.role(role)
        blocks = plan(DeviceMeter(role, its, device.transport).spans(), limit=device.transport.words)
        assert its.sunspec or blocks
        assert all(block.span.count <= device.transport.words for block in blocks)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_silent_device_gives_nothing_that_one_could_take_for_zero(file: Path) -> None:
    device = read(file)
    for role in Role:
        if (its := getattr(device, role)) is not None and not its.sunspec:
            got = DeviceMeter(role, its, device.transport).reading(Image())
            assert (got.power_w, got.soc_pct, got.currents_a) == (None, None, UNKNOWN_PHASES)


GRID, PV, BATTERY = Role.GRID, Role.PV, Role.BATTERY


def test_half_of_a_split_quantity_is_no_power() -> None:
    assert reading("growatt-tlxh", GRID, {3041: uint32(12340)}).power_w is None
    assert reading("sma-tripower", GRID, {30865: int32(5), 30867: uint32(0xFFFFFFFF)}).power_w is None
    assert reading("sma-tripower", GRID, {30865: uint32(0x80000000), 30867: int32(5)}).power_w is None


def test_both_halves_come_from_one_answer() -> None:
    for device in ("growatt-tlxh", "sma-tripower", "sma-home-manager"):
        file = load(device)
        first = DeviceMeter(GRID, file.role(GRID), file.transport).spans()[0]
        assert first.count == 4


def test_a_makers_own_word_for_nothing_is_not_known() -> None:
    assert reading("huawei-sun2000", PV, {32064: uint32(0x7FFFFFFF)}).power_w is None
    assert reading("huawei-sun2000", PV, {32064: uint32(0x80000000)}).power_w is None
    assert reading("solaredge", BATTERY, {57716: (0xFFFF, 0xFF7F)}).power_w is None
    assert reading("sungrow-sh", GRID, {13009: (0xFFFF, 0x7FFF)}).power_w is None


def test_a_huawei_without_its_meter_leaves_old_values_standing_and_they_are_not_taken() -> None:
    got = reading("huawei-sun2000", GRID, {37100: 0, 37113: int32(1234)})
    assert got.power_w is None
    assert got.doubts


def test_an_sma_at_night_is_at_zero_as_long_as_its_counter_answers() -> None:
    nothing = uint32(0x80000000)
    night = {30773: nothing, 30961: nothing, 30513: words("Q", 12_345_678)}
    assert reading("sma-tripower", PV, night).power_w == 0.0
    assert reading("sma-tripower", PV, {30773: nothing}).power_w is None


def test_currents_without_direction_take_it_from_their_phase() -> None:
    registers = {
        13009: low_first(500),
        5602: low_first(-1000), 5604: low_first(300), 5606: low_first(200),
        5743: 435, 5744: 130, 5745: 87,
    }  # fmt: skip
    assert reading("sungrow-sh", GRID, registers).currents_a == (-4.35, 1.3, 0.87)


def test_energy_is_in_watt_hours() -> None:
    got = reading("eastron-sdm630", GRID, {72: float32(1234.5), 74: float32(0.5)})
    assert (got.energy_import_wh, got.energy_export_wh) == (1_234_500.0, 500.0)


def test_a_device_that_does_not_serve_a_role_says_what_it_serves() -> None:
    with pytest.raises(DeviceError, match="Eastron SDM630 is no battery meter; it serves grid"):
        load("eastron-sdm630").role(BATTERY)


# Files of the installer's own


def test_a_file_beside_the_configuration_adds_a_device_and_outranks_ours(tmp_path: Path) -> None:
    (tmp_path / "toaster.yaml").write_text("name: Toaster\ngrid: {power_w: {at: 7, kind: int16}}\n")
    (tmp_path / "e3dc.yaml").write_text("name: My E3/DC\ngrid: {power_w: {at: 7, kind: int16}}\n")
    assert load("toaster", tmp_path).name == "Toaster"
    assert load("e3dc", tmp_path).name == "My E3/DC"
    assert load("e3dc").name == "E3/DC"
    with pytest.raises(ValueError, match="there is no device toaster"):
        load("toaster")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: X\ngrid: {power_w: {at: 7, kind: int17}}", r"grid\.power_w.*kind"),
        ("name: X\ngrid: {power_w: {at: 70000, kind: int16}}", r"grid\.power_w.*at"),
        ("name: X\ngird: {}", "2: gird: is not a known key"),
        ("name: X\ngrid: {}", "grid: .*needs either sunspec"),
        ("name: [", "can't be read"),
        ("- 1", "keys with values"),
    ],
)
def test_a_file_that_is_not_sound_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        read(file)


def test_a_custom_device_has_its_points_in_the_configuration() -> None:
    given = {"driver": "modbus", "host": "x", "device": "custom"}
    with pytest.raises(ValidationError, match="custom needs points"):
        ModbusSettings.model_validate(given)
    with pytest.raises(ValidationError, match="only that has them"):
        ModbusSettings.model_validate({**given, "device": "sunspec", "points": {"sunspec": True}})


# On the wire


async def read_once(settings: dict[str, object], role: Role, registers: dict[int, int]) -> MeterReading:
    """What the sink is given by a meter that is configured so."""
    got: list[MeterReading] = []
    async with serving({247: registers, 200: registers, 9: registers}) as device:
        given = ModbusSettings.model_validate(
            {"driver": "modbus", "host": "127.0.0.1", "port": device.port, **settings}
        )
        (driver,) = build({"meter": (role, given)}, SystemClock(), lambda name, reading: got.append(reading))
        task = asyncio.ensure_future(driver.run())
        try:
            await until(lambda: got or task.done())
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return got[0]


def flat(registers: dict[int, int | tuple[int, ...]]) -> dict[int, int]:
    return {
        address + index: word
        for address, value in registers.items()
        for index, word in enumerate(value if isinstance(value, tuple) else (value & 0xFFFF,))
    }


async def test_a_device_file_brings_its_unit_and_survives_what_is_missing() -> None:
    """A GoodWe with old firmware has 45 registers of its meter: no voltages, no currents, and no third string."""
    registers = dict.fromkeys(range(36000, 36045), 0) | flat({36025: int32(-432)})
    got = await read_once({"device": "goodwe-et"}, GRID, registers)
    assert got == MeterReading(power_w=432.0)


async def test_at_night_a_victrons_sleeping_charger_leaves_the_other_sun_known() -> None:
    """It answers with exception 10 for the charger, and 0 W for inverters on its outputs and inputs."""
    got: list[MeterReading] = []
    registers = dict.fromkeys(range(808, 814), 0) | dict.fromkeys(range(820, 823), 100)

    def asleep(request: Request) -> bytes | None:
        return request.exception(10) if request.start <= 850 < request.start + request.count else None

    async with serving({100: registers}, asleep) as device:
        given = ModbusSettings(driver="modbus", host="127.0.0.1", port=device.port, device="victron-gx")
        (driver,) = build({"pv": (PV, given)}, SystemClock(), lambda name, reading: got.append(reading))
        task = asyncio.ensure_future(driver.run())
        await until(lambda: got)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert got[0] == MeterReading(power_w=0.0)


async def test_a_role_may_have_a_unit_of_its_own() -> None:
    got = await read_once({"device": "fronius-gen24"}, GRID, fronius_meter(watts=77).registers)
    assert got.power_w == 77


@pytest.mark.slow
async def test_a_solaredge_meter_is_turned_and_turned_back_by_the_configuration() -> None:
    registers = fronius_meter(watts=1000).registers
    assert (await read_once({"device": "solaredge", "unit": 9}, GRID, registers)).power_w == -1000
    assert (await read_once({"device": "solaredge", "unit": 9, "invert": True}, GRID, registers)).power_w == 1000


async def test_a_custom_device_is_read_by_its_points() -> None:
    points = {"power_w": [{"at": 7, "kind": "uint16"}, {"at": 9, "kind": "uint16", "scale": -1}]}
    got = await read_once({"device": "custom", "unit": 9, "points": points}, GRID, {7: 100, 8: 0, 9: 350})
    assert got.power_w == -250


async def test_what_an_inverter_draws_at_night_is_not_negative_sun() -> None:
    points = {"power_w": {"at": 7, "kind": "int16"}}
    got = await read_once({"device": "custom", "unit": 9, "points": points}, PV, {7: int16(-7)})
    assert got.power_w == 0.0


async def test_a_device_is_asked_as_gently_as_its_file_says(tmp_path: Path) -> None:
    """Not before it is ready, with a pause between two requests, and for no more words than it serves."""
    (tmp_path / "shy.yaml").write_text(
        "name: Shy\n"
        "transport: {unit: 9, words: 4, connect_delay_s: 0.1, pause_s: 0.05}\n"
        "grid:\n  power_w: {at: 0, kind: int32}\n  voltages_v: [{at: 4, kind: uint16}]\n"
    )
    got: list[MeterReading] = []
    asked: list[tuple[float, int]] = []

    def note(request: Request) -> None:
        asked.append((time.monotonic(), request.count))

    async with serving({9: dict.fromkeys(range(10), 1)}, note) as device:
        given = ModbusSettings(driver="modbus", host="127.0.0.1", port=device.port, device="shy")
        (driver,) = build({"grid": (GRID, given)}, SystemClock(), lambda name, reading: got.append(reading), tmp_path)
        began_s = time.monotonic()
        task = asyncio.ensure_future(driver.run())
        await until(lambda: got)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (first_s, first_words), (second_s, second_words) = asked
    assert (first_words, second_words) == (2, 1)
    assert first_s - began_s >= 0.1
    assert second_s - first_s >= 0.05
