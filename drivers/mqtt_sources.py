"""What one MQTT topic means: its messages become a meter's readings, or a car's state of charge.

What a message can't say, its age, decides three things:

- A reading is as old as its arrival. A clock in the payload may be anywhere.
- What the broker kept (a retained message) may be hours old. It is no power of the present, but it is a state of
  charge, which moves slowly.
- Some publishers are silent while a value stands (Home Assistant's statestream). With ``max_age_s`` silence means
  "unchanged" for that long, as long as the broker is connected, and what the broker kept is believed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from drivers.base import MeterSink
from drivers.mqtt_file import MqttFile, parts
from drivers.mqtt_payload import WHOLE, Json, Malformed, Missing, Path, document, number, path
from drivers.mqtt_settings import MqttSettings, MqttSocSettings
from drivers.plausible import plausible
from drivers.watch import Watch
from hemsd.clock import Clock
from hemsd.model import MeterReading, Role

SOC_STANDS_S = 3600.0  # so long a state of charge is combined with newer powers

SocSink = Callable[[str, float], None]
"""Takes (the vehicle's name in config.yaml, its state of charge in percent). Never blocks."""

DimmedSink = Callable[[float | None, datetime | None], None]
"""Takes what the grid operator leaves to the cars in watts (None: everything again), and until when. Never blocks."""


class Source(Protocol):
    """One topic, and what becomes of its messages."""

    name: str
    topics: tuple[str, ...]

    @property
    def gathers(self) -> bool:
        """Whether what it says is made of several messages."""
        ...

    def hear(self, topic: str, payload: bytes, *, retained: bool) -> bool:
        """Takes a message of one of the topics; True when ``say`` has something new. Raises Malformed, or Missing."""
        ...

    def say(self) -> None:
        """Gives the sink what is known now."""
        ...

    def lost(self) -> None:
        """The broker is gone: silence means nothing any more."""
        ...


class MeterSource:
    """A meter's topic."""

    gathers = False

    def __init__(self, name: str, role: Role, settings: MqttSettings, clock: Clock, sink: MeterSink) -> None:
        assert settings.topic is not None, "MqttSettings has a device, or a topic"
        self.name = name
        self.topics: tuple[str, ...] = (settings.topic,)
        self.max_age_s = settings.max_age_s
        self._role = role
        self._settings = settings
        self._clock = clock
        self._sink = sink
        whole = None if settings.soc else WHOLE
        self._power_path = path(settings.power) if settings.power else whole
        self._soc_path = path(settings.soc) if settings.soc else None
        self._soc: tuple[float, float] | None = None  # percent, and when it came
        self._said: tuple[MeterReading, float] | None = None
        self._watch = Watch()

    def hear(self, topic: str, payload: bytes, *, retained: bool) -> bool:
        self.take(document(payload), retained=retained)
        return False  # it is said at once

    def say(self) -> None:
        """Nothing is left to say."""

    def take(self, found: Json, *, retained: bool) -> None:
        now_s = self._clock.monotonic()
        soc_there, soc_pct = _part(found, self._soc_path)
        power_there, value = _part(found, self._power_path)
        if not soc_there and not power_there:
            raise Missing(f"nothing stands at {self._settings.power or self._settings.soc}")
        if soc_there:
            self._soc = None if soc_pct is None else (soc_pct, now_s)
        if self._power_path is None:
            self._say(MeterReading(soc_pct=soc_pct), now_s)
        elif value is not None and (not retained or self._settings.max_age_s is not None):
            self._say(MeterReading(power_w=self._power_w(value), soc_pct=self._soc_pct(now_s)), now_s)

    def _power_w(self, value: float) -> float:
        power_w = value * self._settings.scale + self._settings.offset
        power_w = -power_w if self._settings.invert else power_w
        return max(0.0, power_w) if self._role is Role.PV else power_w  # an inverter's own consumption at night

    def _soc_pct(self, now_s: float) -> float | None:
        return self._soc[0] if self._soc and now_s - self._soc[1] <= SOC_STANDS_S else None

    def _say(self, reading: MeterReading, now_s: float) -> None:
        reading = self._watch.judge(plausible(reading), now_s)
        self._said = (reading, now_s)
        self._sink(self.name, reading)

    def repeat(self) -> None:
        """Says the last reading again, while silence means that it stands."""
        max_age_s = self._settings.max_age_s
        if self._said and max_age_s is not None and self._clock.monotonic() - self._said[1] <= max_age_s:
            self._sink(self.name, self._said[0])

    def lost(self) -> None:
        self._said = None


def _part(found: Json, steps: Path | None) -> tuple[bool, float | None]:
    """Whether the message speaks of it at all, and what it says: a publisher may send only what changed."""
    if steps is None:
        return False, None
    try:
        return True, number(found, steps)
    except Missing:
        return False, None


class SocSource:
    """A car's topic."""

    gathers = False

    @classmethod
    def of_device(cls, name: str, settings: MqttSocSettings, file: MqttFile, sink: SocSink) -> SocSource:
        """As a device file says. Raises ValueError with a text for people."""
        if file.car is None or file.car.soc_pct is None:
            raise ValueError("it tells no car's state of charge")
        point = parts(file.car.soc_pct)[0].filled(file.words(settings.topic, settings.keys))
        found = settings.model_copy(
            update={"topic": point.topic, "soc": point.at, "scale": point.scale * settings.scale}
        )
        return cls(name, found, sink)

    def __init__(self, name: str, settings: MqttSocSettings, sink: SocSink) -> None:
        assert settings.topic is not None, "MqttSocSettings has a device, or a topic"
        self.name = name
        self.topics: tuple[str, ...] = (settings.topic,)
        self._scale = settings.scale
        self._path = path(settings.soc) if settings.soc else WHOLE
        self._sink = sink

    def hear(self, topic: str, payload: bytes, *, retained: bool) -> bool:
        self.take(document(payload), retained=retained)
        return False

    def say(self) -> None:
        """Nothing is left to say."""

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


class DimmedSource:
    """The topic of a control box: watts, or ``{"dimmed_w": 4200, "until": "2026-06-21T18:00:00Z"}``.

    Nothing, ``null`` or ``off`` takes it back; that nobody knows it at present (``unavailable``) does not. What the
    broker kept counts: a control box says it once.
    """

    gathers = False
    name = "the grid operator"

    def __init__(self, topic: str, sink: DimmedSink) -> None:
        self.topics: tuple[str, ...] = (topic,)
        self._sink = sink

    def hear(self, topic: str, payload: bytes, *, retained: bool) -> bool:
        found = document(payload)
        said, until = (found.get("dimmed_w", ""), found.get("until")) if isinstance(found, dict) else (found, None)
        if said is None or (isinstance(found, str) and found.strip().lower() in ("", "off")):
            self._sink(None, None)
            return False
        power_w = number(said, WHOLE)
        if power_w is None:
            raise Malformed("it says no power")
        if power_w < 0:
            raise Malformed(f"{power_w:g} W can't be left")
        self._sink(power_w, _moment(until))
        return False

    def say(self) -> None:
        """Nothing is left to say."""

    def lost(self) -> None:
        """Nothing to forget: an order stands until it ends."""


def _moment(said: Json) -> datetime | None:
    if said is None:
        return None
    try:
        moment = datetime.fromisoformat(str(said))
    except ValueError:
        raise Malformed(f"{said!r} is no time") from None
    if moment.tzinfo is None:
        raise Malformed(f"{said!r} names no time zone")
    return moment
