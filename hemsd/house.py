"""The present, as the page shows it: what Control, Latest and the running visits know, put together into one object.

Nothing here decides or computes a charge; it only says what the parts already know, in the words of the local API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import hemsd
from drivers.ocpp16.diagnostics import Diagnostics
from hemsd.alerts import Alerts
from hemsd.bills import NO_BILL
from hemsd.clock import Clock
from hemsd.config import VehicleSettings
from hemsd.control import Control
from hemsd.courses import Courses
from hemsd.latest import Latest
from hemsd.model import Command, DimmedBy, Mode, Outcome, Role, Snapshot, WallboxImage, WallboxSettings, Wish
from hemsd.outlook import Outlook, countdowns, turns
from rules.charge import BoxMemory
from rules.dimming import in_force
from web.changes import Changes
from web.pages import command_page, decision_page
from web.plan_models import PlanPage
from web.state_models import (
    AlertPage,
    BudgetPage,
    DimmedPage,
    LearnedPage,
    MeterPage,
    PowerMixPage,
    SimulationPage,
    SitePage,
    StatePage,
    StoragePage,
    VehiclePage,
    WallboxPage,
)

LATE_TICKS = 4.0


@dataclass(slots=True)
class Obedience:
    """How many of a wallbox's commands were obeyed since the daemon started."""

    obeyed: int = 0
    judged: int = 0

    def count(self, command: Command) -> None:
        if command.final and command.outcome is not Outcome.UNVERIFIED:
            self.judged += 1
            self.obeyed += command.outcome is Outcome.APPLIED


@dataclass(slots=True)
class Home:
    """Satisfies ``web.house.House``."""

    clock: Clock
    latest: Latest
    control: Control
    alerts: Alerts
    vehicle_of: Mapping[str, str]  # by wallbox
    cars: Callable[[], Mapping[str, VehicleSettings]] = dict  # by name, as the file has them now
    courses: Courses | None = None  # None: visits are only metered
    simulation: SimulationPage | None = None
    soc_told: Callable[[str, float], None] = lambda _vehicle, _soc_pct: None
    storage: Callable[[], StoragePage | None] = lambda: None
    chose_mode: Callable[[str, Mode], None] = lambda _wallbox, _mode: None
    diagnosed: Callable[[str], Diagnostics | None] = lambda _wallbox: None
    why_silent: Callable[[str], str | None] = lambda _meter: None
    obedience: dict[str, Obedience] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    outlook: Outlook = field(init=False)

    def __post_init__(self) -> None:
        self.outlook = Outlook(self.courses)

    @property
    def wallboxes(self) -> Sequence[str]:
        return [box.name for box in self.control.settings.boxes]

    @property
    def vehicles(self) -> Sequence[str]:
        return list(self.vehicle_of.values())

    def wish(self, wish: Wish) -> None:
        """Into the next tick; a chosen mode outlives a restart."""
        self.control.wish(wish)
        if wish.mode is not None:
            self.chose_mode(wish.wallbox, wish.mode)

    def told_soc(self, vehicle: str, soc_pct: float) -> None:
        self.soc_told(vehicle, soc_pct)
        self.changes.bump()

    def dim(self, power_w: float, until_at: datetime | None) -> None:
        self.control.grid_orders.order(power_w, DimmedBy.API, until_at)
        self.changes.bump()

    def undim(self) -> None:
        self.control.grid_orders.lift(DimmedBy.API)
        self.changes.bump()

    def tick_age_s(self) -> float | None:
        last_s = self.control.last_tick_s
        return None if last_s is None else self.clock.monotonic() - last_s

    def ticking(self) -> bool:
        age_s = self.tick_age_s()
        return age_s is not None and age_s < LATE_TICKS * self.control.settings.steering.tick_s + 10.0

    # --- the page

    def state(self) -> StatePage:
        snapshot = self.latest.freeze()
        site = self.control.settings.site
        return StatePage(
            time=snapshot.at,
            version=hemsd.__version__,
            site=SitePage(
                name=site.name, fuse_a=site.main_fuse_a, timezone=site.timezone, dimmed=self._dimmed(snapshot.at)
            ),
            meters={name: self._meter(name) for name in self.latest.meters},
            wallboxes={
                box.name: self._wallbox(box, image, snapshot)
                for box in self.control.settings.boxes
                for image in snapshot.wallboxes
                if image.name == box.name
            },
            alerts=[
                AlertPage(
                    key=alert.key,
                    since=alert.since_at,
                    text=alert.text,
                    remedy=alert.remedy,
                    said=alert.text,
                    todo=alert.remedy,
                )
                for alert in self.alerts.standing
            ],
            vehicles={name: self._vehicle(car, snapshot) for name, car in self.cars().items()},
            house_w=house_w(snapshot),
            simulate=self.simulation,
            storage=self.storage(),
        )

    def _vehicle(self, car: VehicleSettings, snapshot: Snapshot) -> VehiclePage:
        image = next((each for each in snapshot.wallboxes if each.name == car.wallbox), None)
        alone = sum(other.wallbox == car.wallbox for other in self.cars().values()) == 1
        known = image is not None and alone and image.soc_pct is not None
        return VehiclePage(
            wallbox=car.wallbox,
            capacity_kwh=car.capacity_kwh,
            phases=car.phases,
            max_a=car.max_a,
            plugged=image.plugged if image is not None and alone else None,
            soc_pct=image.soc_pct if image is not None and known else None,
            soc_age_s=round(image.soc_age_s, 1)
            if image is not None and known and image.soc_age_s is not None
            else None,
            source=car.soc.publisher if car.soc is not None else None,
            told_by=image.soc_told_by if image is not None and known else None,
            soc_now_pct=self._reckoned_pct(car.wallbox) if known else None,
        )

    def _reckoned_pct(self, wallbox: str) -> float | None:
        pct = self.outlook.reckoned_pct(wallbox)
        return round(pct, 1) if pct is not None else None

    def plan(self) -> PlanPage:
        return self.outlook.page(self.clock.utc())

    def _dimmed(self, at: datetime) -> DimmedPage | None:
        dimmed = in_force(self.control.settings.site, self.control.grid_orders.standing, at)
        return DimmedPage(dimmed_w=dimmed.power_w, source=dimmed.by, until=dimmed.until_at) if dimmed else None

    def _meter(self, name: str) -> MeterPage:
        metered, role = self.latest.meter(name), self.latest.role_of(name)
        limit_s = self.control.settings.steering.stale_skip_s
        trouble = self.why_silent(name)
        if metered is None:
            return MeterPage(power_w=None, age_s=None, ok=False, role=role, trouble=trouble)
        reading = metered.reading
        order = self.control.battery.order if role is Role.BATTERY else None
        return MeterPage(
            power_w=reading.power_w,
            age_s=round(metered.age_s, 1),
            ok=reading.power_w is not None and metered.age_s <= limit_s,
            delay_s=metered.delay_s or None,
            role=role,
            soc_pct=reading.soc_pct,
            may_give_w=order.may_give_w if order else None,
            outcome=order.outcome if order else None,
            doubts=list(reading.doubts),
            trouble=trouble,
        )

    def _wallbox(self, box: WallboxSettings, image: WallboxImage, snapshot: Snapshot) -> WallboxPage:
        memory = self.control.memory.boxes.get(box.name, BoxMemory())
        order = self.control.orders[box.name]
        decision = self.control.decisions.get(box.name)
        obedience = self.obedience.get(box.name, Obedience())
        sources = self.control.visits.sources.get(box.name)
        running = self.control.visits.running.get(box.name)
        visit = running.visit if running else None
        sample, steering = image.sample, self.control.settings.steering
        target = self.outlook.target(box.name)
        diagnosis = self.diagnosed(box.name)
        bill = self.outlook.bill(visit, snapshot.at) if visit else NO_BILL
        return WallboxPage(
            connected=image.connected,
            plugged=image.plugged,
            charging=image.plugged and (sample.power_w or 0.0) > 100.0 if sample else False,
            transaction_id=image.transaction_id,
            mode=memory.mode or box.mode,
            state=memory.state,
            limit_a=order.limit_a,
            phases=order.phases or (sample.active_phases if sample else None) or None,
            offered_a=sample.offered_a if sample else None,
            power_w=sample.power_w if sample else None,
            session_kwh=_kwh(visit.energy_wh) if visit else None,
            session_solar_kwh=_kwh(visit.solar_wh) if visit else None,
            session_battery_kwh=_kwh(visit.battery_wh) if visit else None,
            session_grid_kwh=_kwh(visit.grid_wh) if visit else None,
            session_id=visit.id if visit else None,
            session_cost=bill.cost_eur,
            session_saved=bill.savings_eur,
            session_co2_g=bill.co2_g,
            session_co2_saved_g=bill.co2_saved_g,
            plugged_in_at=visit.plugged_in_at if visit else None,
            decision=decision_page(decision) if decision else None,
            command=command_page(order.command) if order.command else None,
            link_since=self.clock.utc() - timedelta(seconds=image.link_age_s),
            status=image.status,
            error_code=image.error_code,
            vendor=image.vendor,
            model=image.model,
            firmware=image.firmware,
            steer=box.steer,
            controllable=self.control.controllable(box.name),
            learned=learned(memory, diagnosis),
            falls_back=diagnosis.falls_back if diagnosis else None,
            writes_today=diagnosis.writes_today if diagnosis else None,
            min_a=box.min_a,
            max_a=box.max_a,
            sample_age_s=round(image.sample_age_s, 1) if image.sample_age_s is not None else None,
            mix=PowerMixPage(solar_w=sources.solar_w, battery_w=sources.battery_w, grid_w=sources.grid_w)
            if sources
            else None,
            budgets=self._budgets(memory),
            countdowns=countdowns(box, memory, steering, snapshot, self.outlook.boost_until_at(box.name)),
            next_start=memory.next_start,
            turns=turns(box, memory, steering, self.control.settings.site.voltage_v, decision),
            vehicle=self.vehicle_of.get(box.name),
            soc_pct=image.soc_pct,
            soc_age_s=round(image.soc_age_s, 1) if image.soc_age_s is not None else None,
            soc_now_pct=self._reckoned_pct(box.name) if image.soc_pct is not None else None,
            target_pct=target.minimum_charge_target_pct if target else None,
            ready_by=target.ready_by_at if target else None,
            boost=memory.boost and (memory.because is None or memory.because.rule == "boost"),
            obeyed=obedience.obeyed,
            judged=obedience.judged,
        )

    def _budgets(self, memory: BoxMemory) -> BudgetPage:
        steering = self.control.settings.steering
        return BudgetPage(
            start_used_wh=round(memory.given_wh, 1),
            start_wh=round(memory.start_needs_wh or steering.start_budget_wh, 1),
            stop_used_wh=round(memory.bought_wh, 1),
            stop_wh=round(memory.stop_allows_wh or steering.stop_budget_wh, 1),
        )


def learned(memory: BoxMemory, diagnosis: Diagnostics | None) -> LearnedPage:
    """What the rules found out about wallbox and car, and its driver about the way to say things."""
    response = memory.response
    return LearnedPage(
        response_s=round(response.delay_s, 1),
        step_a=response.step_a,
        shortfall_a=round(response.shortfall_a, 2),
        cap_a=response.cap_a,
        min_a=response.least.minimum_a or None,
        car_phases=response.car_phases,
        way=diagnosis.way if diagnosis else "",
        way_proven=diagnosis.way_proven if diagnosis else None,
        zero_pauses=(diagnosis.zero_proven or None) if diagnosis else None,
    )


def _kwh(energy_wh: float) -> float:
    return round(energy_wh / 1000, 3)


def house_w(snapshot: Snapshot) -> float | None:
    """What the house uses without the cars; not known without a grid reading."""
    if snapshot.grid is None or snapshot.grid.power_w is None:
        return None
    others_w = sum(metered.power_w or 0.0 for metered in (snapshot.pv, snapshot.battery) if metered)
    cars_w = sum(image.power_w or 0.0 for image in snapshot.wallboxes)
    return max(0.0, snapshot.grid.power_w + others_w - cars_w)
