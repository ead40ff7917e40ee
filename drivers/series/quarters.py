"""Entries of any length become values on UTC quarter-hours.

Sources speak in hours, half-hours, quarters, or with irregular ends at sunrise. A quarter-hour gets the mean of what
covers it, weighted by time. One that is not covered as a whole, or by an entry without a value, stays None: a gap is
never a zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from drivers.base import DeviceError
from hemsd.model import QUARTER, quarter_start
from hemsd.said import said

ROUNDING = timedelta(milliseconds=10)
KEEP_DAYS = 10  # behind now: a visit that long still finds its prices
MOST_ENTRIES = 5000
LONGEST_ENTRY = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class Entry:
    """A value from a moment to another. Both are aware."""

    start_at: datetime
    end_at: datetime
    value: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """Values on UTC quarter-hours without a break; None where nothing is known."""

    starts_at: tuple[datetime, ...]
    values: tuple[float | None, ...]
    source: str
    fetched_at: datetime

    @property
    def end_at(self) -> datetime | None:
        """The end of the last known quarter-hour."""
        return self.starts_at[-1] + QUARTER if self.starts_at else None

    def from_(self, moment: datetime) -> Series:
        """Without the quarter-hours that are over by then."""
        kept = [pair for pair in zip(self.starts_at, self.values, strict=True) if pair[0] + QUARTER > moment]
        return Series(
            tuple(start for start, _ in kept), tuple(value for _, value in kept), self.source, self.fetched_at
        )


def around(entries: Iterable[Entry], now: datetime) -> list[Entry]:
    """What lies around now: a stranger must not fill memory with other centuries. Raises DeviceError."""
    reach = timedelta(days=KEEP_DAYS)
    kept = [each for each in entries if now - reach <= each.start_at < each.end_at <= now + reach]
    if len(kept) > MOST_ENTRIES:
        raise DeviceError(said("answer.too_many", "the answer has more than {most} entries", most=MOST_ENTRIES))
    if any(each.end_at - each.start_at > LONGEST_ENTRY for each in kept):
        raise DeviceError(said("answer.long_entry", "the answer has an entry of more than a day"))
    return kept


def lasting(starts: Mapping[datetime, float | None]) -> list[Entry]:
    """Entries from beginnings alone: each lasts as long as most of them do, and never into the next one."""
    ordered = sorted(starts)
    steps = Counter(later - earlier for earlier, later in pairwise(ordered))
    usual = min((step for step, count in steps.items() if count == max(steps.values())), default=timedelta(hours=1))
    ends = [*ordered[1:], *([ordered[-1] + usual] if ordered else [])]
    return [Entry(at, min(end_at, at + usual), starts[at]) for at, end_at in zip(ordered, ends, strict=True)]


def on_quarters(entries: Iterable[Entry]) -> dict[datetime, float | None]:
    """The mean of each quarter-hour; where entries overlap, the later one in the row counts."""
    sums: dict[datetime, tuple[float, timedelta]] = {}
    whole: dict[datetime, float | None] = {}
    for entry in entries:
        start_at = quarter_start(entry.start_at)
        while start_at < entry.end_at:
            covered = min(start_at + QUARTER, entry.end_at) - max(start_at, entry.start_at)
            if covered >= QUARTER - ROUNDING:
                whole[start_at] = entry.value
            elif entry.value is not None:
                total, duration = sums.get(start_at, (0.0, timedelta()))
                sums[start_at] = total + entry.value * (covered / QUARTER), duration + covered
            start_at += QUARTER
    for start_at, (total, duration) in sums.items():
        if start_at not in whole:
            complete = QUARTER - ROUNDING <= duration <= QUARTER + ROUNDING
            whole[start_at] = total / (duration / QUARTER) if complete else None
    return whole


def series(values: Mapping[datetime, float | None], source: str, fetched_at: datetime) -> Series:
    """A Series from the first to the last known quarter-hour, gaps as None."""
    known = [start_at for start_at, value in values.items() if value is not None]
    if not known:
        return Series((), (), source, fetched_at)
    count = int((max(known) - min(known)) / QUARTER) + 1
    starts_at = tuple(min(known) + number * QUARTER for number in range(count))
    return Series(starts_at, tuple(values.get(start_at) for start_at in starts_at), source, fetched_at)


def merged(old: Series | None, new: Mapping[datetime, float | None], source: str, fetched_at: datetime) -> Series:
    """What was known, overwritten by what is known now; a value is not forgotten because an answer left it out."""
    values = dict(zip(old.starts_at, old.values, strict=True)) if old is not None and old.source == source else {}
    values |= {start_at: value for start_at, value in new.items() if value is not None}
    return series(values, source, fetched_at)
