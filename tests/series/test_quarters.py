"""Entries of any length on quarter-hours; a gap is never a zero."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.series.quarters import Entry, lasting, merged, on_quarters, series
from hemsd.model import QUARTER

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def clock(found: dict[datetime, float | None]) -> dict[str, float | None]:
    return {f"{at:%H:%M}": value for at, value in found.items()}


def test_an_hour_is_spread_on_its_four_quarters() -> None:
    found = on_quarters([Entry(NOON, NOON + HOUR, -0.05)])
    assert clock(found) == {"12:00": -0.05, "12:15": -0.05, "12:30": -0.05, "12:45": -0.05}


def test_five_minutes_are_averaged_by_time() -> None:
    minute = timedelta(minutes=1)
    found = on_quarters([Entry(NOON, NOON + 5 * minute, 0.10), Entry(NOON + 5 * minute, NOON + 15 * minute, 0.40)])
    assert found == {NOON: pytest.approx(0.30)}


def test_a_quarter_hour_that_is_covered_in_part_is_not_known() -> None:
    found = on_quarters([Entry(NOON, NOON + timedelta(minutes=20), 0.10)])
    assert clock(found) == {"12:00": 0.10, "12:15": None}


def test_beginnings_alone_last_until_the_next_and_a_missing_hour_stays_missing() -> None:
    found = on_quarters(lasting({NOON: 0.1, NOON + HOUR: 0.2, NOON + 3 * HOUR: 0.4, NOON + 4 * HOUR: None}))
    assert found[NOON + HOUR + 3 * QUARTER] == 0.2
    assert NOON + 2 * HOUR not in found
    assert found[NOON + 3 * HOUR] == 0.4
    assert found[NOON + 4 * HOUR] is None


def test_a_series_has_no_break_and_shows_its_gaps() -> None:
    found = series({NOON: 0.0, NOON + 2 * QUARTER: 0.2, NOON + 5 * QUARTER: None}, "source", NOON)
    assert found.values == (0.0, None, 0.2)
    assert found.end_at == NOON + 3 * QUARTER


def test_a_later_answer_overwrites_but_does_not_forget() -> None:
    old = series({NOON: 0.1, NOON + QUARTER: 0.2}, "source", NOON)
    assert merged(old, {NOON + QUARTER: 0.3, NOON + 2 * QUARTER: 0.4}, "source", NOON).values == (0.1, 0.3, 0.4)
    assert merged(old, {NOON: None}, "source", NOON).values == (0.1, 0.2)
    assert merged(old, {NOON: 0.5}, "another", NOON).values == (0.5,)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.floats(-1, 1)), min_size=1, max_size=20))
def test_energy_is_kept_where_entries_follow_each_other(lengths: list[tuple[int, float]]) -> None:
    """The sum over whole quarter-hours is that of the entries, cut to them."""
    at, entries, minutes = NOON, [], []
    for length, value in lengths:
        entries.append(Entry(at, at + timedelta(minutes=length), value))
        minutes += [value] * length
        at += timedelta(minutes=length)
    found = [value for value in on_quarters(entries).values() if value is not None]
    whole = len(minutes) // 15
    assert len(found) == whole
    assert sum(found) * 15 == pytest.approx(sum(minutes[: whole * 15]), abs=1e-6)
