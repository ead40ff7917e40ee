"""What a wallbox that changes its current tells of the grid meter: every fault, and what is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from hemsd.model import PerPhase
from rules.commission import Installation, Plateau, judge
from rules.findings import Kind

AS_USUAL = Installation()
STEPS = (6.0, 10.0, 6.0, 10.0)
HOUSE_A = (2.0, 1.2, 0.8)


def measured(
    limits_a: Sequence[float] = STEPS,
    *,
    phases: int = 3,
    meter: Callable[[list[float]], list[float]] = lambda watts: watts,
    pv_w: Sequence[float] = (0.0,) * 9,
    battery_w: Sequence[float] = (0.0,) * 9,
    house_w: Sequence[float] = (0.0,) * 9,
    first_phase: int = 1,
    silent_box: bool = False,
    draws: Callable[[float], float] = lambda limit_a: limit_a,
) -> list[Plateau]:
    """What the meters would show. ``meter`` makes of the true phase powers what the grid meter makes of them."""
    found = []
    for index, limit_a in enumerate(limits_a):
        amps = draws(limit_a)
        box_a = [amps if n < phases else 0.0 for n in range(3)]
        even_w = (house_w[index] - pv_w[index] - battery_w[index]) / 3
        house = [a * 230 + even_w for a in HOUSE_A]
        true_w = [house[n] + box_a[(n - first_phase + 1) % 3] * 230 for n in range(3)]
        shown_w = meter(true_w)
        grid_a: PerPhase = (shown_w[0] / 230, shown_w[1] / 230, shown_w[2] / 230)
        found.append(
            Plateau(
                limit_a,
                phases,
                None if silent_box else sum(box_a) * 230,
                sum(shown_w),
                (None, None, None) if silent_box else (box_a[0], box_a[1], box_a[2]),
                grid_a,
                pv_w[index],
                battery_w[index],
            )
        )
    return found


def kinds(plateaus: list[Plateau], installed: Installation = AS_USUAL) -> list[Kind]:
    return [finding.kind for finding in judge(plateaus, installed)]


def test_a_meter_that_sees_all_is_well() -> None:
    assert judge(measured(), Installation()) == ()
    assert judge(measured(phases=1), Installation()) == ()


def test_a_wallbox_without_a_meter_is_taken_by_what_it_was_asked_for() -> None:
    assert judge(measured(silent_box=True), Installation()) == ()
    assert kinds(measured(silent_box=True, meter=lambda watts: [-w for w in watts])) == [Kind.SIGN]


@pytest.mark.parametrize(
    ("factors", "kind"),
    [
        ((-1, -1, -1), Kind.SIGN),
        ((10, 10, 10), Kind.SCALE),
        ((0.1, 0.1, 0.1), Kind.SCALE),
        ((0.001, 0.001, 0.001), Kind.SCALE),
        ((1000, 1000, 1000), Kind.SCALE),
        ((0, 0, 0), Kind.OUTSIDE),
        ((1, 1, 0), Kind.PHASE_MISSING),
        ((1, 0, 0), Kind.PHASE_MISSING),
        ((1, -1, 1), Kind.PHASE_REVERSED),
        ((-1, 1, -1), Kind.PHASE_REVERSED),
        ((0.5, 0.5, 0.5), Kind.ODD_SHARE),
        ((0.9, 1.0, 1.1), None),
    ],
)
def test_each_fault_of_a_meter_has_its_name(factors: tuple[float, float, float], kind: Kind | None) -> None:
    found = kinds(measured(meter=lambda watts: [w * f for w, f in zip(watts, factors, strict=True)]))
    assert found == ([kind] if kind else [])


def test_a_meter_that_only_trembles_does_not_see_the_wallbox() -> None:
    """A tenth of the step, one way and the other, is the house."""
    trembling = [
        Plateau(p.limit_a, 3, p.box_w, 400.0 + noise_w) for p, noise_w in zip(measured(), (0, 90, -60, 40), strict=True)
    ]
    assert kinds(trembling) == [Kind.OUTSIDE]


def test_the_remedy_is_what_to_write() -> None:
    def remedy(factors: tuple[float, ...], installed: Installation = AS_USUAL) -> str:
        shown = measured(meter=lambda watts: [w * f for w, f in zip(watts, factors, strict=True)])
        return judge(shown, installed)[0].remedy

    assert remedy((-1, -1, -1)) == "Under meters.grid, write invert: true."
    assert remedy((-1, -1, -1), Installation(invert=True)) == "Under meters.grid, take invert: true out."
    assert "inverted_cts: [2]" in remedy((1, -1, 1))
    assert "scale: 0.1 " in remedy((10, 10, 10))
    assert "scale: 100 " in remedy((0.1, 0.1, 0.1), Installation(scale=10))


def test_a_swapped_sign_and_a_wrong_scale_are_both_found() -> None:
    assert kinds(measured(meter=lambda watts: [-10 * w for w in watts])) == [Kind.SIGN, Kind.SCALE]


def test_a_meter_in_the_wallboxes_feed_sees_no_house() -> None:
    def feed(watts: list[float]) -> list[float]:
        return [w - a * 230 for w, a in zip(watts, HOUSE_A, strict=True)]

    assert kinds(measured(meter=feed)) == [Kind.INSIDE]


def test_a_house_that_would_give_energy_lacks_an_inverter() -> None:
    plateaus = measured(pv_w=(5000.0,) * 4)
    unseen = [Plateau(p.limit_a, p.phases, p.box_w, p.grid_w, p.box_a, p.grid_a, None, 0.0) for p in plateaus]
    assert kinds(unseen) == [Kind.GIVING_HOUSE]


# What else moves meanwhile


def test_sun_that_moves_is_accounted_for() -> None:
    assert judge(measured(pv_w=(2000.0, 3500.0, 1000.0, 4000.0)), Installation()) == ()


def test_a_battery_that_pays_for_the_charge_is_accounted_for() -> None:
    """The grid meter moves by nothing, and is sound: the battery gave it all."""
    assert judge(measured(battery_w=(0.0, 2760.0, 0.0, 2760.0)), Installation()) == ()


def test_one_kettle_is_forgiven() -> None:
    assert judge(measured((6, 10, 6, 10, 6), house_w=(0, 0, 0, 2000, 2000)), Installation()) == ()


def test_a_restless_house_proves_nothing() -> None:
    assert kinds(measured(house_w=(0.0, 3000.0, -2500.0, 1500.0))) == [Kind.RESTLESS]


# What can't be concluded


def test_a_car_that_does_not_follow_proves_nothing() -> None:
    assert kinds(measured(draws=lambda limit_a: 6.0)) == [Kind.WALLBOX_DOES_NOT_FOLLOW]


def test_without_a_meter_there_is_nothing_to_say() -> None:
    assert kinds([]) == [Kind.NO_METER]
    assert kinds([Plateau(6, 3, 4140, None), Plateau(10, 3, 6900, None)]) == [Kind.NO_METER]


def test_a_phase_can_be_missing_without_currents_that_tell_which() -> None:
    shown = measured(meter=lambda watts: [watts[0], watts[1], 0.0])
    without = [Plateau(p.limit_a, p.phases, p.box_w, p.grid_w, p.box_a) for p in shown]
    assert kinds(without) == [Kind.PHASE_MISSING]
    assert "not all phases" in judge(without, Installation())[0].text


def test_currents_without_a_direction_are_not_taken_for_a_reversed_transformer() -> None:
    """An exporting house: the magnitudes fall while the power rises."""
    shown = measured(pv_w=(15000.0,) * 4)
    bare = [
        Plateau(p.limit_a, p.phases, p.box_w, p.grid_w, p.box_a, tuple(abs(a or 0) for a in p.grid_a), p.pv_w, 0.0)  # type: ignore[arg-type]
        for p in shown
    ]
    assert judge(bare, Installation()) == ()


# Which phase is which


@pytest.mark.parametrize(("phase", "order"), [(2, "STR"), (3, "TRS")])
def test_a_charge_on_one_phase_shows_where_the_wallbox_hangs(phase: int, order: str) -> None:
    found = judge(measured(phases=1, first_phase=phase), Installation())
    assert [each.kind for each in found] == [Kind.ROTATION]
    assert f"phase_rotation: {order}" in found[0].remedy
    turned = Installation(rotation={2: (2, 3, 1), 3: (3, 1, 2)}[phase])
    assert judge(measured(phases=1, first_phase=phase), turned) == ()


def test_a_charge_on_all_phases_says_nothing_of_their_order() -> None:
    assert judge(measured(first_phase=2), Installation()) == ()
