"""The part of a device file that says what a device publishes on an MQTT broker, and under which topics.

``{topic}`` in a topic or a path is what the installer wrote as ``topic``; further names in braces come from ``keys``,
where the file has the usual words and config.yaml may have others. Signs are hemsd's own, as in the rest of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from drivers.base import DeviceError, Strict, Unfit
from drivers.mqtt_payload import document, path
from hemsd.model import Role
from hemsd.said import said

_NAME = re.compile(r"\{(\w+)\}")

Pattern = Annotated[str, Field(min_length=1, max_length=500)]


class Payload(StrEnum):
    """What a message is."""

    JSON = "json"  # or the bare number
    SML = "sml"  # a meter's telegram, whatever is wrapped around it, or its readout as text


class MqttPoint(Strict):
    """One value: a topic, and where in its messages the number stands."""

    topic: Pattern
    """Where it is published."""
    at: str = "$"
    """Where in the JSON it stands; left out, the whole message is the number. A list of numbers is added up."""
    scale: float = 1.0
    """What the number is worth, in hemsd's unit and with hemsd's sign."""
    optional: bool = False
    """In a sum: does not count where the device does not have it."""

    def filled(self, keys: Mapping[str, str]) -> MqttPoint:
        """With the installer's words in the braces. Raises ValueError with a text for people."""
        at = filled(self.at, keys)
        path(at)
        return self.model_copy(update={"topic": filled(self.topic, keys), "at": at})


MqttQuantity = MqttPoint | Annotated[tuple[MqttPoint, ...], Field(min_length=1)]
MqttPhases = Annotated[tuple[MqttPoint, ...], Field(min_length=1, max_length=3)]


class MqttRoleMap(Strict):
    """Where one role's values are published."""

    power_w: MqttQuantity | None = None
    """In watts: positive on import, while a battery discharges, and for the sun."""
    powers_w: MqttPhases = ()
    """Power by phase: gives the currents their sign."""
    currents_a: MqttPhases = ()
    """Amperes by phase."""
    voltages_v: MqttPhases = ()
    """Volts from phase to neutral."""
    energy_import_wh: MqttQuantity | None = None
    """The counter of what was bought, in watt-hours."""
    energy_export_wh: MqttQuantity | None = None
    """The counter of what was sold, or of what the sun gave, in watt-hours."""
    soc_pct: MqttQuantity | None = None
    """A battery's state of charge, in percent."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.power_w is None and self.soc_pct is None:
            raise ValueError("needs power_w, or soc_pct")
        return self

    def points(self) -> Iterator[MqttPoint]:
        for quantity in (self.power_w, self.energy_import_wh, self.energy_export_wh, self.soc_pct):
            yield from parts(quantity)
        yield from (*self.powers_w, *self.currents_a, *self.voltages_v)

    def filled(self, keys: Mapping[str, str]) -> MqttRoleMap:
        """With the installer's words in the braces. Raises ValueError with a text for people."""

        def all_of(points: tuple[MqttPoint, ...]) -> tuple[MqttPoint, ...]:
            return tuple(point.filled(keys) for point in points)

        def quantity(given: MqttQuantity | None) -> tuple[MqttPoint, ...] | None:
            return all_of(parts(given)) or None

        return self.model_copy(
            update={
                "power_w": quantity(self.power_w),
                "energy_import_wh": quantity(self.energy_import_wh),
                "energy_export_wh": quantity(self.energy_export_wh),
                "soc_pct": quantity(self.soc_pct),
                "powers_w": all_of(self.powers_w),
                "currents_a": all_of(self.currents_a),
                "voltages_v": all_of(self.voltages_v),
            }
        )


class Availability(Strict):
    """Where the device, or its last will (MQTT 3.1.1, section 3.1.2.5), says that it is gone."""

    topic: Pattern
    """Where it says so."""
    at: str = "$"
    """Where in the JSON, if it is that."""
    offline: tuple[str, ...]
    """The words for being gone."""

    def filled(self, keys: Mapping[str, str]) -> Availability:
        return self.model_copy(update={"topic": filled(self.topic, keys)})

    def said(self, payload: bytes) -> str:
        """The word of a message: plain text, or JSON, where versions of a publisher differ."""
        found = document(payload)
        for step in path(self.at):
            if isinstance(found, dict) and isinstance(step, str):
                found = found.get(step)
        return str(found).lower() if isinstance(found, bool) else str(found)


class Keepalive(Strict):
    """What the device wants to hear, or it falls silent."""

    topic: Pattern
    """Where it listens."""
    payload: str = ""
    """What it wants to hear."""
    every_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    """How often."""

    def filled(self, keys: Mapping[str, str]) -> Keepalive:
        return self.model_copy(update={"topic": filled(self.topic, keys)})


class MqttFile(Strict):
    """What one device publishes."""

    topic: str | None = None
    """The usual word for {topic}; left out, config.yaml must say it."""
    keys: dict[str, str] = Field(default_factory=dict)
    """Further names in braces and their usual words."""
    payload: Payload = Payload.JSON
    """What its messages are."""
    max_age_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """For a publisher that is silent while a value stands: for so long the last value counts as said again."""
    availability: Availability | None = None
    """Where it says that it is gone."""
    keepalive: Keepalive | None = None
    """What it wants to hear."""
    grid: MqttRoleMap | None = None
    """The house connection."""
    pv: MqttRoleMap | None = None
    """The sun."""
    battery: MqttRoleMap | None = None
    """The battery."""
    car: MqttRoleMap | None = None
    """A car's state of charge."""

    def role(self, role: Role, name: str) -> MqttRoleMap:
        """Raises DeviceError when the device does not serve the role."""
        maps = {Role.GRID: self.grid, Role.PV: self.pv, Role.BATTERY: self.battery}
        found = maps[role]
        if found is None:
            served = ", ".join(word for word, its in maps.items() if its is not None) or "no meter at all"
            raise DeviceError(
                said(
                    "device.no_role_mqtt",
                    "{name} is no {role} meter over MQTT; it serves {served}",
                    name=name,
                    role=role,
                    served=served,
                )
            )
        return found

    def words(self, topic: str | None, keys: Mapping[str, str]) -> dict[str, str]:
        """What stands for the names in braces. Raises ValueError with a text for people."""
        unknown = sorted(keys.keys() - self.keys.keys())
        if unknown:
            known = ", ".join(self.keys) or "none"
            raise Unfit(
                said("set.unknown_key", "it has no key {name}", name=unknown[0]),
                said("set.unknown_key.do", "its keys: {known}", known=known),
            )
        given = topic if topic is not None else self.topic
        if given is None:
            raise Unfit(
                said("set.topic_missing", "topic is missing"), said("set.topic_missing.do", "its notes say what it is")
            )
        return {**self.keys, **keys, "topic": given}


def filled(text: str, keys: Mapping[str, str]) -> str:
    """The text with words for the names in braces. Raises ValueError for a name that nobody knows."""

    def word(found: re.Match[str]) -> str:
        if found[1] not in keys:
            raise Unfit(said("set.no_value", "nothing stands for {name} in {topic}", name=found[0], topic=text))
        return keys[found[1]]

    return _NAME.sub(word, text)


def parts(quantity: MqttQuantity | None) -> tuple[MqttPoint, ...]:
    if quantity is None:
        return ()
    return (quantity,) if isinstance(quantity, MqttPoint) else quantity
