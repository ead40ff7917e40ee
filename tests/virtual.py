"""Time that waits for the work: an event loop on real sockets whose clock moves only when nobody has anything to do.

A scene that plays minutes on a fast clock races the machine: where the machine is late, a wallbox seems to be silent, a
car seems to ignore its limit, and the verdict on it is about the machine. Here the time stands still while anything
runs. When nothing is ready to run, nothing is on its way between two sockets and no thread owes an answer, the loop
leaps to the next moment for which somebody has set an alarm. So the same scene takes the same course on any machine,
no busier one makes it fail, and an hour of waiting costs nothing.

All that asks the loop for the time follows: ``asyncio.sleep``, ``asyncio.timeout``, the network time-outs of the
libraries, and the ``LoopClock`` that the scene is given for the Clock that it takes everywhere. Both ends of every
socket must live in this loop: of what another process does, it knows nothing. A test is marked ``virtual_time``, or
calls ``virtually``.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from asyncio import selector_events
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest.mock import patch

import pytest

R = TypeVar("R")

LOOK_S = 0.05  # real: how often the loop looks while a thread is at work
EPOCH_S = 1000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time`` is virtual seconds."""

    def __init__(self) -> None:
        self.now_s = EPOCH_S
        self.stirred = False  # something was written, opened or closed since the sockets were last seen quiet
        self.elsewhere = 0  # what threads still owe
        super().__init__(self.selector())
        self._clock_resolution = 1e-6

    def selector(self) -> Leaping:
        return Leaping(self)

    def time(self) -> float:
        return self.now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[..., R], *args: Any) -> asyncio.Future[R]:  # type: ignore[override]
        return self.owed(super().run_in_executor(executor, func, *args))

    def owed(self, answer: asyncio.Future[R]) -> asyncio.Future[R]:
        """Time stands still until a thread has given this answer."""
        self.elsewhere += 1
        answer.add_done_callback(self._paid)
        return answer

    def _paid(self, _: asyncio.Future[Any]) -> None:
        self.elsewhere -= 1

    def run_forever(self) -> None:
        with self._threads_counted():
            super().run_forever()

    @contextmanager
    def _threads_counted(self) -> Iterator[None]:
        """The store answers from a thread of its own, through this function."""
        real = asyncio.wrap_future
        with patch("asyncio.wrap_future", lambda answer, *, loop=None: self.owed(real(answer, loop=loop))):
            yield

    def _make_socket_transport(self, *args: Any, **more: Any) -> asyncio.Transport:
        self.stirred = True
        return _Transport(self, *args, **more)


class _Transport(selector_events._SelectorSocketTransport):  # type: ignore[name-defined,misc]
    """Tells the loop that something is on its way."""

    def write(self, data: Any) -> None:
        self._loop.stirred = True
        super().write(data)

    def _call_connection_lost(self, error: BaseException | None) -> None:
        self._loop.stirred = True
        super()._call_connection_lost(error)


class Leaping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Waits for sockets as long as something can come from them, and else lets the time pass at once."""

    on_its_way_s = 0.001
    """What was written to a loopback socket can be read from its other end at once; the kernel may be late by this."""
    patience_s = math.inf
    """Real: a thread that owes an answer for longer may itself be waiting for time to pass."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self._waited_s = 0.0
        self._forgiven = 0  # answers that are not waited for any more

    def select(self, timeout: float | None = None) -> Any:
        loop = self._loop
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if loop.stirred:
            events = super().select(0) or super().select(self.on_its_way_s)
            if events:
                return events
            loop.stirred = False
        self._forgiven = min(self._forgiven, loop.elsewhere)
        if loop.elsewhere > self._forgiven:
            return self._wait_for_threads()
        return super().select(0) or self.leap(timeout)

    def _wait_for_threads(self) -> Any:
        events = super().select(LOOK_S)
        self._waited_s = 0.0 if events else self._waited_s + LOOK_S
        if self._waited_s >= self.patience_s:
            self._waited_s, self._forgiven = 0.0, self._loop.elsewhere
        return events

    def leap(self, timeout: float | None) -> Any:
        """Nobody has anything to do for so long, or until something comes from a socket."""
        if timeout is None:
            return super().select(None)
        self._loop.now_s += timeout
        return []


class LoopClock:
    """The running loop's time as a ``hemsd.clock.Clock``."""

    speed = 1.0

    def __init__(self, start_at: datetime = datetime(2026, 6, 21, 8, 0, tzinfo=UTC)) -> None:
        self.start_at = start_at
        self._loop = asyncio.get_running_loop()
        self._origin_s = self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    def utc(self) -> datetime:
        return self.start_at + timedelta(seconds=self.monotonic() - self._origin_s)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def virtually(scene: Coroutine[Any, Any, R]) -> R:
    """Plays a scene to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene)


async def comes_true(claim: Callable[[], object], within_s: float = 7200.0, step_s: float = 1.0) -> None:
    """Waits until the claim holds; TimeoutError when it does not in so many virtual seconds."""
    async with asyncio.timeout(within_s):
        while not claim():  # noqa: ASYNC110 - what is waited for happens on the far side of a socket
            await asyncio.sleep(step_s)


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """For the conftest.py of a folder with such scenes: which loop a test gets."""
    return {"virtual": VirtualLoop} if item.get_closest_marker("virtual_time") else {"real": asyncio.new_event_loop}
