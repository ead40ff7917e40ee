"""What is known of the quarter-hours to come and of those that lie behind: prices, and the sun that was left over.

Plans look ahead, bills look back: so what a tariff told is kept for as long as a visit may last. Nobody has to know
prices: without any, every plan and every answer is made all the same, and what would need a price stays unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

from drivers.forecast.expected import Forecast
from drivers.tariffs.calendar import contracted
from drivers.tariffs.prices import Direction
from drivers.tariffs.prices import Prices as Told
from drivers.tariffs.settings import TariffSection
from hemsd.model import QUARTER, quarter_start
from rules.plan_values import Quarter
from rules.savings import PriceOf

KEPT = timedelta(days=14)


class PriceBook(Protocol):
    @property
    def version(self) -> int:
        """Another number whenever something else is known."""
        ...

    def known(self, from_at: datetime, to_at: datetime) -> Sequence[Quarter]:
        """The UTC quarter-hours of [from_at, to_at) of which anything is known, oldest first. Costs no waiting."""
        ...


def contract_prices(tariff: TariffSection, zone: tzinfo) -> PriceOf:
    """What the contract alone says, for a day of which nobody kept the prices."""
    buy, sell = contracted(tariff.import_, zone), contracted(tariff.export, zone)
    return lambda start_at: (buy(start_at), sell(start_at))


def kept_prices(book: PriceBook, contract: PriceOf) -> PriceOf:
    """What was told of a quarter-hour; where that is forgotten, what the contract says."""

    def price_of(start_at: datetime) -> tuple[float | None, float | None]:
        buy, sell = contract(start_at)
        for told in book.known(start_at, start_at + QUARTER):
            buy = buy if told.import_eur_per_kwh is None else told.import_eur_per_kwh
            sell = sell if told.export_eur_per_kwh is None else told.export_eur_per_kwh
        return buy, sell

    return price_of


class NoPrices:
    """Where no tariff tells."""

    version = 0

    def known(self, from_at: datetime, to_at: datetime) -> Sequence[Quarter]:
        return ()


@dataclass(slots=True)
class ToldPrices:
    """What tariffs and forecast told, newest word first. ``take`` and ``foresee`` are their sinks.

    The house is expected to go on using what it used lately; that, taken off the sun, is what cars may plan with.
    """

    house_w: float | None = None
    _import: dict[datetime, float] = field(default_factory=dict)
    _export: dict[datetime, float] = field(default_factory=dict)
    _pv: dict[datetime, float] = field(default_factory=dict)
    version: int = 0

    def foresee(self, forecast: Forecast) -> None:
        self.version += 1
        pairs = zip(forecast.starts_at, forecast.pv_w, strict=True)
        self._pv = {start_at: pv_w for start_at, pv_w in pairs if pv_w is not None}

    def uses(self, house_w: float | None, elapsed_s: float) -> None:
        """What the house uses now, without cars; remembered as a mean of about an hour."""
        if house_w is None:
            return
        share = min(1.0, elapsed_s / 3600.0)
        self.house_w = house_w if self.house_w is None else self.house_w + share * (house_w - self.house_w)

    def take(self, told: Told) -> None:
        self.version += 1
        prices = self._import if told.direction is Direction.IMPORT else self._export
        pairs = zip(told.starts_at, told.eur_per_kwh, strict=True)
        prices.update((start_at, eur_per_kwh) for start_at, eur_per_kwh in pairs if eur_per_kwh is not None)
        if told.starts_at:
            oldest_at = told.starts_at[-1] - KEPT
            for start_at in [each for each in prices if each < oldest_at]:
                del prices[start_at]

    def known(self, from_at: datetime, to_at: datetime) -> Sequence[Quarter]:
        found = []
        start_at = quarter_start(from_at)
        while start_at < to_at:
            buy, sell = self._import.get(start_at), self._export.get(start_at)
            pv_w = self._pv.get(start_at)
            surplus_w = None if pv_w is None else max(0.0, pv_w - (self.house_w or 0.0))
            if buy is not None or sell is not None or surplus_w is not None:
                found.append(Quarter(start_at, buy, sell, surplus_w))
            start_at += QUARTER
        return tuple(found)
