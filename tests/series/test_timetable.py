"""When prices are asked for, on both sides of each threshold."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from drivers.series.poller import pause_s
from drivers.series.quarters import Series, series
from drivers.series.timetable import DayAhead, Every
from hemsd.model import QUARTER

BERLIN = ZoneInfo("Europe/Berlin")
TABLE = DayAhead(BERLIN)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def known_until(text: str) -> Series:
    return series({local(text) - QUARTER: 0.2}, "source", local("2026-06-21 00:00"))


def test_with_nothing_known_it_is_asked_at_once() -> None:
    now = local("2026-06-21 09:00")
    assert TABLE.next_at(now, None, asked=False, luck=0.5) == now


def test_with_today_known_nothing_is_asked_until_tomorrow_is_published() -> None:
    today = known_until("2026-06-22 00:00")
    assert TABLE.next_at(local("2026-06-21 12:59"), today, asked=True, luck=0.0) == local("2026-06-21 13:00")
    assert TABLE.next_at(local("2026-06-21 12:59"), today, asked=True, luck=1.0) == local("2026-06-21 13:15")


def test_from_13_00_on_tomorrow_is_missing_and_asked_for_every_ten_minutes() -> None:
    now = local("2026-06-21 13:00")
    today = known_until("2026-06-22 00:00")
    assert TABLE.next_at(now, today, asked=False, luck=0.5) == now
    assert TABLE.next_at(now, today, asked=True, luck=0.5) == now + timedelta(minutes=10)


def test_with_tomorrow_known_it_is_quiet_until_tomorrow_13_00() -> None:
    both = known_until("2026-06-23 00:00")
    assert TABLE.next_at(local("2026-06-21 14:00"), both, asked=True, luck=0.0) == local("2026-06-22 13:00")


@pytest.mark.parametrize(
    ("noon", "end"), [("2026-03-28 14:00", "2026-03-30 00:00"), ("2026-10-24 14:00", "2026-10-26 00:00")]
)
def test_days_of_23_and_25_hours_are_whole_days(noon: str, end: str) -> None:
    now = local(noon)
    assert TABLE.next_at(now, known_until(end), asked=True, luck=0.0) > now + timedelta(hours=20)
    assert TABLE.next_at(now, known_until(end[:10] + " 00:00").from_(now), asked=True, luck=0.0) > now
    short = series({local(end) - 2 * QUARTER: 0.2}, "source", now)
    assert TABLE.next_at(now, short, asked=False, luck=0.0) == now


def test_a_forecast_is_asked_for_again_after_its_period() -> None:
    table = Every(timedelta(hours=1))
    forecast = series({local("2026-06-21 12:00"): 100.0}, "source", local("2026-06-21 12:00"))
    assert table.next_at(local("2026-06-21 12:01"), forecast, asked=True, luck=0.5) == local("2026-06-21 13:00")


def test_pauses_after_failures_grow_to_an_hour_and_are_never_the_same_everywhere() -> None:
    assert [round(pause_s(failures, 0.5)) for failures in (1, 2, 3, 7, 100)] == [60, 120, 240, 3600, 3600]
    assert (pause_s(1, 0.0), pause_s(1, 1.0)) == (40.0, 80.0)
