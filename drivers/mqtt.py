"""Meters, and the cars' state of charge, over MQTT.

One client for the broker serves all of them: each *source* is one meter's topics and where its numbers stand, as
config.yaml says (``drivers.mqtt_sources``) or as a device file does (``drivers.mqtt_device``); the client hands it
every message of those topics. A message that can't be
read is counted, and said once until the source is sound again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import aiomqtt

from drivers.base import DeviceError, Driver, MeterSink, Unfit
from drivers.cancelling import heeded
from drivers.device_file import load
from drivers.mqtt_battery import BatteryTopic
from drivers.mqtt_charge import ChargeSink, ChargeSource
from drivers.mqtt_client import client_of, lost
from drivers.mqtt_device import DeviceSource
from drivers.mqtt_file import MqttFile
from drivers.mqtt_payload import Malformed, Missing
from drivers.mqtt_settings import MqttBrokerSettings, MqttChargeSettings, MqttSettings, MqttSocSettings
from drivers.mqtt_sources import DimmedSink, DimmedSource, MeterSource, SocSink, SocSource, Source
from hemsd.clock import Clock
from hemsd.model import Role
from hemsd.said import said

__all__ = [
    "ChargeSink",
    "DimmedSink",
    "MqttBrokerSettings",
    "MqttChargeSettings",
    "MqttReader",
    "MqttSettings",
    "MqttSocSettings",
    "SocSink",
    "build",
]

log = logging.getLogger(__name__)

REPEAT_S = 5.0
BURST_S = 0.1  # what a device publishes at once arrives within this


class MqttReader:
    """Keeps one connection to the broker and hands its messages to the sources."""

    name = "mqtt"

    def __init__(self, broker: MqttBrokerSettings, sources: Sequence[Source]) -> None:
        self._broker = broker
        self._sources = sources
        self.malformed: dict[str, int] = {source.name: 0 for source in sources}
        """How many messages could not be read, by source."""
        self.complaints: dict[str, str] = {}
        """Why the newest message could not be read, by source; a source that is sound has none."""
        self.keepalives = tuple(
            dict.fromkeys(each.keepalive for each in sources if isinstance(each, DeviceSource) and each.keepalive)
        )
        self._connected: aiomqtt.Client | None = None
        self._routes = [(source, topic) for source in sources for topic in source.topics]
        self._saying: dict[str, asyncio.TimerHandle] = {}
        self._good = {source.name: False for source in sources}

    async def run(self) -> None:
        """Reads until cancelled. Raises DeviceError when the broker is lost or refuses us."""
        try:
            async with client_of(self._broker) as client:
                for topic in sorted({topic for source in self._sources for topic in source.topics}):
                    await self._subscribe(client, topic)
                self._connected = client
                await self.wake()
                async for message in client.messages:
                    self._take(message)
        except aiomqtt.MqttError as error:
            raise lost(self._broker, error) from error
        finally:
            self._connected = None
            for saying in self._saying.values():
                saying.cancel()
            self._saying.clear()
            for source in self._sources:
                source.lost()

    @property
    def reads(self) -> frozenset[str]:
        """The names of the meters and cars that it reads."""
        return frozenset(source.name for source in self._sources)

    async def wake(self) -> None:
        """Tells the devices that fall asleep otherwise that somebody listens. Raises DeviceError."""
        if self._connected is None:
            return
        try:
            for keepalive in self.keepalives:
                with heeded():
                    await self._connected.publish(keepalive.topic, keepalive.payload)
        except aiomqtt.MqttError as error:
            raise lost(self._broker, error) from error

    async def _subscribe(self, client: aiomqtt.Client, topic: str) -> None:
        with heeded():
            grants = await client.subscribe(topic)
        for granted in grants:
            code = granted if isinstance(granted, int) else granted.value
            if code >= 0x80:  # MQTT 3.1.1 section 3.9.3: failure
                raise DeviceError(
                    said(
                        "mqtt.forbidden",
                        "the MQTT broker does not let {user} read {topic}",
                        user=self._broker.user or said("mqtt.nameless", "us"),
                        topic=topic,
                    )
                )

    def _take(self, message: aiomqtt.Message) -> None:
        payload = message.payload if isinstance(message.payload, bytes) else b""
        for source, topic in self._routes:
            if not message.topic.matches(topic):
                continue
            try:
                if source.hear(topic, payload, retained=message.retain):
                    self._say_soon(source)
            except Missing as error:
                if not self._good[source.name]:  # later on, a message may leave things out
                    self._complain(source, message, error)
            except Malformed as error:
                self._complain(source, message, error)
            else:
                self._good[source.name] = True
                self.complaints.pop(source.name, None)

    def _say_soon(self, source: Source) -> None:
        """When the burst is over that this message may be part of."""
        if not source.gathers:
            source.say()
        elif source.name not in self._saying:
            self._saying[source.name] = asyncio.get_running_loop().call_later(BURST_S, self._burst_over, source)

    def _burst_over(self, source: Source) -> None:
        self._saying.pop(source.name, None)
        source.say()

    def _complain(self, source: Source, message: aiomqtt.Message, error: Malformed) -> None:
        self.malformed[source.name] += 1
        told = source.name in self.complaints
        self.complaints[source.name] = f"a message on {message.topic} can't be read: {error}"
        if not told:
            log.warning("%s: a message on %s can't be read: %s", source.name, message.topic, error)


class Waker:
    """Keeps the devices awake that publish only while somebody tells them that he listens (Victron)."""

    name = "mqtt-keepalive"

    def __init__(self, reader: MqttReader) -> None:
        self._reader = reader
        self._every_s = min(keepalive.every_s for keepalive in reader.keepalives)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)  # the device's own time, whatever clock the house lives by
            await self._reader.wake()


class Repeater:
    """Says unchanged values again, for the publishers that are silent about them."""

    name = "mqtt-unchanged"

    def __init__(self, sources: Sequence[MeterSource | DeviceSource], clock: Clock) -> None:
        self._sources = sources
        self._clock = clock

    async def run(self) -> None:
        while True:
            await self._clock.sleep(REPEAT_S)
            for source in self._sources:
                source.repeat()


def build(
    broker: MqttBrokerSettings,
    meters: Mapping[str, tuple[Role, MqttSettings]],
    socs: Mapping[str, MqttSocSettings],
    clock: Clock,
    sink: MeterSink,
    soc_sink: SocSink,
    folder: Path | None = None,
    dimmed_sink: DimmedSink | None = None,
    charges: Mapping[str, MqttChargeSettings] = MappingProxyType({}),
    charge_sink: ChargeSink | None = None,
) -> list[Driver]:
    """The drivers of everything that is read over MQTT, and of what is told; none when nothing is.

    ``socs`` and ``charges`` go by vehicle, and ``folder`` holds the installer's own device files. Raises ValueError for
    a device file that is not sound.
    """
    metered = [meter_source(name, role, settings, clock, sink, folder) for name, (role, settings) in meters.items()]
    cars = [soc_source(name, settings, soc_sink, folder) for name, settings in socs.items()]
    sources: list[Source] = [*metered, *cars]
    if broker.dimmed_topic is not None and dimmed_sink is not None:
        sources.append(DimmedSource(broker.dimmed_topic, dimmed_sink))
    if charge_sink is not None:
        sources.extend(ChargeSource(name, settings, charge_sink) for name, settings in charges.items())
    telling = [BatteryTopic(broker, broker.battery_topic, clock)] if broker.battery_topic is not None else []
    if not sources:
        return [*telling]
    silent = [source for source in metered if source.max_age_s is not None]
    reader = MqttReader(broker, sources)
    return [
        reader,
        *telling,
        *([Repeater(silent, clock)] if silent else []),
        *([Waker(reader)] if reader.keepalives else []),
    ]


def meter_source(
    name: str, role: Role, settings: MqttSettings, clock: Clock, sink: MeterSink, folder: Path | None
) -> MeterSource | DeviceSource:
    """What reads a meter. Raises ValueError with a text for people."""
    if settings.device is None:
        return MeterSource(name, role, settings, clock, sink)
    try:
        return DeviceSource(name, role, settings, published(settings.device, folder), clock, sink)
    except (ValueError, DeviceError) as error:
        raise _of_device(settings.device, error) from error


def soc_source(name: str, settings: MqttSocSettings, sink: SocSink, folder: Path | None) -> SocSource:
    """What reads a car's state of charge. Raises ValueError with a text for people."""
    if settings.device is None:
        return SocSource(name, settings, sink)
    try:
        return SocSource.of_device(name, settings, published(settings.device, folder), sink)
    except ValueError as error:
        raise _of_device(settings.device, error) from error


def _of_device(device: str, error: ValueError | DeviceError) -> Unfit:
    wrong, remedy = (error.wrong, error.remedy) if isinstance(error, Unfit) else (str(error), "")
    return Unfit(said("set.device", "{device}: {wrong}", device=device, wrong=wrong), remedy)


def published(device: str, folder: Path | None) -> MqttFile:
    """What a device's file says of MQTT. Raises ValueError with a text for people."""
    file = load(device, folder)
    if file.mqtt is None:
        raise Unfit(said("set.no_mqtt", "it does not speak MQTT"), said("set.no_mqtt.do", "write driver: modbus"))
    return file.mqtt
