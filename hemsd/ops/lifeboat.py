"""A store for the day on which the card is full, read-only or broken at the start: a home needs its daemon anyway.

Without one, hemsd would end, be started again, and end again, while the car waits. So it works on a copy in memory,
with everything that was known where that can still be read, and says until the next start that nothing is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import tempfile
from pathlib import Path

from hemsd.clock import Clock
from hemsd.store.copies import copy_database
from hemsd.store.rows import CantOpen, StoreError
from hemsd.store.store import Store

log = logging.getLogger(__name__)

MEMORY = Path("/dev/shm")
LARGEST_COPY = 64 << 20  # a Pi has little memory; a larger past stays on the card


async def open_store(path: Path, clock: Clock) -> Store:
    """The store at ``path``, or one that lives until the machine stops. Raises StoreError when neither can be."""
    try:
        return await Store.open(path, clock)
    except CantOpen as error:
        log.error("%s", error)
        boat = await asyncio.to_thread(_board, path)
        store = await Store.open(boat, clock)
        store.mended = f"{error}. hemsd works on a copy in memory, and what happens now is lost when the machine stops"
        return store


def _board(path: Path) -> Path:
    """Where the copy is. Raises StoreError."""
    base = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]
    folder = base / f"hemsd-{os.getuid()}-{name}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid != os.getuid() or folder.is_symlink():
            folder = Path(tempfile.mkdtemp(dir=base))  # somebody else was here first
        boat = folder / "hemsd.db"
        if path.exists() and not (boat.exists() and boat.stat().st_mtime >= path.stat().st_mtime):
            for suffix in ("", "-wal", "-shm"):  # an older day's; a log would be played into the new copy
                Path(f"{boat}{suffix}").unlink(missing_ok=True)
            if path.stat().st_size <= LARGEST_COPY:
                copy_database(path, boat)
    except (OSError, StoreError) as error:
        log.warning("Nothing that was known can be taken along: %s", error)
    return folder / "hemsd.db"
