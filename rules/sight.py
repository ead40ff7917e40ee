"""What a tick sees of the house: the age of its readings, what cars draw, what the sun leaves, what the fuse bears.

Nothing is decided here. The site is looked at once, with all its cars; each car's own rules then work on their share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hemsd.model import (
    BatteryOrder,
    Dimmed,
    Mode,
    Outcome,
    SiteSettings,
    Snapshot,
    SteeringSettings,
    WallboxImage,
    WallboxSettings,
)
from rules import dimming, hindsight, limits, response, surplus
from rules.charge import BoxMemory
from rules.hindsight import Look
from rules.response import Currents, Drawn
from rules.surplus import BatteryMemory, BatteryRules

LONGEST_TICK_S = 60.0  # a longer gap (a suspended machine) counts as this much
CARRY_S = 60.0  # how long the last certain surplus stands in while a command is taking effect
THROTTLE_MARGIN_W = 100.0  # an export this close below its limit is taken for a throttled inverter
PROBE_W = 500.0  # then so much more sun is supposed; what is really there shows within seconds


class Freshness(StrEnum):
    """What the age of the grid reading allows."""

    FRESH = "fresh"
    SKIP = "skip"
    STEP = "step"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Party:
    """One wallbox with everything that is known of it."""

    box: WallboxSettings
    memory: BoxMemory
    image: WallboxImage
    only_sun: bool = False  # the home battery is at its floor, and would feed everything else

    @property
    def asked_mode(self) -> Mode:
        return Mode.FAST if self.memory.boost else self.memory.mode or self.box.mode

    @property
    def mode(self) -> Mode:
        """By which the rules go: while the home battery is spared, whatever is asked for follows the sun."""
        asked = self.asked_mode
        return Mode.SOLAR if self.only_sun and asked is not Mode.OFF else asked

    @property
    def taking_part(self) -> bool:
        """Whether its current is ours to say. What any other car draws is the house's own use, like an oven's."""
        return self.box.steer and self.image.plugged and self.image.controllable

    def house_phases(self, count: int) -> tuple[int, ...]:
        return self.box.rotation[:count]


@dataclass(frozen=True, slots=True)
class SiteMemory:
    """What is remembered of the house from tick to tick."""

    battery: BatteryMemory = field(default_factory=BatteryMemory)
    surplus_w: float | None = None  # the last that was certain
    house_a: Currents | None = None  # likewise
    certain_s: float = 0.0
    quarter: int | None = None  # the quarter-hour whose import is being counted
    quarter_wh: float = 0.0
    last_s: float | None = None
    looks: tuple[Look, ...] = ()  # at the wallboxes, while the grid meter is late


@dataclass(frozen=True, slots=True)
class Sight:
    """The house at this tick."""

    dt_s: float  # since the tick before
    freshness: Freshness
    age_s: float  # of the oldest reading that the surplus needs; infinite without one
    surplus_w: float  # what cars may use
    drawn: Mapping[str, Drawn]
    free_a: tuple[float, float, float]  # what the fuse leaves to cars on each phase
    free_w: float  # what the grid operator, and the quarter-hour's peak, leave to cars
    free_because: str
    free_rule: str
    spared_at_pct: float | None  # at this level the home battery is spared: no car takes more than the sun gives
    inputs: Mapping[str, float | str | bool | None]


def look(
    steering: SteeringSettings, site: SiteSettings, parties: tuple[Party, ...], memory: SiteMemory, snapshot: Snapshot
) -> tuple[SiteMemory, Sight]:
    """The house at this tick, and what to remember of it."""
    grid, battery = snapshot.grid, snapshot.battery
    grid_w = grid.power_w if grid is not None else None
    battery_w = battery.power_w if battery is not None else None
    soc_pct = battery.reading.soc_pct if battery is not None else None
    age_s = needed_age_s(steering, snapshot)
    fresh = freshness(steering, age_s)
    looks, then = hindsight.look_back(memory.looks, snapshot.now_s, {p.box.name: p.image for p in parties}, grid)
    if looks:
        parties = tuple(replace(p, image=then.images.get(p.box.name, p.image)) for p in parties)
    drawn = {p.box.name: response.drawn(p.memory.response, p.image, then.grid_age_s, site.voltage_v) for p in parties}
    ours = tuple(p for p in parties if p.taking_part)
    cars_w = sum(drawn[p.box.name].power_w for p in ours)
    known = Known(ours, drawn, snapshot, certain=all(drawn[p.box.name].certain for p in ours))

    rules = BatteryRules(
        steering.battery_first_below_pct, steering.battery_to_car_w, steering.battery_floor_pct, site.battery_max_w
    )
    order = surplus.battery_order(memory.battery, rules, battery_w, soc_pct)
    told = battery is not None and battery.age_s <= steering.battery_stale_s
    told_to = snapshot.battery_order
    order = surplus.battery_floor(
        order,
        rules,
        snapshot.now_s,
        grid_w,
        battery_w,
        soc_pct if told else None,
        listens=told_to is not None and told_to.outcome is Outcome.APPLIED,
    )
    quarter, quarter_wh = _quarter(memory, snapshot, grid_w)
    certain_w, house_a, certain_s = memory.surplus_w, memory.house_a, memory.certain_s
    seen_a = known.house_a(site)
    if fresh is Freshness.FRESH and (known.certain or snapshot.now_s - memory.certain_s > CARRY_S):
        certain_w = surplus.surplus_w(grid_w or 0.0, battery_w or 0.0, cars_w)
        house_a, certain_s = seen_a, snapshot.now_s
    dt_s = 0.0 if memory.last_s is None else min(snapshot.now_s - memory.last_s, LONGEST_TICK_S)
    memory = SiteMemory(order, certain_w, house_a, certain_s, quarter, quarter_wh, snapshot.now_s, looks)
    usable_w = surplus.for_cars_w(certain_w or 0.0, order, rules, soc_pct)
    if site.export_limit_w is not None and grid_w is not None and -grid_w >= site.export_limit_w - THROTTLE_MARGIN_W:
        usable_w += PROBE_W

    one_a, two_a, three_a = _careful_house_a(site, memory, known, seen_a)
    dimmed = dimming.in_force(site, snapshot.grid_orders, snapshot.at)
    others_w = sum(each.power_w for each in drawn.values()) - cars_w
    free_w, free_because, free_rule = _free_w(site, snapshot, dimmed, quarter_wh, (grid_w or 0.0) - cars_w, others_w)
    sight = Sight(
        dt_s=dt_s,
        freshness=fresh,
        age_s=age_s,
        surplus_w=usable_w,
        drawn=drawn,
        free_a=(site.main_fuse_a - one_a, site.main_fuse_a - two_a, site.main_fuse_a - three_a),
        free_w=free_w,
        free_because=free_because,
        free_rule=free_rule,
        spared_at_pct=rules.floor_pct if order.spared else None,
        inputs={
            "grid_w": grid_w,
            "grid_age_s": round(grid.age_s, 1) if grid is not None else None,
            **({"grid_delay_s": grid.delay_s} if grid is not None and grid.delay_s > 0.0 else {}),
            "pv_w": snapshot.pv.power_w if snapshot.pv is not None else None,
            "battery_w": battery_w,
            "battery_soc_pct": soc_pct,
            "cars_w": round(cars_w, 1),
            "surplus_w": None if certain_w is None else round(certain_w, 1),
            **({} if dimmed is None else {"dimmed_w": dimmed.power_w, "dimmed_by": dimmed.by}),
            **_told_battery(told_to),
        },
    )
    return memory, sight


def _told_battery(order: BatteryOrder | None) -> Mapping[str, float | str]:
    if order is None or order.may_give_w is None:
        return {}
    return {"battery_may_give_w": round(order.may_give_w, 1), "battery_outcome": order.outcome}


@dataclass(frozen=True, slots=True)
class Known:
    """Cars and meters of one moment; not ``certain`` while a command is taking effect unseen."""

    parties: tuple[Party, ...]  # those that take part
    drawn: Mapping[str, Drawn]
    snapshot: Snapshot
    certain: bool

    def house_a(self, site: SiteSettings, *, risen: bool = False) -> Currents:
        """The house's own currents; ``risen``: as if the cars had all followed their newest command up."""
        total_a = [0.0, 0.0, 0.0]
        for party in self.parties:
            drawn, most_a = self.drawn[party.box.name], response.told_a(party.image)
            for phase, current_a in zip(party.box.rotation, drawn.most_a if risen else drawn.currents_a, strict=True):
                total_a[phase - 1] += min(current_a, most_a)
        each = [self.drawn[party.box.name] for party in self.parties]
        cars_w = sum(drawn.most_w if risen else drawn.power_w for drawn in each)
        metered = (self.snapshot.grid, self.snapshot.pv, self.snapshot.battery)
        house_w = sum((meter.power_w or 0.0) for meter in metered if meter is not None) - cars_w
        return limits.house_a(self.snapshot.grid, house_w, (total_a[0], total_a[1], total_a[2]), site)


def _careful_house_a(site: SiteSettings, memory: SiteMemory, known: Known, seen_a: Currents) -> Currents:
    """The house's own currents for the fuse; ``seen_a`` is what meter and samples say.

    While a car is following a command, the meter shows its new current and the sample its old one, and the difference
    would look like a load of the house. Then the currents of before count, or more where the meter shows more than
    house and cars together could be; and a phase that is above the fuse is above it, whoever it is.
    """
    grid = known.snapshot.grid
    if known.certain or memory.house_a is None or known.snapshot.now_s - memory.certain_s > CARRY_S:
        return seen_a
    if limits.overloaded(grid, site):
        return seen_a
    least_a = known.house_a(site, risen=True)
    one, two, three = (max(pair) for pair in zip(memory.house_a, least_a, strict=True))
    return one, two, three


def needed_age_s(steering: SteeringSettings, snapshot: Snapshot) -> float:
    """The age of what the surplus rests on. A home battery may be told seldom, but not forgotten."""
    grid, battery = snapshot.grid, snapshot.battery
    if grid is None or grid.power_w is None:
        return math.inf
    if battery is None or battery.age_s <= steering.battery_stale_s:
        return grid.age_s
    return max(grid.age_s, battery.age_s - steering.battery_stale_s + steering.stale_skip_s)


def freshness(steering: SteeringSettings, age_s: float) -> Freshness:
    if age_s <= steering.stale_skip_s:
        return Freshness.FRESH
    if age_s <= steering.stale_step_s:
        return Freshness.SKIP
    if age_s <= steering.stale_stop_s:
        return Freshness.STEP
    return Freshness.STOP


def _quarter(memory: SiteMemory, snapshot: Snapshot, grid_w: float | None) -> tuple[int, float]:
    """The import of the running quarter-hour, by which the grid operator measures peaks."""
    quarter = int(snapshot.at.timestamp() // 900)
    if quarter != memory.quarter or memory.last_s is None:
        return quarter, 0.0
    return quarter, memory.quarter_wh + max(0.0, grid_w or 0.0) * (snapshot.now_s - memory.last_s) / 3600.0


def _free_w(
    site: SiteSettings,
    snapshot: Snapshot,
    dimmed: Dimmed | None,
    quarter_wh: float,
    house_net_w: float,
    others_w: float,
) -> tuple[float, str, str]:
    """What may go into our cars together, who says so, and the rule's name.

    ``house_net_w``: the grid's power without our cars; ``others_w``: what other cars draw.
    """
    free_w, because, rule = math.inf, "the house fuse", limits.FUSE
    if dimmed is not None:
        free_w, rule = max(0.0, dimmed.power_w - others_w), "dimmed"
        because = f"the grid operator's {dimmed.power_w / 1000:g} kW"
    if site.peak_limit_w is not None:
        left_s = max(5.0, 900.0 - snapshot.at.timestamp() % 900.0)
        import_w = max(0.0, site.peak_limit_w / 4.0 - quarter_wh) * 3600.0 / left_s
        peak_w = max(0.0, import_w - house_net_w)
        if peak_w < free_w:
            free_w, because, rule = peak_w, "the peak of this quarter-hour", "peak"
    return free_w, because, rule
