"""Home Assistant, the broker and hemsd, each of which may go and come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import pytest

from drivers.base import DeviceError
from drivers.mqtt_settings import MqttBrokerSettings
from hemsd.model import MeterReading, Mode, Role, Wish
from hemsd.ops import homeassistant
from hemsd.ops.homeassistant import Farewell, HomeAssistant
from hemsd.supervise import Health, keep
from tests.daemon.living import daemon, write_config
from tests.drivers_mqtt.broker import Broker, free_port
from tests.web.fake_house import FakeHouse

pytestmark = pytest.mark.slow


@dataclass
class Shown:
    """What a Home Assistant sees of the broker, by topic."""

    topics: dict[str, str] = field(default_factory=dict)

    async def follow(self, broker: Broker) -> None:
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                    await client.subscribe("#")
                    async for message in client.messages:
                        assert isinstance(message.payload, bytes)
                        self.topics[str(message.topic)] = message.payload.decode()
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)

    @property
    def entities(self) -> dict[str, str]:
        return {topic: text for topic, text in self.topics.items() if topic.startswith("homeassistant/") and text}

    def box(self) -> dict[str, object]:
        state: dict[str, object] = json.loads(self.topics.get("hemsd/1a2b3c4d/wallbox/garage/state", "{}"))
        return state


@asynccontextmanager
async def shown(broker: Broker) -> AsyncIterator[Shown]:
    eyes = Shown()
    task = asyncio.create_task(eyes.follow(broker))
    yield eyes
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(true: Callable[[], bool], within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - messages of another program
            await asyncio.sleep(0.02)


@asynccontextmanager
async def hemsd(broker: Broker, house: FakeHouse, **more: object) -> AsyncIterator[HomeAssistant]:
    settings = MqttBrokerSettings(host="127.0.0.1", port=broker.port, homeassistant=True)
    readings = {"grid": (Role.GRID, MeterReading()), "pv": (Role.PV, None)}
    told = HomeAssistant(settings, "1a2b3c4d", house.state, lambda: readings, house.wish, **more)  # type: ignore[arg-type]
    task = asyncio.create_task(keep("homeassistant", told.run, Health(), first_pause_s=0.05, longest_pause_s=0.1))
    yield told
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homeassistant, "PUBLISH_S", 0.05)


STATUS = "hemsd/1a2b3c4d/status"


async def test_the_wallbox_appears_is_steered_from_there_and_is_said_to_be_gone(broker: Broker) -> None:
    house = FakeHouse()
    async with shown(broker) as eyes:
        async with hemsd(broker, house):
            await until(lambda: eyes.topics.get(STATUS) == "online")
            assert len([topic for topic in eyes.entities if "wallbox_garage" in topic]) == 20
            assert eyes.box()["power_w"] == round(house.state().wallboxes["garage"].power_w or 0)
            await broker.publish("hemsd/1a2b3c4d/wallbox/garage/mode/set", "fast")
            await until(lambda: eyes.box().get("mode") == "fast")
            await broker.publish("hemsd/1a2b3c4d/wallbox/garage/mode/set", "turbo")
            await broker.publish("hemsd/1a2b3c4d/wallbox/garage/mode/set", "off", retain=True)
            await broker.publish("hemsd/1a2b3c4d/wallbox/nobody/mode/set", "off")
            await broker.publish("hemsd/1a2b3c4d/wallbox/garage/mode/set", "solar")
            await until(lambda: eyes.box().get("mode") == "solar")
        await until(lambda: eyes.topics[STATUS] == "offline")


async def test_a_wish_that_the_broker_kept_is_none_of_today(broker: Broker) -> None:
    wishes: list[Wish] = []
    house = FakeHouse()
    house.wish = wishes.append  # type: ignore[method-assign]
    await broker.publish("hemsd/1a2b3c4d/wallbox/garage/mode/set", "off", retain=True)
    async with shown(broker) as eyes, hemsd(broker, house):
        await until(lambda: eyes.topics.get(STATUS) == "online")
        await broker.publish("hemsd/1a2b3c4d/wallbox/garage/mode/set", "fast")
        await until(lambda: bool(wishes))
    assert wishes == [Wish("garage", mode=Mode.FAST)]


@pytest.mark.slow
async def test_a_restart_of_home_assistant_or_of_the_broker_finds_everything_again(broker: Broker) -> None:
    house = FakeHouse()
    async with hemsd(broker, house):
        async with shown(broker) as eyes:
            await until(lambda: eyes.topics.get(STATUS) == "online")
            entities = eyes.entities
        async with shown(broker) as again:  # a Home Assistant that starts later
            await until(lambda: again.entities == entities and again.topics.get(STATUS) == "online")
            again.topics.clear()
            await broker.publish("homeassistant/status", "online")
            await until(lambda: {**again.entities} == {**entities, "homeassistant/status": "online"})
            again.topics.clear()
            await broker.stop()
            await broker.start()  # without a memory
            await until(lambda: again.entities == entities and again.topics.get(STATUS) == "online")


@pytest.mark.slow
async def test_a_daemon_that_is_killed_is_gone_for_home_assistant_too(broker: Broker, tmp_path: Path) -> None:
    _, _, web = write_config(tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + f"mqtt: {{port: {broker.port}, homeassistant: true}}\n")

    def status() -> list[str]:
        return [text for topic, text in eyes.topics.items() if topic.endswith("/status")]

    async with shown(broker) as eyes:
        with daemon(tmp_path, web) as living:
            await until(lambda: status() == ["online"], 30)
            ids = set(eyes.entities)
            living.process.kill()
            await until(lambda: status() == ["offline"])
        with daemon(tmp_path, web) as living:
            await until(lambda: status() == ["online"], 30)
            assert await asyncio.to_thread(living.end) == 0
            await until(lambda: status() == ["offline"])
    assert set(eyes.entities) == ids


async def test_a_wallbox_that_is_no_longer_there_is_taken_back(broker: Broker) -> None:
    old = "homeassistant/sensor/hemsd_1a2b3c4d/wallbox_carport_power_w/config"
    state = "hemsd/1a2b3c4d/wallbox/carport/state"
    for topic in (old, state):
        await broker.publish(topic, "{}", retain=True)
    kept: list[tuple[str, ...]] = []
    async with shown(broker) as eyes:
        await until(lambda: old in eyes.entities)
        async with hemsd(broker, FakeHouse(), told_before=(old, state), remember=kept.append):
            await until(lambda: eyes.topics.get(STATUS) == "online")
            assert old not in eyes.entities
            assert eyes.topics[state] == ""
    assert len(kept) == 1
    assert set(kept[0]) == {topic for topic, text in eyes.topics.items() if text}


async def test_switched_off_it_leaves_nothing_behind_in_home_assistant(broker: Broker) -> None:
    kept: list[tuple[str, ...]] = []
    async with shown(broker) as eyes:
        async with hemsd(broker, FakeHouse(), remember=kept.append):
            await until(lambda: eyes.topics.get(STATUS) == "online")
        await until(lambda: eyes.topics[STATUS] == "offline")
        assert len(eyes.entities) > 20
    nobody = MqttBrokerSettings(host="127.0.0.1", port=free_port())
    with pytest.raises(DeviceError):  # nothing is forgotten while the broker is away
        await Farewell(nobody, kept[0], kept.append).run()
    assert len(kept) == 1
    there = MqttBrokerSettings(host="127.0.0.1", port=broker.port)
    task = asyncio.create_task(Farewell(there, kept[0], kept.append).run())
    await until(lambda: len(kept) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert kept[1] == ()
    async with shown(broker) as later:
        await broker.publish("the/end", "yes", retain=True)
        await until(lambda: "the/end" in later.topics)
        assert set(later.topics) == {"the/end"}
