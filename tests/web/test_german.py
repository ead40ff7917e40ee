"""A German page speaks German, in front of the whole daemon: in every view, and in the states that have much to say.

What a text is made of shows in its small words: an English sentence without any of them is hardly one. Left alone are
what is no sentence of ours: settings and previews (``pre``), what says of itself that it is English, as the diary does,
and names that makers gave (``option``).
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from hemsd.model import DimmedBy, Mode, Wish
from tests.web.browser import PHONE
from tests.web.lived import PASSWORD, Home, lived_in, until
from web.server import STATIC

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

SMALL_WORDS = re.compile(
    r"\b(the|is|are|not|and|of|to|with|for|it|its|that|this|from|by|has|have|does|can't|would|nothing|which|until|than"
    r"|at|on|no|known|unknown|write|add|yes)\b",
    re.IGNORECASE,
)
CLOSED = "http://127.0.0.1:9"  # the discard port: nobody listens
MORE = f"""policies: {{home: {{vehicle: car}}}}
cloud:
  analysis: {{url: "{CLOSED}", token_file: word.txt}}
tariff: {{import: {{driver: fixed, eur_per_kwh: 0.3}}, export: {{driver: fixed, eur_per_kwh: 0.08}}}}
"""
BROKEN = """site: {main_fuse_a: abc, timezone: Europe/Berln}
meters:
  grid: {driver: modbuss, host: 192.168.1.20}
  pv: {driver: modbus, port: 99999}
  meter: {driver: mqtt, topic: x}
  battery: {driver: modbus, device: xyz, host: 192.168.1.20}
wallboxes:
  garage: {driver: ocpp, charge_point: A, min_a: 20, max_a: 16}
  carport: {driver: ocpp, charge_point: A, max_a: 999, pasword: x}
vehicles: {car: {wallbox: nowhere, capacity_kwh: -3, phases: 9, max_a: [1]}}
web: {host: 0.0.0.0}
cloud: {analysis: {url: "http://cloud.example"}}
"""
GATHER = """() => {
  const texts = [];
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const around = nodes.currentNode.parentElement;
    if (!around.closest("pre, noscript, option, [lang=en]"))
      texts.push(nodes.currentNode.textContent);
  }
  for (const one of document.querySelectorAll("[aria-label], [title]"))
    texts.push(one.getAttribute("aria-label") ?? one.title);
  return texts;
}"""


def catalogue(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return found


HOUSEHOLD = {"car", "garage"}  # what config.yaml calls them
ENGLISH_ONLY = set(catalogue("en").values()) - set(catalogue("de").values()) - HOUSEHOLD


async def english(page: Page) -> list[str]:
    """Every text of the page that is no German one, whether or not it is folded away."""
    texts = [re.sub(r"/\S+", "", text).strip() for text in await page.evaluate(GATHER)]  # a path is no sentence
    return sorted({text for text in texts if text in ENGLISH_ONLY or SMALL_WORDS.search(text)})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    async with lived_in(tmp_path_factory.mktemp("home"), MORE, speed=40) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(home: Home) -> AsyncIterator[Page]:
    context = await home.browser.new_context(service_workers="block", locale="de", **PHONE)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(f"{home.url}login")
    assert await english(page) == []
    await page.get_by_label("Passwort").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator(".say")).to_be_visible()
    yield page
    await context.close()


def rule(home: Home) -> str:
    return home.daemon.control.decisions["garage"].rule


async def shows(home: Home, page: Page, wanted: Callable[[], bool]) -> None:
    """Waits until the house has come to something, and the page has heard of it."""
    await until(wanted)
    decided = home.daemon.control.decisions["garage"].at.isoformat(timespec="seconds")
    await page.wait_for_function(
        "(at) => import('/static/live.js').then(({ live }) => live.state.time >= at)",
        arg=decided.replace("+00:00", "Z"),
    )


@pytest.mark.slow
async def test_every_view_is_german(home: Home, page: Page) -> None:
    await shows(home, page, lambda: home.offers_a > 0.0)
    for view in ("#/", "#/plan", "#/history", "#/visits", "#/devices", "#/installer"):
        await page.goto(home.url + view)
        await expect(page.locator("h1, .say").first).to_be_visible()
        await page.wait_for_load_state("networkidle") if view == "#/installer" else None
        assert await english(page) == [], view
    await page.goto(f"{home.url}#/visits")
    await page.locator(".visits a").first.click()
    await expect(page.locator(".what-if")).to_be_visible()
    assert await english(page) == []


@pytest.mark.slow
async def test_whatever_happens_is_told_in_german(home: Home, page: Page) -> None:
    """Switched off, at once, dimmed to a pause, without a grid meter, without a car; each with its alerts and story."""
    daemon = home.daemon
    assert daemon.simulated is not None
    await page.goto(f"{home.url}#/")
    for mode, what in ((Mode.OFF, "off"), (Mode.FAST, "fast")):
        daemon.house.wish(Wish("garage", mode=mode))
        await shows(home, page, lambda what=what: rule(home) == what)
        assert await english(page) == [], mode
    daemon.control.grid_orders.order(1000.0, DimmedBy.API)
    await shows(home, page, lambda: rule(home) == "dimmed" or home.offers_a == 0.0)
    assert await english(page) == []
    daemon.control.grid_orders.lift(DimmedBy.API)
    daemon.simulated.grid_meter.silent = True
    await shows(home, page, lambda: any(alert.key == "grid" for alert in daemon.alerts.standing))
    assert await english(page) == []
    await page.goto(f"{home.url}#/devices")
    await until(lambda: daemon.house.state().meters["grid"].trouble is not None)
    await expect(page.locator(".doubt").first).to_be_visible()
    assert await english(page) == []
    daemon.simulated.grid_meter.silent = False
    daemon.simulated.unplug()
    await page.goto(f"{home.url}#/")
    await shows(home, page, lambda: rule(home) == "no_car")
    assert await english(page) == []
    daemon.simulated.plug()
    seen = {name for decision in daemon.control.decisions.values() for name in decision.inputs}
    assert {f"input.{name}" for name in seen} <= set(catalogue("de"))


@pytest.mark.slow
async def test_a_tryout_and_what_stands_in_its_way_are_told_in_german(home: Home, page: Page) -> None:
    daemon = home.daemon
    await until(lambda: daemon.house.state().wallboxes["garage"].transaction_id is not None)
    await page.goto(f"{home.url}#/devices")
    await page.locator("summary", has_text="Die Wallbox ausprobieren").click()
    await page.get_by_role("button", name="Ausprobieren").click()
    await page.get_by_role("button", name="Los").last.click()
    await expect(page.get_by_text("10 A: befolgt")).to_be_visible(timeout=60_000)
    assert await english(page) == []
    refused = "fetch('api/wallboxes/garage/meter-check', {method: 'POST', body: '{\"consent\": true}'})"
    why = await page.evaluate(
        f"Promise.all([{refused}.then((a) => a.json()), import('/static/asking.js')])"
        ".then(([answer, { refusal }]) => refusal({}, answer).message)"
    )
    assert why == "garage wird gerade ausprobiert"
    await page.get_by_role("button", name="Abbrechen").first.click()
    await expect(page.get_by_text("Abgebrochen.").first).to_be_visible()


@pytest.mark.slow
async def test_what_is_wrong_in_the_settings_is_told_in_german(home: Home, page: Page) -> None:
    (home.folder / "config.yaml").write_text(BROKEN)
    await page.goto(f"{home.url}#/installer")
    await page.get_by_role("button", name="Noch einmal nachsehen").click()
    await expect(page.get_by_text("min_a (20\u00a0A) darf nicht über max_a (16\u00a0A) liegen")).to_be_visible()
    await page.get_by_label(re.compile("^Adresse \\(mit")).fill("127.0.0.1:9")
    await page.get_by_role("button", name="Fragen").click()
    await expect(page.get_by_text("An 127.0.0.1:9 antwortet kein Gerät")).to_be_visible()
    await page.get_by_role("button", name="Block machen").click()
    await expect(page.get_by_text("nennt keinen Ort: host hinzufügen")).to_be_visible()
    assert await english(page) == []
