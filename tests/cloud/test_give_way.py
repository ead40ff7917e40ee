"""A lane begins nothing shortly before a tick."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.cloud.give_way import NEAR_S, TICK_TAKES_S, GiveWay
from hemsd.cloud.settings import CloudSettings
from tests.cloud.home import at_home, settings
from tests.cloud.receiver import Receiver, receiving


@pytest.mark.parametrize(
    ("left_s", "waits_s"),
    [
        (NEAR_S + 0.001, 0.0),
        (NEAR_S - 0.001, NEAR_S - 0.001 + TICK_TAKES_S),
        (0.0, TICK_TAKES_S),
        (-0.001, 0.0),  # it is late for another reason, or there is none: nobody waits for ever
    ],
)
async def test_a_tick_that_is_near_goes_first(left_s: float, waits_s: float) -> None:
    clock = ManualClock(now_s=0.0)
    going = asyncio.ensure_future(GiveWay(clock, lambda: left_s)())
    await asyncio.sleep(0)
    assert going.done() == (waits_s == 0.0)
    if waits_s:
        clock.leap(waits_s - 0.0001)
        await asyncio.sleep(0)
        assert not going.done()
        clock.leap(0.0002)
        await asyncio.wait_for(going, 1)


def told(cloud: Receiver, tmp_path: Path) -> CloudSettings:
    return settings(cloud.url, tmp_path, "analysis", "webhook")


async def test_every_lane_gives_way_before_it_speaks(tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(tmp_path / "hemsd.db", told(cloud, tmp_path)) as home:
        await home.plug_in()
        tick_s = home.clock.monotonic() + NEAR_S / 2
        home.cloud.give_way.tick_due_s = lambda: tick_s
        steps = [asyncio.ensure_future(lane.step()) for lane in home.cloud.lanes.values()]
        await asyncio.wait(steps, timeout=0.1)
        assert not any(step.done() for step in steps)
        assert cloud.heard == []
        home.clock.leap(NEAR_S)
        await asyncio.wait_for(asyncio.gather(*steps), 5)
        assert len(cloud.heard) == 2
