"""What protects the page: headers, names, origins, the password, and how slowly it can be guessed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.web.fake_house import FakeDoors, FakeHouse, FakeWorkshop
from web.auth import COOKIE_S, Throttle, cookie_holds, hash_of, make_cookie, matches
from web.guard import answers_to
from web.server import application
from web.settings import WebSettings, refusal

PASSWORD = "correct horse"


@pytest.fixture
async def locked(house: FakeHouse) -> AsyncIterator[TestClient]:
    tokens = {"local-token": frozenset({"local"}), "flex-token": frozenset({"flex"})}
    app = application(house, house, FakeDoors(PASSWORD, tokens), allowed_hosts=["solar.example"])
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/login", "/api/state", "/api/nothing", "/static/app.css", "/api/events"])
async def test_every_answer_lets_only_our_own_scripts_run(api: TestClient, path: str) -> None:
    async with api.get(path) as response:
        policy = response.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == ("same-origin" if path == "/login" else "no-referrer")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example"])
async def test_a_name_that_was_rebound_to_this_machine_gets_nothing(api: TestClient, host: str) -> None:
    response = await api.get("/api/state", headers={"Host": f"{host}:8080"})

    assert response.status == 421
    assert "web.allowed_hosts" in (await response.json())["detail"]
    assert (await api.get("/healthz", headers={"Host": host})).status == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "192.168.1.7", "::1", "hems.localhost", "raspberrypi"])
def test_our_own_names_and_every_address_are_answered(host: str) -> None:
    assert answers_to(host, {"localhost", "raspberrypi"})


async def test_further_names_can_be_allowed(locked: TestClient) -> None:
    response = await locked.get("/login", headers={"Host": "Solar.example"})

    assert response.status == 200


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_another_site_may_not_change_anything(api: TestClient, house: FakeHouse, headers: dict[str, str]) -> None:
    response = await api.put("/api/wallboxes/garage/mode", json={"mode": "fast"}, headers=headers)

    assert response.status == 403
    assert not house.wishes


async def test_our_own_page_may(api: TestClient, house: FakeHouse) -> None:
    origin = f"http://{api.host}:{api.port}"
    response = await api.put("/api/wallboxes/garage/mode", json={"mode": "fast"}, headers={"Origin": origin})

    assert response.status == 200


@pytest.mark.parametrize("path", ["/api/state", "/api/events", "/api/sessions", "/api/identities", "/api/history"])
async def test_with_a_password_nothing_is_told_to_strangers(locked: TestClient, path: str) -> None:
    response = await locked.get(path)

    assert response.status == 401
    assert (await locked.head(path)).status in (401, 405)


async def test_the_page_leads_to_the_login_and_health_stays_open(locked: TestClient) -> None:
    page = await locked.get("/", allow_redirects=False)

    assert (page.status, page.headers["Location"]) == (303, "login")
    assert (await locked.get("/healthz")).status == 200


async def test_the_right_password_opens_and_the_cookie_stays_out_of_reach(locked: TestClient) -> None:
    answer = await locked.post("/login", data={"password": PASSWORD}, allow_redirects=False)

    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert (await locked.get("/api/state")).status == 200
    await locked.post("/logout")
    assert (await locked.get("/api/state")).status == 401


@pytest.mark.slow
async def test_wrong_guesses_are_slowed_down_and_then_even_the_right_one_waits(locked: TestClient) -> None:
    for _ in range(4):
        answer = await locked.post("/login", data={"password": "no"}, allow_redirects=False)
        assert answer.headers["Location"] == "login?wrong=1"
    answer = await locked.post("/login", data={"password": PASSWORD}, allow_redirects=False)
    assert answer.headers["Location"].startswith("login?wait=")


async def test_guesses_that_come_all_at_once_are_slowed_down_too(locked: TestClient) -> None:
    async def guess(number: int) -> str:
        answer = await locked.post("/login", data={"password": f"guess {number}"}, allow_redirects=False)
        return answer.headers["Location"].partition("=")[0]

    answers = Counter(await asyncio.gather(*(guess(number) for number in range(12))))
    assert answers == {"login?wrong": 4, "login?wait": 8}


@pytest.mark.parametrize(("token", "status"), [("local-token", 200), ("flex-token", 403), ("made-up", 401)])
async def test_a_token_needs_the_scope_local(locked: TestClient, token: str, status: int) -> None:
    response = await locked.get("/api/state", headers={"Authorization": f"Bearer {token}"})

    assert response.status == status


def test_each_wrong_guess_doubles_the_pause_up_to_a_bound() -> None:
    throttle = Throttle(free=2, longest_s=10.0)
    pauses = []
    for _ in range(7):
        throttle.wrong("10.0.0.9", 100.0)
        pauses.append(throttle.wait_s("10.0.0.9", 100.0))
    assert pauses == [0.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    assert throttle.wait_s("10.0.0.9", 110.0) == 0.0
    assert throttle.wait_s("10.0.0.8", 100.0) == 0.0


def test_a_cookie_ends_and_dies_with_the_password() -> None:
    old, new = hash_of("old password"), hash_of("new password")
    cookie = make_cookie(old, now_s=1000.0)
    assert cookie_holds(cookie, old, now_s=1000.0 + COOKIE_S - 1)
    assert not cookie_holds(cookie, old, now_s=1000.0 + COOKIE_S)
    assert not cookie_holds(cookie, new, now_s=1000.0)


@pytest.mark.parametrize("cookie", ["", ".", "x.y", "99999999999.", "99999999999.00", "9" * 5000, "é.é"])
def test_a_made_up_cookie_is_worth_nothing(cookie: str) -> None:
    assert not cookie_holds(cookie, hash_of("old password"), now_s=0.0)


def test_a_password_is_kept_as_a_hash_only() -> None:
    stored = hash_of(PASSWORD)
    assert PASSWORD not in stored
    assert matches(stored, PASSWORD)
    assert not matches(stored, "correct house")
    assert not matches("not a hash", PASSWORD)


@pytest.mark.parametrize(
    ("host", "has_password", "refused"),
    [
        ("127.0.0.1", False, False),
        ("::1", False, False),
        ("localhost", False, False),
        ("0.0.0.0", False, True),
        ("192.168.1.7", False, True),
        ("::", False, True),
        ("0.0.0.0", True, False),
    ],
)
def test_an_open_port_needs_a_password(host: str, has_password: bool, refused: bool) -> None:
    assert (refusal(WebSettings(host=host), has_password=has_password) is not None) is refused


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/api/state", 200),
        ("GET", "/api/plan", 200),
        ("GET", "/api/history", 200),
        ("GET", "/api/decisions", 200),
        ("GET", "/api/sessions", 401),
        ("GET", "/api/history.csv", 401),
        ("GET", "/api/identities", 401),
        ("GET", "/api/installer", 401),
        ("PUT", "/api/wallboxes/garage/mode", 401),
        ("DELETE", "/api/wallboxes/garage/boost", 401),
    ],
)
async def test_a_guest_may_look_at_the_present_and_nothing_else(method: str, path: str, status: int) -> None:
    house = FakeHouse()
    app = application(house, house, FakeDoors("pw"), playing=house, workshop=FakeWorkshop(), guests=True)
    async with TestClient(TestServer(app)) as client:
        async with client.request(method, path) as response:
            assert response.status == status
        assert await (await client.get("/api/me")).json() == {"guest": True, "password": True}
    assert house.wishes == []
