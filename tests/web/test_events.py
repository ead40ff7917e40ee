"""The event stream: the newest present, soon, to every reader that wants it."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from hemsd.model import Mode, Wish
from tests.web.fake_house import FakeDoors, FakeHouse
from web.events import EventStreams
from web.server import application


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
