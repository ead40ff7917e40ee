"""The two days a year on which the clocks change, as each service sends them: 92 and 100 quarter-hours, each once.

The services write the same days in three ways: hours in milliseconds (aWATTar), quarter-hours in local time with the
offset that holds then (Tibber), and quarter-hours in seconds (Energy-Charts). What comes out must be the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter

from drivers.tariffs.making import make_tariff
from drivers.tariffs.prices import Direction, Prices
from drivers.tariffs.settings import TariffSettings
from hemsd.clock import ManualClock
from hemsd.model import QUARTER
from tests.series.service import running, until

BERLIN = ZoneInfo("Europe/Berlin")
SETTINGS: TypeAdapter[Any] = TypeAdapter(TariffSettings)


def hours(start_at: datetime, count: int) -> list[datetime]:
    return [start_at + number * timedelta(hours=1) for number in range(count // 4)]


def quarters(start_at: datetime, count: int) -> list[datetime]:
    return [start_at + number * QUARTER for number in range(count)]


def awattar(start_at: datetime, count: int) -> Any:
    return {
        "data": [
            {
                "start_timestamp": int(at.timestamp()) * 1000,
                "end_timestamp": int(at.timestamp() + 3600) * 1000,
                "marketprice": number * 10.0,
            }
            for number, at in enumerate(hours(start_at, count))
        ]
    }


def tibber(start_at: datetime, count: int) -> Any:
    today = [
        {"total": number // 4 * 0.01, "startsAt": at.astimezone(BERLIN).isoformat(timespec="milliseconds")}
        for number, at in enumerate(quarters(start_at, count))
    ]
    info = {"today": today, "tomorrow": []}
    return {"data": {"viewer": {"homes": [{"id": "home-1", "currentSubscription": {"priceInfo": info}}]}}}


def energy_charts(start_at: datetime, count: int) -> Any:
    starts = [int(at.timestamp()) for at in quarters(start_at, count)]
    return {"unix_seconds": starts, "price": [number // 4 * 10.0 for number in range(count)], "unit": "EUR / MWh"}


SERVICES: dict[str, tuple[Callable[[datetime, int], Any], dict[str, Any]]] = {
    "awattar": (awattar, {"vat_pct": 0}),
    "tibber": (tibber, {"token": "t0ken"}),
    "energy-charts": (energy_charts, {"vat_pct": 0}),
}


@pytest.mark.parametrize("driver", SERVICES)
@pytest.mark.parametrize(("noon", "count"), [("2026-03-29", 92), ("2026-10-25", 100)], ids=["march", "october"])
async def test_the_day_has_as_many_quarter_hours_as_it_has(tmp_path: Path, driver: str, noon: str, count: int) -> None:
    midnight = datetime.fromisoformat(noon).replace(tzinfo=BERLIN)
    answer, settings = SERVICES[driver]
    prices = await delivered(
        answer(midnight.astimezone(UTC), count), {"driver": driver, **settings}, midnight, tmp_path
    )
    assert prices.starts_at[0] == midnight
    assert prices.starts_at[-1] + QUARTER == (midnight + timedelta(days=1)), "the wall clock's next midnight"
    assert [at.utcoffset() for at in prices.starts_at] == [timedelta()] * count, "no local time that happens twice"
    assert prices.eur_per_kwh == pytest.approx([number // 4 * 0.01 for number in range(count)])


async def delivered(answer: Any, settings: dict[str, Any], midnight: datetime, folder: Path) -> Prices:
    """What the running driver hands on, having asked a service on loopback."""
    seen: list[Prices] = []
    async with running(answer) as service:
        driver = make_tariff(
            Direction.IMPORT,
            SETTINGS.validate_python({**settings, "url": service.url}),
            zone=BERLIN,
            clock=ManualClock(midnight.astimezone(UTC) + timedelta(hours=8)),
            sink=seen.append,
            folder=folder,
            say=lambda *_: None,
            luck=lambda: 0.5,
        )
        task = asyncio.create_task(driver.run())
        await until(lambda: seen)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    return seen[-1]
