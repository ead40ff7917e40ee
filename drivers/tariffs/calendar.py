"""Prices that a contract fixes in advance: one price, or one by the time of day. Known far ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from drivers.series.poller import SLICE_S
from drivers.tariffs.prices import Direction, Prices, PriceSink
from drivers.tariffs.settings import FixedTariff, ScheduleTariff, TariffPeriod, TariffSettings
from hemsd.clock import Clock
from hemsd.model import QUARTER

BEHIND = timedelta(days=1)
AHEAD = timedelta(days=9)  # a weekly deadline and a bit

PriceAt = Callable[[datetime], float]
"""The price at a moment of local time."""


@dataclass(slots=True)
class CalendarTariff:
    """A Driver: gives the prices now, and again every local midnight."""

    name: str
    direction: Direction
    settings: FixedTariff | ScheduleTariff
    zone: tzinfo
    sink: PriceSink
    clock: Clock

    async def run(self) -> None:
        while True:
            now = self.clock.utc()
            self.sink(self.prices(now))
            today = now.astimezone(self.zone).date()
            while self.clock.utc().astimezone(self.zone).date() == today:
                await self.clock.sleep(SLICE_S)

    def prices(self, now: datetime) -> Prices:
        """From yesterday's beginning to nine days ahead."""
        today = now.astimezone(self.zone).date()
        first_at = datetime.combine(today, time(0), self.zone).astimezone(UTC) - BEHIND
        starts_at = tuple(first_at + number * QUARTER for number in range(int((BEHIND + AHEAD) / QUARTER)))
        values: tuple[float, ...]
        if isinstance(self.settings, FixedTariff):
            values = (self.settings.eur_per_kwh,) * len(starts_at)
        else:
            settings = self.settings
            step = QUARTER if _on_quarters(settings) else timedelta(minutes=1)
            values = tuple(_mean(settings, start_at, step, self.zone) for start_at in starts_at)
        return Prices(self.direction, starts_at, values, self.settings.driver, now)


def _mean(settings: ScheduleTariff, start_at: datetime, step: timedelta, zone: tzinfo) -> float:
    moments = [start_at + number * step for number in range(int(QUARTER / step))]
    return sum(price_at(settings, moment.astimezone(zone)) for moment in moments) / len(moments)


def _on_quarters(settings: ScheduleTariff) -> bool:
    return all(int(text[3:]) % 15 == 0 for period in settings.periods for text in (period.begin, period.end))


def contracted(settings: TariffSettings, zone: tzinfo) -> Callable[[datetime], float | None]:
    """What a contract says of a quarter-hour at any time; None of every one where the market makes the price."""
    match settings:
        case FixedTariff():
            return lambda _: settings.eur_per_kwh
        case ScheduleTariff():
            step = QUARTER if _on_quarters(settings) else timedelta(minutes=1)
            return lambda start_at: _mean(settings, start_at, step, zone)
        case _:
            return lambda _: None


def price_at(settings: ScheduleTariff, local: datetime) -> float:
    """The price of the first period that holds a local moment, or the one outside all of them."""
    return next((each.eur_per_kwh for each in settings.periods if _holds(each, local)), settings.eur_per_kwh)


def _holds(period: TariffPeriod, local: datetime) -> bool:
    """A period that ends before it begins, or when it does, ends on the next day; its day is the one it begins on."""
    begin, end, clock = time.fromisoformat(period.begin), time.fromisoformat(period.end), local.time()
    yesterday = local.date() - timedelta(days=1)
    if begin < end:
        return begin <= clock < end and _is_day(period, local.weekday())
    return (clock >= begin and _is_day(period, local.weekday())) or (
        clock < end and _is_day(period, yesterday.weekday())
    )


def _is_day(period: TariffPeriod, weekday: int) -> bool:
    match period.days:
        case "every day":
            return True
        case "weekdays":
            return weekday < 5
        case "weekend":
            return weekday >= 5
