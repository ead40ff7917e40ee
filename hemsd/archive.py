"""The past, as the page asks for it: the store's views, made fresh enough to be looked at.

Decisions and readings wait up to a minute in memory before they are written (the memory card wears). Somebody who
looks at a running visit wants to see the newest ones, so a question hastens the writing, at most every ``FRESH_S``.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from hemsd.bills import told_bill
from hemsd.courses import read_course
from hemsd.model import CloudVerdict, Command, Decision, Identities, Reading, SiteMinute, Visit
from hemsd.store.queries import place, visit_page
from hemsd.store.rows import VisitFilter
from hemsd.store.store import Store
from rules.course import Course
from web.house import Oddity, Stretch, VisitStory

FRESH_S = 10.0
IDS_AT_ONCE = 500  # SQLite takes a limited number of values in one question

T = TypeVar("T")


class Findings(Protocol):
    """What somebody found out about finished visits."""

    async def of(self, visit_ids: Sequence[str]) -> Mapping[str, Sequence[Oddity]]:
        """By visit; one without any may be left out."""
        ...


class StoreArchive:
    """Satisfies ``web.house.Archive``."""

    def __init__(
        self,
        store: Store,
        wallboxes: Sequence[str],
        vehicles: Sequence[str],
        policies: Sequence[str],
        findings: Findings | None = None,
    ) -> None:
        self._store = store
        self.findings = findings
        self._names = (tuple(wallboxes), tuple(vehicles), tuple(policies))
        self._settled_s = float("-inf")  # real time: people look in real time, however fast the home lives

    async def _fresh(self) -> Store:
        now_s = time.monotonic()
        if now_s - self._settled_s >= FRESH_S and self._store.trouble is None:
            self._settled_s = now_s
            await self._store.settle()
        return self._store

    async def visits(
        self, *, from_at: datetime | None, to_at: datetime | None, limit: int, after: str | None
    ) -> Sequence[VisitStory]:
        store = await self._fresh()
        seen: Visit | None = None
        if after is not None and (seen := await store.views.visit(after)) is None:
            return ()
        wanted = VisitFilter(plugged_in_from_at=from_at, plugged_in_to_at=to_at)
        last = place(seen) if seen else None
        found, _, _ = await store.views.ask(lambda db: visit_page(db, wanted, limit, last, None))
        return await self._stories(found)

    async def visit(self, visit_id: str) -> VisitStory | None:
        visit = await (await self._fresh()).views.visit(visit_id)
        return (await self._stories([visit]))[0] if visit else None

    async def _stories(self, visits: Sequence[Visit]) -> tuple[VisitStory, ...]:
        """With the bill that the visit's course ended with, what was found unusual, and who obeyed."""
        if not visits:
            return ()
        ids, views = [visit.id for visit in visits], self._store.views
        courses = await _of_all(ids, views.courses)
        found = await self.findings.of(ids) if self.findings is not None else {}
        clouds: Mapping[str, CloudVerdict] = await _of_all(ids, views.cloud_verdicts)
        obedience = await _of_all(ids, views.obedience)
        return tuple(
            replace(
                _story(visit, courses.get(visit.id)),
                oddities=tuple(found.get(visit.id, ())),
                cloud=clouds.get(visit.id),
                obeyed=obedience.get(visit.id, (0, 0))[0],
                judged=obedience.get(visit.id, (0, 0))[1],
            )
            for visit in visits
        )

    async def decisions(self, visit_id: str) -> Sequence[Decision]:
        return await (await self._fresh()).views.decisions(visit_id)

    async def commands(self, visit_id: str) -> Sequence[Command]:
        return await (await self._fresh()).views.commands(visit_id)

    async def readings(self, visit_id: str) -> Sequence[Reading]:
        return await (await self._fresh()).views.readings(visit_id)

    async def decisions_between(self, from_at: datetime, to_at: datetime) -> Sequence[Decision]:
        return await (await self._fresh()).views.decisions_between(from_at, to_at)

    async def commands_between(self, from_at: datetime, to_at: datetime) -> Sequence[Command]:
        return await (await self._fresh()).views.commands_between(from_at, to_at)

    async def history(self, from_at: datetime, to_at: datetime, step_s: int) -> Sequence[SiteMinute]:
        return await (await self._fresh()).views.history(from_at, to_at, step_s)

    async def identities(self) -> Identities:
        return self._store.identities(*self._names)


async def _of_all(ids: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]]) -> dict[str, T]:
    found: dict[str, T] = {}
    for first in range(0, len(ids), IDS_AT_ONCE):
        found |= await ask(ids[first : first + IDS_AT_ONCE])
    return found


def _story(visit: Visit, written: object) -> VisitStory:
    """With what its course tells of it."""
    course = read_course(written)
    bill = told_bill(course.bill if course is not None else None)
    return VisitStory(
        visit,
        bill.cost_eur,
        bill.savings_eur,
        stretches=_stretches(course, visit),
        co2_g=bill.co2_g,
        co2_saved_g=bill.co2_saved_g,
    )


def _stretches(course: Course | None, visit: Visit) -> tuple[Stretch, ...]:
    """When it charged, as its course wrote it down; the last stretch of a running visit is not over."""
    if course is None:
        return ()
    return tuple(
        Stretch(
            type=begun.type,
            start_at=begun.started_at,
            end_at=begun.ended_at or visit.plugged_out_at,
            energy_wh=max(0.0, (visit.energy_wh if begun.to_wh is None else begun.to_wh) - begun.from_wh),
        )
        for begun in course.begun
    )
