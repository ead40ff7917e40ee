"""The daemon whole, before a wallbox that accepts everything and does nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hemsd.app import Daemon
from hemsd.config import load
from hemsd.model import Mode, Outcome, Wish
from hemsd.simulation import clock_for
from tests.daemon.living import write_config

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(150)]  # needs a machine to itself

SPEED = 60


async def test_a_wallbox_that_ignores_everything_is_named_left_alone_and_gets_another_chance(tmp_path: Path) -> None:
    write_config(tmp_path, speed=SPEED)
    path = tmp_path / "config.yaml"
    quirk = "simulate: {personality: {garage: [ignores_profile]}, "
    path.write_text(path.read_text().replace("simulate: {", quirk).replace("phases: auto", "phases: 3"))
    config = load(path)
    async with await Daemon.make(config, await clock_for(config)) as daemon:
        task = asyncio.create_task(daemon.run())
        try:
            daemon.control.wish(Wish("garage", mode=Mode.FAST))
            box = daemon.central.wallboxes["garage"]
            await until(lambda: box.transaction_id is not None)
            await asyncio.sleep(1)
            daemon.control.wish(Wish("garage", mode=Mode.OFF))
            await until(lambda: not box.controllable)
            await until(lambda: "control:garage" in {alert.key for alert in daemon.alerts.standing})
            command = daemon.control.orders["garage"].command
            assert command is not None
            assert (command.outcome, command.final) == (Outcome.ACCEPTED_INEFFECTIVE, True)
            assert daemon.control.decisions["garage"].rule == "not_controllable"
            assert not daemon.house.state().wallboxes["garage"].controllable
            assert daemon.house.state().wallboxes["garage"].writes_today
            assert daemon.simulated is not None
            daemon.simulated.unplug()
            await until(lambda: box.controllable)
        finally:
            daemon.stopping.set()
            await asyncio.wait_for(task, 20)


async def until(true: object, within_s: float = 100.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_wallbox_that_takes_relative_schedules_only_is_named_for_what_it_can_not_do(tmp_path: Path) -> None:
    write_config(tmp_path, speed=SPEED)
    path = tmp_path / "config.yaml"
    quirk = "simulate: {personality: {garage: [ignores_absolute]}, "
    path.write_text(path.read_text().replace("simulate: {", quirk).replace("phases: auto", "phases: 3"))
    config = load(path)
    async with await Daemon.make(config, await clock_for(config)) as daemon:
        task = asyncio.create_task(daemon.run())
        try:
            daemon.control.wish(Wish("garage", mode=Mode.OFF))
            box = daemon.central.wallboxes["garage"]
            await until(lambda: box.transaction_id is not None)
            daemon.control.wish(Wish("garage", mode=Mode.FAST))
            await asyncio.sleep(2)
            daemon.control.wish(Wish("garage", mode=Mode.OFF))
            await until(lambda: "fallback:garage" in {alert.key for alert in daemon.alerts.standing})
            assert daemon.house.state().wallboxes["garage"].falls_back is False
            assert daemon.house.state().wallboxes["garage"].controllable
        finally:
            daemon.stopping.set()
            await asyncio.wait_for(task, 20)
