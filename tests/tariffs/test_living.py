"""A tariff as a running driver: over failures, restarts and the time of publication."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from drivers.tariffs.making import make_tariff
from drivers.tariffs.prices import Direction, Prices
from drivers.tariffs.settings import AwattarTariff
from hemsd.clock import ManualClock
from tests.series.service import Service, running, until

BERLIN = ZoneInfo("Europe/Berlin")
MORNING = datetime(2026, 6, 21, 8, 0, tzinfo=UTC)  # 10:00 in Berlin
MIDNIGHT = datetime(2026, 6, 20, 22, 0, tzinfo=UTC)


def day(number: int, eur_per_mwh: float) -> list[dict[str, float]]:
    """The 24 hours of a local day, as aWATTar writes them."""
    start_s = int(MIDNIGHT.timestamp()) + number * 86_400
    return [
        {
            "start_timestamp": (start_s + hour * 3600) * 1000,
            "end_timestamp": (start_s + (hour + 1) * 3600) * 1000,
            "marketprice": eur_per_mwh,
        }
        for hour in range(24)
    ]


@dataclass
class Home:
    """The driver, its clock, and all that it said."""

    service: Service
    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(MORNING))
    prices: list[Prices] = field(default_factory=list)
    said: list[str | None] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def tariff(self) -> AsyncIterator[None]:
        driver = make_tariff(
            Direction.IMPORT,
            AwattarTariff(driver="awattar", vat_pct=0, url=self.service.url),
            zone=BERLIN,
            clock=self.clock,
            sink=self.prices.append,
            folder=self.folder,
            say=lambda _, trouble: self.said.append(trouble),
            luck=lambda: 0.5,
        )
        task = asyncio.create_task(driver.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def pass_time(self, hours: float) -> None:
        """In slices, so that whoever sleeps less than that gets its turn; a question under way is awaited."""
        for _ in range(round(hours * 3600 / 300)):
            said = len(self.said)
            asked = len(self.service.seen)
            self.clock.leap(300)
            for _ in range(20):
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            if len(self.service.seen) > asked:
                await until(lambda said=said: len(self.said) > said)  # type: ignore[misc]


async def test_today_is_known_at_once_and_tomorrow_after_13_00(tmp_path: Path) -> None:
    async with running({"data": day(0, 100.0)}) as service:
        home = Home(service, tmp_path)
        async with home.tariff():
            await until(lambda: home.prices)
            assert home.prices[-1].eur_per_kwh == (0.1,) * 96
            await home.pass_time(2.9)
            assert len(service.seen) == 1, "nothing new can be known before 13:00"
            service.answer = {"data": day(0, 100.0) + day(1, -50.0)}
            await home.pass_time(0.5)
            assert home.prices[-1].eur_per_kwh == (0.1,) * 96 + (-0.05,) * 96
            await home.pass_time(5)
            assert len(service.seen) == 2


async def test_tomorrow_that_is_late_is_asked_for_again(tmp_path: Path) -> None:
    async with running({"data": day(0, 100.0)}) as service:
        home = Home(service, tmp_path, clock=ManualClock(MORNING + timedelta(hours=4)))  # 14:00
        async with home.tariff():
            await until(lambda: home.prices)
            await home.pass_time(1)
            assert 5 <= len(service.seen) <= 8
            assert set(home.said) == {None}


async def test_failures_are_said_and_what_was_known_stays(tmp_path: Path) -> None:
    async with running({"data": day(0, 100.0)}) as service:
        home = Home(service, tmp_path)
        async with home.tariff():
            await until(lambda: home.prices)
            service.mood = "500"
            await home.pass_time(8)
            assert home.said[-1] == "127.0.0.1 answers with status 500"
            assert len(home.prices) == 1, "no news, no delivery"
            assert len(service.seen) < 15, "the pauses grow"
            service.mood = "well"
            service.answer = {"data": day(1, 80.0)}
            await home.pass_time(1.5)
            assert home.said[-1] is None
            assert home.prices[-1].eur_per_kwh == (0.1,) * 96 + (0.08,) * 96


async def test_a_restart_without_the_service_still_knows_the_prices(tmp_path: Path) -> None:
    async with running({"data": day(0, 100.0) + day(1, 80.0)}) as service:
        home = Home(service, tmp_path)
        async with home.tariff():
            await until(lambda: (tmp_path / "prices-import.json").exists())
        service.mood = "500"
        again = Home(service, tmp_path)
        async with again.tariff():
            await until(lambda: again.prices)
            assert again.prices[0].eur_per_kwh == home.prices[-1].eur_per_kwh
            assert again.prices[0].fetched_at == home.prices[-1].fetched_at


async def test_an_answer_without_a_single_price_is_a_failure(tmp_path: Path) -> None:
    async with running({"data": []}) as service:
        home = Home(service, tmp_path)
        async with home.tariff():
            await until(lambda: home.said)
            assert home.said[-1] == "the answer holds no value"
            assert home.prices == []


async def test_prices_of_another_century_and_endless_entries_are_not_taken_up(tmp_path: Path) -> None:
    long = {"start_timestamp": int(MORNING.timestamp()) * 1000, "marketprice": 1.0}
    long["end_timestamp"] = long["start_timestamp"] + 9 * 86_400_000
    async with running({"data": [long, *day(3650, 1.0)]}) as service:
        home = Home(service, tmp_path)
        async with home.tariff():
            await until(lambda: home.said)
            assert home.said[-1] == "the answer has an entry of more than a day"


async def test_old_prices_are_dropped_after_ten_days(tmp_path: Path) -> None:
    async with running({"data": day(0, 100.0)}) as service:
        home = Home(service, tmp_path)
        async with home.tariff():
            await until(lambda: (tmp_path / "prices-import.json").exists())
        service.answer = {"data": day(12, 70.0)}
        later = Home(service, tmp_path, clock=ManualClock(MORNING + timedelta(days=12)))
        async with later.tariff():
            await until(lambda: later.prices)
            assert set(later.prices[-1].eur_per_kwh) == {0.07}
