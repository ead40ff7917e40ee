"""Telling a battery how much it may give: SunSpec model 124, basic storage controls.

Three registers say it. ``OutWRte`` is the most that the battery may give, as a percentage; bit 1 of ``StorCtl_Mod``
puts that in force, and bit 0 (the same for charging) is left as it is. ``InOutWRte_RvrtTms`` is the time in seconds
after which the device forgets both, unless they are said again: a Fronius GEN24 comes with an hour, and evcc, which
did not say them again, saw its lock fall after it (github.com/evcc-io/evcc/issues/33037). hemsd wants it short. The
timer is said first and read back, and a device that does not keep it is told nothing else: whatever becomes of hemsd,
the house must get its battery back by itself.

Names, places and bits are those of github.com/sunspec/models, model_124.json. The percentage is one of WDisChaMax,
for which the standard has no register; Fronius means WChaMax in both directions, and so do those who steer other
makes. Where that is wrong, the battery gives more or less than it may, and the verdict says so.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from drivers.base import DeviceError
from drivers.modbus_blocks import BlockReader, Read, Refused, Span
from drivers.permission import HOLDS_S, Permission
from drivers.sunspec_models import Model, Point
from hemsd.clock import Clock
from hemsd.said import said

log = logging.getLogger(__name__)

RETRY_S = 60.0
CHARGE, DISCHARGE = 0b01, 0b10  # of StorCtl_Mod

Write = Callable[[int, Sequence[int]], Awaitable[None]]
"""Puts words into registers from an address on. Raises DeviceError."""


@dataclass(frozen=True, slots=True)
class Registers:
    """Where one device is told, and in what measure. Made by ``storage``."""

    mode: int
    rate: int
    timer: int
    full_w: float  # what 100 % is
    step_pct: float  # what one unit of the rate is

    def rate_of(self, most_w: float) -> int:
        """Rounded down: a battery may give less than is allowed."""
        share_pct = min(100.0, 100.0 * most_w / self.full_w)
        return math.floor(share_pct / self.step_pct + 1e-6)

    def power_w(self, rate: int) -> float:
        return rate * self.step_pct * self.full_w / 100.0


async def storage(read: Read, model: Model | None) -> Registers:
    """What a device's model 124 offers. Raises DeviceError, with a text for people, when it can't be told safely."""
    if model is None:
        raise DeviceError(said("storage.none", "it serves no storage controls (SunSpec model 124)"))
    points = {point.name: point for point in model.points}
    values = model.values(await BlockReader(read, [point.span(model) for point in model.points]).image())
    missing = [name for name in ("WChaMax", "StorCtl_Mod", "OutWRte", "InOutWRte_RvrtTms") if values.get(name) is None]
    if missing or not values["WChaMax"]:
        names = ", ".join(missing or ["WChaMax"])
        raise DeviceError(said("storage.incomplete", "its storage controls lack {names}", names=names))
    scale = await _scale(read, model, points["OutWRte"])
    return Registers(
        mode=model.address + points["StorCtl_Mod"].offset,
        rate=model.address + points["OutWRte"].offset,
        timer=model.address + points["InOutWRte_RvrtTms"].offset,
        full_w=values["WChaMax"],
        step_pct=scale,
    )


async def _scale(read: Read, model: Model, point: Point) -> float:
    assert point.scale is not None
    (word,) = await read(Span(model.address + point.scale, 1))
    exponent = word - 0x1_0000 if word >= 0x8000 else word
    return float(10.0**exponent)


class Storage(Permission):
    """What one battery shall give at most, said by whoever reads it, between two readings."""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__(name, clock)
        self._retry_s = 0.0
        self._registers: Registers | None = None  # of the device that is read now

    async def meet(self, read: Read, model: Model | None) -> None:
        """A device, at the beginning of a connection."""
        self._registers = None
        try:
            self._registers = await storage(read, model)
        except DeviceError as error:
            self._refuse(str(error))
        else:
            self.trouble = ""  # whatever it was, on an earlier connection

    async def speak(self, read: Read, write: Write) -> None:
        """Says what is wanted and does not stand. What the device makes difficult is kept as ``trouble``."""
        registers = self._registers
        if registers is None or not self.due or self._clock.monotonic() < self._retry_s:
            return
        most_w = self.wanted_w
        try:
            if most_w is None:
                await self._free(registers, read, write)
            else:
                await self._tell(most_w, registers, read, write)
        except DeviceError as error:  # where the device is lost, the next reading says so
            self._refuse(str(error))
        else:
            self.told(most_w)

    def _refuse(self, why: str) -> None:
        """It can't be told: said once, and tried again later."""
        if why != self.trouble:
            log.warning("%s can't be told what it may give: %s", self.name, why)
        self.trouble = why
        self._retry_s = self._clock.monotonic() + RETRY_S

    async def _tell(self, most_w: float, registers: Registers, read: Read, write: Write) -> None:
        await write(registers.timer, [HOLDS_S])
        (kept_s,) = await read(Span(registers.timer, 1))
        if kept_s != HOLDS_S:
            raise Refused(said("storage.no_timer", "it keeps no timer that would free its battery by itself"))
        rate = registers.rate_of(most_w)
        await write(registers.rate, [rate & 0xFFFF])
        await self._switch(registers, read, write, on=True)
        log.debug("%s may give %.0f W", self.name, registers.power_w(rate))

    async def _free(self, registers: Registers, read: Read, write: Write) -> None:
        await self._switch(registers, read, write, on=False)
        await write(registers.rate, [registers.rate_of(registers.full_w)])

    async def _switch(self, registers: Registers, read: Read, write: Write, *, on: bool) -> None:
        (mode,) = await read(Span(registers.mode, 1))
        await write(registers.mode, [mode | DISCHARGE if on else mode & ~DISCHARGE])
