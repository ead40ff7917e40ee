"""Meters, inverters and batteries over Modbus TCP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drivers.base import Strict
from hemsd.model import Role


class ModbusSettings(Strict):
    """A meter, inverter or battery that answers Modbus TCP."""

    driver: Literal["modbus"]
    device: str = "sunspec"
    """What it is: sunspec finds its way in any device that follows that standard."""
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """The unit id: SolarEdge, Sungrow and Huawei 1, SMA 126, Kostal 71, a Fronius meter 200 or 240."""
    poll_s: Annotated[float, Field(ge=0.2, le=60)] = 1.0
    timeout_s: Annotated[float, Field(ge=0.2, le=30)] = 3.0
    """How long an answer may take."""
    invert: bool = False
    """Turns the sign of the power: for a grid meter that counts export as positive (SolarEdge)."""
    role: Role | None = None
    """What it measures; left out, the meter's name says it."""
