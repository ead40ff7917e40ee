"""How late the grid meter is, learned from steps of the wallboxes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.lateness import Bounds, Lateness, proven_s, read, sampled, told

FOLLOWS_S = 5.0
APPLIES_S = 2.0


def played(
    late: Lateness,
    delay_s: float,
    *,
    began_s: float,
    steps_w: tuple[float, ...] = (0.0, 3000.0, 0.0),
    read_each_s: int = 1,
    sample_each_s: int = 2,
    kettle_at_s: float | None = None,
    other_car_at_s: float | None = None,
) -> Lateness:
    """A car that is told other powers a minute apart; the grid meter shows each state ``delay_s`` later."""

    def car_w(at_s: float) -> float:
        moment_s = at_s - began_s - APPLIES_S
        return steps_w[max(0, min(len(steps_w) - 1, int(moment_s // 60.0)))]

    def others_w(at_s: float) -> float:
        kettle_w = 2000.0 if kettle_at_s is not None and at_s - began_s >= kettle_at_s else 0.0
        return 400.0 + kettle_w + other_w(at_s)

    def other_w(at_s: float) -> float:
        return 2500.0 if other_car_at_s is not None and at_s - began_s >= other_car_at_s else 0.0

    for second in range(60 * len(steps_w)):
        now_s = began_s + second
        if second % sample_each_s == 0:
            late = sampled(late, "garage", now_s, car_w(now_s))
            late = sampled(late, "yard", now_s, other_w(now_s))
        if second % read_each_s == 0:
            seen_s = now_s - delay_s
            late = read(late, now_s, car_w(seen_s) + others_w(seen_s))
        if second and second % 60 == 0:
            late = told(late, "garage", now_s, FOLLOWS_S)
    return late


def learned(delay_s: float, **how: float) -> Lateness:
    late = Lateness()
    for hour in range(3):
        late = played(late, delay_s, began_s=3600.0 * (hour + 1), **how)  # type: ignore[arg-type]
    return late


def test_a_meter_that_is_six_seconds_late_is_known_to_be_after_a_few_steps() -> None:
    assert learned(6.0).delay_s == pytest.approx(6.0, abs=1.0)


@settings(max_examples=30, deadline=None)
@given(
    delay_s=st.floats(0.0, 25.0),
    read_each_s=st.integers(1, 10),
    sample_each_s=st.integers(1, 10),
)
def test_every_step_bounds_the_delay_and_nothing_is_proven_of_a_meter_that_is_on_time(
    delay_s: float, read_each_s: int, sample_each_s: int
) -> None:
    late = learned(delay_s, read_each_s=read_each_s, sample_each_s=sample_each_s)
    assert late.bounds
    for each in late.bounds:
        assert each.least_s <= delay_s <= each.most_s
    assert 0.0 <= late.delay_s <= 30.0
    if delay_s < 1.5:
        assert late.delay_s == 0.0


@pytest.mark.parametrize(
    "disturbed",
    [
        {"kettle_at_s": 55.0},  # the house is not calm when the limit is told
        {"kettle_at_s": 61.0},  # the grid moves by another amount
        {"other_car_at_s": 63.0},
        {"sample_each_s": 20},  # nobody knows when the car followed
        {"read_each_s": 30},
        {"steps_w": (0.0, 1000.0)},  # not large enough to stand out
    ],
)
def test_an_unclear_step_teaches_nothing(disturbed: dict[str, float]) -> None:
    how = {"steps_w": (0.0, 3000.0), **disturbed}
    assert played(Lateness(), 6.0, began_s=1000.0, **how).bounds == ()  # type: ignore[arg-type]


def test_a_clear_step_teaches_and_one_alone_proves_nothing() -> None:
    late = played(Lateness(), 6.0, began_s=1000.0, steps_w=(0.0, 3000.0))
    assert len(late.bounds) == 1
    assert late.delay_s == 0.0


def test_only_the_last_steps_count_and_an_odd_one_moves_nothing() -> None:
    good, odd = Bounds(5.0, 7.0), Bounds(20.0, 26.0)
    assert proven_s((good, good, good)) == 6.0
    assert proven_s((good, odd, good)) == 6.0
    assert proven_s((Bounds(-4.0, 8.0),) * 9) == 0.0  # a meter on time would fit as well
    assert proven_s((Bounds(29.0, 40.0),) * 3) == 30.0


def test_a_meter_that_became_quicker_is_believed_after_a_day() -> None:
    late = learned(6.0)
    for hour in range(5):
        late = played(late, 0.0, began_s=40_000.0 + 3600.0 * hour)
    assert late.delay_s == 0.0
