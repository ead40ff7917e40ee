"""What was told of the CO2 of the grid's electricity, for the visits that are summed up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from drivers.series.quarters import Series


@dataclass(slots=True)
class GridCo2:
    """The newest word of the forecast, with what lies behind for as long as a visit may last; ``take`` is its sink."""

    _g_per_kwh: dict[datetime, float] = field(default_factory=dict)

    def take(self, told: Series) -> None:
        pairs = zip(told.starts_at, told.values, strict=True)
        self._g_per_kwh = {start_at: g_per_kwh for start_at, g_per_kwh in pairs if g_per_kwh is not None}

    def g_per_kwh(self, start_at: datetime) -> float | None:
        """In the UTC quarter-hour that begins then; None: not known."""
        return self._g_per_kwh.get(start_at)
