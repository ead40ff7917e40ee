"""The way back from a copy, and the task that takes one each day. hemsd.store.copies makes them.

A restore is for the day when something went wrong, so it trusts nothing: the copy is checked in full before anything
moves, the present database is kept aside, and a power cut in the middle leaves one of the two in its place.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from hemsd.clock import Clock
from hemsd.store.copies import copy_database, copy_of_the_day, force, integrity
from hemsd.store.opening import refuse_what_is_not_ours
from hemsd.store.rows import StoreError
from hemsd.store.store import Store

log = logging.getLogger(__name__)

LOOK_S = 900.0


def backup(database: Path, target: Path) -> None:
    """A copy of the database as it is now; what waits in a running daemon's memory (up to a minute) is not in it."""
    if not database.exists():
        raise StoreError(f"There is no database at {database}")
    if target.resolve() == database.resolve():
        raise StoreError(f"{target} is the database itself")
    copy_database(database, target)


def restore(source: Path, database: Path, clock: Clock) -> Path | None:
    """Puts the copy in the database's place; answers where that is kept now, None when there was none.

    Nobody may have the database open. Raises StoreError, and then nothing has changed.
    """
    check_copy(source)
    fresh = database.with_name(f"{database.name}.restored")
    copy_database(source, fresh)
    _give_to_the_daemon(fresh, database.with_name(f"{database.name}.lock"))
    try:
        aside = _keep_aside(database, clock) if database.exists() else None
        fresh.replace(database)
        force(database.parent)
    except OSError as error:
        raise StoreError(f"{database} can't be replaced: {error}") from error
    finally:
        fresh.unlink(missing_ok=True)
    return aside


def check_copy(source: Path) -> None:
    """Raises StoreError with what is wrong with it."""
    if not source.is_file():
        raise StoreError(f"There is no file {source}")
    complaint = integrity(source)
    if complaint is not None:
        raise StoreError(f"{source} is no whole database: {complaint}")
    refuse_what_is_not_ours(source)


def _give_to_the_daemon(*files: Path) -> None:
    """With sudo, what is made here would be root's, and the daemon could not open it."""
    if os.geteuid() != 0:
        return
    for file in files:
        folder = file.parent.stat()
        if file.exists():
            os.chown(file, folder.st_uid, folder.st_gid)


def _keep_aside(database: Path, clock: Clock) -> Path:
    """A second name for the file, so that at no moment there is no database. Its log goes first.

    SQLite would otherwise play the old log into the new file.
    """
    _empty_log(database)
    aside = database.with_name(f"{database.name}.before-{clock.utc():%Y%m%dT%H%M%S}")
    for suffix in ("-wal", "-shm"):
        part = Path(f"{database}{suffix}")
        if part.exists():
            part.replace(f"{aside}{suffix}")
    try:
        os.link(database, aside)
    except OSError:  # a file system without second names
        database.replace(aside)
    return aside


def _empty_log(database: Path) -> None:
    """What stands in the log only goes into the file, where the file still allows it."""
    try:
        with closing(sqlite3.connect(database)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        log.warning("The log of %s could not be emptied (%s); it is kept beside it", database, error)


class DailyCopies:
    """Takes a copy of the store once in a UTC day and keeps the newest few. None when ``keep`` is 0."""

    def __init__(self, store: Store, keep: int, clock: Clock) -> None:
        self._store, self._keep, self._clock = store, keep, clock
        self.trouble: str | None = None
        """Why the newest try failed, for people"""

    async def run(self) -> None:
        while self._keep:
            await self._clock.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Takes today's copy if there is none yet."""
        try:
            written = await asyncio.to_thread(copy_of_the_day, self._store.path, self._clock.utc(), self._keep)
        except (StoreError, OSError) as error:
            if self.trouble is None:
                log.warning("No copy of the database could be made: %s", error)
            self.trouble = str(error)
        else:
            self.trouble = None
            self._store.also_wrote(written)
