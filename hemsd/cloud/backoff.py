"""When a lane may speak again. Pure: every function is given the time and the dice.

A receiver that is down is asked again after a pause that doubles, drawn at random from zero up ("full jitter"), so
that many homes that lost it together do not come back together. In the first minute of an outage the pause stays
below 10 s, since most outages are a reboot of the router; afterwards it is never longer than the outage has lasted
already, nor than 15 minutes. A Retry-After is a
promise by the receiver that trying earlier is useless; the jitter comes on top of it.

After a power cut a whole region starts at once. A host that has only just booted and has a backlog waits for its first
contact a random part of 10 minutes; its second lane begins in the 10 minutes after that, all others in the third ten.
For a while each lane pays its debts with random pauses between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Protocol

FIRST_S = 1.0
FIRST_MINUTE_S = 60.0
FIRST_MINUTE_CEILING_S = 10.0
CEILING_S = 900.0
LONGEST_RETRY_AFTER_S = 86_400.0  # a receiver that says more is mistaken, or we are
JUST_BOOTED_S = 600.0
SPREAD_S = 600.0
LAST_TURN = 2
CATCH_UP_S = 300.0  # on average half of it between two debts,
CATCHING_UP_FOR_S = 3600.0  # for so long after such a start


class Dice(Protocol):
    """random.Random is one."""

    def uniform(self, a: float, b: float) -> float: ...


def ceiling_s(failures: int, outage_s: float) -> float:
    """The longest pause after so many failures in a row, in an outage of this age."""
    longest_s = FIRST_MINUTE_CEILING_S if outage_s < FIRST_MINUTE_S else min(outage_s, CEILING_S)
    return min(longest_s, FIRST_S * 2.0 ** min(failures, 30))


def pause_s(failures: int, outage_s: float, dice: Dice, retry_after_s: float | None = None) -> float:
    """How long to be silent after a failure."""
    jitter_s = dice.uniform(0.0, ceiling_s(failures, outage_s))
    if retry_after_s is None:
        return jitter_s
    return min(max(0.0, retry_after_s), LONGEST_RETRY_AFTER_S) + jitter_s


def first_contact_s(uptime_s: float, backlog: int, dice: Dice, turn: int = 0) -> float:
    """How long a lane waits before its first word after a start; ``turn`` counts the lanes of the home from 0."""
    if not backlog or uptime_s >= JUST_BOOTED_S:
        return 0.0
    return min(turn, LAST_TURN) * SPREAD_S + dice.uniform(0.0, SPREAD_S)


def retry_after_s(header: str | None, date_header: str | None) -> float | None:
    """RFC 9110 10.2.3: seconds, or a date; a date is read against the receiver's own clock. None: not said."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header.strip())
    try:
        until_at, now_at = parsedate_to_datetime(header), parsedate_to_datetime(date_header or "")
        return max(0.0, (until_at - now_at).total_seconds())
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Pace:
    """When a lane may speak next; moments are monotonic."""

    not_before_s: float = 0.0
    failures: int = 0
    failing_since_s: float | None = None

    def failed(self, now_s: float, dice: Dice, retry_after_s: float | None = None) -> Pace:
        since_s = now_s if self.failing_since_s is None else self.failing_since_s
        failures = self.failures + 1
        pause = pause_s(failures, now_s - since_s, dice, retry_after_s)
        return Pace(now_s + pause, failures, since_s)

    def went_well(self, now_s: float, dice: Dice, *, sent_bytes: int, bytes_s: float, catching_up: bool) -> Pace:
        """The line was used for a while; it is somebody else's for as long as the budget says."""
        gap_s = sent_bytes / bytes_s
        if catching_up:
            gap_s = max(gap_s, dice.uniform(0.0, CATCH_UP_S))
        return Pace(now_s + gap_s)

    def waiting_until(self, moment_s: float) -> Pace:
        return replace(self, not_before_s=max(self.not_before_s, moment_s))
