"""Keeps a series up to date: asks when its timetable says so, keeps what it knows when an answer does not come.

A failure is not raised but reported (``say``), because everything that was known before still holds; the next try
comes after a growing, jittered pause. Waiting is cut into slices, so that a wall clock that jumps when NTP arrives is
noticed within minutes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from drivers.base import DeviceError
from drivers.series import cache
from drivers.series.quarters import KEEP_DAYS, Entry, Series, around, merged, on_quarters
from hemsd.clock import Clock
from hemsd.said import said

SLICE_S = 900.0
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0

Luck = Callable[[], float]
"""A number from 0 to 1."""

Say = Callable[[str, str | None], None]
"""Takes (the name, what is wrong or None): hemsd.supervise.Health.say."""


class Timetable(Protocol):
    def next_at(self, now: datetime, known: Series | None, asked: bool, luck: float) -> datetime:
        """When to ask, if the last question (``asked``: there was one) was answered."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Who is asked, and how. ``label`` names source and surcharges: another label makes the old file useless."""

    label: str
    entries: Callable[[datetime], Awaitable[Iterable[Entry]]]
    timetable: Timetable


@dataclass(slots=True)
class Poller:
    """A Driver: runs until cancelled."""

    name: str
    source: Source
    file: Path | None
    deliver: Callable[[Series], None]
    clock: Clock
    say: Say
    luck: Luck = random.random
    known: Series | None = None

    async def run(self) -> None:
        if self.file is not None and self.known is None:
            kept = await asyncio.to_thread(cache.load, self.file, self.source.label)
            kept = kept and kept.from_(cache.earliest_kept(self.clock.utc(), KEEP_DAYS))
            if kept is not None and kept.starts_at:
                self.known = kept
                self.deliver(kept)
        failures, asked = 0, False
        while True:
            now = self.clock.utc()
            if failures:
                await self._until(now + timedelta(seconds=pause_s(failures, self.luck())))
            else:
                await self._until(self.source.timetable.next_at(now, self.known, asked, self.luck()))
            try:
                await self.ask_once()
            except DeviceError as error:
                failures += 1
                self.say(self.name, str(error))
            else:
                failures, asked = 0, True
                self.say(self.name, None)

    async def ask_once(self) -> None:
        """One question; delivers and keeps what is new. Raises DeviceError."""
        now = self.clock.utc()
        fresh = on_quarters(around(await self.source.entries(now), now))
        if all(value is None for value in fresh.values()):
            raise DeviceError(said("answer.empty", "the answer holds no value"))
        known = merged(self.known, fresh, self.source.label, now).from_(cache.earliest_kept(now, KEEP_DAYS))
        changed = self.known is None or replace(known, fetched_at=self.known.fetched_at) != self.known
        self.known = known
        self.deliver(known)
        if changed and self.file is not None:
            await asyncio.to_thread(cache.save, self.file, known)

    async def _until(self, moment: datetime) -> None:
        while (left_s := (moment - self.clock.utc()).total_seconds()) > 0.0:
            await self.clock.sleep(min(left_s, SLICE_S))


def pause_s(failures: int, luck: float) -> float:
    """1 min, 2 min, 4 min ... an hour, each a third shorter or longer at random."""
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 10)) * (2.0 + 2.0 * luck) / 3.0)
