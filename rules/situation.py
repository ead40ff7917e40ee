"""What every car may use at this tick: its room below the fuse and its part of the sun, dealt out for all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hemsd.model import Mode, SiteSettings, SteeringSettings
from rules import charge, limits, phases, response
from rules.allocate import Claim, Demand, allocate, share_fuse
from rules.charge import BoxMemory
from rules.limits import Bound
from rules.sight import Party, Sight
from rules.worth import Outlet


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules know of one wallbox at this tick."""

    now_s: float
    dt_s: float
    mode: Mode
    surplus_w: float  # this car's share
    outlet: Outlet
    ceiling_because: str  # what bounds it most on its present phases
    ceiling_rule: str
    drawn_w: float
    draws: bool
    turn_over: bool = False  # another car of the same priority has waited long enough


def situations(
    steering: SteeringSettings, site: SiteSettings, parties: tuple[Party, ...], house: Sight, now_s: float
) -> Mapping[str, Situation]:
    """For each wallbox by name."""
    dealt_a = share_fuse(house.free_a, house.free_w, site.voltage_v, [_claim(p) for p in parties if p.taking_part])
    held, wanted = _taken(site.voltage_v, parties, dealt_a)
    ceilings = {
        p.box.name: _ceilings(site.voltage_v, p, house, dealt_a.get(p.box.name, 0.0), held, wanted) for p in parties
    }
    outlets = {
        p.box.name: Outlet(
            voltage_v=site.voltage_v,
            minimum_a=_minimum_a(p),
            ceiling_a={count: bound.limit_a for count, bound in ceilings[p.box.name].items()},
            response=p.memory.response,
        )
        for p in parties
    }
    demands = [_demand(p, outlets[p.box.name]) for p in parties if p.taking_part]
    shares = allocate(house.surplus_w, demands)
    unserved = frozenset(demand.name for demand in demands if shares[demand.name] < demand.min_w)
    in_vain = _waiting_in_vain(parties, unserved)
    found = {}
    for p in parties:
        name = p.box.name
        found[name] = Situation(
            now_s=now_s,
            dt_s=house.dt_s,
            mode=p.mode,
            surplus_w=shares.get(name, 0.0),
            outlet=outlets[name],
            ceiling_because=_present(ceilings[name], p.memory).because,
            ceiling_rule=_present(ceilings[name], p.memory).rule,
            drawn_w=house.drawn[name].power_w,
            draws=response.draws(p.image),
            turn_over=_turn_over(steering, p, in_vain, now_s),
        )
    return found


def _minimum_a(party: Party) -> float:
    """The least that this car charges with, as somebody has said or as it has shown."""
    shown_a = min(party.memory.response.least.minimum_a, limits.box_bound(party.box).limit_a)
    return max(limits.minimum_a(party.box), shown_a)


def _present(ceilings: Mapping[int, Bound], memory: BoxMemory) -> Bound:
    return ceilings.get(phases.in_force(memory.phase)) or next(iter(ceilings.values()))


def _claim(party: Party) -> Claim:
    """What a car may draw through the fuse; those that charge, or shall whatever the sun does, come first."""
    return Claim(
        name=party.box.name,
        priority=party.box.priority,
        phases=party.house_phases(phases.in_force(party.memory.phase)),
        min_a=_minimum_a(party),
        max_a=limits.box_bound(party.box).limit_a,
        active=party.memory.offering or party.mode in (Mode.FAST, Mode.MIN_SOLAR),
        order=party.memory.turn_s,
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """What all cars together have of the room, and each for itself: what the others leave is one subtraction."""

    each: Mapping[str, tuple[tuple[int, ...], float]]  # the phases of the house, and the current on each of them
    by_phase_a: tuple[float, float, float]
    power_w: float

    @classmethod
    def by(cls, volts: float, each: Mapping[str, tuple[tuple[int, ...], float]]) -> Taken:
        by_phase_a = [0.0, 0.0, 0.0]
        for on, current_a in each.values():
            for phase in on:
                by_phase_a[phase - 1] += current_a
        one_a, two_a, three_a = by_phase_a
        return cls(each, (one_a, two_a, three_a), sum(by_phase_a) * volts)

    def left_a(self, party: Party, house: Sight, volts: float, count: int) -> float:
        """What the others leave to this car on so many phases."""
        on, own_a = self.each[party.box.name]
        left_w = house.free_w - self.power_w + own_a * len(on) * volts
        by_phase_a = (
            house.free_a[phase - 1] - self.by_phase_a[phase - 1] + (own_a if phase in on else 0.0)
            for phase in party.house_phases(count)
        )
        return max(0.0, round(min(*by_phase_a, left_w / (volts * count)), 6))


def _taken(volts: float, parties: tuple[Party, ...], dealt_a: Mapping[str, float]) -> tuple[Taken, Taken]:
    """What is held now on the present phases; and the most that anybody could want, on all phases that he could use."""
    held, wanted = {}, {}
    for p in parties:
        held_a = p.memory.limit_a if p.memory.offering and p.taking_part else 0.0
        held[p.box.name] = (p.house_phases(phases.in_force(p.memory.phase)), held_a)
        widest = p.house_phases(max(phases.choices(p.box)))
        wanted[p.box.name] = (widest, max(held_a, dealt_a.get(p.box.name, 0.0)))
    return Taken.by(volts, held), Taken.by(volts, wanted)


def _ceilings(
    volts: float, party: Party, house: Sight, dealt_a: float, held: Taken, wanted: Taken
) -> Mapping[int, Bound]:
    """The most on each number of phases. Nobody takes room before its present owner has given it up.

    On other phases than the present ones a car gets what nobody else could want at the same tick.
    """
    _, held_a = held.each[party.box.name]
    present = phases.in_force(party.memory.phase)
    box = limits.box_bound(party.box)
    found = {}
    for count in phases.choices(party.box):
        if count == present:
            free_a = min(dealt_a, max(held_a, held.left_a(party, house, volts, count)))
        else:
            free_a = wanted.left_a(party, house, volts, count)
        found[count] = limits.tightest((box, Bound(free_a, house.free_because, house.free_rule)))
    return found


def _demand(party: Party, outlet: Outlet) -> Demand:
    """What a car could use of the sun; one that takes nothing has no part in it."""
    counts = [count for count in outlet.ceiling_a if outlet.highest_a(count) is not None]
    finished = party.memory.state is charge.FINISHED
    if not counts or finished or party.mode is Mode.OFF:
        return Demand(party.box.name, party.box.priority, 0.0, 0.0)
    return Demand(
        name=party.box.name,
        priority=party.box.priority,
        min_w=outlet.minimum_w(min(counts)),
        max_w=outlet.most_w,
        charging=party.memory.offering,
        order=party.memory.turn_s,
    )


def _waiting_in_vain(parties: tuple[Party, ...], unserved: frozenset[str]) -> frozenset[int]:
    """The priorities in which a car waits for the sun, and the sun is not enough for it."""
    return frozenset(
        p.box.priority
        for p in parties
        if p.box.name in unserved and p.mode is Mode.SOLAR and p.memory.state is charge.IDLE
    )


def _turn_over(steering: SteeringSettings, party: Party, in_vain: frozenset[int], now_s: float) -> bool:
    """Whether this car had its turn and another one of the same priority waits for the sun in vain."""
    had_its_turn = party.memory.offering and now_s - party.memory.turn_s >= steering.rotate_after_s
    return had_its_turn and party.box.priority in in_vain
