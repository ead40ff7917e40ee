from __future__ import annotations

from pathlib import Path

import pytest

from tests.drivers_mqtt.conftest import broker
from tests.store.conftest import clock, path, store

__all__ = ["broker", "clock", "config", "path", "store"]

CONFIG = "site: {name: Home}\nwallboxes: {garage: {charge_point: WB-001, password: '${NOBODY_SET_THIS}'}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A home whose database is hemsd.db beside its config.yaml."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path
