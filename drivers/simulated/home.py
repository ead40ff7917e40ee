"""The whole simulated home, running: meters on Modbus, wallboxes on OCPP, and the physics that move with the clock.

Start-up goes the way of a real installation. ``start`` opens the Modbus port, so that hemsd can be told where its
meters are; ``connect_wallboxes`` tells the wallboxes where hemsd is; ``run`` keeps all of it going until cancelled. A
test reaches into the home as a person would: it pulls the plug, silences a meter, moves a cloud before the sun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drivers.simulated import day
from drivers.simulated.meters import BATTERY_UNIT, GRID_UNIT, INVERTER_UNIT, Meter, MeterServer
from drivers.simulated.personalities import Personality
from drivers.simulated.physics import Battery, Car, Home
from drivers.simulated.settings import SimulatedBattery, SimulatedCar, SimulateSettings
from drivers.simulated.wallbox import SimulatedWallbox, WallboxSpec, WallboxState
from hemsd.clock import Clock

STEP_S = 1.0  # simulated
LEAST_PAUSE_S = 0.02  # real: nobody looks more often than this


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the meters answer; all three on one Modbus TCP server."""

    host: str
    modbus: int
    inverter_unit: int = INVERTER_UNIT
    grid_unit: int = GRID_UNIT
    battery_unit: int | None = BATTERY_UNIT


@dataclass(frozen=True, slots=True)
class HomeState:
    """What really happens in the home, for people and for tests in another process."""

    t_s: float
    grid_w: float
    pv_w: float
    house_w: float
    battery_w: float
    wallboxes: Mapping[str, WallboxState]


class SimulatedHome:
    def __init__(
        self,
        settings: SimulateSettings,
        clock: Clock,
        wallboxes: Sequence[WallboxSpec] = (),
        *,
        voltage_v: float = 230.0,
        host: str = "127.0.0.1",
    ) -> None:
        self.settings = settings
        self.wallboxes: Mapping[str, SimulatedWallbox] = {
            spec.name: SimulatedWallbox(spec, clock, voltage_v) for spec in wallboxes
        }
        self.physics = Home(
            day.load(settings.day),
            {name: wallbox.station for name, wallbox in self.wallboxes.items()},
            _battery(settings.battery),
            t_s=settings.start_s,
            voltage_v=voltage_v,
            noise_w=settings.noise_w,
            seed=settings.seed,
        )
        self.cars = {name: _car(settings.car, box.personality) for name, box in self.wallboxes.items()}
        self._clock = clock
        self._origin_s = clock.monotonic() - settings.start_s
        self._host = host
        self._meters = MeterServer(self.physics, self.advance, host, settings.modbus_port)
        self._url: asyncio.Future[str] | None = None
        if settings.car.plugged:
            for name in self.wallboxes:
                self.plug(name)

    # -------------------------------------------------------------------------------------------- what a test may do

    @property
    def wallbox(self) -> SimulatedWallbox:
        """The first one: most homes have no other."""
        return next(iter(self.wallboxes.values()))

    @property
    def car(self) -> Car:
        return next(iter(self.cars.values()))

    @property
    def grid_meter(self) -> Meter:
        return self._meters.grid

    @property
    def inverter(self) -> Meter:
        return self._meters.inverter

    @property
    def battery_meter(self) -> Meter | None:
        return self._meters.battery

    def plug(self, name: str | None = None) -> None:
        name = name or self.wallbox.spec.name
        self.wallboxes[name].plug(self.cars[name])

    def unplug(self, name: str | None = None) -> None:
        self.wallboxes[name or self.wallbox.spec.name].unplug()

    # ------------------------------------------------------------------------------------------------------- running

    async def start(self) -> Ports:
        """Opens the Modbus port."""
        port = await self._meters.start()
        return Ports(self._host, port, battery_unit=BATTERY_UNIT if self.physics.battery else None)

    def connect_wallboxes(self, url: str) -> None:
        """``url`` of the OCPP server, without the identity; before or after ``run`` has begun."""
        self._where().set_result(url)

    async def run(self) -> None:
        """Lives until cancelled; ``start`` first."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._live())
                url = await self._where()
                for wallbox in self.wallboxes.values():
                    group.create_task(wallbox.run(url))
        finally:
            await self.close()

    def state(self) -> HomeState:
        home = self.physics
        boxes = {name: wallbox.state() for name, wallbox in self.wallboxes.items()}
        return HomeState(home.t_s, home.grid_w, home.pv_w, home.house_w, home.battery_w, boxes)

    async def close(self) -> None:
        await self._meters.close()

    def advance(self) -> None:
        """Moves physics and wallboxes to the present, in whole steps."""
        now_s = self._clock.monotonic() - self._origin_s
        while self.physics.t_s + STEP_S <= now_s:
            self.physics.step(STEP_S)
            for wallbox in self.wallboxes.values():
                wallbox.tick()

    async def _live(self) -> None:
        pause_s = max(STEP_S, LEAST_PAUSE_S * self.settings.speed)
        while True:
            self.advance()
            await self._clock.sleep(pause_s)

    def _where(self) -> asyncio.Future[str]:
        if self._url is None:
            self._url = asyncio.get_running_loop().create_future()
        return self._url


def _battery(settings: SimulatedBattery | bool) -> Battery | None:
    match settings:
        case SimulatedBattery(capacity_wh=capacity_wh, max_w=max_w, soc_pct=soc_pct, floor_pct=floor_pct):
            return Battery(capacity_wh, max_w, soc_pct, floor_pct)
        case _:
            return Battery() if settings else None


def _car(settings: SimulatedCar, personality: Personality) -> Car:
    """The car of the settings, with what the personality says differently."""
    car = Car(settings.capacity_kwh, settings.soc_pct, settings.target_pct, settings.phases, settings.max_a)
    car.min_a = settings.min_a if personality.car_min_a is None else personality.car_min_a
    car.max_a = settings.max_a if personality.car_max_a is None else personality.car_max_a
    car.soc_pct = car.soc_pct if personality.car_soc_pct is None else personality.car_soc_pct
    car.phases = personality.car_phases or car.phases
    car.overshoot_s = personality.car_overshoot_s or 0.0
    car.sleeps_after_s = personality.car_sleeps_after_s
    return car
