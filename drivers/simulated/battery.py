"""A home battery that holds the grid exchange at zero by itself, with a lag, as most of them do.

It can be told how much it may give, as SunSpec model 124 has it: three registers, and a timer after which it forgets.
"""

from __future__ import annotations

from dataclasses import dataclass, field

GAIN_PER_S = 0.3  # share of the remaining error that it removes in a second
DISCHARGE = 0b10  # of StorCtl_Mod
FULL = 10_000  # 100 %, in the hundredths that OutWRte counts here


@dataclass(slots=True)
class StorageControls:
    """The part of model 124 that says how much the battery may give."""

    mode: int = 0  # StorCtl_Mod
    rate: int = FULL  # OutWRte
    revert_s: int = 3600  # InOutWRte_RvrtTms; 0: never
    _left_s: float = 0.0

    def touch(self) -> None:
        """Something was written: the timer begins anew."""
        self._left_s = self.revert_s

    def advance(self, dt_s: float) -> None:
        if not self.mode or not self.revert_s:
            return
        self._left_s -= dt_s
        if self._left_s <= 0.0:
            self.mode, self.rate = 0, FULL

    @property
    def share(self) -> float:
        """Of its power that it may give."""
        return self.rate / FULL if self.mode & DISCHARGE else 1.0


@dataclass(slots=True)
class Battery:
    """``power_w`` is positive while it discharges."""

    capacity_wh: float = 10_000.0
    max_w: float = 5_000.0
    soc_pct: float = 60.0
    floor_pct: float = 5.0
    power_w: float = 0.0
    controls: StorageControls = field(default_factory=StorageControls)

    def advance(self, net_load_w: float, dt_s: float) -> None:
        """``net_load_w``: what house and cars take beyond the sun."""
        self.controls.advance(dt_s)
        want_w = max(-self.max_w, min(self.max_w * self.controls.share, net_load_w))
        if (want_w > 0 and self.soc_pct <= self.floor_pct) or (want_w < 0 and self.soc_pct >= 100):
            want_w = 0.0
        self.power_w += (1 - (1 - GAIN_PER_S) ** dt_s) * (want_w - self.power_w)
        self.soc_pct -= self.power_w * dt_s / 3600 / self.capacity_wh * 100
