"""A Tibber Pulse, asked at a bridge on loopback that gives the telegrams of real meters."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from drivers.base import DeviceError
from drivers.pulse import MOST_SPOILT, STILL_S, Pulse
from drivers.pulse_settings import PulseSettings
from hemsd.cli import main
from hemsd.clock import ManualClock
from hemsd.config import ConfigError, load
from hemsd.model import MeterReading, Role
from tests.devices.test_sml import USUAL, W, entry, telegram
from tests.series.service import until

PASSWORD = "AD56-54BA"


@dataclass
class Bridge:
    telegram: bytes = b""
    node: str = "1"
    asked: int = 0
    port: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        if request.headers.get("Authorization") != "Basic " + b64encode(f"admin:{PASSWORD}".encode()).decode():
            return web.Response(status=401)
        if request.path != "/data.json" or request.query.get("node_id") != self.node:
            return web.Response(status=404)
        return web.Response(body=self.telegram)


@contextlib.asynccontextmanager
async def bridge(sent: bytes) -> AsyncIterator[Bridge]:
    found = Bridge(sent)
    app = web.Application()
    app.router.add_get("/{path:.*}", found.handle)
    server = TestServer(app, host="127.0.0.1", port=0)
    await server.start_server(shutdown_timeout=0.1)
    assert server.port is not None
    found.port = server.port
    try:
        yield found
    finally:
        await server.close()


@dataclass
class Meter:
    port: int
    password: str = PASSWORD
    node: int = 1
    clock: ManualClock = field(default_factory=ManualClock)
    said: list[MeterReading] = field(default_factory=list)

    def driver(self) -> Pulse:
        settings = PulseSettings(
            driver="tibber-pulse",
            host="127.0.0.1",
            port=self.port,
            password=SecretStr(self.password),
            node=self.node,
        )
        return Pulse("grid", Role.GRID, settings, self.clock, lambda _, reading: self.said.append(reading))


def drawing(watts: int) -> bytes:
    return telegram(entry("0100100700ff", watts, unit=W), *USUAL[1:])


async def test_a_telegram_that_is_new_is_a_reading_and_the_first_one_may_be_of_yesterday() -> None:
    async with bridge(drawing(400)) as its:
        meter = Meter(its.port)
        task = asyncio.create_task(meter.driver().run())
        await until(lambda: its.asked == 1)
        for asked, watts in ((2, 400), (3, 500), (4, -800)):
            its.telegram = drawing(watts)
            while its.asked < asked:
                meter.clock.leap(0.1)
                await asyncio.sleep(0.002)
        await until(lambda: meter.said and meter.said[-1].power_w == -800)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert [reading.power_w for reading in meter.said] == [500, -800]
    assert meter.said[-1].energy_import_wh == 1_234_567.8


@pytest.mark.parametrize(
    ("password", "node", "sent", "words"),
    [
        ("wrong", 1, drawing(1), "does not take the password"),
        (PASSWORD, 3, drawing(1), "has nothing of node 3; its page shows the number under NODES"),
        (PASSWORD, 1, b"", "has no telegram of the meter yet"),
        (PASSWORD, 1, b"x" * 100_000, "sends more than a telegram"),
    ],
)
async def test_what_the_bridge_refuses_is_said(password: str, node: int, sent: bytes, words: str) -> None:
    async with bridge(sent) as its:
        with pytest.raises(DeviceError, match=words) as raised:
            await Meter(its.port, password, node).driver().run()
    assert password not in str(raised.value)


async def test_a_bridge_that_is_away_is_said() -> None:
    async with bridge(b"") as its:
        port = its.port
    with pytest.raises(DeviceError, match="can't be asked"):
        await Meter(port).driver().run()


def test_a_reading_head_that_fell_off_is_no_house_that_always_takes_the_same() -> None:
    meter = Meter(1)
    driver = meter.driver()
    driver.take(drawing(400))
    driver.take(drawing(500))
    for _ in range(int(STILL_S / 2)):
        meter.clock.leap(2)
        driver.take(drawing(500))
    assert len(meter.said) == 1
    meter.clock.leap(2)
    with pytest.raises(DeviceError, match="repeated one telegram for 62 s; does the reading head sit on the meter"):
        driver.take(drawing(500))
    driver.take(drawing(510))
    assert meter.said[-1].power_w == 510


def test_one_spoilt_telegram_is_passed_over_and_several_are_said() -> None:
    meter = Meter(1)
    driver = meter.driver()
    driver.take(drawing(400))
    driver.take(drawing(500)[:-9] + b"1")
    driver.take(drawing(510))
    assert meter.said[-1].power_w == 510
    for number in range(1, MOST_SPOILT):
        driver.take(drawing(number)[:-9])
    with pytest.raises(DeviceError, match=r"127\.0\.0\.1: it holds no whole SML telegram"):
        driver.take(drawing(0)[:-9])


async def test_the_password_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    async with bridge(b"") as its:
        settings = PulseSettings(driver="tibber-pulse", host="127.0.0.1", port=its.port, password_file=file)
        with pytest.raises(DeviceError, match="no telegram"):
            await Pulse("grid", Role.GRID, settings, ManualClock(), lambda *_: None).run()


@pytest.mark.slow
async def test_a_pulse_is_probed_at_its_bridge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    async with bridge(drawing(400)) as its:
        file.write_text(
            f"meters: {{grid: {{driver: tibber-pulse, host: 127.0.0.1, port: {its.port}, password: {PASSWORD}, "
            "poll_s: 1}}\nwallboxes: {box: {charge_point: WB}}\nmqtt: {port: 9}\n"
            "vehicles: {car: {wallbox: box, soc: {driver: mqtt, device: evcc}}}\n"
        )
        asked = asyncio.create_task(asyncio.to_thread(main, ("probe", "-c", str(file))))
        await until(lambda: its.asked)
        its.telegram = drawing(-640)
        assert await asked == 0
    said = capsys.readouterr().out
    assert "grid: tibber-pulse, node 1 at 127.0.0.1\n" in said
    assert "640 W export" in said
    assert "car: device evcc\n" in said


@pytest.mark.parametrize(
    ("meters", "said"),
    [
        ("grid: {driver: tibber-pulse, host: h}", "grid: write either password or password_file"),
        ("pv: {driver: tibber-pulse, host: h, password: x}", "pv.driver: reads a grid meter, and this is pv; write"),
        (
            "grid: {driver: tibber-pulse, host: h, password: x, keys: {no: a}}",
            "grid: tibber-pulse-local: it has no",
        ),
        ("grid: {driver: tibber-pulse, host: 'http://h', password: x}", "grid.host: "),
    ],
)
def test_what_can_not_work_is_refused_before_the_start(tmp_path: Path, meters: str, said: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"meters:\n  {meters}\n")
    with pytest.raises(ConfigError) as raised:
        load(file)
    assert str(raised.value).startswith(f"config.yaml:2: meters.{said}")
