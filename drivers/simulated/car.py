"""The car: what it takes of what it is offered.

By IEC 61851-1 a car may draw any current up to the one that the pilot signal offers, so it is the car that decides, and
much of what looks like a disobedient wallbox is a car with a mind of its own: fewer phases, a minimum above 6 A, a
battery that is nearly full, a charger that does not wake from a long pause.
"""

from __future__ import annotations

from dataclasses import dataclass

EFFICIENCY = 0.9  # from the socket into the battery
TAPER_FROM_PCT = 80.0  # above, a car takes less and less
TAPER_FLOOR = 0.2  # share of its power that it still takes just before it is full


@dataclass(slots=True)
class Car:
    """A car and its battery. Times in seconds, currents in amperes per phase."""

    capacity_kwh: float = 60.0
    soc_pct: float = 35.0
    target_pct: float = 100.0
    phases: int = 3
    max_a: float = 16.0
    min_a: float = 6.0  # offered less, it draws nothing
    shortfall_a: float = 0.25  # it draws a little less than it is offered
    ramp_a_per_s: float = 3.0
    wake_s: float = 12.0  # from an offer to the first ampere
    overshoot_s: float = 0.0  # how long it ignores a cut
    sleeps_after_s: float | None = None  # a pause of this length sends it to sleep until it is plugged in anew
    asleep: bool = False
    current_a: float = 0.0
    _offered_a: float = 0.0
    _offered_for_s: float = 0.0
    _paused_for_s: float = 0.0
    _cut_for_s: float = 0.0

    @property
    def full(self) -> bool:
        return self.soc_pct >= self.target_pct

    def wake(self) -> None:
        """A new connection: plugged in, or the wallbox began a new transaction."""
        self.asleep = False
        self._offered_a = self._offered_for_s = self._paused_for_s = self._cut_for_s = 0.0

    def interrupt(self) -> None:
        """The contactor opened."""
        self.current_a = 0.0

    def step(self, offered_a: float, dt_s: float) -> float:
        """What it draws on each of its phases after ``dt_s`` more seconds of this offer."""
        self._remember(offered_a, dt_s)
        want_a = self._wanted_a(offered_a)
        if want_a >= self.current_a:
            self._cut_for_s = 0.0
            self.current_a = min(want_a, self.current_a + self.ramp_a_per_s * dt_s)
        else:
            self._cut_for_s += dt_s
            if self._cut_for_s > self.overshoot_s:
                self.current_a = want_a
        return self.current_a

    def take(self, energy_wh: float) -> None:
        self.soc_pct = min(100.0, self.soc_pct + energy_wh * EFFICIENCY / (self.capacity_kwh * 1000) * 100)

    def _remember(self, offered_a: float, dt_s: float) -> None:
        began = offered_a > 0 and not self._offered_a
        self._offered_for_s = 0.0 if began or not offered_a else self._offered_for_s + dt_s
        self._paused_for_s = 0.0 if offered_a else self._paused_for_s + dt_s
        if self.sleeps_after_s is not None and self._paused_for_s >= self.sleeps_after_s:
            self.asleep = True
        self._offered_a = offered_a

    def _wanted_a(self, offered_a: float) -> float:
        if not offered_a or offered_a < self.min_a or self.full or self.asleep or self._offered_for_s < self.wake_s:
            return 0.0
        return max(0.0, min(offered_a - self.shortfall_a, self.max_a * self._taper()))

    def _taper(self) -> float:
        left = (100.0 - self.soc_pct) / (100.0 - TAPER_FROM_PCT)
        return 1.0 if left >= 1 else TAPER_FLOOR + (1 - TAPER_FLOOR) * left
