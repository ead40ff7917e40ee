"""A changed config.yaml reaches the wallboxes, or the log says what waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hemsd.app import Daemon
from hemsd.clock import SystemClock
from hemsd.config import load
from tests.daemon.living import write_config


async def test_the_time_to_fall_back_in_changes_at_a_reload_and_an_identity_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_config(tmp_path, simulate=False)
    file = tmp_path / "config.yaml"
    async with await Daemon.make(load(file), SystemClock()) as daemon, asyncio.TaskGroup() as group:
        changed = file.read_text().replace("charge_point: WB-001", "charge_point: WB-007, id_tags: [HOME]")
        file.write_text(f"{changed}\nsteering: {{failsafe_after_s: 300}}\n")
        daemon.reload(file, group)
        box = daemon.central.wallboxes["garage"]
        assert box.steering.speaker.failsafe_after_s == 300
        assert box.settings.id_tags == ["HOME"]
        assert box.settings.charge_point == "WB-001"
        assert "wallboxes.garage.charge_point and .connector take effect at the next restart" in caplog.text
