"""Copies of the database: one a day beside it while it is small, and whatever ``hemsd backup`` is told.

A copy is made through SQLite's own backup, in one step, so it is one moment of the database even while the daemon
writes. It becomes a copy under its name only when it is whole, checked and on the card: a copy that exists is good. It
is a single file without a log beside it, readable by its owner only, and any SQLite tool opens it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from shutil import disk_usage

from hemsd.said import said
from hemsd.store.rows import StoreError

BUSY_S = 5.0
BYTES_PER_DAY = 8_000_000  # what copies may cost the card in the mean: with a day's own writes it is 25 MB
ROOM = 1.5  # a copy is not begun on a card that has less free than this many times its size


def copy_database(source: Path, target: Path) -> None:
    """Makes ``target`` a copy of the database at ``source``, or leaves it as it was. Raises StoreError."""
    draft = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(read_only(source)) as theirs, closing(sqlite3.connect(draft)) as ours:
            theirs.backup(ours)
            ours.execute("PRAGMA journal_mode = DELETE")  # no log: the copy is this one file
        complaint = integrity(draft)
        if complaint is not None:
            raise StoreError(
                said(
                    "store.copy_damaged",
                    "{source} can't be copied, it is damaged: {complaint}",
                    source=str(source),
                    complaint=complaint,
                )
            )
        force(draft)
        draft.replace(target)
        force(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            said(
                "store.not_copied",
                "{source} can't be copied to {target}: {error}",
                source=str(source),
                target=str(target),
                error=str(error),
            )
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing. Raises sqlite3.Error where there is no database."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)


def integrity(path: Path) -> str | None:
    """What SQLite's full check finds, indexes included; None when all is well."""
    try:
        with closing(read_only(path)) as db:
            verdict = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if verdict == "ok" else verdict


def force(path: Path) -> None:
    """A file, or the names in a directory, to the card itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------------------------------------------------------------
# One a day


def daily(path: Path, at: datetime) -> Path:
    """Where the copy of this UTC day belongs."""
    return path.with_name(f"{path.name}.copy-{at:%Y%m%d}")


def kept(path: Path) -> list[Path]:
    """The daily copies of the database at ``path``, newest first."""
    return sorted(path.parent.glob(f"{path.name}.copy-????????"), reverse=True)


def is_due(path: Path, at: datetime) -> bool:
    """Each day while the database is small; a large one would wear the card out by being copied."""
    days = [(at.date() - day).days for day in map(_day_of, kept(path)) if day is not None]
    since = min((ago for ago in days if ago >= 0), default=None)  # a clock that was ahead has left others
    return since is None or since > path.stat().st_size // BYTES_PER_DAY


def _day_of(copy: Path) -> date | None:
    try:
        return datetime.strptime(copy.name[-8:], "%Y%m%d").date()  # noqa: DTZ007 - the name of a UTC day
    except ValueError:
        return None


def copy_of_the_day(path: Path, at: datetime, keep: int) -> int:
    """Makes today's copy where one is due, and drops all but the newest ``keep``. The bytes that it wrote.

    Raises StoreError; the older copies are still there then.
    """
    target = daily(path, at)
    written = 0
    if is_due(path, at):
        size = path.stat().st_size
        if disk_usage(path.parent).free < ROOM * size:
            raise StoreError(
                said("store.no_room", "there is no room for a copy of {size_mb:.0f} MB", size_mb=size / 1e6)
            )
        copy_database(path, target)
        written = target.stat().st_size
    for old in kept(path)[keep:]:
        old.unlink()
    return written


def newest_good(path: Path) -> Path | None:
    """The newest daily copy that is whole."""
    return next((copy for copy in kept(path) if integrity(copy) is None), None)
