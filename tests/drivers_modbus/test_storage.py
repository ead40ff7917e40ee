"""What a battery is told over Modbus (SunSpec model 124), and what is never left behind on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from drivers.base import DeviceError
from drivers.modbus import ModbusMeter, ModbusSettings, build
from drivers.modbus_blocks import Refused, Span
from drivers.modbus_line import Asked, crc, garbled, rtu_answer
from drivers.permission import AGAIN_S, HOLDS_S
from drivers.simulated import day
from drivers.simulated.battery import FULL, StorageControls
from drivers.simulated.meters import BATTERY_UNIT, MeterServer
from drivers.simulated.physics import Battery, Home
from drivers.sunspec_models import Model
from drivers.sunspec_storage import Registers, Storage, storage
from hemsd.clock import ManualClock
from hemsd.model import Role
from tests.drivers_modbus.device import until

MODEL = Model(124, 40_000, 24)


@dataclass
class Told:
    """A battery on a real socket, and what it holds in model 124."""

    controls: StorageControls
    server: MeterServer
    driver: ModbusMeter

    @property
    def storage(self) -> Storage:
        assert self.driver.storage is not None
        return self.driver.storage

    async def permit(self, most_w: float | None) -> None:
        self.storage.permit(most_w)
        async with asyncio.timeout(2):
            await self.storage.freed()


@asynccontextmanager
async def battery(clock: ManualClock) -> AsyncIterator[Told]:
    home = Home(day.load("serf-2022-03-18"), {}, Battery(max_w=5000), t_s=0)
    assert home.battery is not None
    server = MeterServer(home, lambda: None)
    port = await server.start()
    settings = ModbusSettings(driver="modbus", host="127.0.0.1", port=port, unit=BATTERY_UNIT, control=True)
    heard: list[str] = []
    (driver,) = build({"battery": (Role.BATTERY, settings)}, clock, lambda name, _: heard.append(name))
    assert isinstance(driver, ModbusMeter)
    running = asyncio.ensure_future(asyncio.gather(driver.run(), beating(clock)))
    try:
        await until(lambda: heard)
        yield Told(home.battery.controls, server, driver)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await server.close()


async def beating(clock: ManualClock) -> None:
    """The meter's beat goes on, and its clock with it."""
    while True:
        await asyncio.sleep(0.002)
        clock.leap(1.0)


async def test_a_limit_is_said_with_its_timer_and_taken_back() -> None:
    async with battery(ManualClock()) as told:
        told.controls.mode = 0b01  # somebody limits what it takes
        await told.permit(1234.0)
        assert (told.controls.mode, told.controls.rate, told.controls.revert_s) == (0b11, 2468, HOLDS_S)
        assert told.storage.told_w == 1234.0
        await told.permit(None)
        assert (told.controls.mode, told.controls.rate) == (0b01, FULL)
        assert told.storage.told_w is None


async def test_a_limit_is_said_again_before_the_device_forgets_it_and_else_not_at_all() -> None:
    clock = ManualClock()
    async with battery(clock) as told:
        await told.permit(1000.0)
        began_s, told.controls.rate = clock.monotonic(), 7777
        await until(lambda: told.controls.rate != 7777)
        assert AGAIN_S - 2 <= clock.monotonic() - began_s < HOLDS_S / 2


async def test_a_device_that_refuses_is_named_left_alone_and_asked_again_later() -> None:
    clock = ManualClock()
    async with battery(clock) as told:
        meter = told.server.battery
        assert meter is not None
        meter.deaf = True  # it takes the timer, and does not keep it
        told.storage.permit(1000.0)
        await until(lambda: told.storage.trouble)
        assert "timer" in told.storage.trouble
        assert (told.controls.mode, told.controls.rate) == (0, FULL)
        assert told.storage.told_w is None
        meter.deaf = False
        await until(lambda: told.storage.told_w == 1000.0)
        assert told.storage.trouble == ""


async def test_what_was_said_to_a_device_that_is_lost_does_not_count_for_longer_than_it_holds() -> None:
    clock = ManualClock()
    spoken = Storage("battery", clock)
    words = registers({})
    await spoken.meet(reading(words), MODEL)
    spoken.permit(500.0)
    spoken.trouble = "it was lost"
    await spoken.meet(reading(words), MODEL)
    assert spoken.trouble == ""
    await spoken.speak(reading(words), writing(words))
    assert spoken.told_w == 500.0
    clock.leap(HOLDS_S)
    assert spoken.told_w is None


def registers(other: Mapping[int, int]) -> dict[int, int]:
    """By offset: what is needed of model 124, for a battery of 5 kW; the rest is not implemented."""
    known = {0: 124, 1: 24, 2: 5000, 5: 0, 12: 10_000, 15: 0, 18: 0, 22: 0, 25: 0xFFFE}
    return {offset: other.get(offset, known.get(offset, 0xFFFF)) for offset in range(26)}


def reading(words: Mapping[int, int]) -> Callable:
    async def read(span: Span) -> list[int]:
        return [words[address - MODEL.address] for address in range(span.start, span.end)]

    return read


def writing(words: dict[int, int]) -> Callable:
    async def write(start: int, values: list[int]) -> None:
        words.update({start - MODEL.address + index: value for index, value in enumerate(values)})

    return write


@pytest.mark.parametrize(
    ("lacks", "named"),
    [({2: 0}, "WChaMax"), ({5: 0xFFFF}, "StorCtl_Mod"), ({12: 0x8000}, "OutWRte"), ({15: 0xFFFF}, "InOutWRte_RvrtTms")],
)
async def test_a_device_without_one_of_the_registers_is_told_nothing(lacks: Mapping[int, int], named: str) -> None:
    with pytest.raises(DeviceError, match=named):
        await storage(reading(registers(lacks)), MODEL)
    with pytest.raises(DeviceError, match="model 124"):
        await storage(reading({}), None)


async def test_a_device_that_may_not_be_controlled_says_why() -> None:
    async def refusing(start: int, values: list[int]) -> None:
        raise Refused("unit 1 does not serve holding registers 40015 to 40015")

    words, spoken = registers({}), Storage("battery", ManualClock())
    await spoken.meet(reading(words), MODEL)
    spoken.permit(0.0)
    await spoken.speak(reading(words), refusing)
    assert "does not serve" in spoken.trouble
    assert spoken.told_w is None


@pytest.mark.parametrize(
    ("most_w", "step_pct", "rate"),
    [(5000.0, 0.01, 10_000), (9999.0, 0.01, 10_000), (0.0, 0.01, 0), (1234.5, 0.01, 2469), (1234.5, 1.0, 24)],
)
def test_a_limit_is_never_rounded_up(most_w: float, step_pct: float, rate: int) -> None:
    assert Registers(0, 0, 0, 5000.0, step_pct).rate_of(most_w) == rate


WRITTEN = bytes([17, 16, 0, 10, 0, 2])
WRITTEN += crc(WRITTEN)


def test_the_answer_to_a_writing_is_known_on_rtu_and_tcp() -> None:
    request = bytes([17, 16, 0, 10, 0, 2, 4, 0, 1, 0, 2])
    echo = request + crc(request)
    assert rtu_answer(echo + WRITTEN, Asked(17, 16, 2)) == WRITTEN
    assert rtu_answer(WRITTEN, Asked(17, 3, 2)) == b""
    head = bytes([0, 1, 0, 0, 0, 6])
    assert not garbled(head + WRITTEN[:-2])
    assert garbled(bytes([0, 1, 0, 0, 0, 5]) + WRITTEN[:-3])
    assert garbled(head + bytes([17, 6, 0, 10, 0, 2]))
