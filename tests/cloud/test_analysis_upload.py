"""A charge on its way to the cloud that analyses it, before a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator

from tests.cloud.home import Home, at_home, settings, visit_id
from tests.cloud.receiver import Answerer, Heard, Receiver, closes, receiving, says, taken

SCHEMAS = Path(__file__).parents[1] / "contracts" / "schemas"
RESULT = {"session_id": visit_id(1), "status": "active", "is_anomaly": True, "anomaly_score": 0.85}
VERDICT = {**RESULT, "anomaly_confidence": 0.9, "is_incident": None, "analyzed_at": "2026-06-21T08:31:02Z"}
VERDICT["anomalies"] = [{"category": "KWH_DECREASE", "score": 0.87, "confidence": 0.92}]


def registers(heard: Heard) -> list[tuple[str, float]]:
    """(time of day, Wh) of what a request brought."""
    values = heard.body["meter_values"]
    return [
        (value["timestamp"][11:16], value["value"])
        for value in values
        if value["measurand"] == "Energy.Active.Import.Register"
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


def valid(name: str, document: object) -> bool:
    file = SCHEMAS / f"{name}.schema.json"
    if not file.exists():
        pytest.skip("the contract's schemas are not here")
    return bool(Draft202012Validator(json.loads(file.read_text())).is_valid(document))


async def test_a_charge_is_created_grows_in_groups_and_ends_at_once(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        visit = await home.plug_in()
        await home.pay("analysis", 1)
        assert cloud.lines() == ["POST /v1/sessions"]
        assert cloud.heard[0].body["charging_station_id"] == "WB-001"
        assert registers(cloud.heard[0]) == [("08:00", 1000.0)]
        assert valid("req_csar_create", cloud.heard[0].body)

        await home.charge(minutes=10)
        await home.pay("analysis", 60)
        assert len(cloud.lines()) == 1, "a group is not due before 15 minutes"
        await home.charge(minutes=10, from_wh=1500)
        await home.pay("analysis", 60)
        assert cloud.lines()[1:] == [f"PATCH /v1/sessions/{visit.id}"]
        assert registers(cloud.heard[1])[0] == ("08:01", 1050.0)
        assert valid("req_csar_patch", cloud.heard[1].body)

        home.clock.leap(30)
        home.sample(register_wh=2050)
        home.clock.leap(1)
        await home.plug_out(register_wh=2100)
        await home.pay("analysis", 1)
        assert registers(cloud.heard[-1])[-2:] == [("08:22", 2050.0), ("08:22", 2100.0)]
        assert await home.owed("analysis") == 0
        brought = [pair for heard in cloud.heard for pair in registers(heard)]
        assert len(brought) == len(set(brought)) == 1 + 20 + 2, "each value once"


async def test_what_a_wallbox_tells_late_is_put_as_a_correction(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await home.plug_in()
        await home.charge(minutes=20)
        await home.pay("analysis", 5)
        early = home.clock.utc() - timedelta(minutes=19, seconds=30)
        home.sample(register_wh=1010, backlog=True, box_time=early)
        await home.plug_out()
        await home.pay("analysis", 5)
        assert cloud.heard[-1].method == "PUT"
        assert ("08:00", 1010.0) in registers(cloud.heard[-1])
        assert len(registers(cloud.heard[-1])) == 1 + 20 + 1 + 1
        assert await home.owed("analysis") == 0


@pytest.mark.parametrize("status", [200, 201])
async def test_the_clouds_verdict_is_kept(path: Path, tmp_path: Path, status: int) -> None:
    cloud = Receiver(says(status, VERDICT))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        visit = await home.plug_in()
        await home.pay("analysis", 1)
        verdict = (await home.store.views.cloud_verdicts([visit.id])).get(visit.id)
        assert verdict is not None
        assert (verdict.status, verdict.is_anomaly, verdict.anomaly_score) == ("active", True, 0.85)
        assert (verdict.is_incident, verdict.is_recurring) == (None, None)
        assert json.loads(verdict.anomalies)[0]["category"] == "KWH_DECREASE"
        assert verdict.analyzed_at is not None


async def test_a_session_that_the_cloud_has_lost_is_created_anew(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await home.plug_in()
        await home.pay("analysis", 1)
        await home.charge(minutes=20)

        async def forgetful(heard: Heard, request: web.Request) -> web.StreamResponse:
            lost = heard.method == "PATCH" and cloud.lines().count("POST /v1/sessions") < 2
            return web.json_response({"detail": "unknown"}, status=404) if lost else await taken(heard, request)

        cloud.behaves = forgetful
        await home.pay("analysis", 60)
        methods = [heard.method for heard in cloud.heard]
        assert methods == ["POST", "PATCH", "POST"]
        assert len(registers(cloud.heard[-1])) >= 20
        assert await home.dead() == []


async def test_a_body_that_is_too_large_is_halved_until_it_is_taken(path: Path, tmp_path: Path) -> None:
    def at_most(values: int) -> Answerer:
        async def answer(heard: Heard, request: web.Request) -> web.StreamResponse:
            if len(heard.body["meter_values"]) > values:
                return web.Response(status=413)
            return await taken(heard, request)

        return answer

    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        cloud.behaves = at_most(16)
        await home.plug_in()
        await home.charge(minutes=30)
        home.clock.leap(1)
        await home.plug_out()
        await home.pay("analysis", 300)
        good = [heard for heard in cloud.heard if len(heard.body["meter_values"]) <= 16]
        brought = [pair for heard in good for pair in registers(heard)]
        assert brought == sorted(brought)
        assert len(brought) == 32
        assert await home.owed("analysis") == 0


async def test_only_the_chosen_measurands_leave_and_only_the_chosen_fields(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud:
        chosen = {"measurands": ["Power.Active.Import"], "leave_out": ["connector_id", "meter_values.unit"]}
        async with at_home(path, settings(cloud.url, tmp_path, "analysis", **chosen)) as home:
            await home.plug_in()
            await home.charge(minutes=2)
            await home.plug_out()
            await home.pay("analysis", 5)
    body = cloud.heard[0].body
    assert set(body) == {"session_id", "charging_station_id", "meter_values"}
    assert {value["measurand"] for value in body["meter_values"]} == {"Power.Active.Import"}
    assert all("unit" not in value for value in body["meter_values"])


async def test_a_visit_without_a_transaction_stays_in_the_house(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        visit = await home.plug_in()
        assert await home.owed("analysis") == 1
        other = home.visits[1].__class__(visit_id(2), 2, "garage", home.clock.utc())
        home.store.save_visit(other)
        assert await home.owed("analysis") == 1
        await home.pay("analysis", 1)
        assert {heard.body["session_id"] for heard in cloud.heard} == {visit.id}


# --- batches


class BatchCloud:
    """Takes batches, needs a while for them, and can't analyse some sessions."""

    def __init__(
        self, polls: int = 2, bad: Iterator[str] | tuple[str, ...] = (), limit: int = 1000, *, checks: bool = True
    ) -> None:
        self.polls, self.bad, self.limit, self.checks = polls, set(bad), limit, checks
        self.batches: dict[str, list[str]] = {}
        self.asked: dict[str, int] = {}

    async def __call__(self, heard: Heard, request: web.Request) -> web.StreamResponse:
        if heard.line == "POST /v1/sessions/batch":
            assert not self.checks or valid("req_csar_batch", heard.body)
            ids = [session["session_id"] for session in heard.body["sessions"]]
            if len(ids) > self.limit:
                return web.Response(status=413)
            batch_id = f"batch-{len(self.batches) + 1}"
            self.batches[batch_id] = ids
            return web.json_response({"batch_id": batch_id, "total_sessions": len(ids), "status": "pending"})
        if "/batch/" in heard.path:
            return self.status(heard.path.rpartition("/")[2])
        return await taken(heard, request)

    def status(self, batch_id: str) -> web.Response:
        if batch_id not in self.batches:
            return web.json_response({"detail": "unknown batch"}, status=404)
        self.asked[batch_id] = self.asked.get(batch_id, 0) + 1
        ids = self.batches[batch_id]
        done = self.asked[batch_id] > self.polls
        failed = [id_ for id_ in ids if id_ in self.bad] if done else []
        results: list[dict[str, Any]] = [
            {"session_id": id_, "status": "active", "is_anomaly": False, "anomaly_score": 0.1, "anomalies": []}
            for id_ in ids
            if done and id_ not in self.bad
        ]
        status = "processing" if not done else "failed" if len(failed) == len(ids) else "completed"
        return web.json_response(
            {"batch_id": batch_id, "status": status, "failed_sessions": len(failed), "results": results}
        )


async def outage(home: Home, visits: int) -> None:
    for number in range(1, visits + 1):
        await home.plug_in(number)
        await home.charge(number, minutes=3)
        await home.plug_out(number)


async def test_a_backlog_leaves_as_one_batch_and_its_verdicts_come_back(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(BatchCloud())
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await outage(home, 6)
        await home.pay("analysis", 120)
        assert cloud.lines() == ["POST /v1/sessions/batch"] + 3 * ["GET /v1/sessions/batch/batch-1"]
        assert await home.owed("analysis") == 0
        verdicts = await home.store.views.cloud_verdicts([visit_id(number) for number in range(1, 7)])
        assert [verdict.anomaly_score for verdict in verdicts.values()] == 6 * [0.1]


async def test_a_backlog_of_several_batches_leaves_one_after_the_other(path: Path, tmp_path: Path) -> None:
    taker = BatchCloud(polls=1)
    cloud = Receiver(taker)
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        route: Any = home.lane("analysis").route
        route.batches.most_bytes = 4_500
        await outage(home, 10)
        await home.pay("analysis", 300)
        assert [id_ for ids in taker.batches.values() for id_ in ids] == [visit_id(number) for number in range(1, 11)]
        assert len(taker.batches) > 1
        assert not [line for line in cloud.lines() if line == "POST /v1/sessions"]
        assert await home.owed("analysis") == 0


async def test_what_is_left_out_is_left_out_of_batches_too(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(BatchCloud())
    left_out = settings(cloud.url, tmp_path, "analysis", leave_out=["meter_values.unit"])
    async with receiving(cloud):
        assert left_out.analysis is not None
        here = left_out.model_copy(update={"analysis": left_out.analysis.model_copy(update={"url": cloud.url})})
        async with at_home(path, here) as home:
            await outage(home, 5)
            await home.pay("analysis", 1)
    values = [value for session in cloud.heard[0].body["sessions"] for value in session["meter_values"]]
    assert len(values) > 10
    assert all("unit" not in value for value in values)


async def test_who_fails_in_a_batch_goes_on_alone(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(BatchCloud(bad=(visit_id(2), visit_id(5))))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await outage(home, 6)
        await home.pay("analysis", 200)
        alone = [heard.body["session_id"] for heard in cloud.heard if heard.line == "POST /v1/sessions"]
        assert alone == [visit_id(2), visit_id(5)]
        assert await home.owed("analysis") == 0


async def test_a_batch_outlives_a_restart_at_each_of_its_steps(path: Path, tmp_path: Path) -> None:
    """Sent and not answered: again as it was, under its key. Taken: only asked about. Done: nothing is left."""
    cloud, takes = Receiver(closes), BatchCloud(polls=0)
    async with receiving(cloud):
        chosen = settings(cloud.url, tmp_path, "analysis")
        async with at_home(path, chosen) as home:
            await outage(home, 6)
            await home.lane("analysis").step()
            clock = home.clock
        cloud.behaves = takes
        async with at_home(path, chosen, clock) as home:
            await home.pay("analysis", 1)
        first, second = cloud.heard
        assert (first.key, first.raw) == (second.key, second.raw)
        async with at_home(path, chosen, clock) as home:
            await home.pay("analysis", 60)
            assert await home.owed("analysis") == 0
    assert cloud.lines() == 2 * ["POST /v1/sessions/batch"] + ["GET /v1/sessions/batch/batch-1"]


async def test_what_is_told_of_a_charge_while_its_batch_is_out_goes_on_alone(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(BatchCloud())
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await outage(home, 6)
        await home.pay("analysis", 1)
        assert cloud.lines() == ["POST /v1/sessions/batch"]
        home.sample(3, 9500.0)  # the wallbox has kept it, and tells it now
        home.store.carry_out(told=home.cloud.marks.of_transaction_end(home.visits[3]))
        await home.pay("analysis", 120)
        assert await home.owed("analysis") == 0
        [alone] = [heard for heard in cloud.heard if heard.line == "POST /v1/sessions"]
        assert alone.body["session_id"] == visit_id(3)
        assert 9500.0 in [register_wh for _, register_wh in registers(alone)]


async def test_a_batch_that_is_too_large_becomes_smaller_ones(path: Path, tmp_path: Path) -> None:
    taker = BatchCloud(polls=0, limit=4)
    cloud = Receiver(taker)
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        route: Any = home.lane("analysis").route
        route.batches.most_bytes = 20_000
        await outage(home, 12)
        await home.pay("analysis", 1200)
        assert await home.owed("analysis") == 0
        arrived = [id_ for ids in taker.batches.values() for id_ in ids]
        arrived += [heard.body["session_id"] for heard in cloud.heard if heard.line == "POST /v1/sessions"]
        assert sorted(arrived) == [visit_id(number) for number in range(1, 13)]


async def test_a_cloud_that_knows_no_batches_gets_each_charge_alone(path: Path, tmp_path: Path) -> None:
    async def old(heard: Heard, request: web.Request) -> web.StreamResponse:
        return web.Response(status=405) if "batch" in heard.path else await taken(heard, request)

    cloud = Receiver(old)
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await outage(home, 5)
        await home.pay("analysis", 300)
        assert cloud.lines() == ["POST /v1/sessions/batch"] + 5 * ["POST /v1/sessions"]
        assert await home.owed("analysis") == 0
        assert await home.dead() == []


async def test_a_batch_that_the_cloud_has_lost_is_sent_again_under_its_own_key(path: Path, tmp_path: Path) -> None:
    taker = BatchCloud(polls=1)
    cloud = Receiver(taker)
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await outage(home, 5)
        await home.pay("analysis", 1)
        taker.batches["lost"] = taker.batches.pop("batch-1")
        await home.pay("analysis", 300)
        assert cloud.lines().count("POST /v1/sessions/batch") == 2
        assert await home.owed("analysis") == 0


async def test_a_running_charge_does_not_wait_for_the_batch(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(BatchCloud(polls=100))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await outage(home, 5)
        await home.pay("analysis", 60)
        await home.plug_in(9)
        await home.pay("analysis", 1)
        assert cloud.heard[-1].body["session_id"] == visit_id(9)


async def test_what_was_under_way_goes_out_again_as_it_was_though_there_is_more_by_now(
    path: Path, tmp_path: Path
) -> None:
    cloud = Receiver()
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await home.plug_in()
        await home.pay("analysis", 1)
        await home.charge(minutes=20)
        cloud.behaves = says(503)
        await home.pay("analysis", 5)
        await home.charge(minutes=20, from_wh=2000)
        cloud.behaves = taken
        await home.plug_out()
        await home.pay("analysis", 900)
        patches = [heard for heard in cloud.heard if heard.method == "PATCH"]
        assert len({heard.raw for heard in patches}) == 2
        assert len({heard.key for heard in patches}) == 2
        assert patches[0].raw == patches[-2].raw
        brought = [pair for heard in (cloud.heard[0], *patches[-2:]) for pair in registers(heard)]
        assert len(brought) == len(set(brought)) == 1 + 40, "the end is the last sample's moment"
