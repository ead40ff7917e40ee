"""Writes the database of the present version as SQL, for later versions to migrate:
``python -m tests.store.databases.make FILE``.

A file that was once released with is never written again; the next version gets a new one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from hemsd.clock import ManualClock
from hemsd.model import QuarterHour, SiteMinute
from hemsd.store import Store
from tests.store.values import NOON, a_command, a_decision, a_sample, a_visit


async def fill(path: Path) -> None:
    """A finished visit with everything that belongs to it, and one that runs."""
    store = await Store.open(path, ManualClock(NOON))
    store.identities(wallboxes=["garage"], vehicles=["car"], policies=["home"])
    store.save_fact("mode/garage", "solar")
    done = a_visit(1, plugged_out_at=NOON + timedelta(hours=5), energy_wh=6500.0, solar_wh=6000.0, grid_wh=500.0)
    store.save_visit(done)
    store.record_decision(store.next_decision_id(), a_decision(dispatched=True, command_id=1), done.id)
    store.record_command(a_command(store.next_command_id(), visit_id=done.id))
    store.record_sample(done.id, a_sample())
    store.record_quarter(QuarterHour(done.id, NOON, 500.0, 400.0, 0.0, 100.0))
    store.record_minute(SiteMinute(NOON, -120.0, 2960.0, 0.0, 55.0, 780.0, {"garage": 2060.0}))
    ended = await store.begin("garage", 1, "04A1B2C3", NOON, 1000.0)
    await store.end("garage", ended, NOON + timedelta(hours=5), 7500.0, "EVDisconnected")
    await store.begin("garage", 1, "04A1B2C3", NOON + timedelta(days=1), 7500.0)
    store.save_visit(a_visit(2, plugged_in_at=NOON + timedelta(days=1)))
    await store.close()


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hemsd.db"
        asyncio.run(fill(path))
        with closing(sqlite3.connect(path)) as db:
            target.write_text("\n".join(db.iterdump()) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
