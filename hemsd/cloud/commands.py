"""What `hemsd cloud preview`, `status` and `retry` do."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from hemsd.clock import SystemClock
from hemsd.cloud.preview import NOBODY, preview
from hemsd.cloud.status import retry, status
from hemsd.config import Config


def print_preview(config: Config, devices: Path) -> int:
    if config.cloud.tells_nobody:
        print(NOBODY)
        return 0
    with tempfile.TemporaryDirectory(prefix="hemsd-preview-") as folder:
        copy = Path(folder) / "copy.db"
        _copy(config.storage.path, copy)
        storage = config.storage.model_copy(update={"path": copy})
        print(asyncio.run(_preview(config.model_copy(update={"storage": storage}), devices)))
    return 0


def _copy(source: Path, target: Path) -> None:
    """A consistent one, also beside a running daemon."""
    if not source.exists():
        return
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


async def _preview(config: Config, devices: Path) -> str:
    from hemsd.app import Daemon  # the composition root knows this package already
    from hemsd.simulation import clock_for

    async with await Daemon.make(config, await clock_for(config), devices=devices) as daemon:
        return await preview(daemon.cloud)


def print_status(config: Config, *, as_json: bool) -> int:
    try:
        found = status(config.cloud, config.storage.path)
    except sqlite3.Error as error:
        print(f"hemsd: the database can't be read ({error})", file=sys.stderr)
        return 1
    print(json.dumps(found.document(), indent=2) if as_json else found.text())
    return 0


def retry_letters(config: Config, letter_id: int | None) -> int:
    if not config.storage.path.exists():
        print("hemsd: there is no database yet", file=sys.stderr)
        return 1
    try:
        count = retry(config.storage.path, SystemClock().utc(), letter_id)
    except sqlite3.Error as error:
        print(f"hemsd: the database can't be written ({error})", file=sys.stderr)
        return 1
    print(f"{count} will be sent again; a running hemsd begins within a minute.")
    return 0 if count or letter_id is None else 1
