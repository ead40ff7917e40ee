"""What a visit cost, and what it saved against a car that charges by itself.

Cost. Each interval's energy is valued where it came from. The grid's share costs the import price of that interval.
The sun's share costs what it would have brought when fed in. What the home battery gave is valued like the grid: the
house will miss it later, and calling it free would flatter the result.

Plain alternative. The same energy, charged at the car's and wallbox's full power from plug-in without a pause until it
is in: what happens without any steering. It too would have had the sun's surplus of its intervals (``surplus_wh``),
and only the rest is bought.

Savings. Plain cost minus cost; negative where steering made it dearer, which is said like that. Intervals that lie
behind give the actual cost and savings of a visit so far; with those of the plan ahead appended, the expected ones.

Coverage is complete when every interval of the stay has both prices. Without it there are no savings: not a guess and
not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hemsd.model import QUARTER, QuarterHour, quarter_start
from rules.plan import Plan, Quarter

KILO = 1000.0
TINY_WH = 1e-6


@dataclass(frozen=True, slots=True)
class Interval:
    """A quarter-hour of a stay (the first and the last may be shorter), with its energy into the car and its prices."""

    start_at: datetime
    hours: float
    solar_wh: float = 0.0
    battery_wh: float = 0.0
    grid_wh: float = 0.0
    import_eur_per_kwh: float | None = None
    export_eur_per_kwh: float | None = None
    surplus_wh: float | None = None  # what the sun had left for cars; None: no more is known than what was used

    @property
    def energy_wh(self) -> float:
        return self.solar_wh + self.battery_wh + self.grid_wh

    @property
    def is_priced(self) -> bool:
        return self.import_eur_per_kwh is not None and self.export_eur_per_kwh is not None

    def value_eur(self, sun_wh: float, bought_wh: float) -> float:
        """What so much from the sun and so much from elsewhere is worth here; the interval must be priced."""
        return ((self.export_eur_per_kwh or 0.0) * sun_wh + (self.import_eur_per_kwh or 0.0) * bought_wh) / KILO


PriceOf = Callable[[datetime], tuple[float | None, float | None]]
"""What a kilowatt-hour bought, and one fed in, is worth in the quarter-hour that begins then; None: not known."""


def cost_eur(quarters: Iterable[QuarterHour], price_of: PriceOf) -> float | None:
    """What reached the cars, valued where it came from; None where a price is missing."""
    total_eur = 0.0
    for quarter in quarters:
        buy, sell = price_of(quarter.start_at)
        if buy is None or sell is None:
            return None
        total_eur += (sell * quarter.solar_wh + buy * (quarter.battery_wh + quarter.grid_wh)) / KILO
    return total_eur


@dataclass(frozen=True, slots=True)
class Account:
    """The money of a visit; None where a price is missing."""

    energy_wh: float
    solar_wh: float
    has_complete_price_coverage: bool
    cost_eur: float | None
    plain_cost_eur: float | None

    @property
    def savings_eur(self) -> float | None:
        if self.cost_eur is None or self.plain_cost_eur is None:
            return None
        return self.plain_cost_eur - self.cost_eur


def account(stay: Sequence[Interval], max_w: float) -> Account:
    """The account of a stay: its intervals from plug-in on, without a gap, and the power of plain charging."""
    complete = all(interval.is_priced for interval in stay)
    return Account(
        energy_wh=sum(interval.energy_wh for interval in stay),
        solar_wh=sum(interval.solar_wh for interval in stay),
        has_complete_price_coverage=complete,
        cost_eur=_cost_eur(stay) if complete else None,
        plain_cost_eur=_plain_cost_eur(stay, max_w) if complete else None,
    )


def _cost_eur(stay: Sequence[Interval]) -> float:
    return sum(each.value_eur(each.solar_wh, each.battery_wh + each.grid_wh) for each in stay)


def _plain_cost_eur(stay: Sequence[Interval], max_w: float) -> float:
    return sum(each.value_eur(sun_wh, bought_wh) for each, sun_wh, bought_wh in plain_shares(stay, max_w))


def plain_shares(stay: Sequence[Interval], max_w: float) -> Iterator[tuple[Interval, float, float]]:
    """The plain alternative, while it charges: (interval, Wh that the sun had left for it, Wh of something else)."""
    left_wh = sum(interval.energy_wh for interval in stay)
    for number, interval in enumerate(stay):
        is_last = number == len(stay) - 1  # a car that took more than max_w: the rest falls into the last interval
        share_wh = left_wh if is_last else min(left_wh, max_w * interval.hours)
        surplus_wh = interval.solar_wh if interval.surplus_wh is None else interval.surplus_wh
        sun_wh = min(share_wh, max(0.0, surplus_wh))
        yield interval, sun_wh, share_wh - sun_wh
        left_wh -= share_wh
        if left_wh <= TINY_WH:
            break


# ---------------------------------------------------------------------------------------------------------------------
# Where the intervals come from


def intervals_behind(
    charged: Iterable[QuarterHour], known: Iterable[Quarter], plugged_in_at: datetime, until_at: datetime
) -> tuple[Interval, ...]:
    """What was metered, from plug-in to ``until_at`` (plug-out or now), idle quarter-hours included.

    ``known`` gives the prices and, in ``surplus_w``, what the sun left for cars.
    """
    energies = {each.start_at: each for each in charged}
    by_start = {each.start_at: each for each in known}
    stay = []
    start_at = quarter_start(plugged_in_at)
    while start_at < until_at:
        hours = (min(start_at + QUARTER, until_at) - max(start_at, plugged_in_at)) / timedelta(hours=1)
        energy, quarter = energies.get(start_at), by_start.get(start_at, Quarter(start_at))
        stay.append(
            Interval(
                start_at=start_at,
                hours=hours,
                solar_wh=energy.solar_wh if energy else 0.0,
                battery_wh=energy.battery_wh if energy else 0.0,
                grid_wh=energy.grid_wh if energy else 0.0,
                import_eur_per_kwh=quarter.import_eur_per_kwh,
                export_eur_per_kwh=quarter.export_eur_per_kwh,
                surplus_wh=None if quarter.surplus_w is None else quarter.surplus_w * hours,
            )
        )
        start_at += QUARTER
    return tuple(stay)


def intervals_ahead(plan: Plan, known: Iterable[Quarter], from_at: datetime) -> tuple[Interval, ...]:
    """What is planned, from now to the end of the plan's last block."""
    energies = {each.start_at: each for each in plan.quarters}
    by_start = {each.start_at: each for each in known}
    end_at = plan.blocks[-1].end_at if plan.blocks else from_at
    ahead = []
    start_at = quarter_start(from_at)
    while start_at < end_at:
        hours = (start_at + QUARTER - max(start_at, from_at)) / timedelta(hours=1)
        step, quarter = energies.get(start_at), by_start.get(start_at, Quarter(start_at))
        ahead.append(
            Interval(
                start_at=start_at,
                hours=hours,
                solar_wh=step.solar_wh if step else 0.0,
                grid_wh=step.energy_wh - step.solar_wh if step else 0.0,
                import_eur_per_kwh=quarter.import_eur_per_kwh,
                export_eur_per_kwh=quarter.export_eur_per_kwh,
                surplus_wh=None if quarter.surplus_w is None else quarter.surplus_w * hours,
            )
        )
        start_at += QUARTER
    return tuple(ahead)
