"""What all answers have in common: their letters, their times, their categories; and what no call can do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from hemsd.clock import ManualClock
from hemsd.scoring.categories import Category
from hemsd.scoring.office import Office
from tests.analysis.conftest import Program
from tests.analysis.values import FALLING, HEALTHY, at, register, session
from web.analysis import AnalysisApi

GETS = ("/v1/sessions", "/v1/sessions/odd", "/v1/stations", "/v1/stations/CP-1", "/v1/stations/CP-1/connectors",
        "/v1/stations/CP-1/anomalies", "/v1/models", "/v1/models/csar-base", "/v1/statistics")  # fmt: skip


def leaves(body: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every name with its value, however deep."""
    if isinstance(body, dict):
        for key, value in body.items():
            yield key, None
            yield from leaves(value, key)
    elif isinstance(body, list):
        for value in body:
            yield from leaves(value, name)
    else:
        yield name, body


async def test_csar_03_names_are_snake_case_and_times_are_utc(anna: Program) -> None:
    """Whatever zone a value came with. Categories are names of another kind."""
    local = [{**one, "timestamp": str(one["timestamp"]).replace("Z", "+00:00")} for one in register(FALLING)]  # type: ignore[dict-item]
    await anna.post(session("odd", values=local))
    for path in GETS:
        for name, value in leaves(await anna.call("GET", path)):
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name) or name in set(Category), name
            if name.endswith(("_at", "timestamp")) and value is not None:
                assert datetime.fromisoformat(str(value)).utcoffset() is not None
                assert str(value).endswith("Z")


async def test_csar_03_a_time_in_another_zone_is_the_same_moment(anna: Program) -> None:
    shifted = [{**one, "timestamp": f"2026-02-27T{12 + i // 4}:{15 * (i % 4):02}:00+02:00"}  # type: ignore[dict-item]
               for i, one in enumerate(register(HEALTHY))]  # fmt: skip
    await anna.post(session("here", values=shifted))
    await anna.post(session("there", values=register(HEALTHY)))

    here, there = await anna.detail("here"), await anna.detail("there")
    assert here["meter_values"] == there["meter_values"]


async def test_csar_15_two_ids_are_needed_and_the_rest_may_be_left_out_or_unknown(anna: Program) -> None:
    assert (await anna.post({"session_id": "a", "charging_station_id": "CP"}))["status"] == "pending"
    everything = session("b", values=register(HEALTHY), evse_id="E1", metadata={"tariff": "night"}, unheard_of=[1])
    assert (await anna.post(everything))["status"] == "active"
    for missing in ("session_id", "charging_station_id"):
        refused = await anna.post({key: value for key, value in session().items() if key != missing}, status=422)
        assert refused["detail"][0]["loc"] == ["body", missing]


def test_csar_38_categories_are_upper_snake_case_and_hold_the_four_of_the_contract() -> None:
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", category) for category in Category)
    assert {"KWH_DECREASE", "ENERGY_PIT", "ZERO_SESSION", "CHARGING_EXPECTED"} <= set(Category)


def test_csar_95_no_call_sets_up_a_webhook(office: Office) -> None:
    routes = AnalysisApi(office, lambda token: token).routes()
    assert not [route.path for route in routes if "hook" in route.path]


async def test_csar_07_37_no_finding_lies_in_the_future_or_out_of_the_window(anna: Program, clock: ManualClock) -> None:
    for name, kwh in (("a", FALLING), ("b", [7.0] * 6), ("c", [0, 2, 4, 6, 6, 6, 6, 8, 10, 12])):
        result = await anna.post(session(name, values=register(kwh)))
        last = at(15 * (len(kwh) - 1)).replace("Z", ".000Z")
        for one in result["anomalies"]:
            assert at(0).replace("Z", ".000Z") <= one["time_range"]["start_timestamp"]
            assert one["time_range"]["end_timestamp"] <= last
