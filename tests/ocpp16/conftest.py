"""Every test here plays in virtual time: what a wallbox says reaches hemsd before the clock moves on."""

import asyncio
from collections.abc import Callable, Mapping

from tests.virtual import VirtualLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualLoop}
