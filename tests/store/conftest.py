from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.store import Store


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


@pytest.fixture
async def store(path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    store = await Store.open(path, clock)
    yield store
    await store.close()
