"""Reads one role of a device from where its file says that the values stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drivers.device_file import Condition, Phases, Point, Quantity, RoleMap, Transport
from drivers.modbus_blocks import Image, Space, Span
from drivers.modbus_words import Kind, WordOrder, decode, scaled
from drivers.phases import corrected, signed
from hemsd.model import MeterReading, PerPhase, Role
from hemsd.said import said

DIGITS = 6  # so that 2301 steps of 0.1 are 230.1


@dataclass(frozen=True, slots=True)
class DeviceMeter:
    """One role of one device."""

    role: Role
    map: RoleMap
    transport: Transport
    invert: bool = False  # what the configuration turns, on top of what the file says
    inverted_cts: tuple[int, ...] = ()

    @property
    def flickers(self) -> bool:
        return self.map.flickers

    def spans(self) -> list[Span]:
        return [span for quantity in self._quantities() for span in self._spans(quantity)]

    def reading(self, image: Image) -> MeterReading:
        if not self._holds(self.map.only_if, image, otherwise=True):
            return MeterReading(doubts=(said("doubt.meaningless", "the device says that its values mean nothing now"),))
        sign = -1.0 if self.invert else 1.0
        power_w = self._value(self.map.power_w, image)
        if power_w is None and self._holds(self.map.at_rest, image, otherwise=False):
            power_w = 0.0
        power_w, powers_w = corrected(power_w, self._phases(self.map.powers_w, image), self.inverted_cts)
        power_w = None if power_w is None else sign * power_w
        if self.role is Role.PV and power_w is not None:
            power_w = max(0.0, power_w)  # an inverter's own consumption at night
        currents_a = self._phases(self.map.currents_a, image)
        if self.role is Role.GRID:
            currents_a = signed(currents_a, powers_w, sign)
        return MeterReading(
            power_w=power_w,
            currents_a=currents_a,
            voltages_v=self._phases(self.map.voltages_v, image),
            energy_import_wh=self._value(self.map.energy_import_wh, image),
            energy_export_wh=self._value(self.map.energy_export_wh, image),
            soc_pct=self._value(self.map.soc_pct, image),
        )

    def _quantities(self) -> Iterator[Quantity]:
        found = self.map
        for quantity in (found.power_w, found.energy_import_wh, found.energy_export_wh, found.soc_pct):
            if quantity is not None:
                yield quantity
        yield from (*found.powers_w, *found.currents_a, *found.voltages_v)
        yield from (condition.point for condition in (found.only_if, found.at_rest) if condition)

    def _spans(self, quantity: Quantity) -> Iterator[Span]:
        """What is added up comes from one answer where it can: half of a split quantity is a false surplus."""
        required = [span for point in _parts(quantity) if not point.optional for span in self._words(point)]
        yield from _together(required, self.transport.words)
        for point in _parts(quantity):
            if point.optional:
                yield from _together(self._words(point), self.transport.words)

    def _words(self, point: Point) -> list[Span]:
        space = self._space(point)
        scale = [] if point.scale_at is None else [Span(point.scale_at, 1, space)]
        return [Span(point.at, point.kind.words, space), *scale]

    def _space(self, point: Point) -> Space:
        return point.space or self.transport.space

    def _value(self, quantity: Quantity | None, image: Image) -> float | None:
        if quantity is None:
            return None
        parts = [(point, self._point(point, image)) for point in _parts(quantity)]
        if any(value is None and not point.optional for point, value in parts):
            return None
        known = [value for _, value in parts if value is not None]
        return sum(known) if known else None

    def _point(self, point: Point, image: Image) -> float | None:
        words = image.words(point.at, point.kind.words, self._space(point))
        if words is None:
            return None
        order = point.order or self.transport.order
        ordered = words if order is WordOrder.BIG else tuple(reversed(words))
        if int.from_bytes(b"".join(word.to_bytes(2, "big") for word in ordered), "big") in point.nothing:
            return None
        value = decode(point.kind, ordered)
        if point.scale_at is not None:
            factor = image.words(point.scale_at, 1, self._space(point))
            value = scaled(value, None if factor is None else decode(Kind.SUNSSF, factor))
        if value is None:
            return None
        return round((abs(value) if point.magnitude else value) * point.scale, DIGITS)

    def _phases(self, points: Phases, image: Image) -> PerPhase:
        values = [self._point(point, image) for point in points]
        a, b, c = (*values, None, None, None)[:3]
        return a, b, c

    def _holds(self, condition: Condition | None, image: Image, *, otherwise: bool) -> bool:
        if condition is None:
            return otherwise
        value = self._point(condition.point, image)
        return value in condition.values if condition.values else value is not None


def _parts(quantity: Quantity) -> Iterable[Point]:
    return (quantity,) if isinstance(quantity, Point) else quantity


def _together(spans: list[Span], limit: int) -> list[Span]:
    """One span over all of them, where one answer can hold it."""
    if not spans:
        return []
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    one_space = len({span.space for span in spans}) == 1
    return [Span(start, end - start, spans[0].space)] if one_space and end - start <= limit else spans
