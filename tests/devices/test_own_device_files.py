"""An installer's own device file beside config.yaml, in the running daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.base import DeviceError
from hemsd.app import Daemon
from hemsd.clock import SystemClock
from hemsd.config import load
from tests.drivers_modbus.device import serving, until

FILE = "name: My meter\ngrid: {power_w: {at: 7, kind: int16}}\n"


def write(folder: Path, port: int) -> Path:
    (folder / "devices").mkdir()
    (folder / "devices" / "my-meter.yaml").write_text(FILE)
    config = folder / "config.yaml"
    config.write_text(
        f"meters: {{grid: {{driver: modbus, device: my-meter, host: 127.0.0.1, port: {port}}}}}\n"
        "ocpp: {host: 127.0.0.1, port: 0}\nweb: {port: 0}\n"
    )
    return config


async def test_the_daemon_reads_a_device_by_the_installers_own_file(tmp_path: Path) -> None:
    async with serving({1: {7: 1234}}) as device:
        config = load(write(tmp_path, device.port))
        async with await Daemon.make(config, SystemClock(), devices=tmp_path / "devices") as daemon:
            task = asyncio.ensure_future(daemon.run())
            await until(lambda: daemon.latest.meter("grid"))
            metered = daemon.latest.meter("grid")
            daemon.stopping.set()
            await task
    assert metered is not None
    assert metered.power_w == 1234


async def test_a_file_that_was_spoilt_since_the_check_is_refused_before_anything_runs(tmp_path: Path) -> None:
    async with serving({}) as device:
        config = load(write(tmp_path, device.port))
        (tmp_path / "devices" / "my-meter.yaml").write_text("name: [")
        async with await Daemon.make(config, SystemClock(), devices=tmp_path / "devices") as daemon:
            with pytest.raises(DeviceError, match=r"my-meter\.yaml can't be read"):
                await daemon.run()
        assert device.connections == 0
