"""What the daemon costs and how fast it answers: the figures that the README quotes.

    python benchmarks/spine.py [start] [latency] [load] [bytes]

Everything runs on loopback against the simulated home in real time (``bytes``: faster). Figures are medians of a few
runs on whatever machine this is; they are for comparing, not for boasting.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from drivers.simulated.profiles import Profile, ProfileStore  # noqa: E402
from hemsd.app import Daemon  # noqa: E402
from hemsd.clock import SystemClock  # noqa: E402
from hemsd.config import load  # noqa: E402
from tests.daemon.living import daemon, free_ports, write_config  # noqa: E402


def start(runs: int = 5) -> dict[str, float]:
    """From the process's start to the first answer of /healthz, in seconds."""
    took = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as name:
            _, _, web = write_config(Path(name), speed=1)
            began = time.perf_counter()
            with daemon(Path(name), web) as living:
                while not answers(web):
                    time.sleep(0.01)
                took.append(time.perf_counter() - began)
                living.end()
    return {"start_up_s": round(statistics.median(took), 2), "start_up_worst_s": round(max(took), 2)}


def answers(web: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{web}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def latency(steps: int = 8) -> dict[str, float]:
    """From a house load that jumps (on the meter's wire) to SetChargingProfile at the wallbox, in seconds.

    Once while everything stands still, and once 2 to 8 s after a command, whose effect nobody has seen yet: then the
    meter's change may be the car's, and a raise waits for the proof of what was said before.
    """
    modbus, ocpp, web = free_ports(3)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config.yaml"
        path.write_text(
            f"meters:\n  grid: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 200}}\n"
            f"  pv: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 1}}\n"
            "wallboxes: {garage: {driver: ocpp, charge_point: WB-001, phases: 1}}\n"
            f"ocpp: {{host: 127.0.0.1, port: {ocpp}}}\nweb: {{port: {web}}}\nstorage: {{path: home.db}}\n"
            f"simulate: {{speed: 1, start_s: 20000, modbus_port: {modbus}}}\n"
        )
        config = load(path)
        async with await Daemon.make(config, SystemClock()) as made:
            running = asyncio.create_task(made.run(None))
            jumps = Jumps(made)
            await asyncio.sleep(60)  # it starts, and finds its current
            still_s = [await jumps.answered_s(after_s=30.0) for _ in range(steps)]
            heels_s = [await jumps.answered_s(after_s=2.0) for _ in range(steps)]
            made.stopping.set()
            await running
    return {
        "meter_to_profile_median_s": round(statistics.median(still_s), 2),
        "meter_to_profile_worst_s": round(max(still_s), 2),
        "on_a_commands_heels_median_s": round(statistics.median(heels_s), 2),
        "on_a_commands_heels_worst_s": round(max(heels_s), 2),
        "poll_s": 1.0,
        "tick_s": config.steering.tick_s,
    }


class Jumps:
    """The house load of a simulated home goes up and down by 1 kW, at a random moment of the tick."""

    def __init__(self, made: Daemon) -> None:
        assert made.simulated is not None
        self._home = made.simulated.physics
        self._home.extra_house_w = 3500.0  # so that the sun is neither too much nor too little for one phase
        self._dice = random.Random(1)
        self._heard = asyncio.Event()
        put = ProfileStore.put

        def overhear(profiles: ProfileStore, profile: Profile) -> None:
            self._heard.set()
            put(profiles, profile)

        ProfileStore.put = overhear  # type: ignore[method-assign]

    async def answered_s(self, after_s: float) -> float:
        """Jumps when no profile has come for so long, and says how long the next one took."""
        quiet_s = after_s + self._dice.random() * 6
        heard_again = True
        while heard_again:
            self._heard.clear()
            heard_again = await self._hears_within(quiet_s)
        self._home.extra_house_w = 8000.0 - self._home.extra_house_w  # 3.5 kW and 4.5 kW by turns
        began = time.perf_counter()
        if not await self._hears_within(60):
            raise TimeoutError("the jump of the house load was never answered")
        return time.perf_counter() - began

    async def _hears_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return False
        return True


def load_figures(seconds: float = 60.0) -> dict[str, float]:
    """Memory and CPU at 1 s polling of two meters with one wallbox that charges."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        modbus, ocpp, web = write_config(folder, simulate=False)
        home = subprocess.Popen(
            [sys.executable, "-m", "drivers.simulated", "--ocpp", f"ws://127.0.0.1:{ocpp}",
             "--modbus-port", str(modbus), "--speed", "1", "--start-s", "20000",
             "--start-at", SystemClock().utc().isoformat()],
            cwd=ROOT,
        )  # fmt: skip
        try:
            with daemon(folder, web) as living:
                living.until(living.charging, within_s=180)
                time.sleep(10)
                pid = living.process.pid
                before_s, began = cpu_s(pid), time.perf_counter()
                time.sleep(seconds)
                share = (cpu_s(pid) - before_s) / (time.perf_counter() - began)
                memory_mb = rss_mb(pid)
                living.end()
        finally:
            home.send_signal(signal.SIGTERM)
            home.wait(timeout=10)
    return {"resident_mb": round(memory_mb, 1), "cpu_percent_of_a_core": round(100 * share, 2)}


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    line = next(row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def written_bytes(pid: int) -> int:
    rows = dict(row.split(": ") for row in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(rows["write_bytes"])


def bytes_a_day(speed: float = 120.0, hours: float = 6.0) -> dict[str, float]:
    """What the whole process asks of the card in simulated hours around noon, scaled to a day."""
    with tempfile.TemporaryDirectory(dir=ROOT) as name:  # not /tmp: that may be memory
        folder = Path(name)
        _, _, web = write_config(folder, speed=speed, start_s=9000)
        with daemon(folder, web) as living:
            living.until(living.charging, within_s=90)
            before = written_bytes(living.process.pid)
            time.sleep(hours * 3600 / speed)
            written = written_bytes(living.process.pid) - before
            living.end()
    return {"written_mb_a_day": round(written / 1e6 * 24 / hours, 2), "simulated_hours": hours, "speed": speed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", default=["start", "latency", "load", "bytes"])
    figures: dict[str, float] = {}
    for which in parser.parse_args().which:
        match which:
            case "start":
                figures |= start()
            case "latency":
                figures |= asyncio.run(latency())
            case "load":
                figures |= load_figures()
            case "bytes":
                figures |= bytes_a_day()
            case _:
                parser.error(f"no such benchmark: {which}")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
