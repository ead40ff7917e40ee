"""The topic on which a car, wherever it is, says whether it charges.

Publishers write it in their own words: ``true``, ``on``, ``1``, ``Charging``. ``unavailable`` and its like say that
nobody knows at present; every other word means that it does not charge. A message that does not speak of it (many
publishers send only what changed) leaves the last word standing. What the broker kept counts: it is a state.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.mqtt_payload import NO_NUMBER, WHOLE, Json, Malformed, Missing, Path, at, document, number, path
from drivers.mqtt_settings import MqttChargeSettings
from hemsd.model import ChargeReport

YES = frozenset({"true", "on", "yes", "1", "charging"})

ChargeSink = Callable[[str, ChargeReport], None]
"""Takes (the vehicle's name in config.yaml, what it says). Never blocks."""


class ChargeSource:
    """A car's topic."""

    gathers = False

    def __init__(self, name: str, settings: MqttChargeSettings, sink: ChargeSink) -> None:
        self.name = f"{name} elsewhere"
        self.topics: tuple[str, ...] = (settings.topic,)
        self._vehicle = name
        self._settings = settings
        self._sink = sink
        self._charging: bool | None = None

    def hear(self, topic: str, payload: bytes, *, retained: bool) -> bool:
        self.take(document(payload))
        return False

    def say(self) -> None:
        """Nothing is left to say."""

    def take(self, found: Json) -> None:
        its = self._settings
        self._charging = self._said(found, path(its.charging) if its.charging else WHOLE)
        if self._charging is None:
            return
        energy = _part(found, its.energy)
        soc_pct = _part(found, its.soc)
        if soc_pct is not None and not 0.0 <= soc_pct <= 100.0:
            raise Malformed(f"a state of charge of {soc_pct:g} % can't be")
        power = _part(found, its.power)
        report = ChargeReport(
            charging=self._charging,
            power_w=None if power is None else power * its.power_scale,
            energy_wh=None if energy is None else energy * its.energy_scale,
            soc_pct=soc_pct,
        )
        self._sink(self._vehicle, report)

    def _said(self, found: Json, steps: Path) -> bool | None:
        try:
            said = at(found, steps)
        except Missing:
            return self._charging
        match said:
            case bool() | None:
                return said
            case int() | float():
                return said != 0
            case str():
                word = said.strip().lower()
                return None if word in NO_NUMBER else word in YES
            case _:
                raise Malformed("it does not say whether the car charges")

    def lost(self) -> None:
        """What was said stands for a while; ``rules.elsewhere`` ends what nobody speaks of."""


def _part(found: Json, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return number(found, path(text))
    except Missing:
        return None
