"""Waiting for something to happen, but not longer than a time on the given clock."""

from __future__ import annotations

import asyncio

from hemsd.clock import Clock


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
