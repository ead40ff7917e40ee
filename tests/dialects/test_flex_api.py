"""The calls of the flex dialect (ENODE-01 to ENODE-24, 109, 110): which there are, what they take, how they refuse."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.dialects import stories
from tests.dialects.home import CheapAt, Played, played, validate
from tests.dialects.stories import GUEST_WALLBOXES, MIDNIGHT, MINUTE
from tests.dialects.test_flex_shape import sessions

POLICIES = "/flex/vehicle-policies"
LIST = f"{POLICIES}/sessions"
VISITS = 25
WALLBOXES = {"garage": GUEST_WALLBOXES["garage"]}


NUMBERS: dict[str, int] = {}
"""The recorded visits by their ids."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which 24 visits were recorded: each an hour long, a day apart, every fifth a stranger's."""
    folder = tmp_path_factory.mktemp("recorded")

    async def record() -> None:
        async with played(folder, start_at=MIDNIGHT, wallboxes=WALLBOXES) as home:
            for number in range(1, VISITS):
                home.clock.leap((came_at(number) - home.clock.utc()).total_seconds())
                home.plug(60.0, card="card" if number % 5 else "somebody's")
                home.play(MINUTE)
                home.clock.leap(3540.0)
                home.unplug()
            await home.store.settle()
            for number in range(1, VISITS):
                visit = await home.store.views.visit_numbered(number)
                assert visit is not None
                NUMBERS[visit.id] = number

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, record()).result()  # an event loop of its own
    return folder


@pytest.fixture
async def home(recorded: Path, tmp_path: Path) -> AsyncIterator[Played]:
    """The recorded visits, and another one that still runs."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    newest_at = came_at(VISITS)
    async with played(tmp_path, start_at=newest_at - timedelta(seconds=10), wallboxes=WALLBOXES) as home:
        home.plug(60.0)
        running = home.visits.visit_id("garage")
        assert running is not None
        NUMBERS[running] = VISITS
        await home.store.settle()
        yield home


def came_at(number: int) -> datetime:
    return MIDNIGHT + timedelta(days=number)


def id_of(number: int) -> str:
    """Of the newest visit that had the number."""
    return next(visit_id for visit_id, known in reversed(NUMBERS.items()) if known == number)


def ids(listed: Any) -> list[int]:
    return [NUMBERS[session["id"]] for session in listed["data"]]


async def page(home: Played, **query: str) -> Any:
    listed = await home.get(LIST, **query)
    validate("enode_session_list", listed)
    return listed


async def refused(home: Played, path: str, status: int, **query: str) -> Any:
    problem = await home.get(path, status=status, **query)
    validate("enode_problem", problem)
    assert problem["status"] == status
    return problem


SETTLED = [number for number in range(VISITS - 1, 0, -1)]
MANAGED = [number for number in SETTLED if number % 5]


async def test_enode_01_the_current_session_is_upcoming_or_active(home: Played) -> None:
    assert (await home.flex())["state"].startswith("ACTIVE:")
    home.unplug()
    assert (await home.flex())["state"] == "UPCOMING"


@pytest.mark.slow
async def test_enode_02_a_settled_session_is_answered_alone(home: Played) -> None:
    session = await home.get(f"{POLICIES}/{home.policy_id}/sessions/{id_of(3)}")
    validate("enode_session", session)
    assert session["id"] == id_of(3)
    assert stories.a_night()["alone"] == stories.a_night()["settled"]


async def test_enode_03_the_list_holds_settled_sessions_only(home: Played) -> None:
    listed = await page(home)
    assert {session["state"] for session in listed["data"]} == {"SETTLED"}
    assert set(listed) == {"data", "pagination"}


async def test_enode_04_the_word_sessions_wins_over_a_policy_id(home: Played) -> None:
    assert "data" in await home.get(LIST)
    await refused(home, f"{POLICIES}/sessions/session", 400)


async def test_enode_05_every_filter_is_optional_and_they_combine(home: Played) -> None:
    listed = await page(
        home,
        **{"from": "2025-06-13T00:00:00Z", "to": "2025-06-17T01:00:00Z", "pageSize": "100"},
        policyId=home.policy_id,
        vehicleId=home.vehicle_id,
        locationId=home.store.identities().location_id,
    )
    assert ids(listed) == [6, 4, 3, 2]


async def test_enode_06_from_keeps_who_came_then_or_later(home: Played) -> None:
    assert ids(await page(home, **{"from": "2025-07-03T00:00:00Z"})) == [24, 23, 22]
    assert ids(await page(home, **{"from": "2025-07-03T00:00:00.001Z"})) == [24, 23]


async def test_enode_07_to_keeps_who_left_then_or_earlier(home: Played) -> None:
    assert ids(await page(home, to="2025-06-13T01:00:00Z")) == [2, 1]
    assert ids(await page(home, to="2025-06-13T00:59:59.999Z")) == [1]


async def test_enode_08_a_policy_has_only_its_managed_sessions(home: Played) -> None:
    assert ids(await page(home, policyId=home.policy_id)) == MANAGED
    assert ids(await page(home, policyId=str(uuid4()))) == []


async def test_enode_09_by_vehicle_each_event_is_one_row(home: Played) -> None:
    assert ids(await page(home, vehicleId=home.vehicle_id)) == MANAGED  # whose car a stranger's is, nobody knows
    assert ids(await page(home, vehicleId=str(uuid4()))) == []


async def test_enode_09_by_vehicle_an_unmanaged_event_is_one_row_too(tmp_path: Path) -> None:
    watched = {"garage": {**WALLBOXES["garage"], "steer": False}}
    async with played(tmp_path, wallboxes=watched) as home:
        home.plug(60.0)
        home.play(MINUTE)
        home.unplug()
        (session,) = (await page(home, vehicleId=home.vehicle_id))["data"]
        assert session["policyId"] is None
        assert await home.get(f"{POLICIES}/{home.policy_id}/sessions/{session['id']}") == session


async def test_enode_10_by_place_each_event_is_one_row(home: Played) -> None:
    found = ids(await page(home, locationId=home.store.identities().location_id))
    assert len(found) == len(set(found)) == len(SETTLED)


async def test_enode_11_without_a_filter_both_kinds_are_listed_once(home: Played) -> None:
    assert ids(await page(home)) == SETTLED


async def test_enode_12_after_and_before_together_are_refused(home: Played) -> None:
    cursor = (await page(home, pageSize="2"))["pagination"]["after"]
    await refused(home, LIST, 400, after=cursor, before=cursor)


@pytest.mark.parametrize("size", ["0", "101", "-1", "ten", "1.5", ""])
async def test_enode_13_a_page_size_outside_its_range_is_refused(home: Played, size: str) -> None:
    await refused(home, LIST, 400, pageSize=size)


@pytest.mark.slow
async def test_enode_13_a_page_has_fifty_unless_asked(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        for _ in range(55):
            home.clock.leap(60.0)
            home.plug(60.0)
            home.clock.leap(60.0)
            home.unplug()
        assert len((await page(home))["data"]) == 50
        assert len((await page(home, pageSize="1"))["data"]) == 1
        assert len((await page(home, pageSize="100"))["data"]) == 55


async def test_enode_14_both_cursors_are_always_there(home: Played) -> None:
    for query in ({}, {"pageSize": "2"}, {"policyId": str(uuid4())}):
        assert set((await page(home, **query))["pagination"]) == {"after", "before"}


async def test_enode_15_a_walk_to_the_end_visits_each_once_and_leads_back(home: Played) -> None:
    seen: list[list[int]] = []
    cursors: dict[str, str] = {}
    listed: Any = None
    while listed is None or listed["pagination"]["after"]:
        cursors = {"after": listed["pagination"]["after"]} if listed else {}
        before = listed
        listed = await page(home, pageSize="7", **cursors)
        if before is None:
            assert listed["pagination"]["before"] is None
        seen.append(ids(listed))
    assert [number for each in seen for number in each] == SETTLED
    back = await page(home, pageSize="7", before=listed["pagination"]["before"])
    assert ids(back) == seen[-2]


async def test_enode_16_a_made_up_cursor_is_refused(home: Played) -> None:
    for cursor in ("cursor_abc123", "", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"):
        await refused(home, LIST, 400, after=cursor)


async def test_enode_16_a_cursor_stays_right_while_rows_are_added(home: Played) -> None:
    first = await page(home, pageSize="5")
    home.unplug()  # now there are 25, and soon 26
    home.play(MINUTE)
    home.plug(60.0)
    home.play(MINUTE)
    home.unplug()
    second = await page(home, pageSize="5", after=first["pagination"]["after"])
    assert ids(first) + ids(second) == SETTLED[:10]
    assert len((await page(home, pageSize="100"))["data"]) == VISITS + 1


async def test_enode_17_the_newest_come_first_then_by_id(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=MIDNIGHT, wallboxes=GUEST_WALLBOXES) as home:
        for _ in range(3):
            for wallbox in ("yard", "street", "garage"):  # all at the same moment
                home.plug(60.0, wallbox=wallbox)
            home.play(MINUTE)
            for wallbox in ("garage", "street", "yard"):
                home.unplug(wallbox)
            home.play(MINUTE)
        rows = (await page(home))["data"]
        assert len({row["pluggedInAt"] for row in rows}) == 3
        newest_first = sorted(rows, key=lambda row: row["pluggedInAt"], reverse=True)
        assert [row["pluggedInAt"] for row in rows] == [row["pluggedInAt"] for row in newest_first]
        for start in range(0, 9, 3):
            same = [row["id"] for row in rows[start : start + 3]]
            assert same == sorted(same)


async def test_enode_18_nothing_found_is_an_empty_list(home: Played) -> None:
    assert await page(home, **{"from": "2030-01-01T00:00:00Z"}) == {
        "data": [],
        "pagination": {"after": None, "before": None},
    }


async def test_enode_19_what_is_not_there_is_404(home: Played) -> None:
    for path in (
        f"{POLICIES}/{uuid4()}/session",
        f"{POLICIES}/{uuid4()}/sessions/{id_of(1)}",
        f"{POLICIES}/{home.policy_id}/sessions/{uuid4()}",
        f"{POLICIES}/{home.policy_id}/sessions/{home.visits.visit_id('garage')}",  # it still runs
        f"{POLICIES}/{uuid4()}",
        "/flex/nothing",
    ):
        await refused(home, path, 404)


async def test_enode_19_a_session_of_another_policy_is_404(tmp_path: Path) -> None:
    wallboxes = {**WALLBOXES, "carport": {"driver": "ocpp", "charge_point": "WB-002", "phases": "3"}}
    vehicles = {"car": {"wallbox": "garage", "capacity_kwh": 60}, "van": {"wallbox": "carport", "capacity_kwh": 80}}
    policies = {"home": {"vehicle": "car"}, "work": {"vehicle": "van"}}
    async with played(tmp_path, wallboxes=wallboxes, vehicles=vehicles, policies=policies) as home:
        home.plug(60.0, wallbox="carport")
        home.play(MINUTE)
        home.unplug("carport")
        (session,) = await home.settled()
        known = home.store.identities(policies=["work"])
        assert session["policyId"] == known.policies["work"]
        assert await home.get(f"{POLICIES}/{session['policyId']}/sessions/{session['id']}") == session
        await refused(home, f"{POLICIES}/{home.policy_id}/sessions/{session['id']}", 404)


async def test_enode_20_an_unmanaged_session_is_found_under_a_policy_of_its_car(home: Played) -> None:
    session = await home.get(f"{POLICIES}/{home.policy_id}/sessions/{id_of(5)}")
    assert session["policyId"] is None


async def test_enode_21_without_a_good_token_401_and_without_the_right_403(home: Played) -> None:
    good = dict(home.headers)
    for header in (
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer a.1.b"},
    ):
        home.headers = header
        await refused(home, LIST, 401)
    tampered = good["Authorization"][:-4] + "0000"
    home.headers = {"Authorization": tampered}
    await refused(home, LIST, 401)
    home.headers = await home.token("partner")
    await refused(home, LIST, 403)


async def test_enode_22_every_refusal_is_a_problem_document(home: Played) -> None:
    for method, path, status in (
        ("GET", f"{POLICIES}/x/session", 400),
        ("GET", "/flex/nothing", 404),
        ("PUT", LIST, 405),
        ("POST", POLICIES, 400),
    ):
        async with home.client.request(method, path, headers=home.headers) as answer:
            assert answer.status == status
            assert answer.content_type == "application/problem+json"
            validate("enode_problem", await answer.json())


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"to": "2025-13-01T00:00:00Z"},
        {"policyId": "home"},
        {"vehicleId": "1"},
        {"locationId": "-"},
    ],
)
async def test_enode_23_a_value_that_does_not_parse_is_400(home: Played, query: dict[str, str]) -> None:
    assert next(iter(query)) in (await refused(home, LIST, 400, **query))["detail"]


async def test_enode_23_a_path_that_does_not_parse_is_400(home: Played) -> None:
    for path in (f"{POLICIES}/home/session", f"{POLICIES}/{home.policy_id}/sessions/7", f"{POLICIES}/home"):
        await refused(home, path, 400)


@pytest.mark.slow
def test_enode_24_times_are_utc_and_end_in_z() -> None:
    for session in sessions():
        for key in ("pluggedInAt", "pluggedOutAt"):
            assert session[key] is None or session[key].endswith("Z")
        assert all(block["startAt"].endswith("Z") for block in session["blocks"])


async def test_enode_24_a_time_that_was_read_can_be_asked_for(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        home.clock.leap(0.123)
        home.plug(42.0)
        home.play(timedelta(minutes=2))
        home.unplug()
        (session,) = await home.settled()
        assert session["pluggedInAt"] == "2025-06-10T20:00:10.123Z"
        assert await home.settled(**{"from": session["pluggedInAt"], "to": session["pluggedOutAt"]}) == [session]


# --- policies and targets


async def test_enode_109_policies_are_listed_made_changed_and_ended(home: Played) -> None:
    (first,) = (await home.get(POLICIES))["data"]
    assert first == await home.get(f"{POLICIES}/{home.policy_id}")
    assert first["schedule"]["monday"] == {"deadline": "07:00", "minimumChargeTarget": 50}
    made = await home.send("POST", POLICIES, {"vehicleId": home.vehicle_id, "batteryReserve": 30}, status=201)
    assert len((await home.get(POLICIES))["data"]) == 2
    await home.send("DELETE", f"{POLICIES}/{made['id']}", status=204)
    await refused(home, f"{POLICIES}/{made['id']}", 404)
    await home.send("POST", POLICIES, {"vehicleId": str(uuid4())}, status=404)


async def test_enode_109_a_changed_policy_counts_at_once_and_outlives_a_restart(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        day = {"deadline": "06:30", "minimumChargeTarget": 65}
        body = {"batteryReserve": 15, "schedule": {"wednesday": day}}
        changed = await home.send("PATCH", f"{POLICIES}/{home.policy_id}", body)
        assert (changed["batteryReserve"], changed["schedule"]["monday"]) == (15, None)
        target = (await home.flex())["target"]["latest"]
        assert (target["readyBy"], target["minimumChargeTarget"], target["batteryReserve"]) == (
            "2025-06-11T06:30:00Z", 65, 15,
        )  # fmt: skip
        await home.send("PATCH", f"{POLICIES}/{home.policy_id}", {}, status=400)
        await home.send("PATCH", f"{POLICIES}/{home.policy_id}", {"batteryReserve": 101}, status=400)
        await home.send("PATCH", f"{POLICIES}/{uuid4()}", {"batteryReserve": 10}, status=404)
    async with played(tmp_path) as home:
        assert (await home.get(f"{POLICIES}/{home.policy_id}"))["batteryReserve"] == 15


async def test_enode_110_a_target_is_set_by_policy_and_by_session(home: Played) -> None:
    home.unplug()
    path = f"{POLICIES}/{home.policy_id}/session/target"
    asked = {"type": "REGULAR", "minimumChargeTarget": 80, "readyBy": "2025-07-07T09:00:00Z"}
    session = await home.send("PUT", path, asked)
    assert session["target"]["latest"]["source"] == "USER_OVERRIDE"
    home.plug(42.0)
    live = await home.get(f"{home.ev_path}/current", include_hidden="true")
    by_session = f"/flex/sessions/{live['session']['id']}/target"
    session = await home.send("PUT", by_session, {"type": "IMMEDIATE_START", "minimumChargeTarget": 60})
    assert session["target"]["latest"]["type"] == "IMMEDIATE_START"
    validate("enode_session", session)
    home.play(timedelta(minutes=2))
    assert (await home.flex())["state"] == "ACTIVE:IMMEDIATE_START"
    await home.send("PUT", path, {"type": "REGULAR", "minimumChargeTarget": 80}, status=400)
    await home.send("PUT", path, {"type": "LATER", "minimumChargeTarget": 80}, status=400)
    await home.send("PUT", f"/flex/sessions/{uuid4()}/target", asked, status=404)
    await home.send("PUT", f"{POLICIES}/{uuid4()}/session/target", asked, status=404)


async def test_enode_22_a_database_that_fails_is_told_as_a_problem(
    home: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(home.store.views, "visits", fails)
    problem = await refused(home, LIST, 503)
    assert "database" in problem["detail"]


async def test_enode_109_a_policy_that_is_deleted_in_mid_visit_leaves_a_sound_session(tmp_path: Path) -> None:
    async with played(
        tmp_path, start_at=MIDNIGHT, prices=CheapAt(((MIDNIGHT, MIDNIGHT + timedelta(hours=3)),))
    ) as home:
        home.plug(42.0)
        home.play(timedelta(minutes=5))
        assert home.box.station.power_w > 5000
        await home.send("DELETE", f"{POLICIES}/{home.policy_id}", status=204)
        home.play(timedelta(minutes=5))
        assert home.box.station.power_w == 0  # what remains is the mode: the sun, and it is dark
        home.unplug()
        (session,) = await home.settled()
        assert session["target"]["latest"]["minimumChargeTarget"] == 50
        blocks = sum(block["kwhSum"] for block in session["blocks"])
        assert abs(blocks - session["statistics"]["aggregated"]["kwhSum"]) < 0.001


async def test_a_body_that_is_no_text_is_refused_and_breaks_nothing(home: Played) -> None:
    headers = {**home.headers, "Content-Type": "application/json"}
    local = f"/api/wallboxes/{next(iter(home.boxes))}/mode"
    for method, path, status in (("POST", POLICIES, 400), ("PUT", local, 422)):
        for body in (b"\xff\xfe\x00", b"[", b'"\\ud800"'):
            async with home.client.request(method, path, data=body, headers=headers) as answer:
                assert answer.status == status, await answer.text()
    form = {"Content-Type": "multipart/form-data"}  # without its boundary
    async with home.client.post("/oauth2/token", data=b"grant_type=password", headers=form) as answer:
        assert answer.status == 415


async def test_a_word_in_a_path_is_no_id_whatever_the_method(home: Played) -> None:
    for method in ("PATCH", "DELETE"):
        async with home.client.request(method, LIST, headers=home.headers, json={"batteryReserve": 5}) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET")
