"""The daemon of a soak: ``hemsd run`` in a time that another process leads. Arguments: FILE CHANNEL NOW UTC.

CHANNEL is inherited (``lockstep``), NOW the leader's time and UTC what a right clock says then. SIGUSR1: something
about the machine has changed (``soak_machine``).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from unittest.mock import patch

from benchmarks.lockstep import FollowingLoop
from benchmarks.soak_machine import condition
from drivers import mqtt_client
from hemsd.app import Daemon, only_one
from hemsd.config import load
from hemsd.ops import homeassistant
from hemsd.store import Store, writer
from tests.virtual import LoopClock

PLENTY = 1_000_000_000  # pages; SQLite begins with 2**30 - 1 or more
LOOK_S = 0.002  # real: the writer's thread must follow a clock that is hundreds of times as fast
PUBLISH_S = 10.0  # once a tick is enough
BROKER_S = 3600.0  # the broker lives in real time, and is given as long


async def run(config_path: Path, utc: datetime) -> None:
    config = load(config_path)
    clock = LoopClock(utc)
    look(clock, utc, config_path)
    with (
        only_one(config.storage.path),
        patch.object(mqtt_client, "TIMEOUT_S", BROKER_S),
        patch.object(homeassistant, "PUBLISH_S", PUBLISH_S),
        patch.object(writer, "LOOK_S", LOOK_S),
        patch.object(writer, "SystemClock", lambda: clock),
    ):
        async with await Daemon.make(config, clock) as daemon:
            notice = partial(look, clock, utc, config_path, daemon.store)
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, notice)
            notice()
            await daemon.run(config_path)


def look(clock: LoopClock, utc: datetime, config_path: Path, store: Store | None = None) -> None:
    """Makes the machine what it is said to be."""
    found = condition(config_path)
    clock.start_at = utc + timedelta(seconds=found.no_rtc_s + found.moved_s)
    if store is not None:
        fill(store, found.card_full)


def fill(store: Store, full: bool) -> None:
    """A full card as SQLite sees it: no page more than there is."""
    card = store._writer._db
    [pages] = card.execute("PRAGMA page_count").fetchone()
    card.execute(f"PRAGMA max_page_count = {pages if full else PLENTY}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    file, channel, now_s, utc = sys.argv[1:]
    with asyncio.Runner(loop_factory=lambda: FollowingLoop(socket.socket(fileno=int(channel)), float(now_s))) as runner:
        runner.run(run(Path(file), datetime.fromisoformat(utc)))
