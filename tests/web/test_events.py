"""The event stream: the newest present, soon, to every reader that wants it."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from hemsd.model import Mode, Wish
from tests.web.fake_house import FakeDoors, FakeHouse
from web.events import EventStreams
from web.present import Present
from web.server import application
from web.state_models import StatePage


async def next_state(response: ClientResponse) -> dict:
    async with asyncio.timeout(2):
        async for line in response.content:
            if line.startswith(b"data: "):
                return json.loads(line.removeprefix(b"data: "))
    raise AssertionError("the stream has ended")


async def test_the_present_comes_at_once_and_again_when_it_changes(api: TestClient, house: FakeHouse) -> None:
    async with api.get("/api/events") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert (await next_state(stream))["wallboxes"]["garage"]["mode"] == "solar"
        house.wish(Wish("garage", mode=Mode.FAST))
        assert (await next_state(stream))["wallboxes"]["garage"]["mode"] == "fast"


async def test_a_burst_of_changes_is_one_event_that_shows_the_last(api: TestClient, house: FakeHouse) -> None:
    async with api.get("/api/events") as stream:
        await next_state(stream)
        for mode in (Mode.OFF, Mode.FAST, Mode.MIN_SOLAR):
            house.wish(Wish("garage", mode=mode))
        assert (await next_state(stream))["wallboxes"]["garage"]["mode"] == "min+solar"


async def test_a_quiet_house_still_gives_a_sign_of_life(api: TestClient) -> None:
    async with api.get("/api/events") as stream:
        await next_state(stream)
        async with asyncio.timeout(2):
            async for line in stream.content:
                if line.startswith(b":"):
                    break
        assert (await next_state(stream))["version"]


async def test_a_reader_that_takes_nothing_does_not_hold_up_the_others(api: TestClient, house: FakeHouse) -> None:
    async with api.get("/api/events") as _asleep, api.get("/api/events") as awake:
        await next_state(awake)
        for _ in range(300):
            house.changes.bump()
        house.wish(Wish("garage", mode=Mode.OFF))
        seen = {(await next_state(awake))["wallboxes"]["garage"]["mode"] for _ in range(2)}
        assert "off" in seen


async def test_too_many_streams_are_turned_away(monkeypatch: pytest.MonkeyPatch, api: TestClient) -> None:
    monkeypatch.setattr("web.events.MAX_STREAMS", 1)
    async with api.get("/api/events") as first:
        await next_state(first)
        response = await api.get("/api/events")
        assert response.status == 503
        assert "detail" in await response.json()


async def test_a_shutdown_does_not_wait_for_the_readers(house: FakeHouse) -> None:
    client = TestClient(TestServer(application(house, house, FakeDoors(), streams=EventStreams(house))))
    await client.start_server()
    stream = await client.get("/api/events")
    await next_state(stream)
    async with asyncio.timeout(1):
        await client.server.close()
    await client.close()


async def test_fifty_readers_share_one_telling_of_the_present(
    api: TestClient, house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    tellings: list[StatePage] = []
    state = FakeHouse.state

    def counted(self: FakeHouse) -> StatePage:
        tellings.append(state(self))
        return tellings[-1]

    monkeypatch.setattr(FakeHouse, "state", counted)
    async with AsyncExitStack() as streams:
        readers = [await streams.enter_async_context(api.get("/api/events")) for _ in range(50)]
        for reader in readers:
            await next_state(reader)
        tellings.clear()
        house.wish(Wish("garage", mode=Mode.FAST))
        for reader in readers:
            while (await next_state(reader))["wallboxes"]["garage"]["mode"] != "fast":
                pass  # it was told before that it is still here
    assert len(tellings) < 50


async def test_who_asks_once_hears_of_what_has_just_changed(house: FakeHouse) -> None:
    present = Present(house, fresh_s=3600.0)
    before = present.recent()
    house.wish(Wish("garage", mode=Mode.FAST))
    assert present.recent() is before
    assert json.loads(present.exact().body.body)["wallboxes"]["garage"]["mode"] == "fast"
    assert present.exact() is present.recent() is not before


async def test_a_present_that_takes_long_to_tell_is_told_less_often(house: FakeHouse) -> None:
    present, state = Present(house, fresh_s=0.0), house.state

    def slowly() -> StatePage:
        time.sleep(0.05)
        return state()

    house.state = slowly  # type: ignore[method-assign]
    told = present.recent()
    assert told.fresh_until_s - asyncio.get_running_loop().time() > 0.4
    assert present.recent() is told
