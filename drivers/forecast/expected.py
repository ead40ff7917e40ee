"""What a forecast gives: apart from how it is fetched, so that who only reads it takes no HTTP client along."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """The mean power expected of the panels in each UTC quarter-hour, without a break; None: not known."""

    starts_at: tuple[datetime, ...]
    pv_w: tuple[float | None, ...]
    source: str
    fetched_at: datetime
