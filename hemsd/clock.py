"""The only place that asks what time it is.

``SystemClock`` is the machine's time. ``FastClock`` runs faster from a chosen moment on: the simulated home plays a
day in minutes, and every tick, poll, hold and window follows it, while network time-outs stay real. ``ManualClock``
moves only when a test leaps. ``happens_within`` waits by any of them.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def utc(self) -> datetime:
        """Now, aware, UTC: for rows, schedules and people."""
        ...

    def monotonic(self) -> float:
        """Seconds that only rise: for every duration."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def utc(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FastClock:
    """Starts at ``start_at`` and runs ``speed`` times as fast as the machine."""

    def __init__(self, start_at: datetime, speed: float, *, began_s: float | None = None) -> None:
        self.start_at = start_at
        self.speed = speed
        self.began_s = time.monotonic() if began_s is None else began_s  # another process can share the clock

    def monotonic(self) -> float:
        return (time.monotonic() - self.began_s) * self.speed

    def utc(self) -> datetime:
        return self.start_at + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class ManualClock:
    """Time for tests and replays: stands still until ``leap``, which wakes the sleepers that it passes, in order."""

    def __init__(self, start_at: datetime = datetime(2026, 6, 21, 8, 0, tzinfo=UTC), now_s: float = 1000.0) -> None:
        self.start_at = start_at
        self._origin_s = now_s
        self._now_s = now_s
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self._now_s

    def utc(self) -> datetime:
        return self.start_at + timedelta(seconds=self._now_s - self._origin_s)

    async def sleep(self, seconds: float) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_s + seconds, next(self._order), done))
        await done

    def leap(self, seconds: float) -> None:
        """Moves time on at once; sleepers that are due wake at the loop's next turn."""
        self._now_s += seconds
        while self._sleepers and self._sleepers[0][0] <= self._now_s:
            _, _, done = heapq.heappop(self._sleepers)
            if not done.done():
                done.set_result(None)


async def happens_within(clock: Clock, seconds: float, event: asyncio.Event) -> bool:
    """True as soon as the event is set, False once the clock has passed that many seconds without it."""
    if event.is_set():
        return True
    async with asyncio.TaskGroup() as group:
        happened = group.create_task(event.wait())
        elapsed = group.create_task(clock.sleep(seconds))
        await asyncio.wait({happened, elapsed}, return_when=asyncio.FIRST_COMPLETED)
        happened.cancel()
        elapsed.cancel()
    return event.is_set()
