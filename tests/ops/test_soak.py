"""The short form of benchmarks/soak.py; `make soak` runs the long one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.soak import BEGIN, TROUBLES, Soak, soak
from benchmarks.soak_account import Account, Look, Recorded, Records, Stay, slope


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_after_every_kind_of_trouble_and_two_kills_nothing_is_missing_and_everything_is_well(tmp_path: Path) -> None:
    account = soak(Soak(tmp_path, seed=17, calm_s=(60, 120)), hours=0.3, kills=2)
    assert account.faults() == [], account
    assert account.troubles["daemon killed"] == 2
    assert len(account.troubles) >= len(TROUBLES), account.troubles  # a cloud has no name, nor a broker that is missing
    assert sum(stay.energy_wh for stay in account.stays) > 1000


LEFT = BEGIN + timedelta(hours=5)
WELL = Account(
    hours=336.0, seed=1, troubles={}, stays=(Stay(BEGIN, LEFT, 5000.0),), excess_s=20.0,
    records=Records((Recorded(BEGIN, LEFT, 5010.0, 5010.0),), "ok", 100.0),
    looks=tuple(Look(0, 600.0 * turn, 90_000 + turn % 3) for turn in range(100)),
    dead_tasks=(), tick_age_s=5.0, untold=0, log="",
)  # fmt: skip


def recorded(*visits: Recorded, integrity: str = "ok", written_mb: float = 100.0) -> Account:
    return replace(WELL, records=Records(visits, integrity, written_mb))


def test_an_account_without_faults_is_one() -> None:
    assert WELL.faults() == []


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        (recorded(Recorded(BEGIN, None, 5000.0, 5000.0)), "1 visits are left open"),
        (recorded(Recorded(BEGIN, LEFT, 5000.0, 4990.0)), "quarter-hours and visits differ"),
        (recorded(Recorded(BEGIN, LEFT - timedelta(hours=1), 5000.0, 5000.0)), "a coming or going is noted 3600 s off"),
        (recorded(*WELL.records.visits, integrity="damaged"), "the database says damaged"),
        (recorded(*WELL.records.visits, written_mb=364.0), "26 MB were written a day"),
        (replace(WELL, excess_s=61.0), "the fuse was exceeded for 61 s"),
        (
            replace(WELL, looks=tuple(Look(0, 600.0 * turn, 90_000 + 60 * turn) for turn in range(100))),
            "memory grows by 360 kB an hour",
        ),
        (replace(WELL, dead_tasks=("grid",)), "not well in the end: grid"),
        (replace(WELL, tick_age_s=float("nan")), "the control loop stood for nan s"),
        (replace(WELL, untold=2), "the cloud was not told 2 things"),
        (replace(WELL, log="Traceback (most recent call last):"), "the log has a traceback"),
    ],
)
def test_each_fault_is_found(spoilt: Account, complaint: str) -> None:
    assert spoilt.faults() == [complaint]


def test_a_visit_that_is_lost_or_told_twice_or_off_is_found() -> None:
    [visit] = WELL.records.visits
    assert "1 stays are 0 visits" in recorded().faults()
    assert "1 stays are 2 visits" in recorded(visit, visit).faults()
    off = recorded(replace(visit, energy_wh=5030.0, quarters_wh=5030.0))
    assert off.faults() == ["a visit's energy is off by 0.56%", "all energy is off by 0.60%"]


def test_a_life_that_was_cut_short_says_nothing_of_a_slope() -> None:
    assert slope([0, 1, 2], [1, 3, 5]) == 2
    assert replace(WELL, looks=WELL.looks[:40]).kb_h is None
