"""A small memory card that can really be full or read-only: a tmpfs in a namespace of its own, for unprivileged users.

A process that sleeps holds the namespace (user_namespaces(7), mount_namespaces(7)); whatever is started with
``prefix`` sees the card mounted, and from outside it is found below /proc/PID/root.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

SIZE = "8m"


@dataclass(frozen=True, slots=True)
class Card:
    folder: Path  # as the programs on it see it
    holder: int

    @property
    def prefix(self) -> list[str]:
        return ["nsenter", "-t", str(self.holder), "-U", "-m", "--preserve-credentials", "--"]

    @property
    def seen(self) -> Path:
        """The same folder for everybody else."""
        return Path(f"/proc/{self.holder}/root{self.folder}")

    def fill(self) -> None:
        """To the last block: a write that finds no room may still do half of what it was asked."""
        with (self.seen / "filler").open("ab", buffering=0) as filler, suppress(OSError):
            while filler.write(b"\0" * 4096):
                pass

    def empty(self) -> None:
        (self.seen / "filler").unlink()

    def remount_read_only(self) -> None:
        """While nobody writes to it: what a kernel does with a card that fails, it does for nobody else."""
        subprocess.run([*self.prefix, "mount", "-o", "remount,ro", str(self.folder)], check=True)


@contextmanager
def card(folder: Path) -> Iterator[Card]:
    """Skips the test where the kernel lets nobody mount anything."""
    folder.mkdir()
    script = f"mount -t tmpfs -o size={SIZE} card '{folder}' && echo mounted && exec sleep 600"
    holder = subprocess.Popen(
        ["unshare", "-rm", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stderr is not None
    try:
        if holder.stdout.readline() != "mounted\n":
            pytest.skip(f"no card can be mounted here: {holder.stderr.read().strip()}")
        yield Card(folder, holder.pid)
    finally:
        holder.kill()
        holder.wait()
