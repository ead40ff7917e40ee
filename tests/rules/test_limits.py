"""What no wish may exceed."""

import pytest

from hemsd.model import Metered, MeterReading, SiteSettings, WallboxSettings
from rules.limits import box_bound, house_a, minimum_a, worst_phase_a

SITE = SiteSettings(main_fuse_a=35.0)


def metered(power_w: float, *currents_a: float, age_s: float = 1.0) -> Metered:
    one, two, three = currents_a or (None, None, None)
    return Metered(MeterReading(power_w, currents_a=(one, two, three)), age_s)


def test_the_house_is_what_the_meter_sees_less_the_cars() -> None:
    assert house_a(metered(9000.0, 20.0, 12.0, 8.0), 0.0, (16.0, 0.0, 0.0), SITE) == (4.0, 12.0, 8.0)


def test_sun_on_one_phase_lends_nothing_to_another() -> None:
    assert house_a(metered(0.0, -10.0, 5.0, 5.0), 0.0, (0.0, 0.0, 0.0), SITE) == (0.0, 5.0, 5.0)


def test_without_a_fresh_reading_half_the_fuse_belongs_to_the_house() -> None:
    stale = metered(0.0, 1.0, 1.0, 1.0, age_s=31.0)
    assert house_a(stale, 0.0, (0.0, 0.0, 0.0), SITE) == (17.5, 17.5, 17.5)
    assert house_a(None, 0.0, (0.0, 0.0, 0.0), SiteSettings(house_reserve_a=10.0)) == (10.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("house_w", "phases", "worst_a"), [(2300.0, 3, 10.0), (13_800.0, 3, 33.3), (13_800.0, 1, 60.0)]
)
def test_a_meter_that_tells_only_the_sum_leaves_the_worst_distribution_possible(
    house_w: float, phases: int, worst_a: float
) -> None:
    site = SiteSettings(phases=phases)  # type: ignore[arg-type]
    assert worst_phase_a(house_w, site) == pytest.approx(worst_a, abs=0.1)


def test_the_car_may_be_tighter_than_the_wallbox() -> None:
    assert box_bound(WallboxSettings("box", max_a=16.0, vehicle_max_a=10.0)).because == "the car"
    assert box_bound(WallboxSettings("box", max_a=16.0, vehicle_max_a=32.0)).limit_a == 16.0


def test_a_car_that_needs_more_than_6_a_gets_more_or_nothing() -> None:
    assert minimum_a(WallboxSettings("box", min_a=6.0, vehicle_min_a=8.0)) == 8.0
    assert minimum_a(WallboxSettings("box", min_a=0.0)) == 6.0
