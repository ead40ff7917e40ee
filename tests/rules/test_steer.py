"""The whole rules: what outranks what, missing inputs, several wallboxes, and what is sent."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hemsd.model import (
    DecisionKind,
    Metered,
    MeterReading,
    Mode,
    SiteSettings,
    Snapshot,
    SteeringSettings,
    SteeringState,
    WallboxSettings,
    Wish,
)
from rules.steer import Memory, steer
from tests.rules.story import GARAGE, Box, Home, charging, with_settings

START, STEP, STOP = DecisionKind.START, DecisionKind.STEP, DecisionKind.STOP
HOLD, SKIP = DecisionKind.HOLD, DecisionKind.SKIP
FAST = replace(GARAGE, mode=Mode.FAST)
FAST3 = WallboxSettings("garage", phases="3", mode=Mode.FAST)


def test_a_decision_can_be_called_from_a_prompt() -> None:
    snapshot = Snapshot(datetime(2026, 6, 21, 10, 0, tzinfo=UTC), 0.0, grid=Metered(MeterReading(-2000.0), 0.5))
    memory, (decision,) = steer(SteeringSettings(), SiteSettings(), (GARAGE,), Memory(), snapshot, ())
    assert (decision.kind, decision.rule, decision.state) == (HOLD, "no_car", SteeringState.IDLE)
    assert memory.boxes["garage"].state is SteeringState.IDLE


def test_a_decision_keeps_the_numbers_that_it_rests_on() -> None:
    home = charging(sun_w=2000.0)
    assert home.last.inputs["surplus_w"] == 2000.0
    assert home.last.inputs["share_w"] == 2000.0
    assert home.last.inputs["cars_w"] == pytest.approx(2000.0, abs=60.0)


# --- missing inputs


@pytest.mark.parametrize(
    ("age_s", "kind", "limit_a"),
    [
        (30.0, HOLD, 8.6),
        (31.0, SKIP, None),
        (60.0, SKIP, None),
        (61.0, STEP, 6.0),
        (180.0, STEP, 6.0),
        (181.0, STOP, 0.0),
    ],
)
def test_the_older_the_grid_reading_the_less_is_offered(
    age_s: float, kind: DecisionKind, limit_a: float | None
) -> None:
    home = charging(sun_w=2000.0)
    home.grid_age_s = age_s
    said = home.tick()
    assert (said.kind, said.limit_a) == (kind, pytest.approx(limit_a, abs=0.2) if limit_a else limit_a)


def test_without_a_grid_reading_nothing_starts() -> None:
    home = Home(sun_w=5000.0, grid_age_s=31.0)
    said = home.play(600.0)
    assert (said.kind, said.rule) == (SKIP, "stale")
    assert home.sent == []


def test_fast_without_a_grid_meter_leaves_the_house_half_its_fuse() -> None:
    home = Home(boxes=(FAST3,), site=SiteSettings(main_fuse_a=25.0), grid_age_s=500.0)
    assert (home.tick().limit_a, home.last.kind) == (12.5, START)


def test_min_solar_keeps_the_minimum_without_a_grid_meter() -> None:
    home = Home(boxes=(replace(GARAGE, mode=Mode.MIN_SOLAR),), sun_w=2500.0)
    home.play(300.0)
    assert home.play(600.0, grid_age_s=400.0).limit_a == 6.0


# --- the fuse


def test_a_phase_above_the_fuse_is_cut_at_once_even_in_the_minimum_run_time() -> None:
    home = Home(boxes=(FAST,), house_a=(5.0, 5.0, 5.0))
    assert home.tick().limit_a == 16.0
    home.house_a = (26.0, 5.0, 5.0)
    said = home.tick()
    assert (said.kind, said.limit_a, said.rule) == (STEP, 9.0, "fuse")
    assert said.reason == "The house fuse leaves 9.0 A on a phase: down to 9 A at once."


def test_where_not_even_the_minimum_is_left_charging_pauses_at_once() -> None:
    home = Home(boxes=(FAST,), house_a=(5.0, 5.0, 5.0))
    home.tick()
    home.house_a = (30.0, 5.0, 5.0)
    said = home.tick()
    assert (said.kind, said.limit_a, said.state) == (STOP, 0.0, SteeringState.COOLDOWN)


def test_after_a_cut_the_current_rises_only_when_the_load_stays_away() -> None:
    home = Home(boxes=(FAST,), house_a=(5.0, 5.0, 5.0))
    home.tick()
    home.house_a = (26.0, 5.0, 5.0)
    home.tick()
    home.house_a = (5.0, 5.0, 5.0)
    assert home.play(25.0).limit_a == 9.0
    assert home.play(10.0).limit_a == 16.0


def test_a_load_on_another_phase_does_not_matter_to_a_car_on_one() -> None:
    home = Home(boxes=(replace(FAST, rotation=(2, 3, 1)),), house_a=(30.0, 5.0, 5.0))
    assert home.tick().limit_a == 16.0


def test_the_fuse_outranks_a_boost() -> None:
    home = Home(house_a=(25.0, 0.0, 0.0))
    assert home.tick(Wish("garage", boost=True)).limit_a == 10.0


def test_the_grid_operator_may_dim_all_cars_together() -> None:
    home = Home(boxes=(FAST3,), site=SiteSettings(dimmed_w=4200.0))
    assert home.tick().limit_a == 6.0
    assert "the grid operator" in home.last.reason


def test_the_quarter_hours_peak_is_kept() -> None:
    home = Home(boxes=(FAST3,), site=SiteSettings(peak_limit_w=6000.0), sun_w=-500.0)
    home.play(900.0)
    assert home.memory.site.quarter_wh <= 1500.0 + 10.0
    assert home.last.limit_a is not None
    assert home.last.limit_a >= 6.0


def test_behind_a_throttled_inverter_more_sun_is_looked_for() -> None:
    home = Home(boxes=(replace(GARAGE, phases="3"),), site=SiteSettings(export_limit_w=4000.0), sun_w=3960.0)
    home.play(1800.0)
    assert home.car.power_w > 4000.0


# --- the home battery


def test_a_low_home_battery_is_served_before_the_car() -> None:
    home = Home(battery_w=-2500.0, battery_soc_pct=30.0, sun_w=2500.0)
    assert home.play(600.0).limit_a == 0.0
    home.play(600.0, sun_w=5000.0)
    assert home.car.power_w == pytest.approx(2500.0, abs=120.0)


def test_a_battery_that_is_full_enough_leaves_the_sun_to_the_car() -> None:
    home = Home(battery_w=-2500.0, battery_soc_pct=60.0, sun_w=2500.0)
    home.play(600.0)
    assert home.car.power_w == pytest.approx(2500.0, abs=120.0)


def test_the_battery_is_not_emptied_into_the_car() -> None:
    home = Home(battery_w=2000.0, battery_soc_pct=80.0, sun_w=-500.0)
    assert home.play(1800.0).limit_a == 0.0


def test_the_battery_gives_what_the_owner_allows() -> None:
    home = Home(battery_w=0.0, battery_soc_pct=80.0, sun_w=1000.0, steering=with_settings(battery_to_car_w=1500.0))
    home.play(600.0)
    assert home.car.power_w == pytest.approx(2500.0, abs=120.0)
    home.battery_soc_pct = 20.0
    home.until(STOP)


def test_a_battery_that_fell_silent_is_a_missing_input() -> None:
    home = charging(battery_w=0.0, battery_soc_pct=80.0)
    snapshot = home.snapshot()
    assert snapshot.battery is not None
    silent = replace(snapshot, battery=replace(snapshot.battery, age_s=125.0))
    _, (decision,) = steer(home.steering, home.site, home.boxes, home.memory, silent, ())
    assert decision.kind is SKIP


# --- several wallboxes

TWO = (GARAGE, WallboxSettings("yard", phases="1"))


def test_two_cars_do_not_start_on_the_same_surplus() -> None:
    home = Home(boxes=TWO, sun_w=2000.0)
    home.play(600.0)
    assert sorted(car.limit_a or 0.0 for car in home.cars.values()) == [0.0, pytest.approx(8.6, abs=0.2)]


def test_two_cars_share_what_is_enough_for_both() -> None:
    home = Home(boxes=TWO, sun_w=4000.0)
    home.play(600.0)
    assert [car.power_w for car in home.cars.values()] == pytest.approx([2000.0, 2000.0], abs=120.0)


def test_the_first_priority_is_full_before_the_second_begins() -> None:
    home = Home(boxes=(replace(GARAGE, priority=2), TWO[1]), sun_w=4000.0)
    home.play(600.0)
    assert [car.limit_a for car in home.cars.values()] == [None, 16.0]


@pytest.mark.slow
def test_a_waiting_car_gets_its_turn() -> None:
    home = Home(boxes=TWO, sun_w=2000.0, steering=with_settings(rotate_after_s=600.0))
    home.play(3600.0)
    starts = [decision.wallbox for decision in home.said if decision.kind is START]
    assert starts[:3] == ["garage", "yard", "garage"]
    assert any(decision.rule == "rotation" for decision in home.said)


def test_two_fast_cars_share_the_fuse() -> None:
    boxes = tuple(replace(box, mode=Mode.FAST) for box in TWO)
    home = Home(boxes=boxes, house_a=(15.0, 0.0, 0.0))
    home.play(60.0)
    assert [car.limit_a for car in home.cars.values()] == [10.0, 10.0]


def test_a_car_that_has_finished_leaves_the_sun_to_the_other() -> None:
    home = Home(boxes=TWO, sun_w=2000.0)
    home.play(400.0)
    first = next(car for car in home.cars.values() if car.limit_a)
    first.hungry = False
    home.play(900.0)
    assert sum(car.power_w for car in home.cars.values()) == pytest.approx(2000.0, abs=120.0)


def test_a_car_that_has_room_on_one_phase_only_starts_on_one() -> None:
    home = Home(boxes=(replace(FAST3, phases="auto"),), house_a=(5.0, 30.0, 5.0))
    said = home.tick()
    assert (said.kind, said.phases, said.limit_a) == (START, 1, 16.0)


# --- a wallbox that tells its currents seldom


def test_a_command_that_acts_unseen_is_not_taken_for_a_load_of_the_house() -> None:
    home = Home(boxes=(FAST,), site=SiteSettings(main_fuse_a=25.0), house_a=(5.0, 5.0, 5.0), sample_every_s=10.0)
    home.play(120.0)
    assert {decision.limit_a for decision in home.said} == {16.0}


def test_a_real_overload_is_cut_at_once_even_then() -> None:
    home = Home(boxes=(FAST,), site=SiteSettings(main_fuse_a=25.0), house_a=(5.0, 5.0, 5.0), sample_every_s=10.0)
    home.tick()
    home.house_a = (12.0, 5.0, 5.0)
    assert home.tick().rule == "fuse"


def test_the_same_error_is_not_corrected_twice() -> None:
    home = charging(sun_w=2000.0, sample_every_s=10.0)
    before = len(home.sent)
    home.play(120.0, sun_w=3000.0)
    home.play(120.0, sun_w=1800.0)
    assert [decision.limit_a for decision in home.sent[before:]] == [13.0, 7.5]


def test_a_sleeping_car_does_not_blind_the_other() -> None:
    home = Home(boxes=TWO, sun_w=2000.0, sample_every_s=10.0)
    home.play(400.0)
    next(car for car in home.cars.values() if car.limit_a).hungry = False
    home.play(900.0)
    home.play(20.0, sun_w=3000.0)
    assert sum(car.power_w for car in home.cars.values()) == pytest.approx(3000.0, abs=120.0)


def test_the_wait_for_a_sample_ends() -> None:
    home = charging(sun_w=2000.0, sample_every_s=50.0)
    home.play(200.0, sun_w=3000.0)
    assert home.car.power_w == pytest.approx(3000.0, abs=120.0)


# --- what is sent


def test_what_is_in_force_is_not_sent_again() -> None:
    home = charging(sun_w=2000.0)
    before = len(home.sent)
    home.play(600.0)
    assert len(home.sent) == before


def test_a_wallbox_that_does_not_take_a_command_gets_it_again_after_longer_and_longer_pauses() -> None:
    home = Home(sun_w=2000.0, cars={"garage": Box(obeys=False)})
    home.play(600.0)
    times = [(decision.at - home.sent[0].at).total_seconds() for decision in home.sent]
    assert times[:4] == pytest.approx([0.0, 30.0, 90.0, 210.0], abs=6.0)


def test_the_first_thing_sent_in_a_visit_is_a_start_and_so_is_the_first_after_a_stop() -> None:
    home = charging()
    home.sun_w = 0.0
    home.until(STOP)
    home.play(600.0, sun_w=3000.0)
    assert [decision.kind for decision in home.sent if decision.kind is not STEP] == [START, STOP, START]


def test_a_wallbox_that_is_only_watched_gets_no_commands() -> None:
    home = Home(boxes=(replace(GARAGE, steer=False),), sun_w=5000.0)
    said = home.play(600.0)
    assert (said.kind, said.rule, said.limit_a, home.sent) == (HOLD, "observing", None, [])
