"""Carries commands to one wallbox: one at a time, and of those that wait only the newest.

Control never waits for a wallbox. It gives a command and goes on; the answer comes back through ``answered``. OCPP-J
4.1.1 allows one call at a time in each direction, so a slow wallbox delays only itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from drivers.base import Wallbox
from hemsd.clock import Clock
from hemsd.model import Command, Dispatch, DispatchStatus

Answered = Callable[[Command, Dispatch, float], None]
"""Takes the command, the wallbox's answer, and the monotonic time of the answer."""

Rested = Callable[[str, Dispatch, float], None]
"""Takes the wallbox's name, its answer to a limit that is no command, and the monotonic time of the answer."""

LOOKS_S = (6.0, 6.0)  # a car has 5 s to follow a new duty cycle (IEC 61851-1)

SUPERSEDED = Dispatch(DispatchStatus.TIMEOUT, text="A newer command took its place before it could be sent.")


def nobody(_command: Command, _dispatch: Dispatch, _at_s: float) -> None:
    """Takes answers until Control does."""


def nothing(_wallbox: str, _dispatch: Dispatch, _at_s: float) -> None:
    """Takes answers until Control does."""


class Courier(Protocol):
    """Takes commands without waiting and tells later what became of them."""

    answered: Answered
    rested: Rested

    def give(self, command: Command, failsafe_a: float) -> None: ...

    def rest(self, limit_a: float, phases: int | None, failsafe_a: float) -> None:
        """Keeps a wallbox that does not charge at a limit; no command, so it has no verdict."""
        ...


class Dispatcher:
    """The courier to a real wallbox."""

    def __init__(self, wallbox: Wallbox, clock: Clock) -> None:
        self.answered: Answered = nobody
        self.rested: Rested = nothing
        self._wallbox = wallbox
        self._clock = clock
        self._waiting: tuple[Command, float] | None = None
        self._resting: tuple[float, int | None, float] | None = None
        self._given = asyncio.Event()
        self._said = asyncio.Event()

    def give(self, command: Command, failsafe_a: float) -> None:
        """Takes a command; one that has not gone out yet is given up for it."""
        given_up, self._waiting = self._waiting, (command, failsafe_a)
        if given_up is not None:
            self.answered(given_up[0], SUPERSEDED, self._clock.monotonic())
        self._resting = None
        self._given.set()

    def rest(self, limit_a: float, phases: int | None, failsafe_a: float) -> None:
        self._resting = (limit_a, phases, failsafe_a)
        self._given.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry())
            group.create_task(self._look())

    async def _carry(self) -> None:
        while True:
            await self._given.wait()
            self._given.clear()
            while (waiting := self._waiting) or self._resting:
                if waiting is None:
                    await self._send_rest()
                    continue
                self._waiting = None
                command, failsafe_a = waiting
                answer = await self._wallbox.send_limit(command.amps, command.phases, failsafe_a=failsafe_a)
                self.answered(command, answer, self._clock.monotonic())
                if answer.status is DispatchStatus.APPLIED:
                    self._said.set()

    async def _look(self) -> None:
        """Asks for samples soon after a command: the proof of it should not wait for the wallbox's own rhythm."""
        while True:
            await self._said.wait()
            self._said.clear()
            for pause_s in LOOKS_S:
                await self._clock.sleep(pause_s)
                if self._said.is_set():
                    break
                await self._wallbox.request_sample()

    async def _send_rest(self) -> None:
        if self._resting is not None:
            (limit_a, phases, failsafe_a), self._resting = self._resting, None
            answer = await self._wallbox.send_limit(limit_a, phases, failsafe_a=failsafe_a)
            self.rested(self._wallbox.name, answer, self._clock.monotonic())
