"""Register images of SunSpec devices, written as their makers would."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drivers.modbus_blocks import Image, Span
from drivers.sunspec import SunSpecDevice, walk

NAN = (0x7FC0, 0x0000)


def int16(value: int) -> int:
    return value & 0xFFFF


def words(fmt: str, value: float) -> tuple[int, ...]:
    data = struct.pack(f">{fmt}", value)
    return struct.unpack(f">{len(data) // 2}H", data)


def float32(value: float) -> tuple[int, ...]:
    return words("f", value)


def uint32(value: int) -> tuple[int, ...]:
    return words("I", value)


def string(value: str, count: int) -> tuple[int, ...]:
    return struct.unpack(f">{count}H", value.encode().ljust(2 * count, b"\0"))


@dataclass
class SunSpecImage:
    """Registers by address. ``at`` remembers where each model went, in order of the chain."""

    base: int = 40000
    common_length: int = 66
    manufacturer: str = "Fronius"
    registers: dict[int, int] = field(default_factory=dict)
    at: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._end = self.base + 2
        self.put(self.base, 0x5375, 0x6E53)
        self.model(
            1,
            self.common_length,
            {
                2: string(self.manufacturer, 16),
                18: string("Smart Meter TS 65A-3", 16),
                42: string("1.3", 8),
                50: string("4711", 16),
            },
        )

    def put(self, address: int, *values: int) -> None:
        for place, value in enumerate(values, address):
            self.registers[place] = value & 0xFFFF

    def model(self, id: int, length: int, points: Mapping[int, int | Sequence[int]], fill: int = 0) -> SunSpecImage:
        """Adds a model; offsets count from its number, as in the standard's own files."""
        start = self._end
        self.at.setdefault(id, start)
        self.put(start, id, length, *[fill] * length)
        for offset, value in points.items():
            self.put(start + offset, *(value if isinstance(value, tuple) else (value,)))  # type: ignore[arg-type]
        self._end = start + 2 + length
        self.put(self._end, 0xFFFF, 0)
        return self

    def change(self, id: int, offset: int, *values: int) -> None:
        self.put(self.at[id] + offset, *values)

    def read(self, span: Span) -> list[int] | None:
        """None where a register does not exist, as a device answers with exception 2."""
        found = [self.registers.get(address) for address in range(span.start, span.end)]
        known = [word for word in found if word is not None]
        return known if len(known) == len(found) else None

    def walked(self) -> SunSpecDevice:
        """The device that a walk finds here."""
        steps = walk()
        span = next(steps)
        try:
            while True:
                span = steps.send(self.read(span))
        except StopIteration as found:
            device: SunSpecDevice = found.value
            return device

    def image(self) -> Image:
        """All registers at once."""
        image = Image()
        for address, word in self.registers.items():
            image.put(Span(address, 1), [word])
        return image


def fronius_meter(*, watts: int = -1200, base: int = 40000, common_length: int = 65) -> SunSpecImage:
    """A three-phase meter in the layout "int + SF": model 203."""
    a, b, c = watts // 3, watts // 3, watts - 2 * (watts // 3)
    return SunSpecImage(base, common_length).model(
        203,
        105,
        {
            2: 520, 3: 170, 4: 175, 5: 175, 6: int16(-2),
            8: 2301, 9: 2315, 10: 2298, 15: int16(-1),
            16: 5001, 17: int16(-2),
            18: int16(watts), 19: int16(a), 20: int16(b), 21: int16(c), 22: 0,
            38: uint32(1_234_567), 46: uint32(7_654_321), 54: 0,
        },
    )  # fmt: skip


def float_meter(*, watts: float = 640.0) -> SunSpecImage:
    """The same meter in the layout "float": model 213."""
    points = {
        2: float32(5.0), 4: float32(1.5), 6: float32(1.5), 8: float32(2.0),
        12: float32(230.0), 14: float32(231.0), 16: float32(232.0),
        28: float32(watts), 30: float32(watts / 2), 32: float32(watts / 4), 34: float32(watts / 4),
        60: float32(1000.0), 68: float32(2000.0),
    }  # fmt: skip
    return SunSpecImage().model(213, 124, points)


def inverter(*, watts: int = 4321, state: int = 4, scale: int = 0, manufacturer: str = "SMA") -> SunSpecImage:
    """Model 103."""
    points = {
        2: 1880, 3: 627, 4: 627, 5: 626, 6: int16(-2),
        10: 2301, 11: 2302, 12: 2303, 13: int16(-1),
        14: int16(watts), 15: int16(scale),
        24: uint32(9_876_543), 26: 0,
        31: int16(watts + 90), 32: int16(scale),
        38: state,
    }  # fmt: skip
    return SunSpecImage(manufacturer=manufacturer).model(103, 50, points)


def gen24(*, state: int = 4, inputs: Sequence[int] = (2100, 900, 0, 450), names: Sequence[str] = ()) -> SunSpecImage:
    """A Fronius hybrid: model 160 holds the battery in the inputs that it names so, model 124 its state of charge."""
    names = names or ("MPPT 1", "MPPT 2", "StCha 3", "StDisCha 4")
    image = inverter(watts=3300, state=state, manufacturer="Fronius")
    points: dict[int, int | Sequence[int]] = {4: 0, 8: len(inputs)}
    for index, (name, watts) in enumerate(zip(names, inputs, strict=True)):
        points[10 + 20 * index + 1] = string(name, 8)
        points[10 + 20 * index + 11] = watts
    image.model(160, 8 + 20 * len(inputs), points)
    return image.model(124, 24, {8: 5500, 11: 3, 22: int16(-2)})
