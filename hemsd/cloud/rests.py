"""Debts that rest: each failed by itself and waits longer each time, while the others go on.

From one answer nobody can tell whether a debt or its receiver is ill: a server may choke on one charge, or be down.
What becomes of the others tells. So a debt that failed lets another go first, and it is given up as a dead letter when
it has failed for long and often enough: much sooner where the receiver took others meanwhile than where it took nothing
at all, since then it is the receiver that is ill (docs/decisions/0080-a-debt-that-always-fails.md).

How often a debt failed is kept in the store, over restarts, but written only when that number has doubled: a receiver
that is down for a month must not wear out the card.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from hemsd.cloud.answer import Answer
from hemsd.cloud.backoff import Dice, Pace
from hemsd.store.outbox import Entry

TRIES = 20
ALONE_S = 86_400.0
TOGETHER_S = 7 * 86_400.0

# What a receiver says of itself, of the line or of the credentials, and never of what it was sent.
OF_ITSELF = frozenset({401, 407, 408, 421, 425, 429, 503})


def may_be_its_own_fault(answer: Answer) -> bool:
    """Whether what was sent may be why it was not taken."""
    if answer.status is None:
        return answer.sent_bytes > 0
    return answer.status not in OF_ITSELF


def is_hopeless(debt: Pace, lane: Pace, now_s: float, *, server_error: bool) -> bool:
    """``lane`` is how the whole lane did before this failure."""
    if debt.failing_since_s is None or debt.failures < TRIES:
        return False
    failing_s = now_s - debt.failing_since_s
    others_went_well = lane.failing_since_s is None or lane.failing_since_s > debt.failing_since_s
    return failing_s >= ALONE_S if others_went_well else server_error and failing_s >= TOGETHER_S


def is_worth_writing(failures: int) -> bool:
    """1, 2, 4, 8 ..."""
    return failures & (failures - 1) == 0


@dataclass(slots=True)
class Rests:
    """The debts of one lane that failed, by the ids of their rows; moments are monotonic."""

    dice: Dice
    _paces: dict[int, Pace] = field(default_factory=dict)

    def failed(self, entry: Entry, now_s: float, at: datetime, retry_after_s: float | None) -> Pace:
        """The debt rests from now on."""
        known = self._paces.get(entry.id) or _recalled(entry, now_s, at)
        self._paces[entry.id] = pace = known.failed(now_s, self.dice, retry_after_s)
        return pace

    def is_over(self, entry: Entry) -> None:
        self._paces.pop(entry.id, None)

    def receiver_is_well_again(self, since_s: float | None, now_s: float) -> None:
        """Who failed only because the receiver did need not rest any longer. ``since_s``: when the lane began to."""
        for id_, pace in self._paces.items():
            if since_s is not None and pace.failing_since_s is not None and pace.failing_since_s >= since_s:
                self._paces[id_] = replace(pace, not_before_s=min(pace.not_before_s, now_s))

    def asleep(self, now_s: float) -> tuple[int, ...]:
        return tuple(id_ for id_, pace in self._paces.items() if pace.not_before_s > now_s)

    def waits_s(self, now_s: float) -> Iterator[float]:
        """How long each of them still rests."""
        return (pace.not_before_s - now_s for pace in self._paces.values() if pace.not_before_s > now_s)


def _recalled(entry: Entry, now_s: float, at: datetime) -> Pace:
    """How it did before a restart."""
    if entry.failing_since_at is None:
        return Pace()
    ago_s = max(0.0, (at - entry.failing_since_at).total_seconds())
    return Pace(failures=entry.failures, failing_since_s=now_s - ago_s)
