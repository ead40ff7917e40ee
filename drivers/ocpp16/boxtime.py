"""The wallbox's clock: reading its timestamps, and how far they may be trusted.

Boxes write local time without a zone, 1970 before they have heard the time, or the times of samples that they queued
while the link was down. hemsd orders by arrival. The box's own times serve three things only: to recognise backlog, to
recognise a repeated StartTransaction, and to decide whether a schedule that starts at a given time is safe to send.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LIVE_LAG_S = 30.0
"""A live message is never older than this; Absolute schedules are off when the clock is further away."""
STEADY_S = 2.0
"""Two lags that differ less come from a wrong clock rather than from a queue that is being emptied."""
APART_S = 5.0
"""... when the messages arrived at least this far apart: a queue is emptied faster."""
JUMP_S = 5.0
SAME_S = 1.0
SET_BACK_S = 60.0
"""A sample that is older than its predecessor by more than this tells of a clock that was set back."""


@dataclass(frozen=True, slots=True)
class BoxTime:
    """A timestamp as the box wrote it; ``zoned`` is False where it left the zone to guesswork (read as UTC then)."""

    at: datetime
    zoned: bool = True

    @property
    def plausible(self) -> bool:
        """Not the 1970 (or 2000) of a clock that was never set."""
        return 2020 <= self.at.year < 2100


def read_time(value: object) -> BoxTime | None:
    """An OCPP dateTime, leniently; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    try:
        return BoxTime(at.astimezone(UTC)) if at.tzinfo else BoxTime(at.replace(tzinfo=UTC), zoned=False)
    except OverflowError:  # year 1 or 9999 at the edge of a zone
        return None


@dataclass(slots=True)
class BoxClock:
    """What is known of one box's clock. It belongs to the box, not to a link: a queue is emptied on a new link."""

    offset_s: float = 0.0  # box minus us; 0 until it is proven otherwise
    zoned: bool = True
    known: bool = False
    jumps: int = 0  # of our own clock
    _ahead_s: float | None = None  # our own wall time minus our monotonic time
    _newest_at: datetime | None = None  # of the samples
    _candidate: tuple[float, float] | None = None  # (offset, monotonic arrival) that waits for a second witness

    @property
    def trusted(self) -> bool:
        """Whether an Absolute schedule means the same moment to the box and to hemsd."""
        return self.zoned and abs(self.offset_s) <= LIVE_LAG_S

    def note_our_time(self, now_at: datetime, now_s: float) -> None:
        """Notices a jump of our own wall clock, as when NTP arrives: the box keeps the old time until it asks."""
        ahead_s = now_at.timestamp() - now_s
        jump_s = 0.0 if self._ahead_s is None else ahead_s - self._ahead_s
        self._ahead_s = ahead_s
        if abs(jump_s) >= JUMP_S:
            self.jumps += 1
            self.offset_s -= jump_s
            self._candidate = None

    def is_history(self, sample: BoxTime | None, received_at: datetime, received_s: float) -> bool:
        """Whether a sample is not of the present: backlog, or older than one that came before it."""
        if self.is_backlog(sample, received_at, received_s):
            return True
        if sample is None:
            return False
        if self._newest_at is not None:
            older_s = (self._newest_at - sample.at).total_seconds()
            if SAME_S < older_s <= SET_BACK_S:
                return True
        self._newest_at = sample.at
        return False

    def is_backlog(self, written: BoxTime | None, received_at: datetime, received_s: float) -> bool:
        """Judges one message's time and learns from it. Without a time, a message is live."""
        self.note_our_time(received_at, received_s)
        if written is None:
            return False
        self.zoned = written.zoned
        offset_s = (written.at - received_at).total_seconds()
        if offset_s >= self.offset_s - LIVE_LAG_S and offset_s <= self.offset_s + LIVE_LAG_S:
            self._learn(offset_s)
            return False
        if offset_s > self.offset_s:  # nothing can be measured in the future: the clock itself is ahead
            self._learn(offset_s)
            return False
        return not self._is_steady(offset_s, received_s)

    def _learn(self, offset_s: float) -> None:
        self.offset_s, self.known, self._candidate = offset_s, True, None

    def _is_steady(self, offset_s: float, received_s: float) -> bool:
        if self._candidate is not None:
            lag_s, since_s = self._candidate
            if abs(offset_s - lag_s) <= STEADY_S:
                if received_s - since_s >= APART_S:
                    self._learn(offset_s)
                    return True
                return False
        self._candidate = (offset_s, received_s)
        return False

    def corrected(self, written: BoxTime | None, received_at: datetime) -> datetime:
        """The best guess of when something happened, for rows. The same stamp gives the same moment again.

        A clock that is off is put right by whole minutes, so that the jitter of its measured offset does not show.
        """
        if written is None or not written.plausible:
            return received_at
        off_s = 0.0 if self.trusted else round(self.offset_s / 60.0) * 60.0
        try:
            return written.at - timedelta(seconds=off_s)
        except OverflowError:  # a clock that was once in the year 9999
            return received_at
