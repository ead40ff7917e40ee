"""When a lane may speak again, as a function of numbers."""

from __future__ import annotations

from random import Random

import pytest

from hemsd.cloud.backoff import Pace, ceiling_s, first_contact_s, pause_s, retry_after_s


class Highest:
    """Dice that always fall on the longest pause."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize(
    ("failures", "outage_s", "expected_s"),
    [
        *[(1, 0, 2), (2, 2, 4), (3, 6, 8), (4, 14, 10), (9, 59, 10), (9, 60, 60)],
        *[(9, 300, 300), (9, 5000, 512), (30, 899, 899), (30, 900, 900), (10**6, 10**6, 900)],
    ],
)
def test_the_ceiling_doubles_is_10_s_in_the_first_minute_and_15_min_in_the_end(
    failures: int, outage_s: float, expected_s: float
) -> None:
    assert ceiling_s(failures, outage_s) == expected_s


def test_pauses_are_drawn_from_the_whole_range_below_the_ceiling() -> None:
    dice = Random(5)
    pauses = [pause_s(10, 5000, dice) for _ in range(2000)]
    assert min(pauses) < 10
    assert 850 < max(pauses) <= 900
    assert 430 < sum(pauses) / len(pauses) < 470


def test_retry_after_is_never_undercut_and_a_mad_one_is_cut_to_a_day() -> None:
    dice = Random(6)
    assert all(pause_s(3, 10, dice, retry_after_s=120) >= 120 for _ in range(500))
    assert pause_s(1, 0, Highest(), retry_after_s=10**9) == 86_402


@pytest.mark.parametrize(
    ("header", "date", "expected_s"),
    [
        (None, None, None),
        ("120", None, 120),
        ("soon", None, None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30),
        ("Wed, 21 Oct 2026 07:27:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", None, None),
    ],
)
def test_retry_after_is_read_against_the_receivers_own_clock(
    header: str | None, date: str | None, expected_s: float | None
) -> None:
    assert retry_after_s(header, date) == expected_s


@pytest.mark.parametrize(
    ("uptime_s", "backlog", "longest_s"), [(599, 1, 600), (600, 1, 0), (5, 0, 0), (599, 10_000, 600)]
)
def test_only_a_host_that_has_just_booted_with_a_backlog_spreads_its_first_contact(
    uptime_s: float, backlog: int, longest_s: float
) -> None:
    assert first_contact_s(uptime_s, backlog, Highest()) == longest_s


def test_the_lanes_of_a_home_begin_one_after_the_other() -> None:
    assert [first_contact_s(5, 1, Highest(), turn) for turn in range(5)] == [600, 1200, 1800, 1800, 1800]


def test_an_outage_is_asked_about_often_at_first_and_seldom_later() -> None:
    dice, pace, now_s, asked = Random(7), Pace(), 0.0, []
    while now_s < 6 * 3600:
        asked.append(now_s)
        pace = pace.failed(now_s, dice)
        now_s = pace.not_before_s
    assert 8 <= sum(1 for at_s in asked if at_s < 60) <= 40
    assert sum(1 for at_s in asked if at_s >= 3600) < 5 * 3600 / 450 * 1.5


def test_the_budget_spaces_large_requests() -> None:
    pace = Pace().went_well(100.0, Highest(), sent_bytes=640_000, bytes_s=64_000, catching_up=False)
    assert pace.not_before_s == 110.0
    assert Pace().went_well(0.0, Highest(), sent_bytes=0, bytes_s=1.0, catching_up=True).not_before_s == 300.0
