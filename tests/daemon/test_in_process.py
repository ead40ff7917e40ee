"""The whole daemon on real sockets in this process, where a test can look inside and reach into the home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hemsd.app import Daemon
from hemsd.assembly import control_settings
from hemsd.config import load
from hemsd.model import Decision, DecisionKind, Outcome, Snapshot
from hemsd.simulation import clock_for
from rules.steer import Memory, steer
from tests.daemon.living import write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@asynccontextmanager
async def running(folder: Path, **more: float) -> AsyncIterator[Daemon]:
    write_config(folder, **more)  # type: ignore[arg-type]
    config = load(folder / "config.yaml")
    async with await Daemon.make(config, await clock_for(config)) as daemon:
        task = asyncio.create_task(daemon.run())
        try:
            yield daemon
        finally:
            daemon.stopping.set()
            await asyncio.wait_for(task, 20)


async def until(true: Callable[[], bool], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - a test looks at many different things
            await asyncio.sleep(0.05)


def proved(daemon: Daemon) -> bool:
    command = daemon.control.orders["garage"].command
    return command is not None and command.outcome is Outcome.APPLIED and command.amps > 0


@pytest.mark.slow
async def test_the_rules_decide_again_as_they_did_live(tmp_path: Path) -> None:
    seen: list[tuple[Snapshot, Decision]] = []
    async with running(tmp_path) as daemon:
        ticked = daemon.control.ticked

        def follow(snapshot: Snapshot) -> None:
            seen.append((snapshot, daemon.control.decisions["garage"]))
            ticked(snapshot)

        assert daemon.control.last_tick_s is None  # so that nothing is missed
        daemon.control.ticked = follow
        await until(lambda: proved(daemon))
        await asyncio.sleep(5)
    settings, memory, again = control_settings(daemon.config), Memory(), []
    for snapshot, _ in seen:
        memory, decisions = steer(settings.steering, settings.site, settings.boxes, memory, snapshot, ())
        again.append(decisions[0])
    assert len(seen) > 50
    assert {decision.kind for decision in again} >= {DecisionKind.START, DecisionKind.HOLD}
    for (_, live), now in zip(seen, again, strict=True):
        assert (live.kind, live.reason, live.limit_a, live.phases, live.inputs) == (
            now.kind, now.reason, now.limit_a, now.phases, now.inputs
        )  # fmt: skip


@pytest.mark.slow
async def test_a_meter_that_falls_silent_is_named_and_pauses_the_charge(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await until(lambda: proved(daemon))
        assert daemon.simulated is not None
        daemon.simulated.grid_meter.silent = True
        await until(lambda: daemon.control.decisions["garage"].rule == "stale_stop" or not charging(daemon))
        assert "grid" in {alert.key for alert in daemon.alerts.standing}
        assert "silent" in daemon.alerts.standing[0].text
        daemon.simulated.grid_meter.silent = False
        await until(lambda: "grid" not in {alert.key for alert in daemon.alerts.standing})


def charging(daemon: Daemon) -> bool:
    return bool(daemon.control.orders["garage"].limit_a)


@pytest.mark.slow
async def test_a_visit_begins_with_the_cable_and_ends_with_it(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await until(lambda: proved(daemon))
        assert daemon.simulated is not None
        first = daemon.control.visits.visit_id("garage")
        await until(lambda: daemon.control.visits.running["garage"].visit.energy_wh > 20)
        daemon.simulated.unplug()
        await until(lambda: daemon.control.visits.visit_id("garage") is None)
        await daemon.store.settle()
        visit = await daemon.store.views.visit(str(first))
        assert visit is not None
        assert visit.plugged_out_at is not None
        assert abs(visit.energy_wh - daemon.simulated.wallbox.station.energy_wh) < 5
        assert abs(visit.energy_wh - visit.solar_wh - visit.battery_wh - visit.grid_wh) < 1
        daemon.simulated.plug()
        await until(lambda: daemon.control.visits.visit_id("garage") not in (None, first))


@pytest.mark.slow
async def test_a_wallbox_whose_link_breaks_comes_back_to_the_same_visit(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await until(lambda: proved(daemon))
        assert daemon.simulated is not None
        visit = daemon.control.visits.visit_id("garage")
        daemon.simulated.wallbox.cut_link()
        await until(lambda: daemon.control.decisions["garage"].kind is DecisionKind.SKIP)
        daemon.simulated.wallbox.link_allowed.set()
        await until(lambda: daemon.house.state().wallboxes["garage"].charging)
        assert daemon.control.visits.visit_id("garage") == visit
