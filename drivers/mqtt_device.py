"""A meter that a device file knows: its topics become readings.

Several topics may make one reading. What a device publishes at once arrives as a burst of messages, in any order; half
of it (the import of now with the export of before) would be a false surplus. So a reading is made when a burst is over,
and its power is only known while none of the parts is older than its publisher lets them get.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drivers import meter_readout, sml
from drivers.base import MeterSink
from drivers.mqtt_file import MqttFile, MqttPoint, MqttQuantity, Payload, parts
from drivers.mqtt_payload import Json, Malformed, Missing, Path, document, number, path
from drivers.mqtt_settings import MqttSettings
from drivers.phases import corrected, signed
from drivers.plausible import plausible
from drivers.watch import Watch
from hemsd.clock import Clock
from hemsd.model import MeterReading, PerPhase, Role
from hemsd.said import said

FRESH_S = 30.0  # a part that is older is not known, where the file says nothing of silence
SLOW_S = 3600.0  # levels and counters


class DeviceSource:
    """One meter of a device that has a file."""

    def __init__(
        self, name: str, role: Role, settings: MqttSettings, file: MqttFile, clock: Clock, sink: MeterSink
    ) -> None:
        """Raises ValueError, or DeviceError, when file and settings don't fit."""
        words = file.words(settings.topic, settings.keys)
        self.name = name
        self._role = role
        self._settings = settings
        self._map = file.role(role, name).filled(words)
        self._payload = file.payload
        self._availability = file.availability and file.availability.filled(words)
        self.keepalive = file.keepalive and file.keepalive.filled(words)
        self.max_age_s = settings.max_age_s if settings.max_age_s is not None else file.max_age_s
        self._clock = clock
        self._sink = sink
        self._points: dict[str, list[tuple[MqttPoint, Path]]] = {}
        for point in dict.fromkeys(self._map.points()):
            self._points.setdefault(point.topic, []).append((point, path(point.at)))
        gone = (self._availability.topic,) if self._availability else ()
        self.topics = tuple(dict.fromkeys((*self._points, *gone)))
        self.gathers = len(self._points) > 1
        """Whether a reading is made of several messages."""
        self._values: dict[MqttPoint, tuple[float, float]] = {}  # the number, and when it came
        self._heard_s: float | None = None
        self._is_gone = False
        self._watch = Watch()

    def hear(self, topic: str, payload: bytes, *, retained: bool) -> bool:
        """Takes a message of one of the topics; True when there is something to say. Raises Malformed, or Missing."""
        availability = self._availability
        if availability and topic == availability.topic:
            return self._hear_of_life(availability.said(payload), availability.offline)
        if retained and self.max_age_s is None and self._role is not Role.BATTERY:
            return False  # may be hours old
        found = self._document(payload)
        now_s = self._clock.monotonic()
        missing: Missing | None = None
        some = False
        for point, steps in self._points[topic]:
            try:
                value = total(found, steps)
            except Missing as error:
                missing = error
                continue
            some = True
            if value is None:
                self._values.pop(point, None)
            else:
                self._values[point] = value * point.scale, now_s
        if not some and missing:
            raise missing
        self._is_gone = False
        self._heard_s = now_s
        return True

    def _hear_of_life(self, word: str, offline: Sequence[str]) -> bool:
        self._is_gone = word in offline
        if self._is_gone:
            self._values.clear()
        return self._is_gone

    def _document(self, payload: bytes) -> Json:
        if self._payload is Payload.JSON:
            return document(payload)
        try:
            return dict(sml.values(payload) if sml.ESCAPE in payload else meter_readout.values(payload))
        except (sml.NoSml, meter_readout.NoReadout) as error:
            raise Malformed(str(error)) from None

    def say(self) -> None:
        """Gives the sink what is known now."""
        if self._is_gone:
            self._sink(self.name, MeterReading(doubts=(said("doubt.gone", "the broker says that the device is gone"),)))
        elif self._heard_s is not None:
            now_s = self._clock.monotonic()
            self._sink(self.name, self._watch.judge(plausible(self._reading(now_s)), now_s))

    def repeat(self) -> None:
        """Says the last reading again, while silence means that it stands."""
        if self._heard_s is None or self.max_age_s is None:
            return
        if self._clock.monotonic() - self._heard_s <= self.max_age_s:
            self.say()

    def lost(self) -> None:
        """The broker is gone: silence means nothing any more."""
        self._values.clear()
        self._heard_s = None

    # --- the reading

    def _reading(self, now_s: float) -> MeterReading:
        fresh_s = self.max_age_s or FRESH_S
        sign = -1.0 if self._settings.invert else 1.0
        power_w, doubts = self._sum(self._map.power_w, now_s, fresh_s)
        powers_w = self._phases(self._map.powers_w, now_s, fresh_s)
        power_w, powers_w = corrected(power_w, powers_w, self._settings.inverted_cts)
        if power_w is not None:
            power_w = sign * (power_w * self._settings.scale + self._settings.offset)
            power_w = max(0.0, power_w) if self._role is Role.PV else power_w  # its own consumption at night
        currents_a = self._phases(self._map.currents_a, now_s, fresh_s)
        if self._role is Role.GRID:
            currents_a = signed(currents_a, powers_w, sign)
        return MeterReading(
            power_w=power_w,
            currents_a=currents_a,
            voltages_v=self._phases(self._map.voltages_v, now_s, fresh_s),
            energy_import_wh=self._sum(self._map.energy_import_wh, now_s, SLOW_S)[0],
            energy_export_wh=self._sum(self._map.energy_export_wh, now_s, SLOW_S)[0],
            soc_pct=self._sum(self._map.soc_pct, now_s, SLOW_S)[0],
            doubts=tuple(doubts),
        )

    def _sum(self, quantity: MqttQuantity | None, now_s: float, fresh_s: float) -> tuple[float | None, list[str]]:
        """All parts together; None, and why, when one that is needed is missing or old."""
        total_w = 0.0
        some = False
        doubts: list[str] = []
        for point in parts(quantity):
            value, at_s = self._values.get(point, (None, now_s))
            if value is not None and now_s - at_s <= fresh_s:
                total_w += value
                some = True
            elif not point.optional:
                if value is not None:
                    doubts.append(
                        said(
                            "doubt.topic_silent",
                            "{topic} has been silent for {silent_s:.0f} s",
                            topic=point.topic,
                            silent_s=now_s - at_s,
                        )
                    )
                return None, doubts
        return (total_w if some else None), doubts

    def _phases(self, points: Iterable[MqttPoint], now_s: float, fresh_s: float) -> PerPhase:
        values = [self._sum(point, now_s, fresh_s)[0] for point in points]
        a, b, c = (*values, None, None, None)[:3]
        return a, b, c


def total(found: Json, steps: Path) -> float | None:
    """The number at a path, or the sum of a list of them (one for each channel). Raises Malformed, or Missing."""
    try:
        return number(found, steps)
    except Missing:
        raise
    except Malformed:
        inner = _at(found, steps)
        if not isinstance(inner, list) or not inner:
            raise
        numbers = [number(each, ()) for each in inner]
        return None if None in numbers else sum(each for each in numbers if each is not None)


def _at(found: Json, steps: Path) -> Json:
    for step in steps:
        match found, step:
            case dict(), str():
                found = found.get(step)
            case list(), int() if step < len(found):
                found = found[step]
            case _:
                return None
    return found
