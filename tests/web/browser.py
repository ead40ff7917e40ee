"""A real Chromium in front of the made-up house. Debian's own browser, as `make test` installs it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.web.fake_adopting import FakeAdopting
from tests.web.fake_desk import FakeDesk
from tests.web.fake_house import FakeDoors, FakeHouse, FakeWorkshop
from web.adoption import AdoptionApi
from web.cloud import CloudApi
from web.events import EventStreams
from web.server import WebServer, application
from web.settings import WebSettings

expect.set_options(timeout=15_000)  # two cores may have much to do
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def serving(
    house: FakeHouse, doors: FakeDoors | None = None, port: int = 0, *, guests: bool = False
) -> AsyncIterator[str]:
    """The address of a server for this house."""
    app = application(
        house,
        house,
        doors or FakeDoors(),
        dialects=(*CloudApi(FakeDesk()).routes(), *AdoptionApi(FakeAdopting()).routes()),
        playing=house,
        workshop=FakeWorkshop(),
        guests=guests,
        streams=EventStreams(house, rest_s=0.05),
    )
    server = WebServer(WebSettings(port=port), app)
    task = asyncio.create_task(server.run())
    await server.listening.wait()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def opened(
    browser: Browser, url: str, *, theme: str = "light", locale: str = "en", device: dict[str, object] = PHONE
) -> AsyncIterator[Page]:
    """A fresh page; whatever the browser complains about fails the test."""
    context = await browser.new_context(service_workers="block", color_scheme=theme, locale=locale, **device)  # type: ignore[arg-type]
    page = await context.new_page()
    page.set_default_timeout(15_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(url)
    try:
        yield page
    finally:
        await context.close()
    # An answer of 4xx or 5xx, or none, is a complaint too, but one that the page is meant to meet.
    heard = [text for text in complaints if not text.startswith("Failed to load resource")]
    assert heard == [], heard
