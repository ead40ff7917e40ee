"""What experience taught about one kind of box, to be kept over restarts.

A value, and plain data when it is stored: what can't be read back is forgotten, and found out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from drivers.ocpp16.ways import Kind, Purpose, Unit, Way
from drivers.ocpp16.wire import Json


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one vendor, model and firmware."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    way: Way | None = None  # the newest that was proven to work
    incapable: frozenset[Purpose] = frozenset()  # answered NotSupported or NotImplemented
    measurands: tuple[str, ...] | None = None  # the list that the box took
    interval_s: int | None = None  # what the box makes of the sample interval that it is asked for
    step_a: float = 0.1  # the box keeps whole multiples of this
    zero_proven: bool = False  # 0 A paused it
    zero_ends_tx: bool = False  # 0 A ended the transaction: never again

    @property
    def key(self) -> str:
        return f"{self.vendor}|{self.model}|{self.firmware}"


def stored(memory: Memory) -> Json:
    """As JSON holds it."""
    way = memory.way
    return {
        "vendor": memory.vendor,
        "model": memory.model,
        "firmware": memory.firmware,
        "way": [way.purpose.value, way.kind.value, way.stack, way.unit.value] if way else None,
        "incapable": sorted(purpose.value for purpose in memory.incapable),
        "measurands": list(memory.measurands) if memory.measurands is not None else None,
        "interval_s": memory.interval_s,
        "step_a": memory.step_a,
        "zero_proven": memory.zero_proven,
        "zero_ends_tx": memory.zero_ends_tx,
    }


def restored(data: Mapping[str, object]) -> Memory | None:
    """What ``stored`` wrote; None for anything else, such as the writing of another version."""
    try:
        fields = dict(data)
        way = cast("list[str] | None", fields.pop("way"))
        incapable = cast("list[str]", fields.pop("incapable"))
        measurands = cast("list[str] | None", fields.pop("measurands"))
        return Memory(
            way=_way(way) if way else None,
            incapable=frozenset(Purpose(word) for word in incapable),
            measurands=tuple(measurands) if measurands is not None else None,
            **fields,  # type: ignore[arg-type]
        )
    except (KeyError, TypeError, ValueError):
        return None


def _way(words: list[str]) -> Way:
    purpose, kind, stack, unit = words
    return Way(Purpose(purpose), Kind(kind), int(stack), Unit(unit))
