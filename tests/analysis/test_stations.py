"""Stations follow from sessions; once a day the health of each is judged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from hemsd.clock import ManualClock
from hemsd.model import SiteMinute
from hemsd.scoring import shelf, station_rows
from hemsd.scoring.health import Day, DayVerdict, expected, judge_day
from hemsd.scoring.office import Office
from hemsd.scoring.shelf import Record
from hemsd.scoring.tenants import HOME
from hemsd.store import Store
from tests.analysis.conftest import Program
from tests.analysis.schemas import conforms
from tests.analysis.values import FALLING, HEALTHY, register, session

DAY = datetime(2026, 2, 27, tzinfo=UTC)


@pytest.fixture
async def two_stations(anna: Program) -> Program:
    for name, values, connector in (
        ("a", HEALTHY, "1"), ("b", FALLING, "1"), ("c", [7.0] * 6, "2"), ("d", HEALTHY, None),
    ):  # fmt: skip
        await anna.post(session(name, values=register(values), connector_id=connector))
    await anna.post(session("e", values=register(HEALTHY), charging_station_id="CP-2"))
    return anna


async def test_csar_69_72_a_station_adds_up_its_sessions(two_stations: Program) -> None:
    first, second = (await two_stations.call("GET", "/v1/stations", schema="stations"))["items"]

    assert (first["external_station_id"], first["total_sessions"], first["anomalous_sessions"]) == ("CP-1", 4, 2)
    assert first["max_anomaly_score"] > 0.6
    assert first["last_anomaly_at"] == "2026-02-27T12:00:00.000Z"
    assert (second["anomalous_sessions"], second["max_anomaly_score"], second["last_anomaly_at"]) == (0, None, None)


async def test_csar_70_71_connectors_add_up_to_the_station(two_stations: Program) -> None:
    station = await two_stations.call("GET", "/v1/stations/CP-1", schema="station_detail")

    assert [one["connector_id"] for one in station["connectors"]] == ["1", "2", "unknown"]
    for total in ("total_sessions", "anomalous_sessions"):
        assert sum(one[total] for one in station["connectors"]) == station[total]


async def test_csar_73_74_categories_are_counted_by_connector(two_stations: Program) -> None:
    page = await two_stations.call("GET", "/v1/stations/CP-1/connectors", schema="station_connectors")

    assert page["charging_station_id"] == "CP-1"
    for one in page["connectors"]:
        assert sum(one["anomaly_categories"].values()) >= one["anomalous_sessions"]
        assert all(count >= 1 for count in one["anomaly_categories"].values())
    assert page["connectors"][1]["anomaly_categories"] == {"ZERO_SESSION": 1}


async def test_csar_75_80_before_any_verdict_there_is_none(two_stations: Program) -> None:
    await two_stations.call("GET", "/v1/stations/CP-1/inference", status=404)
    for path in ("", "/connectors", "/inference", "/anomalies"):
        await two_stations.call("GET", f"/v1/stations/nowhere{path}", status=404)


async def test_csar_76_nobody_can_ask_for_a_station_to_be_judged(anna: Program) -> None:
    await anna.call("POST", "/v1/stations/analyze", {}, status=405)


async def three_weeks(anna: Program, office: Office, clock: ManualClock) -> None:
    """A session a day, the last one with a tenth of the energy; each day is judged when it is over."""
    for number in range(20):
        kwh = HEALTHY if number < 19 else [value / 10 for value in HEALTHY]
        await anna.post(session(f"s-{number}", values=register(kwh)))
        clock.leap(24 * 3600)
        await office.stations.look_at(clock.utc().replace(hour=0) - timedelta(days=1))


async def test_csar_75_to_79_a_day_with_too_little_energy_is_found_and_told(
    anna: Program, office: Office, clock: ManualClock
) -> None:
    await three_weeks(anna, office, clock)
    newest = await anna.call("GET", "/v1/stations/CP-1/inference", schema="station_inference")
    history = await anna.call("GET", "/v1/stations/CP-1/anomalies", schema="station_anomalies")
    assert newest["is_anomaly"] is True
    details = newest["detection_details"]
    assert details["anomaly_type"] == "energy_drop"
    assert details["actual_energy_kwh"] < details["expected_energy_kwh"]
    assert details["affected_period"] == "2026-03-18"
    assert history["total"] == 1
    assert history["items"][0]["detection_details"] == details


def test_csar_78_a_drop_is_less_than_expected_and_a_usual_day_is_none() -> None:
    weeks = {DAY - timedelta(days=back): Day(1, 10.0) for back in range(1, 29)}

    usual = judge_day({**weeks, DAY: Day(1, 9.0)}, DAY)
    low = judge_day({**weeks, DAY: Day(1, 2.0)}, DAY)
    assert usual is not None
    assert not usual.is_anomaly
    assert low is not None
    assert low.is_anomaly
    assert float(low.details["actual_energy_kwh"]) < float(low.details["expected_energy_kwh"])


def test_a_day_without_a_car_is_no_fault_at_home_but_is_one_at_a_busy_station() -> None:
    quiet = judge_day({DAY - timedelta(days=back): Day(1, 10.0) for back in range(1, 29)}, DAY)
    busy = judge_day({DAY - timedelta(days=back): Day(12, 100.0) for back in range(1, 29)}, DAY)

    assert quiet is not None
    assert not quiet.is_anomaly
    assert busy is not None
    assert busy.is_anomaly


def test_a_weekday_has_its_own_usual() -> None:
    """Saturdays take little here: little on a Saturday is in order, on a Friday it is not. (DAY is a Friday.)"""
    weeks = {
        DAY - timedelta(days=back): Day(1, 4.0 if (DAY - timedelta(days=back)).weekday() == 5 else 20.0)
        for back in range(1, 57)
    }
    saturday = DAY + timedelta(days=1)

    assert judged({**weeks, DAY: Day(1, 4.0)}, DAY).is_anomaly
    assert not judged({**weeks, DAY: Day(1, 20.0), saturday: Day(1, 4.0)}, saturday).is_anomaly
    assert (expected({**weeks, saturday: Day(1, 4.0)}, saturday) or 0.0) < 0.6 * 20


def test_what_was_not_offered_is_not_expected() -> None:
    """hemsd held the car back all day: a plan, a fuse, a cloudy day."""
    weeks = {DAY - timedelta(days=back): Day(1, 20.0, offered_kwh=60.0) for back in range(1, 29)}

    assert judged({**weeks, DAY: Day(1, 4.0, offered_kwh=60.0)}, DAY).is_anomaly
    assert not judged({**weeks, DAY: Day(1, 4.0, offered_kwh=5.0)}, DAY).is_anomaly


def test_a_station_that_follows_the_sun_is_not_blamed_for_the_weather() -> None:
    def day(sun_kwh: float, energy_kwh: float) -> Day:
        return Day(1, energy_kwh, pv_kwh=sun_kwh)

    follows = {DAY - timedelta(days=back): day(20 + back % 7, 10 + back % 7 / 2) for back in range(1, 29)}
    ignores = {DAY - timedelta(days=back): day(20 + back % 7, 10 + back % 3) for back in range(1, 29)}

    assert not judged({**follows, DAY: day(4, 3.0)}, DAY).is_anomaly
    assert judged({**ignores, DAY: day(4, 3.0)}, DAY).is_anomaly
    assert judged({**follows, DAY: day(24, 3.0)}, DAY).is_anomaly


def test_a_few_odd_weeks_do_not_move_what_is_usual() -> None:
    weeks = {DAY - timedelta(days=back): Day(1, 300.0 if back % 5 == 0 else 10.0) for back in range(1, 57)}
    assert (expected({**weeks, DAY: Day(1, 9.0)}, DAY) or 0.0) == pytest.approx(10.0)


async def test_what_the_home_offered_and_the_sun_gave_is_part_of_its_days(store: Store) -> None:
    home = Record(1, "a", HOME, "a", "garage", DAY + timedelta(hours=9), energy_wh=9000.0, offered_wh=11_000.0)
    store.carry_out(shelf.keep(home))
    for hour in range(24):
        sun_w = 2000.0 if 8 <= hour < 16 else 0.0
        store.record_minute(SiteMinute(DAY + timedelta(hours=hour), None, sun_w, None, None, None))
    await store.settle()
    [station] = await store.views.ask(lambda db: station_rows.stations(db, HOME))
    days = await store.views.ask(lambda db: station_rows.days(db, station, DAY))

    assert days == {DAY: Day(1, 9.0, 0, 11.0, 16.0)}


def judged(days: Mapping[datetime, Day], day_at: datetime) -> DayVerdict:
    found = judge_day(days, day_at)
    assert found is not None
    return found


def test_a_station_that_is_new_is_not_judged() -> None:
    assert judge_day({DAY - timedelta(days=back): Day(1, 10.0) for back in range(1, 4)}, DAY) is None


async def test_csar_96_100_an_odd_station_is_told_once_in_the_words_of_inference(
    anna: Program, office: Office, clock: ManualClock
) -> None:
    told: list[Mapping[str, object]] = []
    office.stations.tell = lambda body: told.append(body) or ()
    await three_weeks(anna, office, clock)
    await office.stations.look_at(clock.utc().replace(hour=0) - timedelta(days=1))

    [body] = told
    conforms({**body, "webhook_id": "an-id"}, "csar_webhook")
    newest = await anna.call("GET", "/v1/stations/CP-1/inference")
    assert {key: body[key] for key in newest} == newest


async def test_csar_98_an_odd_session_is_no_odd_station(two_stations: Program, office: Office) -> None:
    told: list[Mapping[str, object]] = []
    office.stations.tell = lambda body: told.append(body) or ()
    await office.stations.look_at(DAY)

    assert told == []


async def test_csar_91_to_94_statistics_agree_with_the_lists_at_once(two_stations: Program) -> None:
    totals = await two_stations.call("GET", "/v1/statistics", schema="statistics")

    assert totals == {
        "total_sessions": (await two_stations.call("GET", "/v1/sessions"))["total"],
        "anomalous_sessions": 2,
        "total_stations": (await two_stations.call("GET", "/v1/stations"))["total"],
        "stations_with_anomalies": 1,
        "anomaly_rate": 0.4,
    }


async def test_csar_92_without_sessions_the_rate_is_zero(anna: Program) -> None:
    assert (await anna.call("GET", "/v1/statistics", schema="statistics"))["anomaly_rate"] == 0
