"""Three wallboxes behind one fuse, on real sockets: nobody trips it, nobody flaps, everybody gets a share."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.simulated.home import SimulatedHome
from drivers.simulated.station import APPLY_DELAY_S
from hemsd.app import Daemon
from hemsd.config import load
from hemsd.model import Mode, SteeringSettings, Wish
from tests.daemon.living import free_ports
from tests.virtual import LoopClock, comes_true

pytestmark = [pytest.mark.slow, pytest.mark.virtual_time, pytest.mark.timeout(120)]

FUSE_A = 35.0
NAMES = ("garage", "yard", "street")
TICK_S = SteeringSettings().tick_s
LONGEST_S = 1.0 + APPLY_DELAY_S  # the age of a reading and the wallbox's own delay: less than the tick that is allowed


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
        f"simulate: {{speed: 1, start_s: {start_s:g}, modbus_port: {modbus}}}\n"
    )
    return path


class FuseWatch:
    """Looks at the house connection more often than anything in it changes."""

    def __init__(self, home: SimulatedHome) -> None:
        self.home = home
        self.worst_a = 0.0
        self.longest_s = 0.0  # above the fuse, without a break
        self._above_since_s: float | None = None

    async def run(self) -> None:
        while True:
            physics = self.home.physics
            highest_a = max(physics.grid_phases_w) / physics.voltage_v
            self.worst_a = max(self.worst_a, highest_a)
            if highest_a <= FUSE_A:
                self._above_since_s = None
            else:
                self._above_since_s = physics.t_s if self._above_since_s is None else self._above_since_s
                self.longest_s = max(self.longest_s, physics.t_s - self._above_since_s)
            await asyncio.sleep(0.25)


def commands_of(daemon: Daemon) -> dict[str, int]:
    """The newest command's number of each wallbox."""
    newest = {name: order.command for name, order in daemon.control.orders.items()}
    return {name: command.id if command else 0 for name, command in newest.items()}


@pytest.mark.slow
async def test_the_fuse_holds_when_each_phase_takes_20_a_more_and_every_car_gets_its_share(tmp_path: Path) -> None:
    config = load(config_in(tmp_path, start_s=0.0))  # before sunrise: everything comes through the fuse
    async with await Daemon.make(config, LoopClock()) as daemon:
        running = asyncio.create_task(daemon.run())
        home = daemon.simulated
        assert home is not None
        watch = FuseWatch(home)
        stations = {name: home.wallboxes[name].station for name in NAMES}

        def offers() -> list[float]:
            return sorted(station.offered_a for station in stations.values())

        await comes_true(lambda: all(image.transaction_id for image in daemon.latest.freeze().wallboxes))
        watching = asyncio.create_task(watch.run())
        for name in NAMES:
            daemon.control.wish(Wish(name, mode=Mode.FAST))
        await comes_true(lambda: sum(offers()) > 0.8 * (FUSE_A - 5))  # the fuse is used ...
        await asyncio.sleep(30)
        assert {daemon.control.decisions[name].rule for name in NAMES} == {"fast"}  # nobody had to be cut
        assert offers()[-1] - offers()[0] <= 2  # ... fairly
        starts = {name: station.starts for name, station in stations.items()}
        assert watch.worst_a <= FUSE_A
        commands = commands_of(daemon)

        ticked_s = daemon.control.last_tick_s
        await comes_true(lambda: daemon.control.last_tick_s != ticked_s, step_s=0.1)  # the next one is far away
        home.physics.extra_phases_w = (20 * 230.0,) * 3
        await asyncio.sleep(90)
        assert watch.worst_a > 1.25 * FUSE_A  # it was a real overload
        assert watch.longest_s <= LONGEST_S < TICK_S + APPLY_DELAY_S
        assert max(home.physics.grid_phases_w) / 230 <= FUSE_A
        assert offers() == [0, 6, 6]  # whole minimum blocks of what is left, and nobody between 0 and 6
        assert all(number != commands[name] for name, number in commands_of(daemon).items())
        # One command each; two more when it is learned that these boxes round 6.5 A to 6; and then rest.
        assert max(commands_of(daemon).values()) - max(commands.values()) <= 5

        home.physics.extra_phases_w = (0.0, 0.0, 0.0)
        await comes_true(lambda: offers()[0] >= 6 and sum(offers()) > 0.8 * (FUSE_A - 5))  # the minimum pause is over
        assert sum(station.starts - starts[name] for name, station in stations.items()) <= 1
        assert watch.longest_s <= LONGEST_S < TICK_S + APPLY_DELAY_S
        watching.cancel()
        daemon.stopping.set()
        await asyncio.wait_for(running, 20)
