"""The composition root: every part is made here, given what it needs, and run in one task group.

Core tasks (the tick, the couriers, the listeners) run bare: a bug there ends the process, and systemd starts a clean
one. Device tasks run under ``keep``. A stop ends them in the order that leaves the wallboxes safe: the tick first,
then the failsafe is written, then everything else.

With ``simulate`` in config.yaml a simulated home is made as well, on real sockets; nothing else here knows of it.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import signal
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.base import DeviceError, Driver
from drivers.ocpp16.diagnostics import diagnostics_of
from drivers.ocpp16.server import CentralSystem
from hemsd import alerts
from hemsd.adopting import Adopting
from hemsd.assembly import cars_of, control_settings, failsafe_of, on_time, outlets_of, speaker_of
from hemsd.clock import Clock
from hemsd.cloud.service import Cloud
from hemsd.config import Config, ConfigError, NamedMeter, load, named_meters
from hemsd.control import Control
from hemsd.core import Core
from hemsd.dimming import FACT
from hemsd.dispatch import Dispatcher
from hemsd.elsewhere import Elsewhere, residents
from hemsd.front import cloud_of, house_of, page_of
from hemsd.grid_co2 import GridCo2
from hemsd.house import Home, Obedience, house_w
from hemsd.latest import Latest
from hemsd.learned import Learned
from hemsd.logbook import Logbook
from hemsd.meters import battery_control, behind_inverter, meter_drivers, readers, why_silent
from hemsd.model import (
    Command,
    DimmedBy,
    MeterReading,
    Outcome,
    Snapshot,
    StatusChanged,
    StrangerRefused,
    ToldBy,
    WallboxEvent,
    Wish,
)
from hemsd.notices.office import tellers
from hemsd.notices.teller import Teller
from hemsd.ops.lifeboat import open_store
from hemsd.ops.metrics import Metrics, Present
from hemsd.ops.neighbours import neighbours
from hemsd.ops.upkeep import Upkeep
from hemsd.planning import take_over
from hemsd.prices import ToldPrices
from hemsd.scoring.office import Office
from hemsd.series import series_drivers
from hemsd.simulation import clock_for, simulated_home
from hemsd.store.outbox import Mark
from hemsd.store.rows import StoreError
from hemsd.store.store import Store
from hemsd.supervise import Health, Systemd, keep
from hemsd.watch import Watch
from rules.lateness import Bounds
from web.server import WebServer

if TYPE_CHECKING:
    from drivers.simulated.home import SimulatedHome  # a real home never loads it

log = logging.getLogger(__name__)

RELEASE_S = 8.0  # to write the failsafe to every wallbox on a clean stop
RESTART_SECTIONS = ("ocpp", "web", "storage", "simulate", "mqtt", "mdns", "cloud", "tariff", "forecast", "co2")


def run(config_path: Path) -> int:
    """Runs the daemon until a signal ends it. Raises ConfigError; gives the exit status."""
    config = load(config_path)
    try:
        with only_one(config.storage.path):
            asyncio.run(_run(config_path.absolute(), config))
    except (StoreError, DeviceError) as error:
        log.error("%s", error)
        return 1
    except ExceptionGroup as errors:
        expected = errors.subgroup((OSError, DeviceError))
        if expected is None or len(expected.exceptions) < len(errors.exceptions):
            raise
        for each in expected.exceptions:
            log.error("%s", each)
        return 1
    return 0


@contextmanager
def only_one(database: Path) -> Iterator[None]:
    """Two daemons would steer one wallbox against each other. Raises StoreError when another has the database."""
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        lock = database.with_name(database.name + ".lock").open("w")
    except OSError as error:  # a card that can't be written; a second daemon would still find the ports taken
        log.warning("%s can't be locked: %s", database, error)
        yield
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(f"another hemsd is running with {database}") from error
        yield


async def _run(config_path: Path, config: Config) -> None:
    clock = await clock_for(config)
    logbook = Logbook()
    logging.getLogger().addHandler(logbook)
    async with await Daemon.make(
        config, clock, devices=config_path.parent / "devices", file=config_path, logbook=logbook
    ) as daemon:
        gc.freeze()  # what stays need not be looked through again and again: that would hold up a tick by 0.1 s
        await daemon.run(config_path)


@dataclass(slots=True)
class Daemon:
    """All parts of a running hemsd."""

    config: Config
    clock: Clock
    store: Store
    latest: Latest
    control: Control
    central: CentralSystem
    dispatchers: Mapping[str, Dispatcher]
    house: Home
    web: WebServer
    health: Health
    systemd: Systemd
    alerts: alerts.Alerts
    simulated: SimulatedHome | None
    watch: Watch
    learned: Learned
    prices: ToldPrices
    co2: GridCo2
    elsewhere: Elsewhere
    cloud: Cloud
    office: Office
    upkeep: Upkeep
    metrics: Metrics
    neighbours: tuple[Driver, ...]
    adopting: Adopting
    devices: Path | None = None  # where the installer's own device files are
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    snapshots: list[Snapshot] | None = None  # a test may keep what each tick saw
    _meters: list[asyncio.Task[None]] = field(default_factory=list)
    _readers: dict[str, Driver] = field(default_factory=dict)  # by meter
    telling: list[asyncio.Task[None]] = field(default_factory=list)  # who is told of alerts

    @classmethod
    async def make(
        cls,
        config: Config,
        clock: Clock,
        *,
        store: Store | None = None,
        devices: Path | None = None,
        file: Path | None = None,
        logbook: Logbook | None = None,
    ) -> Daemon:
        """Opens the store and puts the parts together; nothing runs yet."""
        store = store or await open_store(config.storage.path, clock)
        sinks = _Sinks()
        core = await Core.make(config, clock, store, sinks.event)
        health, found = Health(), alerts.Alerts()
        house = house_of(config, core, found, sinks.config)
        office = Office.open(
            store,
            clock,
            outlets=outlets_of(config),
            model=config.scoring.model,
            runtime=config.scoring.runtime,
            tell=sinks.odd_station,
            calm=lambda: on_time(house.tick_age_s(), config.steering.tick_s),
        )
        office.sessions.speaker = speaker_of(config)
        upkeep = Upkeep(store, config.storage, clock)
        house.storage = upkeep.page
        cloud = cloud_of(config, core, house)
        roles = {meter.name: meter.role.value for meter in named_meters(config)}
        metrics = Metrics(Present(house.state, house.tick_age_s, health.troubles, roles, store, cloud.waiting))
        watch = Watch(clock, core.control, core.central, store, health, upkeep, cloud)
        adopting = Adopting(
            sinks.config, lambda name: core.central.wallboxes[name], core.control, core.latest, core.learned, clock
        )
        page = page_of(
            config,
            core,
            house,
            office,
            cloud,
            watch,
            metrics,
            adopting,
            now=sinks.config,
            file=file,
            logbook=logbook or Logbook(),
        )
        daemon = cls(
            config=config,
            clock=clock,
            store=store,
            latest=core.latest,
            control=core.control,
            central=core.central,
            dispatchers=core.dispatchers,
            house=house,
            web=page,
            health=health,
            systemd=Systemd(),
            alerts=found,
            simulated=simulated_home(config.simulate, config, clock),
            watch=watch,
            learned=core.learned,
            prices=core.prices,
            co2=core.co2,
            elsewhere=core.elsewhere,
            cloud=cloud,
            upkeep=upkeep,
            metrics=metrics,
            neighbours=neighbours(config, store, house, core.latest),
            office=office,
            adopting=adopting,
            devices=devices,
        )
        sinks.daemon = daemon
        daemon._recall()
        return daemon

    async def __aenter__(self) -> Daemon:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.office.close()
        await self.store.close()

    # --- running

    async def run(self, config_path: Path | None = None) -> None:
        """Until ``stopping`` is set; the wallboxes are at their failsafe when it returns.

        Raises DeviceError, before anything runs, when a device file is not sound.
        """
        meters = self._drivers(self.config)
        async with asyncio.TaskGroup() as group:
            tasks: list[asyncio.Task[None]] = []

            def start(name: str, work: Coroutine[object, object, None]) -> None:
                tasks.append(group.create_task(work, name=name))

            start("central", self.central.run())
            if self.simulated is not None:
                await self.simulated.start()
                start("simulated", self.simulated.run())
                await self.central.listening()
                self.simulated.connect_wallboxes(f"ws://127.0.0.1:{self.central.port}")
            for name, dispatcher in self.dispatchers.items():
                start(f"courier {name}", dispatcher.run())
            self._start_meters(group, meters)
            for driver in series_drivers(self.config, self.clock, self.prices, self.co2, self.health.say):
                start(driver.name, keep(driver.name, driver.run, self.health))
            for name, tell in self.cloud.tellers():
                start(name, keep(name, tell, self.health))
            self._start_tellers(group)
            start("scoring", keep("scoring", self.office.run, self.health))
            start("adopting", keep("adopting", self.adopting.run, self.health))
            start("upkeep", keep("upkeep", self.upkeep.run, self.health))
            for neighbour in self.neighbours:
                start(neighbour.name, keep(neighbour.name, neighbour.run, self.health))
            start("web", self.web.run())
            await self.web.listening.wait()
            ticking = group.create_task(self.control.run(), name="control")
            self._listen_to_signals(group, config_path)
            self.systemd.ready()
            log.info("hemsd is running")
            await self.stopping.wait()
            log.info("Stopping: the wallboxes go to %g A", self.control.failsafe_a)
            self.systemd.stopping()
            ticking.cancel()
            await self._release()
            for task in (*tasks, *self._meters, *self.telling):
                task.cancel()

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(RELEASE_S):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.central.close(self.control.failsafe_a))
                    group.create_task(self.control.battery.release())
        except TimeoutError:
            log.warning(
                "Not every wallbox took the failsafe in time, or the battery its freedom: they do by themselves"
            )

    def _tellers(self) -> tuple[Teller, ...]:
        """Who is told of alerts; they look whenever the alerts were looked at."""
        found = tellers(
            self.config, lambda: self.alerts.standing, self.clock.utc, self.store.facts(), self.store.save_fact
        )

        def wake() -> None:
            for teller in found:
                teller.wake()

        self.alerts.updated = wake
        return found

    def _start_tellers(self, group: asyncio.TaskGroup) -> None:
        """Those of the settings in force; they know what was told before, so nobody hears it twice."""
        for task in self.telling:
            task.cancel()
        self.telling = [
            group.create_task(keep(teller.name, teller.run, self.health), name=teller.name)
            for teller in self._tellers()
        ]

    def _drivers(self, config: Config) -> list[Driver]:
        return meter_drivers(
            config, self.clock, self._metered, self.told_soc, self.devices, self.dimmed, self.elsewhere.hear
        )

    def _start_meters(self, group: asyncio.TaskGroup, drivers: Sequence[Driver]) -> None:
        self._readers = readers(drivers)
        self.control.battery.use(battery_control(drivers))
        for driver in drivers:
            name = f"meter {driver.name}"
            self._meters.append(group.create_task(keep(driver.name, driver.run, self.health), name=name))

    def _listen_to_signals(self, group: asyncio.TaskGroup, config_path: Path | None) -> None:
        loop = asyncio.get_running_loop()
        if config_path is None:
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload, config_path, group)

    # --- sinks

    def _metered(self, meter: str, reading: MeterReading) -> None:
        reader = self._readers.get(meter)
        if reader is not None and self.health.troubles.get(reader.name):
            self.health.say(reader.name, None)
        self.latest.put(meter, reading)
        self.control.metered()

    def _why_silent(self, meter: str) -> str | None:
        reader = self._readers.get(meter)
        return why_silent(meter, reader, self.health.troubles) if reader else None

    def told_soc(self, vehicle: str, soc_pct: float, by: ToldBy = ToldBy.CAR) -> None:
        """A car's level of charge, from MQTT or from its driver."""
        car = self.config.vehicles.get(vehicle)
        if car is not None:
            self.latest.tell_soc(car.wallbox, soc_pct, by)

    def dimmed(self, power_w: float | None, until_at: datetime | None) -> None:
        """What the grid operator leaves to the cars, told over MQTT."""
        if power_w is None:
            self.control.grid_orders.lift(DimmedBy.MQTT)
        else:
            self.control.grid_orders.order(power_w, DimmedBy.MQTT, until_at)
        self.house.changes.bump()

    def notice(self, event: WallboxEvent) -> None:
        """What happened at a wallbox, or who knocked in vain."""
        if isinstance(event, StrangerRefused):
            self.watch.refused(event)
        if isinstance(event, StatusChanged):
            self.office.visits.notice(event)
        self.control.notice(event)
        self.adopting.notice(event)
        self.house.changes.bump()

    def judged(self, command: Command) -> None:
        """A verdict: the wallbox's driver learns from it, and so do the alerts."""
        if not command.final:
            return
        self.metrics.judged(command)
        name = command.wallbox
        self.watch.judged(command)
        self.house.obedience.setdefault(name, Obedience()).count(command)
        if command.outcome is not Outcome.ACCEPTED_INEFFECTIVE:  # of that it has heard, and knew no other way
            self.central.wallboxes[name].verdict(command.outcome)
        witness = self.control.trials.witnesses.get(name)
        if witness is not None:
            self.learned.witness(self.latest.identity(name), witness)

    def ticked(self, snapshot: Snapshot) -> None:
        """After each tick: the watchdog, the alerts, the open pages."""
        self.systemd.alive()
        if self.snapshots is not None:
            self.snapshots.append(snapshot)
        self.elsewhere.look()
        self.prices.uses(house_w(snapshot), self.config.steering.tick_s)
        found = self.watch.found(snapshot, self.config.steering)
        self.alerts.update(found, snapshot.at)
        self.metrics.decided(self.control.decisions)
        self.house.changes.bump()

    # --- what outlives a restart

    def _recall(self) -> None:
        """Chosen modes, what the grid operator ordered, and what was learned of the wallboxes."""
        self.control.grid_orders.recall(self.store.facts().get(FACT))
        self.control.grid_orders.remember = partial(self.store.save_fact, FACT)
        self.control.ticked = self.ticked
        self.control.took = self.metrics.took
        self.house.soc_told = partial(self.told_soc, by=ToldBy.PERSON)
        self.house.why_silent = self._why_silent
        self.house.diagnosed = lambda wallbox: diagnostics_of(self.central.wallboxes[wallbox])
        self.control.judged = self.judged
        self.control.identified = self.identified
        self.control.disobeyed = lambda command: self.central.wallboxes[command.wallbox].verdict(command.outcome)
        self.control.zero_pauses = lambda wallbox: self.central.wallboxes[wallbox].zero_pauses
        self.control.controllable = lambda wallbox: self.central.wallboxes[wallbox].controllable
        self.control.grid_delay.remember = lambda meter, bounds: self.learned.lateness(self._named(meter), bounds)
        self.control.grid_delay.begin(self._late_by)
        for wallbox, mode in self.learned.modes().items():
            if wallbox in self.config.wallboxes:
                self.control.wish(Wish(wallbox, mode=mode))

    def _named(self, meter: str) -> NamedMeter:
        return next(each for each in named_meters(self.config) if each.name == meter)

    def _late_by(self, meter: str) -> tuple[Bounds, ...]:
        return self.learned.late_by(self._named(meter))

    def identified(self, wallbox: str) -> None:
        """A wallbox said who it is: what was learned of its kind counts again."""
        self.control.trials.witnesses[wallbox] = self.learned.witness_of(self.latest.identity(wallbox))

    # --- reload

    def reload(self, config_path: Path, group: asyncio.TaskGroup) -> None:
        """Takes the changed file over between two ticks, or refuses it whole."""
        self.systemd.reloading()
        try:
            config = load(config_path)
            drivers = self._drivers(config)
        except ConfigError as error:
            for problem in error.problems:
                log.error("%s", problem)
            log.error("The changed %s was not taken over; the old settings stay", config_path)
        except DeviceError as error:
            log.error("%s; the changed %s was not taken over", error, config_path)
        else:
            self._take_over(config, group, drivers)
        self.systemd.ready()

    def _take_over(self, config: Config, group: asyncio.TaskGroup, drivers: Sequence[Driver]) -> None:
        kept = [name for name in RESTART_SECTIONS if _differs(self.config, config, name)]
        if set(config.wallboxes) != set(self.config.wallboxes):
            kept.append("wallboxes")
            config = config.model_copy(update={"wallboxes": self.config.wallboxes, "vehicles": self.config.vehicles})
        meters_changed = _differs(self.config, config, "meters")
        same_meters = [name for name, meter in config.meters.items() if self.config.meters.get(name) == meter]
        alerts_changed = any(_differs(self.config, config, section) for section in ("alerts", "site"))
        self.config = config
        waiting = self.central.apply(config.wallboxes, failsafe_of(config))
        kept += [f"wallboxes.{name}.charge_point and .connector" for name in waiting]
        self.control.apply(control_settings(config))
        if self.control.visits.courses is not None:
            take_over(self.control.visits.courses, config, self.store)
        self.control.visits.apply(cars_of(config))
        self.elsewhere.cars = residents(config)
        if meters_changed:
            for task in self._meters:
                task.cancel()
            self._meters.clear()
            self.health.troubles.clear()
            meters = named_meters(config)
            roles = {meter.name: meter.role for meter in meters}
            self.latest.replace_meters(roles, behind_inverter(meters), same=same_meters)
            self.control.grid_delay.begin(self._late_by)
            self._start_meters(group, drivers)
        if alerts_changed:
            self._start_tellers(group)
        log.info("The changed settings are in force")
        if kept:
            log.warning("Changes to %s take effect at the next restart", ", ".join(kept))


class _Sinks:
    """Where events go, and settings come from, for parts that are made before the daemon."""

    daemon: Daemon

    def config(self) -> Config:
        return self.daemon.config

    def event(self, event: WallboxEvent) -> None:
        self.daemon.notice(event)

    def odd_station(self, anomaly: Mapping[str, object]) -> Iterable[Mark]:
        return self.daemon.cloud.marks.of_station(anomaly)


def _differs(before: Config, after: Config, section: str) -> bool:
    return bool(getattr(before, section) != getattr(after, section))
