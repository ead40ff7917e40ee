"""The drivers against the simulated home: two hands wrote the two sides of the standard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from drivers.modbus import ModbusSettings, build
from drivers.modbus_line import TcpLine
from drivers.modbus_probe import scan
from drivers.simulated import day
from drivers.simulated.meters import BATTERY_UNIT, GRID_UNIT, INVERTER_UNIT, MeterServer
from drivers.simulated.physics import Battery, Home
from hemsd.clock import FastClock, SystemClock
from hemsd.model import MeterReading, Role
from tests.drivers_modbus.device import until


@pytest.fixture
async def port() -> AsyncIterator[int]:
    home = Home(day.load("serf-2022-03-18"), {}, Battery(soc_pct=61.5), t_s=22_000)
    for _ in range(60):
        home.step()
    server = MeterServer(home, lambda: None)
    yield await server.start()
    await server.close()


async def test_the_house_adds_up_over_one_connection(port: int) -> None:
    got: dict[str, list[MeterReading]] = {"grid": [], "pv": [], "battery": []}
    units = {"grid": GRID_UNIT, "pv": INVERTER_UNIT, "battery": BATTERY_UNIT}
    meters = {
        name: (Role(name), ModbusSettings(driver="modbus", host="127.0.0.1", port=port, unit=unit))
        for name, unit in units.items()
    }
    clock = FastClock(SystemClock().utc(), 60.0)
    drivers = build(meters, clock, lambda name, reading: got[name].append(reading))
    tasks = [asyncio.ensure_future(driver.run()) for driver in drivers]
    try:
        await until(lambda: all(len(readings) >= 5 for readings in got.values()))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    grid, pv, battery = (got[name][-1] for name in ("grid", "pv", "battery"))
    assert grid.power_w is not None
    assert pv.power_w is not None
    assert battery.power_w is not None
    assert pv.power_w > 500
    assert battery.soc_pct == pytest.approx(61.5, abs=1.0)
    house_w = grid.power_w + pv.power_w + battery.power_w
    assert 0 < house_w < 20_000
    assert None not in (*grid.currents_a, *grid.voltages_v)
    assert not grid.doubts


async def test_a_scan_finds_the_three_of_them_and_what_they_are_good_for(port: int) -> None:
    found = [each async for each in scan(TcpLine("127.0.0.1", port), 0.5, {})]
    assert [(each.unit, each.chain and each.chain.model, set(each.readings)) for each in found] == [
        (INVERTER_UNIT, "Simulated inverter", {Role.PV}),
        (BATTERY_UNIT, "Simulated battery", {Role.BATTERY}),
        (GRID_UNIT, "Simulated meter", {Role.GRID}),
    ]
