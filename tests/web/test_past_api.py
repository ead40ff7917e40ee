"""Visits, their timelines, and the history, as the archive tells them."""

from __future__ import annotations

import csv
import io

import pytest
from aiohttp.test_utils import TestClient

from tests.web.fake_house import VISIT_ID, FakeHouse


async def test_visits_come_newest_first_and_page_by_page_without_a_gap(api: TestClient) -> None:
    seen: list[str] = []
    after = ""
    for _ in range(5):
        page = await (await api.get("/api/sessions", params={"limit": 10, "after": after})).json()
        seen += [visit["id"] for visit in page["sessions"]]
        after = page["next_after"] or ""
        if not after:
            break

    everything = await (await api.get("/api/sessions", params={"limit": 500})).json()
    assert seen == [visit["id"] for visit in everything["sessions"]]
    assert len(seen) == len(set(seen)) == 41
    starts = [visit["plugged_in_at"] for visit in everything["sessions"]]
    assert starts == sorted(starts, reverse=True)


async def test_a_visit_tells_its_energy_by_source(api: TestClient) -> None:
    visit = await (await api.get(f"/api/sessions/{VISIT_ID}")).json()

    assert visit["kwh"] == pytest.approx(visit["solar_kwh"] + visit["battery_kwh"] + visit["grid_kwh"], abs=0.01)
    assert visit["plugged_out_at"] is None


async def test_the_timeline_of_a_visit_joins_decisions_with_commands(api: TestClient) -> None:
    decisions = (await (await api.get(f"/api/sessions/{VISIT_ID}/decisions")).json())["decisions"]
    commands = (await (await api.get(f"/api/sessions/{VISIT_ID}/commands")).json())["commands"]

    known = {command["id"] for command in commands}
    assert {one["command_id"] for one in decisions if one["command_id"]} <= known
    ignored = next(one for one in commands if one["outcome"] == "accepted_ineffective")
    assert ignored["evidence"]
    assert ignored["attempts"][0]["way"]


@pytest.mark.parametrize("what", ["", "/decisions", "/commands", "/readings", ".csv"])
async def test_an_unknown_visit_is_not_found(api: TestClient, what: str) -> None:
    response = await api.get(f"/api/sessions/nobody{what}")

    assert response.status == 404
    assert (await response.json())["detail"] == "no session 'nobody'"


async def test_visits_and_readings_come_as_tables(api: TestClient) -> None:
    visits = await api.get("/api/sessions.csv")
    readings = await api.get(f"/api/sessions/{VISIT_ID}.csv")

    assert visits.content_type == readings.content_type == "text/csv"
    assert len(list(csv.DictReader(io.StringIO(await visits.text())))) == 41
    first = next(csv.DictReader(io.StringIO(await readings.text())))
    assert list(first)[:3] == ["time", "power_w", "offered_a"]


async def test_the_flows_of_each_step_add_up_to_what_the_meters_say(api: TestClient, house: FakeHouse) -> None:
    span = {"from": "2026-06-20T22:00:00Z", "to": "2026-06-21T22:00:00Z", "step_s": "300"}
    history = await (await api.get("/api/history", params=span)).json()

    assert history["step_s"] == 300
    assert len(history["points"]) == -(-len(house.plant.minutes) // 5)
    for point in history["points"]:
        sun = point["pv_house_w"] + point["pv_car_w"] + point["pv_battery_w"] + point["pv_grid_w"]
        assert sun == pytest.approx(point["pv_w"], abs=60)
        cars = point["pv_car_w"] + point["battery_car_w"] + point["grid_car_w"]
        assert cars == pytest.approx(sum(point["cars_w"].values()), abs=60)


async def test_a_span_without_end_is_the_last_day(api: TestClient, house: FakeHouse) -> None:
    history = await (await api.get("/api/history")).json()

    assert history["to_at"] == house.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("from=yesterday", "from"),
        ("from=2026-06-21T10:00:00Z&to=2026-06-21T09:00:00Z", "before"),
        ("step_s=1", "step_s"),
        ("step_s=x", "step_s"),
        ("from=2020-01-01T00:00:00Z&step_s=60", "step_s"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_in_words(api: TestClient, query: str, word: str) -> None:
    response = await api.get(f"/api/history?{query}")

    assert response.status == 422
    assert word in (await response.json())["detail"]


async def test_a_plus_sign_that_was_not_encoded_is_still_a_time(api: TestClient) -> None:
    response = await api.get("/api/history?from=2026-06-21T10:00:00+02:00&to=2026-06-21T12:00:00+02:00")

    assert (await response.json())["from_at"] == "2026-06-21T08:00:00.000Z"


async def test_decisions_and_commands_of_a_span(api: TestClient) -> None:
    span = {"from": "2026-06-21T06:00:00Z", "to": "2026-06-21T08:00:00Z"}
    decisions = (await (await api.get("/api/decisions", params=span)).json())["decisions"]
    commands = (await (await api.get("/api/commands", params=span)).json())["commands"]

    assert decisions
    assert commands
    assert all("2026-06-21T06" <= one["time"] < "2026-06-21T08" for one in decisions + commands)


async def test_the_identities_name_every_wallbox_vehicle_and_policy(api: TestClient) -> None:
    identities = await (await api.get("/api/identities")).json()

    assert set(identities) == {"org_id", "user_id", "location_id", "wallboxes", "vehicles", "policies"}


async def test_history_as_a_table_has_a_column_for_each_power_and_each_car(api: TestClient) -> None:
    span = {"from": "2026-06-21T08:00:00Z", "to": "2026-06-21T09:00:00Z", "step_s": "900"}
    async with api.get("/api/history.csv", params=span) as response:
        assert response.headers["Content-Disposition"] == 'attachment; filename="hemsd-history.csv"'
        rows = list(csv.DictReader(io.StringIO(await response.text())))
    async with api.get("/api/history", params=span) as response:
        points = (await response.json())["points"]
    assert [row["time"] for row in rows] == [point["time"] for point in points]
    assert [float(row["grid_w"]) for row in rows] == [point["grid_w"] for point in points]
    assert [float(row["garage_w"]) for row in rows] == [point["cars_w"]["garage"] for point in points]


async def test_what_if_answers_with_both_plays(api: TestClient) -> None:
    async with api.post(f"/api/sessions/{VISIT_ID}/what-if", json={"steering.stop_budget_wh": 60}) as response:
        page = await response.json()
    assert page["then"]["starts"] < page["now"]["starts"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/api/sessions/{VISIT_ID}/what-if", {"steering.nothing": 1}, 422),
        (f"/api/sessions/{VISIT_ID}/what-if", [1], 422),
        ("/api/sessions/nobody/what-if", {}, 404),
    ],
)
async def test_what_if_refuses_what_it_does_not_know(api: TestClient, path: str, body: object, status: int) -> None:
    async with api.post(path, json=body) as response:
        assert response.status == status
        assert (await response.json())["detail"]


async def test_what_if_plays_one_at_a_time(api: TestClient, house: FakeHouse) -> None:
    house.busy = True
    async with api.post(f"/api/sessions/{VISIT_ID}/what-if", json={}) as response:
        assert response.status == 409
