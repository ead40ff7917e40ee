"""Somebody else commands the home battery, and reads on the broker what it may give."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiomqtt
import pytest

from drivers.mqtt import MqttBrokerSettings, build
from drivers.mqtt_battery import BatteryTopic
from drivers.permission import AGAIN_S, HOLDS_S
from hemsd.clock import ManualClock
from tests.drivers_mqtt.broker import Broker
from tests.drivers_mqtt.test_reader import until

TOPIC = "home/battery/may_give"
Message = dict[str, object]


@asynccontextmanager
async def commander(port: int) -> AsyncIterator[list[Message]]:
    """What he who commands the battery has read so far."""
    heard: list[Message] = []

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            heard.append(json.loads(message.payload))

    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(TOPIC, qos=1)
        listening = asyncio.create_task(listen(client))
        yield heard
        listening.cancel()


@pytest.mark.slow
async def test_he_is_told_until_when_it_holds_again_before_that_and_when_it_is_over(broker: Broker) -> None:
    clock = ManualClock()
    settings = MqttBrokerSettings(port=broker.port, battery_topic=TOPIC)
    (telling,) = build(settings, {}, {}, clock, lambda *_: None, lambda *_: None)
    assert isinstance(telling, BatteryTopic)
    running = asyncio.create_task(telling.run())
    async with commander(broker.port) as heard:
        await until(lambda: heard == [{"may_give_w": None, "until": None}])
        telling.permit(430.4)
        await until(lambda: len(heard) == 2)
        assert heard[-1]["may_give_w"] == 430
        assert datetime.fromisoformat(str(heard[-1]["until"])) == clock.utc() + timedelta(seconds=HOLDS_S)
        assert telling.told_w == 430.4
        telling.permit(440.0)  # that is the same
        clock.leap(AGAIN_S)
        await until(lambda: len(heard) == 3)
        assert datetime.fromisoformat(str(heard[-1]["until"])).replace(tzinfo=UTC) > clock.utc() + timedelta(
            seconds=100
        )
        telling.permit(None)
        await telling.freed()
        await until(lambda: len(heard) == 4)
        assert heard[-1] == {"may_give_w": None, "until": None}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with commander(broker.port) as heard:
        await until(lambda: heard == [{"may_give_w": None, "until": None}])  # it is retained


@dataclass
class Wire:
    """Between hemsd and the broker; it can be cut."""

    to_port: int
    port: int = 0
    ends: list[asyncio.StreamWriter] = field(default_factory=list)

    async def start(self) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        for end in self.ends:
            end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        self.ends += [writer, far_writer]
        await asyncio.gather(_one_way(reader, far_writer), _one_way(far_reader, writer), return_exceptions=True)


async def _one_way(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(4096):
        sink.write(data)


@pytest.mark.slow
async def test_the_broker_frees_it_for_a_hemsd_that_is_gone(broker: Broker) -> None:
    wire = Wire(broker.port)
    await wire.start()
    telling = BatteryTopic(MqttBrokerSettings(port=wire.port), TOPIC, ManualClock())
    telling.permit(430.0)
    running = asyncio.create_task(telling.run())
    async with commander(broker.port) as heard:
        await until(lambda: heard and heard[-1]["may_give_w"] == 430)
        wire.cut()  # no goodbye, as when the Pi dies
        await until(lambda: heard[-1]["may_give_w"] is None)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
