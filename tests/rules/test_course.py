"""The course of a visit: laws that hold whatever car, plan and person do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemsd.courses import read_course, written_course
from rules import blocks
from rules import course_steps as steps
from rules.course import Battery, Course, Seen, Stage, boost_pct, level_pct, stage
from rules.plan_values import BlockType
from rules.schedule import Due

START = datetime(2026, 6, 10, 22, 7, tzinfo=UTC)
DUE = Due(START + timedelta(hours=9), 50.0)
BATTERY = Battery(60_000.0)
TICK = timedelta(seconds=10)


def begun(told_pct: float | None = 40.0) -> Course:
    return steps.plug_in(steps.upcoming("visit", "home", DUE, 20.0), START, told_pct, START, 20.0)


def seen(ticks: int, energy_wh: float, *, flows: bool, told_pct: float | None = None) -> Seen:
    at = START + ticks * TICK
    return Seen(at, energy_wh, 11_000.0 if flows else 0.0, told_pct, at if told_pct is not None else None, flows)


Ticks = list[tuple[float, bool, BlockType | None]]
tick = st.tuples(
    st.floats(0, 40),
    st.booleans(),
    st.sampled_from([None, BlockType.REGULAR, BlockType.IMMEDIATE_START, BlockType.BATTERY_RESERVE]),
)


def played(ticks: Ticks) -> Course:
    course, energy_wh = begun(), 0.0
    for number, (gained_wh, flows, asked) in enumerate(ticks, 1):
        energy_wh += gained_wh if flows else 0.0
        now = seen(number, energy_wh, flows=flows)
        course = steps.follow(course, now, BATTERY, DUE, 20.0)
        course = blocks.blocked(course, now, asked, None)
    return course


@settings(deadline=None)
@given(st.lists(tick, min_size=1, max_size=60))
def test_blocks_are_in_order_do_not_overlap_and_sum_to_the_energy(
    ticks: Ticks,
) -> None:
    course = played(ticks)
    energy_wh = sum(gained for gained, flows, _ in ticks if flows)
    for before, after in pairwise(course.begun):
        assert before.ended_at is not None
        assert before.started_at < before.ended_at <= after.started_at
        assert before.to_wh == after.from_wh
    settled = steps.settle(course, START + (len(ticks) + 1) * TICK, energy_wh, BATTERY, None)
    assert all(block.ended_at is not None for block in settled.begun)
    if settled.begun:
        assert settled.begun[0].from_wh == 0.0
        assert abs((settled.begun[-1].to_wh or 0.0) - energy_wh) < 1e-6
    else:
        assert energy_wh < 1.0


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(tick, min_size=1, max_size=40))
def test_a_course_that_was_written_and_read_is_the_same(ticks: Ticks) -> None:
    course = played(ticks)
    assert read_course(written_course(course)) == course


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(tick, min_size=1, max_size=40), st.integers(1, 39))
def test_going_on_after_a_restart_is_going_on(ticks: Ticks, at: int) -> None:
    course, energy_wh = begun(), 0.0
    for number, (gained_wh, flows, asked) in enumerate(ticks, 1):
        if number == at:
            again = read_course(written_course(course))
            assert again is not None
            course = again
        energy_wh += gained_wh if flows else 0.0
        now = seen(number, energy_wh, flows=flows)
        course = blocks.blocked(steps.follow(course, now, BATTERY, DUE, 20.0), now, asked, None)
    assert course == played(ticks)


def test_a_course_of_another_form_is_none() -> None:
    assert read_course({"what": 1}) is None
    assert read_course(None) is None


def test_a_told_level_counts_from_when_it_was_told() -> None:
    course = steps.follow(begun(), seen(1, 6000.0, flows=True), BATTERY, DUE, 20.0)
    assert round(level_pct(course, 6000.0, BATTERY)) == 49
    course = steps.follow(course, seen(2, 6000.0, flows=True, told_pct=46.0), BATTERY, DUE, 20.0)
    assert level_pct(course, 6000.0, BATTERY) == 46.0
    assert course.from_pct == 40.0


def test_the_first_told_level_puts_an_assumed_beginning_right() -> None:
    course = begun(None)
    assert course.from_pct == 20.0
    course = steps.follow(course, seen(1, 6000.0, flows=True, told_pct=49.0), BATTERY, DUE, 20.0)
    assert course.from_pct == 40.0
    course = steps.follow(course, seen(2, 6000.0, flows=True, told_pct=55.0), BATTERY, DUE, 20.0)
    assert course.from_pct == 40.0


def test_a_target_is_reached_once_and_remembered() -> None:
    course = steps.follow(begun(49.9), seen(1, 200.0, flows=True), BATTERY, DUE, 20.0)
    assert course.reached_at == START + TICK
    later = steps.follow(course, seen(2, 400.0, flows=True), BATTERY, DUE, 20.0)
    assert later.reached_at == START + TICK
    assert later.targets == course.targets


def test_a_reached_immediate_start_hands_back_to_the_schedule() -> None:
    course = steps.asked_to_start(begun(40.0), 45.0)
    assert stage(course, 40.0, 20.0) is Stage.IMMEDIATE_START
    course = steps.follow(course, seen(1, 4000.0, flows=True), BATTERY, DUE, 20.0)
    assert boost_pct(course) is None
    assert course.targets.latest is not None
    assert course.targets.latest.id == 3


def test_asking_for_the_same_start_again_is_no_new_target() -> None:
    once = steps.asked_to_start(begun(), 60.0)
    assert steps.asked_to_start(once, 60.0) == once
    assert steps.start_taken_back(begun()) == begun()


def test_a_block_that_slows_down_takes_its_last_energy_with_it() -> None:
    course = blocks.blocked(begun(), seen(1, 30.0, flows=True), BlockType.BATTERY_RESERVE, None)
    course = blocks.blocked(course, seen(2, 60.0, flows=True), None, None)
    course = blocks.blocked(course, seen(3, 65.0, flows=False), None, None)
    course = blocks.blocked(course, seen(4, 65.0, flows=False), None, None)
    (block,) = course.begun
    assert (block.type, block.ended_at, block.to_wh) == (BlockType.BATTERY_RESERVE, START + 4 * TICK, 65.0)


def test_a_settled_course_stands_still() -> None:
    settled = steps.settle(begun(), START + TICK, 10.0, BATTERY, None)
    assert stage(settled, 90.0, 20.0) is Stage.SETTLED
    assert replace(settled, settled_at=None) != settled


def test_a_wall_clock_that_is_set_moves_what_has_happened_and_no_deadline() -> None:
    course = played([(30.0, True, BlockType.REGULAR)] * 3)
    moved = steps.retimed(course, timedelta(days=7305))
    assert moved.begun[0].started_at - course.begun[0].started_at == timedelta(days=7305)
    assert moved.targets == course.targets
    assert steps.retimed(moved, timedelta(days=-7305)) == course
