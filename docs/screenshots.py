"""Takes the pictures of the page, from the made-up home of the tests: ``python docs/screenshots.py [SCENE ...]``.

Needs Chromium. Writes docs/screenshots/SCENE-DEVICE-THEME.png; the pictures in the README are among them.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from playwright.async_api import Browser, async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.web.fake_house import VISIT_ID, FakeDoors, FakeHouse  # noqa: E402
from web.server import WebServer, application  # noqa: E402
from web.settings import WebSettings  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DEVICES = {"phone": (390, 844, 2.0), "desktop": (1280, 800, 1.0)}
SCENES = ("charging", "waiting", "paused", "stale", "empty", "two")
VIEWS = {"visits": "#/visits", "visit": f"#/visits/{VISIT_ID}", "devices": "#/devices"}


async def shoot(browser: Browser, url: str, name: str, *, out: Path, lang: str = "en", full: bool = True) -> None:
    for device, (width, height, scale) in DEVICES.items():
        for theme in ("light", "dark"):
            context = await browser.new_context(
                viewport={"width": width, "height": height},
                device_scale_factor=scale,
                is_mobile=device == "phone",
                color_scheme="dark" if theme == "dark" else "light",
                locale=lang,
                reduced_motion="reduce",
            )
            page = await context.new_page()
            page.on("console", lambda message: print(f"  {message.type}: {message.text}"))
            page.on("pageerror", lambda error: print(f"  error: {error}"))
            await page.goto(url)
            await page.wait_for_selector("#main")
            await page.wait_for_timeout(400)
            await page.screenshot(path=out / f"{name}-{device}-{theme}.png", full_page=full)
            await context.close()


async def main(wanted: list[str]) -> None:
    out = ROOT / "docs" / "screenshots"
    out.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for scene in wanted or [*SCENES, *VIEWS]:
            house = FakeHouse(scene if scene in SCENES else "charging")
            server = WebServer(WebSettings(port=0), application(house, house, FakeDoors()))
            serving = asyncio.create_task(server.run())
            await server.listening.wait()
            await shoot(browser, f"http://127.0.0.1:{server.port}/{VIEWS.get(scene, '')}", scene, out=out)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
