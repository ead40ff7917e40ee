"""The home as a machine of power: sun, house, battery and wallboxes meet at the grid connection, phase by phase.

Nothing here knows sockets or the time of day of the machine: time is passed in, and the same steps give the same
numbers. The running simulation, the replay of a recorded day and the tests all turn this one crank.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.simulated.battery import Battery
from drivers.simulated.car import Car
from drivers.simulated.day import Day
from drivers.simulated.station import NOTHING, Phases, Station

__all__ = ["Battery", "Car", "Home", "Phases", "Station"]

HOUSE_SHARES = (0.5, 0.3, 0.2)  # of the house load on L1, L2 and L3


@dataclass(slots=True)
class Home:
    """All powers in watts with the signs of ``hemsd.model``: grid positive on import, battery while discharging."""

    day: Day
    stations: Mapping[str, Station] = field(default_factory=dict)
    battery: Battery | None = None
    t_s: float = 0.0  # on the day's scale
    voltage_v: float = 230.0
    noise_w: float = 0.0
    seed: int = 1
    cloud: float = 1.0  # share of the recorded sun that comes through
    extra_house_w: float = 0.0  # somebody cooks
    extra_phases_w: Phases = NOTHING  # somebody heats the sauna: a load of the house by phase
    pv_w: float = 0.0
    house_w: float = 0.0
    grid_phases_w: Phases = NOTHING
    pv_wh: float = 0.0
    import_wh: float = 0.0
    export_wh: float = 0.0
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._random.seed(self.seed)
        self._weather()
        self._measure()

    @property
    def cars_w(self) -> float:
        return sum(station.power_w for station in self.stations.values())

    @property
    def battery_w(self) -> float:
        return self.battery.power_w if self.battery else 0.0

    @property
    def grid_w(self) -> float:
        return sum(self.grid_phases_w)

    def step(self, dt_s: float = 1.0) -> None:
        """Moves the whole home on."""
        self.t_s += dt_s
        for station in self.stations.values():
            station.advance(dt_s)
        self._weather()
        if self.battery:
            self.battery.advance(self.house_w + self.cars_w - self.pv_w, dt_s)
        self._measure()
        self._count(dt_s)

    def advance_to(self, t_s: float, step_s: float = 1.0) -> None:
        """Whole steps up to ``t_s``; the rest is left for the next time."""
        while self.t_s + step_s <= t_s:
            self.step(step_s)

    def _weather(self) -> None:
        self.pv_w = self.day.pv_at(self.t_s) * self.cloud
        noise_w = self._random.gauss(0.0, self.noise_w) if self.noise_w else 0.0
        shared_w = max(0.0, self.day.house_at(self.t_s) + self.extra_house_w + noise_w)
        self.house_w = shared_w + sum(self.extra_phases_w)

    def _measure(self) -> None:
        even_w = -(self.pv_w + self.battery_w) / 3
        shared_w = self.house_w - sum(self.extra_phases_w)
        one_w, two_w, three_w = (
            shared_w * share + extra_w + even_w
            for share, extra_w in zip(HOUSE_SHARES, self.extra_phases_w, strict=True)
        )
        for station in self.stations.values():
            a_w, b_w, c_w = station.powers_w
            one_w, two_w, three_w = one_w + a_w, two_w + b_w, three_w + c_w
        self.grid_phases_w = (one_w, two_w, three_w)

    def _count(self, dt_s: float) -> None:
        self.pv_wh += self.pv_w * dt_s / 3600
        energy_wh = self.grid_w * dt_s / 3600
        self.import_wh += max(0.0, energy_wh)
        self.export_wh += max(0.0, -energy_wh)
