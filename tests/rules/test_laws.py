"""What holds in every state and for every input, however odd: the laws of steering.

A day of chance is played: sun, house, battery, ages, plugs, wishes, disobedient wallboxes. Each tick is held to the
laws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemsd.model import (
    Decision,
    DecisionKind,
    Mode,
    SiteSettings,
    SteeringSettings,
    SteeringState,
    WallboxSettings,
    Wish,
)
from rules import wake
from rules.charge import MOVES
from rules.phases import NEXT_STEPS
from rules.steer import Memory
from tests.rules.story import SENDING, Box, Home

NAMES = ("garage", "yard")


@dataclass(frozen=True)
class Moment:
    """What the world is like for a few ticks."""

    ticks: int
    sun_w: float
    house_a: tuple[float, float, float] | tuple[None, None, None]
    grid_age_s: float
    battery: tuple[float, float] | None
    plugged: tuple[bool, bool]
    hungry: bool
    obeys: bool
    wish: Wish | None


moments = st.builds(
    Moment,
    ticks=st.integers(1, 40),
    sun_w=st.sampled_from([-4000.0, 0.0, 900.0, 1200.0, 1500.0, 2500.0, 4000.0, 8000.0, 15_000.0]),
    house_a=st.one_of(
        st.just((None, None, None)), st.tuples(*[st.sampled_from([0.0, 3.0, 15.0, 24.0, 33.0, 50.0])] * 3)
    ),
    grid_age_s=st.sampled_from([0.5, 0.5, 0.5, 29.0, 31.0, 70.0, 200.0]),
    battery=st.one_of(
        st.none(), st.tuples(st.sampled_from([-3000.0, 0.0, 2000.0]), st.sampled_from([5.0, 45.0, 51.0, 95.0]))
    ),
    plugged=st.tuples(st.sampled_from([True, True, True, False]), st.booleans()),
    hungry=st.sampled_from([True, True, True, False]),
    obeys=st.sampled_from([True, True, True, False]),
    wish=st.one_of(
        st.none(),
        st.builds(
            Wish, wallbox=st.sampled_from(NAMES), mode=st.sampled_from(Mode), boost=st.sampled_from([None, True, False])
        ),
    ),
)


def wallboxes(name: str) -> st.SearchStrategy[WallboxSettings]:
    return st.builds(
        WallboxSettings,
        name=st.just(name),
        phases=st.sampled_from(["1", "3", "auto"]),
        min_a=st.sampled_from([6.0, 8.0]),
        max_a=st.sampled_from([10.0, 16.0, 32.0]),
        vehicle_max_a=st.sampled_from([None, 13.0, 16.0]),
        vehicle_min_a=st.sampled_from([None, 7.0]),
        rotation=st.sampled_from([(1, 2, 3), (2, 3, 1), (3, 1, 2)]),
        own_phase_pause=st.booleans(),
        never_pause=st.sampled_from([False, False, True]),
        mode=st.sampled_from(Mode),
        priority=st.integers(1, 2),
    )


@st.composite
def homes(draw: st.DrawFn) -> Home:
    boxes = tuple(draw(wallboxes(name)) for name in NAMES[: draw(st.integers(1, 2))])
    site = draw(
        st.builds(
            SiteSettings,
            main_fuse_a=st.sampled_from([16.0, 25.0, 35.0]),
            phases=st.sampled_from([1, 3]),
            dimmed_w=st.sampled_from([None, None, 4200.0]),
            peak_limit_w=st.sampled_from([None, None, 5000.0]),
            export_limit_w=st.sampled_from([None, 3000.0]),
        )
    )
    steering = draw(
        st.builds(
            SteeringSettings,
            start_budget_wh=st.sampled_from([0.0, 10.0]),
            stop_budget_wh=st.sampled_from([0.0, 30.0]),
            battery_to_car_w=st.sampled_from([0.0, 2000.0]),
            import_weight=st.sampled_from([0.1, 3.0, 100.0]),
            rotate_after_s=st.just(600.0),
        )
    )
    cars = {box.name: Box(car_phases=draw(st.sampled_from([1, 3])), zero_pauses=draw(st.booleans())) for box in boxes}
    return Home(boxes=boxes, site=site, steering=steering, cars=cars)


def enter(home: Home, moment: Moment) -> None:
    home.sun_w, home.house_a, home.grid_age_s = moment.sun_w, moment.house_a, moment.grid_age_s
    home.battery_w, home.battery_soc_pct = moment.battery or (None, None)
    for box, plugged in zip(home.boxes, moment.plugged, strict=False):
        car = home.cars[box.name]
        car.plugged, car.hungry, car.obeys = plugged, moment.hungry, moment.obeys


@pytest.mark.slow
@settings(max_examples=12)
@given(homes(), st.lists(moments, min_size=1, max_size=12))
def test_the_laws_hold_in_some_states_and_for_some_inputs(home: Home, day: list[Moment]) -> None:
    the_laws_hold(home, day)


@pytest.mark.slow
@settings(max_examples=60)
@given(homes(), st.lists(moments, min_size=1, max_size=12))
def test_the_laws_hold_in_every_state_and_for_every_input(home: Home, day: list[Moment]) -> None:
    the_laws_hold(home, day)


def the_laws_hold(home: Home, day: list[Moment]) -> None:
    watch = {box.name: Watch(box, home) for box in home.boxes}
    for moment in day:
        enter(home, moment)
        for tick in range(moment.ticks):
            before = home.memory
            wishes = (moment.wish,) if moment.wish is not None and tick == 0 else ()
            now_s = home.now_s
            home.tick(*wishes)
            said = home.said[-len(home.boxes) :]
            for decision in said:
                watch[decision.wallbox].check(decision, before, home.memory, now_s)
            the_fuse_holds(home, said, moment)


def the_fuse_holds(home: Home, said: list[Decision], moment: Moment) -> None:
    """What is decided for all cars together fits beside the house, on each phase that is known."""
    if moment.grid_age_s > 30.0:
        return
    by_name = {decision.wallbox: decision for decision in said}
    for phase in (1, 2, 3):
        house_a = moment.house_a[phase - 1]
        if house_a is None or all(decision.limit_a is None for decision in said):
            continue
        cars_a = sum(
            decision.limit_a or 0.0
            for box in home.boxes
            if (decision := by_name[box.name]).phases and phase in box.rotation[: decision.phases]
        )
        assert cars_a <= max(0.0, home.site.main_fuse_a - house_a) + 1e-6, said


class Watch:
    """Holds one wallbox's decisions to the laws."""

    def __init__(self, box: WallboxSettings, home: Home) -> None:
        self.box = box
        self.home = home
        self.began_s: float | None = None
        self.paused_s: float | None = None
        self.last_sent: DecisionKind | None = None
        self.last_state = SteeringState.IDLE

    def check(self, decision: Decision, before: Memory, after: Memory, now_s: float) -> None:
        old, new = before.boxes.get(decision.wallbox), after.boxes[decision.wallbox]
        old_state = old.state if old else SteeringState.IDLE
        self.moves_are_allowed(old_state, new.state)
        if old is not None:
            assert new.phase.step in NEXT_STEPS[old.phase.step] or not new.plugged or not old.plugged
            assert new.wake.step in wake.NEXT_STEPS[old.wake.step]
        self.limits_are_kept(decision)
        self.stale_readings_raise_nothing(decision, old.limit_a if old and old.plugged else 0.0, new.mode)
        self.minimum_times_hold(decision, old_state, new.state, now_s)
        self.kinds_follow_each_other(decision, new.plugged)
        assert decision.reason
        assert decision.rule

    def moves_are_allowed(self, old: SteeringState, new: SteeringState) -> None:
        between = {one for one in MOVES[old] if new in MOVES[one]}  # time and a rule may each move once in a tick
        assert new in MOVES[old] or between

    def limits_are_kept(self, decision: Decision) -> None:
        limit_a = decision.limit_a
        if limit_a is None:
            return
        least_a = max(6.0, self.box.min_a, self.box.vehicle_min_a or 0.0)
        most_a = min(self.box.max_a, self.box.vehicle_max_a or self.box.max_a, self.home.site.main_fuse_a)
        assert limit_a == 0.0 or least_a <= limit_a <= most_a
        assert decision.phases in (1, 3)
        if self.box.phases != "auto":
            assert decision.phases == int(self.box.phases)

    def stale_readings_raise_nothing(self, decision: Decision, before_a: float, mode: Mode | None) -> None:
        boosted = self.home.memory.boxes[self.box.name].boost
        if self.home.grid_age_s > 30.0 and (mode or self.box.mode) is not Mode.FAST and not boosted:
            assert decision.limit_a is None or decision.limit_a <= before_a

    def minimum_times_hold(self, decision: Decision, old: SteeringState, new: SteeringState, now_s: float) -> None:
        if new is SteeringState.COMMITMENT and old is not SteeringState.COMMITMENT:
            if self.paused_s is not None:
                assert now_s - self.paused_s >= self.home.steering.min_pause_s
            self.began_s = now_s
        if new is SteeringState.COOLDOWN and old is not SteeringState.COOLDOWN:
            urgent = decision.rule in ("fuse", "dimmed", "peak", "no_room", "stale_stop", "off")
            assert self.began_s is not None
            assert urgent or now_s - self.began_s >= self.home.steering.min_run_s
            self.paused_s = now_s
        if decision.rule == "no_car":
            self.began_s = self.paused_s = None

    def kinds_follow_each_other(self, decision: Decision, plugged: bool) -> None:
        if not plugged:
            self.last_sent = None
        if decision.kind in SENDING:
            if self.last_sent in (None, DecisionKind.STOP):
                assert decision.kind is DecisionKind.START
            self.last_sent = decision.kind
        if decision.kind is DecisionKind.STOP:
            assert decision.limit_a == 0.0
        if decision.state is SteeringState.COMMITMENT and self.last_state is not SteeringState.COMMITMENT:
            assert decision.kind in (DecisionKind.START, DecisionKind.SKIP)
        self.last_state = decision.state
        if decision.kind is DecisionKind.START:
            assert decision.limit_a


@pytest.mark.parametrize("state", SteeringState)
def test_every_state_can_be_left_by_unplugging(state: SteeringState) -> None:
    assert SteeringState.IDLE in MOVES[state]


@settings(max_examples=40)
@given(st.floats(0, 12_000), st.floats(0, 3000), st.sampled_from(["1", "3", "auto"]))
def test_more_sun_never_gives_less_current_at_a_start(sun_w: float, more_w: float, phases: str) -> None:
    watts = []
    for surplus_w in (sun_w, sun_w + more_w):
        home = Home(
            boxes=(WallboxSettings("garage", phases=phases),),
            steering=replace(SteeringSettings(), start_budget_wh=0.0),
            sun_w=surplus_w,
        )
        watts.append(home.tick().target_w or 0.0)
    assert watts[0] <= watts[1]


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.floats(0, 20_000),
    st.floats(0, 5000),
    st.integers(1, 2),
    st.lists(st.sampled_from([6.0, 8.0]), min_size=2, max_size=3),
)
def test_more_sun_never_gives_less_to_all_cars_together(
    sun_w: float, more_w: float, second: int, minimums_a: list[float]
) -> None:
    """Each car on one phase, so that a watt is an ampere everywhere; the higher priority is never the one that pays."""
    boxes = tuple(
        WallboxSettings(f"box{number}", phases="1", min_a=min_a, priority=second if number else 1)
        for number, min_a in enumerate(minimums_a)
    )
    sums, firsts = [], []
    for surplus_w in (sun_w, sun_w + more_w):
        home = Home(boxes=boxes, steering=replace(SteeringSettings(), start_budget_wh=0.0), sun_w=surplus_w)
        home.tick()
        limits_a = [decision.limit_a or 0.0 for decision in home.said]
        sums.append(sum(limits_a))
        firsts.append(limits_a[0])
    assert sums[0] <= sums[1]
    assert second == 1 or firsts[0] <= firsts[1]
