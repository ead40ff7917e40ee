"""A device is one YAML file: which registers hold what, and how its maker likes to be asked.

The files that hemsd knows are in ``drivers/devices``; an installer can put further ones into ``devices`` beside
config.yaml, where a file of the same name takes the place of ours. The same words describe an unknown device in
config.yaml itself (``device: custom`` with ``points``).

A quantity is one point, or a list of points that are added up: what a device splits into two registers (import and
export, charge and discharge) is one point with ``scale: 1`` and one with ``scale: -1``. Signs are hemsd's own: import,
discharge and generation are positive.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from drivers.base import DeviceError, Strict
from drivers.device_complaints import complaints, unreadable
from drivers.modbus_blocks import MAX_GAP, MAX_WORDS, Space
from drivers.modbus_line import Parity
from drivers.modbus_words import Kind, WordOrder
from drivers.mqtt_file import MqttFile
from hemsd.model import Role
from hemsd.said import said

SHIPPED = Path(__file__).parent / "devices"

Address = Annotated[int, Field(ge=0, le=65535)]
Unit = Annotated[int, Field(ge=0, le=255)]


class Point(Strict):
    """One value in the registers."""

    at: Address
    """The register as on the wire, counted from 0."""
    kind: Kind
    """How its words are read."""
    scale: float = 1.0
    """What one step of the register is worth, in hemsd's unit and with hemsd's sign."""
    scale_at: Address | None = None
    """The register of a SunSpec scale factor, where there is one."""
    space: Space | None = None
    """Holding or input registers; left out, the device's usual ones."""
    order: WordOrder | None = None
    """Which word of several comes first; left out, the device's usual order."""
    nothing: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Further patterns, as unsigned numbers, by which this device says that it has no value."""
    optional: bool = False
    """In a sum: does not count where the device does not have it."""
    magnitude: bool = False
    """Only its size counts: some meters count what is sold below zero."""


class Condition(Strict):
    """Holds while the register has one of the values; without values, while it has any at all."""

    at: Address
    """The register as on the wire, counted from 0."""
    kind: Kind = Kind.UINT16
    """How the register is read."""
    values: tuple[int, ...] = ()
    """Where it holds; left out, at any value that means something."""

    @property
    def point(self) -> Point:
        return Point(at=self.at, kind=self.kind)


Quantity = Point | Annotated[tuple[Point, ...], Field(min_length=1)]
Phases = Annotated[tuple[Point, ...], Field(min_length=1, max_length=3)]


class RoleMap(Strict):
    """Where one role's values stand."""

    unit: Unit | None = None
    """The unit id, where this role has another one than the device."""
    sunspec: bool = False
    """The values are found by SunSpec, and ``invert`` is all that the file says of them."""
    invert: bool = False
    """Turns the sign of the power that SunSpec finds."""
    flickers: bool = False
    """The power is a float that is never the same for long to the last digit: then a minute at rest is a fault."""
    power_w: Quantity | None = None
    """In watts: positive on import, while a battery discharges, and for the sun."""
    powers_w: Phases = ()
    """Power by phase: gives the currents their sign."""
    currents_a: Phases = ()
    """Amperes by phase."""
    voltages_v: Phases = ()
    """Volts from phase to neutral."""
    energy_import_wh: Quantity | None = None
    """The counter of what was bought, in watt-hours."""
    energy_export_wh: Quantity | None = None
    """The counter of what was sold, or of what the sun gave, in watt-hours."""
    soc_pct: Quantity | None = None
    """A battery's state of charge, in percent."""
    only_if: Condition | None = None
    """The values mean something only then: some devices leave the last ones standing when their meter is gone."""
    at_rest: Condition | None = None
    """A power that is not there is 0 W then: some inverters say nothing at night."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.sunspec == (self.power_w is not None or self.soc_pct is not None):
            raise ValueError("needs either sunspec: true, or power_w (or soc_pct)")
        return self


class Sign(Strict):
    """What stands in one place of this device, and hardly in any other's."""

    at: Address
    """The register as on the wire, counted from 0."""
    kind: Kind = Kind.UINT16
    """How it is read, where it is a number."""
    space: Space | None = None
    """Holding or input registers; left out, the device's usual ones."""
    between: tuple[int, int] | None = None
    """The number is one of these, ends included."""
    values: tuple[int, ...] = ()
    """The number is one of these."""
    words: Annotated[int, Field(ge=1, le=32)] = 1
    """How many registers a text has."""
    text: str | None = None
    """A pattern that the text fits from its beginning; makers differ in the order of the two bytes of a register."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum((self.between is not None, bool(self.values), self.text is not None)) != 1:
            raise ValueError("needs one of between, values and text")
        return self


class Identity(Strict):
    """How a probe recognises the device."""

    maker: str | None = None
    """A pattern that the manufacturer's name in SunSpec fits from its beginning."""
    model: str = ""
    """And one that its model's name fits."""
    signs: tuple[Sign, ...] = ()
    """Without SunSpec: what must stand in its registers, all of it."""
    every_model: bool = True
    """Whether all its models have these signs; where not, a stranger may still be one of them."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if (self.maker is None) == (not self.signs):
            raise ValueError("needs maker, or signs")
        return self


class Transport(Strict):
    """How the device likes to be asked."""

    port: Annotated[int, Field(ge=1, le=65535)] = 502
    """Its usual TCP port."""
    baud: Annotated[int, Field(ge=300, le=1_000_000)] = 9600
    """Its usual speed on a serial line."""
    parity: Parity = "N"
    """Its usual parity there: N, E or O."""
    stopbits: Literal[1, 2] = 1
    """Its usual stop bits there."""
    unit: Unit = 1
    """Its usual unit id."""
    space: Space = Space.HOLDING
    """Where its values stand, if a point does not say otherwise."""
    order: WordOrder = WordOrder.BIG
    """Which word of a longer value comes first, if a point does not say otherwise."""
    words: Annotated[int, Field(ge=4, le=MAX_WORDS)] = MAX_WORDS
    """How many registers it serves at once."""
    gap: Annotated[int, Field(ge=0, le=MAX_WORDS)] = MAX_GAP
    """How many unwanted registers may be carried along."""
    pause_s: Annotated[float, Field(ge=0, le=5)] = 0.0
    """Between two requests."""
    connect_delay_s: Annotated[float, Field(ge=0, le=30)] = 0.0
    """Between the connection and the first request."""
    timeout_s: Annotated[float, Field(gt=0, le=30)] = 3.0
    """How long an answer may take."""


class DeviceFile(Strict):
    """One device."""

    name: str
    """What people call it."""
    models: tuple[str, ...] = ()
    """The maker's names of what the file is for."""
    experimental: bool = False
    """Known from one source only, or with an open question in its notes."""
    notes: tuple[str, ...] = ()
    """What an installer should know."""
    sources: tuple[str, ...] = ()
    """Who says so."""
    transport: Transport = Transport()
    """How it likes to be asked."""
    identity: Identity | None = None
    """How a probe recognises it; left out, it can't be told from others."""
    grid: RoleMap | None = None
    """The house connection."""
    pv: RoleMap | None = None
    """The sun."""
    battery: RoleMap | None = None
    """The battery."""
    mqtt: MqttFile | None = None
    """What it publishes on an MQTT broker."""

    @property
    def has_registers(self) -> bool:
        """Whether it is read over Modbus."""
        return any((self.grid, self.pv, self.battery))

    def role(self, role: Role) -> RoleMap:
        """Raises DeviceError when the device does not serve the role."""
        maps = {Role.GRID: self.grid, Role.PV: self.pv, Role.BATTERY: self.battery}
        found = maps[role]
        if not self.has_registers:
            raise DeviceError(
                said("device.no_registers", "{name} has no registers; write driver: mqtt", name=self.name)
            )
        if found is None:
            served = ", ".join(name for name, its in maps.items() if its is not None)
            raise DeviceError(
                said(
                    "device.no_role",
                    "{name} is no {role} meter; it serves {served}",
                    name=self.name,
                    role=role,
                    served=served,
                )
            )
        return found


SUNSPEC = DeviceFile(
    name="SunSpec",
    grid=RoleMap(sunspec=True),
    pv=RoleMap(sunspec=True),
    battery=RoleMap(sunspec=True),
)
BUILT_IN = {"sunspec": SUNSPEC}


def load(device: str, folder: Path | None = None) -> DeviceFile:
    """The device of that name; ``folder`` is the installer's own. Raises ValueError with a text for people."""
    if device in BUILT_IN:
        return BUILT_IN[device]
    for place in (folder, SHIPPED):
        file = place / f"{device}.yaml" if place else None
        if file and file.is_file():
            return read(file)
    raise ValueError(f"there is no device {device}")


def available(folder: Path | None = None) -> dict[str, DeviceFile]:
    """All device files by name, the installer's own before ours. Raises ValueError with a text for people."""
    names = {file.stem for place in (folder, SHIPPED) if place for file in place.glob("*.yaml")}
    return {name: load(name, folder) for name in sorted(names)}


def read(file: Path) -> DeviceFile:
    """One device file. Raises ValueError with a text for people."""
    try:
        text = file.read_text(encoding="utf-8")
        return DeviceFile.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        raise ValueError(f"{file}:{complaints(text, error)}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{file} can't be read: {unreadable(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} can't be read: {error}") from error
