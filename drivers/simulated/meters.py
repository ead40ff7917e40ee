"""The home's meters on a real Modbus TCP socket: inverter, battery and grid meter, each a SunSpec device.

What they say is worked out from the physics when somebody asks, so an unread meter costs nothing. A test can make a
meter fail as real ones do: ``silent`` leaves requests without an answer, ``fault`` answers with a Modbus exception.
The battery can be told how much it may give; a test can make it ``deaf``, which takes the words and does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.simulated import chain
from drivers.simulated.physics import Home

INVERTER_UNIT = 1
BATTERY_UNIT = 2
GRID_UNIT = 200

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # that a client hangs up is no fault of a meter

Put = Callable[[int, int], bool]
"""Takes (place in the image, word) that somebody writes; False: nothing can be written there."""


class Meter:
    """One device on the bus."""

    def __init__(self, unit: int, image: Callable[[], list[int]], put: Put | None = None) -> None:
        self.unit = unit
        self.fault: ExcCodes | None = None
        self.reads = 0
        self.deaf = False
        self._image = image
        self._put = put
        self._audible = asyncio.Event()
        self._audible.set()

    @property
    def silent(self) -> bool:
        return not self._audible.is_set()

    @silent.setter
    def silent(self, silent: bool) -> None:
        self._audible.clear() if silent else self._audible.set()

    def device(self) -> SimDevice:
        data = SimData(chain.BASE, values=self._image(), datatype=DataType.REGISTERS, readonly=self._put is None)
        return SimDevice(self.unit, simdata=[data], action=self._answer)

    async def _answer(
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        await self._audible.wait()
        self.reads += 1
        if self.fault is not None:
            return self.fault
        image = self._image()
        registers[: len(image)] = image
        if written is None or self._put is None or self.deaf:
            return None
        places = range(address - start, address - start + len(written))
        known = all(self._put(place, int(word)) for place, word in zip(places, written, strict=True))
        return None if known else ExcCodes.ILLEGAL_ADDRESS


class MeterServer:
    """The Modbus TCP server of a home."""

    def __init__(self, home: Home, refresh: Callable[[], None], host: str = "127.0.0.1", port: int = 0) -> None:
        """``refresh`` moves the physics to the present before they are looked at."""

        def meter(unit: int, image: Callable[[Home], list[int]], put: Put | None = None) -> Meter:
            def present() -> list[int]:
                refresh()
                return image(home)

            return Meter(unit, present, put)

        self.inverter = meter(INVERTER_UNIT, inverter_image)
        self.grid = meter(GRID_UNIT, grid_image)
        self.battery = meter(BATTERY_UNIT, battery_image, battery_put(home)) if home.battery else None
        self._address = (host, port)
        self._server: ModbusTcpServer | None = None

    @property
    def meters(self) -> Sequence[Meter]:
        return [meter for meter in (self.inverter, self.battery, self.grid) if meter]

    async def start(self) -> int:
        """Listens; returns the port. Raises OSError when somebody else does."""
        devices = [_NOBODY, *(meter.device() for meter in self.meters)]
        self._server = ModbusTcpServer(devices, address=self._address)
        try:
            await self._server.serve_forever(background=True)
        except RuntimeError as error:  # pymodbus hides what the system said
            self._server = None
            raise OSError(f"can't listen on {self._address[0]}:{self._address[1]}: the address is in use") from error
        assert isinstance(self._server.transport, asyncio.Server)
        port: int = self._server.transport.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        for meter in self.meters:
            meter.silent = False
        if self._server:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None


async def _nobody(
    function: int, start: int, address: int, count: int, registers: list[int], written: list[int] | list[bool] | None
) -> ExcCodes | None:
    return ExcCodes.GATEWAY_NO_RESPONSE


# Unit 0 stands for every unit that is not there; without it pymodbus logs a traceback for each question.
_NOBODY = SimDevice(0, simdata=[SimData(chain.BASE, count=200, values=0, datatype=DataType.REGISTERS)], action=_nobody)

_INVERTER = chain.common("Simulated inverter", "SIM-PV-1", INVERTER_UNIT, padded=True)
_GRID = chain.common("Simulated meter", "SIM-GRID-1", GRID_UNIT, padded=False)
_BATTERY = chain.common("Simulated battery", "SIM-BAT-1", BATTERY_UNIT, padded=True)


def inverter_image(home: Home) -> list[int]:
    return chain.chain(_INVERTER, chain.inverter(home.pv_w, home.pv_wh, [home.voltage_v] * 3))


def grid_image(home: Home) -> list[int]:
    volts = [home.voltage_v] * 3
    return chain.chain(_GRID, chain.meter(home.grid_phases_w, volts, home.import_wh, home.export_wh))


def battery_image(home: Home) -> list[int]:
    battery = home.battery
    assert battery is not None
    controls = battery.controls
    return chain.chain(
        _BATTERY,
        chain.storage(battery.max_w, battery.soc_pct, controls.mode, controls.rate, controls.revert_s),
        chain.battery(battery.power_w, battery.soc_pct, battery.capacity_wh, battery.max_w),
    )


def battery_put(home: Home) -> Put:
    """Takes what is written into model 124 of ``battery_image``."""
    first = len(chain.MARKER) + len(_BATTERY.registers)

    def put(place: int, word: int) -> bool:
        assert home.battery is not None
        controls = home.battery.controls
        match place - first:
            case chain.STORAGE_MODE:
                controls.mode = word
            case chain.STORAGE_RATE:
                controls.rate = word
            case chain.STORAGE_TIMER:
                controls.revert_s = word
            case _:
                return False
        controls.touch()
        return True

    return put
