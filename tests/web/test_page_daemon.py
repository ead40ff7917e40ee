"""The page in front of the whole daemon and its simulated home: what is pressed reaches the wallbox, and is proved.

One daemon and one browser for all of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import expect

from tests.analysis.test_own_visits import PIT, visited
from tests.cloud.receiver import Answerer, Heard, Receiver, receiving, says, taken
from tests.web.lived import Home, lived_in, shown, started, until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SETTINGS = """\
policies: {{home: {{vehicle: car}}}}
cloud: {{analysis: {{url: "{cloud}", token: example-token}}}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory, cloud: Receiver) -> AsyncIterator[Home]:
    async with lived_in(tmp_path_factory.mktemp("home"), SETTINGS.format(cloud=cloud.url), speed=20) as one:
        yield one


@pytest.mark.slow
async def test_the_first_visit_is_told_as_it_happens(home: Home) -> None:
    async with shown(home) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            re.compile(r"Charging from .* at"), timeout=60_000
        )
        await expect(page.locator(".next")).to_contain_text(re.compile("when (the sun|it) gives"))
        await expect(page.locator(".obedience")).to_contain_text("obeyed", timeout=60_000)
        await expect(page.locator(".ages")).to_contain_text(re.compile(r"Grid \d"))
        await expect(page.locator(".timeline .entry").first).to_be_visible()


@pytest.mark.slow
async def test_a_mode_reaches_the_wallbox_and_the_page_shows_the_verdict(home: Home) -> None:
    async with shown(home) as page:
        await page.get_by_role("button", name="Fast").click()
        await until(lambda: home.offers_a == 16.0)
        await expect(page.locator(".obedience")).to_contain_text(
            re.compile(r"16.A on 3 phases.*obeyed"), timeout=60_000
        )
        await page.get_by_role("button", name="Off").click()
        await until(lambda: home.offers_a == 0.0)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Switched off.")


@pytest.mark.slow
async def test_charge_now_starts_a_car_that_waits_and_can_be_taken_back(home: Home) -> None:
    async with shown(home) as page:
        await page.get_by_role("button", name="Solar", exact=True).click()
        await page.get_by_role("button", name="Charge now").click()
        await until(lambda: home.offers_a == 16.0)
        back = page.get_by_role("button", name="Charging now: end it")
        await back.click()
        await expect(page.get_by_role("button", name="Charge now", exact=True)).to_be_visible()
        await until(lambda: home.offers_a < 16.0)


@pytest.mark.slow
async def test_a_target_becomes_a_plan_with_blocks_and_a_reason(home: Home) -> None:
    async with shown(home, "#/plan") as page:
        await page.get_by_role("button", name=re.compile("Change it|Ready by")).click()
        await page.get_by_label("At", exact=True).fill("23:30")
        await page.get_by_label(re.compile("Charged to")).fill("100")
        await page.get_by_role("button", name="Set", exact=True).click()
        await expect(page.locator(".plan-say")).to_have_text(re.compile(r"100.% by .*23:30"))
        await expect(page.locator(".box-plan .why")).to_contain_text(re.compile("before .*23:30|can't be reached by"))
        await expect(page.locator(".blocks li")).not_to_have_count(0)
        await expect(page.get_by_text("Charge now: starts at once")).to_be_visible()


@pytest.mark.slow
async def test_the_installer_lets_a_program_in_and_makes_a_block(home: Home) -> None:
    async with shown(home, "#/installer") as page:
        await page.get_by_label("Name of the program").fill("energy cloud")
        await page.get_by_label("analysis").check()
        await page.get_by_role("button", name="Let it in").click()
        await expect(
            page.get_by_label("What config.yaml needs for it").filter(has_text="client_secret")
        ).to_be_visible()
        await page.get_by_role("combobox", name="What", exact=True).select_option("battery")
        await page.get_by_label("Address", exact=True).fill("192.168.1.20")
        await page.get_by_role("button", name="Make the block").click()
        await expect(page.locator("pre").filter(has_text=re.compile(r"battery:\s+driver: modbus"))).to_be_visible()
        await expect(page.get_by_text("The check finds nothing wrong with it.")).to_be_visible()
        assert "192.168.1.20" not in (home.folder / "config.yaml").read_text()


@pytest.mark.slow
async def test_an_odd_visit_has_a_badge_and_says_what_when_and_what_to_do(home: Home) -> None:
    """A visit of yesterday whose charge dropped out for a while, judged by the daemon itself."""
    visit = await visited(home.daemon.store, PIT, number=9)
    await home.daemon.office.visits.judge(visit)
    async with shown(home, "#/visits") as page:
        badge = page.locator(".visits em").first
        await expect(badge).to_contain_text("The charge dropped out for 39 minutes")
        await badge.click()
        finding = page.locator(".finding").first
        await expect(finding).to_contain_text(re.compile(r"\d\d:\d\d – \d\d:\d\d: The charge dropped out"))
        await expect(finding.locator(".quiet")).not_to_be_empty()


def about(visit_id: str, answer: Answerer) -> Answerer:
    """This answer where a receiver is told of this visit; any other is taken."""

    async def answered(heard: Heard, request: web.Request) -> web.StreamResponse:
        told = visit_id in heard.path or (heard.body or {}).get("session_id") == visit_id
        return await (answer if told else taken)(heard, request)

    return answered


@pytest.mark.slow
async def test_a_refusal_is_sent_again_by_a_press_and_the_clouds_verdict_stands_beside_our_own(
    home: Home, cloud: Receiver
) -> None:
    store = home.daemon.store
    visit = await visited(store, PIT, number=8)
    await home.daemon.office.visits.judge(visit)
    cloud.behaves = about(visit.id, says(422, "no such station"))
    store.save_visit(replace(visit, transaction_id=8))  # with a transaction it is for the cloud
    async with shown(home, "#/devices") as page:
        told = page.locator("#told")
        await expect(told).to_contain_text("422 no such station", timeout=30_000)
        odd = {"category": "KWH_DECREASE", "score": 0.87, "confidence": 0.92}
        verdict = {"session_id": visit.id, "status": "active", "is_anomaly": True, "anomaly_score": 0.85}
        cloud.behaves = about(visit.id, says(201, {**verdict, "anomalies": [odd]}))
        await told.get_by_role("button", name="Send again", exact=True).click()
        await expect(told.get_by_role("status")).to_have_text("1 will be sent again.")
        await expect(told).not_to_contain_text("422")
    async with asyncio.timeout(30):
        while not await store.views.cloud_verdicts([visit.id]):  # noqa: ASYNC110 - nobody says when it has come
            await asyncio.sleep(0.05)
    async with shown(home, f"#/visits/{visit.id}") as page:
        section = page.locator("section").filter(has=page.get_by_role("heading", name="What was judged"))
        both = ["1 found", re.compile(r"^unusual \(score 85\s%\); kwh decrease$")]
        await expect(section.locator("dd")).to_have_text(both)


@pytest.mark.slow
async def test_a_restart_is_survived_with_a_clear_word(home: Home) -> None:
    async with shown(home) as page:
        await expect(page.locator(".say")).to_be_visible()
        await home.stop()
        await expect(page.get_by_text("Reconnecting. The numbers are from")).to_be_visible()
        await expect(page.locator("body.lost")).to_be_attached()
        home.daemon, home.running = await started(home.folder)
        await expect(page.locator("body.lost")).not_to_be_attached(timeout=30_000)


@pytest.mark.slow
async def test_a_guest_looks_and_presses_nothing(home: Home) -> None:
    page = await home.browser.new_page()
    await page.goto(home.url)
    await expect(page.locator(".say")).to_be_visible()
    await expect(page.get_by_text("You may look.")).to_be_visible()
    await expect(page.get_by_role("button", name="Fast")).to_have_count(0)
    await expect(page.get_by_role("link", name="Visits")).to_have_count(0)
    pressed = "fetch('api/wallboxes/garage/mode', {method: 'PUT', body: '{\"mode\": \"fast\"}'})"
    assert await page.evaluate(f"{pressed}.then((answer) => answer.status)") == 401
    await page.close()


@pytest.mark.slow
async def test_who_guesses_is_locked_out_for_a_while(home: Home) -> None:
    page = await home.browser.new_page()
    await page.goto(f"{home.url}login")
    told = []
    while len(told) < 12 and "wait" not in page.url:  # a slow machine may outlast the first, short pauses
        await page.get_by_label("Password").fill("battery staple")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("alert")).to_have_text(re.compile("That is not|Too many"))
        told.append(await page.get_by_role("alert").text_content())
    assert told[:4] == ["That is not the password."] * 4
    assert re.match(r"Too many tries\. Wait \d+ s\.", told[-1] or "")
    await page.close()
