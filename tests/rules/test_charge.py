"""Starting, following and pausing: energy budgets, minimum times, and what is told about them."""

import pytest

from hemsd.model import DecisionKind, Mode, SteeringState, WallboxSettings, Wish
from rules.charge import start_needs_wh, step_needs_wh, stop_allows_wh, worn
from rules.worth import worth_w
from tests.rules.story import Home, charging, with_settings

START, STEP, STOP, HOLD = DecisionKind.START, DecisionKind.STEP, DecisionKind.STOP, DecisionKind.HOLD


def test_a_watt_that_is_bought_takes_the_worth_of_three_from_the_sun() -> None:
    assert worth_w(2000.0, 2500.0, 3.0) == 2000.0
    assert worth_w(2000.0, 1500.0, 3.0) == 0.0
    assert worth_w(2000.0, 1000.0, 3.0) == -2000.0


@pytest.mark.slow
def test_without_sun_nothing_starts_and_the_page_says_what_is_missing() -> None:
    home = Home()
    said = home.play(3600.0, sun_w=900.0)
    assert (said.kind, said.state, said.limit_a) == (HOLD, SteeringState.IDLE, 0.0)
    assert said.reason == "0.9 kW of surplus, too little: charging takes 1.4 kW for 6 A on 1 phase."
    assert home.memory.boxes["garage"].next_start == "when the surplus comes near 1.4 kW for 6 A on 1 phase"


def test_ten_watt_hours_that_were_given_away_start_a_charge() -> None:
    home = Home(sun_w=2000.0)
    took_s = home.until(START)
    assert took_s == pytest.approx(10.0 / 1955.0 * 3600, abs=5.0)  # 8.5 A: that is what was given away
    assert home.last.reason == "2.0 kW of surplus, 10 of 10 Wh given away: enough for 8.5 A on 1 phase."
    assert (home.last.limit_a, home.last.phases, home.last.target_w) == (8.5, 1, 1955.0)
    assert home.last.state is SteeringState.COMMITMENT


def test_a_little_surplus_takes_minutes_to_start_and_a_lot_takes_seconds() -> None:
    assert Home(sun_w=1100.0).until(START) > 2 * Home(sun_w=1380.0).until(START) > 2 * Home(sun_w=3500.0).until(START)


def test_a_gap_in_the_sun_takes_from_what_was_given_away() -> None:
    home = Home()
    home.play(15.0, sun_w=2000.0)
    home.play(60.0, sun_w=0.0)
    assert home.memory.boxes["garage"].given_wh == 0.0


def test_a_charge_runs_for_its_minimum_time_even_without_any_sun() -> None:
    home = Home(sun_w=2000.0)
    home.until(START)
    home.sun_w = 0.0
    assert home.play(175.0).state is SteeringState.COMMITMENT
    assert home.tick().kind is STOP  # after 180 s


@pytest.mark.slow
def test_the_budget_is_used_up_in_half_a_minute_without_any_sun_and_lasts_with_almost_enough() -> None:
    none, almost = charging(), charging()
    none.sun_w = 0.0
    assert none.until(STOP) < 35.0
    assert "Wh bought: paused" in none.last.reason
    said = almost.play(3600.0, sun_w=1100.0)
    assert said.limit_a == 6.0
    assert almost.last.state is SteeringState.MODULATING


def test_a_passing_cloud_changes_nothing() -> None:
    home = charging()
    home.play(20.0, sun_w=0.0)
    home.play(300.0, sun_w=2000.0)
    assert STOP not in [decision.kind for decision in home.said]
    assert home.memory.boxes["garage"].bought_wh == 0.0


@pytest.mark.parametrize(("held_s", "starts"), [(170.0, 1), (200.0, 2)])
def test_a_pause_lasts_for_its_minimum_time_whatever_the_sun_does(held_s: float, starts: int) -> None:
    home = charging()
    home.sun_w = 0.0
    home.until(STOP)
    home.play(held_s, sun_w=3000.0)
    assert [decision.kind for decision in home.sent].count(START) == starts


def test_the_current_follows_the_surplus_by_whole_steps_of_worth() -> None:
    home = charging(sun_w=2000.0)
    assert home.play(60.0, sun_w=2500.0).limit_a == 10.5
    assert home.play(60.0, sun_w=1700.0).limit_a == 7.5
    assert home.last.kind is HOLD


def test_less_than_the_step_budget_changes_nothing() -> None:
    home = charging(sun_w=2000.0)
    before = len(home.sent)
    home.play(60.0, sun_w=2030.0)
    assert len(home.sent) == before


def test_the_price_of_a_start_rises_through_the_day() -> None:
    settings = with_settings()
    assert [start_needs_wh(settings, starts) for starts in (0, 4, 8)] == [10.0, 20.0, 30.0]
    assert [stop_allows_wh(settings, starts) for starts in (1, 5, 9, 20)] == [10.0, 20.0, 30.0, 30.0]


@pytest.mark.slow
def test_the_price_of_a_step_rises_with_the_commands_that_a_wallbox_had_to_bear() -> None:
    settings = with_settings(step_budget_wh=0.1)
    assert [step_needs_wh(settings, borne) for borne in (0.0, 100.0, 400.0)] == pytest.approx([0.1, 0.2, 0.5])
    home = charging()
    for _ in range(200):
        home.play(15.0, sun_w=1500.0)
        home.play(15.0, sun_w=3500.0)
    before = worn(home.memory.boxes["garage"], home.now_s)
    home.play(4 * 3600.0, sun_w=2500.0)
    assert worn(home.memory.boxes["garage"], home.now_s) == pytest.approx(before - 500.0 / 6.0, abs=3.0)


def test_four_starts_in_an_hour_are_enough() -> None:
    home = Home(steering=with_settings(start_budget_wh=0.0, stop_budget_wh=0.0, min_run_s=60.0, min_pause_s=60.0))
    for _ in range(4):
        home.play(130.0, sun_w=3000.0)
        home.play(130.0, sun_w=0.0)
    said = home.play(130.0, sun_w=3000.0)
    assert (said.rule, [decision.kind for decision in home.sent].count(START)) == ("blocked", 4)
    assert "it starts when the limit of 4 starts an hour is over, in" in said.reason


def test_the_fifth_start_comes_when_the_first_is_an_hour_old() -> None:
    home = Home(steering=with_settings(start_budget_wh=0.0, stop_budget_wh=0.0, min_run_s=60.0, min_pause_s=60.0))
    for _ in range(4):
        home.play(130.0, sun_w=3000.0)
        home.play(130.0, sun_w=0.0)
    home.sun_w = 3000.0
    assert 1100.0 + home.until(START) == pytest.approx(3600.0, abs=100.0)


def test_min_solar_never_pauses_and_never_goes_below_the_minimum() -> None:
    home = Home(boxes=(WallboxSettings("garage", phases="1", mode=Mode.MIN_SOLAR),))
    assert home.tick().kind is START
    assert home.play(1800.0, sun_w=-3000.0).limit_a == 6.0
    assert home.play(60.0, sun_w=2300.0).limit_a == pytest.approx(10.0, abs=0.2)


def test_a_car_that_does_not_wake_up_again_is_never_paused() -> None:
    home = charging(boxes=(WallboxSettings("garage", phases="1", never_pause=True),))
    assert home.play(3600.0, sun_w=-500.0).limit_a == 6.0


def test_fast_takes_what_wallbox_and_car_bear() -> None:
    home = Home(boxes=(WallboxSettings("garage", phases="3", max_a=32.0, vehicle_max_a=16.0, mode=Mode.FAST),))
    said = home.tick()
    assert (said.kind, said.limit_a, said.phases) == (START, 16.0, 3)
    assert said.reason == "Fast: 16 A on 3 phases, as much as the car allows."


def test_off_pauses_at_once_and_solar_starts_again_after_the_pause() -> None:
    home = Home(sun_w=2000.0)
    home.until(START)
    assert home.tick(Wish("garage", mode=Mode.OFF)).kind is STOP
    assert home.play(600.0).rule == "off"
    home.tick(Wish("garage", mode=Mode.SOLAR))
    home.until(START)


def test_boost_charges_at_once_until_the_target_is_reached() -> None:
    home = Home()
    home.car.soc_pct = 40.0
    said = home.tick(Wish("garage", boost=True, boost_target_pct=70.0))
    assert (said.kind, said.limit_a) == (START, 16.0)
    home.car.soc_pct = 70.0
    home.until(STOP)


def test_boost_can_be_taken_back() -> None:
    home = Home()
    home.tick(Wish("garage", boost=True))
    home.play(200.0)
    home.tick(Wish("garage", boost=False))
    home.until(STOP, within_s=60.0)


def test_a_car_that_takes_nothing_for_five_minutes_has_finished() -> None:
    home = charging()
    home.car.hungry = False
    assert home.play(295.0).state is SteeringState.MODULATING
    said = home.play(15.0)
    assert (said.state, said.rule) == (SteeringState.FINISHED, "finished")
    home.play(1800.0, sun_w=0.0)
    home.car.hungry = True
    home.until(STOP, within_s=60.0)  # it draws again, and there is no sun


def test_unplugging_ends_everything_and_the_next_car_begins_anew() -> None:
    home = charging()
    home.car.plugged = False
    said = home.tick()
    assert (said.kind, said.state, said.limit_a, said.rule) == (HOLD, SteeringState.IDLE, None, "no_car")
    home.car.plugged = True
    home.until(START)


def test_a_charge_that_is_found_running_goes_on_when_the_sun_is_enough() -> None:
    home = Home(sun_w=2000.0)
    home.car.limit_a, home.car.phases = 6.0, 1
    assert (home.tick().kind, home.last.limit_a) == (START, 8.5)


def test_a_charge_that_is_found_running_without_sun_is_not_ours_to_go_on() -> None:
    home = Home(sun_w=100.0)
    home.car.limit_a, home.car.phases = 6.0, 1
    said = home.tick()
    assert (said.kind, said.limit_a) == (HOLD, 0.0)


def test_the_reason_is_told_while_a_charge_is_short_of_sun() -> None:
    home = charging()
    home.play(15.0, sun_w=500.0)
    assert home.last.rule == "short"
    assert "Wh bought before a pause" in home.last.reason
