"""Meters, and the cars' state of charge, over MQTT.

One client for the broker serves all of them: each *source* (``drivers.mqtt_sources``) is one topic and where its
numbers stand (``drivers.mqtt_payload``); the client hands it every message of that topic. A message that can't be
read is counted, and said once until the source is sound again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import aiomqtt

from drivers.base import DeviceError, Driver, MeterSink
from drivers.mqtt_payload import Malformed, Missing, document
from drivers.mqtt_settings import MqttBrokerSettings, MqttSettings, MqttSocSettings
from drivers.mqtt_sources import MeterSource, SocSink, SocSource, Source
from hemsd.clock import Clock
from hemsd.model import Role

__all__ = ["MqttBrokerSettings", "MqttReader", "MqttSettings", "MqttSocSettings", "SocSink", "build"]

log = logging.getLogger(__name__)

KEEPALIVE_S = 15  # MQTT 3.1.1 section 3.1.2.10: a dead connection is noticed after one and a half of these
TIMEOUT_S = 5.0
REPEAT_S = 5.0


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
        self._good = {source.name: False for source in sources}

    async def run(self) -> None:
        """Reads until cancelled. Raises DeviceError when the broker is lost or refuses us."""
        try:
            async with self._client() as client:
                for topic in sorted({source.topic for source in self._sources}):
                    await self._subscribe(client, topic)
                async for message in client.messages:
                    self._take(message)
        except aiomqtt.MqttError as error:
            raise DeviceError(f"MQTT broker {self._broker.host}:{self._broker.port}: {error}") from error
        finally:
            for source in self._sources:
                source.lost()

    def _client(self) -> aiomqtt.Client:
        broker = self._broker
        return aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.secret(),
            tls_params=_tls(broker) if broker.tls else None,
            keepalive=KEEPALIVE_S,
            timeout=TIMEOUT_S,
        )

    async def _subscribe(self, client: aiomqtt.Client, topic: str) -> None:
        for granted in await client.subscribe(topic):
            code = granted if isinstance(granted, int) else granted.value
            if code >= 0x80:  # MQTT 3.1.1 section 3.9.3: failure
                raise DeviceError(f"the MQTT broker does not let {self._broker.user or 'us'} read {topic}")

    def _take(self, message: aiomqtt.Message) -> None:
        for source in self._sources:
            if not message.topic.matches(source.topic):
                continue
            try:
                payload = message.payload
                source.take(document(payload if isinstance(payload, bytes) else b""), retained=message.retain)
            except Missing as error:
                if not self._good[source.name]:  # later on, a message may leave things out
                    self._complain(source, message, error)
            except Malformed as error:
                self._complain(source, message, error)
            else:
                self._good[source.name] = True
                self.complaints.pop(source.name, None)

    def _complain(self, source: Source, message: aiomqtt.Message, error: Malformed) -> None:
        self.malformed[source.name] += 1
        told = source.name in self.complaints
        self.complaints[source.name] = f"a message on {message.topic} can't be read: {error}"
        if not told:
            log.warning("%s: a message on %s can't be read: %s", source.name, message.topic, error)


def _tls(broker: MqttBrokerSettings) -> aiomqtt.TLSParameters:
    ca_file, cert_file, key_file = (
        str(file) if file else None for file in (broker.ca_file, broker.cert_file, broker.key_file)
    )
    return aiomqtt.TLSParameters(ca_certs=ca_file, certfile=cert_file, keyfile=key_file)


class Repeater:
    """Says unchanged values again, for the publishers that are silent about them."""

    name = "mqtt-unchanged"

    def __init__(self, sources: Sequence[MeterSource], clock: Clock) -> None:
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
) -> list[Driver]:
    """The drivers of everything that is read over MQTT; none when nothing is. ``socs`` goes by vehicle."""
    metered = [MeterSource(name, role, settings, clock, sink) for name, (role, settings) in meters.items()]
    sources: list[Source] = [*metered, *(SocSource(name, settings, soc_sink) for name, settings in socs.items())]
    if not sources:
        return []
    silent = [source for source in metered if meters[source.name][1].max_age_s is not None]
    return [MqttReader(broker, sources), *([Repeater(silent, clock)] if silent else [])]
