"""The daemon of a soak: ``hemsd run`` on a clock that was started elsewhere. Arguments: FILE START BEGAN SPEED WRONG.

Its machine can fail in two ways that nobody can cause from outside. SIGUSR1: the card is full, and with the next one
it is not. SIGUSR2: NTP answers, and the wall clock jumps by WRONG seconds, by which it was wrong from the start.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path

from hemsd.app import Daemon, only_one
from hemsd.clock import FastClock
from hemsd.config import load
from hemsd.store import Store

PLENTY = 1_000_000_000  # pages; SQLite begins with 2**30 - 1 or more


async def run(config_path: Path, clock: FastClock, wrong: timedelta) -> None:
    config = load(config_path)
    loop = asyncio.get_running_loop()
    with only_one(config.storage.path):
        async with await Daemon.make(config, clock) as daemon:
            loop.add_signal_handler(signal.SIGUSR1, fill_or_empty, daemon.store)
            loop.add_signal_handler(signal.SIGUSR2, correct, clock, wrong)
            await daemon.run(config_path)


def fill_or_empty(store: Store) -> None:
    """As SQLite sees a full card: no page more than there is."""
    card = store._writer._db
    [most], [pages] = (card.execute(f"PRAGMA {name}").fetchone() for name in ("max_page_count", "page_count"))
    card.execute(f"PRAGMA max_page_count = {pages if most >= PLENTY else PLENTY}")


def correct(clock: FastClock, wrong: timedelta) -> None:
    clock.start_at += wrong


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    file, start_at, began_s, speed, wrong_s = sys.argv[1:]
    off = timedelta(seconds=float(wrong_s))
    fast = FastClock(datetime.fromisoformat(start_at) - off, float(speed), began_s=float(began_s))
    asyncio.run(run(Path(file), fast, off))
