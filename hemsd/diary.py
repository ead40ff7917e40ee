"""How the log is written down: for people in a terminal, and for systemd's journal with the weight of each line.

The journal adds time, unit and process by itself. What it can't know is how much a line matters: so each begins with
``<N>``, which systemd takes off and keeps as its PRIORITY (sd-daemon(3)); ``journalctl -u hemsd -p warning`` then shows
what needs a person. Without that, a traceback looks as ordinary as the start of a charge.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping

LINE = "%(levelname)s %(name)s: %(message)s"
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # syslog(3)
DEBUG = 7


class JournalFormatter(logging.Formatter):
    """A mark before every line, those of a traceback too: the journal takes each for a message of its own."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in PRIORITIES if record.levelno >= level), DEBUG)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def is_journal(descriptor: int, environment: Mapping[str, str]) -> bool:
    """Whether systemd has connected this output with the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        about = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


def log_to_stderr(*, verbose: bool, level: int = logging.INFO) -> None:
    handler = logging.StreamHandler(sys.stderr)
    journal = is_journal(2, os.environ)
    handler.setFormatter(JournalFormatter(LINE) if journal else logging.Formatter(f"%(asctime)s {LINE}"))
    logging.basicConfig(level=logging.DEBUG if verbose else level, handlers=[handler])
    for library in ("websockets", "pymodbus", "aiohttp"):  # what matters of theirs, hemsd says in its own words
        logging.getLogger(library).setLevel(logging.ERROR)
