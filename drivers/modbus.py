"""Meters, inverters and batteries over Modbus: TCP, RTU over TCP, and RTU on a serial port.

A meter's life: get on the link of its address, find out what answers there and how the role is read from it, then
read that at every beat until the device is lost. Each file has one part of it:

    modbus_line     what carries the requests, and how RTU differs from TCP
    modbus_link     the connection and its turns, time-outs and exceptions
    modbus_blocks   which registers are asked for together
    modbus_words    what words mean
    device_file     what a device is, as data; device_meter reads a role from where that says
    sunspec         how a device lists its registers; sunspec_models what is in them; sunspec_meter what that means
    sunspec_storage what a battery is told, where config.yaml allows it
    modbus_probe    who is there
    plausible       what no house can measure; watch what can't follow upon the readings before
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from drivers.base import Driver, MeterSink, Strict, Unfit
from drivers.device_file import BUILT_IN, DeviceFile, RoleMap, load
from drivers.device_meter import DeviceMeter
from drivers.modbus_blocks import BlockReader, Image, Read, Span
from drivers.modbus_line import Framer, Line, Parity, SerialLine, TcpLine
from drivers.modbus_link import Busy, Connection, Failed, ModbusLink
from drivers.modbus_probe import find_sunspec
from drivers.plausible import plausible
from drivers.position import Position
from drivers.sunspec_meter import meter as sunspec_meter
from drivers.sunspec_storage import Storage
from drivers.watch import Watch
from hemsd.clock import Clock
from hemsd.model import MeterReading, Role
from hemsd.said import said

log = logging.getLogger(__name__)

CUSTOM = "custom"
DEVICES = (*BUILT_IN, CUSTOM)
FAILURES = 3  # so many faults of the device's own in a row, and it starts from the beginning
PATIENCE_S = (1.0, 2.0, 4.0, 8.0)  # between the first attempts at a busy device
LONGEST_PATIENCE_S = 30.0  # later on


def _port(value: Any) -> int | str:
    """A TCP port, or the path of a serial one."""
    if isinstance(value, str) and value.startswith("/"):
        return value
    try:
        number = int(value)
    except (ValueError, TypeError):
        raise Unfit(
            said("set.no_port", "is no port"),
            said("set.no_port.do", "write a number, or the path of a serial port like /dev/ttyUSB0"),
        ) from None
    if isinstance(value, bool | float) or not 1 <= number <= 65535:
        raise Unfit(
            said("set.port_range", "is no port"),
            said("set.port_range.do", "write a number from 1 to 65535, or the path of a serial port like /dev/ttyUSB0"),
        )
    return number


Port = Annotated[
    int | str,
    PlainValidator(_port),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string", "pattern": "^/"}]}
    ),
]


class ModbusSettings(Strict):
    """A meter, inverter or battery that answers Modbus."""

    driver: Literal["modbus"]
    device: str = "sunspec"
    """What it is: a device file's name, or sunspec, which finds its way in any device that follows that standard."""
    points: RoleMap | None = None
    """Where the values stand, for device: custom."""
    host: str = ""
    """Its address in the house network; left out for a device on a serial port."""
    port: Port = 502
    """Its TCP port, or the serial port it hangs on, like /dev/ttyUSB0; left out, the device's usual TCP port."""
    framer: Framer = Framer.TCP
    """rtu for a gateway that hands the frames of RS-485 on as they are."""
    baud: Annotated[int, Field(ge=300, le=1_000_000)] = 9600
    """The speed of the serial line; left out, the device's usual one."""
    parity: Parity = "N"
    """The parity of the serial line: N, E or O; left out, the device's usual one."""
    stopbits: Literal[1, 2] = 1
    """The stop bits of the serial line; left out, the device's usual ones."""
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """The unit id; left out, the device's usual one. With sunspec: SolarEdge and Fronius 1, a Fronius meter 200 or 240,
    SMA 126, Kostal 71."""
    poll_s: Annotated[float, Field(ge=0.2, le=60)] = 1.0
    """How often it is read."""
    timeout_s: Annotated[float, Field(ge=0.2, le=30)] = 3.0
    """How long an answer may take; left out, what the device is known to need."""
    inverted_cts: tuple[Annotated[int, Field(ge=1, le=3)], ...] = ()
    """Phases whose current transformer sits the wrong way round."""
    position: Position = Position.CONNECTION
    """house for a grid meter behind the inverter, which sees only what the house uses: the grid is worked out then."""
    invert: bool = False
    """Turns the sign of the power: for a sunspec grid meter that counts export as positive."""
    pv_strings: tuple[Annotated[int, Field(ge=1, le=20)], ...] = ()
    """A hybrid's DC inputs that are solar, counted from 1 as in SunSpec model 160; left out, its AC power counts."""
    control: bool = False
    """true: a battery may be told to keep out of cars that don't follow the sun (SunSpec model 124)."""
    role: Role | None = None
    """What it measures; left out, the meter's name says it."""

    @model_validator(mode="after")
    def _custom(self) -> Self:
        if (self.device == CUSTOM) != (self.points is not None):
            raise Unfit(said("set.custom", "device: custom needs points, and only that has them"))
        return self

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.is_serial:
            if self.host or (self.framer is Framer.TCP and "framer" in self.model_fields_set):
                raise Unfit(
                    said("set.serial_host", "host and framer: tcp do not go with a serial port"),
                    said("set.serial_host.do", "take them out"),
                )
        elif not self.host:
            raise Unfit(
                said("set.no_place", "names no place"),
                said("set.no_place.do", "add host, or the path of a serial port as port"),
            )
        elif {"baud", "parity", "stopbits"} & self.model_fields_set:
            raise Unfit(
                said("set.baud", "baud, parity and stopbits belong to a serial port"),
                said("set.baud.do", "take them out"),
            )
        return self

    @property
    def is_serial(self) -> bool:
        return isinstance(self.port, str)

    def line(self, device: DeviceFile) -> Line:
        """What carries the requests: as the configuration says, or else as the device likes it."""
        usual = device.transport

        def given(name: str) -> Any:
            return getattr(self if name in self.model_fields_set else usual, name)

        if isinstance(self.port, str):
            return SerialLine(self.port, given("baud"), given("parity"), given("stopbits"))
        return TcpLine(self.host, given("port"), self.framer)


class Layout(Protocol):
    """How one role is read from one device."""

    def spans(self) -> list[Span]: ...

    def reading(self, image: Image) -> MeterReading: ...

    @property
    def flickers(self) -> bool:
        """Whether its power is never the same for long to the last digit."""
        ...


class Beat:
    """Strikes every ``period_s`` without drifting. A beat that is missed is left out, not caught up with."""

    def __init__(self, clock: Clock, period_s: float) -> None:
        self._clock = clock
        self._period_s = period_s
        self._due_s = clock.monotonic()

    async def next(self, beats: int = 1) -> None:
        """Sleeps until the next beat, or until the ``beats``-th one."""
        self._due_s += beats * self._period_s
        late_s = self._clock.monotonic() - self._due_s
        if late_s >= 0:
            self._due_s += (math.floor(late_s / self._period_s) + 1) * self._period_s
        await self._clock.sleep(self._due_s - self._clock.monotonic())


class ModbusMeter:
    """Reads one role from one device."""

    def __init__(
        self,
        name: str,
        role: Role,
        settings: ModbusSettings,
        device: DeviceFile,
        link: ModbusLink,
        clock: Clock,
        sink: MeterSink,
    ) -> None:
        self.name = name
        self._role = role
        self._settings = settings
        self._device = device
        self._link = link
        self._clock = clock
        self._sink = sink
        self.known_as = ""
        """Who answered: empty until somebody did."""
        self.storage = Storage(name, clock) if settings.control else None
        self._watch = Watch()
        self._timeout_s = _given(settings, "timeout_s", device.transport.timeout_s)

    async def run(self) -> None:
        """Reads until cancelled. Raises DeviceError when the device is lost, or is not what it should be."""
        found = self._device.role(self._role)
        unit = int(_given(self._settings, "unit", self._device.transport.unit if found.unit is None else found.unit))
        async with self._link.connection(self._timeout_s) as connection:
            layout = await self._find(found, self._patient(connection, unit))
            read = connection.reader(unit, self._timeout_s)
            transport = self._device.transport
            self._watch.flickers = layout.flickers
            reader = BlockReader(read, layout.spans(), limit=transport.words, gap=transport.gap)
            await self._poll(reader, layout, partial(self._speak, connection, unit))

    async def _find(self, found: RoleMap, read: Read) -> Layout:
        invert = self._settings.invert != found.invert
        if not found.sunspec:
            self._introduce(self._device.name)
            return DeviceMeter(self._role, found, self._device.transport, invert, self._settings.inverted_cts)
        device = await find_sunspec(read)
        layout = sunspec_meter(
            device,
            self._role,
            invert=invert,
            strings=self._settings.pv_strings,
            inverted_cts=self._settings.inverted_cts,
        )
        self._introduce(str(device), layout.remark)
        if self.storage is not None:
            await self.storage.meet(read, device.first(124))
        return layout

    def _introduce(self, who: str, remark: str = "") -> None:
        if who == self.known_as:
            return
        self.known_as = who
        log.info("%s is a %s", self.name, who)
        if remark:
            log.warning("%s: %s", self.name, remark)

    def _patient(self, connection: Connection, unit: int) -> Read:
        """Reads like the connection, and asks a busy device again."""

        async def read(span: Span) -> Sequence[int]:
            for pause_s in PATIENCE_S:
                with suppress(Busy):
                    return await connection.read(unit, span, self._timeout_s)
                await self._clock.sleep(pause_s)
            return await connection.read(unit, span, self._timeout_s)

        return read

    async def _speak(self, connection: Connection, unit: int) -> None:
        """What the battery is to be told, between two readings."""

        async def write(start: int, words: Sequence[int]) -> None:
            await connection.write(unit, start, words, self._timeout_s)

        if self.storage is not None:
            await self.storage.speak(connection.reader(unit, self._timeout_s), write)

    async def _poll(self, reader: BlockReader, layout: Layout, speak: Callable[[], Awaitable[None]]) -> None:
        beat = Beat(self._clock, self._settings.poll_s)
        refusals = busy = failures = 0
        while True:
            pause = 1
            try:
                image = await reader.image()
            except Busy as error:
                busy += 1
                pause = min(2**busy, math.ceil(LONGEST_PATIENCE_S / self._settings.poll_s))
                if busy == 1:
                    log.info("%s: %s; asking less often", self.name, error)
            except Failed:
                failures += 1
                if failures >= FAILURES:
                    raise
            else:
                if busy:
                    log.info("%s has time again", self.name)
                busy = failures = 0
                reading = plausible(layout.reading(image))
                self._sink(self.name, self._watch.judge(reading, self._clock.monotonic()))
                await speak()
            if len(reader.refused) > refusals:
                refusals = len(reader.refused)
                log.info("%s does not serve the registers at %s", self.name, [span.start for span in reader.refused])
            await beat.next(pause)


def build(
    meters: Mapping[str, tuple[Role, ModbusSettings]], clock: Clock, sink: MeterSink, folder: Path | None = None
) -> list[Driver]:
    """The drivers of all Modbus meters; those behind the same address share its one connection.

    ``folder`` holds the installer's own device files. Raises ValueError for a device file that is not sound, and for
    meters that can't share a line.
    """
    links: dict[str, ModbusLink] = {}
    drivers: list[Driver] = []
    for name, (role, settings) in meters.items():
        device = device_of(role, settings, folder)
        line = settings.line(device)
        link = links.setdefault(line.place, ModbusLink(line))
        if link.line != line:
            raise ValueError(f"{name} wants {described(line)} where another meter has {described(link.line)}")
        link.be_gentle(pause_s=device.transport.pause_s, connect_delay_s=device.transport.connect_delay_s)
        drivers.append(ModbusMeter(name, role, settings, device, link, clock, sink))
    return drivers


def described(line: Line) -> str:
    """The line with everything that meters on it must agree on."""
    return str(line) if isinstance(line, SerialLine) else f"{line} with framer {line.framer}"


def device_of(role: Role, settings: ModbusSettings, folder: Path | None) -> DeviceFile:
    """What is read, as data. Raises ValueError with a text for people."""
    if settings.points is None:
        return load(settings.device, folder)
    points = settings.points
    match role:
        case Role.GRID:
            return DeviceFile(name="custom device", grid=points)
        case Role.PV:
            return DeviceFile(name="custom device", pv=points)
        case Role.BATTERY:
            return DeviceFile(name="custom device", battery=points)


def _given(settings: ModbusSettings, name: Literal["unit", "timeout_s"], otherwise: float) -> float:
    """What the configuration says, or else what the device is known to like."""
    value: float = getattr(settings, name)
    return value if name in settings.model_fields_set else otherwise
