"""What lies ahead of the wallboxes, as the page tells it: targets, money, planned blocks, and what ends by itself.

Everything here is read off what rules and plans already hold; nothing is decided, and nothing is planned anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hemsd.bills import NO_BILL, cents, told_bill
from hemsd.courses import Courses, Following
from hemsd.model import Decision, Mode, Snapshot, SteeringSettings, SteeringState, Visit, WallboxSettings, quarter_start
from rules.charge import BoxMemory
from rules.course import Bill, Course
from rules.phases import DRAIN_S, EASE_S, SwitchStep
from rules.plan_reason import Story
from rules.plan_values import Block, BlockType
from rules.schedule import Target
from rules.sight import needed_age_s
from rules.turning import turnings
from web.plan_models import BlockPage, BoxPlanPage, PlanPage, PlanStoryPage, QuarterPage
from web.state_models import CountdownPage, TurnPage

PRICES_BEHIND = timedelta(hours=24)
PRICES_AHEAD = timedelta(hours=48)
BILL_STANDS = timedelta(seconds=60)


# ---------------------------------------------------------------------------------------------------------------------
# What ends by itself


def countdowns(
    box: WallboxSettings,
    memory: BoxMemory,
    steering: SteeringSettings,
    snapshot: Snapshot,
    boost_until_at: datetime | None,
) -> list[CountdownPage]:
    """In the order in which they matter; one that is over is left out."""
    found = [
        *_minimum_times(memory, steering, snapshot),
        *_silence(box, memory, steering, snapshot),
        *_phase_switch(memory, steering, snapshot),
    ]
    ahead = [(what, snapshot.at + timedelta(seconds=left_s)) for what, left_s in found if left_s > 0]
    if memory.boost and boost_until_at is not None and boost_until_at > snapshot.at:
        ahead.append(("boost", boost_until_at))
    return [CountdownPage(what=what, ends_at=ends_at) for what, ends_at in ahead]


def _minimum_times(memory: BoxMemory, steering: SteeringSettings, snapshot: Snapshot) -> Iterator[tuple[str, float]]:
    held_s = snapshot.now_s - memory.since_s
    if memory.state is SteeringState.COMMITMENT:
        yield "minimum_run", steering.min_run_s - held_s
    if memory.state is SteeringState.COOLDOWN:
        yield "minimum_pause", steering.min_pause_s - held_s


def _silence(
    box: WallboxSettings, memory: BoxMemory, steering: SteeringSettings, snapshot: Snapshot
) -> Iterator[tuple[str, float]]:
    """What the silence of a meter leads to; only for a charge that follows the surplus."""
    mode = Mode.FAST if memory.boost else memory.mode or box.mode
    age_s = needed_age_s(steering, snapshot)
    if not memory.offering or mode in (Mode.FAST, Mode.OFF) or age_s <= steering.stale_skip_s:
        return
    if age_s <= steering.stale_step_s:
        yield "stale_step", steering.stale_step_s - age_s
    elif mode is not Mode.MIN_SOLAR:
        yield "stale_stop", steering.stale_stop_s - age_s


def _phase_switch(memory: BoxMemory, steering: SteeringSettings, snapshot: Snapshot) -> Iterator[tuple[str, float]]:
    """At the longest: the draining ends as soon as nothing flows."""
    longest_s = {SwitchStep.EASE: EASE_S + DRAIN_S, SwitchStep.DRAIN: DRAIN_S, SwitchStep.SETTLE: 0.0}
    if memory.offering and memory.phase.step in longest_s:
        held_s = snapshot.now_s - memory.phase.since_s
        yield "phase_switch", longest_s[memory.phase.step] + steering.phase_settle_s - held_s


def turns(
    box: WallboxSettings, memory: BoxMemory, steering: SteeringSettings, voltage_v: float, decision: Decision | None
) -> list[TurnPage]:
    """What would change the charge."""
    if decision is None:
        return []
    mode = memory.mode or box.mode
    found = turnings(decision, memory, steering, voltage_v, mode=mode, never_pause=box.never_pause)
    return [TurnPage(what=one.turn, by_w=round(one.by_w, 1), limit_a=one.limit_a) for one in found]


# ---------------------------------------------------------------------------------------------------------------------
# What the plans hold


@dataclass(slots=True)
class Outlook:
    """Answers for each wallbox; ``courses`` is None where visits are only metered."""

    courses: Courses | None
    _bills: dict[str, tuple[str, datetime, Bill]] = field(default_factory=dict)

    def following(self, wallbox: str) -> Following | None:
        return self.courses.running.get(wallbox) if self.courses is not None else None

    def target(self, wallbox: str) -> Target | None:
        """What the car shall have by when; before it comes, what it will be charged for."""
        course = self._course(wallbox)
        if course is None:
            return None
        target = course.targets.regular or course.targets.latest
        return target if target is not None and target.minimum_charge_target_pct > 0.0 else None

    def _course(self, wallbox: str) -> Course | None:
        following = self.following(wallbox)
        if following is not None:
            return following.course if following.course.policy is not None else None
        policy = self.courses.policy_at(wallbox) if self.courses is not None else None
        return self.courses.upcoming.get(policy.name) if self.courses is not None and policy is not None else None

    def reckoned_pct(self, wallbox: str) -> float | None:
        """The car's level by now: the one last told, and what was charged since. None: nobody has told one."""
        following = self.following(wallbox)
        level = following.course.level if following is not None else None
        return None if following is None or level is None or level.told_at is None else following.now_pct

    def boost_until_at(self, wallbox: str) -> datetime | None:
        following = self.following(wallbox)
        if following is None or following.plan is None:
            return None
        first = following.plan.blocks[0] if following.plan.blocks else None
        return first.end_at if first is not None and first.type is BlockType.IMMEDIATE_START else None

    def bill(self, visit: Visit, at: datetime) -> Bill:
        """What the visit has cost and saved so far, rounded for the page; summed up once a minute."""
        following = self.following(visit.wallbox)
        if self.courses is None or following is None:
            return NO_BILL
        known = self._bills.get(visit.wallbox)
        if known is not None and known[0] == visit.id and at - known[1] < BILL_STANDS:
            return known[2]
        bill = told_bill(self.courses.bill(visit, following, self.courses.chargers[visit.wallbox], at))
        self._bills[visit.wallbox] = (visit.id, at, bill)
        return bill

    def page(self, at: datetime) -> PlanPage:
        """The prices around now and the blocks that are planned."""
        if self.courses is None:
            return PlanPage(time=at, quarters=[], wallboxes={})
        quarters = self.courses.prices.known(quarter_start(at - PRICES_BEHIND), at + PRICES_AHEAD)
        return PlanPage(
            time=at,
            quarters=[
                QuarterPage(
                    start=quarter.start_at,
                    import_eur_per_kwh=quarter.import_eur_per_kwh,
                    export_eur_per_kwh=quarter.export_eur_per_kwh,
                    surplus_w=quarter.surplus_w,
                )
                for quarter in quarters
            ],
            wallboxes={name: page for name in self.courses.chargers if (page := self._box(name)) is not None},
        )

    def _box(self, wallbox: str) -> BoxPlanPage | None:
        following = self.following(wallbox)
        target = self.target(wallbox)
        if following is None or following.plan is None or target is None:
            return None
        plan = following.plan
        return BoxPlanPage(
            reason=plan.reason,
            story=_story(plan.story),
            blocks=[_block(block) for block in plan.blocks],
            kwh=round(plan.energy_wh / 1000, 3),
            cost=cents(plan.cost_eur),
            target_pct=target.minimum_charge_target_pct if target else None,
            ready_by=target.ready_by_at if target else None,
            target_reachable=plan.target_reachable,
            level_at_deadline_pct=round(plan.soc_at_deadline_pct, 1),
        )


def _story(story: Story) -> PlanStoryPage:
    mean = None if story.cost_eur is None or story.energy_wh < 1.0 else story.cost_eur / story.energy_wh * 1000.0
    return PlanStoryPage(
        soc_pct=round(story.soc_pct, 1),
        goal_pct=story.target_pct,
        reserve_pct=story.reserve_pct,
        boost_pct=story.boost_pct,
        regular_h=round(story.regular_h, 2),
        mean_price=None if mean is None else round(mean, 4),
        solar_kwh=round(story.solar_wh / 1000, 3),
        same_price=story.same_price,
        priced_h=round(story.priced_h, 2),
        all_h=round(story.all_h, 2),
        reached_at=story.reached_at,
    )


def _block(block: Block) -> BlockPage:
    return BlockPage(
        type=block.type,
        start=block.start_at,
        end=block.end_at,
        kwh=round(block.energy_wh / 1000, 3),
        cost=cents(block.cost_eur),
    )
