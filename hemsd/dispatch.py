"""Carries commands to one wallbox: one at a time, of those that wait only the newest, and a lower limit at once.

Control never waits for a wallbox. It gives a command and goes on; the answer comes back through ``answered``. OCPP-J
4.1.1 allows one call at a time in each direction, so a slow wallbox delays only itself. A command may take several
calls and the pauses between them; a newer one that lowers the limit is handed over meanwhile, and the driver lets the
newest win. Each command gets its own answer.
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
SLOW_S = 15.0  # for an answer; what is asked of such a wallbox keeps it from telling by itself

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
        self._flying: list[Command] = []  # sent and not answered, oldest first
        self._rest_flies = False
        self._changed = asyncio.Event()
        self._said = asyncio.Event()

    def give(self, command: Command, failsafe_a: float) -> None:
        """Takes a command; one that has not gone out yet is given up for it."""
        given_up, self._waiting = self._waiting, (command, failsafe_a)
        if given_up is not None:
            self.answered(given_up[0], SUPERSEDED, self._clock.monotonic())
        self._resting = None
        self._changed.set()

    def rest(self, limit_a: float, phases: int | None, failsafe_a: float) -> None:
        self._resting = (limit_a, phases, failsafe_a)
        self._changed.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry(group))
            group.create_task(self._look())

    async def _carry(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._waiting is not None and self._may_go(self._waiting[0]):
                (command, failsafe_a), self._waiting = self._waiting, None
                self._flying.append(command)
                group.create_task(self._send(command, failsafe_a))
            elif self._resting is not None and not self._flying and not self._rest_flies:
                resting, self._resting = self._resting, None
                self._rest_flies = True
                group.create_task(self._send_rest(*resting))

    def _may_go(self, command: Command) -> bool:
        """One at a time, but what lowers the limit overtakes: it must not wait for a pause or a slow answer."""
        if command.at_once:
            return True
        if not self._flying:
            return not self._rest_flies
        newest = self._flying[-1]
        return command.amps < newest.amps or command.watts < newest.watts

    async def _send(self, command: Command, failsafe_a: float) -> None:
        began_s = self._clock.monotonic()
        answer = await self._wallbox.send_limit(
            command.amps, command.phases, failsafe_a=failsafe_a, at_once=command.at_once
        )
        answered_s = self._clock.monotonic()
        self._flying.remove(command)
        self._changed.set()
        self.answered(command, answer, answered_s)
        if answer.status is DispatchStatus.APPLIED and answered_s - began_s <= SLOW_S:
            self._said.set()

    async def _send_rest(self, limit_a: float, phases: int | None, failsafe_a: float) -> None:
        answer = await self._wallbox.send_limit(limit_a, phases, failsafe_a=failsafe_a)
        self._rest_flies = False
        self._changed.set()
        self.rested(self._wallbox.name, answer, self._clock.monotonic())

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
