"""Cars that tell their level over a real broker, in the running daemon: what the page's state says of each."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from hemsd.app import Daemon
from hemsd.clock import SystemClock
from hemsd.config import load
from hemsd.model import ToldBy
from tests.drivers_modbus.device import until
from tests.drivers_mqtt.broker import Broker, free_port

CONFIG = """\
mqtt: {{host: 127.0.0.1, port: {port}}}
vehicles:
  tesla: {{wallbox: left, soc: {{driver: mqtt, device: teslamate, topic: "1"}}}}
  leaf: {{wallbox: middle, soc: {{driver: mqtt, device: wican, topic: wican/aabbccddeeff/automate}}}}
  zoe: {{wallbox: right, soc: {{driver: mqtt, device: evcc, topic: "2"}}}}
wallboxes: {{left: {{charge_point: L}}, middle: {{charge_point: M}}, right: {{charge_point: R}}}}
ocpp: {{host: 127.0.0.1, port: 0}}
web: {{port: 0}}
"""

pytestmark = pytest.mark.slow


@pytest.mark.slow
async def test_each_car_is_as_full_as_it_told_last_and_a_person_may_know_better(tmp_path: Path) -> None:
    broker = Broker(tmp_path, free_port())
    await broker.start()
    await broker.publish("teslamate/cars/1/battery_level", "55", retain=True)  # as TeslaMate does
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=broker.port))
    try:
        async with await Daemon.make(load(config), SystemClock()) as daemon:
            task = asyncio.ensure_future(daemon.run())

            def levels() -> dict[str, float | None]:
                return {name: car.soc_pct for name, car in daemon.house.state().vehicles.items()}

            await until(lambda: levels()["tesla"] == 55)
            assert levels() == {"tesla": 55, "leaf": None, "zoe": None}, "a car that told nothing is not empty"
            await broker.publish("wican/aabbccddeeff/automate", json.dumps({"SOC": 71.5, "SPEED": 0}))
            await broker.publish("evcc/loadpoints/2/vehicleSoc", "38")
            await broker.publish("evcc/loadpoints/1/vehicleSoc", "99")
            await until(lambda: None not in levels().values())
            assert levels() == {"tesla": 55, "leaf": 71.5, "zoe": 38}
            daemon.house.told_soc("zoe", 40)
            zoe, tesla = (daemon.house.state().vehicles[name] for name in ("zoe", "tesla"))
            assert (zoe.soc_pct, zoe.told_by) == (40, ToldBy.PERSON)
            assert (tesla.told_by, tesla.source) == (ToldBy.CAR, "teslamate 1")
            assert tesla.soc_age_s is not None
            assert 0 <= tesla.soc_age_s < 30
            await broker.publish("evcc/loadpoints/2/vehicleSoc", "41")
            await until(lambda: levels()["zoe"] == 41)
            daemon.stopping.set()
            await task
    finally:
        await broker.stop()
