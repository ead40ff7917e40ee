"""Writes a database as it is after one of the migrations, for later ones to bring up to date:
``python -m tests.store.databases.make m009_failures``. ``xz -dc m009_failures.db.xz > old.db`` to look into one.

A file that was once written is never written again: it is what is on people's cards. The next migration gets a new one,
and a test goes red until it has.
"""

from __future__ import annotations

import asyncio
import lzma
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sqlite_utils import Database

from hemsd.clock import ManualClock
from hemsd.cloud.marks import Lines, Marks
from hemsd.cloud.outbox import Outbox
from hemsd.model import CloudVerdict, QuarterHour, SiteMinute
from hemsd.store import Store, clients, outbox, verdicts
from hemsd.store.outbox import LaneRow
from hemsd.store.schema import migrations
from tests.store.values import NOON, a_command, a_decision, a_sample, a_visit

HERE = Path(__file__).parent
TABLES = (
    "SELECT name FROM main.sqlite_master WHERE type = 'table'"
    " AND name NOT LIKE 'sqlite_%' AND name != '_sqlite_migrations'"
)


async def fill(path: Path) -> None:
    """A finished visit with everything that belongs to it, and one that runs."""
    store = await Store.open(path, ManualClock(NOON))
    store.announcer = Marks(Lines(analysis="analysis", session_hooks=("webhook:1f",)), ManualClock(NOON))
    store.identities(wallboxes=["garage"], vehicles=["car"], policies=["home"])
    store.save_fact("mode/garage", "solar")
    done = a_visit(
        1, transaction_id=1, plugged_out_at=NOON + timedelta(hours=5), energy_wh=6500.0, solar_wh=6000.0, grid_wh=500.0
    )
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
    store.save_course(done.id, {"policy": "home"})
    store.carry_out(verdicts.record(done.id, CloudVerdict(NOON, "active", is_anomaly=False, anomaly_score=0.12)))
    await store.settle()
    box = Outbox(store)
    refused = await box.next("analysis", NOON + timedelta(days=2))
    assert refused is not None
    await box.write(*outbox.bury(refused, NOON, 422, "422 no such station"), outbox.lane("analysis", LaneRow(NOON)))
    await store.close()
    await asyncio.to_thread(clients.add, path, ManualClock(NOON), "energy cloud", ["flex"])


def as_after(migration: str, full: Path, old: Path) -> None:
    """The same rows, as far as there was a place for them by then."""
    names = [each.name for each in migrations.pending(Database(memory=True))]
    later = names[names.index(migration) + 1 :]
    with closing(sqlite3.connect(old)) as db:
        migrations.apply(Database(db), stop_before=later[0] if later else None)
        db.execute("ATTACH ? AS full", (str(full),))
        for (table,) in db.execute(TABLES).fetchall():
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM full.{table}")
        db.commit()
        db.execute("DETACH full")


def main(migration: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        full, old = Path(folder) / "full.db", Path(folder) / "old.db"
        asyncio.run(fill(full))
        as_after(migration, full, old)
        with lzma.open(HERE / f"{migration}.db.xz", "xb") as target:
            target.write(old.read_bytes())


if __name__ == "__main__":
    main(sys.argv[1])
