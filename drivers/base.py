"""The seams between hemsd and the world: what a driver is given and what it must offer.

A driver never decides. It turns a device into readings, samples and events, hands them to the sink it was given, and
lets staleness do the rest when the device falls silent. It owns one connection and raises ``DeviceError`` when that
is lost; ``hemsd.supervise.keep`` restarts it with a growing, jittered pause. Time comes from the Clock it was given,
except for network time-outs, which stay real (``asyncio.timeout``).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from hemsd.model import Dispatch, MeterReading, WallboxEvent


class Strict(BaseModel):
    """The base of every settings model: an unknown key is an error, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Unfit(ValueError):
    """Settings that can't be used: what is wrong, and what would be right."""

    def __init__(self, wrong: str, remedy: str = "") -> None:
        super().__init__(wrong, remedy)
        self.wrong, self.remedy = wrong, remedy

    def __str__(self) -> str:
        return f"{self.wrong}; {self.remedy}" if self.remedy else self.wrong


class DeviceError(Exception):
    """The device did not do what was asked, and trying again later may help. The text is for people."""


MeterSink = Callable[[str, MeterReading], None]
"""Takes (the meter's name in config.yaml, what it said). Never blocks."""

EventSink = Callable[[WallboxEvent], None]
"""Takes what happened at a wallbox. Never blocks."""


class Driver(Protocol):
    """A device that is read for as long as ``run`` runs."""

    name: str

    async def run(self) -> None:
        """Reads until cancelled. Raises DeviceError when the device is lost."""
        ...


class Wallbox(Protocol):
    """What Control may ask of a wallbox. Nothing here raises for what a wallbox does: the answer says it."""

    name: str

    async def send_limit(
        self, limit_a: float, phases: int | None, *, failsafe_a: float, at_once: bool = False
    ) -> Dispatch:
        """Offers ``limit_a`` per phase (0 pauses) on ``phases`` (None: as it is), and ``failsafe_a`` after silence.

        ``at_once``: a fuse asks for it, so nothing that is only gentle may delay it.
        """
        ...

    async def start_transaction(self) -> Dispatch: ...

    async def stop_transaction(self) -> Dispatch: ...

    async def request_sample(self) -> Dispatch:
        """Asks for MeterValues now, where the wallbox can."""
        ...


class BatteryControl(Protocol):
    """A home battery that can be told how much it may give. What it was told ends soon unless it is said again."""

    name: str
    trouble: str
    """Why it can't be told, for people; empty while nothing is known to be wrong."""

    @property
    def told_w(self) -> float | None:
        """What stands; None: it is free."""
        ...

    def permit(self, most_w: float | None) -> None:
        """From now on it may give so much; None: what it likes. Never blocks."""
        ...

    async def freed(self) -> None:
        """Returns when it has been told what was permitted last."""
        ...


class TransactionBook(Protocol):
    """Durable transaction ids: greater than 0, unique over restarts, the same for the same StartTransaction."""

    async def begin(
        self, wallbox: str, connector_id: int, id_tag: str, started_at: datetime, meter_start_wh: float | None
    ) -> int:
        """The id for this StartTransaction; a repetition (same connector, start and register) gets the same."""
        ...

    async def end(
        self, wallbox: str, transaction_id: int, ended_at: datetime, meter_stop_wh: float | None, reason: str
    ) -> bool:
        """Closes it; False when it was unknown or already closed."""
        ...

    async def open_one(self, wallbox: str, connector_id: int) -> int | None:
        """The transaction that is open on this connector, for adoption after a restart."""
        ...


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
