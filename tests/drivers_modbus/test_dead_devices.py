"""A device that is dead delays nobody: not one elsewhere, and as little as can be one on the same line."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from drivers.modbus import ModbusSettings, build
from hemsd.clock import SystemClock
from hemsd.model import MeterReading, Role
from hemsd.supervise import Health, keep
from tests.drivers_modbus.device import black_hole, serving
from tests.drivers_modbus.images import fronius_meter

POLL_S = 0.2
BEATS = 8


@contextmanager
def mute() -> Iterator[int]:
    """A port that takes every connection and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield int(listener.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("dead", [black_hole, mute])
async def test_a_dead_address_delays_no_live_one(dead: object) -> None:
    came: dict[str, list[float]] = {"live": [], "dead": []}

    def sink(name: str, reading: MeterReading) -> None:
        came[name].append(time.monotonic())

    def meter(port: int) -> tuple[Role, ModbusSettings]:
        return Role.GRID, ModbusSettings(
            driver="modbus", host="127.0.0.1", port=port, poll_s=POLL_S, timeout_s=0.5, unit=1
        )

    async with serving({1: fronius_meter().registers}) as device:
        with dead() as port:  # type: ignore[operator]
            health = Health()
            drivers = build({"dead": meter(port), "live": meter(device.port)}, SystemClock(), sink)
            tasks = [
                asyncio.create_task(keep(each.name, each.run, health, first_pause_s=0.01, longest_pause_s=0.01))
                for each in drivers
            ]
            await asyncio.sleep(POLL_S * (BEATS + 1) + 0.5)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert came["dead"] == []
    assert "does not answer" in str(health.troubles["dead"])
    assert len(came["live"]) >= BEATS
    gaps_s = [b - a for a, b in pairwise(came["live"])]
    assert max(gaps_s) < 2 * POLL_S


@pytest.mark.slow
async def test_a_dead_unit_costs_its_neighbours_on_the_line_no_more_than_its_turns() -> None:
    """Two time-outs of 0.2 s a turn, and then its neighbour is read again."""
    came: list[float] = []

    def meter(unit: int) -> tuple[Role, ModbusSettings]:
        return Role.GRID, ModbusSettings(
            driver="modbus", host="127.0.0.1", port=device.port, poll_s=POLL_S, timeout_s=0.2, unit=unit
        )

    def sink(name: str, reading: MeterReading) -> None:
        came.append(time.monotonic())

    units = {1: fronius_meter().registers, 2: {}}
    async with serving(units, lambda request: b"" if request.unit == 2 else None) as device:
        drivers = build({"dead": meter(2), "live": meter(1)}, SystemClock(), sink)
        tasks = [
            asyncio.create_task(keep(each.name, each.run, Health(), first_pause_s=0.3, longest_pause_s=0.3))
            for each in drivers
        ]
        await asyncio.sleep(3.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert device.connections == 1
    assert max(b - a for a, b in pairwise(came)) < 2 * 0.2 + 2 * POLL_S
