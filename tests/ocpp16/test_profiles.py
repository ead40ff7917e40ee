"""How a limit is worded, whatever the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ocpp16.profiles import PROFILE_IDS, Circumstances, Setpoint, quantised_a, set_charging_profile, watts
from drivers.ocpp16.ways import Kind, Purpose, Unit, Way
from drivers.ocpp16.wire import payload_of
from tests.ocpp16.fakes import assert_conforms

NOW = Circumstances(
    now_at=datetime(2026, 6, 21, 8, tzinfo=UTC), connector=1, transaction_id=17, failsafe_after_s=900.0, wired_phases=3
)
NINE = Setpoint(9.0, None, 6.0)
EVERY_WAY = [Way(*choice) for choice in product(Purpose, Kind, (0, 8), Unit)]


def profile(way: Way, setpoint: Setpoint = NINE, now: Circumstances = NOW) -> dict:
    payload = payload_of(set_charging_profile(way, setpoint, now))
    assert_conforms("SetChargingProfile", payload)
    return payload["csChargingProfiles"]


def periods(way: Way, setpoint: Setpoint = NINE, now: Circumstances = NOW) -> list[dict]:
    return profile(way, setpoint, now)["chargingSchedule"]["chargingSchedulePeriod"]


@pytest.mark.parametrize("way", EVERY_WAY, ids=str)
def test_no_profile_ends_or_raises_a_limit(way):
    said = profile(way)
    schedule = said["chargingSchedule"]
    assert not {"duration", "minChargingRate"} & set(schedule)
    assert not {"validTo", "validFrom", "recurrencyKind"} & set(said)
    assert said["chargingProfileId"] == PROFILE_IDS[way.purpose]
    assert ("transactionId" in said) == (way.purpose is Purpose.TX)


@pytest.mark.parametrize("way", EVERY_WAY, ids=str)
def test_the_failsafe_is_the_second_period_of_an_absolute_schedule(way):
    starts = [period["startPeriod"] for period in periods(way)]
    renewable = way.kind is Kind.ABSOLUTE and way.purpose is not Purpose.CHARGE_POINT_MAX
    assert starts == ([0, 960] if renewable else [0])


def test_an_absolute_schedule_starts_a_minute_ago_and_a_relative_one_never_says_when():
    assert profile(Way())["chargingSchedule"]["startSchedule"] == "2026-06-21T07:59:00Z"
    assert "startSchedule" not in profile(Way(kind=Kind.RELATIVE))["chargingSchedule"]


def test_a_box_with_a_wrong_clock_gets_one_period_that_began_long_ago():
    wrong = replace(NOW, clock_trusted=False)
    assert [period["startPeriod"] for period in periods(Way(), now=wrong)] == [0]
    assert profile(Way(), now=wrong)["chargingSchedule"]["startSchedule"] == "2020-01-01T00:00:00Z"


def test_a_box_that_holds_one_period_gets_one():
    assert len(periods(Way(), now=replace(NOW, failsafe_after_s=None))) == 1


def test_charge_point_max_profile_belongs_to_connector_0():
    request = set_charging_profile(Way(Purpose.CHARGE_POINT_MAX), NINE, NOW)
    assert payload_of(request)["connectorId"] == 0


@pytest.mark.parametrize(
    ("limit_a", "step_a", "sent_a"),
    [
        (6.0, 0.1, 6.0),
        (6.25, 0.1, 6.2),
        (6.7, 0.1, 6.7),
        (8.8, 1.0, 8.0),
        (5.99, 0.1, 0.0),
        (0.4, 0.1, 0.0),
        (0.0, 0.1, 0.0),
        (16.0, 0.1, 16.0),
        (6.4, 0.5, 6.0),
        (10.0, 2.0, 10.0),
    ],
)
def test_wb_44_45_46_73_amperes_are_floored_to_the_step_and_never_between_0_and_6(limit_a, step_a, sent_a):
    assert quantised_a(limit_a, step_a) == pytest.approx(sent_a)


@given(st.floats(0, 80), st.sampled_from([0.1, 0.5, 1.0, 2.0]))
def test_a_quantised_limit_never_exceeds_what_was_asked(limit_a, step_a):
    sent_a = quantised_a(limit_a, step_a)
    assert sent_a <= limit_a + 1e-6
    assert sent_a == 0 or sent_a >= 6
    assert round(sent_a, 1) == pytest.approx(sent_a, abs=1e-9)


def test_phases_are_named_in_amperes_only_where_they_are_asked_for():
    assert "numberPhases" not in periods(Way())[0]
    assert [period["numberPhases"] for period in periods(Way(), Setpoint(9, 1, 6))] == [1, 1]


def test_wb_50_watts_always_name_the_phases_they_are_for():
    in_watts = Way(unit=Unit.WATTS)
    assert [(p["limit"], p["numberPhases"]) for p in periods(in_watts)] == [(6210.0, 3), (4140.0, 3)]
    assert periods(in_watts, Setpoint(6, 1, 6))[0] == {"startPeriod": 0, "limit": 1380.0, "numberPhases": 1}
    one_phase = replace(NOW, wired_phases=1)
    assert periods(in_watts, now=one_phase)[0] == {"startPeriod": 0, "limit": 2070.0, "numberPhases": 1}


@given(st.floats(6, 80), st.sampled_from([1, 2, 3]))
def test_wb_50_watts_never_come_to_less_than_6_a_a_phase(limit_a, phases):
    assert watts(quantised_a(limit_a), phases) / phases / 230 >= 6
