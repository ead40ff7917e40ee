"""What a fleet hears, before a real mosquitto that is restarted in the middle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import yaml
from jsonschema import Draft202012Validator

from hemsd.clock import ManualClock, SystemClock
from hemsd.cloud.service import Cloud
from hemsd.cloud.settings import CloudSettings
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
    yield Home(store, clock, cloud, Sessions(store))
    await store.close()


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
    async with a_home(tmp_path / "hemsd.db", telemetry(broker.port)) as home:
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
        await broker.start()
        await until(lambda: {body["visit_id"] for body in fleet.visits() if body["plugged_out_at"]} == ids(home))
        told = {body["message_id"]: body for body in fleet.visits()}
        assert len(told) == 4, "visit 1 when it began and when it ended, the others only when they had ended"
        assert all(told[body["message_id"]] == body for body in fleet.visits()), "what came twice is the same"
        assert await home.owed("telemetry") == 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await broker.stop()


def ids(home: Home) -> set[str]:
    return {visit.id for visit in home.visits.values()}


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
        state = home.cloud.fleet.state()
        assert state == {"time": PRESENT["time"], "meters": {"grid": {"power_w": -120.0, "ok": True}}}
        visit = await home.plug_in()
        assert home.cloud.fleet.visit(visit) is None
        assert await home.owed("telemetry") == 0


async def test_what_is_told_fits_the_asyncapi_document(tmp_path: Path) -> None:
    document = yaml.safe_load(ASYNCAPI.read_text())
    messages = document["components"]["messages"]
    async with a_home(tmp_path / "hemsd.db", telemetry()) as home:
        assert home.cloud.fleet is not None
        visit = await home.plug_in()
        told = {
            "online": True,
            "state": home.cloud.fleet.state(),
            "visit": {"message_id": "a", **(home.cloud.fleet.visit(visit) or {})},
        }
        for name, body in told.items():
            schema = {**messages[name]["payload"], "components": document["components"]}
            errors = [error.message for error in Draft202012Validator(schema).iter_errors(body)]
            assert errors == [], name
        assert "site" not in home.cloud.fleet.state()
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {f"{{topic}}/{{location_id}}/{rest}" for rest in ("online", "state", "visits/{visit_id}")}
