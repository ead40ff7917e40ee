"""Counts what the database asks of the card, by reading SQLite's own log.

A commit appends frames (a page with 24 bytes before it) to the write-ahead log; a checkpoint copies the newest form of
each page in it to the database and the log starts again from the front, with new salts. So the bytes written are the
frames that appeared, and at each restart of the log the distinct pages that it held. Format: sqlite.org/fileformat2,
section 4. Not in the sum: what the file system adds of its own.
"""

from __future__ import annotations

import struct
from pathlib import Path

HEADER = struct.Struct(">8xI4x8s8x")  # magic, version, PAGE SIZE, sequence, SALTS, checksum
FRAME = struct.Struct(">I4x8s8x")  # PAGE NUMBER, size after commit, SALTS, checksum


class WalCount:
    """Follows the log beside the database at ``path``. To be asked after each commit."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}-wal")
        self._salts = b""
        self._frames = 0
        self._pages: set[int] = set()

    def new_bytes(self) -> int:
        """What was written since the last time that this was asked."""
        try:
            with self._path.open("rb") as log:
                header = log.read(HEADER.size)
                if len(header) < HEADER.size:
                    return 0
                page_bytes: int
                page_bytes, salts = HEADER.unpack(header)
                copied = self._restart(salts) if salts != self._salts else 0
                before = self._frames
                step = FRAME.size + page_bytes
                while True:
                    log.seek(HEADER.size + self._frames * step)
                    frame = log.read(FRAME.size)
                    if len(frame) < FRAME.size:
                        break
                    page, salts = FRAME.unpack(frame)
                    if salts != self._salts:
                        break
                    self._pages.add(page)
                    self._frames += 1
                return copied * page_bytes + (self._frames - before) * step
        except OSError:  # no log yet, or a card that fails: then there is nothing to count
            return 0

    def _restart(self, salts: bytes) -> int:
        """The pages that a checkpoint must have copied before the log could start again."""
        copied = len(self._pages)
        self._salts, self._frames, self._pages = salts, 0, set()
        return copied
