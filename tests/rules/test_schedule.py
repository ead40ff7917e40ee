"""Deadlines from a week, through both changes of the clocks, and what stands above them."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.schedule import (
    NO_TARGETS,
    Due,
    Goal,
    Target,
    Targets,
    TargetSource,
    TargetType,
    drop_override,
    end_immediate_start,
    follow_schedule,
    next_due,
    next_visit,
    override_schedule,
    start_at_once,
)

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAY = Goal(time(7, 0), 50.0)
WEEKEND = Goal(time(10, 0), 80.0)
WEEK = (WEEKDAY,) * 5 + (WEEKEND,) * 2


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def test_in_the_evening_the_next_morning_counts() -> None:
    assert next_due(WEEK, berlin("2026-06-17 18:00"), BERLIN) == Due(berlin("2026-06-18 07:00"), 50.0)


def test_before_the_deadline_today_counts_and_at_it_the_next_day() -> None:
    assert next_due(WEEK, berlin("2026-06-17 06:59"), BERLIN) == Due(berlin("2026-06-17 07:00"), 50.0)
    assert next_due(WEEK, berlin("2026-06-17 07:00"), BERLIN) == Due(berlin("2026-06-18 07:00"), 50.0)


def test_friday_evening_leads_to_the_weekend_goal() -> None:
    assert next_due(WEEK, berlin("2026-06-19 20:00"), BERLIN) == Due(berlin("2026-06-20 10:00"), 80.0)


def test_days_without_a_goal_are_passed_over_up_to_a_whole_week() -> None:
    only_monday = (WEEKDAY, None, None, None, None, None, None)
    assert next_due(only_monday, berlin("2026-06-15 07:00"), BERLIN) == Due(berlin("2026-06-22 07:00"), 50.0)
    assert next_due((None,) * 7, berlin("2026-06-15 07:00"), BERLIN) is None


def test_the_deadline_keeps_its_clock_time_when_the_clocks_change() -> None:
    spring = next_due(WEEK, berlin("2026-03-28 22:00"), BERLIN)
    autumn = next_due(WEEK, berlin("2026-10-24 22:00"), BERLIN)
    assert spring is not None
    assert autumn is not None
    assert spring.ready_by_at == datetime(2026, 3, 29, 8, 0, tzinfo=UTC)  # 11 hours after 22:00
    assert autumn.ready_by_at == datetime(2026, 10, 25, 9, 0, tzinfo=UTC)  # 13 hours


def test_a_time_that_the_clocks_skip_is_read_with_the_offset_before() -> None:
    week = (Goal(time(2, 30), 50.0),) * 7
    due = next_due(week, berlin("2026-03-28 22:00"), BERLIN)
    assert due is not None
    assert due.ready_by_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert f"{due.ready_by_at.astimezone(BERLIN):%H:%M}" == "03:30"


def test_of_a_time_that_comes_twice_the_first_is_meant() -> None:
    week = (Goal(time(2, 30), 50.0),) * 7
    due = next_due(week, berlin("2026-10-24 22:00"), BERLIN)
    assert due is not None
    assert due.ready_by_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    after = next_due(week, due.ready_by_at, BERLIN)
    assert after is not None
    assert after.ready_by_at == berlin("2026-10-26 02:30")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 3 * 366 * 24 * 60).map(
        lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.times(),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]),
)
def test_a_daily_deadline_is_never_more_than_a_day_and_a_bit_away(at: datetime, clock: time, zone: str) -> None:
    due = next_due((Goal(clock.replace(second=0, microsecond=0, tzinfo=None), 80.0),) * 7, at, ZoneInfo(zone))
    assert due is not None
    hours = (due.ready_by_at - at).total_seconds() / 3600
    assert 0.0 < hours <= 25.0


# --- overrides

AT = berlin("2026-06-17 18:00")
TONIGHT = Due(berlin("2026-06-18 07:00"), 50.0)
NEXT = Due(berlin("2026-06-19 07:00"), 50.0)
EARLY = Due(berlin("2026-06-18 05:00"), 90.0)
POLICY = next_visit(TONIGHT, 20.0)


def follow(targets: Targets, due: Due, at: datetime = AT, soc_pct: float | None = 30.0) -> Targets:
    return follow_schedule(targets, due, 20.0, at=at, soc_pct=soc_pct)


def test_the_first_target_of_a_visit_is_the_schedules_and_has_the_id_1() -> None:
    assert POLICY.latest == Target(1, TargetType.REGULAR, TargetSource.POLICY, 50.0, TONIGHT.ready_by_at, 20.0)
    assert follow(POLICY, TONIGHT) is POLICY


def test_a_schedule_override_takes_level_and_time_but_not_the_reserve() -> None:
    changed = override_schedule(POLICY, EARLY, 20.0)
    assert changed.latest == Target(2, TargetType.REGULAR, TargetSource.USER_OVERRIDE, 90.0, EARLY.ready_by_at, 20.0)
    assert follow(changed, TONIGHT) is changed


def test_an_override_that_is_taken_back_gives_way_to_the_schedule() -> None:
    back = drop_override(override_schedule(POLICY, EARLY, 20.0), TONIGHT, 20.0)
    assert back.latest is not None
    assert (back.latest.id, back.latest.source) == (3, TargetSource.POLICY)


def test_an_immediate_start_stands_before_the_regular_target_and_gives_it_back_with_a_new_id() -> None:
    boosted = start_at_once(override_schedule(POLICY, EARLY, 20.0), 70.0)
    assert boosted.latest == Target(3, TargetType.IMMEDIATE_START, TargetSource.USER_OVERRIDE, 70.0)
    after = end_immediate_start(boosted)
    assert after.latest is not None
    assert (after.latest.id, after.latest.type, after.latest.minimum_charge_target_pct) == (4, "REGULAR", 90.0)
    assert end_immediate_start(after) is after


def test_the_schedule_moves_on_behind_an_immediate_start() -> None:
    boosted = follow(start_at_once(POLICY, 70.0), NEXT, at=TONIGHT.ready_by_at, soc_pct=60.0)
    assert boosted.latest is not None
    assert boosted.latest.type is TargetType.IMMEDIATE_START
    after = end_immediate_start(boosted).latest
    assert after is not None
    assert after.ready_by_at == NEXT.ready_by_at


def test_a_missed_target_stays_until_it_is_reached() -> None:
    missed_at = TONIGHT.ready_by_at
    assert follow(POLICY, NEXT, at=missed_at, soc_pct=49.9) is POLICY
    done = follow(POLICY, NEXT, at=missed_at, soc_pct=50.0)
    assert done.latest is not None
    assert (done.latest.id, done.latest.ready_by_at) == (2, NEXT.ready_by_at)


def test_an_override_that_has_been_met_gives_way_to_the_next_deadline() -> None:
    overridden = override_schedule(POLICY, EARLY, 20.0)
    done = follow(overridden, TONIGHT, at=EARLY.ready_by_at, soc_pct=92.0)
    assert done.latest is not None
    assert (done.latest.source, done.latest.ready_by_at) == (TargetSource.POLICY, TONIGHT.ready_by_at)


def test_without_any_deadline_there_is_no_target() -> None:
    assert next_visit(None, 20.0) == NO_TARGETS
    assert follow_schedule(NO_TARGETS, None, 20.0, at=AT, soc_pct=10.0) is NO_TARGETS
