"""What charging is worth, in watts: the common measure of every rule that follows the sun.

A watt from the sun counts one. A watt that has to be bought for it costs ``import_weight``. So 6 A are worth having
before the sun covers all of them (from three quarters on, at a weight of 3), the next ampere is worth having on the
same terms, and three phases are better than one where this sum says so. Whoever never wants to buy sets a high weight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rules.response import Response, floor_a

NEARLY = 0.05  # of a step: so little more is not worth the next one


@dataclass(frozen=True, slots=True)
class Outlet:
    """One car at one wallbox as the sums need it; ceilings are the most that may flow per phase, by phase count."""

    voltage_v: float
    minimum_a: float
    ceiling_a: Mapping[int, float]
    response: Response

    def power_w(self, limit_a: float, phases: int) -> float:
        """The power that a limit is expected to give."""
        return self.response.draw_a(limit_a) * self.voltage_v * self.response.phases_of(phases)

    def minimum_w(self, phases: int) -> float:
        return self.power_w(self.minimum_a, phases)

    @property
    def most_w(self) -> float:
        """What the ceilings let it have at the most, on whatever phases."""
        return max((self.power_w(self.highest_a(count) or 0.0, count) for count in self.ceiling_a), default=0.0)

    def highest_a(self, phases: int) -> float | None:
        """The highest limit below the ceiling; None where not even the minimum fits."""
        highest_a = floor_a(self.response, self.ceiling_a[phases])
        return highest_a if highest_a >= self.minimum_a else None


@dataclass(frozen=True, slots=True)
class Option:
    """One way to charge now."""

    limit_a: float
    phases: int
    power_w: float
    worth_w: float


def worth_w(power_w: float, surplus_w: float, import_weight: float) -> float:
    """Watts from the sun, less the weighted watts that are bought with them."""
    sun_w = min(power_w, max(0.0, surplus_w))
    return sun_w - import_weight * (power_w - sun_w)


def best_a(outlet: Outlet, phases: int, surplus_w: float, import_weight: float) -> float | None:
    """The limit of most worth on so many phases; None where the minimum does not fit below the ceiling."""
    highest_a = outlet.highest_a(phases)
    if highest_a is None:
        return None
    step_a = outlet.response.step_a
    per_amp_w = outlet.voltage_v * outlet.response.phases_of(phases)
    exact_a = max(0.0, surplus_w) / per_amp_w + outlet.response.shortfall_a
    below_a = floor_a(outlet.response, exact_a)
    sun_share = (exact_a - below_a) / step_a  # of the next step
    if sun_share > import_weight / (1.0 + import_weight):
        below_a += step_a
    return round(max(outlet.minimum_a, min(below_a, highest_a)), 1)


def enough_a(outlet: Outlet, phases: int, power_w: float) -> float | None:
    """The lowest limit that gives a power, as far as the ceiling lets it; None where not even the minimum fits."""
    highest_a = outlet.highest_a(phases)
    if highest_a is None:
        return None
    step_a = outlet.response.step_a
    exact_a = power_w / (outlet.voltage_v * outlet.response.phases_of(phases)) + outlet.response.shortfall_a
    above_a = math.ceil(exact_a / step_a - NEARLY) * step_a
    return round(max(outlet.minimum_a, min(above_a, highest_a)), 1)


def options(
    outlet: Outlet, surplus_w: float, import_weight: float, *, most: bool = False, planned_w: float | None = None
) -> Mapping[int, Option]:
    """The best limit on each number of phases where one fits below the ceiling.

    With ``most`` the highest instead, and with ``planned_w`` the lowest that gives as much.
    """
    found = {}
    for phases in outlet.ceiling_a:
        if planned_w is not None:
            limit_a = enough_a(outlet, phases, planned_w)
        else:
            limit_a = outlet.highest_a(phases) if most else best_a(outlet, phases, surplus_w, import_weight)
        if limit_a is not None:
            power_w = outlet.power_w(limit_a, phases)
            found[phases] = Option(limit_a, phases, power_w, worth_w(power_w, surplus_w, import_weight))
    return found
