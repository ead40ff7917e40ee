"""How much a day costs the memory card: at most 25 MB, as the kernel counts it and not as we do."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.store_bytes import DAY_S, SUN_S, TICK_S, Car, day, storage_bytes
from hemsd.clock import ManualClock
from hemsd.store import Store

MOST_MB = 25.0


async def card_mb(folder: Path, seconds: range) -> float:
    clock, path = ManualClock(), folder / f"{seconds.start}.db"
    store = await Store.open(path, clock)
    before = storage_bytes()
    await day(store, clock, [Car("garage", store, clock)], Path(f"{path}-wal"), seconds)
    written = storage_bytes() - before
    await store.close()
    if not written:
        pytest.skip("the kernel counts nothing here: this is no disk")
    return written / 1e6


@pytest.mark.slow
async def test_an_hour_of_sun_and_an_hour_of_night_make_a_day_of_less_than_25_mb(tmp_path: Path) -> None:
    noon = await card_mb(tmp_path, range(12 * 3600, 13 * 3600, TICK_S))
    night = await card_mb(tmp_path, range(22 * 3600, 23 * 3600, TICK_S))
    sunny = len(SUN_S) / 3600
    assert night < noon, "or the hours do not say what a day is"
    assert sunny * noon + (24 - sunny) * night < MOST_MB


@pytest.mark.long
async def test_a_whole_day_with_a_car_around_the_clock_is_less_than_25_mb(tmp_path: Path) -> None:
    assert await card_mb(tmp_path, DAY_S) < MOST_MB
