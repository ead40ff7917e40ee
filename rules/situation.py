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
    ceilings = {p.box.name: _ceilings(site, p, parties, house, dealt_a) for p in parties}
    outlets = {
        p.box.name: Outlet(
            voltage_v=site.voltage_v,
            minimum_a=limits.minimum_a(p.box),
            ceiling_a={count: bound.limit_a for count, bound in ceilings[p.box.name].items()},
            response=p.memory.response,
        )
        for p in parties
    }
    demands = [_demand(p, outlets[p.box.name]) for p in parties if p.taking_part]
    shares = allocate(house.surplus_w, demands)
    unserved = frozenset(demand.name for demand in demands if shares[demand.name] < demand.min_w)
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
            turn_over=_turn_over(steering, p, parties, unserved, now_s),
        )
    return found


def _present(ceilings: Mapping[int, Bound], memory: BoxMemory) -> Bound:
    return ceilings.get(phases.in_force(memory.phase)) or next(iter(ceilings.values()))


def _claim(party: Party) -> Claim:
    """What a car may draw through the fuse; those that charge, or shall whatever the sun does, come first."""
    return Claim(
        name=party.box.name,
        priority=party.box.priority,
        phases=party.house_phases(phases.in_force(party.memory.phase)),
        min_a=limits.minimum_a(party.box),
        max_a=limits.box_bound(party.box).limit_a,
        active=party.memory.offering or party.mode in (Mode.FAST, Mode.MIN_SOLAR),
        order=party.memory.turn_s,
    )


def _ceilings(
    site: SiteSettings, party: Party, parties: tuple[Party, ...], house: Sight, dealt_a: Mapping[str, float]
) -> Mapping[int, Bound]:
    """The most on each number of phases. Nobody takes room before its present owner has given it up.

    On other phases than the present ones a car gets what nobody else could want at the same tick.
    """
    own = party.box.name
    present = phases.in_force(party.memory.phase)
    held_a = {p.box.name: p.memory.limit_a if p.memory.offering and p.taking_part else 0.0 for p in parties}
    wanted_a = {name: max(limit_a, dealt_a.get(name, 0.0)) for name, limit_a in held_a.items()}
    found = {}
    for count in phases.choices(party.box):
        if count == present:
            free_a = _left_a(site, party, parties, house, held_a, count, widest=False)
            free_a = min(dealt_a.get(own, 0.0), max(held_a[own], free_a))
        else:
            free_a = _left_a(site, party, parties, house, wanted_a, count, widest=True)
        found[count] = limits.tightest(
            (limits.box_bound(party.box), Bound(free_a, house.free_because, house.free_rule))
        )
    return found


def _left_a(
    site: SiteSettings,
    party: Party,
    parties: tuple[Party, ...],
    house: Sight,
    taken_a: Mapping[str, float],
    count: int,
    *,
    widest: bool,
) -> float:
    """What the others leave to this car, on the phases that they use or (``widest``) could use."""
    left_a = list(house.free_a)
    left_w = house.free_w
    for other in parties:
        if other is not party:
            phases_there = max(phases.choices(other.box)) if widest else phases.in_force(other.memory.phase)
            for phase in other.house_phases(phases_there):
                left_a[phase - 1] -= taken_a[other.box.name]
                left_w -= taken_a[other.box.name] * site.voltage_v
    return max(0.0, min(*(left_a[phase - 1] for phase in party.house_phases(count)), left_w / (site.voltage_v * count)))


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
        max_w=max(outlet.power_w(outlet.highest_a(count) or 0.0, count) for count in counts),
        charging=party.memory.offering,
        order=party.memory.turn_s,
    )


def _turn_over(
    steering: SteeringSettings, party: Party, parties: tuple[Party, ...], unserved: frozenset[str], now_s: float
) -> bool:
    """Whether this car had its turn and another one of the same priority waits for the sun in vain."""
    if not party.memory.offering or now_s - party.memory.turn_s < steering.rotate_after_s:
        return False
    return any(
        other.box.name in unserved
        and other.box.priority == party.box.priority
        and other.mode is Mode.SOLAR
        and other.memory.state is charge.IDLE
        for other in parties
    )
