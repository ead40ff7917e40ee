"""The made-up house behind a real server on a free loopback port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.web.fake_house import FakeDoors, FakeHouse, FakeWorkshop
from web.events import EventStreams
from web.server import application


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
async def api(house: FakeHouse) -> AsyncIterator[TestClient]:
    app = application(
        house,
        house,
        FakeDoors(),
        playing=house,
        workshop=FakeWorkshop(),
        streams=EventStreams(house, rest_s=0.01, alive_s=0.3),
    )
    async with TestClient(TestServer(app)) as client:
        yield client
