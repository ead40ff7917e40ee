"""A home that charges a car, tells everybody, and kills itself at a chosen step of a delivery.

Not a test: ``test_kill.py`` starts it as ``python -m tests.cloud.dying FOLDER`` and writes one line a life to its
stdin: the file of the database, the address of the receiver, and the step to die at (0: live on). It forks for each
life, so that hundreds of them need one interpreter, and says on stdout how each ended: with what is still owed and
the name of each step that it took, or ``killed``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from hemsd.clock import ManualClock
from hemsd.cloud import service
from hemsd.cloud.client import Client
from hemsd.cloud.outbox import Outbox
from tests.cloud.home import Home, at_home, settings

STORY = datetime(2026, 6, 21, 8, 0, tzinfo=UTC)


def later(path: Path) -> datetime:
    """An hour after everything that is known, so that no life measures a minute for a second time."""
    with closing(sqlite3.connect(path)) as db:
        [newest_ms] = db.execute("SELECT max(minute_ms) FROM meter_values").fetchone()
    return (STORY if newest_ms is None else datetime.fromtimestamp(newest_ms / 1000, UTC)) + timedelta(hours=1)


class Fate:
    """Names the steps, and dies at one of them."""

    dies_at = 0
    lane = ""
    steps: ClassVar[list[str]] = []


def step(name: str) -> None:
    Fate.steps.append(f"{Fate.lane.partition(':')[0]} {name}")
    if len(Fate.steps) == Fate.dies_at:
        os.kill(os.getpid(), signal.SIGKILL)


def between(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The same, with a step before and a step after it."""

    async def stepped(*arguments: Any, **named: Any) -> Any:
        if method.__name__ == "next":
            Fate.lane = arguments[1]
        step(f"before {method.__name__}")
        found = await method(*arguments, **named)
        step(f"after {method.__name__}")
        return found

    return stepped


class DyingOutbox(Outbox):
    next = between(Outbox.next)
    freeze = between(Outbox.freeze)
    write = between(Outbox.write)


class DyingClient(Client):
    send = between(Client.send)


async def pay(home: Home, for_s: float = 1.0) -> None:
    for name in home.cloud.lanes:
        await home.pay(name, for_s)


async def live(path: Path, url: str, folder: Path, clock: ManualClock) -> None:
    cloud = settings(url, folder, "analysis", "summaries", "webhook")
    async with at_home(path, cloud, clock) as home:
        if await home.store.views.visit_numbered(1) is None:
            await home.plug_in()
            home.quarter()
        if home.visits:
            await pay(home)
            await home.charge(minutes=20, from_wh=2000)
            home.quarter()
            await pay(home, 400)
            await home.plug_out()
        await pay(home, 1000)
        owed = await home.owed("")
    print(json.dumps({"owed": owed, "steps": Fate.steps}), flush=True)


def main(folder: Path) -> None:
    service.Outbox = DyingOutbox  # type: ignore[misc]
    service.Client = DyingClient  # type: ignore[misc]
    for line in sys.stdin:
        path, url, dies_at = line.split()
        child = os.fork()
        if child == 0:
            Fate.dies_at = int(dies_at)
            clock = ManualClock(later(Path(path)) if Path(path).exists() else STORY)
            asyncio.run(live(Path(path), url, folder, clock))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            print("killed", flush=True)
        elif status:
            print("failed", status, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
