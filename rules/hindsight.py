"""The wallboxes as they were when the grid was read.

A late meter tells of a house that is seconds gone. The sum of its reading and the cars' power is only right when both
are of one moment, so the cars are looked at as the tick saw them that came first after that moment. What was commanded
since is in neither of the two, and can't be counted twice. Without a learned delay nothing is kept, and the present is
what counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hemsd.model import Metered, WallboxImage

KEPT_S = 120.0  # a delay of half a minute, and a reading that may be nearly as old as steering allows


@dataclass(frozen=True, slots=True)
class Look:
    """What one tick saw of the wallboxes."""

    at_s: float
    images: Mapping[str, WallboxImage]


@dataclass(frozen=True, slots=True)
class Then:
    """The tick whose wallboxes belong to the grid reading, and how old the reading was at that tick."""

    images: Mapping[str, WallboxImage]
    grid_age_s: float


def look_back(
    looks: tuple[Look, ...], now_s: float, images: Mapping[str, WallboxImage], grid: Metered | None
) -> tuple[tuple[Look, ...], Then]:
    """What to keep for the next ticks, and what belongs to the grid reading of this one."""
    if grid is None or grid.delay_s <= 0.0:
        return (), Then(images, grid.age_s if grid is not None else 0.0)
    looks = (*(look for look in looks if now_s - look.at_s <= KEPT_S), Look(now_s, images))
    read_s = now_s - grid.age_s - grid.delay_s
    first = next((look for look in looks if look.at_s >= read_s), looks[-1])
    return looks, Then(first.images, max(0.0, first.at_s - read_s))
