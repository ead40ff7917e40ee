"""A home that nobody can hear for weeks: everything arrives afterwards, in order; what waits stays small."""

from __future__ import annotations

import pytest

from benchmarks.cloud_month import month_offline


@pytest.mark.slow
async def test_a_day_offline_then_back() -> None:
    """The scene itself asserts that nothing is lost, out of order or told twice, and that the budget is kept."""
    span = await month_offline(1)
    assert span.visits == 2
    assert span.drained_s < 900


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_thirty_days_offline_then_back() -> None:
    month = await month_offline(30)
    assert month.visits == 60
    assert month.memory_mb[-2] - month.memory_mb[4] < 10, "memory stays flat"
    assert month.outbox_kb < 200, "what waits does not grow with what happens"
    assert month.decisions_told < month.decisions / 5, "old telemetry is thinned"
    assert month.summaries_told == 60 * 4, "summaries never"
