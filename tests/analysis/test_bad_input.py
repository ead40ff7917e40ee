"""Values as programs really send them: disordered, doubled, mixed up, impossible. Never a 500, never a lost value."""

from __future__ import annotations

import json

import pytest
from aiohttp.test_utils import TestClient

from tests.analysis.conftest import Program
from tests.analysis.test_any_body import ANNA
from tests.analysis.values import HEALTHY, at, register, session


async def categories(anna: Program, values: list[object], name: str = "s-1") -> set[str]:
    result = await anna.post(session(name, values=values))
    assert result["status"] == "active"
    assert len((await anna.detail(name))["meter_values"]) == len({json.dumps(one) for one in values})
    return {one["category"] for one in result["anomalies"]}


async def test_values_out_of_order_are_put_in_order(anna: Program) -> None:
    values = register(HEALTHY)
    assert await categories(anna, values[::-1]) == set()
    assert await categories(anna, values[4:] + values[:4], "s-2") == set()


async def test_values_that_come_twice_count_once(anna: Program) -> None:
    assert await categories(anna, [one for one in register(HEALTHY) for _ in range(2)]) == set()


async def test_wh_and_kwh_may_be_mixed(anna: Program) -> None:
    mixed = [
        {"timestamp": at(15 * i), "value": value * (1000 if i % 2 else 1), "unit": "Wh" if i % 2 else "kWh"}
        for i, value in enumerate(HEALTHY)
    ]
    assert await categories(anna, mixed) == set()


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e400"])
async def test_what_is_no_number_is_refused_with_its_place(http: TestClient, word: str) -> None:
    body = json.dumps(session(values=register(HEALTHY))).replace("1.8", word, 1)
    response = await http.post("/v1/sessions", data=body.encode(), headers=ANNA)

    assert response.status == 422
    assert ["body", "meter_values", 1, "value"] in [one["loc"] for one in (await response.json())["detail"]]


@pytest.mark.parametrize("odd", [-3.0, 1e12, -1e12, 1e308])
async def test_what_no_meter_can_show_is_kept_and_called_a_spike(anna: Program, odd: float) -> None:
    values = register(HEALTHY)
    values[3] = {"timestamp": at(45), "value": odd, "unit": "kWh"}

    assert "SPIKE" in await categories(anna, values)
    assert odd in [one["value"] for one in (await anna.detail("s-1"))["meter_values"]]


async def test_two_values_are_kept_and_wait_for_a_third(anna: Program) -> None:
    result = await anna.post(session(values=register(HEALTHY[:2])))
    assert (result["status"], result["is_anomaly"]) == ("pending", None)
    assert len((await anna.detail("s-1"))["meter_values"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("count", [20_001, 100_000])
async def test_more_values_than_a_session_has_are_refused_in_words(anna: Program, count: int) -> None:
    await anna.post(session(values=register(HEALTHY)))
    before = await anna.detail("s-1")
    many = [{"timestamp": at(0.1 * i), "value": i} for i in range(count)]
    refused = await anna.call("PUT", "/v1/sessions/s-1", {"meter_values": many}, status=422)

    assert "at most 20000 values" in refused["detail"][0]["msg"]
    assert await anna.detail("s-1") == before


@pytest.mark.slow
async def test_as_many_as_are_taken_are_judged(anna: Program) -> None:
    many = register([0.002 * i for i in range(20_000)], every_min=0.02)
    assert await categories(anna, many) == set()


async def test_a_time_without_a_zone_is_utc(anna: Program) -> None:
    values = [
        {"timestamp": str(one["timestamp"]).rstrip("Z"), "value": one["value"], "unit": "kWh"}  # type: ignore[index]
        for one in register(HEALTHY)
    ]
    assert await categories(anna, values) == set()
    assert (await anna.detail("s-1"))["meter_values"][0]["timestamp"] == "2026-02-27T10:00:00.000Z"


@pytest.mark.parametrize("moment", [0, 1772186400, "1772186400", "-5", "noon", None, True, "2026-02-30T00:00:00Z"])
async def test_what_is_no_written_time_is_refused_with_its_place(anna: Program, moment: object) -> None:
    refused = await anna.post(session(values=[{"timestamp": moment, "value": 1}]), status=422)
    assert refused["detail"][0]["loc"] == ["body", "meter_values", 0, "timestamp"]


@pytest.mark.parametrize("value", [True, None, "much", [1], {}])
async def test_what_is_no_number_at_all_is_refused_with_its_place(anna: Program, value: object) -> None:
    refused = await anna.post(session(values=[{"timestamp": at(0), "value": value}]), status=422)
    assert refused["detail"][0]["loc"] == ["body", "meter_values", 0, "value"]


async def test_values_in_the_future_are_judged_and_no_finding_lies_beyond_them(anna: Program) -> None:
    start = "2031-01-01T0{}:00:00Z"
    falling = [{"timestamp": start.format(i), "value": value, "unit": "kWh"} for i, value in enumerate([1, 5, 2, 6])]
    result = await anna.post(session(values=falling))

    assert [one["category"] for one in result["anomalies"]] == ["KWH_DECREASE"]
    assert result["anomalies"][0]["time_range"]["end_timestamp"] <= "2031-01-01T03:00:00.000Z"


async def test_measurands_that_nobody_knows_are_kept_and_left_alone(anna: Program) -> None:
    strange = [{"timestamp": at(15 * i), "value": 1e9, "measurand": "Flux.Capacitance", "unit": "?"} for i in range(5)]
    assert await categories(anna, register(HEALTHY) + strange) == set()


@pytest.mark.parametrize("key", ["session_id", "charging_station_id", "connector_id", "evse_id"])
async def test_an_id_of_ten_kilobytes_is_refused(anna: Program, key: str) -> None:
    body = {**session(), key: "x" * 10_000}
    refused = await anna.post(body, status=422)
    assert refused["detail"][0]["loc"] == ["body", key]


async def test_asking_for_an_id_of_ten_kilobytes_finds_nothing(http: TestClient) -> None:
    for path in ("/v1/sessions/{}", "/v1/stations/{}", "/v1/models/{}", "/v1/sessions/batch/{}"):
        response = await http.get(path.format("x" * 7_000), headers=ANNA)
        assert response.status in (404, 414)
        assert "detail" in await response.json()


async def test_sessions_that_overlap_on_one_connector_are_both_kept_and_judged(anna: Program) -> None:
    await anna.post(session("one", values=register(HEALTHY)))
    result = await anna.post(session("two", values=register(HEALTHY, first_min=20)))

    assert (result["status"], result["is_anomaly"]) == ("active", False)
    assert (await anna.call("GET", "/v1/sessions"))["total"] == 2
