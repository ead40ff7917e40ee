"""Cars that hemsd does not steer, or that do not obey: what they draw is a load of the house like any other."""

from dataclasses import replace

from hemsd.model import Mode, SiteSettings, WallboxSettings
from tests.rules.story import GARAGE, Home

WATCHED = WallboxSettings("street", phases="1", steer=False)
FAST = replace(GARAGE, mode=Mode.FAST, max_a=32.0)


def limit_a(home: Home, name: str = "garage") -> float | None:
    return next(decision.limit_a for decision in reversed(home.said) if decision.wallbox == name)


def with_a_watched_car(home: Home, current_a: float) -> Home:
    home.cars["street"].limit_a, home.cars["street"].phases = current_a, 1
    return home


def test_the_fuse_holds_beside_a_car_that_is_only_watched() -> None:
    home = Home(boxes=(FAST, WATCHED), site=SiteSettings(main_fuse_a=25.0), house_a=(3.0, 3.0, 3.0))
    with_a_watched_car(home, 12.0).play(60.0)
    assert limit_a(home) == 25.0 - 3.0 - 12.0


def test_a_watched_car_takes_its_sun_before_anybody_else() -> None:
    home = with_a_watched_car(Home(boxes=(GARAGE, WATCHED)), 10.0)  # 2.3 kW
    home.play(600.0, sun_w=3000.0)
    assert limit_a(home) == 0.0
    home.play(600.0, sun_w=4500.0)
    assert limit_a(home) == 9.5


def test_what_the_grid_operator_leaves_is_also_for_the_car_that_is_only_watched() -> None:
    home = with_a_watched_car(Home(boxes=(FAST, WATCHED), site=SiteSettings(dimmed_w=4200.0)), 10.0)
    home.play(60.0)
    assert limit_a(home) == 8.0  # of 4200 - 2300 W


def test_what_a_box_lets_through_beyond_its_limit_is_no_room_for_another() -> None:
    boxes = (FAST, WallboxSettings("yard", phases="1", mode=Mode.FAST))
    home = Home(boxes=boxes, site=SiteSettings(main_fuse_a=32.0), house_a=(2.0, 2.0, 2.0))
    home.play(60.0)
    assert limit_a(home, "yard") == 15.0
    home.cars["yard"].follows = False  # it stays at 15 A ...
    home.play(120.0, house_a=(20.0, 2.0, 2.0))  # ... when there is room for 6 A and 6 A no more
    assert limit_a(home) == 0.0
