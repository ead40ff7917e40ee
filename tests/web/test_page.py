"""The page in a real browser, from what a homeowner sees and does."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from hemsd.model import Mode, Outcome, Wish
from tests.web.browser import DESKTOP, PHONE, chromium, opened, serving
from tests.web.fake_house import VISIT_ID, FakeDoors, FakeHouse

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1-mpl-2.0.min.js"
VIEWS = ("#/", "#/plan", "#/history", "#/visits", f"#/visits/{VISIT_ID}", "#/devices", "#/installer")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


def words(text: str) -> re.Pattern[str]:
    """These words, whichever spaces stand between them: a number and its unit are not parted."""
    return re.compile(r"\s".join(re.escape(word) for word in text.split()))


@pytest.mark.slow
async def test_one_glance_tells_what_happens_and_why(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house) as url, opened(browser, url) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            re.compile(r"Charging from the sun at \d\.\d\skW")
        )
        reason = house.state().wallboxes["garage"].decision.reason  # type: ignore[union-attr]
        await expect(page.locator(".why")).to_have_text(words(reason))
        await expect(page.get_by_role("button", name="Solar", exact=True)).to_have_attribute("aria-pressed", "true")
        await expect(page.get_by_role("status").filter(has_text="Asked the wallbox")).to_contain_text("obeyed")


@pytest.mark.slow
async def test_a_press_answers_at_once_and_then_shows_the_verdict(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house) as url, opened(browser, url) as page:
        await page.get_by_role("button", name="Fast").click()
        await expect(page.get_by_role("button", name="Fast")).to_have_attribute("aria-pressed", "true")
        await expect(page.locator(".obedience")).to_have_text("Fast: asked the house …")
        assert house.wishes == [Wish("garage", mode=Mode.FAST)]

        house.advance(60)
        house.plant.commands[-1] = house.plant.commands[-1].__class__(
            **{**_fields(house.plant.commands[-1]), "outcome": Outcome.ACCEPTED_INEFFECTIVE, "final": True}
        )
        house.changes.bump()
        await expect(page.locator(".obedience")).to_contain_text("Asked the wallbox for 16 A on 3 phases")
        await expect(page.locator(".obedience")).to_contain_text("ignored")


def _fields(command: object) -> dict[str, object]:
    return {name: getattr(command, name) for name in command.__slots__}  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_a_refused_press_says_why(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house) as url, opened(browser, url) as page:
        await page.route(
            "**/mode", lambda route: route.fulfill(status=404, json={"detail": "no wallbox 'garage'; there is none"})
        )
        await page.get_by_role("button", name="Off").click()
        await expect(page.locator(".obedience")).to_have_text("no wallbox 'garage'; there is none")


@pytest.mark.slow
async def test_ready_by_asks_for_a_level_at_a_time_of_the_house(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house) as url, opened(browser, url) as page:
        await page.get_by_role("button", name="80 % by").click()
        await page.get_by_label("At", exact=True).fill("06:30")
        house.plant.pv_w = 1234.0  # news of the house must not write into what is being entered
        house.changes.bump()
        await expect(page.locator(".node.sun .value")).to_have_text("1.2 kW")
        await page.get_by_role("button", name="Set", exact=True).click()
        await expect(page.get_by_role("button", name="80 % by Mon 06:30")).to_be_visible()
        asked = house.wishes[-1]
        assert asked.target_pct == 80
        assert asked.ready_by_at is not None
        assert asked.ready_by_at.isoformat() == "2026-06-22T04:30:00+00:00"  # 06:30 in Berlin


@pytest.mark.slow
async def test_a_press_into_a_dead_line_says_that_nothing_was_changed(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house) as url, opened(browser, url) as page:
        await page.route("**/mode", lambda route: route.abort())
        await page.get_by_role("button", name="Off").click()
        await expect(page.locator(".obedience")).to_have_text("The house can't be reached. Nothing was changed.")
        await expect(page.get_by_role("button", name="Solar", exact=True)).to_have_attribute("aria-pressed", "true")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "midnight"),
    [
        ("2026-06-21T12:00:00Z", "2026-06-20T22:00:00.000Z"),
        ("2026-03-29T12:00:00Z", "2026-03-28T23:00:00.000Z"),  # the clocks went forward in the night
        ("2026-10-25T12:00:00Z", "2026-10-24T22:00:00.000Z"),  # and back
        ("2026-10-25T23:30:00Z", "2026-10-25T23:00:00.000Z"),
    ],
)
async def test_the_day_begins_at_the_midnight_of_the_house(browser: Browser, moment: str, midnight: str) -> None:
    async with serving(FakeHouse()) as url, opened(browser, url) as page:
        await expect(page.locator(".say")).to_be_visible()  # the time zone has come with the state
        found = await page.evaluate(
            "async (moment) => new Date((await import('/static/words.js')).midnight(Date.parse(moment))).toISOString()",
            moment,
        )
        assert found == midnight


@pytest.mark.slow
async def test_a_lost_line_dims_the_numbers_says_since_when_and_mends_itself(browser: Browser) -> None:
    house = FakeHouse()
    async with AsyncExitStack() as stack:
        async with serving(house) as url:
            page = await stack.enter_async_context(opened(browser, url))
            await expect(page.locator(".say")).to_be_visible()
        await expect(page.locator("body.lost")).to_be_attached()
        await expect(page.get_by_text("Reconnecting. The numbers are from 14:22:00.")).to_be_visible()
        async with serving(house, port=int(url.rsplit(":", 1)[1].rstrip("/"))):
            await expect(page.locator("body.lost")).not_to_be_attached(timeout=8000)


@pytest.mark.slow
async def test_tapping_the_day_tells_what_was_decided_and_what_came_of_it(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house) as url, opened(browser, url) as page:
        marks = page.get_by_role("slider", name="Decisions")
        await expect(marks.locator(".mark").first).to_be_attached()
        await marks.focus()
        await page.keyboard.press("ArrowLeft")
        newest = [one for one in house.plant.decisions if one.command_id][-1]
        await expect(page.locator(".reason")).to_contain_text(words(newest.reason))
        await expect(marks).to_have_attribute("aria-valuetext", words(newest.reason))
        await page.keyboard.press("ArrowLeft")
        await expect(page.locator(".reason")).not_to_contain_text(words(newest.reason))


@pytest.mark.slow
async def test_every_command_shows_its_evidence(browser: Browser) -> None:
    house = FakeHouse()
    ignored = [one for one in house.plant.commands if one.outcome is Outcome.ACCEPTED_INEFFECTIVE][-1]
    assert ignored.evidence is not None
    async with serving(house) as url, opened(browser, f"{url}#/visits/{VISIT_ID}") as page:
        await page.get_by_role("button", name=re.compile(r"All \d+")).click()
        await page.get_by_text("ignored", exact=True).first.click()
        entry = page.locator("details[open]")
        await expect(entry).to_contain_text(ignored.evidence.text)
        await expect(entry).to_contain_text("TxProfile Absolute")


@pytest.mark.slow
async def test_what_if_tells_the_difference_in_one_sentence(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, f"{url}#/visits/{VISIT_ID}") as page:
        await page.get_by_label("Bought before a pause").fill("60")
        await page.get_by_role("button", name="Play it").click()
        await expect(page.locator(".found")).to_have_text(
            words("It would have been 2 starts fewer, 0.4 kWh more from the grid, €0.13 dearer.")
        )


@pytest.mark.slow
async def test_a_new_decision_joins_the_story_without_a_reload(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house) as url, opened(browser, url) as page:
        entries = page.locator(".timeline .entry")
        await expect(entries.first).to_be_visible()
        house.wish(Wish("garage", mode=Mode.FAST))
        house.advance(60)
        newest = house.plant.decisions[-1]
        await expect(entries.first).to_contain_text(words(newest.reason))


@pytest.mark.slow
async def test_what_a_receiver_refused_is_shown_with_its_answer_and_sent_again_by_a_press(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, f"{url}#/devices") as page:
        told = page.locator("#told")
        await expect(told.get_by_role("heading", level=2)).to_have_text(["Told to others", "Analysis", "Webhook"])
        await expect(told).to_contain_text("no connection: Network is unreachable")
        await expect(told.get_by_text("422 no such station")).to_be_visible()
        await told.get_by_role("button", name="Send again", exact=True).first.click()
        await expect(told.get_by_role("status")).to_have_text("1 will be sent again.")
        await expect(told.get_by_text("422 no such station")).to_have_count(0)
        await expect(told.get_by_text("500 oops (178 tries)")).to_be_visible()


@pytest.mark.slow
async def test_the_devices_view_says_how_late_the_grid_meter_is_and_what_the_battery_may_give(browser: Browser) -> None:
    house = FakeHouse()
    house.grid_delay_s, house.battery_may_give_w = 4.2, 430.0
    async with serving(house) as url, opened(browser, f"{url}#/devices") as page:
        await expect(page.get_by_text(words("reports 4 s late"))).to_have_count(1)
        await expect(page.get_by_text(words("may give 430 W while a car charges (obeyed)"))).to_have_count(1)


@pytest.mark.slow
async def test_the_installer_sees_faults_strangers_settings_and_the_log(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, f"{url}#/devices") as page:
        await page.get_by_role("link", name="Installer").click()
        await expect(page.get_by_text("is no setting here: did you mean port?")).to_be_visible()
        await expect(page.get_by_label("What config.yaml needs for it")).to_contain_text("charge_point: EVB-P17")
        await expect(page.get_by_label("Settings in force")).to_contain_text("password: (hidden)")
        await expect(page.get_by_role("log").locator("p")).to_have_count(3)
        await page.get_by_role("button", name="Only warnings").click()
        await expect(page.get_by_role("log").locator("p")).to_have_count(1)
        await expect(page.get_by_role("link", name="Support bundle")).to_have_attribute(
            "href", "api/installer/bundle.zip"
        )


@pytest.mark.slow
async def test_a_wallbox_is_tried_out_with_consent_and_its_steps_are_seen(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, f"{url}#/devices") as page:
        await page.get_by_text("Try the wallbox out").click()
        await page.get_by_role("button", name="Try it out").click()
        await expect(page.get_by_role("dialog")).to_contain_text("about eight minutes")
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_text("16 A: applied")).to_have_count(0)
        await page.get_by_role("button", name="Try it out").click()
        await page.get_by_role("button", name="Go ahead").click()
        await expect(page.get_by_role("log", name="Try the wallbox out")).to_contain_text("16 A: applied")
        await expect(page.get_by_text("falls back when hemsd is silent")).to_be_visible()
        await page.get_by_text("Check the grid meter").click()
        await page.get_by_role("button", name="Check it").click()
        await page.get_by_role("button", name="Go ahead").click()
        await expect(page.get_by_text("All is well").first).to_be_visible()


@pytest.mark.slow
async def test_the_plan_says_what_when_why_and_what_would_change_it(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, f"{url}#/plan", locale="de") as page:
        await expect(page.locator(".plan-say")).to_have_text(words("80 % bis Mo 07:00"))
        await expect(page.locator(".box-plan .why")).to_contain_text(re.compile("Die günstigsten .* vor Mo 07:00"))
        await expect(page.locator(".blocks li")).to_contain_text(words("Mo 02:00 –"))
        await expect(page.get_by_text("Was es ändern würde")).to_be_visible()
        await expect(page.get_by_role("img", name=re.compile("kWh"))).to_be_visible()


@pytest.mark.slow
async def test_a_german_page_tells_alerts_and_evidence_in_german(browser: Browser) -> None:
    async with serving(FakeHouse("stale")) as url, opened(browser, url, locale="de") as page:
        await expect(page.locator(".alerts")).to_contain_text(words("Der Netzzähler schweigt seit 75 s."))
        await expect(page.locator(".alerts")).not_to_contain_text("silent")


@pytest.mark.slow
async def test_visits_lead_to_the_story_of_one(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house) as url, opened(browser, url) as page:
        await page.get_by_role("link", name="Visits").click()
        await expect(page.locator(".visits li")).to_have_count(20)
        await page.get_by_role("button", name="Earlier visits").click()
        await expect(page.locator(".visits li")).to_have_count(40)
        await expect(page.locator(".visits li").last).to_contain_text("away from home")
        await page.locator(".visits a").first.click()
        await expect(page.get_by_text("commands obeyed")).to_be_visible()
        await expect(page.locator(".blocks li b")).to_have_text(["08:41 – 10:41", re.compile("11:01 – ")])
        await expect(page.get_by_text(re.compile(r"^CO₂, [\d.]+\s(g|kg) saved$"))).to_be_visible()


@pytest.mark.slow
async def test_a_house_without_a_visit_teaches_what_to_do(browser: Browser) -> None:
    async with serving(FakeHouse("empty")) as url, opened(browser, url) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("No car plugged in.")
        await expect(page.get_by_text("Plug it in and it charges from the sun.")).to_be_visible()
        await expect(page.get_by_text("No visit yet.")).to_be_visible()
        await expect(page.get_by_role("button", name="Charge now")).to_be_disabled()


@pytest.mark.slow
async def test_the_page_speaks_german(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, url, locale="de-DE") as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"Lädt mit Sonne, \d,\d\skW"))
        await page.get_by_role("button", name="English").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Charging from the sun"))


@pytest.mark.slow
async def test_what_is_planned_and_what_it_costs_stands_in_the_day(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, url) as page:
        await expect(page.locator(".planned")).to_have_count(1)
        await expect(page.get_by_text(re.compile(r"Planned: \S+\skWh from Mon 02:00 to Mon"))).to_be_visible()
        await expect(page.get_by_role("img", name=re.compile(r"Price per kWh: lowest €0\.20 at 13:30"))).to_be_visible()


@pytest.mark.slow
async def test_history_is_walked_dragged_zoomed_and_saved(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, f"{url}#/history", device=DESKTOP) as page:
        span = page.locator(".walk b")
        await expect(span).to_have_text("Sun, Jun 21")
        await expect(page.get_by_role("button", name="Later")).to_be_disabled()
        await page.get_by_role("button", name="Earlier").click()
        await expect(span).to_have_text("Sat, Jun 20")
        await expect(page.locator(".area.car")).not_to_have_count(0)
        await page.get_by_role("button", name="Week").click()
        await expect(span).to_have_text("Sun, Jun 14 – Sat, Jun 20")
        save = page.get_by_role("link", name="Save as a table")
        await expect(save).to_have_attribute("href", re.compile("from=2026-06-13T22%3A00%3A00.000Z&to=2026-06-20T22"))
        box = await page.locator(".movable").bounding_box()
        assert box is not None
        middle, height = box["x"] + box["width"] / 2, box["y"] + 100
        await page.mouse.move(middle, height)
        await page.mouse.down()
        await page.mouse.move(middle + box["width"] / 7, height, steps=4)
        await page.mouse.up()
        await expect(span).to_have_text("Sat, Jun 13 – Fri, Jun 19")
        await page.get_by_role("button", name="Closer").click()
        await expect(span).to_have_text(re.compile(r"Jun 1[45]\s– Thu, Jun 18"))


@pytest.mark.slow
async def test_a_month_is_told_by_the_day_and_a_tap_opens_one(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, f"{url}#/history") as page:
        await page.get_by_role("button", name="Month").click()
        days = page.locator(".days svg")
        await expect(
            days.get_by_role("button", name=re.compile(r"Sat, Jun 20: Sun [\d.]+\skWh, From the grid"))
        ).to_be_visible()
        await expect(days.get_by_role("button")).to_have_count(30)
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await page.evaluate("axe.run('.days')")
        assert found["violations"] == []
        box = await days.bounding_box()
        assert box is not None
        await page.touchscreen.tap(box["x"] + box["width"] - 3, box["y"] + 60)
        await expect(page.locator(".walk b")).to_have_text("Sun, Jun 21")
        await expect(page.get_by_role("button", name="Day", exact=True)).to_have_attribute("aria-pressed", "true")
        await expect(page.locator(".marks")).to_be_visible()


@pytest.mark.slow
async def test_the_days_of_a_month_are_walked_with_the_keyboard(browser: Browser) -> None:
    async with serving(FakeHouse()) as url, opened(browser, f"{url}#/history") as page:
        await page.get_by_role("button", name="Month").click()
        await page.locator(".days [tabindex='0']").focus()
        await page.keyboard.press("ArrowLeft")
        await page.keyboard.press("Enter")
        await expect(page.locator(".walk b")).to_have_text("Sat, Jun 20")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("locale", "why"),
    [
        ("en", "The house takes 420 W more than the sun gives. Charging needs 1.4 kW to spare."),
        ("de", "Das Haus braucht 420 W mehr, als die Sonne gibt. Zum Laden müssten 1,4 kW übrig sein."),
    ],
)
async def test_at_night_a_lack_is_told_and_what_a_start_takes(browser: Browser, locale: str, why: str) -> None:
    async with serving(FakeHouse("night")) as url, opened(browser, url, locale=locale) as page:
        await expect(page.locator(".why")).to_have_text(words(why))
        await expect(page.locator(".next")).to_contain_text(words("75 %"))


@pytest.mark.slow
async def test_a_wallbox_that_calls_itself_a_script_stays_a_text(browser: Browser) -> None:
    house = FakeHouse()
    evil = "<img src=x onerror=\"document.title='owned'\">"
    house.plant.decisions[-1] = house.plant.decisions[-1].__class__(
        **{**_fields(house.plant.decisions[-1]), "reason": evil}
    )
    async with serving(house) as url, opened(browser, url) as page:
        await expect(page.locator(".why")).to_have_text(evil)
        assert await page.title() == "Home"


@pytest.mark.slow
async def test_a_level_that_was_reckoned_says_from_what_and_how_old_that_is(browser: Browser) -> None:
    state = FakeHouse().state().model_dump(mode="json")
    level = {"soc_pct": 35.0, "soc_now_pct": 61.8, "soc_age_s": 7200.0, "told_by": "person"}
    state["wallboxes"]["garage"].update(level)
    state["vehicles"] = {"car": {"wallbox": "garage", "capacity_kwh": 60, "phases": 3, "max_a": 16, **level}}
    async with serving(FakeHouse()) as url, opened(browser, url) as page:
        await page.route(
            "**/api/events",
            lambda route: route.fulfill(content_type="text/event-stream", body=f"data: {json.dumps(state)}\n\n"),
        )
        await page.reload()
        await expect(page.locator(".level")).to_contain_text(words("Car at 62 %"))
        await expect(page.locator(".level")).to_contain_text(words("reckoned from 35 %, told 2 h ago"))
        await page.evaluate("location.hash = '#/devices'")
        await expect(page.locator(".devices.live")).to_contain_text(words("62 % (reckoned from 35 %, told 2 h ago)"))
        await expect(page.locator(".devices dd").filter(has_text="you")).to_have_text("you")


@pytest.mark.slow
async def test_a_page_that_breaks_says_so_instead_of_going_blank(browser: Browser) -> None:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(FakeHouse()))
        context = await browser.new_context()
        stack.push_async_callback(context.close)
        page = await context.new_page()
        state = FakeHouse().state().model_dump(mode="json") | {"wallboxes": {"garage": None}}
        await page.route(
            "**/api/events",
            lambda route: route.fulfill(content_type="text/event-stream", body=f"data: {json.dumps(state)}\n\n"),
        )
        await page.goto(url)
        await expect(page.get_by_role("heading", level=1)).to_have_text("This page broke.")


@pytest.mark.slow
async def test_the_password_is_asked_for_once(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house, FakeDoors("correct horse")) as url, opened(browser, url) as page:
        await expect(page).to_have_url(re.compile("/login$"))
        await page.get_by_label("Password").fill("battery staple")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        await page.get_by_label("Password").fill("correct horse")
        await page.keyboard.press("Enter")
        await expect(page.locator(".say")).to_be_visible()
        await page.reload()
        await expect(page.locator(".say")).to_be_visible()
        await page.get_by_role("button", name="Log out").click()
        await expect(page).to_have_url(re.compile("/login$"))
        await page.goto(url)
        await expect(page).to_have_url(re.compile("/login$"))


@pytest.mark.slow
async def test_a_guest_may_look_and_change_nothing(browser: Browser) -> None:
    house = FakeHouse()
    async with serving(house, FakeDoors("correct horse"), guests=True) as url, opened(browser, url) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Charging from the sun"))
        await expect(page.locator(".marks .mark").first).to_be_attached()
        await expect(page.get_by_role("button", name="Solar", exact=True)).to_have_count(0)
        await expect(page.get_by_role("button", name="Charge now")).to_have_count(0)
        await expect(page.get_by_role("link", name="Visits")).to_have_count(0)
        await page.get_by_role("link", name="Log in").click()
        await page.get_by_label("Password").fill("correct horse")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Solar", exact=True)).to_be_visible()


@pytest.mark.slow
async def test_the_installed_page_opens_while_the_house_is_away(browser: Browser) -> None:
    async with AsyncExitStack() as stack:
        context = await browser.new_context(**PHONE)  # type: ignore[arg-type]
        stack.push_async_callback(context.close)
        page = await context.new_page()
        async with serving(FakeHouse()) as url:
            await page.goto(url)
            await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
            await page.reload()  # now through the service worker, which keeps what it sees
            await expect(page.locator(".say")).to_be_visible()
            keeps = "caches.open('hemsd-shell').then((kept) => kept.keys()).then((kept) => kept.map((one) => one.url))"
            await page.wait_for_function(f"{keeps}.then((urls) => urls.length > 15)")
            assert not [one for one in await page.evaluate(keeps) if "/api/" in one]
        await page.goto(url)
        await expect(page.get_by_text("Connecting to the house …")).to_be_visible()


async def _turned_to(page: Page, view: str) -> None:
    """Another view of the same page."""
    await page.evaluate("(view) => { location.hash = view; }", view)
    await _settled(page)


async def _settled(page: Page) -> None:
    await expect(page.locator("#main, main.login").first).to_be_visible()
    await expect(page.locator(".shell")).to_have_count(0)
    await page.wait_for_timeout(300)  # for what is faded in


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scene", "theme", "device"), [("charging", "light", PHONE), ("stale", "dark", PHONE), ("two", "dark", DESKTOP)]
)
async def test_nothing_keeps_anybody_out(browser: Browser, scene: str, theme: str, device: dict[str, object]) -> None:
    """axe-core finds no violation of WCAG 2.1 A and AA in any view."""
    async with serving(FakeHouse(scene)) as url, opened(browser, url, theme=theme, device=device) as page:
        await page.evaluate(AXE.read_text(encoding="utf-8"))
        for view in VIEWS:
            await _turned_to(page, view)
            found = await page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
            assert [(view, one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []


@pytest.mark.slow
async def test_nothing_sticks_out_sideways(browser: Browser) -> None:
    async with serving(FakeHouse("two")) as url, opened(browser, url, device=DESKTOP, locale="de") as page:
        for view in VIEWS:
            await _turned_to(page, view)
            for width in (320, 768, 1280):
                await page.set_viewport_size({"width": width, "height": 800})
                await page.wait_for_timeout(100)  # until the charts have measured themselves
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (view, width)


@pytest.mark.slow
async def test_motion_stops_for_those_who_asked_for_it(browser: Browser) -> None:
    device = {**PHONE, "reduced_motion": "reduce"}
    async with serving(FakeHouse()) as url, opened(browser, url, device=device) as page:
        await expect(page.locator(".dots").first).to_be_attached()
        assert await page.evaluate("document.getAnimations().length") == 0
