"""The power side of a wallbox: pilot, contactor, phase relay and meter, without any protocol.

It is told a limit and a number of phases, applies them with the delays of a real one, offers the car what its pilot can
express, and counts what flows.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.simulated.car import Car
from hemsd.model import MIN_PILOT_A

Phases = tuple[float, float, float]
NOTHING: Phases = (0.0, 0.0, 0.0)
APPLY_DELAY_S = 2.0  # from the command to the pilot
SWITCH_PAUSE_S = 8.0  # the phase relay moves without current; with the 12 s of the car's start, 20 s without a charge
SAG_OHM = 0.15  # the wire between the meter and the wallbox


def whole_amperes(limit_a: float) -> float:
    """Rounds down, as a careful wallbox does; 9.0 that arrives as 8.9999 stays 9."""
    return float(math.floor(limit_a + 1e-6))


def tenths(limit_a: float) -> float:
    return math.floor(limit_a * 10 + 1e-6) / 10


@dataclass(slots=True)
class Station:
    """A wallbox's power electronics and the car at its cable."""

    phase_choice: str = "auto"  # "1", "3" or "auto": what it is wired with, or that it can switch
    max_a: float = 16.0
    voltage_v: float = 230.0
    rounding: Callable[[float], float] = whole_amperes
    apply_delay_s: float = APPLY_DELAY_S
    switch_pause_s: float = SWITCH_PAUSE_S
    car: Car | None = None  # at the cable; None: nobody is plugged in
    enabled: bool = False  # whether a transaction lets the contactor close
    phases: int = 0  # that the relay connects; 0: as it is wired
    limit_a: float = 0.0
    offered_a: float = 0.0
    promised_a: float = 0.0  # what its profiles allow, whatever it does
    currents_a: Phases = NOTHING
    energy_wh: float = 0.0
    starts: int = 0
    switches: int = 0
    _told: deque[tuple[float, float, int]] = field(default_factory=deque)
    _dead_s: float = 0.0

    def __post_init__(self) -> None:
        self.phases = self.phases or (1 if self.phase_choice == "1" else 3)

    def tell(self, limit_a: float, phases: int | None) -> None:
        """A limit (0 pauses) and the phases to charge on (None: as they are), in force after the delay."""
        wanted = phases if phases in (1, 3) and self.phase_choice == "auto" else None
        newest = self._told[-1][1:] if self._told else (self.limit_a, self.phases)
        told = (limit_a, wanted or newest[1])
        if told != newest:
            self._told.append((self.apply_delay_s, *told))

    def plug(self, car: Car) -> None:
        self.car = car
        car.wake()

    def unplug(self) -> Car | None:
        car, self.car = self.car, None
        if car:
            car.interrupt()
        self.currents_a = NOTHING
        return car

    @property
    def voltages_v(self) -> Phases:
        a, b, c = self.currents_a
        return (self.voltage_v - SAG_OHM * a, self.voltage_v - SAG_OHM * b, self.voltage_v - SAG_OHM * c)

    @property
    def powers_w(self) -> Phases:
        (a, b, c), (u, v, w) = self.currents_a, self.voltages_v
        return (a * u, b * v, c * w)

    @property
    def power_w(self) -> float:
        return sum(self.powers_w)

    def advance(self, dt_s: float) -> None:
        self._dead_s = max(0.0, self._dead_s - dt_s)
        self._apply(dt_s)
        closed = self.enabled and self._dead_s == 0
        self.offered_a = self._pilot_a() if closed else 0.0
        self._draw(dt_s)
        energy_wh = self.power_w * dt_s / 3600
        self.energy_wh += energy_wh
        if self.car:
            self.car.take(energy_wh)

    def _apply(self, dt_s: float) -> None:
        if not self._told:
            return
        self._told = deque((left_s - dt_s, limit_a, phases) for left_s, limit_a, phases in self._told)
        while self._told and self._told[0][0] <= 0:
            _, self.limit_a, phases = self._told.popleft()
            if phases != self.phases:
                self._switch(phases)

    def _switch(self, phases: int) -> None:
        self.phases = phases
        self.switches += 1
        self._dead_s = self.switch_pause_s
        if self.car and self.switch_pause_s:
            self.car.interrupt()

    def _pilot_a(self) -> float:
        limit_a = min(self.rounding(self.limit_a), self.max_a)
        return limit_a if limit_a >= MIN_PILOT_A else 0.0

    def _draw(self, dt_s: float) -> None:
        if self.car is None:
            self.currents_a = NOTHING
            return
        if not self.enabled:
            self.car.interrupt()
        flowing = self.currents_a[0] > 0
        current_a = self.car.step(self.offered_a, dt_s)
        used = min(self.phases, self.car.phases)
        self.currents_a = (current_a, current_a if used > 1 else 0.0, current_a if used > 2 else 0.0)
        self.starts += current_a > 0 and not flowing
