"""The short form of benchmarks/soak.py; `make soak` runs the long one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.soak import Soak
from benchmarks.soak_account import Account, Look, slope


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_after_every_kind_of_trouble_and_two_kills_nothing_is_missing_and_everything_is_well(
    tmp_path: Path,
) -> None:
    account = await Soak(tmp_path, speed=200, seed=17).run(hours=0.8, kills=2)
    assert account.faults() == [], account
    assert account.troubles["daemon killed"] == 2
    assert len(account.troubles) >= 8, account.troubles  # and the broker, where there is one
    assert sum(account.register_wh) > 1000


WELL = Account(
    hours=72.0, seed=1, troubles={}, register_wh=(5000.0,), visits_wh=(5010.0,), quarters_wh=(5010.0,), open_visits=0,
    integrity="ok", excess_s=20.0, looks=tuple(Look(0, 600.0 * turn, 90_000 + turn % 3) for turn in range(100)),
    dead_tasks=(), tick_age_s=5.0, untold=0, written_mb=10.0, log="",
)  # fmt: skip


def test_an_account_without_faults_is_one() -> None:
    assert WELL.faults() == []


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        (replace(WELL, visits_wh=(), quarters_wh=()), "1 stays are 0 visits"),
        (replace(WELL, visits_wh=(5030.0,), quarters_wh=(5030.0,)), "a visit's energy is off by 0.56%"),
        (replace(WELL, quarters_wh=(5000.0,)), "quarter-hours and visits differ"),
        (replace(WELL, excess_s=61.0), "the fuse was exceeded for 61 s"),
        (
            replace(WELL, looks=tuple(Look(0, 600.0 * turn, 90_000 + 60 * turn) for turn in range(100))),
            "memory grows by 360 kB an hour",
        ),
        (replace(WELL, dead_tasks=("grid",)), "not well in the end: grid"),
        (replace(WELL, untold=2), "the cloud was not told 2 things"),
    ],
)
def test_each_fault_is_found(spoilt: Account, complaint: str) -> None:
    assert spoilt.faults() == [complaint]


def test_a_life_that_was_cut_short_says_nothing_of_a_slope() -> None:
    assert slope([0, 1, 2], [1, 3, 5]) == 2
    assert replace(WELL, looks=WELL.looks[:10]).kb_h is None
