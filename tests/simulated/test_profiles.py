"""Which limit a wallbox makes of the charging profiles that it holds, moment by moment."""

from datetime import UTC, datetime, timedelta

import pytest

from drivers.simulated.profiles import CP_MAX, TX, TX_DEFAULT, Allowed, Period, Profile, ProfileStore, read

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
PLUGGED = NOON - timedelta(minutes=30)


def after(seconds):
    return NOON + timedelta(seconds=seconds)


def profile(*periods, id=1, level=0, purpose=TX_DEFAULT, kind="Absolute", unit="A", starts_at=NOON, **more):
    return Profile(id, level, purpose, kind, unit, tuple(Period(*period) for period in periods), starts_at, **more)


def store(*profiles, **quirks):
    held = ProfileStore(**quirks)
    for each in profiles:
        held.put(each)
    return held


def test_no_profile_is_no_limit():
    assert store().allowed(NOON, PLUGGED) == Allowed(None, None)


def test_a_dead_man_falls_back_when_nobody_refreshes_it():
    held = store(profile((0, 12.0), (900, 6.0)))
    assert held.allowed(after(899), PLUGGED).limit_a == 12
    assert held.allowed(after(900), PLUGGED).limit_a == 6
    assert held.allowed(after(86_400), PLUGGED).limit_a == 6


def test_a_schedule_that_begins_in_the_future_limits_nothing_yet():
    held = store(profile((0, 8.0), starts_at=after(1)))
    assert held.allowed(NOON, PLUGGED).limit_a is None
    assert held.allowed(after(1), PLUGGED).limit_a == 8


def test_when_the_duration_is_over_the_next_lower_stack_level_counts():
    held = store(profile((0, 6.0)), profile((0, 12.0), id=2, level=1, duration_s=300))
    assert held.allowed(after(299), PLUGGED).limit_a == 12
    assert held.allowed(after(300), PLUGGED).limit_a == 6


def test_a_bare_duration_fails_to_full_power():
    assert store(profile((0, 6.0), duration_s=300)).allowed(after(300), PLUGGED).limit_a is None


def test_a_relative_schedule_counts_from_the_begin_of_the_transaction():
    held = store(profile((0, 10.0), (600, 6.0), kind="Relative", starts_at=None))
    assert held.allowed(NOON, None).limit_a is None
    assert held.allowed(NOON, after(-599)).limit_a == 10
    assert held.allowed(NOON, after(-600)).limit_a == 6


def test_a_daily_schedule_begins_anew_each_day():
    held = store(profile((0, 6.0), (3600, 16.0), kind="Recurring", recurrency="Daily", starts_at=NOON))
    assert held.allowed(after(3 * 86_400 + 60), None).limit_a == 6
    assert held.allowed(after(3 * 86_400 + 3600), None).limit_a == 16


def test_a_tx_profile_outranks_the_default_and_the_maximum_caps_both():
    held = store(
        profile((0, 8.0)),
        profile((0, 14.0), id=2, purpose=TX),
        profile((0, 13.0), id=3, purpose=CP_MAX),
    )
    assert held.allowed(NOON, PLUGGED).limit_a == 13
    assert held.allowed(NOON, None).limit_a == 8


def test_the_same_purpose_and_level_or_the_same_id_is_replaced():
    held = store(profile((0, 8.0)), profile((0, 9.0), id=2), profile((0, 10.0), id=2, level=3))
    assert [(p.id, p.stack_level) for p in held] == [(2, 3)]


def test_validity_ends_at_valid_to():
    held = store(profile((0, 8.0), valid_from=after(10), valid_to=after(20)))
    assert [held.allowed(after(t), PLUGGED).limit_a for t in (9, 10, 19, 20)] == [None, 8, 8, None]


@pytest.mark.parametrize(("phases", "limit_a"), [(1, 6.0), (3, 2.0), (None, 2.0)])
def test_watts_are_for_three_phases_unless_the_profile_says_otherwise(phases, limit_a):
    assert store(profile((0, 1380.0, phases), unit="W")).allowed(NOON, PLUGGED).limit_a == limit_a


def test_some_wallboxes_divide_by_three_whatever_is_said():
    held = store(profile((0, 1380.0, 1), unit="W"), watts_by_three=True)
    assert held.allowed(NOON, PLUGGED) == Allowed(2.0, 1)


def test_clearing_by_id_or_by_purpose_and_level():
    held = store(profile((0, 8.0)), profile((0, 9.0), id=2, level=1), profile((0, 9.0), id=3, purpose=CP_MAX))
    assert held.clear(id=9) == 0
    assert held.clear(purpose=TX_DEFAULT, stack_level=1) == 1
    assert held.clear() == 2


def test_the_changes_ahead_name_each_limit_once():
    held = store(profile((0, 12.0), (60, 12.0), (900, 6.0)))
    assert held.changes(after(30), after(1000), PLUGGED) == [(after(30), Allowed(12.0)), (after(900), Allowed(6.0))]


def test_a_profile_is_read_as_the_wire_brings_it():
    raw = {
        "charging_profile_id": 7,
        "stack_level": 2,
        "charging_profile_purpose": TX,
        "charging_profile_kind": "Absolute",
        "transaction_id": 17,
        "charging_schedule": {
            "charging_rate_unit": "A",
            "start_schedule": "2026-06-21T12:00:00Z",
            "charging_schedule_period": [{"start_period": 0, "limit": 9.5, "number_phases": 1}],
        },
    }
    assert read(raw) == profile((0, 9.5, 1), id=7, level=2, purpose=TX, transaction_id=17)
