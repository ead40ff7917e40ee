"""What a fleet hears, before a real mosquitto that is restarted in the middle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import aiomqtt
import pytest
import yaml
from jsonschema import Draft202012Validator

from drivers.base import DeviceError
from hemsd.clock import ManualClock, SystemClock
from hemsd.cloud.fleet_news import Message
from hemsd.cloud.service import Cloud
from hemsd.cloud.settings import CloudSettings
from hemsd.cloud.status import status
from hemsd.model import Decision, DecisionKind, SteeringState
from hemsd.store import Store
from hemsd.supervise import Health, keep
from tests.cloud.home import Home, Sessions
from tests.drivers_mqtt.broker import Broker, free_port

ASYNCAPI = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
PRESENT = {
    "time": "2026-06-21T08:00:00Z",
    "site": {"name": "my secret address"},
    "meters": {"grid": {"power_w": -120.0, "age_s": 0.4, "ok": True}},
    "wallboxes": {},
    "alerts": [],
}


def telemetry(port: int = 1883, **changed: Any) -> CloudSettings:
    section = {"host": "127.0.0.1", "port": port, "tls": False, "every_s": 5, **changed}
    return CloudSettings.model_validate({"telemetry": section})


@asynccontextmanager
async def a_home(path: Path, settings: CloudSettings) -> AsyncIterator[Home]:
    clock = ManualClock()
    store = await Store.open(path, clock)
    cloud = Cloud(settings, store, clock, real=SystemClock(), state=lambda: PRESENT)
    cloud.payloads = sessions = Sessions(store)
    yield Home(store, clock, cloud, sessions)
    await store.close()


def decide(home: Home, number: int = 1, kind: DecisionKind = DecisionKind.HOLD) -> None:
    decision = Decision("garage", home.clock.utc(), kind, SteeringState.MODULATING, "a rule", "Because.", limit_a=9.0)
    home.store.record_decision(home.store.next_decision_id(), decision, home.visits[number].id)


async def told(home: Home) -> list[tuple[str, Any]]:
    """Pays all that is due, to a broker that acknowledges everything."""
    said: list[tuple[str, Any]] = []

    class Acknowledging:
        async def publish(self, topic: str, body: bytes, **_: object) -> None:
            said.append((topic.split("/", 2)[2], json.loads(body)))

    assert home.cloud.fleet is not None
    await home.store.settle()
    while await home.cloud.fleet.pay_one(Acknowledging()):  # type: ignore[arg-type]
        pass
    return said


class Fleet:
    """A subscriber that keeps what it hears, with a persistent session of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard: list[tuple[str, Any]] = []

    async def run(self) -> None:
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self.port, identifier="fleet", clean_session=False) as client:
                    await client.subscribe("hemsd/#", qos=1)
                    async for message in client.messages:
                        assert isinstance(message.payload, bytes)
                        self.heard.append((message.topic.value, json.loads(message.payload)))
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)

    def visits(self) -> list[Any]:
        return [body for topic, body in self.heard if "/visits/" in topic]


async def until(true: Callable[[], bool], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - a test looks at many different things
            await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_a_broker_that_is_restarted_misses_no_visit(tmp_path: Path) -> None:
    broker = Broker(
        tmp_path, free_port(), f"allow_anonymous true\npersistence true\npersistence_location {tmp_path}/\n"
    )
    await broker.start()
    fleet = Fleet(broker.port)
    async with a_home(tmp_path / "hemsd.db", telemetry(broker.port, fields=["meters", "visits"])) as home:
        assert home.cloud.fleet is not None
        health = Health()
        tasks = [
            asyncio.create_task(fleet.run()),
            asyncio.create_task(keep("telemetry", home.cloud.fleet.run, health, first_pause_s=0.05)),
        ]
        await home.plug_in(1)
        await until(lambda: len(fleet.visits()) == 1)
        await until(lambda: any(topic.endswith("/state") for topic, _ in fleet.heard))

        await broker.stop()
        for number in (2, 3):
            await home.plug_in(number)
            await home.plug_out(number)
        await home.plug_out(1)
        assert await home.owed("telemetry") == 3
        await until(lambda: health.troubles.get("telemetry") is not None)
        assert "3 waiting" in (shown := status(home.cloud.settings, tmp_path / "hemsd.db").text())
        assert "failing since" in shown
        await broker.start()
        await until(lambda: {body["visit_id"] for body in fleet.visits() if body["plugged_out_at"]} == ids(home))
        told = {body["message_id"]: body for body in fleet.visits()}
        assert len(told) == 4, "visit 1 when it began and when it ended, the others only when they had ended"
        assert all(told[body["message_id"]] == body for body in fleet.visits()), "what came twice is the same"
        assert await home.owed("telemetry") == 0
        assert "last answer acknowledged" in status(home.cloud.settings, tmp_path / "hemsd.db").text()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await broker.stop()


def ids(home: Home) -> set[str]:
    return {visit.id for visit in home.visits.values()}


async def test_after_a_power_cut_a_broker_is_not_stormed_by_the_homes_of_a_town(tmp_path: Path) -> None:
    waits = []

    class JustBooted(ManualClock):
        async def sleep(self, seconds: float) -> None:
            waits.append(seconds)
            raise DeviceError("enough seen")

    store = await Store.open(tmp_path / "hemsd.db", ManualClock())
    for now_s, spreads in ((30.0, True), (600.0, True), (30.0, False)):
        clock = JustBooted(now_s=now_s)
        cloud = Cloud(telemetry(free_port()), store, clock, real=clock, dice=Random(1), spreads=spreads)
        assert cloud.fleet is not None
        with pytest.raises(DeviceError):
            await cloud.fleet.run()
    first, *others = waits
    assert 1 < first < 600
    assert others == [0.0], "the third is told by the broker itself that nobody is there"
    await store.close()


@pytest.mark.slow
async def test_a_home_that_falls_silent_is_offline_for_the_fleet(tmp_path: Path) -> None:
    broker = Broker(tmp_path, free_port())
    await broker.start()
    fleet = Fleet(broker.port)
    listening = asyncio.create_task(fleet.run())
    async with a_home(tmp_path / "hemsd.db", telemetry(broker.port)) as home:
        assert home.cloud.fleet is not None
        client = home.cloud.fleet._client()
        await client.__aenter__()
        await home.cloud.fleet._say(client, "online", b"true", retain=True)
        await until(lambda: any(body is True for _, body in fleet.heard))
        client._client._sock_close()  # type: ignore[attr-defined]  # the power is gone: no farewell
        await until(lambda: any(body is False for _, body in fleet.heard))
    listening.cancel()
    await broker.stop()


async def test_only_what_is_named_is_told(tmp_path: Path) -> None:
    chosen = telemetry(fields=["meters"], leave_out=["meters.grid.age_s"])
    async with a_home(tmp_path / "hemsd.db", chosen) as home:
        assert home.cloud.fleet is not None
        state = home.cloud.fleet.news.state(home.clock.utc())
        assert state == {"time": PRESENT["time"], "meters": {"grid": {"power_w": -120.0, "ok": True}}}
        await home.plug_in()
        decide(home)
        await home.plug_out()
        assert await home.owed("telemetry") == 0


async def test_decisions_are_told_in_order_and_none_twice(tmp_path: Path) -> None:
    async with a_home(tmp_path / "hemsd.db", telemetry(fields=["decisions"])) as home:
        await home.plug_in()
        for _ in range(3):
            decide(home)
        assert await told(home) == [], "they are gathered for a minute"
        home.clock.leap(60)
        [(topic, first)] = await told(home)
        assert topic == f"decisions/{home.visits[1].id}"
        decide(home)
        home.clock.leap(60)
        [(_, second)] = await told(home)
        assert [one["id"] for one in (*first["decisions"], *second["decisions"])] == [1, 2, 3, 4]
        assert first["message_id"] != second["message_id"]
        await home.plug_out()
        home.clock.leap(60)
        assert await told(home) == []
        rows = await home.store.views.ask(lambda db: db.execute("SELECT count(*) FROM outbox").fetchone()[0])
        assert rows == 0, "a visit that is over leaves nothing behind"


async def test_what_was_under_way_goes_out_again_as_it_was_though_more_was_decided(tmp_path: Path) -> None:
    """The process dies between the broker's acknowledgement and writing it down."""
    async with a_home(tmp_path / "hemsd.db", telemetry(fields=["decisions"])) as home:
        await home.plug_in()
        decide(home)
        home.clock.leap(60)
        await home.store.settle()
        entry = await home.cloud.outbox.next("telemetry", home.clock.utc())
        assert entry is not None
        assert home.cloud.fleet is not None
        message = await home.cloud.fleet.news.message(entry, home.clock.utc())
        assert isinstance(message, Message)
        frozen = await home.cloud.outbox.freeze(entry, message.plan)
        decide(home)
        home.clock.leap(60)
        (_, again), (_, more) = await told(home)
        assert again == {"message_id": frozen.delivery, **message.document}
        assert [one["id"] for one in more["decisions"]] == [2]


@pytest.mark.slow
async def test_after_a_month_offline_old_holds_are_thinned_and_no_summary_is_missing(tmp_path: Path) -> None:
    async with a_home(tmp_path / "hemsd.db", telemetry(fields=["decisions", "summaries"])) as home:
        for number in range(1, 31):
            await home.plug_in(number)
            decide(home, number, DecisionKind.START)
            for _ in range(40):
                home.clock.leap(300)
                decide(home, number)
            await home.plug_out(number)
            home.clock.leap(86_400 - 40 * 300)
        home.clock.leap(60)
        said = await told(home)
        summaries = [topic for topic, _ in said if topic.startswith("summaries/")]
        assert all(body["ev_session"] for topic, body in said if topic in summaries)
        assert summaries == [f"summaries/{home.visits[number].id}" for number in range(1, 31)]
        kinds = {topic: [one["kind"] for one in body["decisions"]] for topic, body in said if "decisions" in body}
        assert list(kinds.values())[:-1] == 29 * [["start"]]
        assert list(kinds.values())[-1].count("hold") == 40, "yesterday's are whole"
        assert await home.owed("telemetry") == 0


async def test_what_is_told_fits_the_asyncapi_document(tmp_path: Path) -> None:
    document = yaml.safe_load(ASYNCAPI.read_text())
    messages = document["components"]["messages"]
    async with a_home(tmp_path / "hemsd.db", telemetry()) as home:
        assert home.cloud.fleet is not None
        await home.plug_in()
        decide(home)
        await home.plug_out()
        home.clock.leap(60)
        kinds = {"visits": "visit", "decisions": "decisions", "summaries": "summary"}
        said = [("online", True), ("state", home.cloud.fleet.news.state(home.clock.utc()))]
        said += [(kinds[topic.partition("/")[0]], body) for topic, body in await told(home)]
        assert {name for name, _ in said} == set(messages)
        for name, body in said:
            schema = {**messages[name]["payload"], "components": document["components"]}
            errors = [error.message for error in Draft202012Validator(schema).iter_errors(body)]
            assert errors == [], name
        assert "site" not in home.cloud.fleet.news.state(home.clock.utc())
    addresses = {channel["address"] for channel in document["channels"].values()}
    topics = ("online", "state", *(f"{kind}/{{visit_id}}" for kind in kinds))
    assert addresses == {f"{{topic}}/{{location_id}}/{topic}" for topic in topics}
