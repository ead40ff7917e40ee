"""What cars and services tell the daemon finds its way to the visits; the daemon is made, and does not run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiomqtt import Message

from drivers.base import Driver
from drivers.mqtt import MqttReader
from hemsd.app import Daemon
from hemsd.clock import ManualClock
from hemsd.config import Config
from hemsd.model import ConnectorStatus, LinkUp, StatusChanged
from hemsd.series import series_drivers
from tests.series.service import running, until

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)


@asynccontextmanager
async def daemon_with(folder: Path, **sections: object) -> AsyncIterator[Daemon]:
    config = Config.model_validate(
        {
            "mqtt": {"host": "127.0.0.1"},
            "wallboxes": {"garage": {"driver": "ocpp", "charge_point": "WB-001"}},
            "vehicles": {"car": {"wallbox": "garage", "elsewhere": {"driver": "mqtt", "topic": "car/charge"}}},
            "storage": {"path": str(folder / "home.db")},
            **sections,
        }
    )
    async with await Daemon.make(config, ManualClock(NOON)) as daemon:
        yield daemon


async def test_a_car_s_word_over_mqtt_becomes_a_visit_of_the_books(tmp_path: Path) -> None:
    async with daemon_with(tmp_path) as daemon:
        (reader,) = daemon._drivers(daemon.config)
        assert isinstance(reader, MqttReader)
        daemon.notice(LinkUp("garage", "test"))
        daemon.notice(StatusChanged("garage", 1, ConnectorStatus.AVAILABLE))
        reader._take(Message("car/charge", b"on", 0, False, 1, None))
        assert isinstance(daemon.clock, ManualClock)
        for _ in range(2):
            daemon.clock.leap(6 * 3600)
            daemon.ticked(daemon.latest.freeze())
        assert set(daemon.elsewhere.away) == {"car"}
        reader._take(Message("car/charge", b"off", 0, False, 2, None))
        await daemon.store.settle()
        assert [visit.at_home for visit in (await daemon.store.views.visits()).visits] == [False]


async def test_the_co2_of_the_grid_finds_its_way_to_the_bills(tmp_path: Path) -> None:
    rows = [{"start": NOON.isoformat(), "g_per_kwh": 320}, {"start": "2026-06-21T13:00:00Z", "g_per_kwh": None}]
    async with running(rows) as service, daemon_with(tmp_path, co2={"driver": "http", "url": service.url}) as daemon:
        drivers = series_drivers(daemon.config, daemon.clock, daemon.prices, daemon.co2, daemon.health.say)
        (driver,) = (each for each in drivers if each.name == "CO2 forecast")
        courses = daemon.control.visits.courses
        assert courses is not None
        assert courses.co2(NOON) is None
        await ran_until_told(driver, daemon)
        assert courses.co2(NOON) == 320.0


async def ran_until_told(driver: Driver, daemon: Daemon) -> None:
    task = asyncio.create_task(driver.run())
    await until(lambda: daemon.co2.g_per_kwh(NOON) is not None)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
