"""A meter's life: connect, find out who is there, read at every beat, be lost, come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from drivers.base import DeviceError
from drivers.modbus import Beat, ModbusSettings, build
from hemsd.clock import ManualClock, SystemClock
from hemsd.model import MeterReading, Role
from hemsd.supervise import Health, keep
from tests.drivers_modbus.device import Device, serving, until
from tests.drivers_modbus.images import SunSpecImage, float32, fronius_meter, int16, inverter


@dataclass
class Readings:
    """What the sink was given, by meter."""

    by_name: dict[str, list[MeterReading]] = field(default_factory=dict)

    def __call__(self, name: str, reading: MeterReading) -> None:
        self.by_name.setdefault(name, []).append(reading)

    def of(self, name: str) -> list[MeterReading]:
        return self.by_name.setdefault(name, [])


def settings(device: Device, **more: object) -> ModbusSettings:
    given = {"driver": "modbus", "host": "127.0.0.1", "port": device.port, "poll_s": 0.2, "timeout_s": 0.2, **more}
    return ModbusSettings.model_validate(given)


class WatchedClock(ManualClock):
    """Counts who went to sleep, so that a test leaps only over sleepers."""

    sleeps = 0
    asleep = 0

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.asleep += 1
        try:
            await super().sleep(seconds)
        finally:
            self.asleep -= 1


@dataclass
class Metering:
    """A grid meter that runs against a device, on a clock that only the test moves."""

    device: Device
    clock: WatchedClock
    readings: Readings
    task: asyncio.Task[None]

    async def beat(self, seconds: float = 0.2) -> None:
        """Leaps over the meter's sleep, and waits until it sleeps again or has ended."""
        await until(lambda: self.clock.asleep)
        sleeps = self.clock.sleeps
        self.clock.leap(seconds)
        await until(lambda: self.clock.sleeps > sleeps or self.task.done())

    def last(self) -> MeterReading:
        return self.readings.of("grid")[-1]


@asynccontextmanager
async def metering(device: Device, **more: object) -> AsyncIterator[Metering]:
    clock, readings = WatchedClock(), Readings()
    (driver,) = build({"grid": (Role.GRID, settings(device, **more))}, clock, readings)
    task = asyncio.ensure_future(driver.run())
    try:
        yield Metering(device, clock, readings, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_meter_is_found_and_read_at_every_beat() -> None:
    image = fronius_meter(watts=-1200)
    async with serving({1: image.registers}) as device, metering(device) as home:
        await until(lambda: bool(home.readings.of("grid")))
        assert home.last().power_w == -1200
        asked = len(device.requests)
        image.change(203, 18, 800)
        await home.beat()
        assert [reading.power_w for reading in home.readings.of("grid")] == [-1200, 800]
        assert len(device.requests) == asked + 1  # everything comes in one request


async def test_a_model_that_is_cut_short_gives_what_it_has() -> None:
    """The registers behind the powers are missing: exception 2 for the block, and again for the counters."""
    image = fronius_meter(watts=700)
    for address in range(image.at[203] + 30, image.at[203] + 107):
        image.registers.pop(address)
    async with serving({1: image.registers}) as device, metering(device) as home:
        await until(lambda: bool(home.readings.of("grid")))
        assert home.last().power_w == 700
        assert home.last().voltages_v == (230.1, 231.5, 229.8)
        assert home.last().energy_import_wh is None


async def test_a_fault_of_the_devices_own_gives_no_reading_and_is_forgiven_twice() -> None:
    async with serving({1: fronius_meter().registers}) as device, metering(device) as home:
        await until(lambda: bool(home.readings.of("grid")))
        device.trick = lambda request: request.exception(4)
        await home.beat()
        await home.beat()
        assert len(home.readings.of("grid")) == 1
        assert not home.task.done()
        device.trick = lambda request: None
        await home.beat()
        assert len(home.readings.of("grid")) == 2
        device.trick = lambda request: request.exception(4)
        for _ in range(3):
            await home.beat()
        with pytest.raises(DeviceError, match="a fault of its own"):
            await home.task


async def test_a_busy_device_is_asked_less_often_on_the_same_connection(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with serving({1: fronius_meter().registers}) as device, metering(device) as home:
        await until(lambda: bool(home.readings.of("grid")))
        device.trick = lambda request: request.exception(6)
        await home.beat(0.2)
        asked = len(device.requests)
        home.clock.leap(0.2)  # the pause has doubled
        await asyncio.sleep(0.01)
        assert len(device.requests) == asked
        await home.beat(0.2)
        await home.beat(0.8)
        assert len(home.readings.of("grid")) == 1
        device.trick = lambda request: None
        await home.beat(1.6)
        assert len(home.readings.of("grid")) == 2
        await home.beat(0.2)
        assert len(home.readings.of("grid")) == 3
        assert device.connections == 1
    said = [record.getMessage() for record in caplog.records]
    assert len([text for text in said if "busy" in text]) == 1
    assert said[-1] == "grid has time again"


async def test_a_device_that_is_busy_at_first_is_asked_again() -> None:
    async with serving({1: fronius_meter().registers}) as device:
        device.trick = lambda request: request.exception(6) if len(device.requests) < 3 else None
        async with metering(device) as home:
            await home.beat(1.0)
            await home.beat(2.0)
            await until(lambda: bool(home.readings.of("grid")))
        assert device.connections == 1


async def test_words_that_say_nothing_give_a_reading_without_them() -> None:
    image = fronius_meter()
    async with serving({1: image.registers}) as device, metering(device) as home:
        await until(lambda: bool(home.readings.of("grid")))
        image.change(203, 18, 0x8000, 0x8000, 0x8000, 0x8000)
        image.change(203, 38, 0, 0)
        await home.beat()
        assert home.last().power_w is None
        assert home.last().energy_export_wh is None
        assert home.last().voltages_v == (230.1, 231.5, 229.8)
        assert home.last().doubts == ()


async def test_an_absurd_power_is_withheld_with_a_doubt() -> None:
    image = fronius_meter()
    async with serving({1: image.registers}) as device, metering(device) as home:
        await until(lambda: bool(home.readings.of("grid")))
        image.change(203, 18, 3600)
        image.change(203, 22, 4)
        await home.beat()
        assert home.last().power_w is None
        assert home.last().doubts == ("power of 36000000 W can't be",)


async def test_a_counter_that_falls_for_one_answer_is_withheld_with_a_doubt() -> None:
    image = fronius_meter()
    async with serving({1: image.registers}) as device, metering(device) as home:
        await until(lambda: bool(home.readings.of("grid")))
        before = home.last()
        image.change(203, 46, 0, 1)
        await home.beat()
        assert home.last().energy_import_wh is None
        assert home.last().power_w == before.power_w
        assert "import counter fell" in home.last().doubts[0]


async def test_a_float_meter_whose_gateway_repeats_itself_is_not_believed_after_a_minute() -> None:
    image = SunSpecImage().model(213, 124, {28: float32(-812.37), 12: float32(230.1)})
    async with serving({1: image.registers}) as device, metering(device, poll_s=10) as home:
        await until(lambda: bool(home.readings.of("grid")))
        for _ in range(6):
            await home.beat(10)
        assert [reading.power_w for reading in home.readings.of("grid")[:6]] == [pytest.approx(-812.37)] * 6
        assert home.last().power_w is None
        assert "frozen" in home.last().doubts[0]
        image.change(213, 12, *float32(230.2))
        await home.beat(10)
        assert home.last().power_w == pytest.approx(-812.37)


async def test_a_transformer_that_sits_the_wrong_way_round_is_turned_back() -> None:
    image = fronius_meter()
    image.change(203, 18, 100, 400, int16(-500), 200)
    async with serving({1: image.registers}) as device, metering(device, inverted_cts=[2]) as home:
        await until(lambda: bool(home.readings.of("grid")))
        assert home.last().power_w == 1100
        assert all(amps is not None and amps >= 0 for amps in home.last().currents_a)


async def test_a_float_meter_that_sends_the_smallest_of_all_numbers_is_doubted() -> None:
    """SolarEdge and others give -3.4e38 for a battery that is not there."""
    image = SunSpecImage().model(213, 124, {28: float32(-3.4028e38)})
    async with serving({1: image.registers}) as device, metering(device) as home:
        await until(lambda: bool(home.readings.of("grid")))
        assert home.last().power_w is None
        assert home.last().doubts


async def test_a_short_answer_loses_the_device_and_gives_no_reading() -> None:
    async with serving({1: fronius_meter().registers}) as device, metering(device) as home:
        await until(lambda: bool(home.readings.of("grid")))
        device.trick = lambda request: request.registers([1, 2, 3])
        await home.beat()
        with pytest.raises(DeviceError, match="3 registers instead of"):
            await home.task
        assert len(home.readings.of("grid")) == 1


async def test_a_wrong_unit_behind_a_gateway_is_said() -> None:
    async with serving({1: fronius_meter().registers}) as device, metering(device, unit=200) as home:
        with pytest.raises(DeviceError, match="the gateway does not reach unit 200"):
            await home.task


async def test_a_meter_behind_the_wrong_role_is_said() -> None:
    async with serving({1: inverter().registers}) as device, metering(device) as home:
        with pytest.raises(DeviceError, match="serves no meter"):
            await home.task


async def test_a_server_that_restarts_in_the_middle_is_read_again_from_the_start() -> None:
    """The firmware is new afterwards: the first model is one word longer and the scale is another."""
    readings = Readings()
    async with serving({1: fronius_meter(watts=-1200, common_length=65).registers}) as device:
        (driver,) = build({"grid": (Role.GRID, settings(device))}, SystemClock(), readings)
        keeper = asyncio.ensure_future(keep("grid", driver.run, Health(), first_pause_s=0.02, longest_pause_s=0.02))
        try:
            await until(lambda: bool(readings.of("grid")))
            device.trick = lambda request: request.registers([0] * request.count)[:20]  # dies within an answer
            asked = len(device.requests)
            await until(lambda: len(device.requests) > asked)
            await device.stop()
            device.units = {1: fronius_meter(watts=333, common_length=66).registers}
            device.trick = lambda request: None
            await device.start()
            await until(lambda: readings.of("grid")[-1].power_w == 333)
            assert {reading.power_w for reading in readings.of("grid")} == {-1200, 333}
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)


async def test_meters_of_one_address_share_its_connection() -> None:
    units = {
        1: inverter(watts=5000).registers,
        200: fronius_meter(watts=-2500).registers,
        71: inverter().model(802, 62, {11: 55, 47: int16(-700)}).registers,
    }
    readings = Readings()
    async with serving(units) as device:
        meters = {
            "roof": (Role.PV, settings(device)),
            "grid": (Role.GRID, settings(device, unit=200)),
            "battery": (Role.BATTERY, settings(device, unit=71, invert=True)),
        }
        tasks = [asyncio.ensure_future(driver.run()) for driver in build(meters, SystemClock(), readings)]
        try:
            await until(lambda: len(readings.by_name) == 3)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert device.connections == 1
        assert {name: got[-1].power_w for name, got in readings.by_name.items()} == {
            "roof": 5000,
            "grid": -2500,
            "battery": 700,
        }
        await until(lambda: device.open_connections == 0)


async def test_who_is_there_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with serving({1: fronius_meter().registers}) as device:
        (driver,) = build({"grid": (Role.GRID, settings(device))}, ManualClock(), readings := Readings())
        for count in (1, 2):
            task = asyncio.ensure_future(driver.run())
            await until(lambda count=count: len(readings.of("grid")) == count)  # type: ignore[misc]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert [record.getMessage() for record in caplog.records] == [
        "grid is a Fronius Smart Meter TS 65A-3 (serial 4711, version 1.3)"
    ]


async def test_beats_do_not_drift_and_missed_ones_are_left_out() -> None:
    clock = ManualClock(now_s=0.0)
    beat = Beat(clock, 1.0)
    struck: list[float] = []

    async def listen() -> None:
        while True:
            await beat.next()
            struck.append(clock.monotonic())

    task = asyncio.ensure_future(listen())
    for leap_s in (1.0, 0.4, 0.75, 3.0, 0.4, 0.45, 1.0):  # to 1.0, 1.4, 2.15, 5.15, 5.55, 6.0, 7.0
        await asyncio.sleep(0)
        clock.leap(leap_s)
        await asyncio.sleep(0)
    task.cancel()
    assert struck == pytest.approx([1.0, 2.15, 5.15, 6.0, 7.0])
