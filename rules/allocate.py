"""One surplus, several cars: who gets how much, decided for all of them at once.

A higher priority is filled to its most before a lower one gets anything. Within one priority, charging begins with
whole minimum blocks (a car takes 6 A or nothing), then the rest is shared evenly. Cars that charge come before cars
that wait, so that a start keeps what it was started with; after a while the turn passes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Demand:
    """What one car could use."""

    name: str
    priority: int  # 1 comes first
    min_w: float
    max_w: float
    charging: bool = False
    order: float = 0.0  # within its priority, among those that charge or wait alike: the smallest is served first


def allocate(available_w: float, demands: Sequence[Demand]) -> Mapping[str, float]:
    """Watts for each car. The sum never exceeds what is available, and grows with it.

    What is left below a block goes to a car that charges (it lives on it while its budget lasts), at last to the
    first that waits (too little to charge with, but it is what its page should show). A shortage is the first one's.
    """
    ranked = sorted(demands, key=lambda demand: (demand.priority, not demand.charging, demand.order, demand.name))
    given = dict.fromkeys((demand.name for demand in ranked), 0.0)
    left_w = available_w
    for _, group in groupby(ranked, key=lambda demand: demand.priority):
        shares = _share(left_w, list(group))
        given |= shares
        left_w -= sum(shares.values())
    short = [demand for demand in ranked if given[demand.name] < demand.min_w]
    if short and left_w != 0.0:
        given[short[0].name] += left_w
    return given


def _share(available_w: float, demands: Sequence[Demand]) -> dict[str, float]:
    """Minimum blocks in order, then the rest evenly up to each one's most."""
    shares = dict.fromkeys((demand.name for demand in demands), 0.0)
    left_w = max(0.0, available_w)
    served: list[Demand] = []
    for demand in demands:
        if demand.min_w <= left_w:
            shares[demand.name] = demand.min_w
            left_w -= demand.min_w
            served.append(demand)
    hungry = served
    while hungry and left_w > 1e-6:
        even_w = left_w / len(hungry)
        for demand in hungry:
            more_w = min(even_w, max(0.0, demand.max_w - shares[demand.name]))
            shares[demand.name] += more_w
            left_w -= more_w
        hungry = [demand for demand in hungry if demand.max_w - shares[demand.name] > 1e-6]
    starving = next((demand for demand in demands if demand.charging and demand not in served), None)
    if starving is not None:
        shares[starving.name] = left_w
    return shares
