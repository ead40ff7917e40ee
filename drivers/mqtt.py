"""Meters, and the cars' state of charge, over MQTT.

One client for the broker serves all of them. Each *source* is one topic and where its numbers stand; the client hands
it every message of that topic, and it hands readings on. What a message can't say, its age, decides three things:

- A reading is as old as its arrival. A clock in the payload may be anywhere.
- What the broker kept (a retained message) may be hours old. It is no power of the present, but it is a state of
  charge, which moves slowly.
- Some publishers are silent while a value stands (Home Assistant's statestream). With ``max_age_s`` silence means
  "unchanged" for that long, as long as the broker is connected, and what the broker kept is believed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

import aiomqtt
from pydantic import AfterValidator, Field, SecretStr, model_validator

from drivers.base import DeviceError, Driver, MeterSink, Strict
from drivers.mqtt_payload import WHOLE, Json, Malformed, Missing, document, number, path
from drivers.plausible import plausible
from hemsd.clock import Clock
from hemsd.model import MeterReading, Role

log = logging.getLogger(__name__)

KEEPALIVE_S = 15  # MQTT 3.1.1 section 3.1.2.10: a dead connection is noticed after one and a half of these
TIMEOUT_S = 5.0
REPEAT_S = 5.0
SOC_STANDS_S = 3600.0  # so long a state of charge is combined with newer powers


def _checked(text: str) -> str:
    path(text)
    return text


JsonPath = Annotated[str, AfterValidator(_checked)]
Topic = Annotated[str, Field(min_length=1, max_length=65535)]


class MqttSettings(Strict):
    """A meter that somebody publishes on the MQTT broker of ``mqtt``."""

    driver: Literal["mqtt"]
    topic: Topic
    power: JsonPath | None = None
    """Where in the JSON payload the power stands, like $.power; left out, the whole payload is the number."""
    soc: JsonPath | None = None
    """Where a battery's state of charge in percent stands, like $.soc. Alone, without power, it is all that is read."""
    scale: float = 1.0
    """Power is multiplied by this: 1000 for a source in kilowatts."""
    offset: float = 0.0
    """Added to the power, in watts, after scale."""
    invert: bool = False
    """Turns the sign of the power: hemsd counts import and discharge as positive."""
    max_age_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """For a publisher that is silent while a value stands: for so long the last value counts as said again."""
    role: Role | None = None
    """What it measures; left out, the meter's name says it."""


class MqttSocSettings(Strict):
    """A car's state of charge that somebody publishes."""

    driver: Literal["mqtt"]
    topic: Topic
    soc: JsonPath | None = None
    """Where in the JSON payload the percentage stands, like $.soc; left out, the whole payload is the number."""
    scale: float = 1.0
    """Multiplies the number: 100 for a source that says 0.55 for 55 %."""


class MqttBrokerSettings(Strict):
    """The MQTT broker of the house."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    user: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    tls: bool = False
    """Encrypted; the broker's certificate is checked."""
    ca_file: Path | None = None
    """The authority that signed the broker's certificate, where the system does not know it."""
    cert_file: Path | None = None
    """hemsd's own certificate, where the broker asks for one."""
    key_file: Path | None = None
    homeassistant: bool = False
    """Shows hemsd's devices in Home Assistant by themselves."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.password and self.password_file:
            raise ValueError("give password or password_file, not both")
        if (self.password or self.password_file) and not self.user:
            raise ValueError("a password needs a user")
        if (self.ca_file or self.cert_file or self.key_file) and not self.tls:
            raise ValueError("certificates need tls: true")
        return self

    def secret(self) -> str | None:
        """The password, from wherever it is. Raises DeviceError when its file can't be read."""
        if self.password_file is None:
            return self.password.get_secret_value() if self.password else None
        try:
            return self.password_file.read_text().strip()
        except OSError as error:
            raise DeviceError(f"the password of the MQTT broker can't be read: {error}") from error


SocSink = Callable[[str, float], None]
"""Takes (the vehicle's name in config.yaml, its state of charge in percent). Never blocks."""


class Source(Protocol):
    """One topic, and what becomes of its messages."""

    name: str
    topic: str

    def take(self, found: Json, *, retained: bool) -> None:
        """Raises Malformed, or Missing."""
        ...

    def lost(self) -> None:
        """The broker is gone: silence means nothing any more."""
        ...


class MeterSource:
    """A meter's topic."""

    def __init__(self, name: str, role: Role, settings: MqttSettings, clock: Clock, sink: MeterSink) -> None:
        self.name = name
        self.topic = settings.topic
        self._role = role
        self._settings = settings
        self._clock = clock
        self._sink = sink
        whole = None if settings.soc else WHOLE
        self._power_path = path(settings.power) if settings.power else whole
        self._soc_path = path(settings.soc) if settings.soc else None
        self._soc: tuple[float, float] | None = None  # percent, and when it came
        self._said: tuple[MeterReading, float] | None = None

    def take(self, found: Json, *, retained: bool) -> None:
        now_s = self._clock.monotonic()
        missing: Missing | None = None
        if self._soc_path is not None:
            try:
                soc_pct = number(found, self._soc_path)
            except Missing as error:
                missing = error
            else:
                self._soc = None if soc_pct is None else (soc_pct, now_s)
                if self._power_path is None:
                    self._say(MeterReading(soc_pct=soc_pct), now_s)
        if self._power_path is None:
            if missing:
                raise missing
            return
        try:
            power_w = self._power_w(found, self._power_path)
        except Missing:
            if self._soc_path is None or missing:
                raise
            return
        believed = not retained or self._settings.max_age_s is not None
        if power_w is not None and believed:
            self._say(MeterReading(power_w=power_w, soc_pct=self._soc_pct(now_s)), now_s)

    def _power_w(self, found: Json, steps: tuple[str | int, ...]) -> float | None:
        value = number(found, steps)
        if value is None:
            return None
        power_w = value * self._settings.scale + self._settings.offset
        power_w = -power_w if self._settings.invert else power_w
        return max(0.0, power_w) if self._role is Role.PV else power_w  # an inverter's own consumption at night

    def _soc_pct(self, now_s: float) -> float | None:
        return self._soc[0] if self._soc and now_s - self._soc[1] <= SOC_STANDS_S else None

    def _say(self, reading: MeterReading, now_s: float) -> None:
        reading = plausible(reading)
        self._said = (reading, now_s)
        self._sink(self.name, reading)

    def repeat(self) -> None:
        """Says the last reading again, while silence means that it stands."""
        max_age_s = self._settings.max_age_s
        if self._said and max_age_s is not None and self._clock.monotonic() - self._said[1] <= max_age_s:
            self._sink(self.name, self._said[0])

    def lost(self) -> None:
        self._said = None


class SocSource:
    """A car's topic."""

    def __init__(self, name: str, settings: MqttSocSettings, sink: SocSink) -> None:
        self.name = name
        self.topic = settings.topic
        self._scale = settings.scale
        self._path = path(settings.soc) if settings.soc else WHOLE
        self._sink = sink

    def take(self, found: Json, *, retained: bool) -> None:
        value = number(found, self._path)
        if value is None:
            return
        soc_pct = value * self._scale
        if not 0.0 <= soc_pct <= 100.0:
            raise Malformed(f"a state of charge of {soc_pct:g} % can't be")
        self._sink(self.name, soc_pct)

    def lost(self) -> None:
        """Nothing to forget: a car's state of charge stands until it is said anew."""


class MqttReader:
    """Keeps one connection to the broker and hands its messages to the sources."""

    name = "mqtt"

    def __init__(self, broker: MqttBrokerSettings, sources: Sequence[Source]) -> None:
        self._broker = broker
        self._sources = sources
        self.malformed: dict[str, int] = {source.name: 0 for source in sources}
        """How many messages could not be read, by source."""
        self._good = {source.name: False for source in sources}
        self._complained: set[str] = set()

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
        files = [str(file) if file else None for file in (broker.ca_file, broker.cert_file, broker.key_file)]
        return aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.secret(),
            tls_params=aiomqtt.TLSParameters(*files) if broker.tls else None,
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
                self._complained.discard(source.name)

    def _complain(self, source: Source, message: aiomqtt.Message, error: Malformed) -> None:
        self.malformed[source.name] += 1
        if source.name not in self._complained:
            self._complained.add(source.name)
            log.warning("%s: a message on %s can't be read: %s", source.name, message.topic, error)


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
