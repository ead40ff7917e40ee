#!/usr/bin/env python3
"""How good and how quick the charge planner is; prints its figures and writes them to benchmarks/planner.md.

1. Two hundred random small cases against an exact solver (HiGHS, through scipy.optimize.milp), and twenty plans of a
   whole night and day.
2. A year of evenings (and of weekend noons with sun) against other ways of charging the same energy by the same
   deadline. "Cheapest slots" takes the cheapest quarter-hours at full power and knows no sun. "Cheapest slots, sun
   besides" does the same, but follows the surplus in between and plans the rest anew each quarter-hour, as evcc does
   with a plan in solar mode, by its documentation. "Plain" charges at full power from plug-in on. Costs are counted
   alike for all, the sun at the feed-in price; the forecast comes true. The lower bound says what is left to gain.
3. The time for a plan of 36 hours, with prices and sun that no earlier plan has seen.

The year is made up, from one seed. Its price has the shape of the German day-ahead market of recent years: a level of
9 ct/kWh in winter and 7 in summer that drifts from day to day, a morning and an evening peak, a dip at noon that the
sun of that day digs (deep enough for negative prices on bright weekends), cheaper weekends, quarter-hours that saw
around the hour's mean, and noise; then 15 ct/kWh for grid and fees, and 19 % tax. The sun is a 9 kW roof under
cloudy and clear days; the house takes 400 W of it. Feed-in brings 8 ct/kWh.
"""

from __future__ import annotations

import math
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hemsd.model import QUARTER, quarter_start  # noqa: E402
from rules.cheapest import Slot, cheapest, domain, relaxed_cost_eur  # noqa: E402
from rules.plan import PowerRange, Quarter, Task, make_plan  # noqa: E402
from tests.rules.exact import least_cost_eur  # noqa: E402
from tests.rules.test_cheapest import small_cases  # noqa: E402

SEED = 2026
BERLIN = ZoneInfo("Europe/Berlin")
FEED_IN = 0.08
POWERS = (PowerRange(1, 1380.0, 3680.0), PowerRange(3, 4140.0, 11040.0))
RANGES = tuple((power.min_w, power.max_w) for power in POWERS)
MAX_W = 11040.0
CAPACITY_WH = 60_000.0
EFFICIENCY = 0.9


# ---------------------------------------------------------------------------------------------------------------------
# A year


@dataclass(frozen=True)
class Year:
    quarters: tuple[Quarter, ...]

    def slice(self, start_at: datetime, count: int) -> tuple[Quarter, ...]:
        first = int((quarter_start(start_at) - self.quarters[0].start_at) / QUARTER)
        return self.quarters[first : first + count]


def make_year(seed: int) -> Year:
    random_ = random.Random(seed)
    first_at = datetime(2025, 12, 31, 23, 0, tzinfo=UTC)  # midnight in Berlin
    quarters: list[Quarter] = []
    drift, cloud, noise = 0.0, 0.5, 0.0
    for day in range(367):
        drift = 0.8 * drift + random_.gauss(0.0, 0.015)
        cloud = min(1.0, max(0.05, 0.5 * cloud + 0.5 * random_.random() + random_.gauss(0.0, 0.1)))
        season = math.cos(2 * math.pi * (day - 15) / 365)  # 1 in January, -1 in July
        length_h = 12.0 - 4.2 * season
        weekend = (first_at + timedelta(days=day, hours=12)).weekday() >= 5
        for number in range(96):
            hour = number / 4
            noise = 0.9 * noise + random_.gauss(0.0, 0.003)
            height = (
                math.sin(math.pi * (hour - 12.5 + length_h / 2) / length_h) if abs(hour - 12.5) < length_h / 2 else 0
            )
            sun = max(0.0, height) * (0.75 - 0.25 * season)  # share of the clearest summer noon
            patch = min(1.0, max(0.0, cloud + random_.gauss(0.0, 0.12)))
            level = 0.08 + 0.01 * season + drift - (0.015 if weekend else 0.0)
            peaks = 0.035 * math.exp(-((hour - 8) ** 2) / 3) + 0.06 * math.exp(-((hour - 19) ** 2) / 5)
            dip = 0.13 * sun * cloud * (1.25 if weekend else 1.0)
            saw = 0.008 * (number % 4 - 1.5) * (1 if 6 <= hour < 10 or hour >= 21 else -1)
            market = level + peaks - dip + saw + noise
            quarters.append(
                Quarter(
                    start_at=first_at + (day * 96 + number) * QUARTER,
                    import_eur_per_kwh=round((market + 0.15) * 1.19, 5),
                    export_eur_per_kwh=FEED_IN,
                    surplus_w=max(0.0, 9000.0 * sun * patch - 400.0),
                )
            )
    return Year(tuple(quarters))


def visits(year: Year, seed: int) -> list[Task]:
    """An evening for each day; on weekends the car comes home about noon."""
    random_ = random.Random(seed + 1)
    tasks = []
    for day in range(365):
        local = datetime(2026, 1, 1, tzinfo=BERLIN) + timedelta(days=day)
        comes = 12.0 if local.weekday() >= 5 else 17.5
        at = local.replace(hour=0) + timedelta(hours=comes + random_.gauss(0.0, 1.0))
        tomorrow = local + timedelta(days=1)
        deadline = tomorrow.replace(hour=10 if tomorrow.weekday() >= 5 else 7)
        start_at = at.astimezone(UTC)
        soc_pct = random_.uniform(20.0, 65.0)
        count = int((deadline.astimezone(UTC) - quarter_start(start_at)) / QUARTER)
        tasks.append(
            Task(
                at=start_at.replace(second=0, microsecond=0),
                soc_pct=soc_pct,
                capacity_wh=CAPACITY_WH,
                powers=POWERS,
                quarters=year.slice(start_at, count),
                target_pct=80.0,
                deadline_at=deadline.astimezone(UTC),
                efficiency=EFFICIENCY,
                zone=BERLIN,
            )
        )
    return tasks


# ---------------------------------------------------------------------------------------------------------------------
# The ways to charge


def slots_of(task: Task) -> list[Slot]:
    left_h = 0.25 - (task.at - quarter_start(task.at)) / timedelta(hours=1)
    return [
        Slot(
            hours=left_h if number == 0 else 0.25,
            ranges_w=RANGES,
            import_eur_per_kwh=each.import_eur_per_kwh or 0.0,
            export_eur_per_kwh=FEED_IN,
            sun_w=each.surplus_w or 0.0,
        )
        for number, each in enumerate(task.quarters)
    ]


def needed_wh(task: Task) -> float:
    return (task.target_pct - task.soc_pct) / 100 * task.capacity_wh / task.efficiency


def by_plan(task: Task) -> list[float]:
    planned = {each.start_at: each.energy_wh for each in make_plan(task).quarters}
    return [planned.get(each.start_at, 0.0) for each in task.quarters]


def by_cheapest_slots(task: Task) -> list[float]:
    return in_order(task, sorted(range(len(task.quarters)), key=lambda n: (task.quarters[n].import_eur_per_kwh, n)))


def by_cheapest_slots_and_sun(task: Task) -> list[float]:
    """In each quarter-hour: full power if it is among the cheapest for what is still missing, else the surplus."""
    slots, left_wh = slots_of(task), needed_wh(task)
    energies_wh = []
    by_price = sorted(range(len(slots)), key=lambda n: (slots[n].import_eur_per_kwh, n))
    for number, slot in enumerate(slots):
        planned_wh = 0.0
        ahead_wh = left_wh
        for other in (other for other in by_price if other >= number):
            if other == number:
                planned_wh = min(max(0.0, ahead_wh), slot.max_wh)
            ahead_wh -= slots[other].max_wh
        sun_wh = max((min(slot.sun_w, high) for low, high in RANGES if slot.sun_w >= low), default=0.0) * slot.hours
        energies_wh.append(min(left_wh, max(planned_wh, sun_wh)))
        left_wh -= energies_wh[-1]
    return energies_wh


def by_plug_in(task: Task) -> list[float]:
    return in_order(task, range(len(task.quarters)))


def in_order(task: Task, order: Sequence[int]) -> list[float]:
    """Full power in one slot after the other until it is enough."""
    slots, left_wh = slots_of(task), needed_wh(task)
    energies_wh = [0.0] * len(slots)
    for number in order:
        energies_wh[number] = min(left_wh, slots[number].max_wh)
        left_wh -= energies_wh[number]
    return energies_wh


def cost_eur(task: Task, energies_wh: Sequence[float]) -> float:
    return sum(slot.cost_eur(wh) for slot, wh in zip(slots_of(task), energies_wh, strict=True))


# ---------------------------------------------------------------------------------------------------------------------
# The figures


def excess(slots: Sequence[Slot], least_wh: float, most_wh: float) -> float | None:
    """How far the planner is above the optimum, as a share of it."""
    optimum_eur = least_cost_eur(slots, least_wh, most_wh)
    if optimum_eur is None:
        return None
    found_eur = sum(s.cost_eur(wh) for s, wh in zip(slots, cheapest(slots, least_wh, most_wh), strict=True))
    return (found_eur - optimum_eur) / max(abs(optimum_eur), 0.01)


def against_optimum(tasks: Sequence[Task]) -> list[str]:
    small = [share for case in small_cases(200, SEED) if (share := excess(*case)) is not None]
    large = [share for task in tasks[::18] if (share := excess(slots_of(task), needed_wh(task), 1e6)) is not None]
    return [
        "| cases | compared | equal within 0.01 % | mean above the optimum | worst |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {len(shares)} | {sum(share <= 1e-4 for share in shares)} "
            f"| {abs(statistics.mean(shares)):.4%} | {max(0.0, *shares):.4%} |"
            for name, shares in (("random, 3 to 14 quarter-hours", small), ("whole evenings of the year", large))
        ),
    ]


def against_others(tasks: Sequence[Task]) -> list[str]:
    ways: dict[str, Callable[[Task], list[float]]] = {
        "hemsd's plan": by_plan,
        "cheapest slots": by_cheapest_slots,
        "cheapest slots, sun besides": by_cheapest_slots_and_sun,
        "plain, from plug-in": by_plug_in,
    }
    energy_kwh = sum(needed_wh(task) for task in tasks) / 1000
    bound_eur = sum(
        relaxed_cost_eur(tuple(domain(slot) for slot in slots_of(task)), needed_wh(task), 1e6) or 0.0 for task in tasks
    )
    rows = ["| way | EUR a year | ct/kWh | from the sun | blocks a visit |", "|---|---|---|---|---|"]
    for name, way in ways.items():
        energies = [way(task) for task in tasks]
        total_eur = sum(cost_eur(task, each) for task, each in zip(tasks, energies, strict=True))
        charged_kwh = sum(map(sum, energies)) / 1000
        sun_kwh = (
            sum(
                slot.sun_wh(wh)
                for task, each in zip(tasks, energies, strict=True)
                for slot, wh in zip(slots_of(task), each, strict=True)
            )
            / 1000
        )
        blocks = statistics.mean(block_count(each) for each in energies)
        rows.append(
            f"| {name} | {total_eur:.2f} | {total_eur / charged_kwh * 100:.2f} "
            f"| {sun_kwh / charged_kwh:.0%} | {blocks:.1f} |"
        )
    rows.append(f"| lower bound, which nothing can beat | {bound_eur:.2f} | {bound_eur / energy_kwh * 100:.2f} | | |")
    return rows


def block_count(energies_wh: Sequence[float]) -> int:
    on = [wh > 0.5 for wh in energies_wh]
    return sum(here and not before for before, here in zip([False, *on], on, strict=False))


def times(year: Year) -> list[str]:
    random_ = random.Random(SEED + 2)
    took_ms = []
    for _ in range(200):
        start_at = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=random_.randrange(360 * 24 * 60))
        task = Task(
            at=start_at,
            soc_pct=random_.uniform(5.0, 75.0),
            capacity_wh=CAPACITY_WH,
            powers=POWERS,
            quarters=year.slice(start_at, 145),
            target_pct=80.0,
            deadline_at=quarter_start(start_at) + 144 * QUARTER,
        )
        took_ms.append(min(cold_ms(task) for _ in range(5)))
    took_ms.sort()
    return [
        "| 36 hours, 144 quarter-hours | ms of CPU |",
        "|---|---|",
        f"| median | {took_ms[100]:.1f} |",
        f"| 95 of 100 | {took_ms[190]:.1f} |",
        f"| slowest of 200 | {took_ms[-1]:.1f} |",
    ]


def cold_ms(task: Task) -> float:
    """One plan with nothing remembered of earlier ones."""
    domain.cache_clear()
    began_s = time.process_time()
    make_plan(task)
    return (time.process_time() - began_s) * 1000


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    year = make_year(SEED)
    tasks = visits(year, SEED)
    prices = [each.import_eur_per_kwh or 0.0 for each in year.quarters]
    market_negative = sum(price / 1.19 - 0.15 < 0.0 for price in prices) / 4
    text = "\n".join(
        [
            "# The charge planner",
            "",
            "Made by `python benchmarks/planner.py`; what is compared, and how the year is made, stands at its top.",
            "",
            "## Against an exact solver",
            "",
            *against_optimum(tasks),
            "",
            "## A year of visits",
            "",
            f"365 visits, {sum(map(needed_wh, tasks)) / 1000:.0f} kWh. End prices from {min(prices):.3f} to "
            f"{max(prices):.3f} EUR/kWh, {statistics.mean(prices):.3f} on average; the market price is negative for "
            f"{market_negative:.0f} hours. Seed {SEED}.",
            "",
            *against_others(tasks),
            "",
            "## Time for a plan",
            "",
            *times(year),
            "",
            f"On {processor()}, Python {platform.python_version()}, one shared core; of five tries the quickest.",
            "",
        ]
    )
    print(text)
    (ROOT / "benchmarks" / "planner.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
