"""A house that never was: a sunny day with clouds, a battery, a car and a wallbox with a will of its own.

It implements ``web.house.House`` and ``Archive``, so the page and the API can be seen and tested without the daemon:

    python -m tests.web.fake_house [--port 8080] [--scene SCENE] [--password PW] [--speed N]

SCENE is one of charging, waiting, paused, stale, empty, offline, two, night.

The day is made by a small plant model and a crude controller, a minute at a time, always the same. The words of its
decisions are made up; hemsd's own rules speak for themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from hemsd.bench import Bench
from hemsd.model import (
    ELSEWHERE,
    Attempt,
    Command,
    Decision,
    DecisionKind,
    DimmedBy,
    DispatchStatus,
    Evidence,
    Identities,
    Mode,
    Outcome,
    Reading,
    SiteMinute,
    SteeringState,
    Visit,
    Wish,
)
from hemsd.said import said
from web.auth import hash_of
from web.changes import Changes
from web.custody import Copy, NotKept
from web.custody_models import ClientPage, ClientsPage, NewClientPage
from web.house import NotPlayable, Oddity, Stretch, VisitStory
from web.installer_models import FaultPage, InstallerPage, LogPage, StrangerPage
from web.pages import command_page, decision_page
from web.past_models import PlayedPage, WhatIfPage
from web.plan_models import BlockPage, BoxPlanPage, PlanPage, PlanStoryPage, QuarterPage
from web.server import WebServer, application
from web.settings import WebSettings
from web.state_models import (
    AlertPage,
    BudgetPage,
    CountdownPage,
    DimmedPage,
    LearnedPage,
    MeterPage,
    PowerMixPage,
    SimulationPage,
    SitePage,
    StatePage,
    StoragePage,
    TurnPage,
    VehiclePage,
    WallboxPage,
)

MIDNIGHT = datetime(2026, 6, 20, 22, 0, tzinfo=UTC)  # in Berlin
PLUGGED_IN_MIN = 8 * 60 + 41
VISIT_ID = "0b6c4f0e-6a51-4a3e-9a86-3f6f6f1d2c17"
VOLTAGE_V = 230.0
CAPACITY_WH = 60_000.0


def sun_w(minute: float) -> float:
    """A 9 kWp roof on a day with passing clouds."""
    height = math.sin(math.pi * (minute - 5.2 * 60) / (16.2 * 60)) if 312 < minute < 1284 else 0.0
    clouds = 1.0
    for centre, width, depth in ((560, 9, 0.6), (645, 6, 0.75), (700, 14, 0.8), (742, 5, 0.45), (845, 10, 0.5)):
        clouds -= depth * math.exp(-(((minute - centre) / width) ** 2))
    ripple = 1 + 0.02 * math.sin(minute * 1.7) + 0.015 * math.sin(minute * 0.61)
    return max(0.0, 7600 * height**1.4 * max(clouds, 0.12) * ripple) if height > 0 else 0.0


def house_w(minute: float) -> float:
    base = 260 + 60 * math.sin(minute / 37) + 40 * math.sin(minute / 7.3)
    meals = 1900 * math.exp(-(((minute - 430) / 9) ** 2)) + 2400 * math.exp(-(((minute - 745) / 14) ** 2))
    washing = 1900 if 610 < minute < 632 else 0
    evening = 450 * math.exp(-(((minute - 1200) / 90) ** 2))
    return base + meals + washing + evening


def price_eur(at: datetime) -> float:
    """Two valleys a day, as the exchange has them in summer."""
    hour = (at - MIDNIGHT).total_seconds() / 3600 % 24
    return round(0.31 - 0.08 * math.exp(-(((hour - 3) / 2.5) ** 2)) - 0.11 * math.exp(-(((hour - 13.5) / 2.5) ** 2)), 4)


@dataclass
class Plant:
    """One wallbox, one car, one battery, and the crude controller."""

    mode: Mode = Mode.SOLAR
    boost: bool = False
    target_pct: float | None = 80.0
    ready_by_at: datetime | None = MIDNIGHT + timedelta(hours=31)
    battery_soc: float = 34.0
    car_soc: float = 38.0
    amps: float = 0.0
    phases: int = 1
    car_w: float = 0.0
    start_wh: float = 0.0
    stop_wh: float = 0.0
    changed_min: float = -99.0
    state: SteeringState = SteeringState.IDLE
    visit: Visit | None = None
    grid_w: float = 0.0
    pv_w: float = 0.0
    battery_w: float = 0.0
    house_w: float = 0.0
    minutes: list[SiteMinute] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    def step(self, minute: float, minutes: float) -> None:
        """Moves the world on by ``minutes``, at ``minute`` of the day."""
        at = MIDNIGHT + timedelta(minutes=minute)
        self.pv_w, self.house_w = sun_w(minute), house_w(minute)
        if self.visit is None and minute >= PLUGGED_IN_MIN:
            self.visit = Visit(
                id=VISIT_ID, number=318, wallbox="garage", plugged_in_at=at, vehicle="car", transaction_id=17
            )
        if self.visit:
            self._decide(minute, minutes, at)
        wanted_w = self.amps * self.phases * VOLTAGE_V * 0.985
        self.car_w += (wanted_w - self.car_w) * min(1.0, minutes * 5)
        self.car_w = 0.0 if self.car_w < 40 else self.car_w
        self._balance(minutes)
        self._account(at, minutes)

    def _balance(self, minutes: float) -> None:
        left_w = self.pv_w - self.house_w - self.car_w
        if left_w > 0:
            self.battery_w = -min(left_w * 0.97, 2600.0 if self.battery_soc < 97 else 0.0)
        else:
            self.battery_w = min(-left_w, 2500.0) if self.battery_soc > 20 and self.car_w < 100 else 0.0
        self.battery_soc -= self.battery_w * minutes / 60 / 9600 * 100
        self.grid_w = self.house_w + self.car_w - self.pv_w - self.battery_w

    def _account(self, at: datetime, minutes: float) -> None:
        cars = {"garage": self.car_w} if self.visit else {}
        self.minutes.append(
            SiteMinute(at, self.grid_w, self.pv_w, self.battery_w, self.battery_soc, self.house_w, cars)
        )
        if self.visit is None:
            return
        mix = self.mix()
        hours = minutes / 60
        self.car_soc += self.car_w * hours * 0.9 / CAPACITY_WH * 100
        self.visit = replace(
            self.visit,
            energy_wh=self.visit.energy_wh + self.car_w * hours,
            solar_wh=self.visit.solar_wh + mix.solar_w * hours,
            battery_wh=self.visit.battery_wh + mix.battery_w * hours,
            grid_wh=self.visit.grid_wh + mix.grid_w * hours,
            final_state=self.state,
        )
        a = self.car_w / self.phases / VOLTAGE_V
        currents = (a, a, a) if self.phases == 3 else (a, 0.0, 0.0)
        self.readings.append(
            Reading(
                at=at,
                power_w=self.car_w,
                offered_a=self.amps,
                currents_a=currents,
                energy_wh=1_204_300 + self.visit.energy_wh,
                soc_pct=self.car_soc,
            )
        )

    def mix(self) -> PowerMixPage:
        solar = min(self.car_w, max(self.pv_w - self.house_w, 0.0))
        grid = min(self.car_w - solar, max(self.grid_w, 0.0))
        return PowerMixPage(solar_w=solar, battery_w=max(self.car_w - solar - grid, 0.0), grid_w=grid)

    def _decide(self, minute: float, minutes: float, at: datetime) -> None:
        spare_w = self.pv_w - self.house_w - 150
        amps, phases = self._fit(spare_w)
        running, since_min = self.amps > 0, minute - self.changed_min
        if self.mode is Mode.OFF:
            amps, phases = 0.0, 1
        elif self.mode is Mode.FAST or self.boost:
            amps, phases = 16.0, 3
        elif self.mode is Mode.MIN_SOLAR:
            amps = max(amps, 6.0)
        elif running and amps == 0.0:
            self.stop_wh = min(30.0, self.stop_wh + (1380 - spare_w) * minutes / 60)
            if self.stop_wh < 30 or since_min < 3:
                amps, phases = 6.0, 1
        elif running:
            self.stop_wh = max(0.0, self.stop_wh - (spare_w - 1380) * minutes / 60)
        elif amps > 0:
            self.start_wh = min(10.0, self.start_wh + (spare_w - 1380) * minutes / 60)
            if self.start_wh < 10 or since_min < 3:
                amps, phases = 0.0, 1
        else:
            self.start_wh = 0.0
        if phases != self.phases and running and amps > 0 and since_min < 6:
            amps, phases = (16.0 if phases == 3 else 6.0), self.phases
        self._state(running, amps, since_min)
        if amps != self.amps or phases != self.phases:
            if running and amps > 0 and phases == self.phases and since_min < 4 and minutes >= 1:
                return
            self._send(at, minute, amps, phases, spare_w)
        elif not self.decisions or (at - self.decisions[-1].at) >= timedelta(minutes=5):
            self._write(at, DecisionKind.HOLD, self._hold(spare_w), spare_w)

    @staticmethod
    def _fit(spare_w: float) -> tuple[float, int]:
        if spare_w >= 3 * 6 * VOLTAGE_V * 1.05:
            return float(min(16, int(spare_w / 3 / VOLTAGE_V))), 3
        return (float(min(16, int(spare_w / VOLTAGE_V))), 1) if spare_w >= 6 * VOLTAGE_V else (0.0, 1)

    def _state(self, running: bool, amps: float, since_min: float) -> None:
        if amps > 0:
            self.state = SteeringState.COMMITMENT if since_min < 3 else SteeringState.MODULATING
        elif self.commands:
            self.state = SteeringState.COOLDOWN if since_min < 3 else SteeringState.IDLE

    def _hold(self, spare_w: float) -> str:
        kw = self.car_w / 1000
        if self.mode is Mode.OFF:
            return "Switched off here. Choose Solar to charge from the roof."
        if self.mode is Mode.FAST or self.boost:
            return f"As fast as the house connection allows: {self.amps:.0f} A on {self.phases} phases."
        if self.amps == 0:
            return f"The roof gives {max(spare_w, 0) / 1000:.1f} kW more than the house needs, the car needs 1.4 kW."
        if spare_w < 1380:
            used = f"{self.stop_wh:.0f} of 30 Wh"
            return f"A cloud: {kw:.1f} kW needed, {max(spare_w, 0) / 1000:.1f} kW there. {used} used before a pause."
        over = max(spare_w + 150 - self.car_w, 0) / 1000
        return f"{over:.1f} kW to spare, so it stays at {self.amps:.0f} A."

    def _send(self, at: datetime, minute: float, amps: float, phases: int, spare_w: float) -> None:
        before, was_phases = self.amps, self.phases
        surplus = f"{max(spare_w + 150, 0) / 1000:.1f} kW"
        if before == 0 and amps > 0:
            kind, reason = DecisionKind.START, f"10 of 10 Wh given away at {surplus}: starts with {amps:.0f} A."
        elif amps == 0:
            kind, reason = DecisionKind.STOP, "Clouds used up 30 of 30 Wh: pauses for at least 3 min."
        elif phases != was_phases:
            kind, reason = DecisionKind.STEP, f"{surplus} for 2 min: {_phases(phases)} better, {amps:.0f} A on each."
        else:
            up = "up" if amps > before else "down"
            kind, reason = DecisionKind.STEP, f"Surplus {surplus}: {up} from {before:.0f} A to {amps:.0f} A."
        self.amps, self.phases, self.changed_min = amps, phases, minute
        self.start_wh = self.stop_wh = 0.0
        number = 100 + len(self.commands)
        self._write(at, kind, reason, spare_w, command_id=number)
        self.commands.append(_judged(number, at, amps, phases, before, was_phases))

    def _write(
        self, at: datetime, kind: DecisionKind, reason: str, spare_w: float, command_id: int | None = None
    ) -> None:
        self.decisions.append(
            Decision(
                wallbox="garage",
                at=at,
                kind=kind,
                state=self.state,
                rule="surplus",
                reason=reason,
                limit_a=self.amps,
                phases=self.phases,
                target_w=round(max(spare_w, 0.0)),
                inputs={
                    "grid_w": round(self.grid_w),
                    "pv_w": round(self.pv_w),
                    "surplus_w": round(spare_w + 150),
                    "soc_pct": round(self.car_soc),
                },
                dispatched=command_id is not None,
                command_id=command_id,
                ticks=60 if command_id is None else 1,
            )
        )


def _phases(count: int) -> str:
    return "1 phase fits" if count == 1 else f"{count} phases fit"


def _judged(number: int, at: datetime, amps: float, phases: int, before_a: float, was_phases: int) -> Command:
    """Most are obeyed; a few are not, so that the page has something to tell."""
    outcome, status, offered = Outcome.APPLIED, DispatchStatus.APPLIED, amps
    text = f"Offered {amps:.0f} A after 4 s; the meter shows {amps * 0.985:.1f} A."
    way = "TxDefaultProfile Absolute stack 0 A"
    attempts = [Attempt(at, way, DispatchStatus.APPLIED)]
    if number % 29 == 4:
        outcome, offered = Outcome.ACCEPTED_INEFFECTIVE, before_a
        text = f"The wallbox answered Accepted, but 60 s later it still offers {before_a:.0f} A."
        attempts.append(Attempt(at + timedelta(seconds=30), "TxProfile Absolute stack 0 A", DispatchStatus.APPLIED))
    elif number % 29 == 9:
        outcome, status = Outcome.TIMEOUT, DispatchStatus.TIMEOUT
        text, attempts = "No answer within 30 s.", [Attempt(at, way, DispatchStatus.TIMEOUT)]
    elif number % 29 == 13:
        outcome, text = Outcome.UNVERIFIED, "The car drew nothing, so the limit could not be seen."
    elif phases != was_phases and number % 7 == 0:
        outcome, text = Outcome.PHASE_SWITCH_INEFFECTIVE, f"Asked for {phases} phases, current flows on {was_phases}."
    return Command(
        id=number,
        wallbox="garage",
        at=at,
        sent_s=0.0,
        amps=amps,
        phases=phases,
        watts=amps * phases * VOLTAGE_V,
        visit_id=VISIT_ID,
        before_a=before_a,
        dispatch_status=status,
        outcome=outcome,
        final=True,
        observed_current_offered_a=offered,
        observed_power_w=offered * phases * VOLTAGE_V,
        effect_s=4.0 if outcome is Outcome.APPLIED else None,
        attempts=tuple(attempts),
        evidence=Evidence("offered", text),
    )


class FakeHouse:
    """House and Archive in one."""

    def __init__(self, scene: str = "charging") -> None:
        self.scene = scene
        self.changes = Changes()
        self.wishes: list[Wish] = []
        self.socs: dict[str, float] = {}
        self.dimmed: DimmedPage | None = None
        self.alive = True
        self.grid_delay_s: float | None = None
        self.battery_may_give_w: float | None = None
        self.vehicles: Sequence[str] = ("car",)
        self.plant = Plant()
        self.minute = 0.0
        until = {"night": 22 * 60 + 40, "waiting": PLUGGED_IN_MIN + 6, "paused": 701, "empty": PLUGGED_IN_MIN - 30}.get(
            scene, 14 * 60 + 22
        )
        while self.minute < until:
            self.plant.step(self.minute, 1.0)
            self.minute += 1.0

    @property
    def wallboxes(self) -> Sequence[str]:
        return ("garage", "carport") if self.scene == "two" else ("garage",)

    def advance(self, seconds: float) -> None:
        """Lets time pass, in small steps; the past keeps its minutes."""
        whole = len(self.plant.minutes)
        self.plant.step(self.minute, seconds / 60)
        self.minute += seconds / 60
        if int(self.minute) == int(self.minute - seconds / 60):
            del self.plant.minutes[whole:]
            del self.plant.readings[-1:]
        self.changes.bump()

    # -- House -------------------------------------------------------------------------------------------------------

    def wish(self, wish: Wish) -> None:
        self.wishes.append(wish)
        plant = self.plant
        plant.mode = wish.mode or plant.mode
        if wish.boost is not None:
            plant.boost = wish.boost
        if wish.target_pct is not None:
            plant.target_pct, plant.ready_by_at = wish.target_pct, wish.ready_by_at
        if wish.clear_target:
            plant.target_pct, plant.ready_by_at = None, None
        self.changes.bump()

    def told_soc(self, vehicle: str, soc_pct: float) -> None:
        self.socs[vehicle] = self.plant.car_soc = soc_pct
        self.changes.bump()

    def dim(self, power_w: float, until_at: datetime | None) -> None:
        self.dimmed = DimmedPage(dimmed_w=power_w, source=DimmedBy.API, until=until_at)

    def undim(self) -> None:
        self.dimmed = None

    def tick_age_s(self) -> float | None:
        return 1.5

    def ticking(self) -> bool:
        return self.alive

    @property
    def at(self) -> datetime:
        return MIDNIGHT + timedelta(minutes=self.minute)

    def state(self) -> StatePage:
        plant, stale = self.plant, self.scene == "stale"
        grid = MeterPage(
            power_w=round(plant.grid_w, 1), age_s=75.0 if stale else 0.6, ok=not stale, delay_s=self.grid_delay_s
        )
        boxes = {"garage": self._garage()}
        if self.scene == "two":
            boxes["carport"] = _carport(self.at)
        return StatePage(
            time=self.at,
            version="0.1.0",
            site=SitePage(name="Home", fuse_a=35, timezone="Europe/Berlin", dimmed=self.dimmed),
            meters={
                "grid": grid,
                "pv": MeterPage(power_w=round(plant.pv_w, 1), age_s=0.6, ok=True),
                "battery": MeterPage(
                    power_w=round(plant.battery_w, 1),
                    age_s=2.1,
                    ok=True,
                    soc_pct=round(plant.battery_soc, 1),
                    may_give_w=self.battery_may_give_w,
                    outcome=None if self.battery_may_give_w is None else Outcome.APPLIED,
                ),
            },
            wallboxes=boxes,
            alerts=[_silent_meter(self.at)] if stale else [],
            vehicles={"car": self._car()},
            house_w=round(plant.house_w, 1),
            storage=StoragePage(
                bytes_today=11_400_000,
                max_bytes_per_day=500_000_000,
                database_bytes=84_300_000,
                newest_copy="hemsd.db.copy-20260621",
            ),
            simulate=SimulationPage(speed=1, day="a made-up day in June"),
        )

    def plan(self) -> PlanPage:
        """Prices dip in the night and at noon; the rest of the charge is planned for the night."""
        quarters = [
            QuarterPage(start=at, import_eur_per_kwh=price_eur(at), export_eur_per_kwh=0.08, surplus_w=_spare_w(at))
            for number in range(-8 * 4, 34 * 4)
            if (at := MIDNIGHT + timedelta(hours=8, minutes=15 * number))
        ]
        if self.plant.visit is None or self.plant.target_pct is None:
            return PlanPage(time=self.at, quarters=quarters, wallboxes={})
        begins = MIDNIGHT + timedelta(hours=26)
        missing_kwh = max(0.0, self.plant.target_pct - self.plant.car_soc) / 100 * CAPACITY_WH / 900
        ends = begins + timedelta(minutes=15 * round(missing_kwh / 11 * 4))
        block = BlockPage(
            type="REGULAR", start=begins, end=ends, kwh=round(missing_kwh, 2), cost=round(missing_kwh * 0.24, 2)
        )
        garage = BoxPlanPage(
            reason="The cheapest hours before 07:00; whatever the sun gives until then is taken off.",
            story=PlanStoryPage(
                soc_pct=round(self.plant.car_soc, 1),
                goal_pct=self.plant.target_pct,
                regular_h=(ends - begins) / timedelta(hours=1),
                mean_price=0.24,
                solar_kwh=0.0,
                same_price=False,
                priced_h=20.0,
                all_h=20.0,
            ),
            blocks=[block] if ends > begins else [],
            kwh=round(missing_kwh, 2),
            cost=round(missing_kwh * 0.24, 2),
            target_pct=self.plant.target_pct,
            ready_by=self.plant.ready_by_at,
            level_at_deadline_pct=self.plant.target_pct,
        )
        return PlanPage(time=self.at, quarters=quarters, wallboxes={"garage": garage})

    def _car(self) -> VehiclePage:
        plugged = self.plant.visit is not None
        soc_pct = round(self.plant.car_soc, 1) if plugged else None
        return VehiclePage(
            wallbox="garage",
            capacity_kwh=60,
            phases=3,
            max_a=16,
            plugged=plugged,
            soc_pct=soc_pct,
            soc_age_s=840.0 if plugged else None,
            source="car/soc",
        )

    def _garage(self) -> WallboxPage:
        plant, visit = self.plant, self.plant.visit
        offline = self.scene == "offline"
        commands = [one for one in plant.commands if one.final]
        box = WallboxPage(
            connected=not offline,
            plugged=visit is not None,
            charging=plant.car_w > 100,
            transaction_id=17 if visit else None,
            mode=plant.mode,
            state=plant.state,
            limit_a=plant.amps,
            phases=plant.phases,
            offered_a=plant.amps,
            power_w=round(plant.car_w, 1),
            session_kwh=round(visit.energy_wh / 1000, 3) if visit else None,
            session_solar_kwh=round(visit.solar_wh / 1000, 3) if visit else None,
            session_battery_kwh=round(visit.battery_wh / 1000, 3) if visit else None,
            session_grid_kwh=round(visit.grid_wh / 1000, 3) if visit else None,
            session_cost=_money(visit)[0] if visit else None,
            session_saved=_money(visit)[1] if visit else None,
            session_co2_g=round(visit.grid_wh * 0.35, 1) if visit else None,
            session_co2_saved_g=round(visit.solar_wh * 0.35, 1) if visit else None,
            session_id=VISIT_ID if visit else None,
            plugged_in_at=visit.plugged_in_at if visit else None,
            decision=decision_page(plant.decisions[-1]) if visit and plant.decisions else None,
            command=command_page(plant.commands[-1]) if plant.commands else None,
            link_since=self.at - timedelta(hours=31),
            status=("Charging" if plant.car_w > 100 else "SuspendedEVSE") if visit else "Available",
            vendor="Heidelberg",
            model="Energy Control",
            firmware="1.0.8",
            sample_age_s=3.0,
            learned=LearnedPage(
                response_s=4.2,
                step_a=1.0,
                shortfall_a=0.2,
                car_phases=3,
                way="TxDefaultProfile Absolute stack 0 A",
                way_proven=True,
                zero_pauses=True,
            ),
            falls_back=None,
            writes_today=len(plant.commands),
            mix=plant.mix() if visit else None,
            budgets=BudgetPage(
                start_used_wh=round(plant.start_wh, 1),
                start_wh=10,
                stop_used_wh=round(plant.stop_wh, 1),
                stop_wh=30,
            ),
            vehicle="car",
            soc_pct=round(plant.car_soc, 1) if visit else None,
            target_pct=plant.target_pct,
            ready_by=plant.ready_by_at,
            boost=plant.boost,
            turns=[
                TurnPage(what="more", by_w=260.0, limit_a=plant.amps + 1),
                TurnPage(what="pause", by_w=-max(plant.pv_w - plant.house_w - 1035, 0.0)),
            ]
            if plant.amps > 0
            else [TurnPage(what="start", by_w=max(1035 - plant.pv_w + plant.house_w, 10.0))],
            obeyed=sum(1 for one in commands if one.outcome is Outcome.APPLIED),
            judged=len(commands),
        )
        if plant.state in (SteeringState.COOLDOWN, SteeringState.COMMITMENT):
            what = "minimum_pause" if plant.state is SteeringState.COOLDOWN else "minimum_run"
            ends_at = MIDNIGHT + timedelta(minutes=plant.changed_min + 3)
            box = box.model_copy(update={"countdowns": [CountdownPage(what=what, ends_at=ends_at)]})
        match self.scene:
            case "stale":
                return _stale(box, self.at)
            case "night":
                return _night(box)
        return box

    # -- Archive -----------------------------------------------------------------------------------------------------

    async def visits(
        self, *, from_at: datetime | None, to_at: datetime | None, limit: int, after: str | None
    ) -> Sequence[VisitStory]:
        stories = [] if self.scene == "empty" else _old_visits()
        if self.plant.visit:
            visit = self.plant.visit
            stories.insert(0, VisitStory(visit, *_money(visit), stretches=_stretches(visit)))
        if after is not None:
            ids = [story.visit.id for story in stories]
            stories = stories[ids.index(after) + 1 :] if after in ids else []
        stories = [one for one in stories if from_at is None or (one.visit.plugged_out_at or self.at) >= from_at]
        return [one for one in stories if to_at is None or one.visit.plugged_in_at < to_at][:limit]

    async def visit(self, visit_id: str) -> VisitStory | None:
        stories = await self.visits(from_at=None, to_at=None, limit=999, after=None)
        return next((story for story in stories if story.visit.id == visit_id), None)

    async def decisions(self, visit_id: str) -> Sequence[Decision]:
        return self.plant.decisions if visit_id == VISIT_ID else []

    async def commands(self, visit_id: str) -> Sequence[Command]:
        return self.plant.commands if visit_id == VISIT_ID else []

    async def readings(self, visit_id: str) -> Sequence[Reading]:
        return self.plant.readings if visit_id == VISIT_ID else []

    async def decisions_between(self, from_at: datetime, to_at: datetime) -> Sequence[Decision]:
        return [one for one in self.plant.decisions if from_at <= one.at < to_at]

    async def commands_between(self, from_at: datetime, to_at: datetime) -> Sequence[Command]:
        return [one for one in self.plant.commands if from_at <= one.at < to_at]

    async def history(self, from_at: datetime, to_at: datetime, step_s: int) -> Sequence[SiteMinute]:
        steps: dict[int, list[SiteMinute]] = {}
        for minute in self.plant.minutes:
            if from_at <= minute.at < to_at:
                steps.setdefault(int((minute.at - from_at).total_seconds() // step_s), []).append(minute)
        today = [_mean(from_at + timedelta(seconds=step_s * number), rows) for number, rows in steps.items()]
        return [*(() if self.scene == "empty" else _days_before(from_at, to_at, step_s)), *today]

    # -- Playing -----------------------------------------------------------------------------------------------------

    busy = False

    async def answer(
        self,
        visit: Visit,
        minutes: Sequence[SiteMinute],
        decisions: Sequence[Decision],
        asked: Mapping[str, float | bool | str | None],
    ) -> WhatIfPage:
        """A larger budget before a pause saves starts and costs a little."""
        for key in asked:
            if key not in ("steering.stop_budget_wh", "steering.start_budget_wh", "wallbox.mode"):
                raise NotPlayable(f"{key}: there is no such setting")
        now = PlayedPage(
            kwh=24.9, cost=2.11, solar_kwh=24.4, battery_kwh=0, grid_kwh=0.5, starts=3, phase_switches=2, commands=52
        )
        then = now.model_copy(update={"starts": 1, "grid_kwh": 0.9, "kwh": 25.3, "cost": 2.24})
        return WhatIfPage(hours=5.5, whole=True, now=now, then=then if "steering.stop_budget_wh" in asked else now)

    async def identities(self) -> Identities:
        return Identities("org", "user", "location", {"garage": "box"}, {"car": "vehicle"}, {"home": "policy"})


def _spare_w(at: datetime) -> float:
    """What a forecast would say: no clouds in it."""
    minute = (at - MIDNIGHT).total_seconds() / 60 % 1440
    height = math.sin(math.pi * (minute - 5.2 * 60) / (16.2 * 60)) if 312 < minute < 1284 else 0.0
    return max(0.0, 6400 * height**1.4 - 500) if height > 0 else 0.0


def _days_before(from_at: datetime, to_at: datetime, step_s: int) -> list[SiteMinute]:
    """The same day again and again for 40 days, each with a sky of its own; at noon the car takes what is left."""
    found = []
    at = max(from_at, MIDNIGHT - timedelta(days=40))
    while at < min(to_at, MIDNIGHT):
        minutes = (at - MIDNIGHT).total_seconds() / 60 + step_s / 120
        sky = 0.35 + 0.65 * abs(math.sin(math.floor(minutes / 1440) * 2.3))
        pv, house = sun_w(minutes % 1440) * sky, house_w(minutes % 1440)
        left = max(0.0, pv - house)
        car = min(left, 3680.0) if left > 1380 and math.floor(minutes / 1440) % 3 else 0.0
        found.append(SiteMinute(at, house + car - pv, pv, 0.0, 50.0, house, {"garage": car}))
        at += timedelta(seconds=step_s)
    return found


def _mean(at: datetime, rows: list[SiteMinute]) -> SiteMinute:
    def mean(values: list[float | None]) -> float:
        known = [value for value in values if value is not None]
        return round(sum(known) / max(len(known), 1), 1)

    return SiteMinute(
        at,
        mean([row.grid_w for row in rows]),
        mean([row.pv_w for row in rows]),
        mean([row.battery_w for row in rows]),
        mean([row.soc_pct for row in rows]),
        mean([row.house_w for row in rows]),
        {"garage": mean([row.cars_w.get("garage", 0.0) for row in rows])},
    )


def _silent_meter(at: datetime) -> AlertPage:
    return AlertPage(
        key="grid",
        since=at - timedelta(seconds=75),
        text="The grid meter has been silent for 75 s.",
        remedy="Check its power and its network cable (192.168.1.20).",
        said=said("alarm.grid", "The grid meter has been silent for {age_s:.0f} s.", age_s=75.0),
    )


def _stale(box: WallboxPage, at: datetime) -> WallboxPage:
    assert box.decision is not None
    reason = "I can't judge: the grid meter has been silent for 75 s. Down to 6 A; pausing in 1 min 45 s."
    decision = box.decision.model_copy(update={"kind": DecisionKind.SKIP, "rule": "stale", "reason": reason})
    ends_at = at + timedelta(seconds=105)
    return box.model_copy(
        update={"decision": decision, "countdowns": [CountdownPage(what="stale_stop", ends_at=ends_at)]}
    )


def _night(box: WallboxPage) -> WallboxPage:
    """In the words of hemsd's own rules, which count a surplus below nothing."""
    assert box.decision is not None
    inputs = {"share_w": -420.0, "minimum_w": 1380.0, "given_wh": 0.0, "start_needs_wh": 10.0}
    reason = "-0.4 kW of surplus, too little: charging takes 1.4 kW for 6 A on 1 phase."
    waits = {"kind": DecisionKind.HOLD, "rule": "waiting", "reason": reason, "inputs": inputs}
    turns = [TurnPage(what="start", by_w=1380.0 * 0.75 + 420.0)]
    return box.model_copy(update={"decision": box.decision.model_copy(update=waits), "turns": turns})


def _carport(at: datetime) -> WallboxPage:
    return WallboxPage(
        connected=False,
        plugged=False,
        charging=False,
        transaction_id=None,
        mode=Mode.FAST,
        state=SteeringState.IDLE,
        limit_a=None,
        phases=None,
        offered_a=None,
        power_w=None,
        session_kwh=None,
        session_solar_kwh=None,
        decision=None,
        command=None,
        link_since=at - timedelta(minutes=47),
        vendor="go-e",
        model="Gemini flex",
    )


def _money(visit: Visit) -> tuple[float, float]:
    """(cost, saved): what the sun gave would have earned 8 cents; from the grid it would have cost 32."""
    solar_kwh, grid_kwh = visit.solar_wh / 1000, visit.grid_wh / 1000
    return round(grid_kwh * 0.32 + solar_kwh * 0.08, 2), round(solar_kwh * 0.24, 2)


def _old_visits() -> list[VisitStory]:
    shares = ((0.94, 0.03), (0.31, 0.0), (0.71, 0.12), (1.0, 0.0), (0.0, 0.0), (0.55, 0.05), (0.86, 0.1))
    stories = []
    for number in range(40):
        solar, battery = shares[number % len(shares)]
        energy_wh = 4200.0 + (number * 7919) % 21000
        plugged_in_at = MIDNIGHT - timedelta(hours=30 * number + 14, minutes=number * 7 % 55)
        visit = Visit(
            id=f"00000000-0000-4000-8000-{317 - number:012d}",
            number=317 - number,
            wallbox="garage" if number < 38 else ELSEWHERE,
            vehicle="car" if number % 5 else None,
            plugged_in_at=plugged_in_at,
            plugged_out_at=plugged_in_at + timedelta(hours=2 + number % 9, minutes=number * 13 % 60),
            managed=number % 7 != 4,
            energy_wh=energy_wh,
            solar_wh=energy_wh * solar,
            battery_wh=energy_wh * battery,
            grid_wh=energy_wh * (1 - solar - battery),
            final_state=SteeringState.FINISHED,
        )
        stories.append(
            VisitStory(visit, *_money(visit), (_pit(visit),) if number == 3 else (), obeyed=9 - number % 3, judged=9)
        )
    return stories


def _stretches(visit: Visit) -> tuple[Stretch, ...]:
    """A change of phases after an hour and a cloud after two: three stretches, of which two belong together."""
    spans = ((0, 60, 0.2), (61, 120, 0.3), (140, None, 0.5))
    return tuple(
        Stretch(
            "REGULAR",
            visit.plugged_in_at + timedelta(minutes=begin),
            None if end is None else visit.plugged_in_at + timedelta(minutes=end),
            visit.energy_wh * share,
        )
        for begin, end, share in spans
    )


def _pit(visit: Visit) -> Oddity:
    begin_at = visit.plugged_in_at + timedelta(minutes=50)
    text = "the charge dropped out for 40 minutes though nobody had paused it, and then went on"
    german = "das Laden setzte 40 Minuten lang aus, obwohl es niemand angehalten hatte, und ging dann weiter"
    return Oddity(
        "ENERGY_PIT",
        begin_at,
        begin_at + timedelta(minutes=40),
        f"ENERGY_PIT: {text}.",
        {"en": text, "de": german},
        {"en": "Usually the car: it may have been too warm. Nothing needs doing if it stays rare."},
    )


class FakeCustody:
    """Two programs, and a copy of nothing."""

    def __init__(self) -> None:
        self._clients = {"c1": ("energy cloud", ["analysis", "flex"])}

    def clients(self) -> ClientsPage:
        since = MIDNIGHT - timedelta(days=40)
        return ClientsPage(
            clients=[
                ClientPage(id=key, name=name, scopes=scopes, since=since)
                for key, (name, scopes) in self._clients.items()
            ]
        )

    def add_client(self, name: str, scopes: frozenset[str]) -> NewClientPage:
        if any(name == taken for taken, _ in self._clients.values()):
            raise NotKept(f"there is a client {name!r} already; remove it first, or take another name")
        client_id = f"c{len(self._clients) + 1}"
        self._clients[client_id] = (name, sorted(scopes))
        return NewClientPage(client_id=client_id, client_secret="only-now", name=name, scopes=sorted(scopes))

    def remove_client(self, client_id: str) -> None:
        if self._clients.pop(client_id, None) is None:
            raise NotKept("there is no such client")

    def copy(self) -> Copy:
        raise NotKept("there is no room for a copy")

    async def preview(self) -> str:
        return '# analysis, to cloud.example\n\nPOST https://cloud.example/v1/sessions\n{\n  "session_id": "…"\n}'


class FakeWorkshop:
    """What an installer sees of the made-up house."""

    def __init__(self) -> None:
        self.bench, self.custody = Bench(None), FakeCustody()

    async def page(self) -> InstallerPage:
        at = MIDNIGHT + timedelta(hours=14)
        lines = [
            ("INFO", "hemsd.control", "garage: start 6 A: 1.6 kW of surplus, 10 of 10 Wh given away: enough for 6 A."),
            ("WARNING", "hemsd.supervise", "pv: no answer from 192.168.1.20:502; trying again"),
            ("INFO", "hemsd.supervise", "pv is back"),
        ]
        return InstallerPage(
            config="wallboxes:\n  garage:\n    driver: ocpp\n    charge_point: WB-001\n    password: (hidden)\n",
            file="/etc/hemsd/config.yaml",
            faults=[
                FaultPage(line=7, path="meters.grid.prt", wrong="is no setting here", remedy="did you mean port?"),
            ],
            strangers=[
                StrangerPage(
                    identity="EVB-P17",
                    remote="192.168.1.77",
                    why="config.yaml does not name it",
                    time=at,
                    block="wallboxes:\n  EVB-P17:\n    driver: ocpp\n    charge_point: EVB-P17\n",
                )
            ],
            log=[LogPage(time=at, level=level, logger=logger, text=text) for level, logger, text in lines],
        )

    async def bundle(self) -> bytes:
        return b"PK"


@cache
def hash_once(password: str) -> str:
    """Argon2 takes its time, on purpose."""
    return hash_of(password)


class FakeDoors:
    """Doors with one password and one token."""

    def __init__(self, password: str | None = None, tokens: dict[str, frozenset[str]] | None = None) -> None:
        self._hash = hash_once(password) if password else None
        self._tokens = tokens or {}

    async def password_hash(self) -> str | None:
        return self._hash

    async def token_scopes(self, token: str) -> frozenset[str]:
        return self._tokens.get(token, frozenset())


async def _main(port: int, scene: str, password: str | None, speed: float) -> None:
    house = FakeHouse(scene)
    server = WebServer(
        WebSettings(port=port), application(house, house, FakeDoors(password), playing=house, workshop=FakeWorkshop())
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(server.run())
        await server.listening.wait()
        print(f"http://127.0.0.1:{server.port}/", flush=True)
        while True:
            await asyncio.sleep(1)
            if scene not in ("stale", "waiting", "paused"):
                house.advance(speed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--scene", default="charging")
    parser.add_argument("--password")
    parser.add_argument("--speed", type=float, default=1.0)
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(arguments.port, arguments.scene, arguments.password, arguments.speed))
