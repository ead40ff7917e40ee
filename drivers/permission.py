"""What a home battery may give, from the side of whoever tells it: what is wanted, what stands, what is due.

What was told holds for ``HOLDS_S`` and is said again long before: so a limit outlives a lost word or two, and no limit
outlives hemsd for long.
"""

from __future__ import annotations

import asyncio

from hemsd.clock import Clock

HOLDS_S = 120
AGAIN_S = 40.0
SAME_W = 25.0  # closer than this is no other limit


class Permission:
    """The part of ``drivers.base.BatteryControl`` that is the same for every way of telling."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.trouble = ""  # why it can't be told, for people
        self.wanted_w: float | None = None
        self._clock = clock
        self._told_w: float | None = None
        self._told_s = 0.0
        self._changed = asyncio.Event()
        self._done = asyncio.Event()  # nothing is left to say
        self._done.set()

    @property
    def told_w(self) -> float | None:
        """What stands, as far as is known; None: it is free."""
        return self._told_w if self._clock.monotonic() - self._told_s < HOLDS_S else None

    @property
    def due(self) -> bool:
        """Whether there is something to say."""
        wanted_w, told_w = self.wanted_w, self._told_w
        if wanted_w is None or told_w is None:
            return wanted_w is not told_w
        return abs(wanted_w - told_w) > SAME_W or self._clock.monotonic() - self._told_s >= AGAIN_S

    def permit(self, most_w: float | None) -> None:
        """From now on; None frees it."""
        self.wanted_w = most_w
        if self.due:
            self._done.clear()
            self._changed.set()
        else:
            self._done.set()

    def told(self, most_w: float | None) -> None:
        """This stands now."""
        self._told_w, self._told_s, self.trouble = most_w, self._clock.monotonic(), ""
        if not self.due:
            self._done.set()

    async def freed(self) -> None:
        """Returns when what was asked for last has been said."""
        await self._done.wait()
