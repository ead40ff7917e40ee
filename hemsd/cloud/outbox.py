"""The outbox as lanes see it: what is owed next, and what came of it. Each change is committed before it returns.

It is the lanes' only way to the store, so here each piece of their work gives way to the control tick (``give_way``).
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from sqlite3 import Connection
from typing import TypeVar

from hemsd.model import Visit
from hemsd.store import Store, outbox, queries
from hemsd.store.outbox import Backlog, DeadLetter, Entry, LaneRow, Statement

T = TypeVar("T")


async def at_once() -> None:
    """There is no tick to give way to."""


@dataclass(frozen=True, slots=True)
class Outbox:
    store: Store
    give_way: Callable[[], Awaitable[None]] = at_once
    new_key: Callable[[], str] = lambda: str(uuid.uuid4())

    async def next(self, lane: str, at: datetime, resting: Iterable[int] = (), but: str = "FALSE") -> Entry | None:
        """The oldest debt that is due, among those that are committed. ``but`` is a condition of SQL."""
        rest = tuple(resting)
        return await self.ask(lambda db: outbox.next_due(db, lane, at, rest, but))

    async def due_at(self, lane: str, at: datetime) -> datetime | None:
        """When something becomes due that is not yet."""
        return await self.ask(lambda db: outbox.next_due_at(db, lane, at))

    async def freeze(self, entry: Entry, plan: str) -> Entry:
        """The same plan goes out under the same key, however often; another one gets a key of its own."""
        if entry.delivery is not None and entry.plan == plan:
            return entry
        frozen = replace(entry, delivery=self.new_key(), plan=plan)
        await self.write(outbox.freeze(entry, frozen.delivery or "", plan))
        return frozen

    async def finish(self, entry: Entry, *also: Statement, progress: str | None = None) -> None:
        """The receiver knows all of it."""
        await self.write(*also, *outbox.finish(entry, progress))

    async def advance(
        self, entry: Entry, *also: Statement, progress: str | None, due_at: datetime, settled: bool
    ) -> None:
        """A part of it is known. ``settled``: nothing is owed until something is told again."""
        done = entry.told if settled else entry.done
        await self.write(*also, *outbox.advance(entry, done=done, progress=progress, due_at=due_at))

    async def void(self, entry: Entry, progress: str | None, due_at: datetime | None, *, over: bool) -> None:
        """There is nothing to tell: ever, or until something is told again, or before ``due_at``."""
        if over:
            await self.finish(entry, progress=progress)
        else:
            await self.advance(entry, progress=progress, due_at=due_at or entry.due_at, settled=due_at is None)

    async def write(self, *statements: Statement) -> None:
        await self.give_way()
        self.store.carry_out(*statements)
        await self.store.settle()

    async def settle(self) -> None:
        """What was told up to now is seen by ``next``."""
        await self.give_way()
        await self.store.settle()

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """Work with what is stored, done by the thread that reads it and not by the event loop."""
        await self.give_way()
        return await self.store.views.ask(question)

    async def visit(self, visit_id: str) -> Visit | None:
        return await self.ask(lambda db: queries.visit(db, visit_id))

    # -- how it looks -------------------------------------------------------------------------------------------------

    async def lane_rows(self) -> dict[str, LaneRow]:
        return await self.ask(outbox.lanes)

    async def backlogs(self) -> dict[str, Backlog]:
        return await self.ask(outbox.backlogs)

    async def dead_letters(self) -> tuple[DeadLetter, ...]:
        return await self.ask(outbox.dead_letters)
