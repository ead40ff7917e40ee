"""What the cloud lanes cost, and how they behave when many homes come back: ``python -m benchmarks.cloud [--write]``.

Three scenes, all in virtual time with the client's own timing; ``--write`` puts the figures into benchmarks/cloud.md.

1. A home is offline for 30 days, charges twice a day, and comes back. Everything must arrive, in order for each visit,
   and the memory of the process must not grow with the outage.
2. The power of a region comes back for 10,000 homes at once, in each of them a car that was charging. Counted are the
   requests that all of them send, second by second.
3. A backlog of 10,000 finished charges leaves through the batch lane.

The receivers are functions in this process; no socket is opened.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from hemsd.clock import ManualClock
from hemsd.cloud.analysis_upload import Station
from hemsd.cloud.answer import Answer, Request
from hemsd.cloud.backoff import CATCHING_UP_FOR_S, Pace, first_contact_s
from hemsd.cloud.lanes import Lane
from hemsd.cloud.marks import NEWS_SPREAD_S
from hemsd.cloud.service import Cloud
from hemsd.cloud.settings import CloudSettings
from hemsd.model import Sample, Visit
from hemsd.store import Store
from hemsd.store.outbox import Nobody

PAGE = Path(__file__).with_suffix(".md")
DAY_S = 86_400.0
DEBTS = (1, 1, 2)  # of a home after a power cut, on each lane


# ---------------------------------------------------------------------------------------------------------------------
# A receiver and a home


@dataclass
class Receiver:
    """An analysis cloud as a function; ``online`` can be switched."""

    online: bool = True
    requests: int = 0
    attempts: int = 0
    body_bytes: int = 0
    sessions: dict[str, list[str]] = field(default_factory=dict)  # the moments of each visit, as they arrived
    order: list[str] = field(default_factory=list)
    twice: int = 0
    batches: list[list[str]] = field(default_factory=list)

    async def send(self, request: Request) -> Answer:
        self.attempts += 1
        if not self.online:
            return Answer(None, "no connection: Network is unreachable")
        self.requests += 1
        self.body_bytes += len(request.body)
        document = json.loads(request.body) if request.body else {}
        return Answer(
            200, body=json.dumps(self._answer(request, document)).encode(), sent_bytes=len(request.body) // 12
        )

    def _answer(self, request: Request, document: dict[str, object]) -> object:
        if request.method == "GET":
            ids = self.batches[int(request.url.rpartition("/")[2])]
            results = [{"session_id": id_, "status": "active", "is_anomaly": False} for id_ in ids]
            return {"status": "completed", "failed_sessions": 0, "results": results}
        if request.url.endswith("/batch"):
            found = document["sessions"]
            assert isinstance(found, list)
            for session in found:
                self._take(session["session_id"], session["meter_values"])
            self.batches.append([session["session_id"] for session in found])
            return {"batch_id": str(len(self.batches) - 1)}
        id_ = document.get("session_id") or request.url.rpartition("/")[2]
        values = document["meter_values"]
        assert isinstance(values, list)
        self._take(str(id_), values)
        return {"session_id": id_, "status": "active", "anomalies": []}

    def _take(self, id_: str, values: list[dict[str, str]]) -> None:
        if id_ not in self.sessions:
            self.order.append(id_)
        known = self.sessions.setdefault(id_, [])
        for value in values:
            if value["measurand"] == "Energy.Active.Import.Register":
                self.twice += value["timestamp"] in known
                known.append(value["timestamp"])

    async def close(self) -> None: ...


@dataclass
class Home:
    store: Store
    clock: ManualClock
    lane: Lane
    number: int = 0

    @classmethod
    async def make(cls, folder: Path, receiver: Receiver) -> Home:
        (folder / "token").write_text("t")
        section = {"analysis": {"url": "http://127.0.0.1:1", "token_file": folder / "token"}}
        clock = ManualClock(now_s=5000.0)
        store = await Store.open(folder / "home.db", clock)
        settings = CloudSettings.model_validate(section)
        cloud = Cloud(settings, store, clock, {"garage": Station("WB", "1")}, real=clock, dice=random.Random(1))
        lane = cloud.lanes["analysis"]
        await lane.transport.close()
        lane.transport = receiver
        await lane.begin()
        return cls(store, clock, lane)

    async def visit(self, minutes: int, every_s: float, *, tell: bool = True) -> None:
        """A car comes, charges and goes; the lane does what it does meanwhile."""
        self.number += 1
        began_at = self.clock.utc()
        transaction = await self.store.begin("garage", 1, "tag", began_at, 1000.0 * self.number)
        visit = Visit(str(UUID(int=self.number)), self.number, "garage", began_at, transaction_id=transaction)
        self.store.save_visit(visit)
        for index in range(int(minutes * 60 / every_s)):
            await self.wait(every_s, tell=tell)
            at_s, at = self.clock.monotonic(), self.clock.utc()
            register_wh = 1000.0 * self.number + index
            sample = Sample(at_s, at, transaction_id=transaction, energy_wh=register_wh, power_w=2000.0, offered_a=9.0)
            self.store.record_sample(visit.id, sample)
        await self.wait(1, tell=tell)
        await self.store.end("garage", transaction, self.clock.utc(), 1000.0 * self.number + 999, "EVDisconnected")
        self.store.save_visit(replace(visit, plugged_out_at=self.clock.utc()))

    async def wait(self, seconds: float, *, tell: bool = True) -> None:
        until_s = self.clock.monotonic() + seconds
        while tell and self.clock.monotonic() < until_s:
            pause_s = await self.lane.step()
            self.clock.leap(min(pause_s, until_s - self.clock.monotonic()))
        self.clock.leap(max(0.0, until_s - self.clock.monotonic()))

    async def drain(self) -> float:
        """Until nothing is owed; the virtual seconds that it took."""
        began_s = self.clock.monotonic()
        while await self.owed():
            self.clock.leap(await self.lane.step())
        return self.clock.monotonic() - began_s

    async def owed(self) -> int:
        await self.store.settle()
        return sum(b.waiting for b in (await self.lane.outbox.backlogs()).values())


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# ---------------------------------------------------------------------------------------------------------------------
# 1. A month offline


async def month_offline(days: int) -> list[str]:
    receiver = Receiver(online=False)
    with folder() as place:
        home = await Home.make(place, receiver)
        memory = []
        for _ in range(days):
            for _ in range(2):
                await home.visit(minutes=180, every_s=60)
                await home.wait(DAY_S / 2 - 180 * 60)
            memory.append(resident_mb())
        tries, rows = receiver.attempts, await home.owed()
        receiver.online = True
        took_s = await home.drain()
        memory.append(resident_mb())
        whole = all(moments == sorted(moments) for moments in receiver.sessions.values())
        first, last = memory[min(4, days - 1)], memory[days - 1]
        await home.store.close()
    assert whole
    assert receiver.order == [str(UUID(int=number)) for number in range(1, home.number + 1)]
    assert receiver.twice == 0
    values = sum(len(moments) for moments in receiver.sessions.values())
    assert values == home.number * (180 + 2)
    return [
        f"| visits while offline | {home.number}, {values} register values |",
        f"| rows owed at the end of the outage | {rows} |",
        f"| tries during the outage | {tries}, {tries / days / 24:.1f} an hour |",
        f"| from its end until everything was told | {took_s:.0f} s, {receiver.requests} requests |",
        "| lost, out of order, or told twice | 0 |",
        f"| memory on day 5, at the end, after catching up | {first:.0f}, {last:.0f}, {memory[-1]:.0f} MB |",
    ]


async def card(days: int = 2) -> list[str]:
    """What the lane asks of the memory card on an ordinary day, beside what the store writes anyway."""
    written = []
    for tell in (True, False):
        with folder() as place:
            home = await Home.make(place, Receiver())
            if not tell:
                home.store.announcer = Nobody()
            for _ in range(days):
                await home.visit(minutes=240, every_s=60, tell=tell)
                await home.wait(DAY_S - 240 * 60, tell=tell)
            await home.store.settle()
            written.append(home.store.bytes_written / days / 1000)
            await home.store.close()
    return [f"| written to the card for it on an ordinary day (4 h of charging) | {written[0] - written[1]:.0f} kB |"]


# ---------------------------------------------------------------------------------------------------------------------
# 2. The power of a region


@dataclass
class Region:
    """Homes as their clients' timing makes them: when each sends a request."""

    homes: int
    spread: bool = True
    seconds: Counter[int] = field(default_factory=Counter)

    def play(self, hours: float = 2.0) -> None:
        dice = random.Random(4)
        for _ in range(self.homes):
            boots_s = dice.uniform(0.0, 60.0)  # the hosts of a region do not start in the same second
            uptime_s = dice.uniform(15.0, 40.0)  # until hemsd runs
            began_s = boots_s + uptime_s
            self._analysis(dice, began_s, uptime_s, hours * 3600)
            self._webhook(dice, began_s, uptime_s, hours * 3600)

    def _first(self, dice: random.Random, uptime_s: float, turn: int) -> float:
        return first_contact_s(uptime_s, 1, dice, turn) if self.spread else 0.0

    def _analysis(self, dice: random.Random, began_s: float, uptime_s: float, until_s: float) -> None:
        """A token, the visit that goes on, in every third home one that ended before, and then groups."""
        now_s = began_s + self._first(dice, uptime_s, turn=0)
        self.seconds[int(now_s)] += 1  # the token
        for _ in range(dice.choice(DEBTS)):
            self.seconds[int(now_s)] += 1
            now_s = self._next(dice, now_s, began_s)
        while now_s < until_s:
            now_s += 900.0
            self.seconds[int(now_s)] += 1

    def _webhook(self, dice: random.Random, began_s: float, uptime_s: float, until_s: float) -> None:
        """The states of the same visits, then the news of quarter-hours, which end at the same moment in all homes."""
        now_s = began_s + self._first(dice, uptime_s, turn=1)
        for _ in range(dice.choice(DEBTS)):
            self.seconds[int(now_s)] += 1
            now_s = self._next(dice, now_s, began_s)
        quarter_s = 300.0  # the power came back at ten past the hour
        while quarter_s < until_s:
            due_s = quarter_s + (dice.uniform(0.0, NEWS_SPREAD_S) if self.spread else 0.0)
            if due_s > now_s:  # otherwise it left with what waited
                self.seconds[int(due_s)] += 1
            quarter_s += 900.0

    def _next(self, dice: random.Random, now_s: float, began_s: float) -> float:
        catching_up = self.spread and now_s - began_s < CATCHING_UP_FOR_S
        return Pace().went_well(now_s, dice, sent_bytes=1500, bytes_s=64_000, catching_up=catching_up).not_before_s

    @property
    def mean(self) -> float:
        """Requests a second over the hour that follows."""
        return sum(count for second, count in self.seconds.items() if second < 3600) / 3600

    @property
    def peak(self) -> int:
        return max(count for second, count in self.seconds.items() if second < 7200)


def regional_power_cut(homes: int) -> list[str]:
    lines = []
    for name, spread in (("hemsd", True), ("everybody at once", False)):
        region = Region(homes, spread)
        region.play()
        ratio = region.peak / region.mean
        if spread:
            assert ratio < 3, ratio
        lines.append(f"| {name} | {region.peak} | {region.mean:.0f} | {ratio:.1f} |")
    return lines


# ---------------------------------------------------------------------------------------------------------------------
# 3. A backlog through the batch lane


async def backlog(visits: int) -> list[str]:
    receiver = Receiver()
    with folder() as place:
        home = await Home.make(place, receiver)
        for _ in range(visits):
            await home.visit(minutes=180, every_s=900, tell=False)
        await home.store.settle()
        before_mb, began_s = resident_mb(), time.process_time()
        took_s = await home.drain()
        cpu_s, after_mb = time.process_time() - began_s, resident_mb()
        await home.store.close()
    assert len(receiver.sessions) == visits
    assert receiver.twice == 0
    assert receiver.order == [str(UUID(int=number)) for number in range(1, visits + 1)]
    largest = max(len(batch) for batch in receiver.batches)
    return [
        f"| visits | {visits}, every one told once and in order |",
        f"| batches | {len(receiver.batches)}, at most {largest} visits each |",
        f"| requests | {receiver.requests}, {receiver.body_bytes / 1e6:.0f} MB before compression |",
        f"| virtual time at 64 kB/s | {timedelta(seconds=round(took_s))} |",
        f"| processor time | {cpu_s:.0f} s, {1000 * cpu_s / visits:.1f} ms a visit |",
        f"| memory before and after | {before_mb:.0f}, {after_mb:.0f} MB |",
    ]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--homes", type=int, default=10_000)
    parser.add_argument("--visits", type=int, default=10_000)
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/cloud.md")
    options = parser.parse_args()
    region = regional_power_cut(options.homes)
    print("\n".join(region), flush=True)
    month = [*await month_offline(options.days), *await card()]
    print("\n".join(month), flush=True)
    batch = await backlog(options.visits)
    print("\n".join(batch), flush=True)
    if options.write:
        PAGE.write_text(page(options, region, month, batch))


def page(options: argparse.Namespace, region: list[str], month: list[str], batch: list[str]) -> str:
    return "\n".join(
        [
            "# The cloud lanes",
            "",
            "Made by `python -m benchmarks.cloud --write`; its top says how. All times are virtual but processor time;",
            "the receivers are functions in the same process.",
            "",
            f"## {options.days} days offline, then back",
            "",
            "| | |",
            "|---|---|",
            *month,
            "",
            f"## {options.homes} homes after a regional power cut",
            "",
            "In each home a car was charging, and goes on; every third owes another visit. Told are an analysis and a",
            "webhook.",
            "The peak is the busiest second of two hours, the mean that of the hour after the power came back.",
            "",
            "| | peak, requests/s | mean, requests/s | peak by mean |",
            "|---|---|---|---|",
            *region,
            "",
            "## A backlog through the batch lane",
            "",
            "| | |",
            "|---|---|",
            *batch,
            "",
        ]
    )


if __name__ == "__main__":
    asyncio.run(main())
