"""Lanes give way to the control tick.

Whatever a lane puts together holds the one Python interpreter for some milliseconds, for tens of them on a small Pi, in
whichever thread it happens; a tick that becomes due meanwhile would come late. So before each piece of its work a lane
looks when the next tick is due, and lets it go first where that is near. It waits for one tick at most: a home that is
played so fast that a tick is always near tells its receivers all the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hemsd.clock import Clock

NEAR_S = 0.05  # longer than a piece of work takes: a charge of three hours is put together in some 5 ms, 20 on a Pi 4
TICK_TAKES_S = 0.01


@dataclass(slots=True)
class GiveWay:
    clock: Clock  # the home's, by which it ticks
    tick_due_s: Callable[[], float] = lambda: math.inf  # monotonic

    async def __call__(self) -> None:
        """Returns when no tick is due in the next moments."""
        left_s = self.tick_due_s() - self.clock.monotonic()
        if 0.0 <= left_s < NEAR_S:
            await self.clock.sleep(left_s + TICK_TAKES_S)
