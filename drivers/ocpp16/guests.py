"""Strangers at the door: who is worth reporting, and who knocks too often."""

from __future__ import annotations

from collections import OrderedDict

from hemsd.clock import Clock

QUIET_S = 600.0  # boxes with a wrong identity retry for hours
MOST = 256
BURST = 120.0
PER_SECOND = 1.0


class GuestBook:
    """Tells the first visit from its repetitions. Holds a bounded number of names, the oldest go first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen_s: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def is_news(self, identity: str, remote: str, why: str) -> bool:
        visit = (identity, remote, why)
        now_s = self._clock.monotonic()
        before_s = self._seen_s.pop(visit, None)
        self._seen_s[visit] = now_s if before_s is None or now_s - before_s >= QUIET_S else before_s
        while len(self._seen_s) > MOST:
            self._seen_s.popitem(last=False)
        return self._seen_s[visit] == now_s and before_s != now_s


class AttemptLimit:
    """A bucket of connection attempts for each address."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # (tokens left, at)

    def allows(self, remote: str) -> bool:
        now_s = self._clock.monotonic()
        left, at_s = self._buckets.pop(remote, (BURST, now_s))
        left = min(BURST, left + (now_s - at_s) * PER_SECOND)
        self._buckets[remote] = (max(left - 1, 0.0), now_s)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return left >= 1
