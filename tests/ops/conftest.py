from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.store import Store

CONFIG = "site: {name: Home}\nwallboxes: {garage: {charge_point: WB-001, password: '${NOBODY_SET_THIS}'}}\n"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A home whose database is hemsd.db beside its config.yaml."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


@pytest.fixture
async def store(path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    store = await Store.open(path, clock)
    yield store
    await store.close()
