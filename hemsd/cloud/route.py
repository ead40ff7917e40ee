"""Between a lane and those who know what it says: a route makes parcels of debts, and understands the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hemsd.cloud.answer import Answer, Fate, Request
from hemsd.store.outbox import Entry, Statement


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to be said. The same ``plan`` is the same parcel, and keeps its key; None: it only asks."""

    request: Request
    plan: str | None


@dataclass(frozen=True, slots=True)
class NothingToSay:
    """The debt is void: the receiver knows already, or there is nothing that may be told."""

    progress: str | None = None
    due_at: datetime | None = None  # None: nothing is owed until something is told again
    over: bool = False  # nothing will ever be told of this subject again


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer means for a debt."""

    fate: Fate
    progress: str | None = None
    due_at: datetime | None = None  # when the next part is due; None: nothing is owed until something is told again
    over: bool = True  # TAKEN: the whole story is told
    also: Sequence[Statement] = ()  # committed together with it
    text: str = ""  # why it failed, where the answer's own words do not say
    rests: bool = True  # LATER: False where ``also`` takes the debt back; ids of rows are given again


class Route(Protocol):
    """What a lane says to its receiver, and how it understands the answers."""

    async def next(self, at: datetime, resting: Sequence[int]) -> Entry | None: ...

    async def parcel(self, entry: Entry, at: datetime) -> Parcel | NothingToSay: ...

    def keyed(self, request: Request, key: str) -> Request:
        """The request with its idempotency key, and whatever depends on that."""
        ...

    async def judged(self, entry: Entry, parcel: Parcel, answer: Answer, at: datetime) -> Judgement: ...


class Transport(Protocol):
    """hemsd.cloud.client.Client is one."""

    async def send(self, request: Request) -> Answer: ...

    async def close(self) -> None: ...
