"""Many wallboxes on one daemon: how long a tick takes, its CPU time, and what share of a core the whole daemon.

    python benchmarks/many.py [1 10 20 40]

The CPU time of a tick is what has to grow no faster than the number of wallboxes; on a machine that has other things
to do the time on the clock says more about those. The wallboxes are simulated ones in a process of their own, on real
sockets, in real time, each with a car that charges.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hemsd.app import Daemon  # noqa: E402
from hemsd.clock import SystemClock  # noqa: E402
from hemsd.config import load  # noqa: E402
from hemsd.model import Decision, Mode, Wish  # noqa: E402
from tests.daemon.living import free_ports  # noqa: E402

SETTLE_S = 30.0
MEASURE_S = 30.0


@contextmanager
def street(count: int) -> Iterator[tuple[Path, list[str], int]]:
    """(config.yaml, the wallboxes' names, the page's port) of a home with so many wallboxes, which is running."""
    modbus, ocpp, web = free_ports(3)
    names = [f"box{number}" for number in range(count)]
    boxes = "".join(f"  {name}: {{driver: ocpp, charge_point: {name}, phases: 1}}\n" for name in names)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(
            f"site: {{main_fuse_a: 400}}\nsteering: {{tick_s: 1}}\n"
            f"meters:\n  grid: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 200}}\n"
            f"wallboxes:\n{boxes}ocpp: {{host: 127.0.0.1, port: {ocpp}}}\nweb: {{port: {web}}}\n"
            "storage: {path: home.db}\n"
        )
        command = [sys.executable, "-m", "drivers.simulated", "--ocpp", f"ws://127.0.0.1:{ocpp}"]
        command += ["--modbus-port", str(modbus), "--speed", "1", "--start-s", "20000"]
        command += ["--start-at", SystemClock().utc().isoformat()]
        for name in names:
            command += ["--wallbox", f"{name}:{name}:1"]
        home = subprocess.Popen(command, cwd=ROOT)
        try:
            yield path, names, web
        finally:
            home.terminate()
            home.wait(timeout=10)


def measure(count: int) -> dict[str, float]:
    with street(count) as (path, names, _):
        return asyncio.run(_measured(path, names))


async def _measured(config: Path, names: list[str]) -> dict[str, float]:
    async with await Daemon.make(load(config), SystemClock()) as daemon:
        return await _measure(daemon, names)


async def _measure(daemon: Daemon, names: list[str]) -> dict[str, float]:
    took: list[tuple[float, float]] = []
    ticks = Ticks(daemon, took)
    running = asyncio.create_task(daemon.run())
    for name in names:
        daemon.control.wish(Wish(name, mode=Mode.FAST))
    await asyncio.sleep(SETTLE_S)
    took.clear()
    before_s, began = _cpu_s(), time.perf_counter()
    await asyncio.sleep(MEASURE_S)
    share = (_cpu_s() - before_s) / (time.perf_counter() - began)
    charging = sum((image.power_w or 0) > 1000 for image in daemon.latest.freeze().wallboxes)
    ticks.stop()
    daemon.stopping.set()
    await running
    return {
        "wallboxes": len(names),
        "charging": charging,
        "tick_median_ms": round(1000 * statistics.median(clock_s for clock_s, _ in took), 2),
        "tick_worst_ms": round(1000 * max(clock_s for clock_s, _ in took), 2),
        "tick_cpu_ms": round(1000 * statistics.median(cpu_s for _, cpu_s in took), 2),
        "cpu_percent_of_a_core": round(100 * share, 1),
    }


class Ticks:
    """Measures each tick of a Control that runs: (seconds on the clock, seconds of CPU)."""

    def __init__(self, daemon: Daemon, took: list[tuple[float, float]]) -> None:
        self._control = type(daemon.control)
        self._tick = self._control.tick
        original = self._tick

        def timed(control: object) -> tuple[Decision, ...]:
            began, began_cpu = time.perf_counter(), time.thread_time()
            try:
                return original(control)  # type: ignore[arg-type]
            finally:
                took.append((time.perf_counter() - began, time.thread_time() - began_cpu))

        self._control.tick = timed  # type: ignore[method-assign, assignment]

    def stop(self) -> None:
        self._control.tick = self._tick  # type: ignore[method-assign]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=[1, 10, 20, 40])
    for count in parser.parse_args().counts:
        print(json.dumps(measure(count)), flush=True)


if __name__ == "__main__":
    main()
