"""The CO2 of a visit, added up by hand."""

from datetime import UTC, datetime

import pytest

from hemsd.model import QUARTER
from rules.carbon import UNKNOWN, IntensityOf, carbon
from rules.savings import Interval

START = datetime(2026, 6, 21, 16, 0, tzinfo=UTC)
DIRTY, CLEAN = 500.0, 100.0


def interval(number: int, *, solar: float = 0.0, battery: float = 0.0, grid: float = 0.0, sun: float = 0.0) -> Interval:
    return Interval(START + number * QUARTER, 0.25, solar, battery, grid, surplus_wh=max(solar, sun))


def told(*g_per_kwh: float | None) -> IntensityOf:
    known = {START + number * QUARTER: value for number, value in enumerate(g_per_kwh)}
    return known.get


def test_waiting_for_the_clean_quarter_hour_saves_the_difference() -> None:
    found = carbon([interval(0), interval(1, grid=2000.0)], 11_000.0, told(DIRTY, CLEAN))
    assert (found.caused_g, found.saved_g) == pytest.approx((200.0, 800.0))


def test_sun_and_battery_count_as_nothing_and_the_battery_is_no_saving() -> None:
    stay = [interval(0, battery=1000.0, grid=500.0), interval(1, solar=1000.0)]
    found = carbon(stay, 11_000.0, told(DIRTY, CLEAN))
    assert found.caused_g == pytest.approx(250.0)
    assert found.saved_g == pytest.approx(500.0), "the sun's kWh from the grid; the battery would have given its own"


def test_plain_charging_would_have_had_the_sun_of_its_own_time_too() -> None:
    stay = [interval(0, sun=600.0), interval(1, solar=1000.0)]
    assert carbon(stay, 11_000.0, told(DIRTY, CLEAN)).saved_g == pytest.approx(200.0)


def test_steering_that_made_it_worse_shows_as_a_loss() -> None:
    assert carbon([interval(0), interval(1, grid=1000.0)], 11_000.0, told(CLEAN, DIRTY)).saved_g == pytest.approx(-400)


def test_grams_that_nobody_told_leave_what_needs_them_unknown() -> None:
    stay = [interval(0), interval(1, grid=1000.0)]
    assert carbon(stay, 11_000.0, told(None, CLEAN)).caused_g == pytest.approx(100.0)
    assert carbon(stay, 11_000.0, told(None, CLEAN)).saved_g is None, "plain charging would have needed the first"
    assert carbon(stay, 11_000.0, told(DIRTY, None)) == UNKNOWN


def test_without_any_forecast_even_the_sun_is_not_said_to_have_caused_none() -> None:
    assert carbon([interval(0, solar=1000.0)], 11_000.0, told()) == UNKNOWN
    assert carbon([], 11_000.0, told()) == UNKNOWN
    assert carbon([interval(0, solar=1000.0)], 11_000.0, told(DIRTY)).caused_g == 0.0
