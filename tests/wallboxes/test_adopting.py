"""A wallbox is tried out while the daemon runs, and its profiles are cleared, as the page asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hemsd.app import Daemon
from hemsd.model import DimmedBy, Outcome
from tests.virtual import comes_true
from tests.wallboxes.test_session import charging

pytestmark = [pytest.mark.slow, pytest.mark.virtual_time, pytest.mark.timeout(150)]

AGREED = {"consent": True}


class Page:
    """What somebody at the page may do with the wallbox."""

    def __init__(self, client: aiohttp.ClientSession, daemon: Daemon) -> None:
        self._client = client
        self._url = f"http://127.0.0.1:{daemon.config.web.port}/api/wallboxes/garage"

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        async with self._client.request(method, f"{self._url}/{path}", json=body) as answered:
            return answered.status, await answered.json()

    async def running(self) -> bool:
        return bool((await self.ask("GET", "adoption"))[1]["running"])


@asynccontextmanager
async def page_of(folder: Path, quirk: str = "honest") -> AsyncIterator[tuple[Daemon, Page]]:
    async with charging(folder, quirk) as (daemon, _), aiohttp.ClientSession() as client:
        yield daemon, Page(client, daemon)


@pytest.mark.slow
async def test_a_tryout_ends_with_a_sheet_and_the_wallbox_is_steered_again(tmp_path: Path) -> None:
    async with page_of(tmp_path) as (daemon, page):
        assert (await page.ask("GET", "adoption"))[1] == {
            "wallbox": "garage",
            "running": False,
            "said": [],
            "sheet": [],
        }
        assert (await page.ask("POST", "adoption", {}))[0] == 422
        assert (await page.ask("POST", "adoption", AGREED))[0] == 202
        assert (await page.ask("POST", "adoption", AGREED))[0] == 409
        assert (await page.ask("POST", "clear-profiles", AGREED))[0] == 409
        await comes_true(lambda: daemon.control.decisions["garage"].rule == "observing")
        while await page.running():
            await daemon.clock.sleep(5)
        told = (await page.ask("GET", "adoption"))[1]
        assert "10 A: applied" in [line["text"] for line in told["said"]]
        sheet = {line["about"]["text"]: line["found"]["text"] for line in told["sheet"]}
        assert sheet["falls back when hemsd is silent"] == "yes"
        assert sheet["Current.Offered"] == "trusted"
        await comes_true(lambda: daemon.control.decisions["garage"].rule == "fast")
        order = daemon.control.orders["garage"]
        await comes_true(lambda: order.command is not None and order.command.outcome is Outcome.APPLIED)
        assert order.limit_a == 16.0
        shown = daemon.house.state().wallboxes["garage"].command
        assert shown is not None
        assert [sample.offered_a for sample in shown.samples] == [16.0, 16.0]  # what its verdict rests on


@pytest.mark.slow
async def test_a_tryout_gives_way_to_the_grid_operator_and_to_whoever_gives_it_up(tmp_path: Path) -> None:
    async with page_of(tmp_path) as (daemon, page):
        await page.ask("POST", "adoption", AGREED)
        await daemon.clock.sleep(30)
        assert (await page.ask("DELETE", "adoption"))[0] == 200
        await daemon.clock.sleep(5)
        assert not await page.running()
        assert (await page.ask("POST", "adoption", AGREED))[0] == 202
        await daemon.clock.sleep(30)
        daemon.control.grid_orders.order(4200.0, DimmedBy.API)
        await daemon.clock.sleep(10)
        status, told = await page.ask("GET", "adoption")
        assert (told["running"], told["said"][-1]["text"][:13]) == (False, "The grid oper")
        assert (await page.ask("POST", "adoption", AGREED))[0] == 409
        assert status == 200


@pytest.mark.slow
async def test_the_grid_meter_is_checked_and_nothing_else_meanwhile(tmp_path: Path) -> None:
    async with page_of(tmp_path) as (daemon, page):
        assert (await page.ask("POST", "meter-check", AGREED))[0] == 202
        status, told = await page.ask("POST", "adoption", AGREED)
        assert (status, told["detail"]) == (409, "garage is being used to check the grid meter")
        while (await page.ask("GET", "meter-check"))[1]["running"]:
            await daemon.clock.sleep(5)
        said = (await page.ask("GET", "meter-check"))[1]["said"]
        assert said[-1]["text"].startswith("All is well"), said
        assert any(line["text"].startswith("10 A on 3 phases: wallbox") for line in said)
        await comes_true(lambda: daemon.control.decisions["garage"].rule == "fast")


async def test_foreign_profiles_are_cleared_on_request_and_the_limit_follows_at_once(tmp_path: Path) -> None:
    async with page_of(tmp_path) as (daemon, page):
        assert daemon.simulated is not None
        firmware = daemon.simulated.wallbox.firmware
        assert (await page.ask("POST", "clear-profiles", {"consent": False}))[0] == 422
        answered = await page.ask("POST", "clear-profiles", AGREED)
        assert (answered[0], answered[1]["status"]) == (200, "applied")
        await daemon.clock.sleep(5)
        assert len(firmware.profiles) == 1
        assert (await page.ask("POST", "../carport/clear-profiles", AGREED))[0] == 404
