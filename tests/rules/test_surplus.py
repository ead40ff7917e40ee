"""The sum of watts, and where a car's watts come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.surplus import BatteryMemory, BatteryRules, battery_order, for_cars_w, sources_w, surplus_w

WATTS = st.floats(-20_000, 20_000)
LOADS = st.floats(0, 22_000)
RULES = BatteryRules(first_below_pct=50.0, to_car_w=0.0, floor_pct=20.0, max_w=None)


@pytest.mark.parametrize(
    ("grid_w", "battery_w", "cars_w", "expected_w"),
    [
        (-2000.0, 0.0, 0.0, 2000.0),  # all of it is fed in
        (0.0, 0.0, 2000.0, 2000.0),  # the car takes all of it
        (500.0, 0.0, 2000.0, 1500.0),  # the car takes more than there is
        (0.0, -1500.0, 500.0, 2000.0),  # the battery takes the rest
        (0.0, 800.0, 0.0, -800.0),  # the battery feeds the house
    ],
)
def test_the_surplus_is_what_the_sun_leaves_after_the_house(
    grid_w: float, battery_w: float, cars_w: float, expected_w: float
) -> None:
    assert surplus_w(grid_w, battery_w, cars_w) == expected_w


@given(LOADS, LOADS, WATTS)
def test_what_a_car_draws_does_not_change_the_surplus(before_w: float, after_w: float, battery_w: float) -> None:
    sun_w = 3000.0
    seen = [surplus_w(cars_w - sun_w - battery_w, battery_w, cars_w) for cars_w in (before_w, after_w)]
    assert seen[0] == pytest.approx(sun_w, abs=1e-6)
    assert seen[1] == pytest.approx(sun_w, abs=1e-6)


@pytest.mark.parametrize(
    ("grid_w", "battery_w", "expected"),
    [
        (0.0, 0.0, (2300.0, 0.0, 0.0)),
        (-500.0, -700.0, (2300.0, 0.0, 0.0)),  # there is more sun than the car takes
        (300.0, 0.0, (2000.0, 0.0, 300.0)),
        (0.0, 300.0, (2000.0, 300.0, 0.0)),
        (200.0, 300.0, (1800.0, 300.0, 200.0)),
        (3000.0, 100.0, (0.0, 100.0, 2200.0)),  # the house alone needs more than the sun gives
    ],
)
def test_a_cars_watts_are_told_apart(grid_w: float, battery_w: float, expected: tuple[float, ...]) -> None:
    sources = sources_w(2300.0, 2300.0, grid_w, battery_w)
    assert (sources.solar_w, sources.battery_w, sources.grid_w) == pytest.approx(expected)


@given(LOADS, LOADS, WATTS, WATTS)
def test_two_cars_share_the_sun_by_what_they_draw_and_no_watt_is_lost(
    one_w: float, two_w: float, grid_w: float, battery_w: float
) -> None:
    both = [sources_w(car_w, one_w + two_w, grid_w, battery_w) for car_w in (one_w, two_w)]
    assert sum(each.total_w for each in both) == pytest.approx(one_w + two_w, abs=1e-6)
    assert all(min(each.solar_w, each.battery_w, each.grid_w) >= -1e-9 for each in both)
    assert sum(each.battery_w for each in both) <= max(0.0, battery_w) + 1e-6


def test_a_low_battery_is_served_first() -> None:
    low = battery_order(BatteryMemory(), RULES, battery_w=-2000.0, soc_pct=40.0)
    assert for_cars_w(5000.0, low, RULES, soc_pct=40.0) == 3000.0


def test_a_low_battery_keeps_its_appetite_while_a_car_takes_the_sun_from_it() -> None:
    low = battery_order(BatteryMemory(), RULES, battery_w=-2000.0, soc_pct=40.0)
    low = battery_order(low, RULES, battery_w=-200.0, soc_pct=40.0)
    assert for_cars_w(2500.0, low, RULES, soc_pct=40.0) == 500.0


def test_a_full_enough_battery_leaves_the_sun_to_the_car() -> None:
    order = battery_order(BatteryMemory(), RULES, battery_w=-2000.0, soc_pct=50.0)
    assert for_cars_w(5000.0, order, RULES, soc_pct=50.0) == 5000.0


def test_at_the_mark_the_order_does_not_change_with_every_percent() -> None:
    order = battery_order(BatteryMemory(), RULES, battery_w=0.0, soc_pct=49.9)
    assert battery_order(order, RULES, battery_w=0.0, soc_pct=51.0).first
    assert not battery_order(order, RULES, battery_w=0.0, soc_pct=52.0).first


def test_the_battery_gives_to_a_car_only_what_is_allowed_and_nothing_at_its_floor() -> None:
    generous = BatteryRules(first_below_pct=10.0, to_car_w=1000.0, floor_pct=20.0, max_w=None)
    order = BatteryMemory()
    assert for_cars_w(2000.0, order, generous, soc_pct=60.0) == 3000.0
    assert for_cars_w(2000.0, order, generous, soc_pct=20.0) == 2000.0
    assert for_cars_w(2000.0, order, RULES, soc_pct=60.0) == 2000.0
