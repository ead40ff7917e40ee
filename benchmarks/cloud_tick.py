"""Whether charging notices the cloud: the control tick of a running daemon while the cloud hangs and a backlog drains.

A daemon of its own with its simulated home, at a tick a second, in real time. Its ticks are timed one by one, in three
scenes that take turns, so that whatever else the machine does falls on all of them alike: nobody is told anything; each
receiver takes the request and never answers; a backlog of finished charges drains, as fast as the budget of the line
lets it. The receiver is a process of its own. Measured is how long a tick takes (processor time of its thread, which
neighbours on the machine do not disturb, and by the clock), and how late it comes, as under a busy event loop.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from hemsd.app import Daemon
from hemsd.clock import SystemClock
from hemsd.config import load
from hemsd.control import Control
from hemsd.model import Sample, Visit
from tests.daemon.living import write_config

TICK_S = 0.2  # as tests may; a home ticks every 5 s
VALUES = 180
RUNNING = 3  # what the visit that runs may owe at any time
SCENES = ("nobody is told", "the cloud hangs", "a backlog drains")

CLOUD = """
steering: {{tick_s: 1}}
policies: {{home: {{vehicle: car}}}}
cloud:
  analysis: {{url: "{url}", token_file: secret}}
  summaries: {{url: "{url}", token_file: secret, paths: {{partner: "visits/{{number}}", ev: "cars/{{visit_id}}"}}}}
  webhooks: [{{url: "{url}/hook", secret_file: secret, events: ["flex:session:updated"]}}]
"""


@dataclass(slots=True)
class Ticks:
    """What was measured in one scene, in milliseconds."""

    cpu_ms: list[float] = field(default_factory=list)
    clock_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)

    def add(self, other: Ticks) -> None:
        self.cpu_ms += other.cpu_ms
        self.clock_ms += other.clock_ms
        self.late_ms += other.late_ms


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


async def measured(control: Control, seconds: float) -> Ticks:
    """Extra ticks, as Control's own loop makes them, one every ``TICK_S``."""
    found, due_s = Ticks(), time.perf_counter()
    until_s = due_s + seconds
    while due_s < until_s:
        began_s, cpu_s = time.perf_counter(), time.thread_time()
        control.tick()
        found.cpu_ms.append(1000 * (time.thread_time() - cpu_s))
        found.clock_ms.append(1000 * (time.perf_counter() - began_s))
        found.late_ms.append(1000 * max(0.0, began_s - due_s))
        due_s = max(due_s + TICK_S, time.perf_counter())
        await asyncio.sleep(due_s - time.perf_counter())
    return found


@asynccontextmanager
async def a_home(url: str) -> AsyncIterator[Daemon]:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_config(place, speed=1, start_s=20000)
        (place / "secret").write_text("example-secret")
        file = place / "config.yaml"
        file.write_text(file.read_text() + CLOUD.format(url=url))
        async with await Daemon.make(load(file), SystemClock(), file=file) as daemon:
            running = asyncio.create_task(daemon.run())
            yield daemon
            daemon.stopping.set()
            await running


async def owe(daemon: Daemon, first: int, visits: int) -> None:
    """Finished charges that everybody is still to be told of."""
    store, clock = daemon.store, daemon.clock
    for number in range(first, first + visits):
        at = clock.utc()
        visit = Visit(str(UUID(int=number)), 1_000_000 + number, "garage", at, transaction_id=1_000_000 + number)
        store.save_visit(visit)
        for index in range(VALUES):
            sample = Sample(
                clock.monotonic(), at.replace(hour=index // 60, minute=index % 60), energy_wh=1000.0 + index
            )
            store.record_sample(visit.id, replace(sample, power_w=2000.0))
        store.save_visit(replace(visit, plugged_out_at=at))
        if number % 20 == 0:
            await store.settle()
    await store.settle()


async def backlog_of(daemon: Daemon) -> int:
    return sum(each.waiting for each in (await daemon.cloud.outbox.backlogs()).values())


class NoPauses:
    """Dice by which a lane that failed tries again at once: what is measured is the work, not the waiting."""

    def uniform(self, a: float, b: float) -> float:
        return 0.0


class Receiver:
    """In a process of its own, so that its work is not taken for ours."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks.cloud_receiver"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def behave(self, how: str) -> int:
        """From now on; gives how much it has heard since the last time."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{how}\n")
        self._process.stdin.flush()
        return int(self._line())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


async def tick(rounds: int = 8, seconds: float = 15.0, visits: int = 400) -> list[str]:
    """The table's lines."""
    found = {scene: Ticks() for scene in SCENES}
    requests = 0
    with closing(Receiver()) as receiver:
        async with a_home(receiver.url) as daemon:
            for lane in daemon.cloud.lanes.values():
                lane.dice = lane.rests.dice = NoPauses()
            await asyncio.sleep(20)  # the car charges
            for round_ in range(rounds):
                found[SCENES[0]].add(await measured(daemon.control, seconds))
                receiver.behave("hangs")
                await owe(daemon, 1 + round_ * visits, visits)
                found[SCENES[1]].add(await measured(daemon.control, seconds))
                receiver.behave("taken")
                for lane in daemon.cloud.lanes.values():
                    await lane.transport.close()  # what hangs ends
                await asyncio.sleep(1)
                found[SCENES[2]].add(await measured(daemon.control, seconds))
                requests += receiver.behave("taken")
                while await backlog_of(daemon) > RUNNING:  # noqa: ASYNC110 - nobody says when the last debt is paid
                    await asyncio.sleep(1)
    base = found[SCENES[0]]
    assert requests > rounds * visits, "little was drained while it was measured"
    return [_row(scene, found[scene], base) for scene in SCENES]


def _row(scene: str, ticks: Ticks, base: Ticks) -> str:
    cells = [
        f"{p99(of(ticks)):.2f} ms ({100 * (p99(of(ticks)) / p99(of(base)) - 1):+.0f} %)" for of in (_cpu, _clock, _late)
    ]
    return f"| {scene} | {len(ticks.cpu_ms)} | {' | '.join(cells)} |"


_cpu: Callable[[Ticks], list[float]] = lambda ticks: ticks.cpu_ms  # noqa: E731
_clock: Callable[[Ticks], list[float]] = lambda ticks: ticks.clock_ms  # noqa: E731
_late: Callable[[Ticks], list[float]] = lambda ticks: ticks.late_ms  # noqa: E731
