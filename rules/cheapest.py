"""The cheapest way to get an amount of energy out of a row of quarter-hours.

A wallbox charges with a power out of its ranges (1.4 to 3.7 kW on one phase, 4.1 to 11 kW on three) or not at all, so
a quarter-hour's energy has gaps, and what it costs is a row of straight pieces: the sun first, at the feed-in price
that it would have brought, then the grid. Choosing an energy for each quarter-hour so that their sum is enough and the
cost the least is a knapsack with gaps.

Without the gaps it would be easy: replace each row of pieces by its lower convex hull, take the cheapest stretches of
all hulls until the sum is reached, and the result is optimal (the Lagrangian argument). With the gaps, that cost is a
lower bound, and at most one quarter-hour lands where it can't be, or where it costs more than its hull says (a grid
price below the feed-in price bends the pieces inwards). It is then put right together with one partner, the best one
of all (``_completed``), and where the bound says that more could be had, the parts of its domain are searched one
after the other (branch and bound). The search ends when nothing better can exist, or after ``MAX_NODES``, which
full-size plans seldom need. Nothing here knows what time it is or what a car is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

MAX_NODES = 12
PARTNERS = 12  # the quarter-hours nearest to the margin: those that change hands at the least cost
GOOD_ENOUGH = 5e-4  # of the cost: the search ends when it can gain no more than this (5 EUR: a quarter of a cent)
SAME = 1e-9  # of the cost: the same but for rounding
SLOPE_DIGITS = 12  # slopes in EUR/Wh: rounded, so that equal prices are equal
ALIGNED = 10**-SLOPE_DIGITS
TINY_WH = 1e-6
MILLI = 1000.0


@dataclass(frozen=True, slots=True)
class Slot:
    """What a quarter-hour (or what is left of it) offers. Equal slots are interchangeable."""

    hours: float
    ranges_w: tuple[tuple[float, float], ...]  # ascending, without overlap; 0 is always possible
    import_eur_per_kwh: float
    export_eur_per_kwh: float = 0.0
    sun_w: float = 0.0
    committed_wh: float = 0.0  # charged in any case, at full power; anything up to the maximum may be added

    @property
    def max_wh(self) -> float:
        return self.ranges_w[-1][1] * self.hours

    def sun_wh(self, energy_wh: float) -> float:
        """How much of an energy comes from the sun."""
        return min(energy_wh, self.sun_w * self.hours)

    def cost_eur(self, energy_wh: float) -> float:
        sun_wh = self.sun_wh(energy_wh)
        return (sun_wh * self.export_eur_per_kwh + (energy_wh - sun_wh) * self.import_eur_per_kwh) / MILLI


Point = tuple[float, float]
"""(energy in Wh, cost in EUR)."""


@dataclass(frozen=True, eq=False)
class Domain:
    """The energies that a slot may take: straight pieces from point to point, ascending, gaps between them."""

    pieces: tuple[tuple[Point, Point], ...]

    @cached_property
    def corners(self) -> tuple[Point, ...]:
        return tuple(dict.fromkeys(point for piece in self.pieces for point in piece))

    @cached_property
    def hull(self) -> tuple[Point, ...]:
        """The corners of the lower convex hull, ascending."""
        hull: list[Point] = []
        for point in self.corners:
            while len(hull) >= 2 and _slope(hull[-2], hull[-1]) >= _slope(hull[-2], point) - ALIGNED:
                hull.pop()
            hull.append(point)
        return tuple(hull)

    @cached_property
    def stretches(self) -> tuple[Point, ...]:
        """The hull as (slope in EUR/Wh, length in Wh), the cheapest first."""
        return tuple((round(_slope(low, high), SLOPE_DIGITS), high[0] - low[0]) for low, high in pairwise(self.hull))

    def best_within(self, least_wh: float, most_wh: float) -> Point | None:
        """The cheapest allowed energy between two bounds; None when there is none."""
        best: Point | None = None
        for low, high in self.pieces:
            start_wh, end_wh = max(low[0], least_wh), min(high[0], most_wh)
            if start_wh > end_wh + TINY_WH:
                continue
            for energy_wh in (start_wh, max(start_wh, end_wh)):
                cost_eur = _between(low, high, energy_wh)
                if best is None or cost_eur < best[1]:
                    best = energy_wh, cost_eur
        return best

    def cost_eur(self, energy_wh: float) -> float | None:
        """What an energy costs; None in a gap."""
        point = self.best_within(energy_wh, energy_wh)
        return None if point is None else point[1]

    def split(self, energy_wh: float) -> Iterator[Domain]:
        """The parts below and above an energy, and the piece that it lies in, if it lies in one."""
        below = tuple(piece for piece in self.pieces if piece[1][0] < energy_wh)
        above = tuple(piece for piece in self.pieces if piece[0][0] > energy_wh)
        around = self.pieces[len(below) : len(self.pieces) - len(above)]
        return (Domain(part) for part in (below, around, above) if part)


def _slope(low: Point, high: Point) -> float:
    return (high[1] - low[1]) / (high[0] - low[0])


def _between(low: Point, high: Point, energy_wh: float) -> float:
    return low[1] if high[0] - low[0] < TINY_WH else low[1] + _slope(low, high) * (energy_wh - low[0])


@lru_cache(maxsize=1024)
def domain(slot: Slot) -> Domain:
    """Its ranges as energies, cut where the sun ends."""
    if slot.committed_wh > 0.0:
        ranges = [(min(slot.committed_wh, slot.max_wh), slot.max_wh)]
        pieces: list[tuple[Point, Point]] = []
    else:
        ranges = [(low_w * slot.hours, high_w * slot.hours) for low_w, high_w in slot.ranges_w]
        pieces = [((0.0, 0.0), (0.0, 0.0))]
    sun_wh = slot.sun_w * slot.hours
    for low_wh, high_wh in ranges:
        stops = [low_wh, *([sun_wh] if low_wh + TINY_WH < sun_wh < high_wh - TINY_WH else []), high_wh]
        points = [(stop, slot.cost_eur(stop)) for stop in stops]
        pieces.extend(pairwise(points))
    return Domain(tuple(pieces))


@dataclass(frozen=True, slots=True)
class Filled:
    """The relaxed optimum: every slot on a corner of its hull, but at most one (``torn``), which may be in a gap."""

    energies_wh: tuple[float, ...]
    total_wh: float
    cost_eur: float
    margin_eur_per_wh: float = 0.0
    torn: int | None = None


def cheapest(slots: Sequence[Slot], least_wh: float, most_wh: float) -> tuple[float, ...]:
    """The energy in Wh of each slot, so that the sum lies within the bounds and costs the least.

    More than ``least_wh`` is taken only where it is paid for, or where the steps of the power leave nothing else.
    Where no allowed sum lies within the bounds, one slot gets an energy from a gap: the car ends it by itself. The
    slots together must be able to give ``least_wh``.
    """
    best: tuple[float, tuple[float, ...]] | None = None
    fallback: tuple[float, ...] = ()
    waiting = [tuple(domain(slot) for slot in slots)]
    for _ in range(MAX_NODES):
        if not waiting:
            break
        domains = waiting.pop()
        filled = _filled(domains, least_wh, most_wh)
        if filled is None or (best is not None and filled.cost_eur >= best[0] - GOOD_ENOUGH * abs(best[0])):
            continue
        fallback = fallback or filled.energies_wh
        torn = filled.torn
        if torn is None or _as_cheap_as_its_hull(domains[torn], filled.energies_wh[torn]):
            best = filled.cost_eur, filled.energies_wh
            continue
        found = _completed(domains, filled, torn, least_wh, most_wh)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
        waiting.extend(_with(domains, torn, part) for part in domains[torn].split(filled.energies_wh[torn]))
    return best[1] if best is not None else fallback


def relaxed_cost_eur(domains: tuple[Domain, ...], least_wh: float, most_wh: float) -> float | None:
    """The lower bound: what it would cost without the gaps; None when the bounds can't be met even so."""
    filled = _filled(domains, least_wh, most_wh)
    return None if filled is None else filled.cost_eur


def _with(domains: tuple[Domain, ...], index: int, part: Domain) -> tuple[Domain, ...]:
    return (*domains[:index], part, *domains[index + 1 :])


def _as_cheap_as_its_hull(each: Domain, energy_wh: float) -> bool:
    cost_eur = each.cost_eur(energy_wh)
    return cost_eur is not None and cost_eur <= _on_hull(each, energy_wh) + SAME * abs(cost_eur)


def _filled(domains: tuple[Domain, ...], least_wh: float, most_wh: float) -> Filled | None:
    """The cheapest stretches of all hulls; None when the bounds can't be met even without the gaps."""
    energies_wh = [each.hull[0][0] for each in domains]
    total_wh = sum(energies_wh)
    cost_eur = sum(each.hull[0][1] for each in domains)
    if total_wh > most_wh + TINY_WH:
        return None
    stretches = sorted(
        (slope, index, length_wh) for index, each in enumerate(domains) for slope, length_wh in each.stretches
    )
    for slope, index, length_wh in stretches:
        room_wh = (most_wh if slope < 0.0 else least_wh) - total_wh
        if room_wh <= TINY_WH:
            break
        taken_wh = min(length_wh, room_wh)
        energies_wh[index] += taken_wh
        total_wh += taken_wh
        cost_eur += taken_wh * slope
        if taken_wh < length_wh:
            return Filled(tuple(energies_wh), total_wh, cost_eur, slope, index)
    if total_wh < least_wh - TINY_WH:
        return None
    return Filled(tuple(energies_wh), total_wh, cost_eur)


def _completed(
    domains: tuple[Domain, ...], filled: Filled, torn: int, least_wh: float, most_wh: float
) -> tuple[float, tuple[float, ...]] | None:
    """The best that the torn slot and one partner can do together while all others stay as they are.

    In an optimum only one of the two is inside a piece, as energy could be moved between them otherwise; so one takes
    each of its corners in turn, and the other the best of what that leaves.
    """
    others_wh = filled.total_wh - filled.energies_wh[torn]
    others_eur = filled.cost_eur - _on_hull(domains[torn], filled.energies_wh[torn])
    best: tuple[float, int, float, float] | None = None  # cost, partner, energies of the torn slot and of the partner
    for partner in _partners(domains, filled, torn):
        kept_wh = filled.energies_wh[partner]
        rest_wh = others_wh - kept_wh
        rest_eur = others_eur - _on_hull(domains[partner], kept_wh)
        for first, second, swapped in (
            (domains[torn], domains[partner], False),
            (domains[partner], domains[torn], True),
        ):
            for corner_wh, corner_eur in first.corners:
                answer = second.best_within(least_wh - rest_wh - corner_wh, most_wh - rest_wh - corner_wh)
                if answer is None:
                    continue
                cost_eur = rest_eur + corner_eur + answer[1]
                if best is None or cost_eur < best[0] - SAME * abs(best[0]):
                    pair = (answer[0], corner_wh) if swapped else (corner_wh, answer[0])
                    best = (cost_eur, partner, *pair)
    if best is None:
        return None
    energies_wh = list(filled.energies_wh)
    energies_wh[torn], energies_wh[best[1]] = best[2], best[3]
    return best[0], tuple(energies_wh)


def _on_hull(each: Domain, energy_wh: float) -> float:
    for low, high in pairwise(each.hull):
        if energy_wh <= high[0] + TINY_WH:
            return _between(low, high, energy_wh)
    return each.hull[-1][1]


def _partners(domains: tuple[Domain, ...], filled: Filled, torn: int) -> list[int]:
    """One slot of each kind, those nearest to the margin first."""
    kinds: dict[tuple[int, float], int] = {}
    for index, each in enumerate(domains):
        if index != torn:
            kinds.setdefault((id(each), filled.energies_wh[index]), index)

    def distance(index: int) -> float:
        slopes = domains[index].stretches
        return min((abs(slope - filled.margin_eur_per_wh) for slope, _ in slopes), default=float("inf"))

    return sorted(kinds.values(), key=lambda index: (distance(index), index))[:PARTNERS]
