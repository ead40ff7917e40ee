"""How fast a wallbox may talk.

A wallbox says a few things a minute; one that empties the queue of a long outage says hundreds at once. A wallbox that
says a thousand a second is broken or hostile. It is read no faster than others can be served beside it: what comes too
soon stays in the socket, where TCP makes the sender wait. Real seconds: this is about the network.
"""

from __future__ import annotations

import asyncio

FRAMES_A_SECOND = 50
FLOOD_S = 10  # seconds in a row that are full; an emptied queue of 500 is over by then


class Pace:
    """Of one link."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or FRAMES_A_SECOND
        self._left = self._most
        self._full_s = 0
        self._next_second = asyncio.Event()
        self._second: asyncio.TimerHandle | None = None  # runs while frames come

    @property
    def flooding(self) -> bool:
        """Whether it has been at the limit for so long that something is wrong."""
        return self._full_s >= FLOOD_S

    async def turn(self) -> None:
        """Returns when one more frame may be read."""
        while self._left == 0:
            self._next_second.clear()
            await self._next_second.wait()
        self._left -= 1
        if self._second is None:
            self._second = asyncio.get_running_loop().call_later(1.0, self._end_second)

    def _end_second(self) -> None:
        self._full_s = self._full_s + 1 if self._left == 0 else 0
        silent = self._left == self._most
        self._left = self._most
        self._next_second.set()
        self._second = None if silent else asyncio.get_running_loop().call_later(1.0, self._end_second)
