"""A lane in virtual time: power cuts, budgets, restarts in an outage."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from hemsd.clock import ManualClock, SystemClock
from hemsd.cloud.backoff import CATCH_UP_S
from hemsd.cloud.service import Cloud
from hemsd.store import Store
from tests.cloud.home import STATION, Sessions, at_home, settings
from tests.cloud.receiver import Receiver, receiving, says, taken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


async def test_after_a_power_cut_the_first_contact_comes_within_10_minutes_and_not_at_once(
    path: Path, tmp_path: Path
) -> None:
    async with receiving() as cloud:
        chosen = settings(cloud.url, tmp_path, "analysis", batch=False)
        async with at_home(path, chosen) as home:
            for number in range(1, 4):
                await home.plug_in(number)
                await home.plug_out(number)
        just_booted = ManualClock(home.clock.utc(), now_s=30.0)
        async with at_home(path, chosen, just_booted) as home:
            wait_s = await home.lane("analysis").step()
            assert 1 < wait_s < 600
            assert cloud.heard == []
            just_booted.leap(wait_s)
            assert 0 < await home.lane("analysis").step() <= CATCH_UP_S
            assert len(cloud.heard) == 1
            await home.pay("analysis", 3 * CATCH_UP_S)
            assert len(cloud.heard) == 3


async def test_a_host_that_has_just_booted_and_owes_nothing_speaks_at_once(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud:
        clock = ManualClock(now_s=30.0)
        async with at_home(path, settings(cloud.url, tmp_path, "analysis"), clock) as home:
            await home.plug_in()
            await home.lane("analysis").step()
            assert len(cloud.heard) == 1


async def test_the_budget_of_the_line_is_kept(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud:
        chosen = settings(cloud.url, tmp_path, "analysis", budget_kb_s=1.0, batch=False, gzip=False)
        async with at_home(path, chosen) as home:
            for number in range(1, 5):
                await home.plug_in(number)
                await home.charge(number, minutes=60)
                await home.plug_out(number)
            began_s = home.clock.monotonic()
            while await home.owed("analysis"):
                home.clock.leap(await home.lane("analysis").step())
            sent_bytes = sum(len(heard.raw) for heard in cloud.heard)
            assert home.clock.monotonic() - began_s >= 0.75 * sent_bytes / 1000
            assert sent_bytes > 30_000


async def test_an_outage_that_began_before_a_restart_is_not_young_again(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(says(500))
    async with receiving(cloud):
        chosen = settings(cloud.url, tmp_path, "analysis")
        async with at_home(path, chosen) as home:
            await home.plug_in()
            await home.pay("analysis", 7200)
        before = len(cloud.heard)
        async with at_home(path, chosen, ManualClock(home.clock.utc())) as home:
            assert home.lane("analysis").pace.failures
            await home.pay("analysis", 3600)
            assert len(cloud.heard) - before < 30
            rows = await home.cloud.outbox.lane_rows()
            assert rows["analysis"].failing_since_at == ManualClock().utc()


async def test_a_lane_that_has_nothing_to_do_costs_the_card_nothing(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "analysis", "webhook")) as home:
        await home.plug_in()
        await home.pay("analysis", 1)
        await home.pay("webhook", 1)
        written = home.store.bytes_written
        home.sample()
        for _ in range(20):
            await home.lane("analysis").step()
            await home.lane("webhook").step()
        assert home.store.bytes_written == written


async def test_an_outage_is_logged_once_and_its_end_once(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud = Receiver(says(500, "secret-token"))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await home.plug_in()
        await home.pay("analysis", 3600)
        cloud.behaves = taken
        await home.pay("analysis", 900)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("hemsd.cloud")]
    assert len(lines) == 2
    assert "trying again" in lines[0]
    assert lines[1] == "analysis takes what it is told again"


async def test_a_secret_that_can_not_be_read_silences_the_lane_and_keeps_the_debt(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "webhook")) as home:
        (tmp_path / "hook-secret").rename(tmp_path / "elsewhere")
        await home.plug_in()
        await home.lane("webhook").step()
        assert "can't be read" in (home.lane("webhook").trouble or "")
        (tmp_path / "elsewhere").rename(tmp_path / "hook-secret")
        await home.pay("webhook", 60)
        assert len(cloud.heard) == 1


async def test_a_living_cloud_wakes_up_at_once_for_a_visit(path: Path, tmp_path: Path) -> None:
    """The loop itself, on the real clock: a plug-in is told without waiting for the next look."""
    store = await Store.open(path, SystemClock())
    async with receiving() as receiver:
        cloud = Cloud(
            settings(receiver.url, tmp_path, "webhook", "analysis"), store, SystemClock(), {"garage": STATION}
        )
        cloud.payloads = Sessions(store)
        running = asyncio.create_task(cloud.run())
        await asyncio.sleep(0.1)  # long enough for both lanes to fall asleep
        from hemsd.model import Visit
        from tests.cloud.home import visit_id

        store.save_visit(Visit(visit_id(1), 1, "garage", SystemClock().utc(), transaction_id=1))
        async with asyncio.timeout(5):
            while len(receiver.heard) < 2:  # noqa: ASYNC110 - a server has no event for this
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await store.close()
    assert sorted(receiver.lines()) == ["POST /hook", "POST /v1/sessions"]
