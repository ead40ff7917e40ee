"""What 16-bit words mean: the types of register maps, and the patterns by which a device says "I do not have that".

A device can't leave a register out, so each type has one value that stands for nothing (SunSpec Device Information
Model Specification 1.1, section 4.2.1 and following; most makers took the same). Here it becomes None, once, so that
no 65535 ever shows up as 6553.5 volts.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from enum import StrEnum


class WordOrder(StrEnum):
    """Which of the words of a longer value comes first. Bytes within a word are always big endian."""

    BIG = "big"
    LITTLE = "little"


class Kind(StrEnum):
    """The type of a value."""

    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    ACC32 = "acc32"  # a counter that only rises
    ACC64 = "acc64"
    ENUM16 = "enum16"
    BITFIELD16 = "bitfield16"
    BITFIELD32 = "bitfield32"
    SUNSSF = "sunssf"  # a power of ten that scales another register

    @property
    def words(self) -> int:
        return struct.calcsize(_FORMATS[self]) // 2


_FORMATS = {
    Kind.INT16: ">h",
    Kind.UINT16: ">H",
    Kind.INT32: ">i",
    Kind.UINT32: ">I",
    Kind.INT64: ">q",
    Kind.UINT64: ">Q",
    Kind.FLOAT32: ">f",
    Kind.FLOAT64: ">d",
    Kind.ACC32: ">I",
    Kind.ACC64: ">Q",
    Kind.ENUM16: ">H",
    Kind.BITFIELD16: ">H",
    Kind.BITFIELD32: ">I",
    Kind.SUNSSF: ">h",
}

_NOTHING: dict[Kind, int] = {
    Kind.INT16: -0x8000,
    Kind.UINT16: 0xFFFF,
    Kind.INT32: -0x8000_0000,
    Kind.UINT32: 0xFFFF_FFFF,
    Kind.INT64: -0x8000_0000_0000_0000,
    Kind.UINT64: 0xFFFF_FFFF_FFFF_FFFF,
    Kind.ACC32: 0,
    Kind.ACC64: 0,
    Kind.ENUM16: 0xFFFF,
    Kind.BITFIELD16: 0xFFFF,
    Kind.BITFIELD32: 0xFFFF_FFFF,
    Kind.SUNSSF: -0x8000,
}

MAX_EXPONENT = 10  # a sunssf outside -10..10 makes its value unusable (SunSpec 1.1, section 4.2.8)


def raw(kind: Kind, words: Sequence[int], order: WordOrder = WordOrder.BIG) -> int | float:
    """What stands in the words, before anybody asks whether it means anything."""
    ordered = words if order is WordOrder.BIG else tuple(reversed(words))
    value: int | float = struct.unpack(_FORMATS[kind], struct.pack(f">{len(ordered)}H", *ordered))[0]
    return value


def decode(kind: Kind, words: Sequence[int], order: WordOrder = WordOrder.BIG) -> int | float | None:
    """The value, or None where the words say that there is none."""
    value = raw(kind, words, order)
    if not math.isfinite(value) or value == _NOTHING.get(kind):
        return None
    if kind is Kind.SUNSSF and abs(value) > MAX_EXPONENT:
        return None
    return value


def scaled(value: int | float | None, exponent: int | float | None) -> float | None:
    """``value`` times ten to the ``exponent``; None when either is not known: a lost scale is not scale 0."""
    if value is None or exponent is None:
        return None
    power = 10.0 ** abs(int(exponent))
    return value * power if exponent >= 0 else value / power  # dividing keeps 2301 tenths at 230.1


def text(words: Sequence[int]) -> str:
    """A string, padded with zeros or blanks; what is not printable becomes a question mark."""
    given = b"".join(word.to_bytes(2, "big") for word in words).split(b"\0", 1)[0]
    return "".join(c if c.isprintable() else "?" for c in given.decode("latin-1")).strip()
