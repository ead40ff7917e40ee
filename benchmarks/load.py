"""Whether the control loop minds company: ``python -m benchmarks.load [--boxes N] [--clients N] [--streams N]``.

A home of 40 wallboxes, each with a car that charges, is steered twice: left alone, and while 100 programs ask once a
second for whatever the page shows and 50 browsers follow the event stream. The home and the crowd live in processes
of their own; the time of each tick is taken inside the daemon. The promise is that 99 of 100 ticks under load take at
most twice as long as those of an idle day. Also told: how late the ticks struck, and what the crowd got for an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import aiohttp

from benchmarks.many import ROOT, street
from hemsd.app import Daemon
from hemsd.clock import SystemClock
from hemsd.config import load
from hemsd.model import Mode, Wish

PATHS = ("/api/state", "/", "/metrics", "/api/sessions", "/static/app.css", "/healthz", "/openapi.json")
TICK_S = 1.0
TWICE = 2.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """What the crowd got."""

    answers: int
    refused: int  # any status but 200, and connections that broke
    events: int
    slowest_ms: float


@dataclass(frozen=True, slots=True)
class Measured:
    boxes: int
    idle_p99_ms: float
    loaded_p99_ms: float
    idle_late_ms: float  # how long after its second the latest tick struck
    loaded_late_ms: float
    crowd: Crowd

    @property
    def well(self) -> bool:
        return self.loaded_p99_ms <= TWICE * self.idle_p99_ms and not self.crowd.refused


async def measure(boxes: int, clients: int, streams: int, settle_s: float, measure_s: float) -> Measured:
    with street(boxes) as (path, names, web):
        async with await Daemon.make(load(path), SystemClock()) as daemon:
            took: list[float] = []
            struck: list[float] = []
            counted = daemon.control.took

            def note(seconds: float) -> None:
                took.append(seconds)
                struck.append(time.monotonic())
                counted(seconds)

            daemon.control.took = note
            running = asyncio.create_task(daemon.run())
            for name in names:
                daemon.control.wish(Wish(name, mode=Mode.FAST))
            await asyncio.sleep(settle_s)
            idle = await _watched(took, struck, measure_s)
            command = [str(web), str(clients), str(streams), str(measure_s + 2)]
            crowd = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.load", "--crowd", *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
            )
            assert crowd.stdout is not None
            await crowd.stdout.readline()  # it is there
            await asyncio.sleep(1)
            loaded = await _watched(took, struck, measure_s)
            told = await crowd.stdout.readline()
            await crowd.wait()
            daemon.stopping.set()
            await running
    return Measured(boxes, idle[0], loaded[0], idle[1], loaded[1], Crowd(**json.loads(told)))


async def _watched(took: list[float], struck: list[float], seconds: float) -> tuple[float, float]:
    """(99 % of the ticks took at most so many ms, the latest struck so many ms late)."""
    took.clear()
    struck.clear()
    await asyncio.sleep(seconds)
    late_s = [later - before - TICK_S for before, later in pairwise(struck)]
    return 1000 * sorted(took)[max(0, -(-len(took) * 99 // 100) - 1)], 1000 * max(late_s, default=0.0)


# --- the crowd, in a process of its own


async def crowd(web: int, clients: int, streams: int, seconds: float) -> Crowd:
    got: Counter[str] = Counter()
    slowest = [0.0]
    until_s = time.monotonic() + seconds
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{web}", connector=connector) as session:
        print("here", flush=True)
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(_asks(session, number / clients, number, until_s, got, slowest))
            for _ in range(streams):
                group.create_task(_follows(session, until_s, got))
    return Crowd(got["answers"], got["refused"], got["events"], round(slowest[0], 1))


async def _asks(
    session: aiohttp.ClientSession, after_s: float, turn: int, until_s: float, got: Counter[str], slowest: list[float]
) -> None:
    """Once a second, each at its own moment and each time for something else."""
    await asyncio.sleep(after_s)
    while time.monotonic() < until_s:
        began_s = time.monotonic()
        try:
            async with session.get(PATHS[turn % len(PATHS)]) as answer:
                await answer.read()
                got["answers" if answer.status == 200 else "refused"] += 1
        except aiohttp.ClientError:
            got["refused"] += 1
        slowest[0] = max(slowest[0], 1000 * (time.monotonic() - began_s))
        turn += 1
        await asyncio.sleep(max(0.0, began_s + 1.0 - time.monotonic()))


async def _follows(session: aiohttp.ClientSession, until_s: float, got: Counter[str]) -> None:
    try:
        async with asyncio.timeout(until_s - time.monotonic()), session.get("/api/events") as stream:
            got["refused"] += stream.status != 200
            async for line in stream.content:
                got["events"] += line.startswith(b"data:")
    except TimeoutError:
        pass


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=40)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--settle-s", type=float, default=30.0)
    parser.add_argument("--measure-s", type=float, default=100.0)
    parser.add_argument("--crowd", nargs=4, metavar=("PORT", "CLIENTS", "STREAMS", "SECONDS"), help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    if wanted.crowd:
        port, clients, streams, seconds = wanted.crowd
        print(json.dumps(asdict(asyncio.run(crowd(int(port), int(clients), int(streams), float(seconds))))))
        return 0
    found = asyncio.run(measure(wanted.boxes, wanted.clients, wanted.streams, wanted.settle_s, wanted.measure_s))
    print(json.dumps(asdict(found), indent=2))
    return 0 if found.well else 1


if __name__ == "__main__":
    sys.exit(main())
