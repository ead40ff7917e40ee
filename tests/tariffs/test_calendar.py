"""Prices by contract and by the clock on the wall."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drivers.tariffs.calendar import CalendarTariff
from drivers.tariffs.making import make_tariff
from drivers.tariffs.prices import Direction, Prices
from drivers.tariffs.settings import FixedTariff, ScheduleTariff
from hemsd.clock import ManualClock
from tests.series.service import until

BERLIN = ZoneInfo("Europe/Berlin")


def at(prices: Prices, text: str) -> float | None:
    moment = datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)
    return dict(zip(prices.starts_at, prices.eur_per_kwh, strict=True))[moment]


def scheduled(now: str, *periods: dict[str, Any]) -> Prices:
    settings = ScheduleTariff.model_validate({"driver": "schedule", "eur_per_kwh": 0.35, "periods": periods})
    moment = datetime.fromisoformat(now).replace(tzinfo=BERLIN).astimezone(UTC)
    return CalendarTariff("import prices", Direction.IMPORT, settings, BERLIN, lambda _: None, ManualClock()).prices(
        moment
    )


NIGHT = {"begin": "22:00", "end": "06:00", "eur_per_kwh": 0.25}


def test_a_night_price_holds_over_midnight() -> None:
    prices = scheduled("2026-06-17 15:00", NIGHT)
    assert (at(prices, "2026-06-17 21:45"), at(prices, "2026-06-17 22:00")) == (0.35, 0.25)
    assert (at(prices, "2026-06-18 05:45"), at(prices, "2026-06-18 06:00")) == (0.25, 0.35)


def test_a_weekend_night_belongs_to_the_day_on_which_it_begins() -> None:
    prices = scheduled("2026-06-19 15:00", NIGHT | {"days": "weekend"})  # a Friday
    assert at(prices, "2026-06-20 05:00") == 0.35
    assert at(prices, "2026-06-22 05:00") == 0.25


def test_where_two_periods_overlap_the_first_one_counts() -> None:
    prices = scheduled("2026-06-17 15:00", {"begin": "23:00", "end": "23:30", "eur_per_kwh": 0.1}, NIGHT)
    assert (at(prices, "2026-06-17 23:15"), at(prices, "2026-06-17 23:30")) == (0.1, 0.25)


def test_a_boundary_within_a_quarter_hour_gives_the_mean() -> None:
    prices = scheduled("2026-06-17 15:00", {"begin": "22:10", "end": "23:00", "eur_per_kwh": 0.05})
    assert at(prices, "2026-06-17 22:00") == pytest.approx((10 * 0.35 + 5 * 0.05) / 15)


def test_the_clock_on_the_wall_counts_when_the_clocks_change() -> None:
    prices = scheduled("2026-10-24 15:00", NIGHT)
    cheap = [
        start
        for start, eur in zip(prices.starts_at, prices.eur_per_kwh, strict=True)
        if eur == 0.25 and datetime(2026, 10, 24, 12, tzinfo=UTC) < start < datetime(2026, 10, 25, 12, tzinfo=UTC)
    ]
    assert len(cheap) == 9 * 4
    assert cheap == [cheap[0] + number * timedelta(minutes=15) for number in range(36)]


async def test_a_fixed_price_is_known_for_a_week_ahead_and_again_the_next_day() -> None:
    clock = ManualClock(datetime(2026, 6, 21, 8, 0, tzinfo=UTC))
    seen: list[Prices] = []
    tariff = make_tariff(
        Direction.EXPORT,
        FixedTariff(driver="fixed", eur_per_kwh=0.08),
        zone=BERLIN,
        clock=clock,
        sink=seen.append,
        folder=None,
        say=lambda *_: None,
    )
    running = asyncio.create_task(tariff.run())
    await until(lambda: seen)
    assert set(seen[0].eur_per_kwh) == {0.08}
    assert seen[0].starts_at[-1] > clock.utc() + timedelta(days=7)
    for _ in range(96):
        clock.leap(900)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await until(lambda: len(seen) == 2)
    assert seen[1].starts_at[-1] - seen[0].starts_at[-1] == timedelta(days=1)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
