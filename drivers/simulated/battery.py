"""A home battery that holds the grid exchange at zero by itself, with a lag, as most of them do."""

from __future__ import annotations

from dataclasses import dataclass

GAIN_PER_S = 0.3  # share of the remaining error that it removes in a second


@dataclass(slots=True)
class Battery:
    """``power_w`` is positive while it discharges."""

    capacity_wh: float = 10_000.0
    max_w: float = 5_000.0
    soc_pct: float = 60.0
    floor_pct: float = 5.0
    power_w: float = 0.0

    def advance(self, net_load_w: float, dt_s: float) -> None:
        """``net_load_w``: what house and cars take beyond the sun."""
        want_w = max(-self.max_w, min(self.max_w, net_load_w))
        if (want_w > 0 and self.soc_pct <= self.floor_pct) or (want_w < 0 and self.soc_pct >= 100):
            want_w = 0.0
        self.power_w += (1 - (1 - GAIN_PER_S) ** dt_s) * (want_w - self.power_w)
        self.soc_pct -= self.power_w * dt_s / 3600 / self.capacity_wh * 100
