"""Prices on their way from a source to whoever plans or settles with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from drivers.series.quarters import Series


class Direction(StrEnum):
    IMPORT = "import"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Prices:
    """What a kWh costs (import) or brings (export) in each UTC quarter-hour, without a break; None: not known."""

    direction: Direction
    starts_at: tuple[datetime, ...]
    eur_per_kwh: tuple[float | None, ...]
    source: str
    fetched_at: datetime


PriceSink = Callable[[Prices], None]
"""Takes everything that is known, each time that something new is. Never blocks."""


def of_series(direction: Direction, series: Series) -> Prices:
    return Prices(direction, series.starts_at, series.values, series.source, series.fetched_at)
