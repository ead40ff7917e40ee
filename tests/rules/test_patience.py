"""Waiting for the sun where waiting costs nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hemsd.model import QUARTER
from rules.patience import need_not_hurry, patient, said
from rules.plan import make_plan
from rules.plan_values import Plan, PowerRange, Quarter, Task

MORNING = datetime(2026, 6, 10, 8, 0, tzinfo=UTC)
DEADLINE = datetime(2026, 6, 11, 5, 0, tzinfo=UTC)


def day(price_eur: float | None = 0.32, surplus_w: float | None = None, count: int = 120) -> tuple[Quarter, ...]:
    return tuple(Quarter(MORNING + n * QUARTER, price_eur, 0.08, surplus_w) for n in range(count))


def planned(quarters: tuple[Quarter, ...], *, soc_pct: float = 40.0, at: datetime = MORNING) -> Plan:
    powers = (PowerRange(3, 4140.0, 11_040.0),)
    return make_plan(Task(at, soc_pct, 60_000.0, powers, quarters, 60.0, DEADLINE, 20.0))


def test_the_same_price_at_any_time_and_no_forecast_leaves_time() -> None:
    assert need_not_hurry(day(), MORNING, DEADLINE)


@pytest.mark.parametrize(
    "quarters",
    [
        (),
        day(None),
        day(surplus_w=0.0),
        (*day(count=20), *day(0.20)[20:]),
        (*day(count=20), Quarter(MORNING + 20 * QUARTER), *day()[21:]),
    ],
)
def test_a_price_that_moves_or_is_missing_or_a_forecast_decides_for_itself(quarters: tuple[Quarter, ...]) -> None:
    assert not need_not_hurry(quarters, MORNING, DEADLINE)


def test_a_patient_plan_charges_late_and_leaves_the_last_half_an_hour_free() -> None:
    plan = planned(patient(day(), DEADLINE))
    assert plan.blocks[-1].end_at == DEADLINE - timedelta(minutes=30)
    assert len(plan.blocks) == 1
    assert plan.target_reachable
    assert planned(day()).blocks[0].start_at == MORNING


def test_patience_costs_nothing() -> None:
    late, early = planned(patient(day(), DEADLINE)).cost_eur, planned(day()).cost_eur
    assert late is not None
    assert early is not None
    assert round(late, 2) == round(early, 2)


def test_where_time_is_short_the_last_half_an_hour_is_used() -> None:
    at = DEADLINE - timedelta(minutes=75)
    plan = planned(patient(day(), DEADLINE), at=at)
    assert plan.target_reachable
    assert plan.blocks[-1].end_at == DEADLINE


def test_the_reason_says_why_it_is_late() -> None:
    reason = said(planned(patient(day(), DEADLINE))).reason
    assert reason.startswith("Late 1 h 15 min before 05:00 on Thursday")
    assert reason.endswith("because the sun may come first")
    enough = planned(patient(day(), DEADLINE), soc_pct=70.0)
    assert said(enough) == enough
