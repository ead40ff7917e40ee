"""The short form of benchmarks/soak.py; `make soak` runs the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import Soak


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_after_outages_and_two_kills_every_stay_is_one_visit_with_the_energy_of_its_register(
    tmp_path: Path,
) -> None:
    account = await Soak(tmp_path, speed=200, seed=7).run(hours=1.0, kills=2)
    assert account.troubles["daemon killed"] == 2
    assert len(account.troubles) >= 2
    assert len(account.visits_wh) == len(account.register_wh)
    assert account.open_visits == 0
    assert account.largest_error <= 0.005, (account.register_wh, account.visits_wh)
    assert account.quarters_wh == pytest.approx(account.visits_wh, abs=2)
    assert account.integrity == "ok"
    assert "Traceback" not in account.log
    assert sum(account.register_wh) > 1000
