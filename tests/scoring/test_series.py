"""What wallboxes say, made comparable."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemsd.scoring.engine import NumpyEngine
from hemsd.scoring.judge import judge, shipped_calibration
from hemsd.scoring.series import NOTHING_KNOWN, MeterValue, last_hours, series_of
from hemsd.scoring.trace import trace_of

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


def value(minutes: float, number: float, **others: str | None) -> MeterValue:
    return MeterValue(NOON + timedelta(minutes=minutes), number, **others)


def registered(*values: MeterValue) -> list[float]:
    series = series_of(values)
    assert series is not None
    return series.register.values.tolist()


def test_units_are_brought_to_one_whatever_their_case() -> None:
    values = [value(0, 1, unit="KWH"), value(1, 2000, unit="wh"), value(2, 3000), value(3, 0.004, unit="MWh")]
    assert registered(*values) == [1000, 2000, 3000, 4000]


def test_a_unit_of_another_quantity_is_left_out() -> None:
    assert registered(value(0, 5, unit="A"), value(1, 7, unit="furlong"), value(2, 1000)) == [1000]


def test_values_are_ordered_and_the_later_of_two_at_one_moment_counts() -> None:
    assert registered(value(2, 30), value(0, 10), value(1, 20), value(2, 31)) == [10, 20, 31]


@pytest.mark.parametrize("odd", [1e12, -5.0])
def test_what_no_meter_can_show_is_kept_apart_from_the_curve(odd: float) -> None:
    series = series_of([value(0, 10), value(1, odd), value(2, 20)])
    assert series is not None
    assert series.register.values.tolist() == [10, 20]
    assert series.impossible.values.tolist() == [odd]


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_left_out(odd: float) -> None:
    assert registered(value(0, 10), value(1, odd), value(2, 20)) == [10, 20]


def test_phases_are_added_up_where_no_total_is_told_and_not_where_it_is() -> None:
    phases = [value(0, 100 * number, measurand="Power.Active.Import", phase=f"L{number}") for number in (1, 2, 3)]
    total = value(0, 555, measurand="Power.Active.Import")
    alone, beside = series_of(phases), series_of([*phases, total])
    assert alone is not None
    assert alone.power.values.tolist() == [600]
    assert beside is not None
    assert beside.power.values.tolist() == [555]


def test_the_outlet_counts_before_the_inlet() -> None:
    assert registered(value(0, 1, location="Inlet"), value(0, 2, location="Outlet")) == [2]


def test_intervals_become_a_register() -> None:
    values = [value(i, 5, measurand="Energy.Active.Import.Interval") for i in range(3)]
    assert registered(*values) == [5, 10, 15]


@pytest.mark.parametrize(("hours", "kept"), [(6.0, 5), (6.001, 4)])
def test_csar_32_six_hours_are_kept_whole_and_what_is_older_is_not(hours: float, kept: int) -> None:
    values = [value(0, 0), *(value(60 * (hours - back), 10 - back) for back in (3, 2, 1, 0))]
    series = series_of(values)
    assert series is not None
    assert len(last_hours(series).register) == kept


def test_a_cut_session_remembers_what_it_had_delivered() -> None:
    series = series_of([value(0, 0), value(60, 5000), value(600, 5000), value(700, 6000)])
    assert series is not None
    assert last_hours(series).before_wh == 5000


def test_a_coarse_register_gets_long_steps() -> None:
    """A tenth of a kWh, read each minute, alternates between 0 and 6 kW while a steady 3.7 kW flow."""
    energy = [math.floor(3700 / 60 * minute / 100) * 100 for minute in range(120)]
    series = series_of([value(minute, wh) for minute, wh in enumerate(energy)])
    assert series is not None
    trace = trace_of(series, NOTHING_KNOWN)
    assert trace.step_s == 900
    assert np.ptp(trace.power_w[1:-1]) < 600


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 1e12, -1.0, 5e5]),
    st.floats(min_value=0, max_value=1e5),
)
some_values = st.lists(
    st.builds(
        MeterValue,
        st.one_of(
            st.integers(0, 86400).map(lambda s: NOON + timedelta(seconds=s)),
            st.datetimes(timezones=st.just(UTC)),
        ),
        numbers,
        st.sampled_from([None, "Energy.Active.Import.Register", "Power.Active.Import", "Power.Offered",
                         "Current.Offered", "Current.Import", "SoC", "Energy.Active.Import.Interval", "nonsense"]),
        st.sampled_from([None, "Wh", "kWh", "W", "kW", "A", "Percent", "", "?"]),
        st.sampled_from([None, "L1", "L2", "L3", "L1-N"]),
        st.sampled_from([None, "Outlet", "Inlet", "EV"]),
    ),
    min_size=1,
    max_size=30,
)  # fmt: skip
ENGINE = NumpyEngine()


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(some_values, st.booleans())
def test_no_session_is_too_odd_to_be_judged(values: list[MeterValue], whole: bool) -> None:
    series = series_of(values)
    assert series is not None
    verdict = judge(ENGINE, series, NOTHING_KNOWN, shipped_calibration(), whole=whole).verdict

    assert 0 <= verdict.score <= 1
    assert 0 <= verdict.confidence <= 1
    assert verdict.is_anomaly == bool(verdict.findings)
    for finding in (*verdict.findings, *verdict.advisories):
        assert 0 <= finding.begin_s <= finding.end_s
        assert 0 <= finding.score <= 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 5000), min_size=3, max_size=40))
def test_csar_41_a_register_that_never_falls_is_never_said_to_fall(steps: list[float]) -> None:
    total, values = 0.0, []
    for minute, step in enumerate(steps):
        total += step
        values.append(value(15 * minute, total))
    series = series_of(values)
    assert series is not None
    found = judge(ENGINE, series, NOTHING_KNOWN, shipped_calibration()).verdict
    assert "KWH_DECREASE" not in {one.category for one in (*found.findings, *found.advisories)}
