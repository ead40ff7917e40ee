"""A cancellation that a library swallowed counts all the same.

Up to Python 3.11 ``asyncio.wait_for`` gives the result when it comes in the same moment as the cancellation (cpython
issue 86296), and pymodbus, paho's wrapper and others wait like that. Whoever was cancelled would then go on for ever,
and whoever waits for his end as well. It may go when 3.12 is the oldest Python.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heeded() -> Iterator[None]:
    """Around a library's ``await``: raises CancelledError after it, when one came and did not get through."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
