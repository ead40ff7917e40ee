"""A process that writes as fast as it can and says on stdout what it did, until somebody kills it.

Not a test: ``test_kill.py`` starts it, as ``python -m tests.store.crashing changes|readings DATABASE``.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from hemsd.clock import FastClock
from hemsd.model import SiteMinute, SteeringState
from hemsd.store import Store
from tests.store.values import NOON, a_command, a_sample, a_visit

STATES = list(SteeringState)


async def changes(store: Store) -> None:
    """Each line is acknowledged: printed after ``settle``, or after the book of transactions answered."""
    number = store.next_visit_number()
    visit = a_visit(number, id=str(uuid4()))
    step = 0
    while True:
        step += 1
        visit = replace(visit, energy_wh=float(step), final_state=STATES[step % len(STATES)])
        store.save_visit(visit)
        store.record_sample(visit.id, a_sample(10.0 * step))
        command = a_command(store.next_command_id(), visit_id=visit.id)
        store.record_command(command)
        if step % 3 == 0:
            say("transaction", await store.begin("garage", 1, "tag", NOON + timedelta(seconds=step), float(number)))
        else:
            await store.settle()
        say("visit", number)
        say("energy", step)
        say("command", command.id)
        await asyncio.sleep(0.001 * (step % 7))


async def readings(store: Store, clock: FastClock) -> None:
    """Nothing is waited for: each line is the second, by its own clock, at which something was recorded."""
    minute = 0
    while True:
        store.record_minute(SiteMinute(NOON + timedelta(minutes=minute), clock.monotonic(), None, None, None, None))
        say("second", int(clock.monotonic()))
        minute += 1
        await clock.sleep(5)


def say(what: str, number: int) -> None:
    print(what, number, flush=True)


async def main(kind: str, path: str) -> None:
    clock = FastClock(NOON, speed=60)
    store = await Store.open(path, clock)
    say("open", 0)
    await (changes(store) if kind == "changes" else readings(store, clock))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
