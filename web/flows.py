"""Who fed whom: divides the powers of one moment between sources and sinks, for the charts.

A meter shows sums, never paths, so a convention is needed. This is the one by which visits are accounted too: the
house is served first, then the cars, then the battery, and what is left goes out; the sun gives first, then the
battery, then the grid. It never invents power: what the meters leave open stays unattributed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flows:
    """Watts from a source to a sink; none is negative."""

    pv_house_w: float = 0.0
    pv_car_w: float = 0.0
    pv_battery_w: float = 0.0
    pv_grid_w: float = 0.0
    battery_house_w: float = 0.0
    battery_car_w: float = 0.0
    grid_house_w: float = 0.0
    grid_car_w: float = 0.0
    grid_battery_w: float = 0.0


def split(*, pv_w: float, battery_w: float, grid_w: float, house_w: float, cars_w: float) -> Flows:
    """The flows of one moment, in the signs of ``hemsd.model``."""
    sun, discharge, bought = pv_w, max(battery_w, 0.0), max(grid_w, 0.0)
    pv_house = min(sun, house_w)
    battery_house = min(discharge, house_w - pv_house)
    grid_house = min(bought, house_w - pv_house - battery_house)
    sun, discharge, bought = sun - pv_house, discharge - battery_house, bought - grid_house
    pv_car = min(sun, cars_w)
    battery_car = min(discharge, cars_w - pv_car)
    grid_car = min(bought, cars_w - pv_car - battery_car)
    sun, bought = sun - pv_car, bought - grid_car
    charge, sold = max(-battery_w, 0.0), max(-grid_w, 0.0)
    pv_battery = min(sun, charge)
    return Flows(
        pv_house_w=pv_house,
        pv_car_w=pv_car,
        pv_battery_w=pv_battery,
        pv_grid_w=min(sun - pv_battery, sold),
        battery_house_w=battery_house,
        battery_car_w=battery_car,
        grid_house_w=grid_house,
        grid_car_w=grid_car,
        grid_battery_w=min(bought, charge - pv_battery),
    )
