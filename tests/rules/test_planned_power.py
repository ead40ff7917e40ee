"""A plan charges with the power that it means, and the sun may always give more."""

from __future__ import annotations

import pytest

from hemsd.model import Because, DecisionKind, Mode, WallboxSettings, Wish
from tests.rules.story import GARAGE, Home

BOTH = WallboxSettings("garage", phases="auto")
THREE = WallboxSettings("garage", phases="3")


def planned(power_w: float | None) -> Wish:
    return Wish("garage", boost=True, because=Because("plan", "By plan", power_w))


def at_plan(power_w: float | None, *, sun_w: float = 0.0, box: WallboxSettings = THREE) -> Home:
    home = Home(boxes=(box,), sun_w=sun_w)
    home.tick(planned(power_w))
    home.play(120)
    return home


@pytest.mark.parametrize(("power_w", "limit_a"), [(4140.0, 6.0), (6900.0, 10.0), (6901.0, 10.0), (7000.0, 10.5)])
def test_the_lowest_current_that_gives_the_planned_power_is_offered(power_w: float, limit_a: float) -> None:
    home = at_plan(power_w)
    assert home.car.limit_a == limit_a
    assert (home.last.kind, home.last.rule) == (DecisionKind.HOLD, "plan")
    assert len(home.sent) == 1


def test_the_reason_names_the_planned_power() -> None:
    assert at_plan(6900.0).last.reason == "By plan: 10 A on 3 phases for the planned 6.9 kW."


def test_less_than_the_minimum_is_charged_with_the_minimum() -> None:
    assert at_plan(900.0).car.limit_a == 6.0


def test_a_plan_for_all_that_may_flow_says_what_bounds_it() -> None:
    home = at_plan(11_040.0)
    assert home.car.limit_a == 16.0
    assert "as much as" in home.last.reason


def test_what_must_not_wait_takes_all_that_may_flow() -> None:
    assert at_plan(None).car.limit_a == 16.0


def test_where_the_sun_gives_more_than_the_plan_it_is_followed_and_the_reason_is_the_suns() -> None:
    home = at_plan(4140.0)
    home.play(300, sun_w=8000.0)
    assert home.car.power_w == pytest.approx(8000.0, abs=400.0)
    assert (home.last.rule, "surplus" in home.last.reason) == ("follow", True)


def test_where_the_sun_goes_the_plan_holds_its_power() -> None:
    home = at_plan(4140.0, sun_w=8000.0)
    assert home.car.power_w > 7000.0
    home.play(600, sun_w=0.0)
    assert home.car.power_w == pytest.approx(4140.0)
    assert home.last.rule == "plan"
    assert DecisionKind.STOP not in {decision.kind for decision in home.said}


def test_another_quarter_hour_with_more_power_takes_effect_at_once() -> None:
    home = at_plan(4140.0)
    assert home.tick(planned(8280.0)).limit_a == 12.0


def test_a_small_power_is_charged_on_one_phase_and_a_large_one_on_three() -> None:
    assert (at_plan(2000.0, box=BOTH).car.phases, at_plan(8000.0, box=BOTH).car.phases) == (1, 3)


def test_who_wants_it_fast_gets_more_than_the_plan_means() -> None:
    home = Home(boxes=(THREE,))
    home.tick(planned(4140.0), Wish("garage", mode=Mode.FAST))
    home.play(120)
    assert home.car.limit_a == 16.0


def test_one_phase_stays_where_there_is_only_one() -> None:
    assert at_plan(9000.0, box=GARAGE).car.limit_a == 16.0
