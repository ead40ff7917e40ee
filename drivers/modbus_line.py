"""What carries the requests: Modbus TCP, RTU frames over TCP, or RTU frames on a serial line.

Modbus TCP numbers each request, so an answer that comes late is known by its number. RTU does not (Modbus over Serial
Line V1.02, section 2.5.1): a frame is the unit, the function, the data and a checksum, and what arrives is taken for
the answer to whatever was asked last. So on RTU an answer counts only when unit, function and length are those that
were asked for, and after a time-out the line is opened anew, to lose what may still be on its way.

Units on one line are asked in turn with a silence between two frames, by which they know where one begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Parity = Literal["N", "E", "O"]
READ, WRITE = (3, 4), 16  # the function codes that hemsd uses (Modbus Application Protocol V1.1b3, section 6)


class Framer(StrEnum):
    """How a request is wrapped."""

    TCP = "tcp"
    RTU = "rtu"


@dataclass(frozen=True, slots=True)
class TcpLine:
    """An address in the network."""

    host: str
    port: int
    framer: Framer = Framer.TCP

    @property
    def place(self) -> str:
        """What two lines can't share: it is one connection."""
        return f"{self.host}:{self.port}"

    @property
    def gap_s(self) -> float:
        return 0.0  # the gateway keeps it

    @property
    def is_rtu(self) -> bool:
        return self.framer is Framer.RTU

    def __str__(self) -> str:
        return self.place


@dataclass(frozen=True, slots=True)
class SerialLine:
    """RS-485 behind a serial port."""

    port: str
    baud: int = 9600
    parity: Parity = "N"
    stopbits: Literal[1, 2] = 1

    @property
    def place(self) -> str:
        return self.port

    @property
    def gap_s(self) -> float:
        """Modbus over Serial Line V1.02, section 2.5.1.1: 3.5 characters of 11 bits, and 1.75 ms above 19200 baud."""
        return 0.00175 if self.baud > 19200 else 3.5 * 11 / self.baud

    @property
    def is_rtu(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"{self.port} ({self.baud} baud, 8{self.parity}{self.stopbits})"


Line = TcpLine | SerialLine


@dataclass(frozen=True, slots=True)
class Asked:
    """What an RTU answer must be an answer to."""

    unit: int
    function: int
    count: int

    @property
    def writes(self) -> bool:
        return self.function == WRITE

    @property
    def length(self) -> int:
        """Of the frame: what was read, or where how many registers were written."""
        return 8 if self.writes else 5 + 2 * self.count


def rtu_answer(data: bytes, asked: Asked) -> bytes:
    """The answer's frame out of all bytes that came; empty while it is not there.

    Noise, the echo of the request and the frames of others are passed over.
    """
    lengths = {asked.function: asked.length, asked.function | 0x80: 5}
    for start in range(len(data) - 4):
        length = lengths.get(data[start + 1]) if data[start] == asked.unit else None
        frame = data[start : start + length] if length else b""
        if not length or len(frame) < length:
            continue
        if length > 5 and not asked.writes and frame[2] != 2 * asked.count:
            continue
        if crc(frame[:-2]) == frame[-2:]:
            return frame
    return b""


def crc(data: bytes) -> bytes:
    """The checksum of an RTU frame, low byte first (Modbus over Serial Line V1.02, section 6.2.2)."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def garbled(data: bytes) -> bool:
    """Whether a complete Modbus TCP frame in ``data`` can't be an answer to a reading or writing of registers.

    Frame: transaction (2 bytes), protocol 0 (2), length of the rest (2), unit (1), function (1), then the number of
    bytes and the bytes, or where how many were written, or an exception code (Modbus Messaging on TCP/IP V1.0b,
    section 3.1).
    """
    while len(data) >= 8:
        length = int.from_bytes(data[4:6], "big")
        if data[2:4] != b"\0\0" or not 2 <= length <= 254 or data[7] & 0x7F not in (*READ, WRITE):
            return True
        frame, data = data[: 6 + length], data[6 + length :]
        if len(frame) < 6 + length:
            return False  # the rest may still come
        if frame[7] in READ and (length < 3 or frame[8] != length - 3):
            return True
        if frame[7] == WRITE and length != 6:
            return True
    return False
