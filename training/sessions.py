"""Whole sets of sessions: households split before anything else, normals and injected faults drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hemsd.scoring.series import Known, Series
from training.faults import KINDS, METER, PLANT, Injected
from training.simulate import Household, household, known_of, measured, physics
from training.visits import RealVisit, car_models, norwegian_visits

SHARES = (0.60, 0.15)  # training, validation; the rest is the test


@dataclass(frozen=True, slots=True)
class Example:
    household: int
    series: Series
    known: Known
    kind: str | None = None  # the injected fault
    span_s: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Split:
    training: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def split(seed: int) -> Split:
    """Households, not sessions: a model must not meet in the test whom it knows."""
    numbers = sorted({visit.household for visit in norwegian_visits()})
    order = np.random.default_rng(seed).permutation(numbers)
    first, second = int(SHARES[0] * len(order)), int(sum(SHARES) * len(order))
    parts = [tuple(int(n) for n in part) for part in np.split(order, [first, second])]
    return Split(parts[0], parts[1], parts[2])


def examples(households: Sequence[int], count: int, seed: int, *, faulty: float = 0.0) -> Iterator[Example]:
    """``count`` sessions of these households; of them the share ``faulty`` with one injected fault each."""
    rng = np.random.default_rng([seed, 7])
    cars = car_models()
    homes = {number: household(number, np.random.default_rng([seed, number]), cars) for number in households}
    mine = [visit for visit in norwegian_visits() if visit.household in homes]
    per_home: dict[int, int] = {}
    most = max(8, 3 * count // len(households))  # a few households must not be most of the set
    made = 0
    for place in rng.permutation(len(mine)):
        visit = mine[int(place)]
        if made == count:
            return
        if per_home.get(visit.household, 0) >= most:
            continue
        example = _faulty(homes[visit.household], visit, rng) if rng.random() < faulty else _normal(homes, visit, rng)
        if example is not None:
            per_home[visit.household] = per_home.get(visit.household, 0) + 1
            made += 1
            yield example


def _normal(homes: dict[int, Household], visit: RealVisit, rng: np.random.Generator) -> Example | None:
    home = homes[visit.household]
    what = physics(home, visit, rng)
    if what.power_w.sum() / 60 < 300:
        return None  # nothing was offered in time: no charge to judge
    return Example(visit.household, measured(what, rng), known_of(home))


def _faulty(home: Household, visit: RealVisit, rng: np.random.Generator) -> Example | None:
    for _ in range(4):
        injected = inject(home, visit, str(rng.choice(KINDS)), rng)
        if injected is not None:
            return Example(visit.household, injected.series, known_of(home), injected.kind, injected.span_s)
    return None


def inject(home: Household, visit: RealVisit, kind: str, rng: np.random.Generator) -> Injected | None:
    what = physics(home, visit, rng)
    if what.power_w.sum() / 60 < 300:
        return None
    if kind in PLANT:
        span = PLANT[kind](what, rng)
        return None if span is None else Injected(kind, measured(what, rng), (span[0] * 60, span[1] * 60))
    changed = METER[kind](measured(what, rng), home.quantum_wh, rng)
    return None if changed is None else Injected(kind, *changed)
