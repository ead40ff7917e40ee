"""Register images of SunSpec devices: the encoding side of the standard, pure.

A device's map is a chain: the marker "SunS" at 40000, then blocks of (model id, length, points) up to the end block
0xFFFF. A point that the device does not have holds the "not implemented" value of its type, so each model is laid out
first as types and then the points that exist are put in. Offsets count from the block's id, as in the SunSpec models
(github.com/sunspec/models, model_1, model_103, model_124, model_203, model_802).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

BASE = 40_000
MARKER = (0x5375, 0x6E53)
END = (0xFFFF, 0)

# u: uint16 or enum16, i: int16 or scale factor, a: acc32 (0 means never counted), w: uint32 or bitfield32
_NOT_IMPLEMENTED: dict[str, tuple[int, ...]] = {"u": (0xFFFF,), "i": (0x8000,), "a": (0, 0), "w": (0xFFFF, 0xFFFF)}
_TYPES = {
    103: "uuuu i uuuuuu i i i u i ii ii ii a i ui ui ii iiii i uu wwwwww",
    124: "uuuuuuuuuu ii uuuu iiiiiiii",
    203: "iiii i iiiiiiii i i i iiii i iiii i iiii i iiii i aaaaaaaa i aaaaaaaa i aaaaaaaaaaaaaaaa i w",
    802: "uuuuuuuuuuuu w uu uuu uuu w wwww uuu uuuuuuu i uu i u i uu iiiiiiiiiiii",
}


def _empty(model: int, types: str) -> list[int]:
    body = [register for letter in types.replace(" ", "") for register in _NOT_IMPLEMENTED[letter]]
    return [model, len(body), *body]


_EMPTY = {model: _empty(model, types) for model, types in _TYPES.items()}


@dataclass(slots=True)
class Block:
    """One model in a device's chain."""

    registers: list[int]

    @classmethod
    def laid_out(cls, model: int) -> Block:
        return cls(list(_EMPTY[model]))

    def put(self, offset: int, value: float, scale: int = 0) -> None:
        """A 16-bit point, in the unit of its scale factor; clipped to what the type can hold."""
        raw = round(value / 10**scale)
        self.registers[offset] = max(-0x7FFF, min(0x7FFF, raw)) & 0xFFFF

    def put_each(self, offset: int, values: Sequence[float], scale: int = 0) -> None:
        for index, value in enumerate(values):
            self.put(offset + index, value, scale)

    def put_acc32(self, offset: int, value: float) -> None:
        self.registers[offset : offset + 2] = divmod(int(value) & 0xFFFF_FFFF, 0x1_0000)


def common(model: str, serial: str, unit: int, *, padded: bool) -> Block:
    """Model 1. Its length is 65 or, padded to an even number, 66: both are in the field, so clients must walk."""
    text = [*_text("hemsd", 16), *_text(model, 16), *_text("", 8), *_text("1.0", 8), *_text(serial, 16)]
    body = [*text, unit, *([0x8000] if padded else [])]
    return Block([1, len(body), *body])


def inverter(power_w: float, energy_wh: float, voltages_v: Sequence[float], hz: float = 50.0) -> Block:
    """Model 103, a three-phase inverter."""
    block = Block.laid_out(103)
    currents_a = [power_w / 3 / volts for volts in voltages_v]
    block.put_each(2, [sum(currents_a), *currents_a], -2)
    block.put(6, -2)
    block.put_each(10, voltages_v, -1)
    block.put(13, -1)
    block.put(14, power_w)
    block.put(15, 0)
    block.put(16, hz, -2)
    block.put(17, -2)
    block.put_acc32(24, energy_wh)
    block.put(26, 0)
    block.put(38, 4 if power_w > 0 else 2)  # St: 4 MPPT, 2 sleeping
    return block


def meter(
    powers_w: Sequence[float], voltages_v: Sequence[float], import_wh: float, export_wh: float, hz: float = 50.0
) -> Block:
    """Model 203, a three-phase meter; power and currents are positive on import."""
    block = Block.laid_out(203)
    currents_a = [watts / volts for watts, volts in zip(powers_w, voltages_v, strict=True)]
    block.put_each(2, [sum(currents_a), *currents_a], -2)
    block.put(6, -2)
    block.put_each(7, [sum(voltages_v) / 3, *voltages_v], -1)
    block.put(15, -1)
    block.put(16, hz, -2)
    block.put(17, -2)
    block.put_each(18, [sum(powers_w), *powers_w])
    block.put(22, 0)
    block.put_acc32(38, export_wh)
    block.put_acc32(46, import_wh)
    block.put(54, 0)
    return block


def battery(power_w: float, soc_pct: float, capacity_wh: float, max_w: float, volts: float = 400.0) -> Block:
    """Model 802; power and current are positive while it discharges."""
    block = Block.laid_out(802)
    block.put(3, capacity_wh, 1)
    block.put_each(4, [max_w, max_w])
    block.put(11, soc_pct, -1)
    block.put(16, 4 if power_w < -10 else 3 if power_w > 10 else 6)  # ChaSt: charging, discharging, holding
    block.put(34, volts, -1)
    block.put(44, power_w / volts, -2)
    block.put(47, power_w)
    for offset, scale in ((53, 1), (54, 0), (56, -1), (59, -1), (61, -2), (63, 0)):
        block.put(offset, scale)
    return block


STORAGE_MODE, STORAGE_RATE, STORAGE_TIMER = 5, 12, 15  # StorCtl_Mod, OutWRte, InOutWRte_RvrtTms


def storage(max_w: float, soc_pct: float, mode: int, rate: int, revert_s: int) -> Block:
    """Model 124; ``rate`` in hundredths of a percent of ``max_w``."""
    block = Block.laid_out(124)
    block.put(2, max_w)
    block.put(STORAGE_MODE, mode)
    block.put(8, soc_pct, -2)
    block.put(STORAGE_RATE, rate)
    block.put(STORAGE_TIMER, revert_s)
    for offset, scale in ((18, 0), (22, -2), (25, -2)):
        block.put(offset, scale)
    return block


def chain(*blocks: Block) -> list[int]:
    """The whole map from BASE on."""
    return [*MARKER, *(register for block in blocks for register in block.registers), *END]


def _text(text: str, registers: int) -> tuple[int, ...]:
    return struct.unpack(f">{registers}H", text.encode().ljust(registers * 2, b"\0"))
