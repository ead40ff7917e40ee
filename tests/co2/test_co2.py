"""What is told of the CO2 of the grid's electricity, and what hemsd makes of it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from drivers.base import DeviceError
from drivers.co2.making import make_co2
from drivers.co2.settings import Co2Settings
from drivers.co2.sources import entries
from drivers.series.quarters import on_quarters
from hemsd.clock import ManualClock
from hemsd.grid_co2 import GridCo2
from tests.series.service import running, until

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
SETTINGS: TypeAdapter[Any] = TypeAdapter(Co2Settings)
STARTS = [int(NOON.timestamp()) + 900 * number for number in range(4)]
ENERGY_CHARTS = {
    "unix_seconds": STARTS,
    "co2eq": [491.5, 497.4, None, None],
    "co2eq_forecast": [480.0, None, 505.0, None],
    "deprecated": False,
}


async def grams(url: str, **values: Any) -> dict[str, float | None]:
    found = on_quarters(await entries(SETTINGS.validate_python({"url": url, **values}), NOON))
    return {f"{at:%H:%M}": value for at, value in found.items()}


async def test_what_was_measured_counts_and_then_what_is_foretold() -> None:
    async with running(ENERGY_CHARTS) as service:
        found = await grams(service.url, driver="energy-charts", country="at")
        assert found == {"12:00": 491.5, "12:15": 497.4, "12:30": 505.0, "12:45": None}
        assert dict(service.seen[0].query) == {"country": "at", "start": "2026-06-20", "end": "2026-06-23"}


async def test_any_json_can_be_read_by_its_paths() -> None:
    rows = [{"t": "2026-06-21T12:00:00Z", "v": {"kg": 0.2}}, {"t": "2026-06-21T12:30:00Z", "v": {"kg": None}}]
    async with running({"data": rows}) as service:
        found = await grams(service.url, driver="http", values="$.data", start="$.t", co2="$.v.kg", scale=1000)
        assert found == {"12:00": 200.0, "12:15": 200.0, "12:30": None, "12:45": None}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"detail": "no"}, r"nothing at \$\.unix_seconds"),
        ({"unix_seconds": STARTS, "co2eq": [1.0]}, "more times than values"),
        ({"unix_seconds": STARTS[:2], "co2eq": [1.0, 2.0], "co2eq_forecast": [1.0]}, "more times than values"),
        ({"unix_seconds": STARTS[:2], "co2eq": [491_500.0, 1.0]}, "the unit must be another one"),
        ({"unix_seconds": STARTS[:2], "co2eq": [-1.0, 1.0]}, "the unit must be another one"),
    ],
)
async def test_what_does_not_fit_is_said_and_not_guessed(answer: Any, sentence: str) -> None:
    async with running(answer) as service:
        with pytest.raises(DeviceError, match=sentence):
            await grams(service.url, driver="energy-charts")


async def test_what_was_told_is_delivered_and_kept_over_a_restart(tmp_path: Path) -> None:
    async def one_run(url: str, book: GridCo2) -> None:
        settings = SETTINGS.validate_python({"driver": "http", "url": url})
        driver = make_co2(
            settings,
            clock=ManualClock(NOON),
            sink=book.take,
            folder=tmp_path,
            say=lambda *_: None,
            luck=lambda: 0.5,
        )
        task = asyncio.create_task(driver.run())
        await until(lambda: book.g_per_kwh(NOON) is not None and (tmp_path / "co2.json").exists())
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    rows = [{"start": "2026-06-21T12:00:00Z", "g_per_kwh": 300}, {"start": "2026-06-21T12:15:00Z", "g_per_kwh": None}]
    first, second = GridCo2(), GridCo2()
    async with running(rows) as service:
        await one_run(service.url, first)
        service.mood = "500"
        await one_run(service.url, second)
    assert (first.g_per_kwh(NOON), second.g_per_kwh(NOON)) == (300.0, 300.0)
    assert second.g_per_kwh(NOON + timedelta(minutes=15)) is None
