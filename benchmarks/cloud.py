"""What the cloud lanes cost, and how they behave when many homes come back: ``python -m benchmarks.cloud [--write]``.

Three scenes in virtual time with the client's own timing, and one in real time (benchmarks/cloud_tick.py); ``--write``
puts the figures into benchmarks/cloud.md, ``--only NAME`` runs one of month, region, backlog, tick.

1. A home is offline for 30 days, charges twice a day, and comes back (benchmarks/cloud_month.py).
2. The power of a region comes back for 10,000 homes at once, in each of them a car that was charging. Counted are the
   requests that all of them send, second by second.
3. A backlog of 10,000 finished charges leaves through the batch lane.
4. The control tick of a daemon while the cloud hangs, and while a backlog drains.

The receivers of the first three are functions in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from benchmarks.cloud_home import Home, Receiver, folder, resident_mb
from benchmarks.cloud_month import card, month_offline
from benchmarks.cloud_tick import tick
from hemsd.cloud.backoff import CATCHING_UP_FOR_S, Pace, first_contact_s
from hemsd.cloud.marks import NEWS_SPREAD_S

SCENES = ("region", "month", "backlog", "tick")
PAGE = Path(__file__).with_suffix(".md")
DEBTS = (1, 1, 2)  # of a home after a power cut, on each lane


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


async def scene(name: str, options: argparse.Namespace) -> list[str]:
    match name:
        case "month":
            return [*(await month_offline(options.days)).lines, *await card()]
        case "region":
            return regional_power_cut(options.homes)
        case "backlog":
            return await backlog(options.visits)
        case _:
            return await tick()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--homes", type=int, default=10_000)
    parser.add_argument("--visits", type=int, default=10_000)
    parser.add_argument("--only", choices=SCENES, action="append", help="this scene, and leave the others as they are")
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/cloud.md")
    options = parser.parse_args()
    for name in options.only or SCENES:
        lines = await scene(name, options)
        print("\n".join(lines), flush=True)
        if options.write:
            PAGE.write_text(replaced(PAGE.read_text(), name, lines))


def replaced(page: str, name: str, lines: list[str]) -> str:
    """The page with the rows of one table anew; they stand between two comments."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = page.partition(begin)
    table, _, after = rest.partition(end)
    head = table.splitlines()[:2]
    return f"{before}{begin}" + "\n".join([*head, *lines]) + f"\n{end}{after}"


if __name__ == "__main__":
    asyncio.run(main())
