"""The page's password, where it is kept, and who may come in.

``hemsd password`` puts an argon2id hash into a small file beside the database. A file, not a row: it can be set while
the daemon runs and counts at once, a restored backup does not bring an old password back, and whoever has forgotten
it deletes the file. ``web.password_file`` is the other way, for those who hand secrets out from elsewhere.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

from web.auth import hash_of
from web.settings import WebSettings

SHORTEST = 8


class PasswordRefused(Exception):
    """Why this can't be the password, for people."""


def set_password(file: Path, password: str) -> None:
    """Writes the hash so that no other user can read it. Raises PasswordRefused."""
    if len(password) < SHORTEST:
        raise PasswordRefused(f"too short; at least {SHORTEST} characters")
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(hash_of(password) + "\n")
    _give_to_owner_of(file.parent, draft)
    draft.replace(file)


def _give_to_owner_of(folder: Path, file: Path) -> None:
    """Run with sudo, the file would be root's, and the daemon's user could not read it."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(file, owner.st_uid, owner.st_gid)


@dataclass(slots=True)
class PagePassword:
    """The hash in force, read again when its file changes (``web.auth.Doors.password_hash``)."""

    settings: WebSettings
    hash_file: Path
    _read: tuple[Path, int, str] | None = field(default=None)

    async def password_hash(self) -> str | None:
        """None: no password was set, in either way."""
        for file, is_hash in ((self.settings.password_file, False), (self.hash_file, True)):
            if file is None:
                continue
            try:
                changed_ns = file.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            if self._read is None or self._read[:2] != (file, changed_ns):
                self._read = (file, changed_ns, await asyncio.to_thread(_hash_in, file, is_hash))
            return self._read[2]
        return None


def _hash_in(file: Path, is_hash: bool) -> str:
    text = file.read_text(encoding="utf-8").strip()
    return text if is_hash else hash_of(text)
