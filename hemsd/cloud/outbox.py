"""The outbox as lanes see it: what is owed next, and what came of it. Each change is committed before it returns."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from hemsd.store import Store, outbox
from hemsd.store.outbox import Backlog, DeadLetter, Entry, LaneRow, Statement


@dataclass(frozen=True, slots=True)
class Outbox:
    store: Store
    new_key: Callable[[], str] = lambda: str(uuid.uuid4())

    async def next(self, lane: str, at: datetime, resting: Iterable[int] = (), but: str = "FALSE") -> Entry | None:
        """The oldest debt that is due, among those that are committed. ``but`` is a condition of SQL."""
        rest = tuple(resting)
        return await self.store.views.ask(lambda db: outbox.next_due(db, lane, at, rest, but))

    async def due_at(self, lane: str, at: datetime) -> datetime | None:
        """When something becomes due that is not yet."""
        return await self.store.views.ask(lambda db: outbox.next_due_at(db, lane, at))

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
        self.store.carry_out(*statements)
        await self.store.settle()

    # -- how it looks -------------------------------------------------------------------------------------------------

    async def lane_rows(self) -> dict[str, LaneRow]:
        return await self.store.views.ask(outbox.lanes)

    async def backlogs(self) -> dict[str, Backlog]:
        return await self.store.views.ask(outbox.backlogs)

    async def dead_letters(self) -> tuple[DeadLetter, ...]:
        return await self.store.views.ask(outbox.dead_letters)
