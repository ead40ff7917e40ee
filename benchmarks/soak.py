"""A home that goes wrong, for days: ``python -m benchmarks.soak [--hours H] [--minutes M] [--seed N] [--report FILE]``.

The simulated home lives in this process and the daemon in another, in one time that waits for the work of both
(``lockstep``), so a soak takes the same course on a busy machine. Meters fall silent, the wallbox loses its link or
its power, broker and cloud go and come back, the card is full, the wall clock jumps, somebody heats the sauna while the
car charges at full power, cars come and go; the daemon is killed once a day, and begins each time in a year of its own
until NTP answers. In the end each stay of a car must be one visit, its energy what the wallbox's own register says, the
fuse never exceeded for long, and everything in the daemon well (``soak_account``). A seed brings its own troubles.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.lockstep import LeadingLoop
from benchmarks.soak_account import Account, Look, Stay, dead_tasks, number, recorded, report
from benchmarks.soak_machine import BOX, Machine
from drivers.simulated.home import SimulatedHome
from drivers.simulated.meters import Meter
from drivers.simulated.settings import SimulatedCar, SimulateSettings
from drivers.simulated.wallbox import WallboxSpec
from tests.cloud.receiver import Receiver, receiving
from tests.drivers_mqtt.broker import MOSQUITTO, Broker, free_port
from tests.virtual import LoopClock

BEGIN = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)  # the night of the 25th has an hour twice
DAY = "serf-2022-03-18"
BEGIN_S = 12_000.0
RARELY = 500.0  # the home's own pace does not count: whoever looks at the fuse moves it
FUSE_A = 25.0
LOOK_S = 2.0  # how often the fuse is looked at
SAUNA_W = (3000.0, 3000.0, 3000.0)  # with 16 A of the car it is more than the fuse
JUMPS_S = (-40.0, 7200.0, -10_800.0, 400 * 86_400.0)
TROUBLES = ("grid", "pv", "link", "power", "cloud cover", "broker", "cloud", "card", "clock", "sauna", "car")
CONFIG = """\
site: {{name: Soak, main_fuse_a: {fuse:g}, timezone: Europe/Berlin}}
meters:
  grid: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 200, poll_s: 5}}
  pv: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 1, poll_s: 10}}
wallboxes: {{garage: {{driver: ocpp, charge_point: WB-001, phases: auto}}}}
steering: {{tick_s: 10}}
ocpp: {{host: 127.0.0.1, port: {ocpp}}}
web: {{port: {web}}}
storage: {{path: soak.db}}
cloud: {{analysis: {{url: "http://127.0.0.1:{cloud}", token: soak}}}}
{mqtt}
"""


@dataclass(slots=True)
class Soak:
    """The home, the machine, and the troubles between them."""

    folder: Path
    seed: int
    calm_s: tuple[float, float] = (100.0, 400.0)  # between two troubles
    until_real_s: float = math.inf  # by time.monotonic: it ends in good order then, however far it came
    clock: LoopClock = field(init=False)
    home: SimulatedHome = field(init=False)
    machine: Machine = field(init=False)
    broker: Broker | None = None
    receiver: Receiver = field(default_factory=Receiver)
    troubles: Counter[str] = field(default_factory=Counter)
    stays: list[Stay] = field(default_factory=list)
    excess_s: float = 0.0
    looks: list[Look] = field(default_factory=list)
    _cloud: AsyncExitStack = field(default_factory=AsyncExitStack)
    _came: tuple[datetime, float] = (BEGIN, 0.0)

    async def run(self, hours: float, kills: int) -> Account:
        self.clock = LoopClock(BEGIN)
        began_s = self.clock.monotonic()
        car = SimulatedCar(plugged=False)
        settings = SimulateSettings(speed=RARELY, day=DAY, start_s=BEGIN_S, car=car)
        self.home = SimulatedHome(settings, self.clock, [WallboxSpec(BOX, "WB-001")])
        await self._settle_in()
        living = [asyncio.create_task(self.home.run()), asyncio.create_task(self._watch_the_fuse())]
        try:
            await self.machine.start()
            await self._live(hours * 3600.0, kills, random.Random(self.seed))
            lived_h = (self.clock.monotonic() - began_s) / 3600.0
            metrics = await self.machine.settled()
            status = await self.machine.end()
        finally:
            self.machine.close()
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
            await self._cloud.aclose()
            if self.broker is not None:
                await self.broker.stop()
        assert status == 0, self.machine.log.read_text()[-3000:]
        return self._account(lived_h, metrics)

    async def _settle_in(self) -> None:
        modbus = (await self.home.start()).modbus
        ocpp, web = free_port(), free_port()
        await self._cloud.enter_async_context(receiving(self.receiver))
        if MOSQUITTO is not None:
            self.broker = Broker(self.folder, free_port())
            await self.broker.start()
        mqtt = f"mqtt: {{port: {self.broker.port}, homeassistant: true}}" if self.broker else ""
        text = CONFIG.format(fuse=FUSE_A, modbus=modbus, ocpp=ocpp, web=web, cloud=self.receiver.port, mqtt=mqtt)
        config = self.folder / "config.yaml"
        config.write_text(text)
        self.machine = Machine(config, self.clock, web)
        self.home.connect_wallboxes(f"ws://127.0.0.1:{ocpp}")

    # --- what happens

    async def _live(self, seconds: float, kills: int, chance: random.Random) -> None:
        """Troubles one after the other, and kills in the midst of them."""
        moments = [seconds * (turn + chance.random()) / kills for turn in range(kills)]
        await self._come(chance)
        async with asyncio.TaskGroup() as group:
            dying = group.create_task(self._die_at(moments))
            await self._suffer(seconds, chance)
            if self._must_end:
                dying.cancel()
        await self._leave()

    @property
    def _must_end(self) -> bool:
        return time.monotonic() > self.until_real_s

    async def _die_at(self, moments: list[float]) -> None:
        began_s = self.clock.monotonic()
        for moment in moments:
            await self.clock.sleep(max(0.0, began_s + moment - self.clock.monotonic()))
            await self.machine.kill()
            self.troubles["daemon killed"] += 1
            self.troubles["clock corrected by 20 years"] += 1

    async def _suffer(self, seconds: float, chance: random.Random) -> None:
        until_s = self.clock.monotonic() + seconds
        coming: list[str] = []
        while (self.clock.monotonic() < until_s and not self._must_end) or coming:  # each of them, however short it is
            coming = coming or chance.sample(TROUBLES, len(TROUBLES))
            await self._trouble(coming.pop(), chance)
            await self.clock.sleep(chance.uniform(*self.calm_s))
            self.looks.append(Look(self.machine.lives, self.clock.monotonic(), self.machine.resident_kb))

    async def _trouble(self, what: str, chance: random.Random) -> None:
        match what:
            case "grid":
                await self._silence("grid meter silent", self.home.grid_meter, chance)
            case "pv":
                await self._silence("inverter silent", self.home.inverter, chance)
            case "link":
                self.troubles["wallbox without link"] += 1
                self.home.wallbox.cut_link()
                await self.clock.sleep(chance.uniform(30, 600))
                self.home.wallbox.link_allowed.set()
            case "power":
                self.troubles["wallbox without power"] += 1
                self.home.wallbox.firmware.reboot("PowerLoss")
            case "cloud cover":
                self.home.physics.cloud = chance.choice((0.0, 0.3, 0.8))
            case "broker" if self.broker is not None:
                self.troubles["broker restarted"] += 1
                await self.broker.stop()
                await self.clock.sleep(chance.uniform(30, 200))
                await self.broker.start()
            case "cloud":
                self.troubles["cloud restarted"] += 1
                await self._cloud.aclose()
                await self.clock.sleep(chance.uniform(30, 400))
                await self._cloud.enter_async_context(receiving(self.receiver))
            case "card":
                async with self.machine.is_whole:
                    self.troubles["card full"] += 1
                    self.machine.changes(card_full=True)
                    await self.clock.sleep(chance.uniform(60, 300))
                    self.machine.changes(card_full=False)
            case "clock":
                self.troubles["clock moved and set right"] += 1
                self.machine.changes(moved_s=chance.choice(JUMPS_S))
                await self.clock.sleep(chance.uniform(30, 600))
                self.machine.changes(moved_s=0.0)
            case "sauna":
                async with self.machine.is_whole:
                    await self._sauna()
            case "car":
                self.troubles["car away"] += 1
                await self._leave()
                await self.clock.sleep(chance.uniform(120, 1800))
                await self._come(chance)

    async def _silence(self, name: str, meter: Meter, chance: random.Random) -> None:
        self.troubles[name] += 1
        meter.silent = True
        await self.clock.sleep(chance.uniform(30, 400))
        meter.silent = False

    async def _sauna(self) -> None:
        self.troubles["sauna at full power"] += 1
        await self.machine.wish("fast")
        await self.clock.sleep(180)
        self.home.physics.extra_phases_w = SAUNA_W
        await self.clock.sleep(300)
        self.home.physics.extra_phases_w = (0.0, 0.0, 0.0)
        await self.machine.wish("solar")

    async def _come(self, chance: random.Random) -> None:
        await self.machine.until(lambda box: bool(box["connected"]))
        self.home.car.soc_pct = chance.uniform(20, 90)
        self._came = self.clock.utc(), self._register()
        self.home.plug()

    async def _leave(self) -> None:
        """The car goes, with hemsd watching; a stay that nobody could see would be no stay."""
        await self.machine.until(lambda box: bool(box["connected"] and box["plugged"]))
        self.home.unplug()
        came_at, came_wh = self._came
        self.stays.append(Stay(came_at, self.clock.utc(), self._register() - came_wh))
        await self.machine.until(lambda box: bool(box["connected"] and not box["plugged"]))

    def _register(self) -> float:
        self.home.advance()
        return self.home.wallbox.station.energy_wh

    async def _watch_the_fuse(self) -> None:
        above_s = 0.0
        while True:
            self.home.advance()
            above = max(self.home.physics.grid_phases_w) > FUSE_A * self.home.physics.voltage_v
            above_s = above_s + LOOK_S if above else 0.0
            self.excess_s = max(self.excess_s, above_s)
            await self.clock.sleep(LOOK_S)

    # --- what was recorded

    def _account(self, hours: float, metrics: str) -> Account:
        return Account(
            hours=hours,
            seed=self.seed,
            troubles=dict(self.troubles),
            stays=tuple(self.stays),
            records=recorded(self.folder / "soak.db"),
            excess_s=self.excess_s,
            looks=tuple(self.looks),
            dead_tasks=dead_tasks(metrics),
            tick_age_s=number(metrics, "hemsd_tick_age_seconds"),
            untold=int(number(metrics, "hemsd_outbox_waiting")),
            log=self.machine.log.read_text(),
        )


def soak(home: Soak, hours: float, kills: int) -> Account:
    with asyncio.Runner(loop_factory=LeadingLoop) as runner:
        return runner.run(home.run(hours, kills))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--hours", type=float, default=14 * 24.0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="real: it ends then, however far it came")
    parser.add_argument("--kills", type=int, help="one a day unless told otherwise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    kills = max(1, round(options.hours / 24)) if options.kills is None else options.kills
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    until_real_s = time.monotonic() + 60 * options.minutes
    account = soak(Soak(folder, options.seed, until_real_s=until_real_s), options.hours, kills)
    text = report(account)
    print(text)
    if options.report:
        options.report.write_text(text)
    if account.faults():
        print(f"Not well; everything is in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
