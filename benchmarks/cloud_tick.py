"""Whether charging notices the cloud: the control tick of a running daemon while the cloud hangs and a backlog drains.

A daemon of its own with its simulated home, in real time, ticking eight times a second instead of every five seconds,
so that many ticks are seen. Its own ticks are timed one by one in short scenes that take turns, so that whatever else
the machine does falls on all of them alike: nobody is told anything; each receiver takes the request and never
answers; a backlog of finished charges drains, as fast as the budget of the line lets it; and nobody is told anything
again, which tells how much of a difference is chance. The receiver is a process of its own.

Measured is how long a tick takes (processor time of its thread, and by the clock), how late it comes, as it would under
a busy event loop, and how many ticks lost the processor on the way: by themselves, as who waits for a lock or for the
interpreter that another thread holds (getrusage(2), ``ru_nvcsw``).

Where the machine has other things to do, ``chrt -r 10 python -m benchmarks.cloud --only tick`` keeps them off: the home
needs a small part of one core, and has it when it wants it (as root; Linux).
"""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch
from uuid import UUID

from hemsd.app import Daemon
from hemsd.clock import SystemClock
from hemsd.cloud.marks import SESSION, VISIT
from hemsd.config import load
from hemsd.control import Control
from hemsd.model import Sample, Visit
from hemsd.store import outbox as rows
from hemsd.store.outbox import Mark
from tests.daemon.living import write_config

TICK_S = 0.125
VALUES = 180
IDLE, HANGING, DRAINING, IDLE_AGAIN = SCENES = (
    "nobody is told",
    "the cloud hangs",
    "a backlog drains",
    "nobody is told, again",
)

CLOUD = """
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
    waited: int = 0  # in so many another thread was waited for


@contextmanager
def timed(into: Ticks) -> Iterator[None]:
    """Every tick of Control's own loop is measured."""
    tick = Control.tick

    def measured(control: Control) -> object:
        late_s = max(0.0, control.clock.monotonic() - control.due_s)
        waits = _waits()
        began_s, cpu_s = time.perf_counter(), time.thread_time()
        decisions = tick(control)
        into.cpu_ms.append(1000 * (time.thread_time() - cpu_s))
        into.clock_ms.append(1000 * (time.perf_counter() - began_s))
        into.late_ms.append(1000 * late_s)
        into.waited += _waits() > waits
        return decisions

    with patch.object(Control, "tick", measured):
        yield


def _waits() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


@asynccontextmanager
async def a_home(url: str, visits: int) -> AsyncIterator[Daemon]:
    """It runs, its car charges, and it has judged these finished charges itself."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_config(place, speed=1, start_s=20000)
        (place / "secret").write_text("example-secret")
        file = place / "config.yaml"
        file.write_text(file.read_text() + CLOUD.format(url=url))
        async with await Daemon.make(load(file), SystemClock(), file=file) as daemon:
            await charge(daemon, visits)
            control = daemon.control
            control.apply(replace(control.settings, steering=replace(control.settings.steering, tick_s=TICK_S)))
            gc.freeze()  # as hemsd.app.run does
            running = asyncio.create_task(daemon.run())
            while await count(daemon, "analysis_sessions") < visits:  # noqa: ASYNC110 - nobody says when
                await asyncio.sleep(1)
            await asyncio.sleep(5)
            yield daemon
            daemon.stopping.set()
            await running


async def charge(daemon: Daemon, visits: int) -> None:
    """Finished charges of three hours each."""
    store, clock = daemon.store, daemon.clock
    for number in range(1, visits + 1):
        at = clock.utc().replace(hour=0)
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


async def count(daemon: Daemon, table: str) -> int:
    found: int = await daemon.store.views.ask(lambda db: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    return found


async def owe_nothing(daemon: Daemon) -> None:
    await daemon.cloud.outbox.write(*(rows.empty(lane) for lane in daemon.cloud.lanes))


async def owe_everything(daemon: Daemon, visits: int) -> None:
    """Everybody is still to be told of all the charges."""
    await owe_nothing(daemon)
    lines, at = daemon.cloud.marks.lines, daemon.clock.utc()
    what = [(lines.analysis, VISIT)]
    what += [(lines.summary_lane, kind) for kind in lines.summaries]
    what += [(hook, SESSION) for hook in lines.session_hooks]
    for number in range(1, visits + 1):
        visit_id = str(UUID(int=number))
        daemon.store.carry_out(told=[Mark(lane, kind, visit_id, at, at) for lane, kind in what if lane is not None])
    await daemon.store.settle()
    for lane in daemon.cloud.lanes.values():
        lane.woken.set()


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


async def tick(rounds: int = 8, seconds: float = 5.0, visits: int = 200) -> list[str]:
    """The table's lines."""
    found = {scene: Ticks() for scene in SCENES}
    requests = 0

    async def measured(scene: str) -> None:
        await asyncio.sleep(0.5)  # what the scene before has left behind is over
        with timed(found[scene]):
            await asyncio.sleep(seconds)

    with closing(Receiver()) as receiver:
        async with a_home(receiver.url, visits) as daemon:
            for lane in daemon.cloud.lanes.values():
                lane.dice = lane.rests.dice = NoPauses()
            for _ in range(rounds):
                await measured(IDLE)
                receiver.behave("hangs")
                await owe_everything(daemon, visits)
                await measured(HANGING)
                receiver.behave("taken")
                await measured(DRAINING)
                assert await count(daemon, "outbox WHERE told > done") > 1, "there was nothing left to drain"
                requests += receiver.behave("taken")
                await owe_nothing(daemon)
                await measured(IDLE_AGAIN)
    per_s = requests / rounds / seconds
    assert per_s > 5, "little was drained while it was measured"
    lines = [_row(scene, found[scene], found[IDLE]) for scene in SCENES]
    return [*lines, f"| *requests a second while it drains: {per_s:.0f}* | | | | | |"]


def _row(scene: str, ticks: Ticks, base: Ticks) -> str:
    pairs = ((ticks.cpu_ms, base.cpu_ms), (ticks.clock_ms, base.clock_ms), (ticks.late_ms, base.late_ms))
    cells = [f"{_cell(values, others, 50)}; {_cell(values, others, 99)}" for values, others in pairs]
    return f"| {scene} | {len(ticks.cpu_ms)} | {' | '.join(cells)} | {ticks.waited} |"


def _cell(values: Sequence[float], others: Sequence[float], percent: int) -> str:
    value, other = percentile(values, percent), percentile(others, percent)
    return f"{value:.2f} ({100 * (value / other - 1):+.0f} %)"


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
