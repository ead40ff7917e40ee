"""Answers the partner dialect from the visits that run and from those in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hemsd.clock import Clock
from hemsd.courses import Charger, Courses, read_course
from hemsd.dialects.partner_pages import ev_session, hems_detail, hems_session
from hemsd.model import Command, Visit
from hemsd.store.rows import VisitFilter
from hemsd.store.store import Store
from hemsd.visits import Visits
from rules.course import Bill, Course
from web.partner import Span
from web.partner_models import EvSession, HemsSession, HemsSessionDetail


@dataclass(slots=True)
class StoredPartner:
    """Satisfies ``web.partner.PartnerHouse``."""

    store: Store
    clock: Clock
    visits: Visits
    courses: Courses

    def lives_here(self, org_id: str, user_id: str) -> bool:
        known = self.store.identities()
        return (org_id, user_id) == (known.org_id, known.user_id)

    def wallbox(self, wallbox_id: str) -> str | None:
        name = self.store.name_of("wallbox", wallbox_id)
        return name if name in self.courses.chargers else None

    def vehicle(self, vehicle_id: str) -> str | None:
        name = self.store.name_of("vehicle", vehicle_id)
        return name if any(charger.vehicle == name for charger in self.courses.chargers.values()) else None

    # --- the steering

    async def hems_session(self, wallbox: str, number: int) -> HemsSessionDetail | None:
        visit = await self.store.views.visit_numbered(number)
        if visit is None or visit.wallbox != wallbox or not visit.managed:
            return None
        return await self._detail(self._newest(visit))

    async def current_hems_session(self, wallbox: str) -> HemsSessionDetail | None:
        running = self.visits.running.get(wallbox)
        if running is None or not running.visit.managed:
            return None
        return await self._detail(running.visit)

    async def _detail(self, visit: Visit) -> HemsSessionDetail:
        if visit.plugged_out_at is None:
            await self.store.settle()
        decisions = await self.store.views.decisions(visit.id)
        commands = await self.store.views.commands(visit.id)
        return hems_detail(visit, self._bill(visit, await self._course(visit)), decisions, commands)

    async def hems_sessions(self, wallbox: str, span: Span) -> tuple[int, list[HemsSession]]:
        wanted = VisitFilter(
            wallbox=wallbox, managed=True, plugged_in_from_at=span.from_at, plugged_in_to_at=span.to_at
        )
        views = self.store.views
        total, found = await views.counted_page(wanted, offset=span.offset, limit=span.limit)
        visits = [self._newest(visit) for visit in found]
        courses, commands = await self._belongings(visits)
        return total, [
            hems_session(
                visit,
                self._bill(visit, courses.get(visit.id)),
                () if visit.id in commands else await views.decisions(visit.id),  # without any they tell of the sun
                commands.get(visit.id, ()),
            )
            for visit in visits
        ]

    # --- the car

    async def current_ev_session(self, vehicle: str) -> EvSession | None:
        visits = (running.visit for running in self.visits.running.values())
        visit = next((visit for visit in visits if visit.vehicle == vehicle), None)
        return None if visit is None else await self._ev(visit)

    async def ev_sessions(self, vehicle: str, span: Span) -> tuple[int, list[EvSession]]:
        wanted = VisitFilter(vehicle=vehicle, ended=True, plugged_in_from_at=span.from_at, plugged_in_to_at=span.to_at)
        total, visits = await self.store.views.counted_page(wanted, offset=span.offset, limit=span.limit)
        courses, commands = await self._belongings(visits)
        return total, [self._ev_page(visit, courses.get(visit.id), commands.get(visit.id, ())) for visit in visits]

    async def _ev(self, visit: Visit) -> EvSession:
        return self._ev_page(visit, await self._course(visit), await self.store.views.commands(visit.id))

    def _ev_page(self, visit: Visit, course: Course | None, commands: Sequence[Command]) -> EvSession:
        charger = self.courses.chargers.get(visit.wallbox, Charger(visit.wallbox))
        now = self.clock.utc()
        return ev_session(
            visit,
            course,
            commands,
            charger.battery,
            expected_savings_eur=self.courses.expected_savings_eur(visit, now),
            now=now,
        )

    # --- by the visit

    async def detail(self, visit_id: str) -> HemsSessionDetail | None:
        visit = await self._visit(visit_id)
        return None if visit is None or not visit.managed else await self._detail(visit)

    async def ev(self, visit_id: str) -> EvSession | None:
        visit = await self._visit(visit_id)
        return None if visit is None or visit.vehicle is None else await self._ev(visit)

    async def _visit(self, visit_id: str) -> Visit | None:
        visit = await self.store.views.visit(visit_id)
        return None if visit is None else self._newest(visit)

    # --- what both need

    def _newest(self, visit: Visit) -> Visit:
        """A running visit as it is in memory."""
        running = self.visits.running.get(visit.wallbox)
        return running.visit if running is not None and running.visit.id == visit.id else visit

    async def _course(self, visit: Visit) -> Course | None:
        return self._running_course(visit) or read_course((await self.store.views.courses([visit.id])).get(visit.id))

    def _running_course(self, visit: Visit) -> Course | None:
        following = self.courses.running.get(visit.wallbox)
        return following.course if following is not None and following.course.id == visit.id else None

    async def _belongings(
        self, visits: Sequence[Visit]
    ) -> tuple[Mapping[str, Course | None], Mapping[str, Sequence[Command]]]:
        """The courses and the commands of a page, each with one question to the store."""
        ids = [visit.id for visit in visits]
        written = await self.store.views.courses(ids)
        courses = {visit.id: self._running_course(visit) or read_course(written.get(visit.id)) for visit in visits}
        return courses, await self.store.views.commands_of(ids)

    def _bill(self, visit: Visit, course: Course | None) -> Bill | None:
        following = self.courses.running.get(visit.wallbox)
        if visit.plugged_out_at is None and following is not None:
            charger = self.courses.chargers.get(visit.wallbox, Charger(visit.wallbox))
            return self.courses.bill(visit, following, charger, self.clock.utc())
        return course.bill if course is not None else None
