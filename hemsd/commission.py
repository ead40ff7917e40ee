"""``hemsd commission``: does the grid meter see what the wallbox does? To be asked once, when everything is connected.

A wallbox with a car is told 6 A, then 10 A, and so on a few times; after each step house and car get time to settle,
and then everything is read for a while. ``rules.commission`` makes its judgement of the means. Here is only what the
world needs: a central system on the port of config.yaml, the meters' drivers, patience, and words.

It takes the daemon's place while it runs, and gives way if the daemon is there. The wallbox is left at its failsafe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from drivers.base import DeviceError, Wallbox
from drivers.mqtt import MqttSettings
from drivers.ocpp16.server import CentralSystem
from hemsd.assembly import failsafe_of
from hemsd.clock import Clock
from hemsd.config import Config, load, named_meters, wallbox_settings
from hemsd.latest import Latest
from hemsd.meters import behind_inverter, meter_drivers
from hemsd.model import (
    DispatchStatus,
    Metered,
    PerPhase,
    Role,
    Snapshot,
    StrangerRefused,
    WallboxEvent,
    WallboxImage,
    WallboxSettings,
)
from hemsd.said import said
from hemsd.simulation import clock_for, simulated_home
from hemsd.store.store import Store
from hemsd.supervise import Health, keep
from rules.commission import Installation, Plateau, judge
from rules.findings import Kind

HIGH_A = 10.0
ROUNDS = 2  # up and down again
CONNECT_S = 300.0  # some wallboxes come back after minutes only
CHARGE_S = 120.0
SWITCH_S = 120.0  # changes of phases take up to a minute, and the car another
SETTLE_S = 20.0  # the wallbox applies a limit, the car follows within 5 s (IEC 61851-1), the sample is on its way
WATCH_S = 15.0
EVERY_S = 1.0
ASK_EVERY_S = 5.0
FRESH_S = 10.0  # an older grid reading is not of this moment
RELEASE_S = 8.0

WELL, NOT_WELL = 0, 1

NAMES = {
    Kind.WALLBOX_DOES_NOT_FOLLOW: said("check.kind.lazy", "wallbox does not follow"),
    Kind.RESTLESS: said("check.kind.restless", "the house was too restless"),
    Kind.NO_METER: said("check.kind.no_meter", "no grid meter"),
    Kind.SIGN: said("check.kind.sign", "swapped sign"),
    Kind.SCALE: said("check.kind.scale", "wrong scale"),
    Kind.OUTSIDE: said("check.kind.outside", "meter does not see the wallbox"),
    Kind.INSIDE: said("check.kind.inside", "meter sees only the wallbox"),
    Kind.PHASE_MISSING: said("check.kind.phase_missing", "a phase is missing"),
    Kind.PHASE_REVERSED: said("check.kind.phase_reversed", "a phase is reversed"),
    Kind.ROTATION: said("check.kind.rotation", "another phase order"),
    Kind.GIVING_HOUSE: said("check.kind.giving_house", "the house would give energy"),
    Kind.ODD_SHARE: said("check.kind.odd_share", "a share without a name"),
}

Say = Callable[[str], None]


def main(config_path: Path, wallbox: str | None = None, say: Say = print) -> int:
    """Status 0 when all is well, 1 when something is wrong or nothing could be concluded. Raises ConfigError."""
    config = load(config_path)
    name = wallbox or next(iter(config.wallboxes), None)
    if name not in config.wallboxes:
        say(f"There is no wallbox {name or 'at all'} in {config_path}.")
        return NOT_WELL
    return asyncio.run(_run(config, name, config_path.absolute().parent / "devices", say))


async def _run(config: Config, name: str, devices: Path, say: Say) -> int:
    return await commission(config, await clock_for(config), name, devices, say)


async def commission(config: Config, clock: Clock, name: str, devices: Path | None, say: Say) -> int:
    """Sets everything up, tries, and takes it down again."""
    store = await Store.open(config.storage.path, clock)
    meters = named_meters(config)
    latest = Latest(clock, {meter.name: meter.role for meter in meters}, (*config.wallboxes,), behind_inverter(meters))

    def notice(event: WallboxEvent) -> None:
        if isinstance(event, StrangerRefused):
            say(f"{event.identity!r} from {event.remote} was turned away: {event.why}.")
        latest.apply(event)

    central = CentralSystem(config.ocpp, config.wallboxes, failsafe_of(config), store, clock, notice)
    try:
        drivers = meter_drivers(config, clock, latest.put, latest.tell_soc, devices)
        async with AsyncExitStack() as stack:
            listening = asyncio.create_task(central.run())
            stack.push_async_callback(_ended, listening)
            await _either(listening, central.listening())
            home = simulated_home(config.simulate, config, clock)
            if home is not None:
                await home.start()
                home.connect_wallboxes(f"ws://127.0.0.1:{central.port}")
                stack.push_async_callback(_ended, asyncio.create_task(home.run()))
            for driver in drivers:
                task = asyncio.create_task(keep(driver.name, driver.run, Health()))
                stack.push_async_callback(_ended, task)
            stack.push_async_callback(_left_safe, central, config.steering.failsafe_a)
            settings = next(each for each in wallbox_settings(config) if each.name == name)
            trial = Trial(config, settings, central.wallboxes[name], latest, clock, say)
            say(f"Waiting for {name} at ws://{config.ocpp.host}:{central.port}/{config.wallboxes[name].charge_point}")
            return await trial.run()
    except DeviceError as error:
        say(f"{error}. If hemsd is running, stop it first (sudo systemctl stop hemsd).")
        return NOT_WELL
    finally:
        await store.close()


async def _either(task: asyncio.Task[None], ready: object) -> None:
    """Waits until the central system listens; its failure is ours."""
    waiting = asyncio.ensure_future(ready)  # type: ignore[call-overload]
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        task.result()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _left_safe(central: CentralSystem, failsafe_a: float) -> None:
    try:
        async with asyncio.timeout(RELEASE_S):
            await central.close(failsafe_a)
    except TimeoutError:
        return  # it falls back by itself


@dataclass(slots=True)
class _Sums:
    """What was seen while a limit stood."""

    grid_w: list[float] = field(default_factory=list)
    pv_w: list[float] = field(default_factory=list)
    battery_w: list[float] = field(default_factory=list)
    grid_a: list[PerPhase] = field(default_factory=list)
    box_w: list[float] = field(default_factory=list)
    box_a: list[PerPhase] = field(default_factory=list)
    _newest_s: float = 0.0

    def take(self, snapshot: Snapshot, image: WallboxImage) -> None:
        for values, metered in (
            (self.grid_w, snapshot.grid), (self.pv_w, snapshot.pv), (self.battery_w, snapshot.battery)
        ):  # fmt: skip
            if (watts := _fresh_w(metered)) is not None:
                values.append(watts)
        if snapshot.grid is not None and snapshot.grid.age_s <= FRESH_S:
            self.grid_a.append(snapshot.grid.reading.currents_a)
        sample = image.sample
        if sample is not None and sample.received_s > self._newest_s:
            self._newest_s = sample.received_s
            if sample.power_w is not None:
                self.box_w.append(sample.power_w)
            self.box_a.append(sample.currents_a)

    def plateau(self, limit_a: float, phases: int) -> Plateau:
        return Plateau(
            limit_a,
            phases,
            box_w=_mean(self.box_w),
            grid_w=_mean(self.grid_w),
            box_a=_mean_phases(self.box_a),
            grid_a=_mean_phases(self.grid_a),
            pv_w=_mean(self.pv_w),
            battery_w=_mean(self.battery_w),
        )


def _fresh_w(metered: Metered | None) -> float | None:
    return metered.power_w if metered is not None and metered.age_s <= FRESH_S else None


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _mean_phases(values: Sequence[PerPhase]) -> PerPhase:
    a, b, c = (_mean([each[n] for each in values if each[n] is not None]) for n in range(3))  # type: ignore[misc]
    return a, b, c


@dataclass(slots=True)
class Trial:
    """One wallbox, through all its steps."""

    config: Config
    settings: WallboxSettings
    wallbox: Wallbox
    latest: Latest
    clock: Clock
    say: Say

    async def run(self) -> int:
        if not await self._charges():
            return NOT_WELL
        plateaus: list[Plateau] = []
        for phases in self._phases():
            plateaus += await self._steps(phases)
        findings = judge(plateaus, self._installation())
        for finding in findings:
            self.say(said("check.finding", "\n{kind}: {seen}", kind=NAMES[finding.kind], seen=finding.text))
            self.say(said("check.remedy", "  -> {remedy}", remedy=finding.remedy))
        if not findings:
            self.say(
                said(
                    "check.well",
                    "\nAll is well: the grid meter sees what the wallbox does, as much and in the right direction.",
                )
            )
        return NOT_WELL if findings else WELL

    # --- until it charges

    async def _charges(self) -> bool:
        name = self.settings.name
        if not await self._until(lambda: self._image.connected, CONNECT_S):
            self.say(
                said("check.not_connected", "{name} has not connected. Is its OCPP address this machine's?", name=name)
            )
            return False
        model = f"{self._image.vendor} {self._image.model}".strip()
        self.say(said("check.connected", "{name} is connected: {model}", name=name, model=model or "?"))
        if not await self._until(lambda: self._image.plugged, CHARGE_S):
            self.say(said("check.no_car", "No car is plugged in."))
            return False
        if not await self._until(lambda: self._image.transaction_id is not None, SETTLE_S):
            await self.wallbox.start_transaction()
        if not await self._until(lambda: self._image.transaction_id is not None, CHARGE_S):
            self.say(said("check.no_transaction", "The wallbox has begun no transaction: does it wait for a card?"))
            return False
        return True

    def _phases(self) -> tuple[int, ...]:
        return {"1": (1,), "3": (3,)}.get(self.settings.phases, (3, 1))

    @property
    def _image(self) -> WallboxImage:
        return next(each for each in self.latest.freeze().wallboxes if each.name == self.settings.name)

    async def _until(self, true: Callable[[], bool], within_s: float) -> bool:
        deadline_s = self.clock.monotonic() + within_s
        while not true():
            if self.clock.monotonic() >= deadline_s:
                return False
            await self.clock.sleep(EVERY_S)
        return True

    # --- the steps

    async def _steps(self, phases: int) -> list[Plateau]:
        low_a = max(self.settings.min_a, self.settings.vehicle_min_a or 0.0)
        high_a = min(HIGH_A, self.settings.max_a, self.settings.vehicle_max_a or HIGH_A)
        plateaus: list[Plateau] = []
        for limit_a in (low_a, *(high_a, low_a) * ROUNDS):
            if limit_a == high_a and not self._fuse_allows(high_a - low_a):
                self.say(
                    said("check.fuse", "The house uses so much that the fuse allows no step now; try again later.")
                )
                return plateaus
            if not await self._tell(limit_a, phases):
                return plateaus
            if not plateaus and not await self._until(lambda: self._charges_on(phases), SWITCH_S):
                self.say(
                    said(
                        "check.phases_left_out",
                        "It does not charge on {on}; that part is left out.",
                        on=_phases(phases),
                    )
                )
                return []
            plateaus.append(await self._watch(limit_a, phases))
        return plateaus

    def _charges_on(self, phases: int) -> bool:
        sample = self._image.sample
        if sample is None:
            return False
        active = sample.active_phases
        return (active is None and (sample.power_w or 0.0) > 0.0) or active == phases

    def _fuse_allows(self, more_a: float) -> bool:
        grid = self.latest.freeze().grid
        known = [abs(amps) for amps in grid.reading.currents_a if amps is not None] if grid else []
        return not known or max(known) + more_a <= self.config.site.main_fuse_a

    async def _tell(self, limit_a: float, phases: int) -> bool:
        told = await self.wallbox.send_limit(limit_a, phases, failsafe_a=self.config.steering.failsafe_a)
        if told.status is DispatchStatus.APPLIED:
            return True
        self.say(
            said(
                "check.not_taken",
                "The wallbox does not take {limit_a:g} A on {on}: {answer}",
                limit_a=limit_a,
                on=_phases(phases),
                answer=told.text or told.status,
            )
        )
        return False

    async def _watch(self, limit_a: float, phases: int) -> Plateau:
        await self.clock.sleep(SETTLE_S)
        sums = _Sums(_newest_s=self.clock.monotonic() - EVERY_S)
        began_s = asked_s = self.clock.monotonic()
        await self.wallbox.request_sample()
        while self.clock.monotonic() - began_s < WATCH_S:
            snapshot = self.latest.freeze()
            sums.take(snapshot, self._image)
            if self.clock.monotonic() - asked_s >= ASK_EVERY_S:
                asked_s = self.clock.monotonic()
                await self.wallbox.request_sample()
            await self.clock.sleep(EVERY_S)
        plateau = sums.plateau(limit_a, phases)
        self.say(
            said(
                "check.plateau",
                "  {limit_a:g} A on {on}: wallbox {box}, grid {grid}",
                limit_a=limit_a,
                on=_phases(phases),
                box=_w(plateau.box_w),
                grid=_w(plateau.grid_w),
            )
        )
        return plateau

    def _installation(self) -> Installation:
        grid = next((meter.settings for meter in named_meters(self.config) if meter.role is Role.GRID), None)
        if grid is None:
            return Installation(self.config.site.voltage_v, rotation=self.settings.rotation)
        return Installation(
            self.config.site.voltage_v,
            invert=grid.invert,
            scale=grid.scale if isinstance(grid, MqttSettings) else 1.0,
            inverted_cts=grid.inverted_cts,
            rotation=self.settings.rotation,
        )


def _phases(number: int) -> str:
    return said("phases.one", "one phase") if number == 1 else said("phases.many", "{n:d} phases", n=number)


def _w(watts: float | None) -> str:
    return said("power.unknown", "unknown") if watts is None else said("power", "{watts_w:,.0f} W", watts_w=watts)
