"""A home battery that can be told, on real sockets: at night it covers the house, and the grid charges the car."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.permission import HOLDS_S
from drivers.simulated.home import Ports, SimulatedHome
from drivers.simulated.settings import SimulateSettings
from drivers.simulated.wallbox import WallboxSpec
from hemsd.app import Daemon
from hemsd.config import load
from hemsd.model import Mode, Outcome, Wish
from tests.daemon.living import free_ports
from tests.virtual import LoopClock, comes_true

pytestmark = [pytest.mark.slow, pytest.mark.virtual_time, pytest.mark.timeout(120)]

CAR_W = 3 * 16 * 230.0


def config_in(folder: Path, ports: Ports, control: bool) -> Path:
    ocpp, web = free_ports(2)
    at = f"driver: modbus, host: 127.0.0.1, port: {ports.modbus}"
    path = folder / "config.yaml"
    path.write_text(
        f"meters:\n  grid: {{{at}, unit: {ports.grid_unit}}}\n  pv: {{{at}, unit: {ports.inverter_unit}}}\n"
        f"  battery: {{{at}, unit: {ports.battery_unit}, control: {str(control).lower()}}}\n"
        "wallboxes:\n  garage: {driver: ocpp, charge_point: WB-001, phases: 3, mode: fast}\n"
        f"ocpp: {{host: 127.0.0.1, port: {ocpp}}}\nweb: {{port: {web}}}\nstorage: {{path: home.db}}\n"
    )
    return path


@asynccontextmanager
async def night(
    folder: Path, *, control: bool = True
) -> AsyncIterator[tuple[SimulatedHome, Daemon, asyncio.Task[None]]]:
    """A home before sunrise, and a daemon that is no part of it: one can die without the other."""
    clock = LoopClock()
    home = SimulatedHome(
        SimulateSettings(battery=True, speed=1, start_s=0), clock, [WallboxSpec("garage", "WB-001", phases="3")]
    )
    config = load(config_in(folder, await home.start(), control))
    async with await Daemon.make(config, clock) as daemon:
        running = asyncio.create_task(daemon.run())
        tasks = (running, asyncio.create_task(home.run()))
        home.connect_wallboxes(f"ws://127.0.0.1:{config.ocpp.port}")
        try:
            await comes_true(lambda: home.physics.cars_w > 0.9 * CAR_W)
            await asyncio.sleep(30)
            yield home, daemon, running
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.slow
async def test_at_night_the_battery_covers_the_house_and_the_grid_charges_the_car(tmp_path: Path) -> None:
    async with night(tmp_path) as (home, daemon, running):
        assert home.physics.battery_w == pytest.approx(home.physics.house_w, abs=100)
        assert home.physics.grid_w == pytest.approx(home.physics.cars_w, abs=100)
        assert daemon.control.decisions["garage"].inputs["battery_outcome"] is Outcome.APPLIED

        home.physics.extra_house_w = 2000.0  # somebody cooks
        await asyncio.sleep(20)
        assert home.physics.battery_w == pytest.approx(home.physics.house_w, abs=100)

        running.cancel()  # a dead Pi tells nobody anything
        await asyncio.sleep(HOLDS_S - 50)
        assert home.physics.battery_w == pytest.approx(home.physics.house_w, abs=100)
        await asyncio.sleep(60)
        assert home.physics.battery_w > 4_900


@pytest.mark.slow
async def test_a_stop_and_another_mode_free_the_battery_at_once(tmp_path: Path) -> None:
    async with night(tmp_path) as (home, daemon, running):
        battery = home.physics.battery
        assert battery is not None
        assert battery.controls.share < 0.2
        daemon.control.wish(Wish("garage", mode=Mode.OFF))
        await comes_true(lambda: battery.controls.share == 1.0, within_s=10)
        daemon.control.wish(Wish("garage", mode=Mode.FAST))
        await comes_true(lambda: battery.controls.share < 0.2, within_s=300)
        daemon.stopping.set()
        await asyncio.wait_for(running, 20)
        assert (battery.controls.mode, battery.controls.share) == (0, 1.0)


@pytest.mark.slow
async def test_a_battery_that_does_not_listen_is_named(tmp_path: Path) -> None:
    async with night(tmp_path) as (home, daemon, _):
        assert home.battery_meter is not None
        home.battery_meter.deaf = True
        home.physics.extra_house_w = 3000.0
        await asyncio.sleep(20)
        home.physics.extra_house_w = 0.0  # it was told so much, and goes on giving it
        await comes_true(lambda: "battery" in {alert.key for alert in daemon.alerts.standing}, within_s=600)


@pytest.mark.slow
async def test_without_leave_nothing_is_ever_written(tmp_path: Path) -> None:
    async with night(tmp_path, control=False) as (home, _, _):
        battery = home.physics.battery
        assert battery is not None
        assert (battery.controls.mode, battery.controls.revert_s) == (0, 3600)
        assert home.physics.battery_w > 4_900
