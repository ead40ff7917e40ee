"""At its floor the home battery feeds no car, whatever the mode; where the battery can't be told, the car is.

The battery of these stories does what they all do: it covers what the house and the cars take beyond the sun, up to
its power, as long as its own inverter lets it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from hemsd.model import DecisionKind, Metered, MeterReading, Mode, Snapshot, WallboxSettings, Wish
from tests.rules.story import GARAGE, Home, with_settings

POWER_W = 5000.0
THREE = WallboxSettings("garage", phases="3")


@dataclass
class HomeWithBattery(Home):
    soc_pct: float = 18.0
    lowest_pct: float = 0.0  # its inverter's own floor
    battery_age_s: float = 1.0
    fed_wh: float = 0.0  # from the battery into cars
    may_give_w: float = POWER_W

    def snapshot(self) -> Snapshot:
        seen = super().snapshot()
        cars_w = sum(car.power_w for car in self.cars.values())
        most_w = min(POWER_W, self.may_give_w) if self.soc_pct > self.lowest_pct else 0.0
        lent_w = min(max(cars_w - self.sun_w, -POWER_W), most_w)
        self.fed_wh += min(cars_w, max(0.0, lent_w - max(0.0, -self.sun_w))) * self.steering.tick_s / 3600.0
        reading = MeterReading(cars_w - self.sun_w - lent_w)
        battery = Metered(MeterReading(lent_w, soc_pct=self.soc_pct), self.battery_age_s)
        return replace(seen, grid=Metered(reading, self.grid_age_s), battery=battery)


def home(mode: Mode, box: WallboxSettings = GARAGE, **more: object) -> HomeWithBattery:
    return HomeWithBattery(boxes=(replace(box, mode=mode),), **more)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.SOLAR, Mode.MIN_SOLAR, Mode.FAST])
def test_below_the_floor_no_mode_takes_from_the_battery_at_night(mode: Mode) -> None:
    night = home(mode, sun_w=-400.0)
    night.play(3600.0)
    assert night.fed_wh == 0.0
    assert night.last.limit_a == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.MIN_SOLAR, Mode.FAST])
def test_a_charge_that_runs_when_the_floor_is_reached_gives_way(mode: Mode) -> None:
    night = home(mode, sun_w=-400.0, soc_pct=21.0)
    night.play(600.0)
    assert night.fed_wh > 100.0  # above it, a person's wish counts
    before_wh, night.soc_pct = night.fed_wh, 20.0
    assert night.until(DecisionKind.STOP) < 300.0
    assert night.fed_wh - before_wh <= 40.0  # what the budget of a pause is
    assert night.last.reason.endswith("The home battery is at its floor of 20 %: only the sun charges the car.")
    night.play(3600.0)
    assert night.last.limit_a == 0.0


def test_a_boost_follows_the_sun_below_the_floor_and_is_fast_above_it() -> None:
    day = home(Mode.SOLAR, sun_w=2300.0, steering=with_settings(battery_first_below_pct=0.0))
    day.tick(Wish("garage", boost=True))
    day.play(900.0)
    assert day.last.limit_a == 10.0
    assert day.last.inputs["mode"] is Mode.FAST
    day.play(120.0, soc_pct=21.0)
    assert day.last.limit_a == 10.0  # just above it, nothing changes
    day.play(300.0, soc_pct=23.0)
    assert day.last.limit_a == 16.0


def test_a_battery_that_its_own_inverter_keeps_needs_no_sparing() -> None:
    night = home(Mode.FAST, sun_w=-400.0, soc_pct=10.0, lowest_pct=10.0)
    night.play(120.0)
    assert night.last.limit_a == 16.0
    night.play(600.0)
    assert (night.last.limit_a, night.fed_wh) == (16.0, 0.0)


def test_a_battery_that_gives_again_is_spared_again() -> None:
    night = home(Mode.FAST, sun_w=-400.0, soc_pct=10.0, lowest_pct=10.0)
    night.play(600.0)
    night.play(600.0, lowest_pct=5.0)
    assert night.last.limit_a == 0.0


def test_a_floor_of_100_keeps_the_battery_out_of_every_car() -> None:
    night = home(Mode.FAST, sun_w=-400.0, soc_pct=95.0, steering=with_settings(battery_floor_pct=100.0))
    night.play(1800.0)
    assert night.fed_wh == 0.0


def test_what_is_not_known_of_the_battery_holds_nobody_back() -> None:
    night = home(Mode.FAST, sun_w=-400.0, battery_age_s=121.0)
    night.play(60.0)
    assert night.last.limit_a == 16.0


@pytest.mark.slow
def test_sparing_the_battery_spares_the_contactor_too() -> None:
    """A cloudy noon in the fast mode at the floor is decided by the same budgets as one that follows the sun."""
    noon = home(Mode.FAST, box=THREE, steering=with_settings(battery_first_below_pct=0.0))
    for _ in range(12):
        noon.play(240.0, sun_w=6000.0)
        noon.play(60.0, sun_w=1000.0)
    assert len([decision for decision in noon.sent if decision.kind is DecisionKind.START]) <= 4
