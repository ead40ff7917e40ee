"""The installer's bench: blocks that are checked and never written, and a look at an address, line by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from aiohttp.test_utils import TestClient

from hemsd.bench import Bench
from web.bench_models import BlockBody

FILE = """
meters: {pv: {driver: modbus, host: 10.0.0.9}}
wallboxes: {garage: {driver: ocpp, charge_point: WB-001, password_file: secret.txt}}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "config.yaml").write_text(FILE)
    return Bench(tmp_path / "config.yaml")


def asked(section: str, name: str, **settings: object) -> BlockBody:
    return BlockBody.model_validate({"section": section, "name": name, "settings": settings})


def test_a_block_says_what_was_entered_and_leaves_out_what_was_not(bench: Bench) -> None:
    page = bench.block(
        asked("meters", "grid", driver="modbus", device="sunspec", host="192.168.1.20", port=502.0, unit=None, keys={})
    )
    assert yaml.safe_load(page.block) == {
        "meters": {"grid": {"driver": "modbus", "device": "sunspec", "host": "192.168.1.20", "port": 502}}
    }
    assert page.faults == []


def test_a_block_is_checked_beside_the_file_and_the_file_stays_as_it_is(bench: Bench) -> None:
    page = bench.block(asked("meters", "grid", driver="modbus", device="frnius-gen24"))
    assert [fault.path for fault in page.faults] == ["meters.grid"]  # and nothing of what else may be wrong there
    assert bench.file is not None
    assert bench.file.read_text() == FILE


def test_what_belongs_together_is_checked_together(bench: Bench) -> None:
    """A car names a wallbox of the file; a meter over MQTT needs a broker that the file does not have."""
    assert bench.block(asked("vehicles", "car", wallbox="garage")).faults == []
    assert bench.block(asked("vehicles", "car", wallbox="carport")).faults
    assert bench.block(asked("meters", "grid", driver="mqtt", topic="meter/power")).faults


def test_every_device_file_is_offered_with_what_it_needs(bench: Bench) -> None:
    devices = {one.device: one for one in bench.devices().devices}
    assert devices["sunspec"].modbus == ["grid", "pv", "battery"]
    assert devices["shelly-pro-3em"].needs == ["topic"]
    assert devices["fronius-gen24"].mqtt == []


async def test_an_address_that_is_none_is_refused_before_anything_is_asked(api: TestClient) -> None:
    async with api.post("/api/installer/probe", json={"target": "pi:http"}) as response:
        assert response.status == 422
        assert "HOST:PORT" in (await response.json())["detail"]


async def test_a_silent_address_is_told_line_by_line(api: TestClient, unused_tcp_port: int) -> None:
    async with api.post("/api/installer/probe", json={"target": f"127.0.0.1:{unused_tcp_port}"}) as response:
        lines = [json.loads(line) async for line in response.content]
    assert lines[0]["text"]["text"].startswith("Asking 127.0.0.1")
    assert lines[-1]["text"]["text"] == f"No device that hemsd knows answers at 127.0.0.1:{unused_tcp_port}."
    assert lines[-1]["block"] == ""
