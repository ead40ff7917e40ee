"""Registers as devices fill them, from the files in ``recorded`` and ``served``, on a server that isn't ours.

``recorded`` holds what real devices answered, word for word; ``served`` a whole home for each device, made from the
register tables of its sources with real words where there are some. Both say what hemsd must make of it:

    device: the device file
    units:    unit id -> holding or input -> address -> words in hexadecimal
    expected: role -> the reading
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.modbus import ModbusSettings, build
from drivers.modbus_blocks import Image, Space, Span
from hemsd.clock import SystemClock
from hemsd.model import MeterReading, Role

HERE = Path(__file__).parent
RECORDED = sorted((HERE / "recorded").glob("*.yaml"))
SERVED = sorted((HERE / "served").glob("*.yaml"))

LONG_S = 20.0  # some devices want to be left alone for a while after a connection, and the machine may be busy

Registers = Mapping[Space, Mapping[int, int]]
"""One unit's words, by address."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a device answers, and what it means."""

    device: str
    units: Mapping[int, Registers]
    expected: Mapping[Role, Mapping[str, Any]]

    def image(self, unit: int) -> Image:
        """All of a unit's registers, as if they had been asked for at once."""
        image = Image()
        for space, words in self.units.get(unit, {}).items():
            for address, word in words.items():
                image.put(Span(address, 1, space), [word])
        return image


def answers(file: Path) -> Answers:
    found = yaml.safe_load(file.read_text(encoding="utf-8"))
    units = {
        unit: {Space(space): dict(_words(blocks)) for space, blocks in spaces.items()}
        for unit, spaces in found["units"].items()
    }
    return Answers(found["device"], units, {Role(role): said for role, said in found["expected"].items()})


def _words(blocks: Mapping[int, str]) -> Iterator[tuple[int, int]]:
    for start, words in blocks.items():
        yield from ((start + index, int(word, 16)) for index, word in enumerate(words.split()))


@asynccontextmanager
async def on_a_server(given: Answers) -> AsyncIterator[int]:
    """Serves the units over Modbus TCP, gives the port. Registers that are not there are refused, as devices do."""
    server = ModbusTcpServer(
        [_sim_device(unit, registers) for unit, registers in given.units.items()], address=("127.0.0.1", 0)
    )
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined, union-attr]
    finally:
        await server.shutdown()


def _sim_device(unit: int, registers: Registers) -> SimDevice:
    bits = [SimData(0, datatype=DataType.BITS, values=[False] * 16)]
    return SimDevice(unit, (bits, bits, _runs(registers.get(Space.HOLDING, {})), _runs(registers.get(Space.INPUT, {}))))


def _runs(registers: Mapping[int, int]) -> list[SimData]:
    """The words in blocks without gaps."""
    runs: list[tuple[int, list[int]]] = []
    for address in sorted(registers) or [0xFFFF]:
        word = registers.get(address, 0)
        if runs and runs[-1][0] + len(runs[-1][1]) == address:
            runs[-1][1].append(word)
        else:
            runs.append((address, [word]))
    return [SimData(start, values=values, datatype=DataType.REGISTERS) for start, values in runs]


async def readings(given: Answers, **more: Any) -> dict[Role, MeterReading]:
    """What the drivers make of the answers: every role that is expected, over one connection, with the file's unit."""
    got: dict[str, MeterReading] = {}
    all_said = asyncio.Event()

    def said(name: str, reading: MeterReading) -> None:
        got.setdefault(name, reading)
        if len(got) == len(given.expected):
            all_said.set()

    async with on_a_server(given) as port:
        settings = ModbusSettings.model_validate(
            {"driver": "modbus", "device": given.device, "host": "127.0.0.1", "port": port, **more}
        )
        meters = {role.value: (role, settings) for role in given.expected}
        tasks = [asyncio.ensure_future(each.run()) for each in build(meters, SystemClock(), said)]
        saying = asyncio.ensure_future(all_said.wait())
        try:
            await asyncio.wait([saying, *tasks], timeout=LONG_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (saying, *tasks):
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all_said.is_set(), ended
    return {role: got[role.value] for role in given.expected}
