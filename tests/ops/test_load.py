"""The short form of benchmarks/load.py; its promise, twice the idle time, needs a machine without company."""

from __future__ import annotations

import pytest

from benchmarks.load import measure


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_crowd_is_served_and_the_control_loop_goes_round() -> None:
    found = await measure(boxes=4, clients=30, streams=15, settle_s=4, measure_s=4)
    assert found.crowd.refused == 0
    assert found.crowd.answers >= 60
    assert found.crowd.events >= 15 * 4
    assert found.loaded_p99_ms < 100
    assert found.loaded_late_ms < 1000
