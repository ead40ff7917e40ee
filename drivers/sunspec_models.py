"""The SunSpec models that hemsd reads, a table row a value.

Most points are integers with a scale factor in another register of the same model. Offsets count from the register that
holds the model's number, and were computed from github.com/sunspec/models; the names are the standard's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.modbus_blocks import Image, Span
from drivers.modbus_words import Kind, decode, scaled

INT_INVERTERS = (101, 102, 103)
FLOAT_INVERTERS = (111, 112, 113)
INT_METERS = (201, 202, 203, 204)
FLOAT_METERS = (211, 212, 213, 214)
INVERTERS = (*INT_INVERTERS, *FLOAT_INVERTERS, 701)
METERS = (*INT_METERS, *FLOAT_METERS)
STORAGE = (124, 713, 802)


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a model; ``scale`` is the offset of its scale factor."""

    name: str
    offset: int
    kind: Kind
    scale: int | None = None

    def span(self, model: Model) -> Span:
        """The value's words, together with its scale factor."""
        places = [(self.offset, self.kind.words)]
        if self.scale is not None:
            places.append((self.scale, 1))
        first = min(offset for offset, _ in places)
        return Span(model.address + first, max(offset + count for offset, count in places) - first)


def _points(kind: Kind, scale: int | None, offsets: Mapping[str, int]) -> tuple[Point, ...]:
    return tuple(Point(name, offset, kind, scale) for name, offset in offsets.items())


_INT_INVERTER = (
    *_points(Kind.UINT16, 6, {"A": 2, "AphA": 3, "AphB": 4, "AphC": 5}),
    *_points(Kind.UINT16, 13, {"PhVphA": 10, "PhVphB": 11, "PhVphC": 12}),
    Point("W", 14, Kind.INT16, 15),
    Point("WH", 24, Kind.ACC32, 26),
    Point("DCW", 31, Kind.INT16, 32),
    Point("St", 38, Kind.ENUM16),
)
_FLOAT_INVERTER = (
    *_points(Kind.FLOAT32, None, {"A": 2, "AphA": 4, "AphB": 6, "AphC": 8}),
    *_points(Kind.FLOAT32, None, {"PhVphA": 16, "PhVphB": 18, "PhVphC": 20}),
    *_points(Kind.FLOAT32, None, {"W": 22, "WH": 32, "DCW": 38}),
    Point("St", 48, Kind.ENUM16),
)
_INT_METER = (
    *_points(Kind.INT16, 6, {"A": 2, "AphA": 3, "AphB": 4, "AphC": 5}),
    *_points(Kind.INT16, 15, {"PhVphA": 8, "PhVphB": 9, "PhVphC": 10}),
    *_points(Kind.INT16, 22, {"W": 18, "WphA": 19, "WphB": 20, "WphC": 21}),
    *_points(Kind.ACC32, 54, {"TotWhExp": 38, "TotWhImp": 46}),
)
_FLOAT_METER = (
    *_points(Kind.FLOAT32, None, {"A": 2, "AphA": 4, "AphB": 6, "AphC": 8}),
    *_points(Kind.FLOAT32, None, {"PhVphA": 12, "PhVphB": 14, "PhVphC": 16}),
    *_points(Kind.FLOAT32, None, {"W": 28, "WphA": 30, "WphB": 32, "WphC": 34}),
    *_points(Kind.FLOAT32, None, {"TotWhExp": 60, "TotWhImp": 68}),
)
POINTS: Mapping[int, tuple[Point, ...]] = {
    **dict.fromkeys(INT_INVERTERS, _INT_INVERTER),
    **dict.fromkeys(FLOAT_INVERTERS, _FLOAT_INVERTER),
    **dict.fromkeys(INT_METERS, _INT_METER),
    **dict.fromkeys(FLOAT_METERS, _FLOAT_METER),
    120: (Point("WRtg", 3, Kind.UINT16, 4), Point("WHRtg", 19, Kind.UINT16, 20)),
    121: (Point("WMax", 2, Kind.UINT16, 22),),
    123: (
        Point("Conn", 4, Kind.ENUM16),
        Point("WMaxLimPct", 5, Kind.UINT16, 23),
        Point("WMaxLim_Ena", 9, Kind.ENUM16),
    ),
    124: (
        Point("WChaMax", 2, Kind.UINT16, 18),
        Point("StorCtl_Mod", 5, Kind.BITFIELD16),
        Point("ChaState", 8, Kind.UINT16, 22),
        Point("ChaSt", 11, Kind.ENUM16),
        Point("OutWRte", 12, Kind.INT16, 25),
        Point("InOutWRte_RvrtTms", 15, Kind.UINT16),
    ),
    701: (
        Point("St", 4, Kind.ENUM16),  # its InvSt: the same states as St of the older models
        *_points(Kind.INT16, 116, {"W": 10, "WphA": 41, "WphB": 64, "WphC": 87}),
        *_points(Kind.INT16, 113, {"A": 14, "AphA": 45, "AphB": 68, "AphC": 91}),
        *_points(Kind.INT16, 114, {"PhVphA": 47, "PhVphB": 70, "PhVphC": 93}),
        *_points(Kind.UINT64, 120, {"WH": 19, "TotWhAbs": 23}),
    ),
    713: (Point("SoC", 4, Kind.UINT16, 8),),
    714: (Point("DCW", 6, Kind.INT16, 17),),
    802: (
        Point("SoC", 11, Kind.UINT16, 56),
        Point("ChaSt", 16, Kind.ENUM16),
        Point("A", 44, Kind.INT16, 61),
        Point("W", 47, Kind.INT16, 63),
    ),
}


@dataclass(frozen=True, slots=True)
class Group:
    """The part of a model that repeats: the DC inputs of 160, the DC ports of 714."""

    first: int
    length: int
    power: int
    power_kind: Kind
    power_scale: int

    def count(self, model: Model) -> int:
        return max(0, (model.length + 2 - self.first) // self.length)

    def point(self, index: int) -> Point:
        """The power of one member, counted from 0."""
        offset = self.first + index * self.length + self.power
        return Point(f"DCW{index + 1}", offset, self.power_kind, self.power_scale)


INPUTS = Group(first=10, length=20, power=11, power_kind=Kind.UINT16, power_scale=4)  # model 160
PORTS = Group(first=20, length=25, power=12, power_kind=Kind.INT16, power_scale=17)  # model 714


@dataclass(frozen=True, slots=True)
class Model:
    """A model of a chain. ``address`` is where its number stands, and ``length`` counts the words after the header."""

    id: int
    address: int
    length: int

    @property
    def points(self) -> tuple[Point, ...]:
        """Those that hemsd knows and that this device's model is long enough to hold."""
        return tuple(p for p in POINTS.get(self.id, ()) if p.span(self).end <= self.address + 2 + self.length)

    def value(self, point: Point, image: Image) -> float | None:
        words = image.words(self.address + point.offset, point.kind.words)
        value = None if words is None else decode(point.kind, words)
        if point.scale is None:
            return value
        factor = image.words(self.address + point.scale, 1)
        return scaled(value, None if factor is None else decode(Kind.SUNSSF, factor))

    def values(self, image: Image) -> dict[str, float | None]:
        return {point.name: self.value(point, image) for point in self.points}
