"""Times that are asked for: bounded, so that nobody's arithmetic leaves the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from web.moments import EARLIEST_AT, LATEST_AT, Moment, in_reach

MOMENT = TypeAdapter(Moment)


def test_a_time_is_given_in_utc() -> None:
    berlin = datetime(2026, 6, 21, 7, 0, tzinfo=timezone(timedelta(hours=2)))
    moment = in_reach(berlin)
    assert (moment, moment.tzinfo) == (datetime(2026, 6, 21, 5, 0, tzinfo=UTC), UTC)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "1999-12-31T23:59:59Z"])
def test_another_age_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="from 2000 to 2199"):
        MOMENT.validate_json(f'"{text}"', strict=True)


def test_both_ends_are_meant_as_they_are_said() -> None:
    assert in_reach(EARLIEST_AT) == EARLIEST_AT
    assert in_reach(LATEST_AT - timedelta(microseconds=1)) < LATEST_AT
    with pytest.raises(ValueError, match="2199"):
        in_reach(LATEST_AT)
