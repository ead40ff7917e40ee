"""What was refused is shown on the page with the answer, and one press sends it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hemsd.archive import StoreArchive
from hemsd.cloud.desk import Desk
from tests.cloud.home import Home, at_home, settings, visit_id
from tests.cloud.receiver import Receiver, receiving, says, taken
from tests.web.fake_house import FakeDoors, FakeHouse
from web.cloud import CloudApi
from web.pages import cloud_anomalies, visit_page
from web.server import application


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


@asynccontextmanager
async def the_page_of(home: Home) -> AsyncIterator[TestClient]:
    house = FakeHouse()
    app = application(house, house, FakeDoors(), dialects=CloudApi(Desk(home.cloud)).routes())
    async with TestClient(TestServer(app)) as client:
        yield client


async def get(client: TestClient) -> Any:
    async with client.get("/api/cloud") as answer:
        assert answer.status == 200
        return await answer.json()


async def test_a_refusal_is_shown_with_its_answer_and_sent_again_by_a_press(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(says(422, "no such station"))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis", "webhook")) as home:
        await home.plug_in(1)
        await home.plug_in(2)
        await home.pay("analysis", 1)
        async with the_page_of(home) as client:
            page = await get(client)
            assert [lane["lane"].partition(":")[0] for lane in page["lanes"]] == ["analysis", "webhook"]
            assert [(lane["dead"], lane["waiting"]) for lane in page["lanes"]] == [(2, 0), (0, 2)]
            one, other = page["letters"]
            assert (one["kind"], one["visit_id"], one["status"]) == ("visit", visit_id(1), 422)
            assert one["answer"]["text"] == "422 no such station"

            cloud.behaves = taken
            async with client.post(f"/api/cloud/letters/{one['id']}/retry") as answer:
                assert (answer.status, await answer.json()) == (200, {"count": 1})
            assert home.lane("analysis").woken.is_set(), "it is sent at once, not at the next look"
            assert [letter["id"] for letter in (await get(client))["letters"]] == [other["id"]]
            await home.pay("analysis", 1)
            assert cloud.heard[-1].body["session_id"] == visit_id(1)

            async with client.post("/api/cloud/retry") as answer:
                assert await answer.json() == {"count": 1}
            await home.pay("analysis", 1)
            page = await get(client)
            assert page["letters"] == []
            assert page["lanes"][0]["answer"]["text"] == "200"
            assert home.cloud.troubles() == {}


@pytest.mark.parametrize("letter", ["99", "-1", "x", "9" * 40])
async def test_a_letter_that_is_not_there_is_said_to_be_so(letter: str, path: Path, tmp_path: Path) -> None:
    async with (
        at_home(path, settings("http://127.0.0.1:9", tmp_path, "analysis")) as home,
        the_page_of(home) as client,
        client.post(f"/api/cloud/letters/{letter}/retry") as answer,
    ):
        assert answer.status == 404


@pytest.mark.slow
async def test_one_letter_opens_its_own_lane_and_no_other(path: Path, tmp_path: Path) -> None:
    """An address that was given up stays so, and costs nothing meanwhile."""
    cloud = Receiver(says(422))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis", "webhook")) as home:
        await home.plug_in()
        await home.pay("analysis", 1)
        await home.pay("webhook", 90_000)
        assert home.lane("webhook").closed
        [letter] = [one for one in await home.cloud.outbox.dead_letters() if one.lane == "analysis"]
        await home.cloud.retry(letter.id)
        assert await home.lane("webhook").step() == 60.0
        assert home.lane("webhook").closed
        assert not home.lane("webhook").woken.is_set()
        await home.cloud.retry(None)
        await home.lane("webhook").step()
        assert not home.lane("webhook").closed


async def test_nobody_is_told_and_the_page_says_so(path: Path, tmp_path: Path) -> None:
    async with at_home(path, settings("", tmp_path)) as home, the_page_of(home) as client:
        assert await get(client) == {"lanes": [], "letters": []}


async def test_a_visit_shows_the_clouds_verdict_beside_our_own(path: Path, tmp_path: Path) -> None:
    found = {"category": "KWH_DECREASE", "time_range": {"start_timestamp": "2026-06-21T09:00:00Z"}}
    verdict = {"session_id": "x", "status": "active", "is_anomaly": True, "anomaly_score": 0.85, "anomalies": [found]}
    async with (
        receiving(Receiver(says(200, verdict))) as cloud,
        at_home(path, settings(cloud.url, tmp_path, "analysis")) as home,
    ):
        await home.plug_in(1)
        await home.pay("analysis", 1)
        await home.plug_in(2)
        await home.store.settle()
        archive = StoreArchive(home.store, ["garage"], ["car"], [])
        pages = [visit_page(story).model_dump(mode="json") for story in await archive.visits(
            from_at=None, to_at=None, limit=10, after=None
        )]  # fmt: skip
        assert {page["number"]: page["cloud"] and page["cloud"]["is_anomaly"] for page in pages} == {2: None, 1: True}
        [told] = next(page for page in pages if page["number"] == 1)["cloud"]["anomalies"]
        assert told == {"category": "KWH_DECREASE", "begin": "2026-06-21T09:00:00.000Z", "end": None}


def test_a_strange_verdict_breaks_no_page() -> None:
    strange = '[7, null, {"category": 3}, {"category": "A", "time_range": [1]}, {"category": "B", "time_range": {}}]'
    assert [(one.category, one.begin) for one in cloud_anomalies(strange)] == [("A", None), ("B", None)]
