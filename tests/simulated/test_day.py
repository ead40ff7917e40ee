"""The recorded days: what comes between the rows, before the first and after the last."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from drivers.simulated import day
from drivers.simulated.day import DAY_S

SERF = day.load("serf-2022-03-18")


@pytest.fixture
def short(tmp_path):
    file = tmp_path / "short-2026-05-01.csv"
    file.write_text("t_s,pv_w,house_w\n0,0,400\n60,1200,400\n100,0,800\n")
    return day.load(str(file))


def test_four_days_come_with_hemsd():
    assert day.shipped() == ["nwtc-2018-10-14", "serf-2022-03-18", "sma7-2016-05-20", "sma7-2016-09-12"]
    assert all(day.load(name).length_s > 11 * 3600 for name in day.shipped())


def test_between_two_rows_lies_a_straight_line(short):
    assert short.pv_at(30) == 600
    assert short.house_at(80) == 600


def test_no_power_is_ever_negative():
    for name in day.shipped():
        recorded = day.load(name)
        assert min(recorded.pv_w) >= 0
        assert min(recorded.house_w) >= 0


def test_after_the_recording_the_sun_is_down_and_the_house_lives_on():
    night_s = range(int(SERF.length_s) + 1, int(DAY_S), 600)
    assert all(SERF.pv_at(t_s) == 0 for t_s in night_s)
    loads_w = {SERF.house_at(t_s) for t_s in night_s}
    assert len(loads_w) > 20
    assert min(SERF.house_w) <= min(loads_w) <= max(loads_w) <= max(SERF.house_w)


def test_the_house_does_not_jump_where_the_recording_ends(short):
    assert short.house_at(101) == pytest.approx(short.house_at(99))


def test_the_next_day_is_the_same_day():
    assert SERF.pv_at(20_000 + DAY_S) == SERF.pv_at(20_000)


def test_1_5_kw_of_surplus_first_appear_when_the_source_says():
    first = {"serf-2022-03-18": 3240, "nwtc-2018-10-14": 5700, "sma7-2016-05-20": 9060, "sma7-2016-09-12": 11_940}
    for name, expected_s in first.items():
        recorded = day.load(name)
        found_s = next(t for t in range(0, 40_000, 60) if recorded.pv_at(t) - recorded.house_at(t) >= 1500)
        assert found_s == pytest.approx(expected_s, abs=60)


def test_serf_begins_at_5_51_local_time():
    zone = ZoneInfo("Europe/Berlin")
    assert SERF.moment(0, zone).astimezone(zone).strftime("%F %H:%M") == "2022-03-18 05:51"
    assert SERF.moment(540, zone, on=date(2026, 6, 21)) == datetime(2026, 6, 21, 4, 0, tzinfo=UTC)


def test_a_file_without_the_columns_is_refused_with_their_names(tmp_path):
    file = tmp_path / "wrong.csv"
    file.write_text("time,sun\n0,1\n1,1\n")
    with pytest.raises(ValueError, match="t_s,pv_w,house_w"):
        day.load(str(file))


def test_a_file_whose_time_stands_still_is_refused(tmp_path):
    file = tmp_path / "wrong.csv"
    file.write_text("t_s,pv_w,house_w\n0,1,1\n0,1,1\n")
    with pytest.raises(ValueError, match="does not rise"):
        day.load(str(file))


def test_an_unknown_day_names_the_known_ones():
    with pytest.raises(ValueError, match="serf-2022-03-18"):
        day.load("eclipse")
