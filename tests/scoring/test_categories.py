"""Each rule finds its fault where it lies, and leaves alone what only looks like it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hemsd.model import ConnectorStatus
from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.fusion import THRESHOLD
from hemsd.scoring.rulebook import findings, session_of
from hemsd.scoring.series import Known, MeterValue, series_of

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)
OFFERED = ((NOON, 11_000.0),)
AT_11_KW = Known(offered=OFFERED, connection_w=11_000, car_w=11_000)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def session(watts: list[float], *, start_wh: float = 20_000, measured: list[float] | None = None) -> list[MeterValue]:
    """A reading each minute of a car that draws so many watts in each."""
    total, values = start_wh, []
    for minute, power in enumerate([*watts, 0.0]):
        values.append(MeterValue(at(minute), round(total)))
        if measured is not None:
            values.append(MeterValue(at(minute), [*measured, 0.0][minute], "Power.Active.Import", "W"))
        total += power / 60
    return values


def found(values: list[MeterValue], known: Known = AT_11_KW) -> dict[Category, Finding]:
    series = series_of(values, known)
    assert series is not None
    return {one.category: one for one in findings(session_of(series, known))}


def steady(minutes: int, watts: float = 10_900) -> list[float]:
    return [watts] * minutes


def test_a_charge_that_ends_when_the_car_is_full_is_in_order() -> None:
    full = ((NOON, ConnectorStatus.CHARGING), (at(90), ConnectorStatus.SUSPENDED_EV))
    assert found(session(steady(90) + [0.0] * 120), Known(OFFERED, full, car_w=11_000, connection_w=11_000)) == {}


def test_a_register_that_falls_says_by_how_much_and_where() -> None:
    values = session(steady(60))
    values = values[:30] + [MeterValue(one.at, one.value - 2000) for one in values[30:]]
    fall = found(values)[Category.KWH_DECREASE]

    assert fall.begin_s == 29 * 60
    assert fall.size == pytest.approx(1.82, abs=0.01)


def test_a_register_that_begins_anew_is_called_a_reset_too() -> None:
    values = session(steady(60))
    values = values[:30] + [MeterValue(one.at, one.value - values[30].value) for one in values[30:]]

    assert set(found(values)) == {Category.KWH_DECREASE, Category.REGISTER_RESET}


def test_a_value_that_sticks_out_is_a_spike() -> None:
    values = session(steady(60))
    values[30] = MeterValue(values[30].at, values[30].value + 500_000)

    assert Category.SPIKE in found(values)


def test_a_value_that_no_meter_can_show_is_a_spike() -> None:
    values = session(steady(60))
    values[30] = MeterValue(values[30].at, 1e12)

    assert Category.SPIKE in found(values)


def test_no_energy_although_offered_is_a_zero_session() -> None:
    assert set(found(session([0.0] * 60))) == {Category.ZERO_SESSION}


@pytest.mark.parametrize(
    "known",
    [
        Known(offered=((NOON, 0.0),)),
        Known(OFFERED, ((NOON, ConnectorStatus.SUSPENDED_EV),)),
    ],
    ids=["nothing was offered", "the car wants nothing"],
)
def test_no_energy_is_in_order_when(known: Known) -> None:
    assert found(session([0.0] * 60), known) == {}


def test_a_full_car_in_the_morning_is_no_zero_session() -> None:
    """Judged on its last six hours only, a night that charged at once would be one."""
    assert Category.ZERO_SESSION not in found(session(steady(60) + [0.0] * 500), Known(offered=OFFERED))


@pytest.mark.parametrize(("minutes", "asks", "seen"), [(16, 1, False), (18, 1, True), (21, 0, False), (24, 0, True)])
def test_an_energy_pit_is_a_pause_that_nobody_commanded(minutes: int, asks: int, seen: bool) -> None:
    """Where nobody says what the car wants it takes longer: cars pause by themselves, too."""
    statuses = ((NOON, ConnectorStatus.CHARGING),) if asks else ()
    known = Known(OFFERED, statuses, car_w=11_000, connection_w=11_000)
    assert (Category.ENERGY_PIT in found(session(steady(40) + [0.0] * minutes + steady(40)), known)) is seen


def test_a_pause_of_a_charge_that_looks_steered_is_a_pit_only_as_a_hint() -> None:
    """Nobody told what was offered. A power that follows the sun pauses with it; one that never moves does not."""
    sunny = [2_000.0 + 900 * (minute // 5 % 9) for minute in range(60)]
    steered = found(session(sunny + [0.0] * 40 + sunny), Known())[Category.ENERGY_PIT]
    constant = found(session(steady(60) + [0.0] * 40 + steady(60)), Known())[Category.ENERGY_PIT]

    assert 0.98 * steered.weight < THRESHOLD < 0.98 * constant.weight


def test_a_commanded_pause_is_no_pit() -> None:
    known = Known(offered=((NOON, 11_000), (at(40), 0), (at(70), 11_000)), connection_w=11_000)
    assert found(session(steady(40) + [0.0] * 31 + steady(40)), known) == {}


def test_charging_is_expected_while_the_car_asks() -> None:
    asks = Known(OFFERED, ((NOON, ConnectorStatus.CHARGING),), connection_w=11_000)
    expected = found(session(steady(30) + [0.0] * 60), asks)[Category.CHARGING_EXPECTED]

    assert expected.begin_s == 30 * 60


def test_a_wallbox_that_never_says_that_a_car_pauses_proves_nothing_by_charging() -> None:
    lies = Known(OFFERED, ((NOON, ConnectorStatus.CHARGING),), tells_pauses=False, connection_w=11_000)
    assert found(session(steady(30) + [0.0] * 60), lies) == {}


def test_a_register_that_stands_still_while_power_flows_is_stuck() -> None:
    values = session(steady(30) + [0.0] * 30 + steady(30), measured=steady(90))
    assert Category.STUCK_METER in found(values)


@pytest.mark.parametrize(("factor", "seen"), [(1.08, False), (1.6, True)])
def test_a_register_that_counts_more_than_the_power_reports_too_much(factor: float, seen: bool) -> None:
    values = session(steady(90, 6000 * factor), measured=steady(90, 6000))
    assert (Category.OVER_REPORT in found(values)) is seen


@pytest.mark.parametrize(("minutes", "seen"), [(6, False), (15, True)])
def test_more_than_was_offered_for_eight_minutes_is_above_the_cap(minutes: int, seen: bool) -> None:
    known = Known(offered=((NOON, 11_000), (at(30), 4_140)), connection_w=11_000)
    values = session(steady(30 + minutes) + steady(40, 4_100))
    assert (Category.ABOVE_CAP in found(values, known)) is seen


def test_steadily_less_than_usual_is_derating() -> None:
    derated = found(session(steady(20) + steady(60, 5000) + steady(20)))[Category.DERATING]
    assert derated.size == pytest.approx(54, abs=2)


def test_what_a_smaller_car_draws_is_no_derating() -> None:
    assert found(session(steady(90, 5000)), Known(offered=OFFERED, car_w=5000, connection_w=11_000)) == {}


def test_derating_lasts_to_the_end_of_the_charge_but_a_full_car_that_tapers_off_is_none() -> None:
    held_down = steady(30) + steady(90, 5000)
    tapering = steady(90) + [10_900 - 250 * minute for minute in range(33)] + steady(40, 2700)

    assert Category.DERATING in found(session(held_down))
    assert found(session(tapering)) == {}


def test_derating_is_seen_although_the_limit_follows_the_sun() -> None:
    """The car takes 4 kW at most while 5 to 11 kW are offered, another amount every three minutes."""
    sun = [(at(3 * i), 5_000 + 1_500 * (i % 5)) for i in range(60)]
    usual = [min(5_000 + 1_500 * (minute // 3 % 5), 10_900) for minute in range(180)]
    held_down = [min(watts, 4_000) if 60 <= minute < 120 else watts for minute, watts in enumerate(usual)]

    assert found(session([float(w) for w in usual]), Known(offered=sun, connection_w=11_000, car_w=10_900)) == {}
    assert Category.DERATING in found(
        session([float(w) for w in held_down]), Known(offered=sun, connection_w=11_000, car_w=10_900)
    )


@pytest.mark.parametrize(("degrees", "category"), [(71.0, Category.OVER_TEMPERATURE), (35.0, Category.DERATING)])
def test_less_than_usual_while_something_is_hot_is_over_temperature(degrees: float, category: Category) -> None:
    heat = [MeterValue(at(minute), degrees, "Temperature", "Celsius") for minute in range(0, 100, 10)]
    assert set(found(session(steady(20) + steady(60, 5000) + steady(20)) + heat)) == {category}


def test_a_wallbox_that_says_it_was_too_hot_is_believed() -> None:
    known = Known(OFFERED, connection_w=11_000, car_w=11_000, too_hot=(at(40),))
    assert set(found(session(steady(20) + steady(60, 5000) + steady(20)), known)) == {Category.OVER_TEMPERATURE}


def test_a_pause_that_rare_readings_smear_over_two_steps_is_a_pit() -> None:
    """24 minutes without energy, read each quarter-hour: no step of the register is empty."""
    watts = steady(68) + [0.0] * 24 + steady(58)
    values = session(watts)[::15]
    assert Category.ENERGY_PIT in found(values)


def test_flapping_shows_in_the_power_readings_when_the_register_is_too_coarse() -> None:
    watts = (steady(4, 3600) + [0.0] * 4) * 12
    coarse = [
        MeterValue(one.at, one.value // 100 * 100, one.measurand, one.unit) if one.measurand is None else one
        for one in session(watts, measured=watts)
    ]
    known = Known(offered=((NOON, 3680.0),), connection_w=3680, car_w=3600)
    assert Category.FLAPPING in found(coarse, known)


def test_a_full_car_that_keeps_itself_warm_now_and_then_is_not_flapping() -> None:
    warm = ([0.0] * 40 + steady(6, 2000)) * 5
    assert Category.FLAPPING not in found(session(steady(90) + warm))


def test_a_register_that_counts_more_than_the_connection_carries_reports_too_much_and_does_not_spike() -> None:
    assert set(found(session(steady(90, 16_000)), Known(connection_w=11_000))) == {Category.OVER_REPORT}


def test_a_fast_charger_whose_connection_nobody_told_is_in_order() -> None:
    assert found(session(steady(40, 120_000)), Known()) == {}


def test_more_than_was_offered_by_the_register_alone_is_the_registers_fault() -> None:
    known = Known(offered=((NOON, 6_000.0),), connection_w=11_000)
    assert set(found(session(steady(90, 9_000), measured=steady(90, 5_900)), known)) == {Category.OVER_REPORT}


def test_on_and_off_again_and_again_is_flapping() -> None:
    assert Category.FLAPPING in found(session((steady(5) + [0.0] * 5) * 10))


def test_the_suns_own_on_and_off_is_not_flapping() -> None:
    sun = [(at(5 * i), 11_000.0 if i % 2 == 0 else 0.0) for i in range(20)]
    assert found(session((steady(5) + [0.0] * 5) * 10), Known(offered=sun, connection_w=11_000)) == {}


def test_a_phase_that_stops_is_missed_and_a_car_with_two_phases_is_not() -> None:
    def currents(third: float) -> list[MeterValue]:
        return [
            MeterValue(at(minute), third if number == 3 and minute >= 20 else 16.0, "Current.Import", "A", f"L{number}")
            for minute in range(40)
            for number in (1, 2, 3)
        ]

    lost = found(session(steady(40, 7400)) + currents(0.0), Known(connection_w=11_000))
    assert lost[Category.MISSING_PHASE].size == 3
    assert found(session(steady(40, 7400)) + currents(16.0), Known(connection_w=11_000)) == {}
