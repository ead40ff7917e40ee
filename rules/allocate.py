"""One surplus and one fuse, several cars: who gets how much, decided for all of them at once.

A higher priority is filled to its most before a lower one gets anything. Within one priority, charging begins with
whole minimum blocks (a car takes 6 A or nothing), then the rest is shared evenly. Cars that charge come before cars
that wait, so that a start keeps what it was started with; after a while the turn passes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

TINY = 1e-6  # amperes or watts: the same but for rounding


@dataclass(frozen=True, slots=True)
class Demand:
    """What one car could use of the surplus."""

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
    given: dict[str, float] = {}
    left_w = available_w
    for _, group in groupby(ranked, key=lambda demand: demand.priority):
        shares = _share(left_w, list(group))
        given |= shares
        left_w -= sum(shares.values())
    short = [demand for demand in ranked if given[demand.name] < demand.min_w]
    if short:
        given[short[0].name] += left_w
    elif ranked:
        given[ranked[0].name] += left_w  # more than all can take
    return given


def _share(available_w: float, demands: Sequence[Demand]) -> dict[str, float]:
    """Minimum blocks in order, then the rest evenly up to each one's most."""
    shares = dict.fromkeys((demand.name for demand in demands), 0.0)
    left_w = max(0.0, available_w)
    served: list[Demand] = []
    starving: Demand | None = None
    for demand in demands:
        if demand.min_w <= left_w:
            shares[demand.name] = demand.min_w
            left_w -= demand.min_w
            served.append(demand)
        elif demand.charging and starving is None:
            starving = demand
    hungry = served
    while hungry and left_w > TINY:
        even_w = left_w / len(hungry)
        for demand in hungry:
            more_w = min(even_w, max(0.0, demand.max_w - shares[demand.name]))
            shares[demand.name] += more_w
            left_w -= more_w
        hungry = [demand for demand in hungry if demand.max_w - shares[demand.name] > TINY]
    if starving is not None:
        shares[starving.name] = left_w
    return shares


@dataclass(frozen=True, slots=True)
class Claim:
    """What one car could draw through the house fuse."""

    name: str
    priority: int
    phases: tuple[int, ...]  # of the house, 1 to 3
    min_a: float
    max_a: float
    active: bool  # charging, or wanting to whatever the sun does
    order: float = 0.0


def share_fuse(free_a: Sequence[float], free_w: float, volts: float, claims: Sequence[Claim]) -> Mapping[str, float]:
    """Amperes per phase for each car, so that neither a phase nor the sum of watts is exceeded; 0: not even a block.

    Active cars get their minimum in order of priority and then the rest, evenly within a priority; those that wait
    come last.
    """
    room = Room(list(free_a), free_w, volts)
    given = dict.fromkeys((claim.name for claim in claims), 0.0)
    ranked = sorted(claims, key=lambda claim: (not claim.active, claim.priority, claim.order, claim.name))
    for _, active in groupby(ranked, key=lambda claim: claim.active):
        served = []
        for claim in active:
            if claim.min_a <= min(claim.max_a, room.each_a([claim])):
                room.take([claim], claim.min_a)
                given[claim.name] = claim.min_a
                served.append(claim)
        for _, group in groupby(served, key=lambda claim: claim.priority):
            _fill_evenly(list(group), given, room)
    return given


@dataclass(slots=True)
class Room:
    """What is still free while it is dealt out."""

    left_a: list[float]  # on each phase of the house
    left_w: float
    volts: float

    def each_a(self, claims: Sequence[Claim]) -> float:
        """How much more current each of these cars could get at the same time."""
        users = [0, 0, 0]
        for claim in claims:
            for phase in claim.phases:
                users[phase - 1] += 1
        by_phase_a = min(left_a / count for left_a, count in zip(self.left_a, users, strict=True) if count)
        return max(0.0, min(by_phase_a, self.left_w / (self.volts * sum(users))))

    def take(self, claims: Sequence[Claim], current_a: float) -> None:
        for claim in claims:
            for phase in claim.phases:
                self.left_a[phase - 1] -= current_a
            self.left_w -= current_a * self.volts * len(claim.phases)


def _fill_evenly(claims: list[Claim], given: dict[str, float], room: Room) -> None:
    """Raises all together until each is full or has no more room."""
    while claims:
        more_a = min(room.each_a(claims), *(claim.max_a - given[claim.name] for claim in claims))
        room.take(claims, more_a)
        for claim in claims:
            given[claim.name] += more_a
        claims = [claim for claim in claims if claim.max_a - given[claim.name] > TINY and room.each_a([claim]) > TINY]
