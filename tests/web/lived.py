"""A whole daemon with its simulated home, and a real browser in front of it, for the tests of one module."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, expect

from hemsd.app import Daemon
from hemsd.config import load
from hemsd.simulation import clock_for
from tests.daemon.living import write_config
from tests.web.browser import PHONE, chromium

PASSWORD = "correct horse"


@dataclass
class Home:
    """The running daemon, a browser, and a context that is logged in."""

    folder: Path
    browser: Browser
    daemon: Daemon
    running: asyncio.Task[None]
    family: BrowserContext | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.daemon.web.port}/"

    @property
    def offers_a(self) -> float:
        """What the wallbox itself offers its car: no word of hemsd's."""
        assert self.daemon.simulated is not None
        return self.daemon.simulated.wallbox.station.offered_a

    async def stop(self) -> None:
        self.daemon.stopping.set()
        await asyncio.wait_for(self.running, 30)
        await self.daemon.__aexit__()


async def started(folder: Path) -> tuple[Daemon, asyncio.Task[None]]:
    file = folder / "config.yaml"
    config = load(file)
    daemon = await Daemon.make(config, await clock_for(config), file=file)
    running = asyncio.create_task(daemon.run())
    await daemon.web.listening.wait()
    return daemon, running


@asynccontextmanager
async def lived_in(folder: Path, more: str, *, speed: float) -> AsyncIterator[Home]:
    """A home with a password that lets guests look, as a real one might; ``more`` is added to its settings."""
    (folder / "word.txt").write_text(PASSWORD)
    _, _, web = write_config(folder, speed=speed)
    file = folder / "config.yaml"
    section = f"web: {{port: {web}, password_file: word.txt, guests: true}}"
    file.write_text(file.read_text().replace(f"web: {{port: {web}}}", section) + more)
    async with chromium() as browser:
        one = Home(folder, browser, *await started(folder))
        yield one
        await one.stop()


@asynccontextmanager
async def shown(home: Home, view: str = "#/") -> AsyncIterator[Page]:
    """A page of the family, who logged in once."""
    if home.family is None:
        home.family = await home.browser.new_context(service_workers="block", locale="en", **PHONE)  # type: ignore[arg-type]
        page = await home.family.new_page()
        await page.goto(f"{home.url}login")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.locator(".say")).to_be_visible()
        await page.close()
    page = await home.family.new_page()
    await page.goto(home.url + view)
    try:
        yield page
    finally:
        await page.close()


async def until(true: Callable[[], bool], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - a test looks at many different things
            await asyncio.sleep(0.05)
