"""Long work in a thread that yields to everything else, and rests while the control loop is late.

What is done there must call ``pause`` now and then: between two epochs it waits until the house is calm again, and ends
when nobody waits for its result any more (the daemon stops), so that neither a tick nor a stop is ever delayed.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Done = TypeVar("Done")
Calm = Callable[[], bool]
"""Whether the control loop is on time"""

NICE: Final = 15
LOOK_AGAIN_S: Final = 0.2


class GivenUp(Exception):
    """Nobody waits for the result any more."""


async def in_the_background(work: Callable[[Callable[[], None]], Done], calm: Calm) -> Done:
    """``work`` takes ``pause``. Raises what it raises."""
    nobody_waits = threading.Event()

    def pause() -> None:
        while not calm() and not nobody_waits.wait(LOOK_AGAIN_S):
            pass
        if nobody_waits.is_set():
            raise GivenUp

    thread = ThreadPoolExecutor(1, thread_name_prefix="hemsd-training", initializer=_yield_to_others)
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, work, pause)
    finally:
        nobody_waits.set()
        thread.shutdown(wait=False)


def _yield_to_others() -> None:
    if hasattr(os, "setpriority"):  # Linux counts niceness per thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
