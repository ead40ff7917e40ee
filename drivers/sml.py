"""SML, the telegram of German meters: the numbers in it by their OBIS codes.

A telegram (BSI TR-03109-1 annex, "Smart Message Language" 1.04) is framed by escape sequences and ends with a checksum.
Inside is a tree: each element begins with a byte whose upper half is its type and whose lower half is its length. What
counts here are the list entries: lists of seven with an OBIS code first, then status, time, unit, scaler and value.

Gateways wrap the telegram in all kinds of envelopes, so it is searched for. Telegrams that are cut off are frequent on
infrared links; the checksum finds them. Some meters reckon it in another way than the standard, and both are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

Node: TypeAlias = "bytes | int | bool | list[Node] | None"

ESCAPE = b"\x1b\x1b\x1b\x1b"
START = ESCAPE + b"\x01\x01\x01\x01"
END = ESCAPE + b"\x1a"
DEEPEST = 16


class NoSml(ValueError):
    """There is no whole, sound telegram. The text is for people."""


def values(data: bytes) -> dict[str, float]:
    """Every number of the first sound telegram, under codes like ``1-0:16.7.0``. Raises NoSml."""
    body = _body(data)
    found: dict[str, float] = {}
    position = 0
    while position < len(body) and body[position] != 0x00:  # zeros fill the last word
        node, position = _node(body, position, 0)
        found.update(_entries(node))
    if not found:
        raise NoSml("the telegram holds no values")
    return found


def _body(data: bytes) -> bytes:
    start = data.find(START)
    end = data.find(END, start + len(START)) if start >= 0 else -1
    if start < 0 or end < 0 or len(data) < end + 8:
        raise NoSml("it holds no whole SML telegram")
    telegram = data[start : end + 8]
    if int.from_bytes(telegram[-2:], "little") not in (crc(telegram[:-2]), kermit(telegram[:-2])):
        raise NoSml("the SML telegram's checksum is wrong")
    return telegram[len(START) : -8].replace(ESCAPE + ESCAPE, ESCAPE)


def crc(data: bytes) -> int:
    """CRC-16/X.25 (ISO/IEC 13239, annex A)."""
    return _remainder(data, 0xFFFF) ^ 0xFFFF


def kermit(data: bytes) -> int:
    """The same polynomial, begun at 0 and not inverted: what Holley's DTZ541 sends (volkszaehler/libsml, pull 76)."""
    return _remainder(data, 0)


def _remainder(data: bytes, value: int) -> int:
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
    return value


def _node(data: bytes, position: int, depth: int) -> tuple[Node, int]:
    """The element at the position, and where the next one begins."""
    if depth > DEEPEST:
        raise NoSml("the SML telegram is too deep")
    begin = position
    try:
        first = data[position]
        kind, length = first >> 4 & 0x7, first & 0xF
        while data[position] & 0x80:  # the length goes on in the next byte
            position += 1
            length = length << 4 | data[position] & 0xF
        position += 1
        if kind == 7:
            nodes: list[Node] = []
            for _ in range(length):
                node, position = _node(data, position, depth + 1)
                nodes.append(node)
            return nodes, position
        if first == 0x00:
            return None, position  # the end of a message
        end = begin + length
        content = data[position:end]
        if end < position or len(content) < end - position:
            raise IndexError
    except IndexError:
        raise NoSml("the SML telegram ends too early") from None
    match kind:
        case 4:
            return any(content), end
        case 5:
            return int.from_bytes(content, "big", signed=True), end
        case 6:
            return int.from_bytes(content, "big"), end
        case _:
            return content or None, end


def _entries(node: Node) -> Iterator[tuple[str, float]]:
    match node:
        case [bytes(code), _, _, _, scaler, int(value), _] if len(code) == 6 and not isinstance(value, bool):
            exponent = scaler if isinstance(scaler, int) else 0
            yield _obis(code), value * 10.0**exponent if exponent >= 0 else value / 10.0**-exponent
        case list():
            for below in node:
                yield from _entries(below)
        case _:
            return


def _obis(code: bytes) -> str:
    """``1-0:16.7.0``; the last byte says nothing more."""
    medium, channel, quantity, kind, tariff, _ = code
    return f"{medium}-{channel}:{quantity}.{kind}.{tariff}"
