"""The daemon of a soak: ``hemsd run`` on a clock that was started elsewhere. Arguments: FILE START BEGAN SPEED."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import datetime
from pathlib import Path

from hemsd.app import Daemon, only_one
from hemsd.clock import FastClock
from hemsd.config import load


async def run(config_path: Path, clock: FastClock) -> None:
    config = load(config_path)
    with only_one(config.storage.path):
        async with await Daemon.make(config, clock) as daemon:
            await daemon.run(config_path)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    file, start_at, began_s, speed = sys.argv[1:]
    fast = FastClock(datetime.fromisoformat(start_at), float(speed), began_s=float(began_s))
    asyncio.run(run(Path(file), fast))
