"""The health of a whole station, judged once a day from its finished sessions.

Single sessions can each be in order while the station is not: every car gets a little less, or nobody comes any more.
A day is compared with what its own last eight weeks let expect. What is usual is a median, which a few odd days can't
move, with the weekday's own where there are enough of them. Two things explain a small day and are no fault: little was
offered (a plan, a fuse, no sun), or the sun that this station follows did not shine. At home a day without a car is no
fault either, so energy is expected of the sessions that there were; only a station that is busy every day is expected
to be busy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

HISTORY_DAYS: Final = 56
LEAST_DAYS: Final = 7  # with sessions, before a day can be judged
WEEKDAY_DAYS: Final = 3  # so many days of the same weekday weigh as much as all the others
BUSY_SESSIONS: Final = 5.0  # a day, from where on an empty day is odd
DROP_SHARE: Final = 0.6  # less than this of what was expected is a drop
TAKEN_SHARE: Final = 0.9  # of what is offered, cars take so much if that is all they get
ODD_SHARE: Final = 0.5  # of a day's sessions that were odd
ODD_SESSIONS: Final = 3
SUNNY_DAYS: Final = 10  # with energy and sun known, before one may be said to follow the other
FOLLOWS_SUN: Final = 0.5  # rank correlation, from where on it does
MOST_SUN: Final = 1.5  # a bright day does not make more than that be expected


@dataclass(frozen=True, slots=True)
class Day:
    """What a station did on one UTC day, and what it could do; None: not known."""

    sessions: int = 0
    energy_kwh: float = 0.0
    anomalous: int = 0
    offered_kwh: float | None = None  # to the cars that were there
    pv_kwh: float | None = None  # of the house's roof

    @property
    def each_kwh(self) -> float:
        return self.energy_kwh / self.sessions


@dataclass(frozen=True, slots=True)
class DayVerdict:
    is_anomaly: bool
    score: float
    details: Mapping[str, str | float] = field(default_factory=dict)


NO_DAY: Final = Day()


def judge_day(days: Mapping[datetime, Day], day_at: datetime) -> DayVerdict | None:
    """None when the weeks before do not say what is usual."""
    today = days.get(day_at, NO_DAY)
    expected_kwh = expected(days, day_at)
    if expected_kwh is None:
        return None
    if today.energy_kwh < DROP_SHARE * expected_kwh and _rare(days, day_at):
        return DayVerdict(True, _score(1 - today.energy_kwh / expected_kwh), _drop(today, day_at, expected_kwh))
    if today.anomalous >= ODD_SESSIONS and today.anomalous >= ODD_SHARE * today.sessions:
        details: dict[str, str | float] = {
            "anomaly_type": "faulty_sessions",
            "affected_period": f"{day_at:%Y-%m-%d}",
            "sessions": today.sessions,
            "anomalous_sessions": today.anomalous,
        }
        return DayVerdict(True, _score(today.anomalous / today.sessions), details)
    share = today.energy_kwh / expected_kwh if expected_kwh else 1.0
    return DayVerdict(False, round(min(0.5, 0.5 * math.exp(-2 * share)), 4))


def expected(days: Mapping[datetime, Day], day_at: datetime) -> float | None:
    """The energy that this day should have had; None when the weeks before do not say."""
    before = _before(days, day_at)
    lively = [day for _, day in before if day.sessions]
    if len(lively) < LEAST_DAYS:
        return None
    today = days.get(day_at, NO_DAY)
    usual_sessions = _usual([(at, day.sessions) for at, day in before], day_at)
    busy = usual_sessions >= BUSY_SESSIONS
    sessions = max(float(today.sessions), usual_sessions) if busy else today.sessions
    expected_kwh = _usual_each(before, day_at) * sessions * _sun(lively, today)
    if today.offered_kwh is not None and not busy:
        expected_kwh = min(expected_kwh, TAKEN_SHARE * today.offered_kwh)
    return expected_kwh


def _before(days: Mapping[datetime, Day], day_at: datetime) -> list[tuple[datetime, Day]]:
    """The days since the station's first session, empty ones included, as far as history goes."""
    ats = [day_at - timedelta(days=back) for back in range(HISTORY_DAYS, 0, -1)]
    first = next((i for i, at in enumerate(ats) if days.get(at, NO_DAY).sessions), len(ats))
    return [(at, days.get(at, NO_DAY)) for at in ats[first:]]


def _usual_each(before: Sequence[tuple[datetime, Day]], day_at: datetime) -> float:
    """The energy of a session on such a weekday."""
    return _usual([(at, day.each_kwh) for at, day in before if day.sessions], day_at)


def _usual(values: Sequence[tuple[datetime, float]], day_at: datetime) -> float:
    """The median of all days, drawn towards that of the weekday the more of those there are."""
    every = median(value for _, value in values)
    same_weekday = [value for at, value in values if at.weekday() == day_at.weekday()]
    if not same_weekday:
        return float(every)
    weight = len(same_weekday) / (len(same_weekday) + WEEKDAY_DAYS)
    return (1 - weight) * float(every) + weight * float(median(same_weekday))


def _sun(lively: Sequence[Day], today: Day) -> float:
    """By how much the weather moves what is expected: not at all where the energy does not follow the sun."""
    seen = [(day.each_kwh, day.pv_kwh) for day in lively if day.pv_kwh is not None]
    if today.pv_kwh is None or len(seen) < SUNNY_DAYS:
        return 1.0
    follows = _rank_correlation([each for each, _ in seen], [pv for _, pv in seen])
    usual_kwh = median(pv for _, pv in seen)
    if follows < FOLLOWS_SUN or usual_kwh <= 0:
        return 1.0
    return 1 - follows + follows * min(today.pv_kwh / usual_kwh, MOST_SUN)


def _rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's: odd days count no more than others."""
    first, second = _ranks(one), _ranks(other)
    middle = (len(one) - 1) / 2
    together = sum((a - middle) * (b - middle) for a, b in zip(first, second, strict=True))
    apart = math.sqrt(sum((a - middle) ** 2 for a in first) * sum((b - middle) ** 2 for b in second))
    return together / apart if apart else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """The mean place of each value among all."""
    ordered = sorted(values)
    return [(ordered.index(one) + len(ordered) - 1 - ordered[::-1].index(one)) / 2 for one in values]


def _rare(days: Mapping[datetime, Day], day_at: datetime) -> bool:
    """Whether fewer than one in ten of the days before was as low for its weekday: single short charges are usual."""
    today = days.get(day_at, NO_DAY)
    if not today.sessions:
        return True  # something was expected: it is a busy station
    before = _before(days, day_at)
    usual_kwh = {number: _usual_each(before, day_at + timedelta(days=number)) for number in range(7)}
    low = today.each_kwh / max(usual_kwh[0], 0.1)
    shares = [day.each_kwh / max(usual_kwh[(at - day_at).days % 7], 0.1) for at, day in before if day.sessions]
    return sum(1 for share in shares if share <= low) < 0.1 * len(shares)


def _score(share: float) -> float:
    return round(min(0.99, 0.6 + 0.4 * share), 4)


def _drop(today: Day, day_at: datetime, expected_kwh: float) -> dict[str, str | float]:
    details: dict[str, str | float] = {
        "anomaly_type": "energy_drop",
        "affected_period": f"{day_at:%Y-%m-%d}",
        "expected_energy_kwh": round(expected_kwh, 1),
        "actual_energy_kwh": round(today.energy_kwh, 1),
    }
    if today.offered_kwh is not None:
        details["offered_energy_kwh"] = round(today.offered_kwh, 1)
    if today.pv_kwh is not None:
        details["pv_energy_kwh"] = round(today.pv_kwh, 1)
    return details
