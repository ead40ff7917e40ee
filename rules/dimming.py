"""What the grid operator leaves to the cars at this moment: the least of what config.yaml, its schedule and orders say.

An order comes from outside (a control box, a script) and ends by itself, or whoever gave it and then fell silent would
dim the house for ever. A schedule is read in the home's time zone. Nothing that is said in one place takes back what
is said in another: each bounds the cars for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hemsd.model import Dimmed, DimmedBy, DimmedSpan, SiteSettings, WallboxSettings
from rules import limits, phases

SATURDAY = 5  # as in date.weekday()


def in_force(site: SiteSettings, orders: Iterable[Dimmed], at: datetime) -> Dimmed | None:
    """The tightest of what stands; None: nobody dims."""
    standing = [order for order in orders if order.until_at is None or at < order.until_at]
    if site.dimmed_w is not None:
        standing.append(Dimmed(site.dimmed_w, DimmedBy.CONFIG))
    if site.dimmed_schedule:
        standing.extend(_scheduled(site, at))
    return min(standing, key=lambda dimmed: dimmed.power_w, default=None)


def _scheduled(site: SiteSettings, at: datetime) -> Iterator[Dimmed]:
    zone = ZoneInfo(site.timezone)
    today = at.astimezone(zone).date()
    for span in site.dimmed_schedule:
        for day in (today - timedelta(days=1), today):  # it may have begun before midnight
            ends_on = day if span.begin < span.end else day + timedelta(days=1)
            begins_at = datetime.combine(day, span.begin, zone).astimezone(UTC)
            ends_at = datetime.combine(ends_on, span.end, zone).astimezone(UTC)
            if begins_at <= at < ends_at and _begins_on(span, day.weekday()):
                yield Dimmed(span.dimmed_w, DimmedBy.SCHEDULE, ends_at)


def _begins_on(span: DimmedSpan, weekday: int) -> bool:
    match span.days:
        case "weekdays":
            return weekday < SATURDAY
        case "weekend":
            return weekday >= SATURDAY
        case _:
            return True


def failsafe_a(wanted_a: float, dimmed: Dimmed | None, site: SiteSettings, boxes: Iterable[WallboxSettings]) -> float:
    """What a wallbox may fall back to when hemsd is gone: while the house is dimmed, no more than is left to all."""
    if dimmed is None:
        return wanted_a
    steered = [box for box in boxes if box.steer]
    widest = sum(max(phases.choices(box)) for box in steered)
    share_a = dimmed.power_w / site.voltage_v / max(1, widest)
    if wanted_a <= share_a:
        return wanted_a
    least_a = max((limits.minimum_a(box) for box in steered), default=0.0)
    return float(int(share_a)) if share_a >= least_a else 0.0
