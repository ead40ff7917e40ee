"""What a receiver of webhooks hears of a visit that is played (ENODE-97 to ENODE-99): each change, and only changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from hemsd.cloud.service import Cloud
from hemsd.cloud.webhooks import signature
from hemsd.model import DispatchStatus, Wish
from tests.cloud.home import STATION, settings
from tests.cloud.receiver import Receiver, receiving
from tests.dialects.flex_changes import What, differences
from tests.dialects.home import CheapAt, Played, played, validate
from tests.dialects.stories import MINUTE, at
from tests.dialects.test_flex_webhook import payloads, session

STEPS = 50


@asynccontextmanager
async def told(folder: Path) -> AsyncIterator[tuple[Played, Cloud, Receiver]]:
    """A home whose flex sessions are told to a receiver."""
    prices = CheapAt(((at("01:00"), at("01:45")),))
    async with receiving() as hook, played(folder, start_at=at("00:40"), prices=prices) as home:
        cloud = Cloud(
            settings(hook.url, folder, "webhook"), home.store, home.clock, {"garage": STATION}, real=home.clock,
            dice=Random(3),
        )  # fmt: skip
        cloud.payloads = payloads(home)
        home.courses.changed = cloud.session_changed
        for lane in cloud.lanes.values():
            await lane.begin()
        try:
            yield home, cloud, hook
        finally:
            for lane in cloud.lanes.values():
                await lane.transport.close()


async def play(home: Played, cloud: Cloud, until: datetime) -> None:
    """Minute by minute, and what there is to tell is told."""
    while home.clock.utc() < until:
        home.play(MINUTE)
        await tell(home, cloud)


async def tell(home: Played, cloud: Cloud) -> None:
    await home.store.settle()
    for lane in cloud.lanes.values():
        for _ in range(STEPS):
            if await lane.step() > 0.0:
                break


@pytest.mark.slow
async def test_enode_97_98_99_each_change_of_a_visit_is_told_once_in_order_and_signed(tmp_path: Path) -> None:
    async with told(tmp_path) as (home, cloud, hook):
        home.plug(42.0)
        home.box.refusal = DispatchStatus.UNREACHABLE
        await play(home, cloud, at("01:10"))
        home.box.refusal = None
        await play(home, cloud, at("01:20"))
        home.control.wish(Wish("garage", boost=True, boost_target_pct=46.0))
        await play(home, cloud, at("01:40"))
        home.unplug()
        await play(home, cloud, at("02:00"))
        (settled,) = await home.settled()

        of_visit = [heard for heard in hook.heard if heard.body["session"]["pluggedInAt"] is not None]
        sessions = [session(heard.body["session"]) for heard in of_visit]
        changes = [differences(before, after) for before, after in zip([None, *sessions], sessions, strict=False)]
        assert all(changes)  # never without one
        assert frozenset().union(*changes[1:]) == frozenset(What)
        assert len(of_visit) < 30  # in eighty minutes: what only grows is not told each time
        created = [heard.body["createdAt"] for heard in of_visit]
        assert created == sorted(created)
        assert of_visit[-1].body["session"] == settled
        errors = [each.error.latest is not None for each in sessions]
        assert errors.index(True) < len(errors) - 1 - errors[::-1].index(True) + 1 < len(errors)
        for heard in hook.heard:
            validate("enode_webhook", heard.body)
            assert heard.headers["x-enode-signature"] == signature("example-secret", heard.raw)
