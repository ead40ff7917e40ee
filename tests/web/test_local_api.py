"""The present and wishes, as scripts and the page meet them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from aiohttp.test_utils import TestClient

from hemsd.model import Mode, Wish
from tests.web.fake_house import FakeHouse


async def detail(response) -> str:
    body = await response.json()
    assert set(body) == {"detail"}
    return body["detail"]


async def test_the_state_has_every_name_that_scripts_hold_on_to(api: TestClient) -> None:
    state = await (await api.get("/api/state")).json()

    assert {"time", "version", "site", "meters", "wallboxes", "alerts"} <= set(state)
    assert state["time"].endswith("Z")
    assert {"name", "fuse_a"} <= set(state["site"])
    assert {"power_w", "age_s", "ok"} <= set(state["meters"]["grid"])
    garage = state["wallboxes"]["garage"]
    assert {"connected", "plugged", "charging", "transaction_id", "mode", "state", "limit_a", "phases"} <= set(garage)
    assert {"offered_a", "power_w", "session_kwh", "session_solar_kwh"} <= set(garage)
    assert {"time", "kind", "reason", "grid_w", "target_w"} <= set(garage["decision"])
    assert {"id", "time", "amps", "phases", "dispatch_status", "outcome"} <= set(garage["command"])


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        ("off", Mode.OFF),
        ("solar", Mode.SOLAR),
        ("min+solar", Mode.MIN_SOLAR),
        ("fast", Mode.FAST),
        ("pv", Mode.SOLAR),
        ("smart", Mode.SOLAR),
        ("minpv", Mode.MIN_SOLAR),
        ("now", Mode.FAST),
    ],
)
async def test_a_mode_becomes_a_wish_also_in_the_words_of_a_peer(
    api: TestClient, house: FakeHouse, word: str, mode: Mode
) -> None:
    response = await api.put("/api/wallboxes/garage/mode", json={"mode": word})

    assert response.status == 200
    assert (await response.json())["mode"] == mode
    assert house.wishes == [Wish("garage", mode=mode)]


async def test_a_body_is_understood_whatever_content_type_a_script_sends(api: TestClient, house: FakeHouse) -> None:
    response = await api.put(
        "/api/wallboxes/garage/mode", data='{"mode": "fast"}', headers={"Content-Type": "text/plain"}
    )

    assert response.status == 200
    assert house.wishes[0].mode is Mode.FAST


async def test_an_unknown_mode_is_refused_with_the_words_that_would_be_right(api: TestClient, house: FakeHouse) -> None:
    response = await api.put("/api/wallboxes/garage/mode", json={"mode": "turbo"})

    assert response.status == 422
    text = await detail(response)
    assert "mode" in text
    assert "off, solar, min+solar, fast" in text
    assert "'turbo'" in text
    assert not house.wishes


@pytest.mark.parametrize("body", ["", "{}", "[]", "nonsense", '{"mode": 3}', '{"mode": "solar", "more": 1}', "null"])
async def test_a_bad_body_is_refused_and_nothing_is_wished(api: TestClient, house: FakeHouse, body: str) -> None:
    response = await api.put("/api/wallboxes/garage/mode", data=body)

    assert response.status == 422
    assert await detail(response)
    assert not house.wishes


async def test_an_unknown_wallbox_is_named_and_the_known_ones_too(api: TestClient) -> None:
    response = await api.put("/api/wallboxes/gerage/mode", json={"mode": "solar"})

    assert response.status == 404
    assert await detail(response) == "no wallbox 'gerage'; there is garage"


async def test_a_boost_is_asked_for_with_and_without_a_level_and_taken_back(api: TestClient, house: FakeHouse) -> None:
    await api.put("/api/wallboxes/garage/boost")
    await api.put("/api/wallboxes/garage/boost", json={"minimum_charge_target_pct": 70})
    await api.delete("/api/wallboxes/garage/boost")

    assert house.wishes == [
        Wish("garage", boost=True),
        Wish("garage", boost=True, boost_target_pct=70),
        Wish("garage", boost=False),
    ]


async def test_a_target_is_set_for_this_visit_and_taken_back(api: TestClient, house: FakeHouse) -> None:
    body = {"minimum_charge_target_pct": 90, "ready_by": "2026-06-22T07:00:00+02:00"}
    response = await api.put("/api/wallboxes/garage/target", json=body)
    await api.delete("/api/wallboxes/garage/target")

    assert (await response.json())["ready_by"] == "2026-06-22T05:00:00.000Z"
    ready_by_at = datetime(2026, 6, 22, 5, 0, tzinfo=UTC)
    assert house.wishes == [
        Wish("garage", target_pct=90, ready_by_at=ready_by_at),
        Wish("garage", clear_target=True),
    ]


@pytest.mark.parametrize("body", [{"minimum_charge_target_pct": 101}, {"minimum_charge_target_pct": -1}, {}])
async def test_a_target_outside_0_to_100_percent_is_refused(api: TestClient, house: FakeHouse, body: dict) -> None:
    response = await api.put("/api/wallboxes/garage/target", json=body)

    assert response.status == 422
    assert "minimum_charge_target_pct" in await detail(response)
    assert not house.wishes


async def test_a_deadline_without_a_zone_is_refused(api: TestClient) -> None:
    body = {"minimum_charge_target_pct": 90, "ready_by": "2026-06-22T07:00:00"}
    response = await api.put("/api/wallboxes/garage/target", json=body)

    assert response.status == 422
    assert "ready_by" in await detail(response)


async def test_the_driver_tells_the_level_of_the_car(api: TestClient, house: FakeHouse) -> None:
    response = await api.put("/api/vehicles/car/soc", json={"soc_pct": 35})

    assert await response.json() == {"vehicle": "car", "soc_pct": 35}
    assert house.socs == {"car": 35}
    assert (await api.put("/api/vehicles/van/soc", json={"soc_pct": 35})).status == 404
    assert (await api.put("/api/vehicles/car/soc", json={"soc_pct": 120})).status == 422


async def test_health_is_good_only_while_the_control_loop_goes_round(api: TestClient, house: FakeHouse) -> None:
    assert (await api.get("/healthz")).status == 200
    house.alive = False
    response = await api.get("/healthz")
    assert response.status == 503
    assert (await response.json())["status"] == "control loop stands still"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nothing", 404), ("POST", "/api/state", 405), ("GET", "/static/../server.py", 404)],
)
async def test_every_error_has_a_detail(api: TestClient, method: str, path: str, status: int) -> None:
    response = await api.request(method, path)

    assert response.status == status
    assert await detail(response)


async def test_a_body_that_is_too_large_is_refused(api: TestClient) -> None:
    response = await api.put("/api/wallboxes/garage/mode", data=b"x" * (2 << 20))

    assert response.status == 413
    assert await detail(response)


async def test_the_plan_gives_prices_and_planned_blocks(api: TestClient) -> None:
    async with api.get("/api/plan") as response:
        plan = await response.json()
    assert {quarter["start"][14:16] for quarter in plan["quarters"]} == {"00", "15", "30", "45"}
    (block,) = plan["wallboxes"]["garage"]["blocks"]
    assert block["type"] == "REGULAR"
    assert block["start"] < block["end"]


async def test_the_grid_operator_may_dim_the_cars_and_take_it_back(api: TestClient, house: FakeHouse) -> None:
    response = await api.put("/api/site/dimmed", json={"dimmed_w": 4200, "until": "2026-06-21T18:00:00+02:00"})

    assert response.status == 200
    assert (await response.json())["dimmed"] == {
        "dimmed_w": 4200,
        "source": "api",
        "until": "2026-06-21T16:00:00.000Z",
    }
    assert (await (await api.get("/api/state")).json())["site"]["dimmed"]["dimmed_w"] == 4200
    assert (await (await api.delete("/api/site/dimmed")).json())["dimmed"] is None
    for wrong in ({"dimmed_w": -1}, {"dimmed_w": "inf"}, {"dimmed_w": 1, "until": "18:00"}, {}):
        assert (await api.put("/api/site/dimmed", json=wrong)).status == 422
    assert house.dimmed is None
