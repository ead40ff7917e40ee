"""Where the watts come from: how much sun is left for cars, and which watts a car really got.

With the signs of ``hemsd.model`` the surplus is one sum: what the cars draw, less what is bought, less what the home
battery gives. It does not change when a car draws more or less, so it can be judged while a car charges. What the
battery takes in counts as surplus (the car comes first) unless the battery is low: then its appetite is set aside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rules.session import Sources

GIVES_W = 100.0  # less is the battery's own electronics, or the error of its meter
REFUSES_S = 60.0  # a battery that gives nothing for so long while the house buys is kept from it by its own inverter
BATTERY_HYSTERESIS_PCT = 2.0  # so that a battery at the mark does not change the order of things each minute


def surplus_w(grid_w: float, battery_w: float, cars_w: float) -> float:
    """The sun less the house's own use: negative when the house alone needs more than the sun gives."""
    return cars_w - grid_w - battery_w


def sources_w(car_w: float, cars_w: float, grid_w: float, battery_w: float) -> Sources:
    """One car's watts by source, in proportion when several charge. The house is served by the sun first."""
    if car_w <= 0.0:
        return Sources()
    cars_w = max(cars_w, car_w)
    solar_w = min(cars_w, max(0.0, surplus_w(grid_w, battery_w, cars_w)))
    lent_w = min(cars_w - solar_w, max(0.0, battery_w))
    share = car_w / cars_w
    return Sources(
        solar_w=solar_w * share,
        battery_w=lent_w * share,
        grid_w=(cars_w - solar_w - lent_w) * share,
    )


@dataclass(frozen=True, slots=True)
class BatteryRules:
    """What the home battery keeps for itself and what it may lend."""

    first_below_pct: float
    to_car_w: float
    floor_pct: float
    max_w: float | None


@dataclass(frozen=True, slots=True)
class BatteryMemory:
    first: bool = False  # the battery is served before the cars
    appetite_w: float = 0.0  # the most it was seen to take in
    low: bool = False  # at its floor
    spared: bool = False  # ... and it would feed a car that takes more than the sun gives
    refuses_since_s: float | None = None


def battery_order(
    memory: BatteryMemory, rules: BatteryRules, battery_w: float | None, soc_pct: float | None
) -> BatteryMemory:
    """Who comes first, and how much the battery can swallow."""
    appetite_w = rules.max_w or max(memory.appetite_w, -(battery_w or 0.0))
    if soc_pct is None:
        first = False
    else:
        first = soc_pct < rules.first_below_pct + (BATTERY_HYSTERESIS_PCT if memory.first else 0.0)
    return replace(memory, first=first, appetite_w=appetite_w)


def battery_floor(
    memory: BatteryMemory,
    rules: BatteryRules,
    now_s: float,
    grid_w: float | None,
    battery_w: float | None,
    soc_pct: float | None,
    *,
    listens: bool = False,
) -> BatteryMemory:
    """Whether the battery has to be spared: at its floor, and not proven to keep out of the cars.

    Its inverter covers whatever the house buys. So at the floor no car may take more than the sun gives, until the
    battery is seen to stand still while the house buys: then its own inverter keeps it, and what a car takes comes
    from the grid. A battery that ``listens`` (``rules.lending``) is told so.
    """
    mark_pct = rules.floor_pct + (BATTERY_HYSTERESIS_PCT if memory.low else 0.0)
    if battery_w is None or soc_pct is None or soc_pct > mark_pct:
        return replace(memory, low=False, spared=False, refuses_since_s=None)
    if listens:
        return replace(memory, low=True, spared=False, refuses_since_s=None)
    if battery_w > GIVES_W:
        return replace(memory, low=True, spared=True, refuses_since_s=None)
    since_s = memory.refuses_since_s
    if since_s is None and (grid_w or 0.0) > GIVES_W:
        since_s = now_s
    refuses = since_s is not None and now_s - since_s >= REFUSES_S
    return replace(memory, low=True, spared=not refuses, refuses_since_s=since_s)


def for_cars_w(surplus_w: float, memory: BatteryMemory, rules: BatteryRules, soc_pct: float | None) -> float:
    """The part of the surplus that cars may use, with what the battery is allowed to add."""
    if memory.first:
        return surplus_w - memory.appetite_w
    if rules.to_car_w > 0.0 and soc_pct is not None and soc_pct > rules.floor_pct:
        return surplus_w + rules.to_car_w
    return surplus_w
