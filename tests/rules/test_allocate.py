"""Several cars: minimum blocks first, then sharing; a higher priority before a lower one."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rules.allocate import Claim, Demand, allocate, share_fuse

A = Demand("a", 1, 1400.0, 3700.0)
B = Demand("b", 1, 1400.0, 3700.0)
LOW = Demand("low", 2, 1400.0, 3700.0)


def numbered(those: list[Any]) -> list[Any]:
    """With names that tell them apart."""
    return [replace(each, name=str(number)) for number, each in enumerate(those)]


demands = st.lists(
    st.builds(
        Demand,
        name=st.just(""),
        priority=st.integers(1, 3),
        min_w=st.sampled_from([0.0, 1400.0, 4100.0]),
        max_w=st.sampled_from([4100.0, 11_000.0]),
        charging=st.booleans(),
        order=st.integers(0, 10),
    ),
    min_size=1,
    max_size=5,
).map(numbered)


def test_one_car_gets_all_of_it_even_when_that_is_less_than_nothing() -> None:
    assert allocate(900.0, [A]) == {"a": 900.0}
    assert allocate(-500.0, [A]) == {"a": -500.0}
    assert allocate(9000.0, [A]) == {"a": 9000.0}


def test_two_equals_get_a_block_each_before_one_gets_more() -> None:
    assert allocate(3000.0, [A, B]) == {"a": 1500.0, "b": 1500.0}


def test_what_is_no_block_stays_with_the_first() -> None:
    assert allocate(2000.0, [A, B]) == {"a": 2000.0, "b": 0.0}


def test_a_higher_priority_is_full_before_a_lower_one_begins() -> None:
    assert allocate(4500.0, [LOW, A]) == {"a": 3700.0, "low": 800.0}
    assert allocate(5200.0, [LOW, A]) == {"a": 3700.0, "low": 1500.0}


def test_a_car_that_charges_keeps_its_block_against_one_that_waits() -> None:
    assert allocate(1500.0, [A, Demand("b", 1, 1400.0, 3700.0, charging=True)]) == {"a": 0.0, "b": 1500.0}


def test_a_charging_car_lives_on_what_is_left_and_a_block_that_fits_is_not_wasted() -> None:
    big = Demand("big", 1, 4100.0, 11_000.0)
    assert allocate(2000.0, [big, LOW]) == {"big": 0.0, "low": 2000.0}
    assert allocate(2000.0, [Demand("big", 1, 4100.0, 11_000.0, charging=True), LOW]) == {"big": 2000.0, "low": 0.0}


@given(st.floats(-5000, 30_000), demands)
def test_nothing_is_lost_and_nothing_invented(available_w: float, those: list[Demand]) -> None:
    assert abs(sum(allocate(available_w, those).values()) - available_w) < 1e-3


@given(st.floats(0, 30_000), st.floats(0, 5000), demands)
def test_more_sun_is_never_less_for_the_highest_priority(sun_w: float, more_w: float, those: list[Demand]) -> None:
    first = min(demand.priority for demand in those)
    names = [demand.name for demand in those if demand.priority == first]
    before, after = allocate(sun_w, those), allocate(sun_w + more_w, those)
    served = sum(before[name] for name in names)
    assert sum(after[name] for name in names) >= served - 1e-3


@given(st.floats(0, 30_000), demands)
def test_a_lower_priority_gets_a_block_only_when_no_higher_one_could_use_it(sun_w: float, those: list[Demand]) -> None:
    given_w = allocate(sun_w, those)
    for high in those:
        for low in those:
            if high.priority < low.priority and given_w[low.name] >= max(low.min_w, 1.0):
                full = given_w[high.name] >= high.max_w - 1e-3
                no_block = given_w[high.name] < high.min_w
                assert full or no_block


ONE, TWO, THREE = (1,), (2,), (1, 2, 3)


def claim(name: str, phases: tuple[int, ...] = THREE, **other: object) -> Claim:
    values: dict[str, object] = {"priority": 1, "min_a": 6.0, "max_a": 16.0, "active": True} | other
    return Claim(name, phases=phases, **values)  # type: ignore[arg-type]


def test_two_cars_share_the_fuse_evenly() -> None:
    assert share_fuse((20.0, 20.0, 20.0), 1e9, 230.0, [claim("a"), claim("b")]) == {"a": 10.0, "b": 10.0}


def test_cars_on_different_phases_do_not_disturb_each_other() -> None:
    assert share_fuse((16.0, 16.0, 0.0), 1e9, 230.0, [claim("a", ONE), claim("b", TWO)]) == {"a": 16.0, "b": 16.0}


def test_where_two_do_not_fit_one_charges() -> None:
    assert share_fuse((11.0, 11.0, 11.0), 1e9, 230.0, [claim("a", priority=2), claim("b")]) == {"a": 0.0, "b": 11.0}


def test_what_the_grid_operator_leaves_is_shared_too() -> None:
    dealt = share_fuse((35.0, 35.0, 35.0), 4200.0, 230.0, [claim("a", ONE), claim("b", TWO)])
    assert dealt["a"] == dealt["b"] == 4200.0 / 460.0


def test_a_waiting_car_takes_no_room_from_one_that_charges() -> None:
    assert share_fuse((18.0,) * 3, 1e9, 230.0, [claim("a", active=False), claim("b", priority=3)]) == {
        "a": 0.0,
        "b": 16.0,
    }


claims = st.lists(
    st.builds(
        Claim,
        name=st.just(""),
        priority=st.integers(1, 3),
        phases=st.sampled_from([(1,), (2,), (3,), (1, 2), (1, 2, 3)]),
        min_a=st.sampled_from([6.0, 8.0]),
        max_a=st.floats(4.0, 32.0),
        active=st.booleans(),
    ),
    max_size=5,
).map(numbered)


@given(st.tuples(*[st.floats(-10, 60)] * 3), st.floats(-1000, 30_000), claims)
def test_no_phase_and_no_sum_is_ever_exceeded(
    free_a: tuple[float, float, float], free_w: float, those: list[Claim]
) -> None:
    dealt = share_fuse(free_a, free_w, 230.0, those)
    for phase in (1, 2, 3):
        used_a = sum(dealt[each.name] for each in those if phase in each.phases)
        assert used_a <= max(0.0, free_a[phase - 1]) + 1e-3
    assert sum(dealt[each.name] * 230.0 * len(each.phases) for each in those) <= max(0.0, free_w) + 1e-3
    assert all(dealt[each.name] == 0.0 or each.min_a <= dealt[each.name] <= each.max_a + 1e-3 for each in those)


@given(st.tuples(*[st.floats(0, 60)] * 3), claims)
def test_a_lower_priority_has_room_below_the_fuse_only_when_no_higher_one_is_short_of_it(
    free_a: tuple[float, float, float], those: list[Claim]
) -> None:
    dealt = share_fuse(free_a, 1e9, 230.0, those)
    for high in those:
        for low in those:
            rivals = high.active is low.active and high.priority < low.priority and set(high.phases) & set(low.phases)
            if not rivals or dealt[low.name] <= low.min_a + 1e-6 or dealt[high.name] == 0.0:
                continue  # blocks come first, and who does not fit leaves his room to others
            taken_a = {**dealt, low.name: low.min_a}  # what it has beyond its block must be no use to the higher one
            left_a = min(
                free_a[phase - 1] - sum(taken_a[each.name] for each in those if phase in each.phases)
                for phase in high.phases
            )
            assert dealt[high.name] >= high.max_a - 1e-3 or left_a < 1e-3
