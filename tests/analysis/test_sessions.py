"""Sessions: made, added to, replaced, listed; judged as soon as there are three values."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient

from tests.analysis.conftest import Program
from tests.analysis.schemas import example
from tests.analysis.values import FALLING, HEALTHY, at, register, session

EMPTY_VERDICT = {
    "is_anomaly": None,
    "anomaly_score": None,
    "anomaly_confidence": None,
    "is_incident": None,
    "is_recurring": None,
    "analyzed_at": None,
    "anomalies": [],
    "status": "pending",
}


@pytest.mark.parametrize("token", ["", "nobody", "Bearer"])
async def test_csar_01_a_request_needs_a_known_token(http: TestClient, token: str) -> None:
    response = await http.get("/v1/sessions", headers={"Authorization": f"Bearer {token}"})

    assert response.status == 401
    assert "detail" in await response.json()


async def test_csar_01_a_token_for_something_else_does_not_help(http: TestClient) -> None:
    assert (await http.get("/v1/statistics", headers={"Authorization": "Bearer flo"})).status == 403


async def test_csar_02_another_tenants_session_is_not_found(anna: Program, bert: Program) -> None:
    await anna.post(session(values=register(HEALTHY)))

    await bert.detail("s-1", status=404)
    await bert.call("GET", "/v1/stations/CP-1", status=404)
    assert (await bert.call("GET", "/v1/sessions"))["total"] == 0
    assert (await bert.call("GET", "/v1/statistics"))["total_sessions"] == 0


async def test_csar_02_two_tenants_may_use_the_same_session_id(anna: Program, bert: Program) -> None:
    await anna.post(session(values=register(FALLING)))
    await bert.post(session(values=register(HEALTHY)))

    assert (await anna.detail("s-1"))["is_anomaly"] is True
    assert (await bert.detail("s-1"))["is_anomaly"] is False


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"session_id": "s"},
        {"session_id": "", "charging_station_id": "c"},
        {"session_id": 7, "charging_station_id": "c"},
        session(values=[{"value": 1}]),
        session(values=[{"timestamp": "yesterday", "value": 1}]),
        session(values=[{"timestamp": at(0), "value": "much"}]),
        session(values=[{"timestamp": "9999-12-31T23:59:59-23:00", "value": 1}]),
        [],
        None,
    ],
)
async def test_csar_04_what_does_not_parse_is_told_value_by_value(anna: Program, body: object) -> None:
    refused = await anna.post(body, status=422)

    assert isinstance(refused["detail"], list)
    assert all({"loc", "msg", "type"} <= set(one) for one in refused["detail"])


async def test_csar_04_what_is_not_there_is_told_in_words(anna: Program) -> None:
    assert isinstance((await anna.detail("nobody", status=404))["detail"], str)


async def test_csar_05_lists_come_in_pages(anna: Program) -> None:
    for number in range(5):
        await anna.post(session(f"s-{number}"))

    first = await anna.call("GET", "/v1/sessions", schema="session_list")
    assert (first["page"], first["page_size"], first["total"], len(first["items"])) == (1, 20, 5, 5)
    second = await anna.call("GET", "/v1/sessions", schema="session_list", page="2", page_size="2")
    assert [item["external_session_id"] for item in second["items"]] == ["s-2", "s-1"]


@pytest.mark.parametrize(
    "query", [{"page": "0"}, {"page": "x"}, {"page_size": "0"}, {"page_size": "101"}, {"page_size": "-1"}]
)
async def test_csar_05_pages_out_of_bounds_are_refused(anna: Program, query: dict[str, str]) -> None:
    await anna.call("GET", "/v1/sessions", status=422, **query)


async def test_csar_06_a_page_beyond_the_end_is_empty_with_the_true_total(anna: Program) -> None:
    await anna.post(session())

    beyond = await anna.call("GET", "/v1/sessions", schema="session_list", page="9")
    assert (beyond["items"], beyond["total"], beyond["page"]) == ([], 1, 9)


async def test_csar_08_paths_take_the_clients_id_and_the_internal_one(anna: Program) -> None:
    await anna.post(session(values=register(HEALTHY)))
    internal = (await anna.call("GET", "/v1/sessions"))["items"][0]["session_id"]

    assert internal != "s-1"
    assert await anna.detail(internal) == await anna.detail("s-1")
    station = (await anna.call("GET", "/v1/stations"))["items"][0]["charging_station_id"]
    by_uuid = await anna.call("GET", f"/v1/stations/{station}")
    assert by_uuid == await anna.call("GET", "/v1/stations/CP-1")


async def test_csar_09_to_12_values_are_kept_as_received_and_in_order_of_time(anna: Program) -> None:
    values = [
        {"timestamp": at(30), "value": 3.6, "unit": "kwh"},
        {"timestamp": at(0), "value": 0},
        {"timestamp": at(15), "value": 1800, "unit": "Wh", "measurand": "Energy.Active.Import.Register"},
    ]
    result = await anna.post(session(values=values))
    told = (await anna.detail("s-1"))["meter_values"]

    assert result["is_anomaly"] is False  # 1,800 Wh and 3.6 kWh are compared in one unit
    assert [one["value"] for one in told] == [0, 1800, 3.6]
    assert [one["unit"] for one in told] == [None, "Wh", "kwh"]
    assert [one["measurand"] for one in told] == [None, "Energy.Active.Import.Register", None]


async def test_csar_13_a_repeated_push_is_harmless_and_a_second_value_replaces_the_first(anna: Program) -> None:
    await anna.post(session(values=register(HEALTHY)))
    before = await anna.detail("s-1")
    await anna.patch("s-1", register(HEALTHY))
    assert (await anna.detail("s-1"))["meter_values"] == before["meter_values"]

    await anna.patch("s-1", [{"timestamp": at(0), "value": 0.1, "unit": "kWh", "measurand": None}])
    assert [one["value"] for one in (await anna.detail("s-1"))["meter_values"]] == [0.1, *HEALTHY[1:]]


async def test_csar_14_values_of_any_measurand_count(anna: Program) -> None:
    values = [{"timestamp": at(0), "value": number, "measurand": name} for number, name in
              [(1, "Voltage"), (2, "Temperature"), (0, "Energy.Active.Import.Register")]]  # fmt: skip

    assert (await anna.post(session(values=values)))["status"] == "active"


async def test_csar_16_a_session_may_begin_without_values(anna: Program) -> None:
    assert await anna.post(session()) == {"session_id": "s-1", **EMPTY_VERDICT}


@pytest.mark.parametrize("count", [1, 2])
async def test_csar_17_fewer_than_three_values_are_pending(anna: Program, count: int) -> None:
    assert await anna.post(session(values=register(HEALTHY[:count]))) == {"session_id": "s-1", **EMPTY_VERDICT}


async def test_csar_18_19_three_values_are_judged_before_the_answer(anna: Program) -> None:
    result = await anna.post(session(values=register(HEALTHY[:3])))

    assert result["status"] == "active"
    assert result["analyzed_at"] == "2026-02-27T12:00:00.000Z"
    assert result["is_anomaly"] is False


async def test_csar_21_the_documents_own_request_is_answered_with_200(anna: Program) -> None:
    result = await anna.post(example("create_request"))

    assert (result["session_id"], result["status"]) == ("sess-abc-001", "active")


async def test_csar_22_a_second_post_adds_to_the_same_session(anna: Program) -> None:
    await anna.post(session(values=register(HEALTHY[:2])))
    result = await anna.post(session(values=register(HEALTHY[2:3], first_min=30)))

    assert result["status"] == "active"
    assert (await anna.call("GET", "/v1/sessions"))["total"] == 1
    assert len((await anna.detail("s-1"))["meter_values"]) == 3


async def test_csar_23_put_replaces_all_values(anna: Program) -> None:
    await anna.post(session(values=register(FALLING)))
    result = await anna.put("s-1", register(HEALTHY[:4]))

    assert result["is_anomaly"] is False
    assert [one["value"] for one in (await anna.detail("s-1"))["meter_values"]] == HEALTHY[:4]


async def test_csar_24_put_of_nothing_is_refused_and_changes_nothing(anna: Program) -> None:
    await anna.post(session(values=register(HEALTHY)))
    before = await anna.detail("s-1")

    await anna.put("s-1", [], status=422)
    assert await anna.detail("s-1") == before


async def test_csar_25_30_an_unknown_session_can_be_neither_replaced_nor_added_to(anna: Program) -> None:
    await anna.put("nobody", register(HEALTHY), status=404)
    await anna.patch("nobody", register(HEALTHY), status=404)


async def test_csar_26_put_of_two_values_drops_the_verdict(anna: Program) -> None:
    await anna.post(session(values=register(FALLING)))

    assert await anna.put("s-1", register(HEALTHY[:2])) == {"session_id": "s-1", **EMPTY_VERDICT}


async def test_csar_27_29_patch_appends_and_counts_what_was_there(anna: Program) -> None:
    await anna.post(session(values=register(HEALTHY[:2])))
    result = await anna.patch("s-1", register(HEALTHY[2:3], first_min=30))

    assert result["status"] == "active"
    assert [one["value"] for one in (await anna.detail("s-1"))["meter_values"]] == HEALTHY[:3]


async def test_csar_28_patch_of_nothing_changes_nothing(anna: Program, clock: object) -> None:
    await anna.post(session(values=register(FALLING)))
    before = await anna.detail("s-1")
    clock.leap(60)  # type: ignore[attr-defined]

    result = await anna.patch("s-1", [])
    assert result["analyzed_at"] == before["analyzed_at"]
    assert await anna.detail("s-1") == before


@pytest.mark.parametrize("body", [{}, {"metadata": {}}, {"meter_values": None}])
async def test_csar_31_put_and_patch_need_values(anna: Program, body: object) -> None:
    await anna.post(session())
    await anna.call("PUT", "/v1/sessions/s-1", body, status=422)
    await anna.call("PATCH", "/v1/sessions/s-1", body, status=422)


@pytest.mark.parametrize(("fall_min", "seen"), [(0, True), (15, False)])
async def test_csar_32_only_the_last_six_hours_count_and_exactly_six_are_whole(
    anna: Program, fall_min: float, seen: bool
) -> None:
    """The register falls between the first two readings; the last one comes six hours after one of them."""
    first = 0 if seen else -15
    values = register([5.0, 3.0], first_min=first) + register([3.5, 4.5, 5.5], every_min=120, first_min=120)
    result = await anna.post(session(values=values))

    assert result["is_anomaly"] is seen


async def test_csar_33_what_is_too_old_to_count_is_still_told(anna: Program) -> None:
    values = register([0.5 * i for i in range(30)], every_min=30)
    await anna.post(session(values=values))

    assert len((await anna.detail("s-1"))["meter_values"]) == 30


async def test_csar_34_35_every_key_is_sent_and_the_id_is_the_clients(anna: Program) -> None:
    result = await anna.post(session("my-own/id é", values=register(HEALTHY)))

    assert set(result) == {"session_id", *EMPTY_VERDICT}
    assert result["session_id"] == "my-own/id é"


@pytest.mark.parametrize(("kwh", "odd"), [(HEALTHY, False), (FALLING, True)])
async def test_csar_36_an_anomaly_has_anomalies_and_no_anomaly_has_none(
    anna: Program, kwh: list[float], odd: bool
) -> None:
    result = await anna.post(session(values=register(kwh)))

    assert result["is_anomaly"] is odd
    assert bool(result["anomalies"]) is odd


async def test_csar_37_39_an_anomaly_says_where_in_quarter_hours_and_in_time(anna: Program) -> None:
    result = await anna.post(session(values=register(FALLING)))

    fall = next(one for one in result["anomalies"] if one["category"] == "KWH_DECREASE")
    assert fall["bucket_range"] == {"start_unit": 3, "end_unit": 4}
    assert fall["time_range"] == {
        "start_timestamp": "2026-02-27T10:45:00.000Z",
        "end_timestamp": "2026-02-27T11:00:00.000Z",
    }


async def test_csar_39_40_positions_count_from_the_first_analysed_reading(anna: Program) -> None:
    """After nine hours the window begins three hours in, and nothing lies beyond its end."""
    kwh = [0.25 * i for i in range(36)]
    kwh[30:] = [value - 3 for value in kwh[30:]]
    result = await anna.post(session(values=register(kwh)))

    fall = next(one for one in result["anomalies"] if one["category"] == "KWH_DECREASE")
    assert fall["bucket_range"] == {"start_unit": 29 - 11, "end_unit": 30 - 11}
    assert fall["time_range"]["end_timestamp"] == at(30 * 15).replace("Z", ".000Z")


async def test_csar_41_kwh_decrease_means_that_the_register_falls(anna: Program) -> None:
    falling = await anna.post(session("a", values=register(FALLING)))
    steady = await anna.post(session("b", values=register(HEALTHY)))

    assert "KWH_DECREASE" in {one["category"] for one in falling["anomalies"]}
    assert steady["anomalies"] == []


async def test_csar_42_the_categories_mean_what_their_names_say(anna: Program) -> None:
    async def found(name: str, kwh: list[float], more: list[object]) -> set[str]:
        result = await anna.post(session(name, values=register(kwh) + more))
        return {one["category"] for one in result["anomalies"]}

    soc = [{"timestamp": at(150), "value": 40, "measurand": "SoC", "unit": "Percent"}]
    offer = [{"timestamp": at(0), "value": 11000, "measurand": "Power.Offered", "unit": "W"}]
    assert await found("zero", [7.0] * 6, []) == {"ZERO_SESSION"}
    assert await found("pit", [0, 2, 4, 6, 6, 6, 6, 8, 10, 12], []) == {"ENERGY_PIT"}
    assert await found("expected", [0, 2, 4, 6, 6, 6, 6, 6, 6, 6, 6], soc + offer) == {"CHARGING_EXPECTED"}


async def test_csar_43_a_session_without_any_energy_needs_a_person(anna: Program) -> None:
    assert (await anna.post(session(values=register([7.0] * 6))))["is_incident"] is True
    assert (await anna.post(session("s-2", values=register(FALLING))))["is_incident"] is False


async def test_csar_43_the_third_time_on_the_same_connector_is_recurring(anna: Program, clock: object) -> None:
    seen = []
    for number in range(3):
        clock.leap(24 * 3600)  # type: ignore[attr-defined]
        seen.append((await anna.post(session(f"s-{number}", values=register(FALLING))))["is_recurring"])
    clock.leap(31 * 24 * 3600)  # type: ignore[attr-defined]
    later = await anna.post(session("later", values=register(FALLING)))
    elsewhere = await anna.post(session("elsewhere", values=register(FALLING), connector_id="2"))

    assert seen == [False, False, True]
    assert later["is_recurring"] is False
    assert elsewhere["is_recurring"] is False


async def test_csar_44_45_lists_are_filtered_and_bounds_are_included(anna: Program) -> None:
    odd = await anna.post(session("odd", values=register(FALLING), evse_id="E1"))
    await anna.post(session("fine", values=register(HEALTHY), charging_station_id="CP-2"))
    await anna.post(session("unjudged"))

    async def names(**query: str) -> set[str]:
        page = await anna.call("GET", "/v1/sessions", schema="session_list", **query)
        return {item["external_session_id"] for item in page["items"]}

    assert await names(is_anomaly="true") == {"odd"}
    assert await names(is_anomaly="false") == {"fine"}
    assert await names(charging_station_id="CP-2") == {"fine"}
    assert await names(charging_station_id="nowhere") == set()
    assert await names(evse_id="E1") == {"odd"}
    assert await names(min_score=str(odd["anomaly_score"])) == {"odd"}
    assert await names(min_score="0") == {"odd", "fine"}
    assert await names(min_confidence="0") == {"odd", "fine"}
    await anna.call("GET", "/v1/sessions", status=422, min_score="2")


async def test_csar_46_47_dates_are_from_and_before_and_the_newest_comes_first(anna: Program, clock: object) -> None:
    for name in ("first", "second", "third"):
        await anna.post(session(name))
        clock.leap(3600)  # type: ignore[attr-defined]

    async def names(**query: str) -> list[str]:
        page = await anna.call("GET", "/v1/sessions", **query)
        return [item["external_session_id"] for item in page["items"]]

    assert await names() == ["third", "second", "first"]
    assert await names(date_from="2026-02-27T13:00:00Z") == ["third", "second"]
    assert await names(date_to="2026-02-27T13:00:00Z") == ["first"]
    assert await names(date_from="2026-02-27") == ["third", "second", "first"]
    await anna.call("GET", "/v1/sessions", status=422, date_from="soon")


async def test_csar_48_to_50_an_item_of_the_list_says_both_ids_and_counts_the_anomalies(anna: Program) -> None:
    await anna.post(session(values=register(FALLING)))
    item = (await anna.call("GET", "/v1/sessions", schema="session_list"))["items"][0]
    detail = await anna.detail("s-1")

    assert len(item) == 9
    assert item["external_session_id"] == detail["session_id"] == "s-1"
    assert item["anomaly_count"] == len(detail["anomalies"]) > 0
    assert item["last_analyzed_at"] == detail["analyzed_at"]


async def test_csar_51_52_the_detail_is_the_result_with_its_values(anna: Program) -> None:
    result = await anna.post(session(values=register(FALLING)))
    detail = await anna.detail("s-1")

    assert {key: detail[key] for key in result} == result
    assert detail["created_at"] == "2026-02-27T12:00:00.000Z"
    assert [one["timestamp"] for one in detail["meter_values"]] == sorted(
        one["timestamp"] for one in detail["meter_values"]
    )


async def test_csar_53_54_an_explanation_names_category_and_place_or_says_that_all_is_well(anna: Program) -> None:
    await anna.post(session("odd", values=register(FALLING)))
    await anna.post(session("fine", values=register(HEALTHY)))
    odd = await anna.call("POST", "/v1/sessions/odd/explain", {}, schema="explain")
    fine = await anna.call("POST", "/v1/sessions/fine/explain", {}, schema="explain")
    german = await anna.call("POST", "/v1/sessions/fine/explain", {}, schema="explain", lang="de")

    assert "KWH_DECREASE (quarter-hours 3–4, 10:45 to 11:00 UTC)" in odd["explanation"]
    assert "clean" in fine["explanation"]
    assert "nichts Auffälliges" in german["explanation"]
    await anna.call("POST", "/v1/sessions/nobody/explain", {}, status=404)


async def test_csar_55_57_an_answer_comes_from_the_stored_values(anna: Program) -> None:
    await anna.post(session(values=register(HEALTHY)))

    async def asked(question: str) -> str:
        answer = await anna.call("POST", "/v1/sessions/s-1/ask", {"question": question}, schema="ask")
        return str(answer["answer"])

    assert "9.90 kWh" in await asked("How much energy did it take?")
    assert "not reported" in await asked("Why did the SoC drop unexpectedly?")
    assert await asked("What is the meaning of life?") != ""


@pytest.mark.parametrize("body", [{}, {"question": ""}, {"question": None}, {"question": 5}])
async def test_csar_56_a_question_must_be_asked(anna: Program, body: object) -> None:
    await anna.post(session(values=register(HEALTHY)))
    await anna.call("POST", "/v1/sessions/s-1/ask", body, status=422)
