"""A home that goes wrong, for hours: ``python -m benchmarks.soak [--hours H] [--speed N] [--seed N] [--report FILE]``.

The simulated home lives in this process and the daemon in another, on one clock that runs fast. Meters fall silent,
the wallbox loses its link, broker and cloud go and come back, the card is full, somebody heats the sauna while the car
charges at full power, cars come and go; the daemon is killed, and begins each time in a year of its own until NTP
answers. In the end each stay of a car must be one visit, its energy what the wallbox's own register says, the fuse
never exceeded for long, and everything in the daemon well (``soak_account``). The same seed brings the same troubles.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from benchmarks.soak_account import Account, Look, dead_tasks, number, recorded, report
from drivers.simulated.home import SimulatedHome
from drivers.simulated.settings import SimulatedCar, SimulateSettings
from drivers.simulated.wallbox import WallboxSpec
from hemsd.clock import FastClock
from tests.cloud.receiver import Receiver, receiving
from tests.drivers_mqtt.broker import MOSQUITTO, Broker

DAY = "serf-2022-03-18"
BEGIN_S = 12_000.0
BOX = "garage"
FUSE_A = 25.0
SAUNA_W = (3000.0, 3000.0, 3000.0)  # with 16 A of the car it is more than the fuse
NO_RTC_S = 20 * 365 * 86_400.0
READY_WITHIN_S = 60.0  # real
TROUBLES = ("grid", "link", "cloud cover", "broker", "cloud", "card", "sauna", "car")
CONFIG = """\
site: {{name: Soak, main_fuse_a: {fuse:g}}}
meters:
  grid: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 200, poll_s: 5}}
  pv: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 1, poll_s: 5}}
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
    """The home, the daemon, and the troubles between them."""

    folder: Path
    speed: float
    seed: int
    clock: FastClock = field(init=False)
    home: SimulatedHome = field(init=False)
    broker: Broker | None = None
    receiver: Receiver = field(default_factory=Receiver)
    troubles: Counter[str] = field(default_factory=Counter)
    register_wh: list[float] = field(default_factory=list)
    excess_s: float = 0.0
    looks: list[Look] = field(default_factory=list)
    _daemon: asyncio.subprocess.Process | None = None
    _cloud: AsyncExitStack = field(default_factory=AsyncExitStack)
    _web: int = 0
    _came_wh: float = 0.0

    async def run(self, hours: float, kills: int) -> Account:
        self.clock = FastClock(datetime(2026, 6, 21, 9, 0, tzinfo=UTC), self.speed)
        car = SimulatedCar(capacity_kwh=1000, plugged=False)
        settings = SimulateSettings(speed=self.speed, day=DAY, start_s=BEGIN_S, car=car)
        self.home = SimulatedHome(settings, self.clock, [WallboxSpec(BOX, "WB-001")])
        await self._settle_in()
        living = [asyncio.create_task(self.home.run()), asyncio.create_task(self._watch_the_fuse())]
        try:
            await self._start()
            await self._live(hours * 3600.0, kills, random.Random(self.seed))
            await self._leave()
            metrics = await self._settled()
            assert self._daemon is not None
            self._daemon.send_signal(signal.SIGTERM)
            status = await asyncio.wait_for(self._daemon.wait(), READY_WITHIN_S)
        finally:
            if self._daemon is not None and self._daemon.returncode is None:
                self._daemon.kill()
            for task in living:
                task.cancel()
            await asyncio.gather(*living, return_exceptions=True)
            await self._cloud.aclose()
            if self.broker is not None:
                await self.broker.stop()
        assert status == 0, (self.folder / "log.txt").read_text()[-3000:]
        return self._account(hours, metrics)

    async def _settle_in(self) -> None:
        modbus = (await self.home.start()).modbus
        ocpp, self._web = free_port(), free_port()
        await self._cloud.enter_async_context(receiving(self.receiver))
        if MOSQUITTO is not None:
            self.broker = Broker(self.folder, free_port())
            await self.broker.start()
        mqtt = f"mqtt: {{port: {self.broker.port}, homeassistant: true}}" if self.broker else ""
        text = CONFIG.format(fuse=FUSE_A, modbus=modbus, ocpp=ocpp, web=self._web, cloud=self.receiver.port, mqtt=mqtt)
        (self.folder / "config.yaml").write_text(text)
        self.home.connect_wallboxes(f"ws://127.0.0.1:{ocpp}")

    # --- what happens

    async def _live(self, seconds: float, kills: int, chance: random.Random) -> None:
        began_s = self.clock.monotonic()
        kill_at = [began_s + seconds * (turn + 1) / (kills + 1) for turn in range(kills)]
        await self._come()
        coming = chance.sample(TROUBLES, len(TROUBLES))  # each of them once, however short the soak is
        while kill_at or coming or self.clock.monotonic() - began_s < seconds:
            if kill_at and self.clock.monotonic() >= kill_at[0]:
                kill_at.pop(0)
                await self._kill()
                continue
            coming = coming or chance.sample(TROUBLES, len(TROUBLES))
            await self._trouble(coming.pop(), chance)
            await self.clock.sleep(chance.uniform(100, 400))
            self.looks.append(Look(self.troubles["daemon killed"], self.clock.monotonic(), resident_kb(self._daemon)))

    async def _trouble(self, what: str, chance: random.Random) -> None:
        match what:
            case "grid":
                self.troubles["grid meter silent"] += 1
                self.home.grid_meter.silent = True
                await self.clock.sleep(chance.uniform(30, 400))
                self.home.grid_meter.silent = False
            case "link":
                self.troubles["wallbox without link"] += 1
                self.home.wallbox.cut_link()
                await self.clock.sleep(chance.uniform(30, 600))
                self.home.wallbox.link_allowed.set()
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
                self.troubles["card full"] += 1
                self._tell(signal.SIGUSR1)
                await self.clock.sleep(chance.uniform(60, 300))
                self._tell(signal.SIGUSR1)
            case "sauna":
                await self._sauna()
            case "car":
                self.troubles["car away"] += 1
                await self._leave()
                await self._come()

    async def _sauna(self) -> None:
        self.troubles["sauna at full power"] += 1
        await self._wish("fast")
        await self.clock.sleep(180)
        self.home.physics.extra_phases_w = SAUNA_W
        await self.clock.sleep(300)
        self.home.physics.extra_phases_w = (0.0, 0.0, 0.0)
        await self._wish("solar")

    async def _come(self) -> None:
        """A car comes to a wallbox of which hemsd has heard: at this speed a moment's delay is minutes of charging."""
        await self._until(lambda box: bool(box["connected"]) and box["sample_age_s"] is not None)
        self._came_wh = self._register()
        self.home.plug()

    async def _leave(self) -> None:
        """The car goes, with hemsd watching; a stay that nobody could see would be no stay."""
        await self._until(lambda box: bool(box["connected"] and box["plugged"]))
        self.home.unplug()
        self.register_wh.append(self._register() - self._came_wh)
        await self._until(lambda box: not box["plugged"])
        await self.clock.sleep(120)

    def _register(self) -> float:
        self.home.advance()
        return self.home.wallbox.station.energy_wh

    async def _kill(self) -> None:
        self.troubles["daemon killed"] += 1
        assert self._daemon is not None
        self._daemon.kill()
        await self._daemon.wait()
        await self.clock.sleep(120)
        await self._start(wrong_s=NO_RTC_S)
        await self.clock.sleep(100)
        self.troubles["clock corrected by 20 years"] += 1
        self._tell(signal.SIGUSR2)

    async def _watch_the_fuse(self) -> None:
        since_s: float | None = None
        while True:
            now_s, amps = self.clock.monotonic(), max(self.home.physics.grid_phases_w) / self.home.physics.voltage_v
            since_s = None if amps <= FUSE_A else now_s if since_s is None else since_s
            self.excess_s = max(self.excess_s, 0.0 if since_s is None else now_s - since_s)
            await asyncio.sleep(0.01)

    # --- the daemon

    async def _start(self, wrong_s: float = 0.0) -> None:
        clock = (self.clock.start_at.isoformat(), str(self.clock.began_s), str(self.speed), str(wrong_s))
        with (self.folder / "log.txt").open("ab") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.soak_daemon", str(self.folder / "config.yaml"), *clock,
                stdout=log, stderr=log,
            )  # fmt: skip
        await self._until(lambda box: bool(box["connected"]))

    def _tell(self, number: signal.Signals) -> None:
        assert self._daemon is not None
        self._daemon.send_signal(number)

    async def _wish(self, mode: str) -> None:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{self._web}/api/wallboxes/{BOX}/mode"
            async with session.put(url, json={"mode": mode}) as answer:
                answer.raise_for_status()

    async def _until(self, true: Callable[[dict[str, object]], bool]) -> None:
        async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{self._web}/api/state") as answer:
                        if true((await answer.json())["wallboxes"][BOX]):
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    async def _settled(self) -> str:
        """What /metrics says once everybody was told everything, or has had the time for it."""
        text = ""
        try:
            async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as session:
                while not text or dead_tasks(text) or number(text, "hemsd_outbox_waiting") > 0:
                    async with session.get(f"http://127.0.0.1:{self._web}/metrics") as answer:
                        text = await answer.text()
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pass
        return text

    # --- what was recorded

    def _account(self, hours: float, metrics: str) -> Account:
        found = recorded(self.folder / "soak.db")
        return Account(
            hours=hours,
            seed=self.seed,
            troubles=dict(self.troubles),
            register_wh=tuple(self.register_wh),
            visits_wh=found.visits_wh,
            quarters_wh=found.quarters_wh,
            open_visits=found.open_visits,
            integrity=found.integrity,
            excess_s=self.excess_s,
            looks=tuple(self.looks),
            dead_tasks=dead_tasks(metrics),
            tick_age_s=number(metrics, "hemsd_tick_age_seconds"),
            untold=int(number(metrics, "hemsd_outbox_waiting")),
            written_mb=found.written_mb,
            log=(self.folder / "log.txt").read_text(),
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def resident_kb(process: asyncio.subprocess.Process | None) -> int:
    """What the process holds in memory (proc(5)); 0 where that can't be asked."""
    try:
        assert process is not None
        text = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:")), 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--hours", type=float, default=72.0)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--speed", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    account = asyncio.run(Soak(folder, options.speed, options.seed).run(options.hours, options.kills))
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
