"""Somebody who tries names at the door hides nobody, and does not ring for each of them."""

from __future__ import annotations

from hemsd.model import StrangerRefused
from hemsd.strangers import MOST, SHOWN_S, Strangers


def knock(at: Strangers, name: str, now_s: float) -> None:
    at.knocked(StrangerRefused(name, "192.168.1.66", "unknown charge point"), now_s)


def test_a_wallbox_that_knocks_on_stays_in_sight_while_somebody_tries_names() -> None:
    door = Strangers()
    knock(door, "WB-0O1", 0.0)
    for number in range(1000):
        knock(door, f"made-up-{number}", float(number))
        if number % 60 == 0:
            knock(door, "WB-0O1", float(number))
    assert len(door.seen) == MOST
    assert {"WB-0O1", "made-up-999"} <= set(door.lately(1000.0)), "the newest is seen, too"


def test_names_that_are_tried_ring_for_the_first_of_them_only() -> None:
    door = Strangers()
    for number in range(1000):
        knock(door, f"made-up-{number}", float(number))
    standing = set(door.lately(1000.0))
    assert {f"made-up-{number}" for number in range(MOST - 1)} < standing, "an alert that stands is told once"


def test_who_was_not_seen_for_long_makes_room() -> None:
    door = Strangers()
    for number in range(MOST):
        knock(door, f"old-{number}", 0.0)
    assert door.lately(SHOWN_S) == {}
    for number in range(MOST):
        knock(door, f"new-{number}", SHOWN_S + number)
    assert set(door.seen) == {f"new-{number}" for number in range(MOST)}
