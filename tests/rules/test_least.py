"""A car that charges with 8 A and no less, and of which nobody has said so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hemsd.model import DecisionKind, Mode
from rules.least import Least, seen
from tests.rules.story import GARAGE, Box, Home

PICKY = 8.0
SUN_W = 2300.0  # for 10 A


def noon(mode: Mode = Mode.SOLAR, min_a: float = PICKY) -> Home:
    """It charges with 10 A, and then a cloud comes."""
    home = Home(boxes=(replace(GARAGE, mode=mode),), cars={"garage": Box(min_a=min_a)})
    home.play(400.0, sun_w=SUN_W)
    assert home.last.limit_a == 10.0
    home.play(40.0, sun_w=1500.0)  # for 6.5 A
    return home


def test_a_car_that_gives_up_below_8_a_is_woken_with_a_little_more_and_never_offered_less_again() -> None:
    home = noon()
    assert home.car.power_w == 0.0
    home.play(240.0)
    assert "wake_more" in {decision.rule for decision in home.said}
    shown_a = home.memory.boxes["garage"].response.least.minimum_a
    assert PICKY <= shown_a <= PICKY + 1.0
    home.play(600.0, sun_w=SUN_W)
    assert home.car.power_w > 2000.0
    before = len(home.said)
    for sun_w in (1900.0, 1500.0, 2300.0, 1400.0, 2300.0):
        home.play(300.0, sun_w=sun_w)
    assert {decision.limit_a for decision in home.said[before:]} <= {0.0, *(shown_a + step / 2 for step in range(30))}


def test_with_minimum_and_sun_it_stays_at_what_it_needs() -> None:
    home = noon(Mode.MIN_SOLAR)
    home.play(300.0)
    home.play(1800.0, sun_w=0.0)
    assert home.last.limit_a == pytest.approx(PICKY, abs=1.0)
    assert home.car.power_w > 1500.0
    assert DecisionKind.STOP not in {decision.kind for decision in home.said}


def test_a_full_car_proves_nothing_and_the_next_car_begins_anew() -> None:
    home = noon()
    home.car.hungry = False
    home.play(1800.0)
    assert home.memory.boxes["garage"].response.least.minimum_a == 0.0
    picky = noon()
    picky.play(240.0)
    picky.play(30.0, cars={"garage": Box(plugged=False)})
    picky.play(400.0, cars={"garage": Box()}, sun_w=1500.0)
    assert picky.last.limit_a == 6.5


def test_a_car_that_charges_with_little_is_left_as_it_is() -> None:
    home = noon(min_a=6.0)
    home.play(1800.0)
    assert home.last.limit_a == 6.5
    assert not [decision for decision in home.said if decision.rule.startswith("wake")]


Sample = tuple[float, float, float]  # limit, drawn, seconds after the command


@pytest.mark.parametrize(
    ("samples", "minimum_a"),
    [
        ([(10, 10, 30), (6, 0, 30), (8, 8, 5)], 8.0),
        ([(10, 10, 30), (6, 0, 10), (8, 8, 5)], 0.0),  # it may have been on its way
        ([(10, 10, 30), (6, 0, 30), (6, 6, 60), (8, 8, 5)], 0.0),  # it paused by itself
        ([(10, 10, 30), (8, 8, 30), (6, 0, 30), (12, 3, 5)], 8.0),  # 8 A were enough
        ([(10, 10, 30), (10, 0, 60), (6, 0, 30), (8, 8, 5)], 0.0),  # it had stopped before that
        ([(6, 0, 30), (10, 10, 30)], 0.0),  # it had not drawn before
        ([(10, 10, 30), (6, 0, 30), (8, 8, 5), (6, 6, 30)], 0.0),  # it charges with 6 A after all
        ([(10, 10, 30), (6, 0, 30), (10, 10, 5), (8, 0, 30), (10, 10, 5)], 10.0),  # neither are 8 A enough
    ],
)
def test_a_current_is_too_small_when_the_car_gave_up_at_it_and_drew_with_more(
    samples: list[Sample], minimum_a: float
) -> None:
    least = Least()
    for limit_a, drawn_a, after_s in samples:
        least = seen(least, limit_a, 1, drawn_a, after_s)
    assert least.minimum_a == minimum_a
    assert seen(least, 10.0, 3, 10.0, 30.0).minimum_a == 0.0  # on other phases it may be another
