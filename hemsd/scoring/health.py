"""The health of a whole station, judged once a day from its finished sessions.

Single sessions can each be in order while the station is not: every car gets a little less, or nobody comes any more.
A day is compared with the weeks before it. At home a day without a car is no fault, so energy is expected of the
sessions that there were; only a station that is busy every day is expected to be busy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

HISTORY_DAYS: Final = 28
LEAST_DAYS: Final = 7  # with sessions, before a day can be judged
BUSY_SESSIONS: Final = 5.0  # a day, from where on an empty day is odd
DROP_SHARE: Final = 0.6  # less than this of what was expected is a drop
ODD_SHARE: Final = 0.5  # of a day's sessions that were odd
ODD_SESSIONS: Final = 3


@dataclass(frozen=True, slots=True)
class Day:
    """What a station did on one UTC day."""

    sessions: int = 0
    energy_kwh: float = 0.0
    anomalous: int = 0


@dataclass(frozen=True, slots=True)
class DayVerdict:
    is_anomaly: bool
    score: float
    details: Mapping[str, str | float] = field(default_factory=dict)


NO_DAY: Final = Day()


def judge_day(days: Mapping[datetime, Day], day_at: datetime) -> DayVerdict | None:
    """None when the weeks before do not say what is usual."""
    before = [days.get(day_at - timedelta(days=back), NO_DAY) for back in range(1, HISTORY_DAYS + 1)]
    lively = [day for day in before if day.sessions]
    today = days.get(day_at, NO_DAY)
    if len(lively) < LEAST_DAYS:
        return None
    known_days = _since_first(before)
    usual_sessions = sum(day.sessions for day in known_days) / len(known_days)
    per_session_kwh = median(day.energy_kwh / day.sessions for day in lively)
    busy = usual_sessions >= BUSY_SESSIONS
    expected_kwh = per_session_kwh * (max(today.sessions, usual_sessions) if busy else today.sessions)
    period = f"{day_at:%Y-%m-%d}"
    if expected_kwh > 0 and today.energy_kwh < DROP_SHARE * expected_kwh and _rare(today, lively, busy):
        return DayVerdict(
            True,
            round(min(0.99, 0.6 + 0.4 * (1 - today.energy_kwh / expected_kwh)), 4),
            {
                "anomaly_type": "energy_drop",
                "affected_period": period,
                "expected_energy_kwh": round(expected_kwh, 1),
                "actual_energy_kwh": round(today.energy_kwh, 1),
            },
        )
    if today.anomalous >= ODD_SESSIONS and today.anomalous >= ODD_SHARE * today.sessions:
        return DayVerdict(
            True,
            round(min(0.99, 0.6 + 0.4 * today.anomalous / today.sessions), 4),
            {
                "anomaly_type": "faulty_sessions",
                "affected_period": period,
                "sessions": today.sessions,
                "anomalous_sessions": today.anomalous,
            },
        )
    share = today.energy_kwh / expected_kwh if expected_kwh else 1.0
    return DayVerdict(False, round(min(0.5, 0.5 * math.exp(-2 * share)), 4))


def _since_first(before: Sequence[Day]) -> Sequence[Day]:
    """The days since the station's first session; newest first, as given."""
    last = max(i for i, day in enumerate(before) if day.sessions)
    return before[: last + 1]


def _rare(today: Day, lively: Sequence[Day], busy: bool) -> bool:
    """Whether fewer than one in ten of the days before was as low; single short charges are everyday at home."""
    if not today.sessions:
        return busy
    each = today.energy_kwh / today.sessions
    return sum(1 for day in lively if day.energy_kwh / day.sessions <= each) < 0.1 * len(lively)
