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
EASED_S = 5.0 + 2.0  # who has to go to 0 A goes by way of 6 A, for the contactor's sake
BEARS = 1.25  # a gG fuse bears so much for an hour (IEC 60269-1, conventional non-fusing current)


def config_in(folder: Path, start_s: float) -> Path:
    modbus, ocpp, web = free_ports(3)
    boxes = "".join(f"  {name}: {{driver: ocpp, charge_point: WB-{name}, phases: 3}}\n" for name in NAMES)
    path = folder / "config.yaml"
    path.write_text(
        f"site: {{main_fuse_a: {FUSE_A:g}}}\nsteering: {{min_pause_s: 60}}\n"
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
        self.longest_s = {1.0: 0.0, BEARS: 0.0}  # above so many times the fuse, without a break
        self._above_since_s: dict[float, float] = {}

    async def run(self) -> None:
        while True:
            physics = self.home.physics
            highest_a = max(physics.grid_phases_w) / physics.voltage_v
            self.worst_a = max(self.worst_a, highest_a)
            for times in self.longest_s:
                if highest_a <= FUSE_A * times + 0.5:
                    self._above_since_s.pop(times, None)
                else:
                    since_s = self._above_since_s.setdefault(times, physics.t_s)
                    self.longest_s[times] = max(self.longest_s[times], physics.t_s - since_s)
            await asyncio.sleep(0.02)


def commands_of(daemon: Daemon) -> dict[str, int]:
    """The newest command's number of each wallbox."""
    newest = {name: order.command for name, order in daemon.control.orders.items()}
    return {name: command.id if command else 0 for name, command in newest.items()}


@pytest.mark.slow
async def test_the_fuse_holds_when_each_phase_takes_20_a_more_and_every_car_gets_its_share(tmp_path: Path) -> None:
    config = load(config_in(tmp_path, start_s=0.0))  # before sunrise: everything comes through the fuse
    async with await Daemon.make(config, await clock_for(config)) as daemon:
        running = asyncio.create_task(daemon.run())
        home = daemon.simulated
        assert home is not None
        watch = FuseWatch(home)
        stations = {name: home.wallboxes[name].station for name in NAMES}

        def offers() -> list[float]:
            return sorted(station.offered_a for station in stations.values())

        await until(lambda: all(image.transaction_id for image in daemon.latest.freeze().wallboxes))
        watching = asyncio.create_task(watch.run())
        for name in NAMES:
            daemon.control.wish(Wish(name, mode=Mode.FAST))
        await until(lambda: sum(offers()) > 0.8 * (FUSE_A - 5))  # the fuse is used ...
        await asyncio.sleep(30 / SPEED)
        assert {daemon.control.decisions[name].rule for name in NAMES} == {"fast"}  # nobody had to be cut
        assert offers()[-1] - offers()[0] <= 2  # ... fairly
        starts = {name: station.starts for name, station in stations.items()}
        assert watch.worst_a <= FUSE_A + 0.5
        commands = commands_of(daemon)

        home.physics.extra_phases_w = (20 * 230.0,) * 3
        await asyncio.sleep(90 / SPEED)
        assert watch.worst_a > BEARS * FUSE_A  # it was a real overload
        assert watch.longest_s[BEARS] <= LONGEST_S
        assert watch.longest_s[1.0] <= LONGEST_S + EASED_S
        assert max(home.physics.grid_phases_w) / 230 <= FUSE_A + 0.5
        assert offers() == [0, 6, 6]  # whole minimum blocks of what is left, and nobody between 0 and 6
        assert all(number != commands[name] for name, number in commands_of(daemon).items())
        # One command each; two more when it is learned that these boxes round 6.5 A to 6; and then rest.
        assert max(commands_of(daemon).values()) - max(commands.values()) <= 5

        home.physics.extra_phases_w = (0.0, 0.0, 0.0)
        await until(lambda: offers()[0] >= 6 and sum(offers()) > 0.8 * (FUSE_A - 5))  # the minimum pause is over
        assert sum(station.starts - starts[name] for name, station in stations.items()) <= 1
        assert watch.longest_s[1.0] <= LONGEST_S + EASED_S
        watching.cancel()
        daemon.stopping.set()
        await asyncio.wait_for(running, 20)
