"""What the installer's bench says and takes: known devices, blocks for config.yaml, a look at an address."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hemsd.model import Role
from web.installer_models import FaultPage
from web.models import Asked, Page
from web.spoken import Spoken, SpokenPage


class KnownDevicePage(Page):
    """A device of which hemsd has a file."""

    device: str
    """What config.yaml calls it"""
    name: str
    modbus: list[Role]
    """What it measures over Modbus"""
    mqtt: list[Role]
    """What it measures over MQTT"""
    port: int | None = None
    """Its usual TCP port"""
    unit: int | None = None
    """Its usual unit id"""
    needs: list[str]
    """What its MQTT topics leave open: topic, or a word under keys"""
    experimental: bool = False
    notes: list[str]


class KnownDevicesPage(Page):
    devices: list[KnownDevicePage]


Setting = str | float | bool | dict[str, str]


class BlockBody(Asked):
    """What shall be written about one thing; what is left empty stays at its default."""

    section: Literal["meters", "wallboxes", "vehicles", "tariff"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
    settings: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Setting | None]


class BlockTextPage(Page):
    """The block, and what the check says of it beside the settings in force."""

    block: str
    faults: list[FaultPage]


class ProbeBody(Asked):
    target: Annotated[str, Field(min_length=1, max_length=200)]
    """HOST, HOST:PORT, or a serial port /dev/NAME:BAUD"""


class ProbeLine(Page):
    """One line of the answer, which comes as it is found: JSON, a line each."""

    text: Spoken = SpokenPage(text="")
    block: str | None = None
    """With the last line: what config.yaml needs; empty when nobody known answered"""
