"""What no wish may exceed: the house fuse on each phase, the wallbox, the vehicle, the grid operator, the peak.

Every bound is a current per phase with the reason for it; the tightest counts. The house's own use is measured per
phase where the meter tells it. Where it tells only the sum, that may sit on one phase as far as the rules for
unbalanced loads allow: VDE-AR-N 4100 section 5.5 lets phases differ by 4.6 kVA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hemsd.model import MIN_PILOT_A, Metered, PerPhase, SiteSettings, WallboxSettings

UNBALANCE_W = 4600.0
FUSE = "fuse"  # the name of its rule: a cut that it asks for is carried out at once
FUSE_STALE_S = 30.0  # an older grid reading says nothing about the fuse


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that may flow per phase, and why."""

    limit_a: float
    because: str
    rule: str = FUSE  # the name of the rule that a cut to it goes by


def tightest(bounds: Sequence[Bound]) -> Bound:
    return min(bounds, key=lambda bound: bound.limit_a)


def box_bound(box: WallboxSettings) -> Bound:
    """What wallbox and vehicle take."""
    if box.vehicle_max_a is not None and box.vehicle_max_a < box.max_a:
        return Bound(box.vehicle_max_a, "the car")
    return Bound(box.max_a, "the wallbox")


def minimum_a(box: WallboxSettings) -> float:
    """The lowest current at which this car charges on this wallbox."""
    return max(MIN_PILOT_A, box.min_a, box.vehicle_min_a or 0.0)


def worst_phase_a(power_w: float, site: SiteSettings) -> float:
    """The most current that a house power can put on one phase."""
    power_w = max(0.0, power_w)
    if site.phases == 1:
        return power_w / site.voltage_v
    return min(power_w, (power_w + 2 * UNBALANCE_W) / 3) / site.voltage_v


def house_a(grid: Metered | None, house_w: float, cars_a: PerPhase, site: SiteSettings) -> tuple[float, float, float]:
    """The house's own current per phase, cars left out; never below zero, so that sun on a phase lends nothing."""
    if grid is None or grid.age_s > FUSE_STALE_S or grid.power_w is None:
        reserve_a = site.main_fuse_a / 2 if site.house_reserve_a is None else site.house_reserve_a
        return reserve_a, reserve_a, reserve_a
    one, two, three = (
        None if measured is None else max(0.0, measured - (car or 0.0))
        for measured, car in zip(grid.reading.currents_a, cars_a, strict=True)
    )
    if one is not None and two is not None and three is not None:
        return one, two, three
    worst_a = worst_phase_a(house_w, site)
    return worst_a, worst_a, worst_a


def overloaded(grid: Metered | None, site: SiteSettings) -> bool:
    """Whether a fresh reading shows more than the fuse bears, whoever takes it."""
    if grid is None or grid.age_s > FUSE_STALE_S:
        return False
    known = [current_a for current_a in grid.reading.currents_a if current_a is not None]
    if len(known) < 3:
        known = [worst_phase_a(grid.power_w or 0.0, site)]
    return max(known) > site.main_fuse_a
