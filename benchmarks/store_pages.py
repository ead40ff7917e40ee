"""How long a page of visits takes with 100,000 of them: ``python -m benchmarks.store_pages [--visits N]``.

For each filter it walks from the newest visit to the oldest, 50 at a time, and prints the quickest of the first and of
the last 20 pages (the quickest, because whatever else the machine does only adds). They should be the same.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from hemsd.clock import SystemClock
from hemsd.model import Visit
from hemsd.store import Store, VisitFilter

FIRST_AT = datetime(2015, 1, 1, tzinfo=UTC)
PAGE = 50
BATCH = 5000


def a_visit(number: int) -> Visit:
    came_at = FIRST_AT + timedelta(hours=number)
    return Visit(
        id=str(uuid4()),
        number=number,
        wallbox="garage" if number % 2 else "carport",
        plugged_in_at=came_at,
        plugged_out_at=came_at + timedelta(minutes=50),
        vehicle="van" if number % 3 == 0 else "car",
        managed=number % 4 != 0,
        energy_wh=number % 40_000,
    )


async def walk(store: Store, wanted: VisitFilter) -> list[float]:
    took_s: list[float] = []
    after: str | None = None
    while not took_s or after is not None:
        began_s = time.perf_counter()
        after = (await store.views.visits(wanted, limit=PAGE, after=after)).after
        took_s.append(time.perf_counter() - began_s)
    return took_s


def megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


async def measure(count: int, path: Path) -> None:
    store = await Store.open(path, SystemClock())
    for number in range(1, count + 1):
        store.save_visit(a_visit(number))
        if number % BATCH == 0:
            await store.settle()
    await store.close()
    began_s = time.perf_counter()
    store = await Store.open(path, SystemClock())
    print(f"{count} visits, {megabytes(path):.0f} MB, opened in {time.perf_counter() - began_s:.2f} s")
    middle_at = FIRST_AT + timedelta(hours=count / 2)
    for name, wanted in {
        "all": VisitFilter(),
        "of one wallbox": VisitFilter(wallbox="garage"),
        "of one vehicle": VisitFilter(vehicle="van"),
        "not managed": VisitFilter(managed=False),
        "ended by the middle": VisitFilter(plugged_out_to_at=middle_at),
    }.items():
        took_s = await walk(store, wanted)
        first_ms, last_ms = (1000 * min(part) for part in (took_s[:20], took_s[-20:]))
        print(f"{name:20} {len(took_s):5} pages, first {first_ms:.1f} ms, last {last_ms:.1f} ms")
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=100_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(wanted.visits, Path(folder) / "hemsd.db"))


if __name__ == "__main__":
    main()
