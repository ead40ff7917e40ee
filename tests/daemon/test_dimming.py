"""An order of the grid operator, from the place that says it to the wallbox."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from drivers.simulated import day
from hemsd.app import Daemon
from hemsd.config import load
from hemsd.control import ControlSettings
from hemsd.dimming import FACT, LONGEST, STANDS, GridOrders
from hemsd.model import Command, DimmedBy, Mode, SiteSettings, SteeringSettings, WallboxSettings
from hemsd.replay import Stage, play, stage
from hemsd.simulation import clock_for
from tests.daemon.living import write_config
from tests.daemon.test_in_process import until
from tests.drivers_mqtt.broker import Broker, free_port


def charging(mode: Mode = Mode.FAST, offered_a: float = 16) -> Stage:
    box = WallboxSettings("garage", phases="3", mode=mode)
    at = stage(day.load("serf-2022-03-18"), ControlSettings(SteeringSettings(failsafe_a=10.0), SiteSettings(), (box,)))
    play(at, 120)
    assert at.boxes[0].station.offered_a == offered_a
    return at


def test_a_wallbox_is_at_what_is_left_within_a_tick_and_its_own_delay() -> None:
    at = charging()
    at.control.grid_orders.order(4200.0, DimmedBy.API)
    play(at, 5 + 5)
    assert at.boxes[0].station.offered_a == 6
    assert at.control.decisions["garage"].inputs["dimmed_by"] == "api"


def heard_at(at: Stage) -> list[tuple[float, float]]:
    """(limit, what it falls back to by itself) of everything that the wallbox is told from now on."""
    said: list[tuple[float, float]] = []
    box = at.boxes[0]
    give, rest = box.give, box.rest

    def given(command: Command, failsafe_a: float) -> None:
        said.append((command.amps, failsafe_a))
        give(command, failsafe_a)

    def rested(limit_a: float, phases: int | None, failsafe_a: float) -> None:
        said.append((limit_a, failsafe_a))
        rest(limit_a, phases, failsafe_a)

    box.give, box.rest = given, rested  # type: ignore[method-assign]
    return said


def test_what_it_falls_back_to_by_itself_goes_down_with_it() -> None:
    at = charging()
    said = heard_at(at)
    at.control.grid_orders.order(4200.0, DimmedBy.API)
    play(at, 60)
    at.control.grid_orders.order(3000.0, DimmedBy.MQTT)
    play(at, 60)
    assert said == [(6.0, 6.0), (0.0, 0.0)]


def test_a_wallbox_that_rests_is_told_a_lower_fall_back_too() -> None:
    at = charging(Mode.SOLAR, offered_a=0)  # before sunrise
    said = heard_at(at)
    at.control.grid_orders.order(4200.0, DimmedBy.API)
    play(at, 60)
    assert said == [(0.0, 6.0)]


def test_an_order_ends_by_itself_and_no_later_than_tomorrow() -> None:
    at = charging()
    orders, now_at = at.control.grid_orders, at.clock.utc()
    assert orders.order(4200.0, DimmedBy.API).until_at == now_at + STANDS
    assert orders.order(4200.0, DimmedBy.API, now_at + timedelta(days=9)).until_at == now_at + LONGEST
    orders.order(4200.0, DimmedBy.API, now_at + timedelta(seconds=300))
    play(at, 290)
    assert at.boxes[0].station.offered_a == 6
    play(at, 120)
    assert at.boxes[0].station.offered_a == 16


def test_an_order_outlives_a_restart_and_what_cannot_be_read_does_not_stop_it() -> None:
    at, kept = charging(), list[object]()
    at.control.grid_orders.remember = kept.append
    given = at.control.grid_orders.order(4200.0, DimmedBy.API)
    again = GridOrders(at.clock)
    again.recall(json.loads(json.dumps(kept[-1])))
    assert again.standing == (given,)
    again.recall({"what": "is this"})
    at.control.grid_orders.lift(DimmedBy.API)
    assert kept[-1] is None


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_control_box_on_the_broker_and_a_program_dim_a_running_daemon(tmp_path: Path) -> None:
    broker = Broker(tmp_path, free_port())
    await broker.start()
    _, _, web = write_config(tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text(file.read_text() + f"mqtt: {{port: {broker.port}, dimmed_topic: grid/limit}}\n")
    config = load(file)

    def site() -> dict[str, object] | None:
        dimmed = daemon.house.state().site.dimmed
        return dimmed.model_dump(mode="json", include={"dimmed_w", "source"}) if dimmed else None

    async with await Daemon.make(config, await clock_for(config)) as daemon, aiohttp.ClientSession() as session:
        running = asyncio.create_task(daemon.run())
        await until(lambda: daemon.control.last_tick_s is not None)
        await broker.publish("grid/limit", "4200", retain=True)
        await until(lambda: site() == {"dimmed_w": 4200, "source": "mqtt"})
        ends_at = (daemon.clock.utc() + timedelta(hours=1)).isoformat()
        async with session.put(
            f"http://127.0.0.1:{web}/api/site/dimmed", json={"dimmed_w": 2000, "until": ends_at}
        ) as answer:
            assert answer.status == 200
        assert site() == {"dimmed_w": 2000, "source": "api"}
        await until(lambda: daemon.control.decisions["garage"].inputs.get("dimmed_w") == 2000)
        await until(lambda: any(alert.key == "dimmed" for alert in daemon.alerts.standing))
        assert daemon.store.facts()[FACT]
        async with session.delete(f"http://127.0.0.1:{web}/api/site/dimmed"):
            assert site() == {"dimmed_w": 4200, "source": "mqtt"}
        await broker.publish("grid/limit", "", retain=True)
        await until(lambda: site() is None)
        daemon.stopping.set()
        await asyncio.wait_for(running, 20)
    await broker.stop()
