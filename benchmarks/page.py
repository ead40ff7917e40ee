"""What the page costs: bytes, the time to the first paint and to the first live number, and the server's CPU.

The whole daemon runs as a process of its own with its simulated home in real time; Chromium opens the page as a cheap
phone on a slow mobile network would (Lighthouse's profile: 150 ms round trip, 1.6 Mbit/s down, 0.75 up, a CPU four
times slower). "Live" is the first sentence with a number of the house in it. CPU is that of the daemon's process alone,
over a span with nobody looking and then with ten open pages; the difference is what pages cost.

    python benchmarks/page.py [--span 60] [--pages 10] [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.async_api import Browser  # noqa: E402

from tests.daemon.living import Living, daemon, write_config  # noqa: E402
from tests.web.browser import PHONE, chromium  # noqa: E402

SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
CPU_TIMES_SLOWER = 4
WATCH = """
new MutationObserver((_, watch) => {
  if (document.querySelector(".say")) { window.liveAt = performance.now(); watch.disconnect(); }
}).observe(document, { childList: true, subtree: true });
"""
PAINT = "performance.getEntriesByType('paint').find((one) => one.name === 'first-contentful-paint')?.startTime"


@dataclass(frozen=True)
class Load:
    """One opening of the page."""

    kilobytes: float
    requests: int
    paint_ms: float
    live_ms: float


async def opened(browser: Browser, url: str, *, slow: bool, again: bool = False) -> Load:
    context = await browser.new_context(service_workers="block", **PHONE)  # type: ignore[arg-type]
    try:
        page = await context.new_page()
        if again:
            await page.goto(url)
            await page.locator(".say").wait_for()
        await page.add_init_script(WATCH)
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        if slow:
            await session.send("Network.emulateNetworkConditions", SLOW)
            await session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_TIMES_SLOWER})
        sizes: list[float] = []
        session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        await page.goto(url, wait_until="commit")
        await page.locator(".say").wait_for(timeout=60_000)
        live_ms = await page.evaluate("window.liveAt")
        paint_ms = await page.evaluate(PAINT)
        files = list(sizes)  # what the charts ask for afterwards is data, and no file
        return Load(sum(files) / 1000, len(files), paint_ms, live_ms)
    finally:
        await context.close()


def cpu_s(process: int) -> float:
    """Of the process and its threads, in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def share(living: Living, span_s: float) -> float:
    """CPU in percent of one core."""
    before_s = cpu_s(living.process.pid)
    await asyncio.sleep(span_s)
    return (cpu_s(living.process.pid) - before_s) / span_s * 100


async def measured(living: Living, span_s: float, pages: int, rounds: int) -> list[tuple[str, str]]:
    url = f"http://127.0.0.1:{living.web}/"
    alone = await share(living, span_s)
    async with chromium() as browser:
        quick = [await opened(browser, url, slow=False) for _ in range(rounds)]
        slow = [await opened(browser, url, slow=True) for _ in range(rounds)]
        again = [await opened(browser, url, slow=True, again=True) for _ in range(rounds)]
        contexts = [await browser.new_context(service_workers="block") for _ in range(pages)]
        for context in contexts:
            await (await context.new_page()).goto(url)
        await asyncio.sleep(10)
        watched = await share(living, span_s)
        for context in contexts:
            await context.close()

    def ms(loads: list[Load], what: str) -> str:
        return f"{median(getattr(load, what) for load in loads):.0f} ms"

    first, later = slow[0], again[0]
    return [
        ("first opening, all files and first data, as sent", f"{first.kilobytes:.1f} kB in {first.requests} requests"),
        ("opened again", f"{later.kilobytes:.1f} kB in {later.requests} requests"),
        ("first paint, throttled phone", ms(slow, "paint_ms")),
        ("first live sentence, throttled phone", ms(slow, "live_ms")),
        ("first live sentence, throttled phone, opened again", ms(again, "live_ms")),
        ("first paint / first live sentence, not throttled", f"{ms(quick, 'paint_ms')} / {ms(quick, 'live_ms')}"),
        ("daemon's CPU with its simulated home, nobody looks", f"{alone:.1f} % of a core"),
        (f"the same with {pages} open pages", f"{watched:.1f} % of a core"),
        ("so one open page costs", f"{(watched - alone) / pages:.2f} % of a core"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--span", type=float, default=60.0, help="seconds over which CPU is counted")
    parser.add_argument("--pages", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, _, web = write_config(folder, speed=1, start_s=20_000)
        with daemon(folder, web) as living:
            living.until(living.charging, within_s=300)
            rows = asyncio.run(measured(living, options.span, options.pages, options.rounds))
            living.end()
    print("| what | value |\n|---|---|")
    for what, value in rows:
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
