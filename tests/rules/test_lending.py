"""A home battery that can be told covers the house and keeps out of cars that don't follow the sun."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemsd.model import BatteryOrder, Decision, Metered, MeterReading, Mode, Outcome, Snapshot, Wish
from rules import lending
from rules.lending import Obedience
from tests.rules.story import GARAGE, with_settings
from tests.rules.test_battery_floor import POWER_W, HomeWithBattery

NIGHT_W = -400.0  # what the house takes


@dataclass
class HomeThatTells(HomeWithBattery):
    """Its battery is told at the end of each tick, and listens, or does not."""

    listens: bool = True
    told_w: float | None = None
    obedience: Obedience = field(default_factory=Obedience)

    def snapshot(self) -> Snapshot:
        return replace(super().snapshot(), battery_order=BatteryOrder(self.told_w, self.obedience.outcome))

    def tick(self, *wishes: Wish) -> Decision:
        seen = self.snapshot()
        self.obedience = lending.judged(self.obedience, seen.now_s, seen.battery, seen.grid)
        decision = super().tick(*wishes)
        self.told_w = lending.most_w(self.steering, self.boxes, self.memory, seen)
        self.obedience = lending.told(self.obedience, seen.now_s, self.told_w)
        self.may_give_w = POWER_W if self.told_w is None or not self.listens else self.told_w
        return decision


def home(mode: Mode, **more: object) -> HomeThatTells:
    return HomeThatTells(boxes=(replace(GARAGE, mode=mode),), **{"soc_pct": 60.0, "sun_w": NIGHT_W, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [Mode.FAST, Mode.MIN_SOLAR])
def test_at_night_the_battery_covers_the_house_and_the_grid_charges_the_car(mode: Mode) -> None:
    night = home(mode)
    night.play(120.0)
    assert night.last.limit_a == {Mode.FAST: 16.0, Mode.MIN_SOLAR: 6.0}[mode]
    assert night.told_w == pytest.approx(400.0)
    assert night.obedience.outcome is Outcome.APPLIED
    assert night.last.inputs["battery_may_give_w"] == 400.0
    fed_wh = night.fed_wh
    night.play(900.0)
    assert night.fed_wh == fed_wh


def test_what_the_battery_may_give_follows_the_house() -> None:
    night = home(Mode.FAST)
    night.play(120.0)
    night.play(10.0, sun_w=-2400.0)
    assert night.told_w == pytest.approx(2400.0)
    night.play(10.0, sun_w=1000.0)
    assert night.told_w == 0.0  # the sun covers the house, and the car gets the rest of it


def test_what_is_allowed_to_cars_is_added_above_the_floor() -> None:
    night = home(Mode.FAST, steering=with_settings(battery_to_car_w=1000.0))
    night.play(120.0)
    assert night.told_w == pytest.approx(1400.0)


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.SOLAR])
def test_nothing_is_said_while_no_car_takes_more_than_the_sun_gives(mode: Mode) -> None:
    day = home(mode, sun_w=3000.0)
    day.play(900.0)
    assert day.told_w is None


def test_the_battery_is_free_again_when_the_mode_changes_the_car_is_full_or_the_meter_is_silent() -> None:
    night = home(Mode.FAST)
    night.play(120.0)
    assert night.told_w is not None
    night.play(10.0, grid_age_s=31.0)
    assert night.told_w is None
    night.play(10.0, grid_age_s=1.0)
    assert night.told_w is not None
    night.tick(Wish("garage", mode=Mode.SOLAR))
    assert night.told_w is None
    night.tick(Wish("garage", mode=Mode.FAST))
    night.play(300.0)
    assert night.told_w is not None
    night.car.hungry = False
    night.play(900.0)
    assert night.told_w is None


def test_at_the_floor_a_battery_that_listens_lets_the_car_charge_fast_and_gives_it_nothing() -> None:
    night = home(Mode.FAST, soc_pct=18.0)
    night.tick()
    assert (night.told_w, night.last.limit_a) == (0.0, 0.0)  # first it has to prove that it listens
    night.play(40.0)
    assert night.last.limit_a == 16.0
    night.play(900.0)
    assert night.fed_wh == 0.0
    assert night.told_w == pytest.approx(400.0)  # proven, it may cover the house again


def test_a_battery_that_does_not_listen_is_found_out_and_spared_as_before() -> None:
    night = home(Mode.FAST, soc_pct=60.0, listens=False)
    night.play(120.0)
    assert night.obedience.outcome is Outcome.ACCEPTED_INEFFECTIVE
    night.play(600.0, soc_pct=18.0)
    assert night.last.limit_a == 0.0


@pytest.mark.parametrize(
    ("battery_w", "grid_w", "verdict"),
    [
        (400.0, 3000.0, Outcome.APPLIED),
        (549.0, 3000.0, Outcome.APPLIED),
        (551.0, 3000.0, Outcome.ACCEPTED_INEFFECTIVE),
        (-2000.0, 3000.0, Outcome.APPLIED),  # it charges from the grid; it was told only what it may give
        (300.0, 50.0, Outcome.UNVERIFIED),  # nobody asks more of it
    ],
)
def test_the_verdict_is_what_the_battery_gives(battery_w: float, grid_w: float, verdict: Outcome) -> None:
    memory = lending.told(Obedience(), 0.0, 400.0)
    for now_s in range(0, 60, 5):
        memory = lending.judged(
            memory, now_s, Metered(MeterReading(battery_w), 1.0), Metered(MeterReading(grid_w), 1.0)
        )
    assert memory.outcome is verdict


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    mode=st.sampled_from(Mode),
    sun_w=st.floats(-6000.0, 9000.0),
    allowed_w=st.floats(0.0, 3000.0),
    soc_pct=st.floats(0.0, 100.0),
)
def test_never_more_than_the_house_needs_and_what_is_allowed(
    mode: Mode, sun_w: float, allowed_w: float, soc_pct: float
) -> None:
    day = home(mode, sun_w=sun_w, soc_pct=soc_pct, steering=with_settings(battery_to_car_w=allowed_w))
    for _ in range(12):
        day.play(10.0)
        fast = mode in lending.NOT_BY_SUN
        assert (day.told_w is None) or (fast and 0.0 <= day.told_w <= max(0.0, -sun_w) + allowed_w + 1.0)


def test_nobody_is_judged_while_he_may_still_be_on_his_way() -> None:
    grid = Metered(MeterReading(3000.0), 1.0)
    memory = Obedience()
    for now_s in range(0, 120, 5):  # each order comes before the last one could be followed
        memory = lending.told(memory, now_s, 3000.0 - now_s * 20.0)
        memory = lending.judged(memory, now_s, Metered(MeterReading(3000.0 - (now_s - 10) * 20.0), 1.0), grid)
        assert memory.outcome is not Outcome.ACCEPTED_INEFFECTIVE
        assert len(memory.told) <= 5
