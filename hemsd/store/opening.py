"""Opens the database file: checks it, brings its tables up to date, and reads what must be known from the start."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from hemsd.clock import Clock, SystemClock
from hemsd.said import said
from hemsd.store import queries
from hemsd.store.copies import copy_database, newest_good, read_only
from hemsd.store.rows import CantOpen, StoreError
from hemsd.store.schema import PAGE_BYTES, migrations

log = logging.getLogger(__name__)

BUSY_S = 2.0  # another hemsd command may hold the database this long before it counts as trouble
CHECK_WITHIN_S = 10.0  # a start must not wait longer for the check of a large file on a slow card
CHECKPOINT_BYTES = 4 << 20  # a longer log copies hot pages less often


@dataclass(frozen=True, slots=True)
class Opened:
    """The connection for the writer, and what had to be done to get it."""

    db: Database
    mended: str | None = None  # for people; None: the file was sound


def newest_record(path: Path) -> datetime | None:
    """Of a file that nobody has opened yet; None where it has none or can't be read: who opens it will say so."""
    try:
        with closing(read_only(path)) as db:
            return queries.newest_at(db)
    except (OSError, sqlite3.Error):
        return None


def open_database(path: Path, clock: Clock) -> Database:
    """The connection for the writer, whatever it took. Raises StoreError."""
    return mend_and_open(path, clock).db


def mend_and_open(path: Path, clock: Clock) -> Opened:
    """A damaged file is set aside, never deleted, and the newest good copy takes its place.

    Without a copy a new database begins: better a new memory than no daemon. Raises StoreError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        complaint = damage(path) if path.exists() else None
        mended = None if complaint is None else _mend(path, complaint, clock)
        return Opened(_connect(path), mended)
    except (OSError, sqlite3.Error) as error:
        raise CantOpen(f"The database {path} can't be opened: {error}") from error


def _mend(path: Path, complaint: str, clock: Clock) -> str:
    aside = set_aside(path, clock)
    copy = newest_good(path)
    if copy is None:
        mended = said(
            "store.begun_anew",
            "The database {path} is damaged ({complaint}); it is kept as {aside}, and a new one begins",
            path=str(path),
            complaint=complaint,
            aside=aside.name,
        )
    else:
        copy_database(copy, path)
        mended = said(
            "store.replaced",
            "The database {path} is damaged ({complaint}); it is kept as {aside}, and {copy} takes its place",
            path=str(path),
            complaint=complaint,
            aside=aside.name,
            copy=copy.name,
        )
    log.error("%s", mended)
    return mended


def damage(path: Path) -> str | None:
    """What SQLite's quick check finds; None when nothing, or when it took too long to say."""
    real = SystemClock()
    until_s = real.monotonic() + CHECK_WITHIN_S
    db = sqlite3.connect(path, timeout=BUSY_S)
    try:
        db.set_progress_handler(lambda: real.monotonic() > until_s, 100_000)
        verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        return None if verdict == "ok" else verdict
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        raise
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        db.close()


def set_aside(path: Path, clock: Clock) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{clock.utc():%Y%m%dT%H%M%S}")
    for suffix in ("", "-wal", "-shm"):
        part = Path(f"{path}{suffix}")
        if part.exists():
            part.rename(f"{aside}{suffix}")
    return aside


def refuse_what_is_not_ours(path: Path) -> None:
    """Raises StoreError when the file is no database of hemsd, or of a newer one; sqlite3.Error when it is none."""
    with closing(read_only(path)) as connection:
        db = Database(connection, execute_plugins=False)
        if "visits" not in db.table_names():
            raise StoreError(f"{path} is no database of hemsd")
        _refuse_a_newer_one(db)


def _connect(path: Path) -> Database:
    connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # only a new file heeds it, and only before WAL
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # the same: so that a file can become smaller again
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_BYTES // PAGE_BYTES}")
    db = Database(connection, execute_plugins=False)
    try:
        _refuse_a_newer_one(db)
        migrations.apply(db)
    except (StoreError, sqlite3.Error):
        db.close()
        raise
    connection.row_factory = sqlite3.Row
    return db


def _refuse_a_newer_one(db: Database) -> None:
    ours = {migration.name for migration in migrations.pending(Database(memory=True))}
    foreign = {migration.name for migration in migrations.applied(db)} - ours
    if foreign:
        raise StoreError(f"A newer hemsd wrote this database (it has {', '.join(sorted(foreign))})")
