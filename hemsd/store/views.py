"""The questions that pages and dialects ask, answered by one thread with a read-only connection, beside the event loop.

What still waits for its group (at most 60 s) is not seen yet; ``Store.settle`` hastens it where that matters.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection, Row
from typing import TypeVar

from hemsd.model import CloudVerdict, Command, Decision, QuarterHour, Reading, SiteMinute, Visit
from hemsd.store import cursor, queries, verdicts
from hemsd.store.rows import ALL_VISITS, Transaction, VisitFilter, VisitPage, WrittenDay

T = TypeVar("T")


class Views:
    def __init__(self, path: Path, cursor_key: bytes) -> None:
        self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        self._db.row_factory = Row
        self._cursor_key = cursor_key
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hemsd-views")

    async def ask(self, question: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._db)

    def close(self) -> None:
        self._thread.shutdown()
        self._db.close()

    async def visits(
        self,
        wanted: VisitFilter = ALL_VISITS,
        *,
        limit: int = 50,
        after: str | None = None,
        before: str | None = None,
    ) -> VisitPage:
        """A page of the list, newest first. Raises BadCursor."""
        key = self._cursor_key
        older_than = None if after is None else cursor.read(after, key)
        newer_than = None if before is None else cursor.read(before, key)
        found, older, newer = await self.ask(lambda db: queries.visit_page(db, wanted, limit, older_than, newer_than))
        return VisitPage(
            found,
            after=cursor.issue(queries.place(found[-1]), key) if older else None,
            before=cursor.issue(queries.place(found[0]), key) if newer else None,
        )

    async def counted_page(self, wanted: VisitFilter, *, offset: int, limit: int) -> tuple[int, tuple[Visit, ...]]:
        """(how many there are in all, those of the page): for dialects that count pages."""
        return await self.ask(lambda db: queries.counted_page(db, wanted, offset, limit))

    async def count_visits(self, wanted: VisitFilter = ALL_VISITS) -> int:
        return await self.ask(lambda db: queries.count_visits(db, wanted))

    async def visit(self, visit_id: str) -> Visit | None:
        return await self.ask(lambda db: queries.visit(db, visit_id))

    async def visit_numbered(self, number: int) -> Visit | None:
        return await self.ask(lambda db: queries.visit_numbered(db, number))

    async def running_visits(self) -> tuple[Visit, ...]:
        return await self.ask(queries.running_visits)

    async def decisions(self, visit_id: str) -> tuple[Decision, ...]:
        return await self.ask(lambda db: queries.decisions(db, visit_id))

    async def commands(self, visit_id: str) -> tuple[Command, ...]:
        return await self.ask(lambda db: queries.commands(db, visit_id))

    async def commands_of(self, visit_ids: Sequence[str]) -> Mapping[str, Sequence[Command]]:
        """By visit; one that has none is left out."""
        return await self.ask(lambda db: queries.commands_of(db, visit_ids))

    async def readings(self, visit_id: str) -> tuple[Reading, ...]:
        return await self.ask(lambda db: queries.readings(db, visit_id))

    async def transactions(self, visit_id: str) -> tuple[Transaction, ...]:
        return await self.ask(lambda db: queries.transactions_of(db, visit_id))

    async def cloud_verdicts(self, visit_ids: Sequence[str]) -> Mapping[str, CloudVerdict]:
        """By visit; one that no cloud has judged is left out."""
        return await self.ask(lambda db: verdicts.of_visits(db, visit_ids))

    async def decisions_between(self, from_at: datetime, to_at: datetime) -> tuple[Decision, ...]:
        return await self.ask(lambda db: queries.decisions_between(db, from_at, to_at))

    async def commands_between(self, from_at: datetime, to_at: datetime) -> tuple[Command, ...]:
        return await self.ask(lambda db: queries.commands_between(db, from_at, to_at))

    async def quarters(self, visit_id: str) -> tuple[QuarterHour, ...]:
        return await self.ask(lambda db: queries.quarters(db, visit_id))

    async def courses(self, visit_ids: Sequence[str]) -> Mapping[str, object]:
        """By visit; one that has none is left out."""
        return await self.ask(lambda db: queries.courses(db, visit_ids))

    async def obedience(self, visit_ids: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """(obeyed, judged) by visit; one without a verdict is left out."""
        return await self.ask(lambda db: queries.obedience(db, visit_ids))

    async def history(self, from_at: datetime, to_at: datetime, step_s: int) -> tuple[SiteMinute, ...]:
        return await self.ask(lambda db: queries.history(db, from_at, to_at, step_s))

    async def newest_at(self) -> datetime | None:
        return await self.ask(queries.newest_at)

    async def written_days(self) -> tuple[WrittenDay, ...]:
        return await self.ask(queries.written_days)
