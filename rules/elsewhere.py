"""A charge away from home, as a fold over what the car says of itself: kept while it lasts, a visit once it is over.

Nobody steers here and nothing is measured, so the car's own word is all there is. Its energy comes from its counter
where it tells one, else from its power, else from the rise of its level. Where it came from is not known, so the grid
gave all of it: never claim the sun.

A charge ends when the car says so, when a wallbox of the house has the car, or when nothing was heard of it for half a
day; the last two end it with the last word that it charged. One of less than five minutes is none: the clouds of car
makers say "charging" for some minutes after the plug was pulled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hemsd.model import ELSEWHERE, QUARTER, ChargeReport, QuarterHour, Visit, quarter_start
from rules.course import Battery, Course, Level
from rules.plan_values import FULL_PCT

SHORTEST = timedelta(minutes=5)
POWER_STANDS = timedelta(minutes=30)  # so long a power is believed after it was told
SILENCE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Away:
    """A charge elsewhere that goes on."""

    began_at: datetime
    heard_at: datetime
    power_w: float | None = None
    counted_wh: float | None = None  # the car's own counter
    from_pct: float | None = None
    soc_pct: float | None = None
    energy_wh: float = 0.0
    peak_w: float = 0.0
    quarters: tuple[tuple[datetime, float], ...] = ()  # Wh in each, oldest first


@dataclass(frozen=True, slots=True)
class Ended:
    """A charge that is over, in the words of every other visit."""

    visit: Visit
    course: Course
    quarters: tuple[QuarterHour, ...]


def heard(away: Away | None, report: ChargeReport, at: datetime, battery: Battery) -> Away | None:
    """A report of a car that is not at home; None: it charges nowhere, or what went on is over with this report."""
    if away is None:
        return _begun(report, at) if report.charging else None
    return _further(away, report, at, battery) if report.charging else None


def last_words(away: Away, report: ChargeReport, at: datetime, battery: Battery) -> Away:
    """With what the report that ends it tells of its energy."""
    return _further(away, report, at, battery)


def is_silent(away: Away, at: datetime) -> bool:
    return at - away.heard_at > SILENCE


def ended(away: Away, visit_id: str, number: int, vehicle: str) -> Ended | None:
    """As it goes into the books; None for what was too short to be a charge."""
    if away.heard_at - away.began_at < SHORTEST:
        return None
    visit = Visit(
        id=visit_id,
        number=number,
        wallbox=ELSEWHERE,
        plugged_in_at=away.began_at,
        plugged_out_at=away.heard_at,
        vehicle=vehicle,
        managed=False,
        energy_wh=away.energy_wh,
        grid_wh=away.energy_wh,
    )
    course = Course(
        visit_id,
        plugged_in_at=away.began_at,
        settled_at=away.heard_at,
        level=None if away.soc_pct is None else Level(away.soc_pct, away.energy_wh, away.heard_at),
        from_pct=away.from_pct,
        peak_w=away.peak_w,
        charging_s=(away.heard_at - away.began_at).total_seconds(),
        energy_wh=away.energy_wh,
        seen_at=away.heard_at,
    )
    quarters = tuple(QuarterHour(visit_id, start_at, wh, 0.0, 0.0, wh) for start_at, wh in away.quarters)
    return Ended(visit, course, quarters)


def _begun(report: ChargeReport, at: datetime) -> Away:
    return Away(
        at, at, report.power_w, report.energy_wh, report.soc_pct, report.soc_pct, peak_w=max(0.0, report.power_w or 0.0)
    )


def _further(away: Away, report: ChargeReport, at: datetime, battery: Battery) -> Away:
    if at < away.heard_at:  # the clock was set back: what lies between is not known
        return replace(away, began_at=min(away.began_at, at), heard_at=at)
    gained_wh = _gained_wh(away, report, at, battery)
    return replace(
        away,
        heard_at=at,
        power_w=report.power_w,
        counted_wh=away.counted_wh if report.energy_wh is None else report.energy_wh,
        from_pct=report.soc_pct if away.from_pct is None else away.from_pct,
        soc_pct=away.soc_pct if report.soc_pct is None else report.soc_pct,
        energy_wh=away.energy_wh + gained_wh,
        peak_w=max(away.peak_w, report.power_w or 0.0),
        quarters=_spread(away.quarters, gained_wh, away.heard_at, at),
    )


def _gained_wh(away: Away, report: ChargeReport, at: datetime, battery: Battery) -> float:
    """Never negative: a counter that falls begins anew, a level that falls was a guess."""
    if away.counted_wh is not None:
        return 0.0 if report.energy_wh is None else max(0.0, report.energy_wh - away.counted_wh)
    if away.power_w is not None:
        return max(0.0, away.power_w) * (min(at - away.heard_at, POWER_STANDS) / timedelta(hours=1))
    if away.soc_pct is not None and report.soc_pct is not None:
        return max(0.0, report.soc_pct - away.soc_pct) / FULL_PCT * battery.capacity_wh / battery.efficiency
    return 0.0


def _spread(
    quarters: tuple[tuple[datetime, float], ...], gained_wh: float, from_at: datetime, to_at: datetime
) -> tuple[tuple[datetime, float], ...]:
    """Evenly over the time in which it came."""
    if gained_wh <= 0.0 or to_at <= from_at:
        return quarters
    energies = dict(quarters)
    start_at = quarter_start(from_at)
    while start_at < to_at:
        share = (min(start_at + QUARTER, to_at) - max(start_at, from_at)) / (to_at - from_at)
        energies[start_at] = energies.get(start_at, 0.0) + gained_wh * share
        start_at += QUARTER
    return tuple(sorted(energies.items()))
