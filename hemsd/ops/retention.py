"""Old readings and decisions: thinned after a while, deleted after ``storage.keep_days`` or when the file is too big.

One day at each look, and a look is an hour apart. So the card hardly notices; and when the wall clock is wrong by years
for an hour, because a Pi starts without one, that costs one day of old readings and not all of them.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from hemsd.clock import Clock
from hemsd.store import aging
from hemsd.store.aging import Size
from hemsd.store.codec import DAY_MS, ms, utc
from hemsd.store.store import Store

log = logging.getLogger(__name__)

FINE_DAYS = 90  # so long a minute stays a minute
KEPT_AT_LEAST_DAYS = 7  # however big the file is
THINNED_TO = "retention.thinned_to_ms"


class Retention:
    """``keep_days`` and ``most_bytes`` as config.yaml says."""

    def __init__(self, store: Store, keep_days: int, most_bytes: int, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._keep_days, self._most_bytes = keep_days, most_bytes
        self.size: Size | None = None  # as of the newest look

    async def look(self) -> None:
        """Does what is due for one day. Raises sqlite3.Error when the database can't be asked."""
        self.size = await self._store.views.ask(aging.size)
        await self._forget_a_day(self.size)
        await self._thin_a_day()
        if self.size.much_is_spare:
            self._store.maintain(*aging.give_back())

    async def _forget_a_day(self, size: Size) -> None:
        day_ms = await self._store.views.ask(aging.oldest_day)
        if day_ms is None:
            return
        too_big = size.used_bytes > self._most_bytes
        keep_days = KEPT_AT_LEAST_DAYS if too_big else self._keep_days
        if day_ms + DAY_MS <= self._days_ago(keep_days):
            log.info("What was recorded up to %s is forgotten", utc(day_ms).date())
            self._store.maintain(*aging.forget(day_ms + DAY_MS))

    async def _thin_a_day(self) -> None:
        done_ms = self._store.facts().get(THINNED_TO, 0)
        assert isinstance(done_ms, int)
        day_ms = await self._store.views.ask(lambda db: aging.next_day_with_minutes(db, done_ms))
        if day_ms is not None and day_ms + DAY_MS <= self._days_ago(FINE_DAYS):
            self._store.maintain(*aging.thin(day_ms))
            self._store.save_fact(THINNED_TO, day_ms + DAY_MS)

    def _days_ago(self, days: int) -> int:
        return ms(self._clock.utc() - timedelta(days=days))
