"""A charge away from home, followed by the car's own word."""

from datetime import UTC, datetime, timedelta

import pytest

from hemsd.model import ELSEWHERE, ChargeReport
from rules.course import Battery
from rules.elsewhere import SILENCE, Away, Ended, ended, heard, is_silent, last_words

START = datetime(2026, 6, 21, 9, 50, tzinfo=UTC)
BATTERY = Battery(60_000.0)
REST = ChargeReport(False)


def followed(*reports: tuple[float, ChargeReport]) -> Away:
    """By the minutes at which they came; the last one may say that it is over."""
    away: Away | None = None
    for minutes, report in reports:
        at = START + timedelta(minutes=minutes)
        if away is not None and not report.charging:
            return last_words(away, report, at, BATTERY)
        away = heard(away, report, at, BATTERY)
    assert away is not None
    return away


def visit_of(away: Away) -> Ended:
    found = ended(away, "id", 7, "car")
    assert found is not None
    return found


def charges(**told: float) -> ChargeReport:
    return ChargeReport(True, **told)


def test_a_car_that_does_not_charge_is_nowhere() -> None:
    assert heard(None, REST, START, BATTERY) is None


@pytest.mark.parametrize(
    ("reports", "kwh"),
    [
        (
            [
                (0, charges(energy_wh=1000.0)),
                (30, charges(energy_wh=5000.0)),
                (40, ChargeReport(False, energy_wh=6000)),
            ],
            5,
        ),
        ([(0, charges(power_w=6000.0)), (20, charges(power_w=3000.0)), (40, REST)], 3),
        ([(0, charges(soc_pct=50.0)), (40, ChargeReport(False, soc_pct=59.0))], 6),
        ([(0, charges()), (40, REST)], 0),
    ],
    ids=["counter", "power", "level", "nothing told"],
)
def test_its_energy_comes_from_the_best_that_is_told(reports: list[tuple[float, ChargeReport]], kwh: float) -> None:
    found = visit_of(followed(*reports))
    assert found.visit.energy_wh == pytest.approx(kwh * 1000.0)
    assert found.visit.grid_wh == found.visit.energy_wh
    assert sum(each.energy_wh for each in found.quarters) == pytest.approx(kwh * 1000.0)


def test_the_visit_is_over_unmanaged_and_at_no_wallbox() -> None:
    visit = visit_of(followed((0, charges(power_w=11_000.0)), (30, REST))).visit
    assert (visit.wallbox, visit.at_home, visit.managed, visit.policy) == (ELSEWHERE, False, False, None)
    assert (visit.plugged_in_at, visit.plugged_out_at) == (START, START + timedelta(minutes=30))


def test_energy_is_spread_over_the_quarter_hours_in_which_it_came() -> None:
    found = visit_of(followed((0, charges(energy_wh=0.0)), (30, ChargeReport(False, energy_wh=3000.0))))
    assert [(f"{each.start_at:%H:%M}", round(each.energy_wh)) for each in found.quarters] == [
        ("09:45", 1000), ("10:00", 1500), ("10:15", 500),
    ]  # fmt: skip


def test_a_power_that_nobody_repeats_is_not_believed_for_hours() -> None:
    assert followed((0, charges(power_w=10_000.0)), (300, REST)).energy_wh == pytest.approx(5000.0)


def test_a_counter_that_begins_anew_takes_nothing_back() -> None:
    away = followed((0, charges(energy_wh=100.0)), (10, charges(energy_wh=900.0)), (20, charges(energy_wh=50.0)))
    assert away.energy_wh == pytest.approx(800.0)


def test_a_moment_is_no_charge() -> None:
    assert ended(followed((0, charges(power_w=11_000.0)), (4.9, REST)), "id", 7, "car") is None


def test_half_a_day_of_silence_ends_it() -> None:
    away = followed((0, charges()), (60, charges()))
    assert not is_silent(away, away.heard_at + SILENCE)
    assert is_silent(away, away.heard_at + SILENCE + timedelta(seconds=1))


def test_a_clock_that_is_set_back_takes_nothing_back() -> None:
    away = followed((0, charges(power_w=6000.0)), (10, charges(power_w=6000.0)), (-60, charges(power_w=6000.0)))
    assert away.energy_wh == pytest.approx(1000.0)
    assert away.began_at <= away.heard_at
