"""A home that goes wrong, for hours: ``python -m benchmarks.soak [--hours H] [--speed N] [--seed N] [--report FILE]``.

The simulated home lives in this process and the daemon in another, on one clock that runs fast. Meters fall silent,
the wallbox loses its link, cars come and go, the daemon is killed. In the end each stay of a car must be one visit, and
its energy what the wallbox's own register says. The same seed brings the same troubles.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from drivers.simulated.home import SimulatedHome
from drivers.simulated.settings import SimulatedCar, SimulateSettings
from drivers.simulated.wallbox import WallboxSpec
from hemsd.clock import FastClock

DAY = "serf-2022-03-18"
BEGIN_S = 12_000.0
BOX = "garage"
READY_WITHIN_S = 30.0  # real
CONFIG = """\
site: {{name: Soak, main_fuse_a: 35}}
meters:
  grid: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 200, poll_s: 5}}
  pv: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 1, poll_s: 5}}
wallboxes: {{garage: {{driver: ocpp, charge_point: WB-001, phases: auto}}}}
steering: {{tick_s: 10}}
ocpp: {{host: 127.0.0.1, port: {ocpp}}}
web: {{port: {web}}}
storage: {{path: soak.db}}
"""


@dataclass(frozen=True, slots=True)
class Account:
    """What was found in the end."""

    hours: float
    seed: int
    troubles: dict[str, int]
    register_wh: tuple[float, ...]  # what each stay's register gained
    visits_wh: tuple[float, ...]  # what each recorded visit says
    quarters_wh: tuple[float, ...]
    open_visits: int
    integrity: str
    largest_kb: int
    written_mb: float
    log: str = field(repr=False)

    @property
    def largest_error(self) -> float:
        """Of a visit, against its register, beyond the 2 Wh that a register in whole Wh may be off at its two ends."""
        pairs = [pair for pair in zip(self.register_wh, self.visits_wh, strict=False) if pair[0] > 0]
        return max((max(0.0, abs(there - here) - 2.0) / there for there, here in pairs), default=0.0)


@dataclass(slots=True)
class Soak:
    """The home, the daemon, and the troubles between them."""

    folder: Path
    speed: float
    seed: int
    clock: FastClock = field(init=False)
    home: SimulatedHome = field(init=False)
    troubles: Counter[str] = field(default_factory=Counter)
    register_wh: list[float] = field(default_factory=list)
    largest_kb: int = 0
    _daemon: asyncio.subprocess.Process | None = None
    _web: int = 0
    _came_wh: float = 0.0

    async def run(self, hours: float, kills: int) -> Account:
        chance = random.Random(self.seed)
        self.clock = FastClock(datetime(2026, 6, 21, 9, 0, tzinfo=UTC), self.speed)
        settings = SimulateSettings(
            speed=self.speed, day=DAY, start_s=BEGIN_S, car=SimulatedCar(capacity_kwh=1000, plugged=False)
        )
        self.home = SimulatedHome(settings, self.clock, [WallboxSpec(BOX, "WB-001")])
        modbus = (await self.home.start()).modbus
        ocpp, self._web = free_port(), free_port()
        (self.folder / "config.yaml").write_text(CONFIG.format(modbus=modbus, ocpp=ocpp, web=self._web))
        self.home.connect_wallboxes(f"ws://127.0.0.1:{ocpp}")
        living = asyncio.create_task(self.home.run())
        try:
            await self._start()
            await self._live(hours * 3600.0, kills, chance)
            await self._leave()
            assert self._daemon is not None
            self._daemon.send_signal(signal.SIGTERM)
            status = await asyncio.wait_for(self._daemon.wait(), READY_WITHIN_S)
        finally:
            if self._daemon is not None and self._daemon.returncode is None:
                self._daemon.kill()
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
        assert status == 0, (self.folder / "log.txt").read_text()[-3000:]
        return self._account(hours)

    # --- what happens

    async def _live(self, seconds: float, kills: int, chance: random.Random) -> None:
        began_s = self.clock.monotonic()
        kill_at = [began_s + seconds * (number + 1) / (kills + 1) for number in range(kills)]
        came_wh = self._register()
        self.home.plug()
        coming: list[str] = []
        while self.clock.monotonic() - began_s < seconds:
            if kill_at and self.clock.monotonic() >= kill_at[0]:
                kill_at.pop(0)
                await self._kill()
                continue
            if not coming:
                coming = chance.sample(("grid", "link", "cloud", "car"), 4)
            match coming.pop():
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
                case "cloud":
                    self.home.physics.cloud = chance.choice((0.0, 0.3, 0.8))
                case "car":
                    self.troubles["car away"] += 1
                    await self._leave(came_wh)
                    came_wh = self._register()
                    self.home.plug()
            await self.clock.sleep(chance.uniform(200, 900))
            self.largest_kb = max(self.largest_kb, resident_kb(self._daemon))
        self._came_wh = came_wh

    async def _leave(self, came_wh: float | None = None) -> None:
        """The car goes, with hemsd watching; a stay that nobody could see would be no stay."""
        await self._until(lambda box: bool(box["connected"] and box["plugged"]))
        self.home.unplug()
        self.register_wh.append(self._register() - (self._came_wh if came_wh is None else came_wh))
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
        await self._start()

    # --- the daemon

    async def _start(self) -> None:
        with (self.folder / "log.txt").open("ab") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "benchmarks.soak_daemon",
                str(self.folder / "config.yaml"),
                self.clock.start_at.isoformat(),
                str(self.clock.began_s),
                str(self.speed),
                stdout=log,
                stderr=log,
            )
        await self._until(lambda box: bool(box["connected"]))

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

    # --- what was recorded

    def _account(self, hours: float) -> Account:
        with closing(sqlite3.connect(self.folder / "soak.db")) as db:
            visits = db.execute("SELECT number, energy_wh FROM visits ORDER BY number").fetchall()
            quarters = dict(db.execute("SELECT visit, sum(energy_wh) FROM quarter_hours GROUP BY visit").fetchall())
            [open_visits] = db.execute("SELECT count(*) FROM visits WHERE plugged_out_ms IS NULL").fetchone()
            [integrity] = db.execute("PRAGMA integrity_check").fetchone()
            [written] = db.execute("SELECT sum(bytes) FROM written").fetchone()
        return Account(
            hours,
            self.seed,
            dict(self.troubles),
            tuple(self.register_wh),
            tuple(energy_wh for _, energy_wh in visits),
            tuple(quarters.get(number, 0.0) for number, _ in visits),
            open_visits,
            integrity,
            self.largest_kb,
            (written or 0) / 1e6,
            (self.folder / "log.txt").read_text(),
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


def report(account: Account) -> str:
    rows = [
        f"| {number} | {there / 1000:.3f} | {here / 1000:.3f} | {here - there:+.1f} |"
        for number, (there, here) in enumerate(zip(account.register_wh, account.visits_wh, strict=False), 1)
    ]
    troubles = ", ".join(f"{count} × {name}" for name, count in sorted(account.troubles.items()))
    kills = account.troubles.get("daemon killed", 0)
    return "\n".join(
        [
            "# Soak",
            "",
            f"`python -m benchmarks.soak --hours {account.hours:g} --seed {account.seed} --kills {kills}`:"
            f" {account.hours:g} simulated hours with {troubles}.",
            "",
            f"{len(account.register_wh)} stays, {len(account.visits_wh)} visits, {account.open_visits} left open;"
            f" the largest error of a visit is {account.largest_error:.2%}. Database: {account.integrity},"
            f" {account.written_mb:.1f} MB written. The daemon held at most {account.largest_kb / 1024:.0f} MB.",
            "",
            "| stay | register kWh | visit kWh | difference Wh |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


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
    well = (
        account.integrity == "ok"
        and account.open_visits == 0
        and len(account.visits_wh) == len(account.register_wh)
        and account.largest_error <= 0.005
        and "Traceback" not in account.log
    )
    if well:
        shutil.rmtree(folder)
    else:
        print(f"Not well; everything is in {folder}", file=sys.stderr)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
