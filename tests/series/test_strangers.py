"""Whatever JSON a stranger sends, it becomes entries or a sentence; no other error, no gap filled, no endless work."""

from __future__ import annotations

import contextlib
import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from drivers.base import DeviceError
from drivers.forecast.settings import HttpForecastSettings
from drivers.forecast.sources import custom, forecast_solar, open_meteo
from drivers.series import reading
from drivers.series.quarters import Entry, around, on_quarters
from drivers.tariffs.settings import TariffSettings
from drivers.tariffs.sources import translate

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
TARIFFS: TypeAdapter[Any] = TypeAdapter(TariffSettings)
HTTP_FORECAST = HttpForecastSettings(driver="http", url="http://127.0.0.1/")

READERS = {
    "awattar": lambda answer: translate(TARIFFS.validate_python({"driver": "awattar"}), answer),
    "tibber": lambda answer: translate(TARIFFS.validate_python({"driver": "tibber", "token": "x"}), answer),
    "energy-charts": lambda answer: translate(TARIFFS.validate_python({"driver": "energy-charts"}), answer),
    "http": lambda answer: translate(TARIFFS.validate_python({"driver": "http", "url": "http://[::1]/"}), answer),
    "forecast-solar": forecast_solar,
    "open-meteo": lambda answer: open_meteo(answer, 5.0),
    "http forecast": lambda answer: custom(answer, HTTP_FORECAST),
}
ROW = {"total": 0.3, "startsAt": "2026-06-21T14:00:00+02:00"}
GOOD: dict[str, Any] = {
    "awattar": {"data": [{"start_timestamp": 1782043200000, "end_timestamp": 1782046800000, "marketprice": 85.0}]},
    "tibber": {
        "data": {
            "viewer": {"homes": [{"id": "a", "currentSubscription": {"priceInfo": {"today": [ROW], "tomorrow": []}}}]}
        }
    },
    "energy-charts": {"unix_seconds": [1782043200, 1782044100], "price": [80.0, None], "unit": "EUR / MWh"},
    "http": [{"start": "2026-06-21T12:00:00Z", "eur_per_kwh": 0.3}],
    "forecast-solar": {"result": {"watt_hours_period": {"2026-06-21T12:00:00Z": 0, "2026-06-21T13:00:00Z": 5}}},
    "open-meteo": {"minutely_15": {"time": [1782043200], "global_tilted_irradiance": [500.0]}},
    "http forecast": [{"start": "2026-06-21T12:00:00Z", "power_w": 300}],
}
ODD = st.sampled_from(
    ["", "x", "NaN", "²", "-", "9" * 400, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-06-21", 1e308]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | ODD,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=8,
)


def read(name: str, answer: Any) -> None:
    with contextlib.suppress(DeviceError):
        for entry in translate_all(name, answer):
            assert entry.value is None or isinstance(entry.value, float)
            assert entry.start_at.tzinfo is not None


def translate_all(name: str, answer: Any) -> list[Entry]:
    return list(READERS[name](answer))


@pytest.mark.parametrize("name", list(READERS))
def test_the_good_answer_is_understood(name: str) -> None:
    assert translate_all(name, GOOD[name])


@pytest.mark.parametrize("name", list(READERS))
@settings(max_examples=40, deadline=None)
@given(answer=JSON)
def test_any_json_is_entries_or_a_sentence(name: str, answer: Any) -> None:
    read(name, answer)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(READERS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_good_answer_with_one_thing_replaced_is_entries_or_a_sentence(name: str, data: st.DataObject) -> None:
    answer = copy.deepcopy(GOOD[name])
    place, key = answer, data.draw(st.sampled_from(keys(answer)))
    while data.draw(st.booleans()) and isinstance(place[key], dict | list) and place[key]:
        place, key = place[key], data.draw(st.sampled_from(keys(place[key])))
    place[key] = data.draw(JSON)
    read(name, answer)


def keys(found: Any) -> list[Any]:
    return list(found) if isinstance(found, dict) else list(range(len(found)))


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "1999-12-31T23:59:59Z", "2101-01-01T00:00:00Z", "1e3"])
def test_a_time_of_another_age_is_no_time(text: str) -> None:
    with pytest.raises(DeviceError):
        reading.moment(text)


def test_seconds_and_milliseconds_are_told_apart() -> None:
    assert reading.moment(1782043200) == reading.moment(1782043200000) == reading.moment("1782043200") == NOON


def test_what_is_far_away_or_endless_is_left_out_before_it_costs_work() -> None:
    day = timedelta(days=1)
    far = [Entry(NOON + 11 * day, NOON + 12 * day, 1.0), Entry(NOON - 20 * day, NOON + 1 * day, 1.0)]
    assert around(far, NOON) == []
    with pytest.raises(DeviceError, match="more than 5000"):
        around([Entry(NOON, NOON + timedelta(minutes=1), 1.0)] * 5001, NOON)
    with pytest.raises(DeviceError, match="more than a day"):
        around([Entry(NOON, NOON + 2 * day, 1.0)], NOON)
    assert around([Entry(NOON, NOON, 1.0), Entry(NOON, NOON - day, 1.0)], NOON) == []
    assert on_quarters([]) == {}
