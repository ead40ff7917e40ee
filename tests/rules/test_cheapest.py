"""The planner's core against an exact solver."""

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.cheapest import Slot, cheapest
from rules.side_by_side import joined
from tests.rules.exact import least_cost_eur

ONE = ((1380.0, 3680.0),)
THREE = ((4140.0, 11040.0),)
BOTH = ONE + THREE


def small_cases(count: int, seed: int) -> Iterator[tuple[list[Slot], float, float]]:
    """Three to fourteen quarter-hours with any prices, some sun, and bounds that are often tight."""
    random_ = random.Random(seed)
    for _ in range(count):
        ranges = random_.choice([ONE, THREE, BOTH])
        low_eur = random_.choice([0.05, 0.05, 0.05, -0.1])
        export_eur = random_.choice([0.08, 0.0, random_.uniform(0.0, 0.12)])
        slots = [
            Slot(
                hours=0.25 if number else random_.choice([0.25, 0.1]),
                ranges_w=ranges,
                import_eur_per_kwh=round(random_.uniform(low_eur, 0.5), 4),
                export_eur_per_kwh=export_eur,
                sun_w=random_.choice([0.0, 0.0, random_.uniform(0.0, 9000.0)]),
            )
            for number in range(random_.randint(3, 14))
        ]
        least_wh = random_.uniform(0.02, 1.0) * sum(slot.max_wh for slot in slots)
        yield slots, least_wh, random_.choice([least_wh + 5000.0, 1e9, least_wh + 500.0])


def compare(count: int, seed: int) -> list[float]:
    """How far each case is above the optimum, as a share of it."""
    excesses = []
    for slots, least_wh, most_wh in small_cases(count, seed):
        optimum_eur = least_cost_eur(slots, least_wh, most_wh)
        if optimum_eur is None:
            continue
        energies_wh = cheapest(slots, least_wh, most_wh)
        assert least_wh - 1e-3 <= sum(energies_wh) <= most_wh + 1e-3
        cost_eur = sum(slot.cost_eur(wh) for slot, wh in zip(slots, energies_wh, strict=True))
        excesses.append((cost_eur - optimum_eur) / max(abs(optimum_eur), 0.01))
    return excesses


@pytest.mark.slow
def test_forty_random_cases_cost_what_the_exact_solver_says() -> None:
    excesses = compare(40, seed=11)
    assert len(excesses) >= 35
    assert max(excesses) <= 0.001
    assert min(excesses) >= -1e-6, "cheaper than the optimum: one of the two has the question wrong"


@pytest.mark.slow
def test_two_hundred_random_cases_cost_what_the_exact_solver_says() -> None:
    excesses = compare(200, seed=2026)
    assert len(excesses) >= 180
    assert max(excesses) <= 0.001
    assert min(excesses) >= -1e-6


def test_a_rest_below_the_minimum_power_is_made_room_for_in_another_quarter_hour() -> None:
    slots = [Slot(0.25, THREE, 0.10), Slot(0.25, THREE, 0.20), Slot(0.25, THREE, 0.30)]
    assert cheapest(slots, 3000.0, 1e9) == pytest.approx((1965.0, 1035.0, 0.0))


def test_where_a_partner_alone_does_not_help_the_other_side_of_the_gap_is_searched() -> None:
    """By the hulls, the middle one comes second; with its gap it is the dearest, and the first gives the rest."""
    slots = [Slot(0.1, THREE, 0.3526), Slot(0.25, THREE, 0.4892, 0.08, sun_w=1455.0), Slot(0.25, THREE, 0.1758)]
    assert cheapest(slots, 3024.0, 1e9) == pytest.approx((414.0, 0.0, 2610.0))


def test_the_sun_comes_first_as_long_as_it_is_worth_less_than_the_grid_costs() -> None:
    slots = [Slot(0.25, ONE, 0.20), Slot(0.25, ONE, 0.30, export_eur_per_kwh=0.08, sun_w=2000.0)]
    assert cheapest(slots, 900.0, 1e9) == pytest.approx((400.0, 500.0))


def test_a_negative_price_is_taken_up_to_the_limit_and_no_further() -> None:
    slots = [Slot(0.25, ONE, -0.05), Slot(0.25, ONE, -0.02), Slot(0.25, ONE, 0.10)]
    assert cheapest(slots, 0.0, 1500.0) == pytest.approx((920.0, 580.0, 0.0))


def test_equal_quarter_hours_are_put_side_by_side() -> None:
    slots = [Slot(0.25, ONE, price) for price in (0.3, 0.1, 0.3, 0.3, 0.1, 0.1, 0.3)]
    energies_wh = joined(slots, (920.0, 920.0, 0.0, 0.0, 920.0, 920.0, 0.0), before=False)
    assert energies_wh == (920.0, 920.0, 0.0, 0.0, 920.0, 920.0, 0.0)
    energies_wh = joined(slots, (0.0, 920.0, 0.0, 500.0, 920.0, 920.0, 920.0), before=False)
    assert energies_wh == (0.0, 920.0, 920.0, 500.0, 920.0, 920.0, 0.0)


def test_a_running_block_goes_on_where_that_costs_nothing() -> None:
    slots = [Slot(0.25, ONE, 0.3)] * 6
    assert joined(slots, (0.0, 0.0, 0.0, 0.0, 920.0, 500.0), before=True) == (920.0, 500.0, 0.0, 0.0, 0.0, 0.0)


PRICES = st.sampled_from([0.1, 0.2, 0.3])
ENERGIES = st.sampled_from([0.0, 0.0, 500.0, 920.0])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.2, 0.3]), st.sampled_from([0.0, 0.0, 500.0, 920.0])), min_size=1, max_size=20
    ),
    st.booleans(),
)
def test_putting_side_by_side_changes_neither_cost_nor_energies_and_makes_no_more_blocks(
    row: list[tuple[float, float]], before: bool
) -> None:
    slots, energies_wh = [Slot(0.25, ONE, price) for price, _ in row], [energy_wh for _, energy_wh in row]
    after_wh = joined(slots, energies_wh, before=before)
    for price in (0.1, 0.2, 0.3):
        here = [number for number, slot in enumerate(slots) if slot.import_eur_per_kwh == price]
        assert sorted(after_wh[number] for number in here) == sorted(energies_wh[number] for number in here)
    if len({price for price, _ in row}) == 1:
        assert blocks(after_wh, before=before) <= max(1, int(before))


def blocks(energies_wh: Sequence[float], *, before: bool) -> int:
    """How often a charge begins or goes on from before."""
    on = [before, *(energy_wh > 0.0 for energy_wh in energies_wh)]
    return sum(here and not earlier for earlier, here in pairwise(on)) + int(before and len(on) > 1 and on[1])
