"""Answers the flex dialect from the visits that run and from those in the store."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from hemsd.clock import Clock
from hemsd.courses import Charger, Courses, read_course
from hemsd.dialects.flex_pages import active_session, settled_session, upcoming_session
from hemsd.model import Visit, Wish
from hemsd.policies import Policy
from hemsd.store.rows import BadCursor, VisitFilter
from hemsd.store.store import Store
from hemsd.visits import Visits
from rules.course import Course
from rules.schedule import Goal
from web.flex import SessionsWanted, UnknownCursor
from web.flex_models import (
    FlexDay,
    FlexImmediateTargetBody,
    FlexPagination,
    FlexPolicy,
    FlexPolicyBody,
    FlexPolicyChange,
    FlexRegularTargetBody,
    FlexSession,
    FlexSessionList,
    FlexTargetBody,
    FlexWeek,
)

NO_PAGE = FlexSessionList(data=[], pagination=FlexPagination(after=None, before=None))


@dataclass(slots=True)
class StoredFlex:
    """Satisfies ``web.flex.FlexHouse``."""

    store: Store
    clock: Clock
    visits: Visits
    courses: Courses

    # --- policies

    def policies(self) -> list[FlexPolicy]:
        return [self._page(policy) for policy in self.courses.policies.by_name.values()]

    def policy(self, policy_id: str) -> FlexPolicy | None:
        policy = self._named(policy_id)
        return None if policy is None else self._page(policy)

    def add_policy(self, asked: FlexPolicyBody) -> FlexPolicy | None:
        vehicle = self._vehicle(asked.vehicle_id)
        if vehicle is None:
            return None
        policy = Policy(f"policy-{uuid.uuid4().hex[:8]}", vehicle, asked.battery_reserve, _week(asked.schedule))
        self.courses.policies.put(policy)
        return self._page(policy)

    def change_policy(self, policy_id: str, asked: FlexPolicyChange) -> FlexPolicy | None:
        policy = self._named(policy_id)
        if policy is None:
            return None
        week = None if asked.schedule is None else _week(asked.schedule)
        changed = self.courses.policies.change(policy.name, battery_reserve_pct=asked.battery_reserve, week=week)
        return self._page(changed)

    def remove_policy(self, policy_id: str) -> bool:
        policy = self._named(policy_id)
        if policy is None:
            return False
        self.courses.policies.remove(policy.name)
        return True

    def _page(self, policy: Policy) -> FlexPolicy:
        known = self.store.identities(vehicles=[policy.vehicle], policies=[policy.name])
        days = [
            None
            if goal is None
            else FlexDay(deadline=f"{goal.deadline:%H:%M}", minimum_charge_target=goal.minimum_charge_target_pct)
            for goal in policy.week
        ]
        return FlexPolicy(
            id=known.policies[policy.name],
            vehicle_id=known.vehicles[policy.vehicle],
            location_id=known.location_id,
            battery_reserve=policy.battery_reserve_pct,
            schedule=FlexWeek(**dict(zip(FlexWeek.model_fields, days, strict=True))),
        )

    def _named(self, policy_id: str) -> Policy | None:
        by_name = self.courses.policies.by_name
        return next((by_name[name] for name in by_name if self._policy_id(name) == policy_id), None)

    def _policy_id(self, name: str) -> str:
        return self.store.identities(policies=[name]).policies[name]

    def _vehicle(self, vehicle_id: str) -> str | None:
        names = [charger.vehicle for charger in self.courses.chargers.values() if charger.vehicle is not None]
        known = self.store.identities(vehicles=names).vehicles
        return next((name for name in names if known[name] == vehicle_id), None)

    # --- the present session

    async def current(self, policy_id: str) -> FlexSession | None:
        policy = self._named(policy_id)
        return None if policy is None else self.present(policy)

    def present(self, policy: Policy) -> FlexSession:
        """The session that the policy waits for or steers."""
        now, policy_id = self.clock.utc(), self._policy_id(policy.name)
        wallbox = self._running(policy)
        if wallbox is None:
            return upcoming_session(self.courses.await_car(policy, now), policy_id)
        following = self.courses.running[wallbox]
        return active_session(
            self.visits.running[wallbox].visit,
            following.course,
            following.plan,
            following.quarters.values(),
            self.courses.chargers[wallbox].battery,
            policy.battery_reserve_pct,
            policy_id,
            now,
        )

    def awaited(self, policy: Policy) -> FlexSession | None:
        """The session that the policy waits for; none while one runs: that one is told as a visit."""
        return self.present(policy) if self._running(policy) is None else None

    def _running(self, policy: Policy) -> str | None:
        """The wallbox where the policy's session runs."""
        running = self.courses.running
        found = (name for name in running if running[name].course.policy == policy.name)
        return next((name for name in found if name in self.visits.running), None)

    async def session(self, visit_id: str) -> FlexSession | None:
        """A visit's session, running or settled; none while a visit runs that nobody manages."""
        for policy in self.courses.policies.by_name.values():
            wallbox = self._running(policy)
            if wallbox is not None and self.courses.running[wallbox].course.id == visit_id:
                return self.present(policy)
        visit = await self.store.views.visit(visit_id)
        if visit is None or visit.plugged_out_at is None:
            return None
        return (await self._pages([visit]))[0]

    # --- settled ones

    async def settled(self, policy_id: str, session_id: str) -> FlexSession | None:
        policy = self._named(policy_id)
        visit = await self.store.views.visit(session_id)
        if policy is None or visit is None or visit.plugged_out_at is None:
            return None
        if visit.policy != policy.name and not (visit.policy is None and visit.vehicle in (policy.vehicle, None)):
            return None
        return (await self._pages([visit]))[0]

    async def sessions(
        self, wanted: SessionsWanted, limit: int, after: str | None, before: str | None
    ) -> FlexSessionList:
        chosen = self._filter(wanted)
        try:
            page = await self.store.views.visits(chosen or VisitFilter(), limit=limit, after=after, before=before)
        except BadCursor as error:
            raise UnknownCursor from error
        if chosen is None:
            return NO_PAGE
        return FlexSessionList(
            data=await self._pages(page.visits), pagination=FlexPagination(after=page.after, before=page.before)
        )

    def _filter(self, wanted: SessionsWanted) -> VisitFilter | None:
        """None: it names something that is not here, so nothing fits."""
        if wanted.location_id not in (None, self.store.identities().location_id):
            return None
        policy = None if wanted.policy_id is None else self._once_named(wanted.policy_id)
        vehicle = None if wanted.vehicle_id is None else self._vehicle(wanted.vehicle_id)
        if (policy is None and wanted.policy_id is not None) or (vehicle is None and wanted.vehicle_id is not None):
            return None
        return VisitFilter(
            ended=True,
            policy=policy,
            vehicle=vehicle,
            plugged_in_from_at=wanted.from_at,
            plugged_out_to_at=wanted.to_at,
        )

    def _once_named(self, policy_id: str) -> str | None:
        """Also a policy that was deleted: its sessions stay."""
        return self.store.name_of("policy", policy_id)

    async def _pages(self, visits: Sequence[Visit]) -> list[FlexSession]:
        courses = await self.store.views.courses([visit.id for visit in visits])
        return [await self._settled_page(visit, read_course(courses.get(visit.id))) for visit in visits]

    async def _settled_page(self, visit: Visit, course: Course | None) -> FlexSession:
        charger = self.courses.chargers.get(visit.wallbox, Charger(visit.wallbox))
        unmanaged = visit.policy is None or course is None  # without its course only the meter speaks for a visit
        policy_id = None if unmanaged or visit.policy is None else self._policy_id(visit.policy)
        quarters = await self.store.views.quarters(visit.id)
        return settled_session(visit, course or Course(visit.id), quarters, charger.battery, policy_id)

    # --- targets

    def policy_of_session(self, session_id: str) -> str | None:
        for name, policy in self.courses.policies.by_name.items():
            wallbox = self._running(policy)
            awaited = self.courses.upcoming.get(name)
            present = self.courses.running[wallbox].course if wallbox is not None else awaited
            if present is not None and present.id == session_id:
                return self._policy_id(name)
        return None

    def aim(self, policy_id: str, asked: FlexTargetBody) -> None:
        policy = self._named(policy_id)
        wallbox = None if policy is None else self.courses.wallbox_of(policy.name)
        if wallbox is None:
            return
        match asked.root:
            case FlexImmediateTargetBody(minimum_charge_target=pct):
                wish = Wish(wallbox, boost=True, boost_target_pct=pct)
            case FlexRegularTargetBody(minimum_charge_target=pct, ready_by=ready_by):
                wish = Wish(wallbox, target_pct=pct, ready_by_at=ready_by)
        self.courses.aim(wish, self.clock.utc())


def _week(schedule: FlexWeek) -> tuple[Goal | None, ...]:
    return tuple(
        None if day is None else Goal(time.fromisoformat(day.deadline), day.minimum_charge_target)
        for day in schedule.days()
    )
