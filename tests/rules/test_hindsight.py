"""A grid meter that is late: what was commanded, and is not yet in its reading, is not given to the car twice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from hemsd.model import Snapshot, WallboxImage
from rules.hindsight import look_back
from tests.rules.story import Home

DELAY_S = 6.0


@dataclass
class LateHome(Home):
    """Its grid meter tells what flowed ``DELAY_S`` ago; ``known`` is whether that was learned."""

    known: bool = True
    flowed: list[tuple[float, Snapshot]] = field(default_factory=list)

    def snapshot(self) -> Snapshot:
        now = super().snapshot()
        grid = now.grid
        assert grid is not None
        self.flowed.append((self.now_s, now))
        read_s = self.now_s - grid.age_s - DELAY_S
        told = next(seen for at_s, seen in self.flowed if at_s >= read_s).grid  # it flows so from one tick to the next
        assert told is not None
        return replace(now, grid=replace(told, delay_s=DELAY_S if self.known else 0.0))

    def most_import_w(self, seconds: float) -> float:
        """The most that was bought while the sun stayed as it is."""
        worst_w, until_s = 0.0, self.now_s + seconds
        while self.now_s < until_s:
            self.tick()
            worst_w = max(worst_w, sum(car.power_w for car in self.cars.values()) - self.sun_w)
        return worst_w


def brightening(*, known: bool) -> tuple[float, int]:
    """The sun goes from 1.8 to 2.9 kW: the most import afterwards, and how many commands it took."""
    home = LateHome(known=known)
    home.play(400.0, sun_w=1800.0)
    before = len(home.sent)
    home.sun_w = 2900.0
    return home.most_import_w(300.0), len(home.sent) - before


def test_a_late_meter_makes_the_car_overshoot_only_while_nobody_knows_that_it_is_late() -> None:
    unknown_w, unknown_commands = brightening(known=False)
    known_w, known_commands = brightening(known=True)
    assert unknown_w > 500.0
    assert known_w < 100.0
    assert known_commands < unknown_commands


def test_the_delay_is_among_the_numbers_of_a_decision_only_where_one_is_known() -> None:
    late, prompt = LateHome(), LateHome(known=False)
    assert late.play(30.0, sun_w=2000.0).inputs["grid_delay_s"] == DELAY_S
    assert "grid_delay_s" not in prompt.play(30.0, sun_w=2000.0).inputs


def test_without_a_delay_nothing_is_kept_and_the_present_counts() -> None:
    home = Home()
    home.play(60.0, sun_w=2000.0)
    assert home.memory.site.looks == ()


@pytest.mark.parametrize(
    ("delay_s", "seen_at_s", "grid_age_s"), [(4.0, 95.0, 0.0), (6.0, 95.0, 2.0), (60.0, 80.0, 41.0)]
)
def test_the_first_tick_after_the_grids_moment_is_looked_at(
    delay_s: float, seen_at_s: float, grid_age_s: float
) -> None:
    grid = Home().snapshot().grid
    assert grid is not None
    grid = replace(grid, age_s=1.0, delay_s=delay_s)
    looks, then = (), None
    for tick in range(5):
        now_s = 80.0 + 5.0 * tick
        looks, then = look_back(looks, now_s, {"garage": WallboxImage("garage", link_age_s=now_s)}, grid)
    assert then is not None
    assert (then.images["garage"].link_age_s, then.grid_age_s) == (seen_at_s, grid_age_s)
