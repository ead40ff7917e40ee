"""The log of the last hour, kept in memory: for the page, and for the bundle that goes to whoever helps.

The journal of the machine has the rest; but who sits in front of a phone has no shell.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

KEPT = timedelta(hours=1)
MOST_LINES = 3000
LONGEST = 2000  # characters of one line; a device may send anything


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    level: str
    logger: str
    text: str

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.level:7} {self.logger}: {self.text}"


class Logbook(logging.Handler):
    """Add it to the root logger. Times are the machine's: a log is read beside the machine's other logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[LogLine] = deque(maxlen=MOST_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except (TypeError, ValueError):  # a log call whose arguments do not fit its text
            text = str(record.msg)
        at = datetime.fromtimestamp(record.created, UTC)
        self._lines.append(LogLine(at, record.levelname, record.name, text[:LONGEST]))
        while self._lines[0].at < at - KEPT:
            self._lines.popleft()

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """Oldest first."""
        return tuple(self._lines)
