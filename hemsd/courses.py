"""Keeps the course of every visit, and of those to come: the shell around ``rules.course`` and its steps.

Here is what the fold can't have: identities, prices, the person's wishes, and the plan, which is made anew whenever
something that it rests on has changed. What the plan asks for becomes a wish at the next tick, with the power that it
means, so it goes through the same rules as everybody's wishes, and the fuse outranks it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from hemsd.model import Because, Command, Mode, QuarterHour, Snapshot, Visit, WallboxImage, Wish, quarter_start
from hemsd.policies import Policies, Policy, Remember
from hemsd.prices import PriceBook
from rules import blocks, prospect
from rules import course_steps as steps
from rules.blocks import Progress
from rules.carbon import IntensityOf, carbon
from rules.course import Battery, Bill, Course, Seen, boost_pct, has, level_pct
from rules.patience import need_not_hurry, patient, said
from rules.plan import LONGEST_HORIZON, make_plan
from rules.plan_values import FULL_PCT, BlockType, Plan, PowerRange, Task
from rules.response import draws
from rules.savings import account, intervals_ahead, intervals_behind
from rules.schedule import Due, next_due

log = logging.getLogger(__name__)

UPCOMING_FACT = "upcoming."
NO_DEADLINE = timedelta(days=7)  # where a policy has no deadline at all: its reserve, a week from now
UNKNOWN_PCT = 50.0  # assumed of a car that nobody told anything of, where no policy has a reserve

SUN_FIRST = frozenset({Mode.SOLAR, Mode.MIN_SOLAR})

_COURSE = TypeAdapter(Course)


class Keeper(Protocol):
    """Takes courses without blocking; the store is one."""

    def save_course(self, visit_id: str, course: object, *, urgent: bool = True) -> None: ...


@dataclass(frozen=True, slots=True)
class Charger:
    """A wallbox and its car, as far as a plan needs them."""

    wallbox: str
    vehicle: str | None = None
    capacity_kwh: float | None = None  # None: not known
    powers: tuple[PowerRange, ...] = ()
    mode: Mode = Mode.SOLAR
    managed: bool = True

    @property
    def battery(self) -> Battery:
        return Battery() if self.capacity_kwh is None else Battery(self.capacity_kwh * 1000.0)

    @property
    def max_w(self) -> float:
        return max((power.max_w for power in self.powers), default=3680.0)


@dataclass(slots=True)
class Following:
    """A running visit's course with its plan and what was metered."""

    course: Course
    plan: Plan | None = None
    planned_at_wh: float = 0.0  # the visit's energy when the plan was made
    quarters: dict[datetime, QuarterHour] = field(default_factory=dict)
    now_pct: float = 0.0
    asked: BlockType | None = None
    flows: bool = False
    steered: bool = True  # False: a stranger's, or only watched
    _made_for: tuple[object, ...] | None = None
    _saved: tuple[object, ...] | None = None


@dataclass(slots=True)
class Courses:
    chargers: Mapping[str, Charger]
    policies: Policies
    zone: tzinfo
    prices: PriceBook
    keeper: Keeper
    remember: Remember
    new_id: Callable[[], str]
    co2: IntensityOf = lambda _start_at: None  # of the grid
    changed: Callable[[str], None] = lambda _subject: None  # hears of ``policy:NAME`` when the session to come changed
    running: dict[str, Following] = field(default_factory=dict)  # by wallbox
    upcoming: dict[str, Course] = field(default_factory=dict)  # by policy
    _modes: dict[str, Mode] = field(default_factory=dict)
    _boosting: set[str] = field(default_factory=set)

    # --- what others ask

    def policy_at(self, wallbox: str) -> Policy | None:
        """Whose wishes count at a wallbox; none where hemsd does not steer."""
        charger = self.chargers.get(wallbox)
        if charger is None or not charger.managed or charger.vehicle is None:
            return None
        return self.policies.for_vehicle(charger.vehicle)

    def wallbox_of(self, policy: str) -> str | None:
        return next((name for name in self.chargers if (p := self.policy_at(name)) and p.name == policy), None)

    def next_id(self, wallbox: str, at: datetime) -> str:
        """The identity of the managed visit that begins here now."""
        policy = self.policy_at(wallbox)
        return self.await_car(policy, at).id if policy is not None else self.new_id()

    def await_car(self, policy: Policy, at: datetime) -> Course:
        """The policy's next visit, made when it is first asked for."""
        known, due = self.upcoming.get(policy.name), self.due(policy, at)
        if known is None:
            course = steps.upcoming(self.new_id(), policy.name, due, policy.battery_reserve_pct)
        else:
            course = steps.awaited(known, due, policy.battery_reserve_pct)
        if course != known:
            self._await(policy.name, course)
        return course

    def due(self, policy: Policy, at: datetime) -> Due:
        return next_due(policy.week, at, self.zone) or self._no_deadline(policy, at)

    def _no_deadline(self, policy: Policy, at: datetime) -> Due:
        local = (at + NO_DEADLINE).astimezone(self.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return Due(midnight.astimezone(at.tzinfo), policy.battery_reserve_pct)

    def _await(self, policy: str, course: Course) -> None:
        self.upcoming[policy] = course
        self.remember(UPCOMING_FACT + policy, written_course(course))
        self.changed(f"policy:{policy}")

    # --- wishes

    def wishes(self, snapshot: Snapshot, wishes: tuple[Wish, ...]) -> tuple[Wish, ...]:
        """The wishes of this tick as the rules shall see them: a policy's boosts and targets become its own."""
        passed = tuple(left for wish in wishes if (left := self._heard(wish, snapshot.at)) is not None)
        return (*passed, *(wish for name in self.chargers if (wish := self._asks(name, snapshot.at)) is not None))

    def aim(self, wish: Wish, at: datetime) -> None:
        """A wish for a policy's target, known at once to whoever asks; the rules see it with the next tick."""
        self._heard(wish, at)
        following, policy = self.running.get(wish.wallbox), self.policy_at(wish.wallbox)
        if following is not None and policy is not None and following.course.policy is not None:
            charger = self.chargers[wish.wallbox]
            seen = Seen(at, following.course.energy_wh, None, None, None, following.course.running is not None)
            self._plan(following, following.course, policy, charger, seen)
            self._foresee(following, charger, at)

    def _heard(self, wish: Wish, at: datetime) -> Wish | None:
        if wish.mode is not None:
            self._modes[wish.wallbox] = wish.mode
        policy = self.policy_at(wish.wallbox)
        if policy is None and wish.target_pct is not None:
            policy = self._first_policy(wish.wallbox, at)
        if policy is None:
            if wish.boost and (following := self.running.get(wish.wallbox)) is not None:
                following.course = replace(following.course, boosted=True)
            return wish
        course = self._newest(wish.wallbox, policy, at)
        due, reserve_pct = self.due(policy, at), policy.battery_reserve_pct
        if wish.boost:
            course = steps.asked_to_start(course, wish.boost_target_pct)
        elif wish.boost is False:
            course = steps.start_taken_back(course)
        if wish.clear_target:
            course = steps.override_taken_back(course, due, reserve_pct)
        if wish.target_pct is not None:
            course = steps.asked_for(course, self._override(wish, course, due), reserve_pct)
        self._put(wish.wallbox, policy, course)
        return None if wish.mode is None else replace(wish, boost=None, boost_target_pct=None)

    def _first_policy(self, wallbox: str, at: datetime) -> Policy | None:
        """Of a car that nobody wrote one for: it asks for nothing, but a target has where to stand."""
        charger = self.chargers.get(wallbox)
        if charger is None or charger.vehicle is None or not charger.managed:
            return None
        policy = Policy(f"for-{charger.vehicle}", charger.vehicle, battery_reserve_pct=0.0)
        self.policies.put(policy)
        following = self.running.get(wallbox)
        if following is not None and following.steered:
            following.course = steps.taken_in(following.course, policy.name, self.due(policy, at))
        return policy

    @staticmethod
    def _override(wish: Wish, course: Course, due: Due) -> Due:
        assert wish.target_pct is not None
        regular = course.targets.regular
        ready_by_at = wish.ready_by_at or (regular.ready_by_at if regular else None) or due.ready_by_at
        return Due(ready_by_at, wish.target_pct)

    def _newest(self, wallbox: str, policy: Policy, at: datetime) -> Course:
        following = self.running.get(wallbox)
        if following is not None and following.course.policy is not None:
            return following.course
        return self.await_car(policy, at)

    def _put(self, wallbox: str, policy: Policy, course: Course) -> None:
        following = self.running.get(wallbox)
        if following is not None and following.course.id == course.id:
            following.course = course
        elif self.upcoming.get(policy.name) != course:
            self._await(policy.name, course)

    def _asks(self, wallbox: str, at: datetime) -> Wish | None:
        """What the plan asks of the rules, said at each tick, so that it holds after a restart too."""
        policy = self.policy_at(wallbox)
        asks = None if policy is None else self._asks_now(wallbox, policy, at)
        if asks is None and wallbox not in self._boosting:
            return None
        (self._boosting.add if asks else self._boosting.discard)(wallbox)
        return Wish(wallbox, boost=asks is not None, because=asks)

    def _asks_now(self, wallbox: str, policy: Policy, at: datetime) -> Because | None:
        following = self.running.get(wallbox)
        if following is None or following.course.policy is None:
            course = self.upcoming.get(policy.name)
            boosted = course is not None and boost_pct(course) is not None
            return blocks.because(BlockType.IMMEDIATE_START, None, at) if boosted else None
        return None if following.asked is None else blocks.because(following.asked, following.plan, at)

    # --- a visit

    def begin(self, visit: Visit, image: WallboxImage, at: datetime) -> None:
        """A car was plugged in; ``visit.id`` came from ``next_id``."""
        policy = self.policy_at(visit.wallbox) if visit.policy is not None else None
        course = Course(visit.id) if policy is None else self.await_car(policy, at)
        if policy is not None:
            del self.upcoming[policy.name]
            self.remember(UPCOMING_FACT + policy.name, None)
        assumed_pct = policy.battery_reserve_pct if policy is not None else UNKNOWN_PCT
        begun = steps.plug_in(course, at, image.soc_pct, _told_at(image, at), assumed_pct)
        self.running[visit.wallbox] = Following(begun, steered=visit.managed)

    def follow(self, visit: Visit, image: WallboxImage, at: datetime) -> None:
        """One tick further."""
        following = self.running.get(visit.wallbox)
        if following is None:
            self.begin(visit, image, at)
            following = self.running[visit.wallbox]
        charger = self.chargers.get(visit.wallbox, Charger(visit.wallbox))
        flows = following.flows = draws(image)
        seen = Seen(at, visit.energy_wh, image.power_w, image.soc_pct, _told_at(image, at), flows)
        policy = self.policy_at(visit.wallbox) if following.course.policy is not None else None
        if policy is None:
            following.asked = None
            following.course = steps.follow(following.course, seen, charger.battery, None, 0.0)
            following.now_pct = level_pct(following.course, seen.energy_wh, charger.battery)
            if following.course.policy is not None:
                following.course = blocks.blocked(following.course, seen, None, None)
        else:
            self._follow_policy(following, policy, charger, seen)
        self._save(visit, following, at)

    def _follow_policy(self, following: Following, policy: Policy, charger: Charger, seen: Seen) -> None:
        reserve_pct = policy.battery_reserve_pct
        course = steps.follow(following.course, seen, charger.battery, self.due(policy, seen.at), reserve_pct)
        now_pct = following.now_pct = level_pct(course, seen.energy_wh, charger.battery)
        self._plan(following, course, policy, charger, seen)
        progress = Progress(
            now_pct=now_pct,
            reserve_pct=reserve_pct,
            charged_wh=seen.energy_wh - following.planned_at_wh,
            missing_s=self._missing_s(course, charger, now_pct),
        )
        asked = blocks.wanted(course, following.plan, seen.at, progress)
        if self._mode(charger) is Mode.OFF and asked is not BlockType.IMMEDIATE_START:
            asked = None
        following.asked = asked
        following.course = blocks.blocked(course, seen, asked, following.plan)
        self._foresee(following, charger, seen.at)

    def _foresee(self, following: Following, charger: Charger, at: datetime) -> None:
        missing_s = self._missing_s(following.course, charger, following.now_pct)
        following.course = prospect.foreseen(following.course, following.plan, at, following.now_pct, missing_s)

    def _mode(self, charger: Charger) -> Mode:
        return self._modes.get(charger.wallbox, charger.mode)

    def _missing_s(self, course: Course, charger: Charger, now_pct: float) -> float:
        latest = course.targets.latest
        missing_pct = max(0.0, (latest.minimum_charge_target_pct if latest else 0.0) - now_pct)
        battery = charger.battery
        return missing_pct / FULL_PCT * battery.capacity_wh / battery.efficiency / charger.max_w * 3600.0

    def _plan(self, following: Following, course: Course, policy: Policy, charger: Charger, seen: Seen) -> None:
        """Anew with each quarter-hour, and when the target, a told level, the prices or a failure have changed."""
        latest = course.targets.latest
        rests_on = (
            quarter_start(seen.at),
            latest,
            course.level,
            course.reached_at,
            course.trouble,
            policy.battery_reserve_pct,
            self.prices.version,
            self._mode(charger),
        )
        if rests_on == following._made_for or not charger.powers:
            return
        regular = course.targets.regular
        known = tuple(self.prices.known(quarter_start(seen.at), seen.at + LONGEST_HORIZON))
        asked_pct = regular.minimum_charge_target_pct if regular else 0.0
        if regular is not None and has(following.now_pct, regular):
            asked_pct = min(asked_pct, following.now_pct)  # the last hundredths are no plan of their own
        deadline_at = regular.ready_by_at if regular else None
        waits = False
        if deadline_at is not None and self._mode(charger) in SUN_FIRST:
            waits = need_not_hurry(known, seen.at, deadline_at)
            known = patient(known, deadline_at) if waits else known
        plan = make_plan(
            Task(
                at=seen.at,
                soc_pct=following.now_pct,
                capacity_wh=charger.battery.capacity_wh,
                powers=charger.powers,
                quarters=known,
                target_pct=asked_pct,
                deadline_at=deadline_at,
                reserve_pct=policy.battery_reserve_pct,
                boost_pct=boost_pct(course),
                efficiency=charger.battery.efficiency,
                running=seen.flows,
                zone=self.zone,
            )
        )
        following.plan = said(plan) if waits else plan
        following._made_for, following.planned_at_wh = rests_on, seen.energy_wh
        log.debug("%s: %s", charger.wallbox, following.plan.reason)

    def metered(self, wallbox: str, quarter: QuarterHour) -> None:
        """A quarter-hour of the running visit, again as it grows."""
        following = self.running.get(wallbox)
        if following is not None:
            following.quarters[quarter.start_at] = quarter

    def judged(self, command: Command) -> None:
        following = self.running.get(command.wallbox)
        if following is not None and command.visit_id in (None, following.course.id):
            asked = following.asked is not None
            following.course = prospect.judged(following.course, command, flows=following.flows, asked=asked)

    def disown(self, wallbox: str, at: datetime) -> None:
        """A stranger charges here: the policy goes on waiting for its own car."""
        following = self.running.get(wallbox)
        policy = self.policy_at(wallbox)
        if following is not None:
            following.steered = False
        if following is None or following.course.policy is None or policy is None:
            return
        course = following.course
        self._await(
            policy.name, steps.upcoming(self.new_id(), policy.name, self.due(policy, at), policy.battery_reserve_pct)
        )
        following.course = Course(
            course.id, plugged_in_at=course.plugged_in_at, level=course.level, from_pct=course.from_pct, seen_at=at
        )
        following.plan = following.asked = None

    def retime(self, wallbox: str, by: timedelta) -> None:
        """The wall clock was set under a running visit: what happened in it happened so much later, or earlier."""
        following = self.running.get(wallbox)
        if following is not None:
            following.course = steps.retimed(following.course, by)

    def settle(self, visit: Visit) -> None:
        """The car has gone."""
        following = self.running.pop(visit.wallbox, None)
        if following is None or visit.plugged_out_at is None:
            return
        self._boosting.discard(visit.wallbox)  # the rules end a boost with the visit
        charger = self.chargers.get(visit.wallbox, Charger(visit.wallbox))
        bill = self.bill(visit, following, charger, visit.plugged_out_at)
        course = steps.settle(following.course, visit.plugged_out_at, visit.energy_wh, charger.battery, bill)
        self.keeper.save_course(visit.id, written_course(course))
        policy = self.policy_at(visit.wallbox)
        if policy is not None:
            self.await_car(policy, visit.plugged_out_at)

    def bill(self, visit: Visit, following: Following, charger: Charger, until_at: datetime) -> Bill:
        """What the visit cost and saved up to a moment, in money and in CO2."""
        known = self.prices.known(quarter_start(visit.plugged_in_at), until_at)
        stay = intervals_behind(following.quarters.values(), known, visit.plugged_in_at, until_at)
        summed = account(stay, charger.max_w)
        co2 = carbon(stay, charger.max_w, self.co2)
        complete = summed.has_complete_price_coverage and bool(stay)
        return Bill(complete, summed.cost_eur, summed.savings_eur, co2.caused_g, co2.saved_g)

    def expected_savings_eur(self, visit: Visit, at: datetime) -> float | None:
        """What the whole visit will have saved when the plan is carried out."""
        following = self.running.get(visit.wallbox)
        if following is None:
            return None
        charger = self.chargers.get(visit.wallbox, Charger(visit.wallbox))
        known = tuple(self.prices.known(quarter_start(visit.plugged_in_at), at + LONGEST_HORIZON))
        stay = intervals_behind(following.quarters.values(), known, visit.plugged_in_at, at)
        if following.plan is not None:
            stay = (*stay, *intervals_ahead(following.plan, known, at))
        return account(stay, charger.max_w).savings_eur if stay else None

    def _save(self, visit: Visit, following: Following, at: datetime) -> None:
        """When something has changed that the visit's energy does not tell; the rest with each quarter-hour."""
        course = following.course
        gist = (
            course.targets,
            course.begun,
            course.trouble,
            course.from_pct,
            course.prospect.on_target if course.prospect else None,
            course.policy,
        )
        quarter_at = quarter_start(course.seen_at) if course.seen_at else None
        if (gist, quarter_at) != following._saved:
            changed = following._saved is None or following._saved[0] != gist
            following._saved = (gist, quarter_at)
            following.course = replace(course, expected_savings_eur=self.expected_savings_eur(visit, at))
            self.keeper.save_course(visit.id, written_course(following.course), urgent=changed)

    # --- a restart

    def recall(self, facts: Mapping[str, object]) -> None:
        """What was asked for visits that have not begun."""
        for key, value in facts.items():
            if key.startswith(UPCOMING_FACT):
                course = read_course(value)
                if course is not None and key.removeprefix(UPCOMING_FACT) in self.policies.by_name:
                    self.upcoming[key.removeprefix(UPCOMING_FACT)] = course

    def adopt(self, visit: Visit, course: object, quarters: tuple[QuarterHour, ...]) -> None:
        """A visit that was running when the daemon stopped."""
        known = read_course(course) or Course(visit.id, plugged_in_at=visit.plugged_in_at, energy_wh=visit.energy_wh)
        metered = {each.start_at: each for each in quarters}
        self.running[visit.wallbox] = Following(known, quarters=metered, steered=visit.managed)


def _told_at(image: WallboxImage, at: datetime) -> datetime | None:
    """When the level was told; None where it is not known."""
    return None if image.soc_age_s is None else at - timedelta(seconds=image.soc_age_s)


def written_course(course: Course) -> object:
    """As JSON can hold it; what is as usual is left out."""
    return _COURSE.dump_python(course, mode="json", exclude_defaults=True)


def read_course(value: object) -> Course | None:
    """A course as it was written; None for what an older hemsd wrote in another form."""
    if value is None:
        return None
    try:
        return _COURSE.validate_python(value)
    except ValidationError:
        return None
