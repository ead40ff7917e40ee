"""How late the grid meter is: what it says when a reading arrives may be seconds old.

A meter that publishes by pulses, averages, or passes its values through a gateway shows a car's new power long after
the wallbox's samples do. Taken for the present, its reading would have the same watts given to the car twice.

It is learned from steps that hemsd itself makes. A wallbox is told another limit while the house is calm; between two
samples its power moves, and between two readings the grid does, by as much. Neither is seen at the very moment, so
each step only bounds the delay, from both sides; the medians of the last bounds are robust against a kettle that was
switched on just then. A delay counts when it is proven: when even the lower bound is later than chance.

Times are when samples and readings arrived, on one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median

LONGEST_S = 30.0  # a meter later than this is of no use for steering; its staleness says so
PROVEN_S = 1.5  # a reading so little late is of the same moment
NEEDED_STEPS, KEPT_STEPS = 3, 9
CALM_S = 15.0  # the grid has not moved for so long before the step
CALM_W = 300.0
MOVED_W = 600.0  # so much is the step and no noise, on its way up as well
LARGE_W = 1200.0  # 6 A on one phase are 1380 W; a fridge takes 150 W, and a step must stand out
TIMED_S = 11.0  # two samples further apart don't tell when the car followed; most wallboxes send one each 10 s
READ_S = 12.0  # likewise two readings
STANDS_S = 5.0  # after which the grid must still show the step
AS_MUCH = (0.75, 1.33)

Mark = tuple[float, float]  # when, and how many watts


@dataclass(frozen=True, slots=True)
class Bounds:
    """The delay lies between these two, by one step."""

    least_s: float
    most_s: float


@dataclass(frozen=True, slots=True)
class Step:
    """A new limit, until car and grid have both shown it."""

    wallbox: str
    told_s: float
    follows_s: float  # the wallbox's learned delay: by then the car has moved, unless a sample says otherwise
    car_w: float  # before
    grid_w: float
    car_after_s: float  # the last moment at which the car's power was still the old one
    grid_after_s: float
    car_by_s: float | None = None  # the first at which it was not
    grid_by_s: float | None = None
    first_w: float = 0.0  # the car's change when it was first seen
    newest_w: float = 0.0

    @property
    def over_s(self) -> float:
        return self.told_s + LONGEST_S + TIMED_S + STANDS_S + READ_S

    def matches(self, moved_w: float) -> bool:
        """Whether the grid has moved as the car has, which may have gone on moving since."""
        changes_w = sorted((self.first_w, self.newest_w), key=abs)
        least, most = AS_MUCH
        same_way = moved_w * changes_w[0] > 0.0
        return same_way and least * abs(changes_w[0]) <= abs(moved_w) <= most * abs(changes_w[1])


@dataclass(frozen=True, slots=True)
class Lateness:
    """What is known of one grid meter; ``bounds`` is worth remembering, oldest first."""

    bounds: tuple[Bounds, ...] = ()
    step: Step | None = None
    told_s: float | None = None  # the newest command of all
    cars: Mapping[str, Mark] = field(default_factory=dict)  # the newest sample of each wallbox
    grid: Mark | None = None  # the newest reading
    calm: Mark | None = None  # since when the grid has stayed near which power

    @property
    def delay_s(self) -> float:
        """0 while none is proven."""
        return proven_s(self.bounds)


def proven_s(bounds: tuple[Bounds, ...]) -> float:
    if len(bounds) < NEEDED_STEPS:
        return 0.0
    least_s = median(each.least_s for each in bounds)
    most_s = median(each.most_s for each in bounds)
    if least_s < PROVEN_S:
        return 0.0
    return round(min((least_s + most_s) / 2.0, LONGEST_S), 1)


def told(late: Lateness, wallbox: str, now_s: float, follows_s: float) -> Lateness:
    """A wallbox is told another limit. Only one step at a time is clear, and only in a calm house."""
    before_s, step = late.told_s, late.step
    late = replace(late, told_s=now_s)
    if step is not None and now_s <= step.over_s:
        return late if step.wallbox == wallbox else replace(late, step=None)
    car, grid, calm = late.cars.get(wallbox), late.grid, late.calm
    quiet = before_s is None or now_s - before_s >= LONGEST_S
    if not quiet or car is None or grid is None or calm is None or now_s - car[0] > LONGEST_S:
        return replace(late, step=None)
    if now_s - grid[0] > READ_S or now_s - calm[0] < CALM_S:
        return replace(late, step=None)
    return replace(late, step=Step(wallbox, now_s, follows_s, car[1], grid[1], now_s, grid[0]))


def sampled(late: Lateness, wallbox: str, at_s: float, power_w: float) -> Lateness:
    """What a wallbox measured."""
    step = late.step
    if step is not None:
        step = _car_moved(step, at_s, power_w) if step.wallbox == wallbox else _alone(step, late, wallbox, power_w)
    return replace(late, step=step, cars={**late.cars, wallbox: (at_s, power_w)})


def read(late: Lateness, at_s: float, power_w: float) -> Lateness:
    """What the grid meter says."""
    calm, step, bounds = late.calm, late.step, late.bounds
    if calm is None or abs(power_w - calm[1]) > CALM_W:
        calm = (at_s, power_w)
    if step is not None:
        step, found = _grid_moved(step, at_s, power_w)
        bounds = bounds if found is None else (*bounds, found)[-KEPT_STEPS:]
    return Lateness(bounds, step, late.told_s, late.cars, (at_s, power_w), calm)


def _car_moved(step: Step, at_s: float, power_w: float) -> Step | None:
    moved_w = power_w - step.car_w
    if step.car_by_s is not None:
        return replace(step, newest_w=moved_w)
    if abs(moved_w) < MOVED_W:
        return replace(step, car_after_s=max(step.car_after_s, at_s))
    if at_s - step.car_after_s > TIMED_S:
        return None
    usual_s = step.told_s + step.follows_s
    by_s = min(at_s, usual_s) if usual_s > step.car_after_s else at_s
    return replace(step, car_by_s=by_s, first_w=moved_w, newest_w=moved_w)


def _alone(step: Step, late: Lateness, wallbox: str, power_w: float) -> Step | None:
    """The step, unless another car moves too."""
    before = late.cars.get(wallbox)
    return step if before is None or abs(power_w - before[1]) <= CALM_W else None


def _grid_moved(step: Step, at_s: float, power_w: float) -> tuple[Step | None, Bounds | None]:
    """The step as it goes on, if it does, and what it has proved at its end."""
    if at_s > step.over_s:
        return None, None
    moved_w = power_w - step.grid_w
    if step.grid_by_s is None:
        if abs(moved_w) < MOVED_W:
            return replace(step, grid_after_s=at_s), None
        timed = at_s - step.grid_after_s <= READ_S
        return (replace(step, grid_by_s=at_s), None) if timed else (None, None)
    if at_s - step.grid_by_s < STANDS_S:
        return step, None
    if step.car_by_s is None:  # the grid has moved and the car was not heard of yet
        return step, None
    if abs(step.newest_w) < LARGE_W or not step.matches(moved_w):
        return None, None
    least_s, most_s = step.grid_after_s - step.car_by_s, step.grid_by_s - step.car_after_s
    if most_s < 0.0 or least_s > LONGEST_S:  # the grid did not wait for this car, or it was something else
        return None, None
    return None, Bounds(least_s, most_s)
