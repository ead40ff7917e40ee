"""Takes the pictures of the page, from the made-up home of the tests: ``python docs/screenshots.py [SCENE ...]``.

Needs Chromium. Writes docs/screenshots/SCENE-DEVICE-THEME.png. Without a name it takes those that are kept here.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.async_api import Browser, expect  # noqa: E402

from tests.web.browser import DESKTOP, PHONE, chromium, opened, serving  # noqa: E402
from tests.web.fake_house import VISIT_ID, FakeHouse  # noqa: E402

OUT = Path(__file__).parent / "screenshots"
SCENES = ("charging", "waiting", "stale", "empty", "two", "night")
KEPT = ("charging", "stale", "visit", "plan", "month", "devices")
VIEWS = {
    "plan": "#/plan",
    "history": "#/history",
    "month": "#/history",
    "visits": "#/visits",
    "visit": f"#/visits/{VISIT_ID}",
    "devices": "#/devices",
    "installer": "#/installer",
}
PRESSED = {"month": "Month"}
DEVICES = {"phone": {**PHONE, "device_scale_factor": 2}, "desktop": DESKTOP}


async def shoot(browser: Browser, scene: str) -> None:
    """One scene on phone and desktop, by day and by night. Phones show one screen, desktops the whole page."""
    async with serving(FakeHouse(scene if scene in SCENES else "charging")) as url:
        for device, settings in DEVICES.items():
            for theme in ("light", "dark"):
                still = {**settings, "reduced_motion": "reduce"}
                async with opened(browser, url + VIEWS.get(scene, ""), theme=theme, device=still) as page:
                    await expect(page.locator("#main")).to_be_visible()
                    if scene in PRESSED:
                        await page.get_by_role("button", name=PRESSED[scene]).click()
                    await page.wait_for_timeout(1500)  # until the day has been drawn
                    await page.screenshot(path=OUT / f"{scene}-{device}-{theme}.png", full_page=device == "desktop")


async def main(wanted: list[str]) -> None:
    OUT.mkdir(exist_ok=True)
    async with chromium() as browser:
        for scene in wanted or KEPT:
            await shoot(browser, scene)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
