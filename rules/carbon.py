"""The CO2 of a visit: what it caused, and what it saved against a car that charges by itself.

Caused. Only what came from the grid counts, with the grams per kilowatt-hour of its quarter-hour. The sun and the home
battery count as nothing: what the panels and cells cost the world when they were made is no matter of when a car is
charged.

Saved. The plain alternative of ``rules.savings`` (the same energy at full power from plug-in, with the sun of its own
time) minus what was caused. The home battery would have given the plain alternative as much as it gave here, as early
as it was wanted, so that its energy never shows as a saving. Negative where steering made it worse.

A quarter-hour whose grams nobody told makes the sum that needs it unknown: not a guess, and not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rules.savings import KILO, TINY_WH, Interval, plain_shares

IntensityOf = Callable[[datetime], float | None]
"""Grams of CO2 that a kWh from the grid stands for in the quarter-hour that begins then; None: not known."""


@dataclass(frozen=True, slots=True)
class Carbon:
    """Grams of CO2; None: not known."""

    caused_g: float | None = None
    saved_g: float | None = None


UNKNOWN = Carbon()


def carbon(stay: Sequence[Interval], max_w: float, intensity_of: IntensityOf) -> Carbon:
    """The CO2 of a stay: its intervals from plug-in on, without a gap, and the power of plain charging."""
    if all(intensity_of(each.start_at) is None for each in stay):
        return UNKNOWN  # nobody foretells: then not even a visit from the sun alone is said to have caused none
    caused_g = _grams(((each.start_at, each.grid_wh) for each in stay), intensity_of)
    plain_g = _grams(_plain_grid(stay, max_w), intensity_of)
    return Carbon(caused_g, None if caused_g is None or plain_g is None else plain_g - caused_g)


def _plain_grid(stay: Sequence[Interval], max_w: float) -> Iterable[tuple[datetime, float]]:
    battery_wh = sum(each.battery_wh for each in stay)
    for interval, _, rest_wh in plain_shares(stay, max_w):
        given_wh = min(rest_wh, battery_wh)
        battery_wh -= given_wh
        yield interval.start_at, rest_wh - given_wh


def _grams(grid: Iterable[tuple[datetime, float]], intensity_of: IntensityOf) -> float | None:
    total_g = 0.0
    for start_at, energy_wh in grid:
        if energy_wh <= TINY_WH:
            continue
        g_per_kwh = intensity_of(start_at)
        if g_per_kwh is None:
            return None
        total_g += energy_wh / KILO * g_per_kwh
    return total_g
