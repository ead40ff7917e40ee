"""The daemon whole, before wallboxes that do not what they accept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.ocpp16.charge_point import ChargePoint
from hemsd.app import Daemon
from hemsd.config import load
from hemsd.model import Mode, Outcome, Wish
from tests.daemon.living import write_config
from tests.virtual import LoopClock, comes_true

pytestmark = [pytest.mark.slow, pytest.mark.virtual_time, pytest.mark.timeout(150)]


@asynccontextmanager
async def charging(folder: Path, quirk: str) -> AsyncIterator[tuple[Daemon, ChargePoint]]:
    """A running daemon, and its wallbox, which charges as fast as it can."""
    write_config(folder, speed=1)
    path = folder / "config.yaml"
    simulate = f"simulate: {{personality: {{garage: [{quirk}]}}, "
    path.write_text(path.read_text().replace("simulate: {", simulate).replace("phases: auto", "phases: 3"))
    async with await Daemon.make(load(path), LoopClock()) as daemon:
        task = asyncio.create_task(daemon.run())
        try:
            daemon.control.wish(Wish("garage", mode=Mode.FAST))
            box = daemon.central.wallboxes["garage"]
            await comes_true(lambda: box.transaction_id is not None)
            await asyncio.sleep(60)
            yield daemon, box
        finally:
            daemon.stopping.set()
            await asyncio.wait_for(task, 200)


@pytest.mark.slow
async def test_a_wallbox_that_ignores_everything_is_named_left_alone_and_gets_another_chance(tmp_path: Path) -> None:
    async with charging(tmp_path, "ignores_profile") as (daemon, box):
        daemon.control.wish(Wish("garage", mode=Mode.OFF))
        await comes_true(lambda: not box.controllable)
        await comes_true(lambda: "control:garage" in {alert.key for alert in daemon.alerts.standing})
        command = daemon.control.orders["garage"].command
        assert command is not None
        assert (command.outcome, command.final) == (Outcome.ACCEPTED_INEFFECTIVE, True)
        assert daemon.control.decisions["garage"].rule == "not_controllable"
        assert not daemon.house.state().wallboxes["garage"].controllable
        assert daemon.house.state().wallboxes["garage"].writes_today
        assert daemon.simulated is not None
        daemon.simulated.unplug()
        await comes_true(lambda: box.controllable)


@pytest.mark.slow
async def test_a_wallbox_that_takes_relative_schedules_only_is_named_for_what_it_can_not_do(tmp_path: Path) -> None:
    async with charging(tmp_path, "ignores_absolute") as (daemon, _):
        daemon.control.wish(Wish("garage", mode=Mode.OFF))
        await comes_true(lambda: "fallback:garage" in {alert.key for alert in daemon.alerts.standing})
        assert daemon.house.state().wallboxes["garage"].falls_back is False
        assert daemon.house.state().wallboxes["garage"].controllable
