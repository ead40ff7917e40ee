"""The money of a visit, added up by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemsd.model import QUARTER, QuarterHour
from rules.plan import PowerRange, Quarter, Task, make_plan
from rules.savings import Interval, account, cost_eur, intervals_ahead, intervals_behind

START = datetime(2026, 6, 21, 16, 0, tzinfo=UTC)
DEAR, CHEAP, FEED_IN = 0.40, 0.20, 0.08


def interval(
    number: int,
    price: float | None,
    *,
    solar_wh: float = 0.0,
    battery_wh: float = 0.0,
    grid_wh: float = 0.0,
    surplus_wh: float | None = None,
) -> Interval:
    return Interval(START + number * QUARTER, 0.25, solar_wh, battery_wh, grid_wh, price, FEED_IN, surplus_wh)


def test_waiting_for_the_cheap_quarter_hour_saves_the_difference() -> None:
    result = account([interval(0, DEAR), interval(1, CHEAP, grid_wh=2000.0)], max_w=11_000.0)
    assert result.cost_eur == pytest.approx(2.0 * CHEAP)
    assert result.plain_cost_eur == pytest.approx(2.0 * DEAR)
    assert result.savings_eur == pytest.approx(0.40)


def test_the_sun_costs_what_it_would_have_brought_and_the_battery_what_the_grid_costs() -> None:
    result = account([interval(0, DEAR, solar_wh=1000.0, battery_wh=500.0, grid_wh=500.0)], max_w=11_000.0)
    assert result.cost_eur == pytest.approx(1.0 * FEED_IN + 1.0 * DEAR)
    assert result.solar_wh == 1000.0


def test_plain_charging_would_have_had_the_sun_of_its_own_time_too() -> None:
    stay = [interval(0, DEAR, surplus_wh=600.0), interval(1, DEAR, solar_wh=1000.0, surplus_wh=1000.0)]
    result = account(stay, max_w=11_000.0)
    assert result.plain_cost_eur == pytest.approx(0.6 * FEED_IN + 0.4 * DEAR)


def test_plain_charging_takes_as_many_quarter_hours_as_its_power_needs() -> None:
    stay = [interval(0, DEAR), interval(1, CHEAP), interval(2, CHEAP, grid_wh=1000.0)]
    assert account(stay, max_w=2000.0).plain_cost_eur == pytest.approx(0.5 * DEAR + 0.5 * CHEAP)


def test_steering_that_made_it_dearer_shows_as_a_loss() -> None:
    result = account([interval(0, CHEAP), interval(1, DEAR, grid_wh=1000.0)], max_w=11_000.0)
    assert result.savings_eur == pytest.approx(-0.20)


def test_one_missing_price_means_no_cost_and_no_savings() -> None:
    result = account([interval(0, None), interval(1, CHEAP, grid_wh=1000.0)], max_w=11_000.0)
    assert not result.has_complete_price_coverage
    assert (result.cost_eur, result.plain_cost_eur, result.savings_eur) == (None, None, None)
    assert result.energy_wh == 1000.0


def test_a_visit_without_energy_costs_nothing() -> None:
    result = account([interval(0, DEAR)], max_w=11_000.0)
    assert (result.cost_eur, result.savings_eur) == (0.0, 0.0)


def test_the_quarter_hours_of_a_stay_are_filled_up_with_idle_ones() -> None:
    charged = [QuarterHour("visit", START + 2 * QUARTER, 900.0, 300.0, 0.0, 600.0)]
    known = [Quarter(START + number * QUARTER, CHEAP, FEED_IN) for number in range(4)]
    plugged_in_at = START + timedelta(minutes=10)
    stay = intervals_behind(charged, known, plugged_in_at, START + timedelta(minutes=50))
    assert [each.hours for each in stay] == pytest.approx([1 / 12, 0.25, 0.25, 1 / 12])
    assert [each.energy_wh for each in stay] == [0.0, 0.0, 900.0, 0.0]
    assert account(stay, max_w=11_000.0).has_complete_price_coverage


def test_what_is_behind_and_what_is_planned_give_the_expected_savings() -> None:
    known = [Quarter(START + number * QUARTER, CHEAP if number == 7 else DEAR, FEED_IN) for number in range(8)]
    now_at = START + 2 * QUARTER
    charged = [QuarterHour("visit", START, 1000.0, 0.0, 0.0, 1000.0)]
    powers = (PowerRange(3, 4140.0, 11_040.0),)
    plan = make_plan(
        Task(now_at, 40.0, 60_000.0, powers, tuple(known), 43.0, START + 8 * QUARTER)
    )  # 2 kWh more in the cheap quarter-hour
    stay = intervals_behind(charged, known, START, now_at) + intervals_ahead(plan, known, now_at)
    result = account(stay, max_w=11_040.0)
    assert result.energy_wh == pytest.approx(3000.0)
    assert result.savings_eur == pytest.approx(2.0 * (DEAR - CHEAP))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 2000), st.floats(0, 2000)), min_size=1, max_size=12), st.floats(-0.2, 0.5))
def test_at_one_price_and_without_sun_there_is_nothing_to_save(
    energies: list[tuple[float, float]], price: float
) -> None:
    stay = [interval(n, price, battery_wh=battery, grid_wh=grid) for n, (battery, grid) in enumerate(energies)]
    assert account(stay, max_w=11_000.0).savings_eur == pytest.approx(0.0, abs=1e-9)


def test_what_reached_the_cars_is_valued_where_it_came_from_and_only_where_every_price_is_known() -> None:
    at = datetime(2026, 6, 21, 10, tzinfo=UTC)
    quarters = [
        QuarterHour("one", at, 1000.0, 700.0, 100.0, 200.0),
        QuarterHour("one", at + QUARTER, 1000.0, 1000.0, 0, 0),
    ]
    assert cost_eur(quarters, lambda _: (0.30, 0.08)) == pytest.approx(0.3 * 0.30 + 1.7 * 0.08)
    assert cost_eur(quarters, lambda start_at: (0.30, 0.08 if start_at == at else None)) is None
    assert cost_eur([], lambda _: (None, None)) == 0.0
