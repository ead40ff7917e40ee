"""What keeps the database well over the years: a copy a day, old rows thinned, and an eye on what the card bears."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable

from hemsd.alerts import Found
from hemsd.clock import Clock
from hemsd.config.models import StorageSettings
from hemsd.ops.backup import DailyCopies
from hemsd.ops.retention import Retention
from hemsd.said import said
from hemsd.store.codec import DAY_MS, ms
from hemsd.store.copies import daily, kept
from hemsd.store.store import Store
from web.state_models import StoragePage

log = logging.getLogger(__name__)

LOOK_S = 3600.0
FIRST_LOOK_S = 600.0  # a start has enough to do


class Upkeep:
    """Looks after the store once an hour; ``found`` are its alerts, ``page`` is its part of the state."""

    def __init__(self, store: Store, settings: StorageSettings, clock: Clock) -> None:
        self._store, self._settings, self._clock = store, settings, clock
        self.copies = DailyCopies(store, settings.copies, clock)
        self.retention = Retention(store, settings.keep_days, settings.max_mb * 1_000_000, clock)
        self._newest_copy: str | None = None
        self._earlier = (0, 0)  # (day, bytes) that an earlier run of the daemon wrote today
        self._today = (0, 0)  # (day, what the store had written by then since it was opened)
        self._copied = (0, 0)  # (day, bytes) of the newest copy

    async def run(self) -> None:
        await self._recall_today()
        await self._clock.sleep(FIRST_LOOK_S)
        while True:
            await self.look()
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        await self.copies.look()
        self._look_for_copies()
        try:
            await self.retention.look()
        except sqlite3.Error as error:
            log.warning("The database can't be looked after: %s", error)

    def _look_for_copies(self) -> None:
        today = self._clock.utc()
        copy = daily(self._store.path, today)
        self._copied = (ms(today) // DAY_MS, copy.stat().st_size if copy.exists() else 0)
        self._newest_copy = next((copy.name for copy in kept(self._store.path)), None)

    async def _recall_today(self) -> None:
        self._look_for_copies()
        day = ms(self._clock.utc()) // DAY_MS
        days = await self._store.views.written_days()
        self._earlier = (day, sum(one.bytes for one in days if ms(one.day_at) // DAY_MS == day))

    def bytes_today(self) -> int:
        """What was asked of the card since the UTC day began."""
        day = ms(self._clock.utc()) // DAY_MS
        written = self._store.bytes_written
        if self._today[0] != day:
            self._today = (day, written if self._today[0] else 0)
        return written - self._today[1] + (self._earlier[1] if self._earlier[0] == day else 0)

    def found(self) -> Iterable[Found]:
        """What a person should know."""
        if self._store.mended:
            yield (
                "store:mended",
                said("alarm.store.mended", "{mended}.", mended=self._store.mended),
                said(
                    "alarm.store.mended.do", "Charging goes on. A card that damages files wears out: replace it soon."
                ),
            )
        if self.copies.trouble:
            yield (
                "store:copy",
                said(
                    "alarm.store.copy", "No copy of the database could be made: {trouble}.", trouble=self.copies.trouble
                ),
                said("alarm.store.copy.do", "Make room on the card."),
            )
        most = self._settings.max_mb_per_day * 1_000_000
        day, copied = self._copied
        if self.bytes_today() - (copied if day == self._today[0] else 0) > most:
            yield (
                "store:wear",
                said(
                    "alarm.store.wear",
                    "More than {most_mb:g} MB were written today.",
                    most_mb=self._settings.max_mb_per_day,
                ),
                said(
                    "alarm.store.wear.do",
                    "Memory cards wear out by writing: look for a wallbox or a program that causes it.",
                ),
            )

    def page(self) -> StoragePage:
        size = self.retention.size
        return StoragePage(
            bytes_today=self.bytes_today(),
            max_bytes_per_day=self._settings.max_mb_per_day * 1_000_000,
            database_bytes=size.bytes if size else None,
            newest_copy=self._newest_copy,
            trouble=self._store.trouble,
        )
