"""A car that sleeps is woken in steps, a car that is content is left alone, and what did not help is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from hemsd.model import Mode, SiteSettings
from rules.wake import NEXT_STEPS, WakeStep
from tests.rules.story import GARAGE, SENDING, Box, Home

FAST = replace(GARAGE, mode=Mode.FAST, max_a=32.0)


def asleep(wakes_when: Callable[[Box], bool] = lambda _: False, box=FAST, **car: object) -> Home:  # type: ignore[no-untyped-def]
    """A car that takes nothing of 10 A."""
    sleeper = Box(hungry=False, wakes_when=wakes_when, **car)  # type: ignore[arg-type]
    return Home(boxes=(box,), site=SiteSettings(main_fuse_a=16.0), house_a=(6.0, 6.0, 6.0), cars={"garage": sleeper})


def sent(home: Home) -> list[tuple[float, str, float | None]]:
    """(when, by which rule, how much) of all that was sent."""
    began_at = home.said[0].at
    return [
        ((decision.at - began_at).total_seconds(), decision.rule, decision.limit_a)
        for decision in home.said
        if decision.kind in SENDING
    ]


def test_the_limit_again_then_a_pause_of_the_pilot_then_a_person_is_told() -> None:
    home = asleep(zero_pauses=True)
    home.play(300.0)
    assert sent(home) == [
        (0.0, "start", 10.0),
        (65.0, "wake_again", 10.0),
        (95.0, "wake_pause", 0.0),  # the fuse leaves no more than 10 A
        (125.0, "wake_back", 10.0),
    ]
    assert home.last.rule == "asleep"
    assert home.last.reason == "The car takes nothing, and nothing that was tried has woken it; 10 A stay offered."


def test_more_current_comes_before_the_pause_where_there_is_room() -> None:
    home = asleep(zero_pauses=True, box=replace(FAST, mode=Mode.SOLAR))
    home.play(300.0, sun_w=1700.0)
    assert [(rule, limit_a) for _, rule, limit_a in sent(home)][1:] == [
        ("wake_again", 7.5),
        ("wake_more", 9.5),
        ("wake_pause", 0.0),
        ("wake_back", 7.5),
    ]


@pytest.mark.parametrize(
    ("wakes_when", "by"),
    [
        (lambda car: car.told_s > 1060.0, "wake_again"),
        (lambda car: car.told_a == 9.5, "wake_more"),
        (lambda car: car.told_a == 0.0, "wake_pause"),
    ],
)
def test_what_wakes_it_is_the_last_that_is_tried(wakes_when: Callable[[Box], bool], by: str) -> None:
    home = asleep(wakes_when, zero_pauses=True, box=replace(FAST, mode=Mode.SOLAR))
    home.play(600.0, sun_w=1700.0)
    assert [rule for _, rule, _ in sent(home) if rule.startswith("wake")][-1] in (by, "wake_back")
    assert home.car.power_w > 1000.0
    assert home.last.rule == "follow"


def test_0_a_is_not_tried_where_it_is_not_proven_nor_with_a_car_that_must_not_be_paused() -> None:
    for home in (asleep(), asleep(zero_pauses=True, box=replace(FAST, never_pause=True))):
        home.play(600.0)
        assert [rule for _, rule, _ in sent(home)] == ["start", "wake_again"]
        assert home.last.rule == "asleep"


@pytest.mark.parametrize(
    "content",
    [
        {"soc_pct": 99.0},
        {"plugged": False},
    ],
)
def test_a_full_car_and_no_car_are_not_woken(content: dict[str, object]) -> None:
    home = asleep(**content)
    home.play(1200.0)
    assert [rule for _, rule, _ in sent(home) if rule.startswith("wake")] == []


def test_a_car_that_stopped_by_itself_has_had_what_it_wanted_until_a_pause_makes_it_sleep() -> None:
    home = asleep(box=replace(FAST, mode=Mode.SOLAR))
    home.car.hungry = True
    home.play(600.0, sun_w=2000.0)
    home.car.hungry = False
    home.play(1200.0)
    assert home.last.rule == "finished"
    home.car.hungry = True
    home.play(60.0)  # it warms itself
    home.play(1200.0, sun_w=0.0)
    home.car.hungry = False
    home.play(1200.0, sun_w=2000.0)
    assert "wake_again" in [rule for _, rule, _ in sent(home)]


@pytest.mark.slow
def test_three_attempts_a_visit_half_an_hour_apart() -> None:
    home = asleep()
    home.play(4 * 3600.0)
    times = [at_s for at_s, rule, _ in sent(home) if rule == "wake_again"]
    assert times == [65.0, 1865.0, 3665.0]
    assert home.last.rule == "asleep"
    home.car.plugged = False
    home.tick()
    home.car.plugged = True
    home.play(120.0)
    assert len([rule for _, rule, _ in sent(home) if rule == "wake_again"]) == 4  # another visit


def test_what_the_fuse_takes_away_is_not_offered_to_wake_anybody() -> None:
    home = asleep(zero_pauses=True)
    home.play(90.0)
    home.play(300.0, house_a=(12.0, 6.0, 6.0))
    assert home.last.rule == "no_room"
    assert all(limit_a == 0.0 for at_s, _, limit_a in sent(home) if at_s >= 90.0)


def test_a_wallbox_that_tells_nothing_is_not_the_cars_fault() -> None:
    home = asleep()
    home.sample_every_s = 1e6
    home.play(600.0)
    assert [rule for _, rule, _ in sent(home)] == ["start"]


def test_every_step_leads_back_to_rest_and_only_forward_otherwise() -> None:
    order = list(WakeStep)
    for step, nexts in NEXT_STEPS.items():
        assert WakeStep.REST in nexts
        backward = {other for other in nexts if order.index(other) < order.index(step)} - {WakeStep.REST}
        assert backward <= ({WakeStep.AGAIN} if step is WakeStep.ASLEEP else set())
