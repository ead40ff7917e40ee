"""When to ask for prices.

The day-ahead auction of the coming day is published shortly before 13:00 in Central Europe, so tomorrow's prices are
asked for from 13:00 local time on, a random quarter of an hour later so that not every home asks at once, and then
every ten minutes until they are there. With tomorrow known, nothing is asked until 13:00 of the next day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from drivers.series.quarters import Series

PUBLISHED = time(13, 0)
SPREAD = timedelta(minutes=15)
NOT_YET = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class DayAhead:
    """For sources that publish a day at once."""

    zone: tzinfo

    def next_at(self, now: datetime, known: Series | None, asked: bool, luck: float) -> datetime:
        until_at = known.end_at if known is not None else None
        if until_at is not None and until_at >= self._wanted_until(now):
            return self._next_publication(now) + SPREAD * luck
        return now + NOT_YET * (0.7 + 0.6 * luck) if asked else now

    def _wanted_until(self, now: datetime) -> datetime:
        """The end of today, and from 13:00 on the end of tomorrow, by the local calendar."""
        local = now.astimezone(self.zone)
        days = 2 if local.time() >= PUBLISHED else 1
        return datetime.combine(local.date() + timedelta(days=days), time(0), self.zone).astimezone(UTC)

    def _next_publication(self, now: datetime) -> datetime:
        local = now.astimezone(self.zone)
        day = local.date() if local.time() < PUBLISHED else local.date() + timedelta(days=1)
        return datetime.combine(day, PUBLISHED, self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Every:
    """For sources that may say something new at any time."""

    period: timedelta

    def next_at(self, now: datetime, known: Series | None, asked: bool, luck: float) -> datetime:
        if known is None:
            return now
        return known.fetched_at + self.period * (0.9 + 0.2 * luck)
