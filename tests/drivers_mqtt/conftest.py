from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.drivers_mqtt.broker import Broker, free_port


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """One that runs."""
    broker = Broker(tmp_path, free_port())
    await broker.start()
    yield broker
    await broker.stop()
