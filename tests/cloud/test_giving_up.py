"""What always fails: it lets the others go first, and in the end it is put aside with the answer, not lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from hemsd.clock import ManualClock
from hemsd.cloud.answer import Answer
from hemsd.cloud.backoff import Pace
from hemsd.cloud.rests import ALONE_S, TOGETHER_S, TRIES, is_hopeless, is_worth_writing, may_be_its_own_fault
from hemsd.store import outbox
from tests.cloud.home import Home, at_home, settings, visit_id
from tests.cloud.receiver import Answerer, Heard, Receiver, closes, receiving, says, taken

NEVER = None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


def chokes_on(number: int, answer: Answerer) -> Answerer:
    """Takes everything but this visit."""

    async def choosy(heard: Heard, request: web.Request) -> web.StreamResponse:
        return await (answer if visit_id(number).encode() in heard.raw + heard.path.encode() else taken)(heard, request)

    return choosy


@pytest.mark.parametrize(
    ("failures", "failing_s", "lane_failing_s", "server_error", "hopeless"),
    [
        (TRIES, ALONE_S, NEVER, True, True),
        (TRIES - 1, ALONE_S, NEVER, True, False),
        (TRIES, ALONE_S - 1, NEVER, True, False),
        (TRIES, ALONE_S, ALONE_S - 1, True, True),  # the lane took something after the debt began to fail
        (TRIES, ALONE_S, ALONE_S, True, False),  # it took nothing since then
        (TRIES, TOGETHER_S - 1, TOGETHER_S, True, False),
        (TRIES, TOGETHER_S, TOGETHER_S, True, True),
        (1000, 10 * TOGETHER_S, 10 * TOGETHER_S, False, False),  # a portal, a wrong address: nothing is refused
        (TRIES, ALONE_S, NEVER, False, True),
    ],
)
def test_a_debt_is_given_up_after_a_day_beside_others_and_after_a_week_alone(
    failures: int, failing_s: float, lane_failing_s: float | None, server_error: bool, hopeless: bool
) -> None:
    now_s = 10e6
    debt = Pace(failures=failures, failing_since_s=now_s - failing_s)
    lane = Pace(failing_since_s=None if lane_failing_s is None else now_s - lane_failing_s)
    assert is_hopeless(debt, lane, now_s, server_error=server_error) is hopeless


def test_what_a_receiver_says_of_itself_is_no_debts_fault() -> None:
    assert [status for status in (200, 302, 401, 403, 429, 500, 503) if may_be_its_own_fault(Answer(status))] == [
        *(200, 302, 403, 500)
    ]
    assert may_be_its_own_fault(Answer(None, "closed in the middle", sent_bytes=500))
    assert not may_be_its_own_fault(Answer(None, "no connection"))


def test_a_month_of_failures_is_written_a_dozen_times() -> None:
    assert len([n for n in range(1, 5760) if is_worth_writing(n)]) == 13


async def a_day(home: Home, first: int = 10) -> None:
    """Every two hours another car comes and goes."""
    for number in range(first, first + 12):
        await home.plug_in(number)
        await home.plug_out(number)
        await home.pay("analysis", 7200)


@pytest.mark.slow
async def test_a_charge_that_chokes_the_receiver_is_put_aside_after_a_day(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(chokes_on(1, says(500, "oops")))
    async with receiving(cloud):
        chosen = settings(cloud.url, tmp_path, "analysis", batch=False)
        async with at_home(path, chosen) as home:
            await home.plug_in(1)
            await home.pay("analysis", 7200)
            await a_day(home)
            assert await home.owed("analysis") == 0
            [(kind, status, answer)] = await home.dead()
            assert (kind, status) == ("visit", 500)
            assert answer.startswith("500 oops (")
            assert int(answer.split("(")[1].split()[0]) >= TRIES
            assert "has refused something for good" in home.cloud.troubles()["analysis"]
            assert {heard.body["session_id"] for heard in cloud.heard if heard.method == "POST"} == {
                visit_id(number) for number in (1, *range(10, 22))
            }
            cloud.behaves = taken
            cloud.heard.clear()
            await home.cloud.outbox.write(*outbox.revive(home.clock.utc(), None))
            await home.charge(1, minutes=5)
            await home.pay("analysis", 1000)
            assert [heard.method for heard in cloud.heard] == ["POST", "PATCH"]
            assert await home.dead() == []


@pytest.mark.slow
async def test_a_restart_does_not_begin_the_day_anew(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(chokes_on(1, says(500, "oops")))
    async with receiving(cloud):
        chosen = settings(cloud.url, tmp_path, "analysis", batch=False)
        async with at_home(path, chosen) as home:
            await home.plug_in(1)
            await home.pay("analysis", 20 * 3600)
            assert await home.dead() == []
        clock = ManualClock(home.clock.utc(), now_s=90_000.0)
        async with at_home(path, chosen, clock) as home:
            await a_day(home)
            [(_, _, answer)] = await home.dead()
            assert "tries" in answer


@pytest.mark.parametrize(
    "answer", [says(500), says(403), says(200, "<html>"), closes], ids=["500", "403", "nonsense", "closes"]
)
async def test_one_charge_that_is_never_taken_holds_up_no_other(answer: Answerer, path: Path, tmp_path: Path) -> None:
    cloud = Receiver(chokes_on(1, answer))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis", batch=False)) as home:
        for number in (1, 2, 3):
            await home.plug_in(number)
        await home.pay("analysis", 60)
        assert {heard.body["session_id"] for heard in cloud.heard} == {visit_id(number) for number in (1, 2, 3)}


async def test_after_an_outage_nobody_goes_on_resting(path: Path, tmp_path: Path) -> None:
    """Each of them was tried in vain and rests for minutes; one that is taken wakes the others."""
    cloud = Receiver(says(500))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis", batch=False)) as home:
        for number in range(1, 6):
            await home.plug_in(number)
            await home.plug_out(number)
        await home.pay("analysis", 6 * 3600)
        cloud.behaves = taken
        cloud.heard.clear()
        while not cloud.heard:
            home.clock.leap(await home.lane("analysis").step())
        await home.pay("analysis", 1)
        assert await home.owed("analysis") == 0


@pytest.mark.slow
async def test_a_batch_that_chokes_the_receiver_goes_on_as_single_charges(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(chokes_on(3, says(500, "oops")))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        for number in range(1, 7):
            await home.plug_in(number)
            await home.plug_out(number)
        await home.pay("analysis", 600)
        assert cloud.lines().count("POST /v1/sessions/batch") == 3
        taken_ids = {heard.body["session_id"] for heard in cloud.heard if heard.path == "/v1/sessions"}
        assert taken_ids == {visit_id(number) for number in range(1, 7)}
        assert await home.owed("analysis") == 1


@pytest.mark.slow
async def test_a_cloud_that_loses_each_batch_gets_single_charges(path: Path, tmp_path: Path) -> None:
    async def forgetful(heard: Heard, request: web.Request) -> web.StreamResponse:
        if heard.path == "/v1/sessions/batch":
            return web.json_response({"batch_id": "b"})
        return web.Response(status=404) if "/batch/" in heard.path else await taken(heard, request)

    cloud = Receiver(forgetful)
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        for number in range(1, 7):
            await home.plug_in(number)
            await home.plug_out(number)
        await home.pay("analysis", 600)
        assert cloud.lines().count("POST /v1/sessions/batch") == 2
        assert await home.owed("analysis") == 0


async def test_whoever_tells_of_a_dead_letters_visit_again_brings_it_back(path: Path, tmp_path: Path) -> None:
    """Its story goes on where it stood: what the cloud has is not told twice, and no letter is left behind."""
    cloud = Receiver()
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await home.plug_in()
        await home.pay("analysis", 1)
        cloud.behaves = says(422)
        await home.charge(minutes=20)
        await home.pay("analysis", 1)
        assert len(await home.dead()) == 1
        cloud.behaves = taken
        await home.plug_out()
        await home.pay("analysis", 61)
        assert await home.dead() == []
        assert [heard.method for heard in cloud.heard] == ["POST", "PATCH", "PATCH"]
        assert len(cloud.heard[2].body["meter_values"]) > len(cloud.heard[1].body["meter_values"])


async def test_what_is_told_while_it_is_refused_is_tried_and_not_buried(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:

        async def refuses_once(heard: Heard, request: web.Request) -> web.StreamResponse:
            cloud.behaves = taken
            await home.plug_out()
            return web.Response(status=422)

        cloud.behaves = refuses_once
        await home.plug_in()
        await home.pay("analysis", 60)
        assert await home.dead() == []
        assert cloud.lines() == ["POST /v1/sessions", "POST /v1/sessions"]
        assert await home.owed("analysis") == 0
