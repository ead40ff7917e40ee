"""Who fed whom."""

from __future__ import annotations

from web.flows import Flows, split


def test_the_house_is_served_before_the_car_and_the_car_before_the_battery() -> None:
    flows = split(pv_w=3000, battery_w=-400, grid_w=-100, house_w=500, cars_w=2000)
    assert flows == Flows(pv_house_w=500, pv_car_w=2000, pv_battery_w=400, pv_grid_w=100)


def test_what_the_sun_leaves_open_comes_from_the_battery_then_from_the_grid() -> None:
    flows = split(pv_w=300, battery_w=500, grid_w=1700, house_w=500, cars_w=2000)
    assert flows == Flows(pv_house_w=300, battery_house_w=200, battery_car_w=300, grid_car_w=1700)


def test_a_battery_may_charge_from_the_grid() -> None:
    flows = split(pv_w=0, battery_w=-1000, grid_w=1300, house_w=300, cars_w=0)
    assert flows == Flows(grid_house_w=300, grid_battery_w=1000)


def test_readings_that_do_not_fit_together_never_invent_power() -> None:
    flows = split(pv_w=100, battery_w=0, grid_w=0, house_w=500, cars_w=900)
    assert flows == Flows(pv_house_w=100)
