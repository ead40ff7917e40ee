"""What an installer does at the page, in front of the whole daemon: tries out, checks, lets in, looks what would leave.

Five simulated minutes are five seconds here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from hemsd.model import WallboxImage
from tests.web.lived import Home, lived_in, shown, until

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

# Nobody listens there: what would leave the house stays in it.
HOOK = '{url: "http://127.0.0.1:9/hook", secret_file: hook.txt, events: ["flex:session:updated"]}'
MORE = f"policies: {{home: {{vehicle: car}}}}\ncloud: {{webhooks: [{HOOK}]}}\n"
A_TEST_MS = 90_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    (folder / "hook.txt").write_text("a secret that nobody is shown")
    async with lived_in(folder, MORE, speed=60) as one:
        yield one


def garage(home: Home) -> WallboxImage:
    (image,) = home.daemon.latest.freeze().wallboxes
    return image


def steered(home: Home) -> bool:
    box = home.daemon.house.state().wallboxes["garage"]
    return box.charging and box.decision is not None and box.decision.rule != "observing"


async def begun(page: Page, name: str, press: str) -> Locator:
    """One of the procedures under the wallbox, opened, begun and agreed to."""
    work = page.locator("details").filter(has_text=name)
    await work.locator("summary").click()
    await work.get_by_role("button", name=press).click()
    await page.get_by_role("button", name="Go ahead").click()
    await expect(work.locator("summary")).to_contain_text("running")
    return work


@pytest.mark.slow
async def test_a_wallbox_is_tried_out_in_the_middle_of_a_charge_and_what_it_did_is_kept(home: Home) -> None:
    await until(lambda: steered(home))
    visit = garage(home).transaction_id
    async with shown(home, "#/devices") as page, shown(home) as first_page:
        work = await begun(page, "Try the wallbox out", "Try it out")
        await expect(first_page.get_by_role("heading", level=1)).to_have_text("A test is running.")
        await expect(work.get_by_role("log")).to_contain_text("Keeping silent", timeout=A_TEST_MS)
        await expect(work.locator("dl")).to_contain_text("pauses the charge", timeout=A_TEST_MS)
        await expect(work.locator("dl")).to_contain_text(re.compile("falls back when hemsd is silent.*yes"))
        learned = page.locator(".devices .body > dl")
        await expect(learned.filter(has_text="0 A pauses it")).to_contain_text(re.compile("pauses it.*yes, proven"))
        await until(lambda: steered(home))
        assert garage(home).transaction_id == visit, "the charge went on through all of it"
        await expect(first_page.get_by_role("heading", level=1)).not_to_have_text("A test is running.")


@pytest.mark.slow
async def test_a_tryout_that_is_given_up_leaves_the_charge_to_the_sun_again(home: Home) -> None:
    await until(lambda: steered(home))
    async with shown(home, "#/devices") as page:
        work = await begun(page, "Try the wallbox out", "Try it out")
        await expect(work.get_by_role("log")).to_contain_text("Charging with up to 16")
        await work.get_by_role("button", name="Give up").click()
        await expect(work.get_by_role("log")).to_contain_text("Given up.")
        await expect(work.locator("summary")).to_contain_text("done")
    await until(lambda: steered(home))


@pytest.mark.slow
async def test_the_grid_meter_is_checked_step_by_step_and_nothing_else_is_tried_meanwhile(home: Home) -> None:
    await until(lambda: steered(home))
    async with shown(home, "#/devices") as page:
        work = await begun(page, "Check the grid meter", "Check it")
        await expect(work.get_by_role("log")).to_contain_text(
            re.compile(r"6.A on .*: wallbox .*, grid "), timeout=A_TEST_MS
        )
        other = page.locator("details").filter(has_text="Try the wallbox out")
        await other.locator("summary").click()
        await other.get_by_role("button", name="Try it out").click()
        await page.get_by_role("button", name="Go ahead").click()
        await expect(other.get_by_role("alert")).to_contain_text("garage is being used to check the grid meter")
        await expect(work.locator("p b")).to_contain_text("well", timeout=A_TEST_MS)
    await until(lambda: steered(home))


@pytest.mark.slow
async def test_a_stranger_at_the_door_is_shown_with_the_block_that_lets_it_in(home: Home) -> None:
    door = f"ws://127.0.0.1:{home.daemon.config.ocpp.port}/WB-777"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(door, protocols=["ocpp1.6"])
    async with shown(home, "#/devices") as page:
        await expect(page.locator("#strangers")).to_contain_text("WB-777")
        await page.get_by_role("link", name="How to let them in").click()
        stranger = page.locator("#strangers li").filter(has_text="WB-777")
        await expect(stranger).to_contain_text("127.0.0.1")
        await expect(stranger.locator("pre")).to_contain_text(re.compile(r"charge_point: ['\"]?WB-777"))
        await expect(stranger).to_be_in_viewport()


@pytest.mark.slow
async def test_what_would_leave_the_house_is_shown_word_for_word_and_without_its_secret(home: Home) -> None:
    async with shown(home, "#/installer/cloud") as page:
        await page.get_by_role("button", name="Show it").click()
        letter = page.locator("#cloud pre")
        await expect(letter).to_contain_text("POST http://127.0.0.1:9", timeout=A_TEST_MS)
        await expect(letter).to_contain_text("flex:session")
        await expect(letter).not_to_contain_text("a secret that nobody is shown")
