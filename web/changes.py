"""Tells the open event streams that the present has changed, without knowing them.

Whoever changes something calls ``bump``; a stream waits for a version that it has not seen. Nothing queues up: a slow
reader misses versions, never the newest one.
"""

from __future__ import annotations

import asyncio


class Changes:
    """A counter that can be waited for. Belongs to one event loop."""

    def __init__(self) -> None:
        self.version = 0
        self._next = asyncio.Event()

    def bump(self) -> None:
        self.version += 1
        self._next.set()
        self._next = asyncio.Event()

    async def newer_than(self, seen: int) -> int:
        """The version, as soon as it is greater than ``seen``."""
        while self.version <= seen:
            await self._next.wait()
        return self.version
