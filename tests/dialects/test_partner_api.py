"""What all calls of the partner dialect share (PODERO-01 to PODERO-11, 82)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from hemsd.store import clients
from tests.dialects import stories
from tests.dialects.home import Played, basic, played, validate
from tests.dialects.stories import MINUTE, at

DAYS = {"from": "2025-06-10", "to": "2025-06-12"}


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Played]:
    async with played(tmp_path, start_at=at("10:00")) as home:
        home.plug(60.0)
        home.play(MINUTE * 2)
        home.unplug()
        yield home


async def refused(home: Played, path: str, status: int, **query: str) -> None:
    validate("detail_error", await home.get(path, status=status, **query))


async def test_podero_01_everything_lies_under_one_base_with_uuids_and_an_integer_id(home: Played) -> None:
    assert home.hems_path.startswith("/api/partners/v2.0/org/")
    assert isinstance((await home.get(home.hems_path, **DAYS))["items"][0]["id"], int)


@pytest.mark.slow
async def test_podero_02_both_grants_give_a_token_and_none_is_refused(tmp_path: Path) -> None:
    async with played(tmp_path, password="a long password") as home:
        client_id, secret = clients.add(home.path, home.clock, "partner", ["partner"])
        path = "/api/partners/v2.0/auth/token"
        for form in (
            {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret},
            {"grant_type": "password", "username": "home", "password": "a long password"},
        ):
            async with home.client.post(path, data=form) as answer:
                assert answer.status == 200, await answer.text()
                home.headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
            await home.get(home.hems_path, **DAYS)
            await home.get(f"{home.ev_path}/current")
        home.headers = {}
        for path in (f"{home.hems_path}/1", f"{home.ev_path}/current"):
            await refused(home, path, 401)


@pytest.mark.parametrize("path", ["/api/partners/v2.0/auth/token", "/oauth2/token/"])
@pytest.mark.parametrize("as_json", [True, False])
async def test_podero_03_both_paths_take_a_form_or_json(home: Played, path: str, as_json: bool) -> None:
    client_id, secret = clients.add(home.path, home.clock, "partner", ["partner"])
    asked = {"grant_type": "client_credentials"}
    sent = {"json": asked} if as_json else {"data": asked}
    async with home.client.post(path, headers=basic(client_id, secret), **sent) as answer:
        assert answer.status == 200
        validate("oauth_token", await answer.json())


async def test_podero_04_a_token_lasts_ten_hours_and_has_no_refresh_token(home: Played) -> None:
    client_id, secret = clients.add(home.path, home.clock, "partner", ["partner"])
    form = {"grant_type": "client_credentials"}
    async with home.client.post("/oauth2/token/", headers=basic(client_id, secret), data=form) as answer:
        token = await answer.json()
    assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 36_000, "read write")
    assert "refresh_token" not in token


async def test_podero_05_a_bad_token_is_401_and_one_without_the_scope_403(home: Played) -> None:
    home.headers = {"Authorization": "Bearer made-up"}
    await refused(home, f"{home.hems_path}/1", 401)
    home.headers = await home.token("flex")
    await refused(home, f"{home.hems_path}/1", 403)


async def test_podero_06_what_does_not_parse_is_422_with_a_list(home: Played) -> None:
    for path in (
        f"{home.hems_path}/one",
        f"{home.hems_path}/1.5",
        home.hems_path.replace(home.store.identities().org_id, "us") + "/1",
        f"{home.user_path}/electric-vehicles/car/sessions/current",
    ):
        error = await home.get(path, status=422)
        validate("detail_error", error)
        assert error["detail"][0]["loc"][0] == "path"


async def test_podero_07_what_is_not_there_is_404(home: Played) -> None:
    known = home.store.identities(wallboxes=["garage"])
    for path in (
        f"{home.hems_path}/2",
        f"{home.hems_path}/-1",
        home.hems_path.replace(known.org_id, str(uuid4())) + "/1",
        home.hems_path.replace(known.user_id, str(uuid4())) + "/1",
        home.hems_path.replace(known.wallboxes["garage"], str(uuid4())) + "/1",
        "/api/partners/v2.0/nothing",
    ):
        await refused(home, path, 404)


async def test_podero_08_a_session_is_found_only_at_its_own_wallbox(tmp_path: Path) -> None:
    async with played(tmp_path, wallboxes=stories.GUEST_WALLBOXES, start_at=at("10:00")) as home:
        home.plug(60.0)
        home.play(MINUTE)
        known = home.store.identities(wallboxes=["garage", "street"]).wallboxes
        await home.get(f"{home.hems_path}/1")
        await refused(home, home.hems_path.replace(known["garage"], known["street"]) + "/1", 404)


async def test_podero_09_null_keys_are_there(home: Played) -> None:
    detail = await home.get(f"{home.hems_path}/1")
    assert detail["session"]["savings_eur"] is None
    assert None in detail["decisions"][0].values()


async def test_podero_10_times_are_utc(home: Played) -> None:
    detail = await home.get(f"{home.hems_path}/1")
    moments = [detail["session"]["started_at"], detail["session"]["ended_at"], detail["decisions"][0]["time"]]
    assert all(moment.endswith("Z") for moment in moments)


async def test_podero_11_nothing_is_pushed_so_every_call_is_a_get(home: Played) -> None:
    document = await home.get("/openapi.json")
    mine = {
        path: calls for path, calls in document["paths"].items() if "/hems-sessions" in path or "vehicles/{" in path
    }
    partners = [calls for path, calls in mine.items() if path.startswith("/api/partners")]
    assert len(partners) == 5
    assert all(set(calls) == {"get"} for calls in partners)
    assert "callbacks" not in json.dumps(partners)


async def test_podero_82_a_page_has_its_bounds(home: Played) -> None:
    for _ in range(3):
        home.plug(60.0)
        home.play(MINUTE)
        home.unplug()
    for path in (home.hems_path, home.ev_path):
        assert (await home.get(path, **DAYS))["total"] == 4
        page = await home.get(path, **DAYS, limit="2", offset="3")
        assert (page["total"], len(page["items"])) == (4, 1)
        assert (await home.get(path, **DAYS, offset="9"))["items"] == []
        for wrong in ({"limit": "0"}, {"limit": "201"}, {"offset": "-1"}, {"limit": "x"}):
            await refused(home, path, 422, **DAYS, **wrong)
    newest_first = [item["id"] for item in (await home.get(home.hems_path, **DAYS))["items"]]
    assert newest_first == [4, 3, 2, 1]
