"""Five devices on five connections, each read once a second: how punctual the readings are and what they cost.

    python benchmarks/modbus_poll.py [--seconds 60] [--dead]

The devices live in a process of their own, so that the CPU time is the reader's alone. With ``--dead`` there is a
sixth address that swallows every packet; it must change nothing for the five.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from drivers.modbus import ModbusSettings, build
from drivers.simulated import day
from drivers.simulated.meters import GRID_UNIT, MeterServer
from drivers.simulated.physics import Home
from hemsd.clock import SystemClock
from hemsd.model import MeterReading, Role
from hemsd.supervise import Health, keep
from tests.drivers_modbus.device import black_hole

DEVICES = 5
POLL_S = 1.0


async def serve() -> None:
    servers = [MeterServer(Home(day.load("serf-2022-03-18"), t_s=22_000), lambda: None) for _ in range(DEVICES)]
    print(json.dumps([await server.start() for server in servers]), flush=True)
    await asyncio.Event().wait()


async def read(ports: list[int], seconds: float) -> dict[str, list[float]]:
    """When each meter's readings came."""
    came: dict[str, list[float]] = {f"meter {number}": [] for number in range(len(ports))}

    def sink(name: str, reading: MeterReading) -> None:
        assert reading.power_w is not None
        came[name].append(time.monotonic())

    meters = {
        name: (Role.GRID, ModbusSettings(driver="modbus", host="127.0.0.1", port=port, unit=GRID_UNIT, poll_s=POLL_S))
        for name, port in zip(came, ports, strict=True)
    }
    drivers = build(meters, SystemClock(), sink)
    tasks = [asyncio.create_task(keep(driver.name, driver.run, Health())) for driver in drivers]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return came


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--dead", action="store_true", help="with a sixth address that swallows everything")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return 0
    devices = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert devices.stdout is not None
        ports: list[int] = json.loads(devices.stdout.readline())
        before_s, began_s = time.process_time(), time.monotonic()
        with black_hole() as dead:
            came = asyncio.run(read([*ports, *([dead] if options.dead else [])], options.seconds))
        cpu_s, wall_s = time.process_time() - before_s, time.monotonic() - began_s
    finally:
        devices.terminate()
        devices.wait()
    live = [moments for moments in came.values() if moments]
    gaps_s = [b - a for moments in live for a, b in pairwise(moments)]
    late_ms = sorted(abs(gap_s - POLL_S) * 1000 for gap_s in gaps_s)
    print(f"{len(live)} devices answered, {sum(map(len, live))} readings in {wall_s:.0f} s")
    nearly_all_ms = late_ms[int(len(late_ms) * 0.99)]
    print(
        f"off the beat: median {statistics.median(late_ms):.2f} ms, "
        f"99 % below {nearly_all_ms:.2f} ms, worst {late_ms[-1]:.2f} ms"
    )
    print(f"CPU: {cpu_s / wall_s:.2%} of one core; {cpu_s / sum(map(len, live)) * 1000:.2f} ms a reading")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
