"""hemsd in Home Assistant, through the house's MQTT broker (``mqtt.homeassistant: true``).

Everything that is published is retained, so whoever starts again, Home Assistant or the broker, finds it; what the
broker lost is told again when the connection is back, and when Home Assistant says that it has started. The last will
marks every entity unavailable when hemsd is gone. What is asked for becomes a Wish, as from the page: the rules decide.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

import aiomqtt
from pydantic import ValidationError

from drivers.mqtt_client import client_of, lost
from drivers.mqtt_settings import MqttBrokerSettings
from hemsd.model import MeterReading, Role, Wish
from hemsd.ops import discovery
from hemsd.ops.discovery import OFFLINE, ONLINE, Device, Shape
from web.state_models import StatePage
from web.wish_models import ModeBody, TargetBody

log = logging.getLogger(__name__)

PUBLISH_S = 2.0  # real time: every change is written to Home Assistant's own database
GOODBYE_S = 2.0
TOLD = "homeassistant.topics"


@dataclass(slots=True)
class HomeAssistant:
    """Satisfies ``drivers.base.Driver``: keeps Home Assistant told."""

    broker: MqttBrokerSettings
    node: str
    state: Callable[[], StatePage]
    readings: Callable[[], Mapping[str, tuple[Role, MeterReading | None]]]
    wish: Callable[[Wish], None]
    told_before: tuple[str, ...] = ()
    """The topics of the last run: what is no longer there is taken back"""
    remember: Callable[[tuple[str, ...]], None] = lambda _topics: None
    name: str = "homeassistant"
    _said: dict[str, str] = field(default_factory=dict)  # by topic, since the connection stands
    _shapes: list[Shape] = field(default_factory=list)
    _discovery: dict[str, str] = field(default_factory=dict)  # of devices of those shapes, by topic

    async def run(self) -> None:
        """Until cancelled. Raises DeviceError when the broker is lost or refuses us."""
        will = aiomqtt.Will(discovery.status_topic(self.node), OFFLINE, qos=1, retain=True)
        gone: BaseException | None = None
        try:
            async with client_of(self.broker, will) as client:
                self._said.clear()
                for topic in (discovery.BIRTH, f"hemsd/{self.node}/wallbox/+/+/set"):
                    await client.subscribe(topic, qos=1)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._listen(client))
                    group.create_task(self._publish(client))
        except* aiomqtt.MqttError as errors:
            gone = errors.exceptions[0]  # what is raised in here would come out as a group
        if gone is not None:
            raise lost(self.broker, gone) from gone

    async def _publish(self, client: aiomqtt.Client) -> None:
        try:
            while True:
                await self._tell(client)
                await asyncio.sleep(PUBLISH_S)
        finally:  # a will is for those who can't say goodbye
            with suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await client.publish(discovery.status_topic(self.node), OFFLINE, qos=1, retain=True)

    async def _tell(self, client: aiomqtt.Client) -> None:
        """Whatever is not said yet, or is not as it was said."""
        devices = tuple(discovery.devices(self.node, self.state(), self.readings()))
        told = self._discovered(devices) | {f"{device.topic}/state": json.dumps(device.state) for device in devices}
        told[discovery.status_topic(self.node)] = ONLINE
        await _take_back(client, [topic for topic in self.told_before if topic not in told])
        if set(self.told_before) != set(told):
            self.told_before = tuple(told)
            self.remember(self.told_before)
        for topic, payload in told.items():
            if self._said.get(topic) != payload:
                await client.publish(topic, payload, qos=1, retain=True)
                self._said[topic] = payload

    def _discovered(self, devices: Sequence[Device]) -> dict[str, str]:
        """Made anew only where a device has: it is much, and hardly ever changes."""
        shapes = [device.shape for device in devices]
        if shapes != self._shapes:
            self._shapes = shapes
            self._discovery = dict(chain.from_iterable(discovery.discovery(self.node, device) for device in devices))
        return self._discovery

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            text = message.payload.decode(errors="replace") if isinstance(message.payload, bytes) else ""
            topic = str(message.topic)
            if topic == discovery.BIRTH:
                if text == ONLINE and not message.retain:
                    self._said.clear()
            elif not message.retain:  # somebody's wish of yesterday is none of today
                self._wished(topic, text)

    def _wished(self, topic: str, text: str) -> None:
        _, _, _, wallbox, what, _ = topic.split("/")
        if wallbox not in self.state().wallboxes:
            return
        try:
            self.wish(wish_of(wallbox, what, text))
        except (ValidationError, ValueError) as error:
            log.warning("Home Assistant asks for %s %r at %s, which is not understood: %s", what, text, wallbox, error)


def wish_of(wallbox: str, what: str, text: str) -> Wish:
    """What a message on a command topic means. Raises ValueError (ValidationError is one)."""
    match what:
        case "mode":
            return Wish(wallbox, mode=ModeBody(mode=text).mode)
        case "boost" if text in ("True", "False"):
            return Wish(wallbox, boost=text == "True")
        case "target_pct":
            asked = TargetBody(minimum_charge_target_pct=float(text))
            return Wish(wallbox, target_pct=asked.minimum_charge_target_pct)
        case "clear_target":
            return Wish(wallbox, clear_target=True)
        case _:
            raise ValueError("no such wish")


@dataclass(slots=True)
class Farewell:
    """Runs in Home Assistant's place after ``homeassistant: false``: takes back what an earlier run has told."""

    broker: MqttBrokerSettings
    told_before: tuple[str, ...]
    remember: Callable[[tuple[str, ...]], None]
    name: str = "homeassistant"

    async def run(self) -> None:
        """Once; then it has nothing to do until it is cancelled. Raises DeviceError when the broker is not there."""
        if self.told_before:
            try:
                async with client_of(self.broker) as client:
                    await _take_back(client, self.told_before)
            except aiomqtt.MqttError as error:
                raise lost(self.broker, error) from error
            self.told_before = ()
            self.remember(())
            log.info("Home Assistant was told to forget this home")
        await asyncio.Event().wait()


async def _take_back(client: aiomqtt.Client, topics: Sequence[str]) -> None:
    """An empty retained message deletes the one before; on a discovery topic it also deletes the entity."""
    for topic in topics:
        await client.publish(topic, "", qos=1, retain=True)
