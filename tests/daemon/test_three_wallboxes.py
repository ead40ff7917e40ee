"""Three wallboxes behind one fuse, on real sockets: nobody trips it, nobody flaps, everybody gets a share."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.simulated.home import SimulatedHome
from hemsd.app import Daemon
from hemsd.config import load
from hemsd.model import Mode, Wish
from hemsd.simulation import clock_for
from tests.daemon.living import free_ports
from tests.daemon.test_in_process import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FUSE_A = 35.0
SPEED = 10.0
NAMES = ("garage", "yard", "street")
LONGEST_S = 5.0 + 2.0 + 1.0 + 1.5  # one tick, the wallbox's own delay, the age of a reading, the steps of the physics


def config_in(folder: Path, start_s: float) -> Path:
    modbus, ocpp, web = free_ports(3)
    boxes = "".join(f"  {name}: {{driver: ocpp, charge_point: WB-{name}, phases: 3}}\n" for name in NAMES)
    path = folder / "config.yaml"
    path.write_text(
        f"site: {{main_fuse_a: {FUSE_A:g}}}\n"
        f"meters:\n  grid: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 200}}\n"
        f"  pv: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 1}}\n"
        f"wallboxes:\n{boxes}"
        f"ocpp: {{host: 127.0.0.1, port: {ocpp}}}\nweb: {{port: {web}}}\nstorage: {{path: home.db}}\n"
        f"simulate: {{speed: {SPEED:g}, start_s: {start_s:g}, modbus_port: {modbus}}}\n"
    )
    return path


class FuseWatch:
    """Looks at the house connection more often than anything in it changes."""

    def __init__(self, home: SimulatedHome) -> None:
        self.home = home
        self.worst_a = 0.0
        self.longest_s = 0.0
        self._above_since_s: float | None = None

    async def run(self) -> None:
        while True:
            physics = self.home.physics
            highest_a = max(physics.grid_phases_w) / physics.voltage_v
            self.worst_a = max(self.worst_a, highest_a)
            if highest_a <= FUSE_A + 0.5:
                self._above_since_s = None
            elif self._above_since_s is None:
                self._above_since_s = physics.t_s
            else:
                self.longest_s = max(self.longest_s, physics.t_s - self._above_since_s)
            await asyncio.sleep(0.02)


async def test_the_fuse_holds_when_the_house_takes_20_a_more_and_every_car_gets_its_share(tmp_path: Path) -> None:
    config = load(config_in(tmp_path, start_s=0.0))  # before sunrise: everything comes through the fuse
    async with await Daemon.make(config, await clock_for(config)) as daemon:
        running = asyncio.create_task(daemon.run())
        home = daemon.simulated
        assert home is not None
        watch = FuseWatch(home)
        await until(lambda: all(image.transaction_id for image in daemon.latest.freeze().wallboxes))
        watching = asyncio.create_task(watch.run())
        for name in NAMES:
            daemon.control.wish(Wish(name, mode=Mode.FAST))
        await until(lambda: all(home.wallboxes[name].station.power_w > 3000 for name in NAMES))
        await asyncio.sleep(60 / SPEED)
        before = {name: home.wallboxes[name].station.starts for name in NAMES}
        shares = sorted(home.wallboxes[name].station.offered_a for name in NAMES)
        assert sum(shares) > 0.8 * (FUSE_A - 5)  # the fuse is used
        assert shares[-1] - shares[0] <= 4  # fairly
        watch.longest_s = 0.0

        home.physics.extra_house_w = 2 * 20 * 230.0  # half of the house load is on L1: 20 A more there
        await asyncio.sleep(90 / SPEED)
        assert watch.worst_a > FUSE_A  # it was a real overload
        assert watch.longest_s <= LONGEST_S
        assert max(home.physics.grid_phases_w) / 230 <= FUSE_A + 0.5

        home.physics.extra_house_w = 0.0
        await asyncio.sleep(90 / SPEED)
        starts = sum(home.wallboxes[name].station.starts - before[name] for name in NAMES)
        assert starts <= 3  # a pause for want of room, and one start after it, at the most
        assert watch.longest_s <= LONGEST_S
        watching.cancel()
        daemon.stopping.set()
        await asyncio.wait_for(running, 20)
