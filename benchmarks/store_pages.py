"""How long a page of visits takes with 100,000 of them: ``python -m benchmarks.store_pages [--visits N]``.

Every list of the dialects is asked over HTTP for its first and its last page, in turn, a hundred times each, so that
whatever else the machine does falls on both alike. They should take the same, however many visits lie between them.
The visits on those pages have their courses, quarter-hours, decisions and commands; those in between have none.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from hemsd.courses import written_course
from hemsd.model import QUARTER, Command, Decision, DecisionKind, Outcome, QuarterHour, SteeringState, Visit
from hemsd.store import Store
from rules.course import Battery, Course
from rules.course_steps import settle
from rules.schedule import Due, next_visit
from tests.dialects.home import Played, played

FIRST_AT = datetime(2015, 1, 1, tzinfo=UTC)
PAGE = 50
ROUNDS = 100
WHOLE = 3 * PAGE  # so many visits at both ends have everything that belongs to them
BATCH = 5000


def a_visit(number: int) -> Visit:
    came_at = FIRST_AT + timedelta(hours=number)
    return Visit(
        id=str(UUID(int=number)),
        number=number,
        wallbox="garage",
        plugged_in_at=came_at,
        plugged_out_at=came_at + timedelta(minutes=50),
        vehicle="car",
        policy="home",
        energy_wh=number % 40_000,
    )


def save_whole(store: Store, visit: Visit) -> None:
    """With a course, quarter-hours, decisions and commands, as a day leaves them."""
    assert visit.plugged_out_at is not None
    target = next_visit(Due(visit.plugged_in_at + timedelta(hours=7), 50.0), 20.0)
    course = settle(Course(visit.id, "home", target), visit.plugged_out_at, visit.energy_wh, Battery(), None)
    store.save_course(visit.id, written_course(course))
    for number in range(4):
        start_at = visit.plugged_in_at + number * QUARTER
        store.record_quarter(QuarterHour(visit.id, start_at, visit.energy_wh / 4, 0.0, 0.0, visit.energy_wh / 4))
    for number in range(20):
        at = visit.plugged_in_at + number * timedelta(minutes=2)
        hold = Decision("garage", at, DecisionKind.HOLD, SteeringState.MODULATING, "follow", "2.0 kW of surplus")
        store.record_decision(store.next_decision_id(), hold, visit.id)
    for number in range(4):
        at = visit.plugged_in_at + number * timedelta(minutes=10)
        sent = Command(
            store.next_command_id(), "garage", at, 0.0, 9.0, 1, 2070.0, visit.id, outcome=Outcome.APPLIED, final=True
        )
        store.record_command(sent)


async def fill(store: Store, count: int) -> None:
    for number in range(1, count + 1):
        visit = a_visit(number)
        store.save_visit(visit)
        if number <= WHOLE or number > count - WHOLE:
            save_whole(store, visit)
        if number % BATCH == 0:
            await store.settle()
    await store.settle()


@dataclass(frozen=True)
class Pages:
    """A list's first and last page."""

    name: str
    path: str
    first: Mapping[str, str]
    last: Mapping[str, str]


async def last_cursor(home: Played, path: str, query: Mapping[str, str]) -> str:
    """The cursor of the oldest page: of what comes before the visit that is 50 from the end."""
    from_first = FIRST_AT + timedelta(hours=1)
    till = (FIRST_AT + timedelta(hours=2 * PAGE, minutes=50)).isoformat().replace("+00:00", "Z")
    page = await home.get(path, **{**query, "from": from_first.isoformat().replace("+00:00", "Z"), "to": till})
    return str(page["pagination"]["after"])


async def lists(home: Played, count: int) -> Sequence[Pages]:
    flex = "/flex/vehicle-policies/sessions"
    found = []
    for name, query in {
        "flex, all": {},
        "flex, of one policy": {"policyId": home.policy_id},
        "flex, of one vehicle": {"vehicleId": home.vehicle_id},
    }.items():
        after = await last_cursor(home, flex, query)
        found.append(Pages(name, flex, query, {**query, "after": after}))
    span = {"from": "2015-01-01", "to": "2030-01-01"}
    end = {**span, "offset": str(count - PAGE)}
    return (
        *found,
        Pages("partner, HEMS sessions", home.hems_path, span, end),
        Pages("partner, a car's sessions", home.ev_path, span, end),
    )


async def timed_ms(home: Played, path: str, query: Mapping[str, str]) -> float:
    began_s = time.perf_counter()
    async with home.client.get(path, params=query, headers=home.headers) as answer:
        assert answer.status == 200
        body: Any = await answer.json()
    took_ms = 1000.0 * (time.perf_counter() - began_s)
    assert len(body.get("items", body.get("data"))) == PAGE
    return took_ms


def part(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def measure(count: int, folder: Path) -> None:
    async with played(folder) as home:
        await fill(home.store, count)
        megabytes = home.path.stat().st_size / 1e6
        print(f"{count} visits, {megabytes:.0f} MB; milliseconds for a page of {PAGE}, {ROUNDS} times each\n")
        print("| list | first: median | p99 | last: median | p99 | p99, last to first |")
        print("|---|---|---|---|---|---|")
        for pages in await lists(home, count):
            first_ms, last_ms = [], []
            for _ in range(ROUNDS):
                first_ms.append(await timed_ms(home, pages.path, pages.first))
                last_ms.append(await timed_ms(home, pages.path, pages.last))
            row = (part(first_ms, 0.5), part(first_ms, 0.99), part(last_ms, 0.5), part(last_ms, 0.99))
            figures = " | ".join(f"{each:.1f}" for each in row)
            print(f"| {pages.name} | {figures} | {row[3] / row[1]:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=100_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(wanted.visits, Path(folder)))


if __name__ == "__main__":
    main()
