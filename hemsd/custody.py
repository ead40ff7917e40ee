"""What the daemon keeps in trust for the person of the page: programs' credentials, and the database itself."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hemsd.clock import Clock, SystemClock
from hemsd.cloud.preview import NOBODY
from hemsd.config import Config
from hemsd.redaction import redacted_text
from hemsd.said import said
from hemsd.store import clients
from hemsd.store.clients import NameTaken
from hemsd.store.copies import copy_database
from hemsd.store.rows import StoreError
from web.custody import NotKept
from web.custody_models import ClientPage, ClientsPage, NewClientPage

PREVIEW_S = 60.0


class DatabaseCopy(io.FileIO):
    """Beside the database, where there is room for it or nowhere; gone when it is closed."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path, "rb")
        self.name, self.size = name, os.fstat(self.fileno()).st_size
        path.unlink()  # the open file keeps its content, so not even a crash leaves a copy behind


@dataclass(slots=True)
class Custody:
    """Satisfies ``web.custody.Custody``."""

    config: Callable[[], Config]
    file: Path | None
    _previewing: asyncio.Lock = field(default_factory=asyncio.Lock)
    clock: Clock = field(
        default_factory=SystemClock
    )  # credentials live in real time, however fast the simulated home does

    @property
    def _database(self) -> Path:
        return self.config().storage.path

    def clients(self) -> ClientsPage:
        found = clients.listed(self._database, self.clock)
        return ClientsPage(
            clients=[
                ClientPage(id=one.id, name=one.name, scopes=sorted(one.scopes), since=one.made_at) for one in found
            ]
        )

    def add_client(self, name: str, scopes: frozenset[str]) -> NewClientPage:
        try:
            client_id, secret = clients.add(self._database, self.clock, name, scopes)
        except NameTaken as error:
            raise NotKept(
                said(
                    "client.taken",
                    "there is a client {name!r} already; remove it first, or take another name",
                    name=name,
                )
            ) from error
        except StoreError as error:
            raise NotKept(str(error)) from error
        return NewClientPage(client_id=client_id, client_secret=secret, name=name, scopes=sorted(scopes))

    def remove_client(self, client_id: str) -> None:
        if not clients.remove(self._database, self.clock, client_id):
            raise NotKept(said("client.none", "there is no such client"))

    def copy(self) -> DatabaseCopy:
        draft = self._database.with_name(f".{self._database.name}.download")
        try:
            copy_database(self._database, draft)
            return DatabaseCopy(draft, f"hemsd-{self.clock.utc():%Y%m%d-%H%M}.db")
        except (StoreError, OSError) as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise NotKept(str(error)) from error

    async def preview(self) -> str:
        """By the command, in a process of its own on a copy: the lanes of this one may have something under way."""
        if self.config().cloud.tells_nobody or self.file is None:
            return NOBODY
        async with self._previewing:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "hemsd", "cloud", "preview", "-c", str(self.file)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                async with asyncio.timeout(PREVIEW_S):
                    out, _ = await process.communicate()
            except TimeoutError:
                return said("preview.slow", "The preview took too long; run hemsd cloud preview on the machine itself.")
            finally:
                if process.returncode is None:
                    process.kill()
        return redacted_text(out.decode(errors="replace").strip())
