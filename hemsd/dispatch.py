"""Carries commands to one wallbox: one at a time, and of those that wait only the newest.

Control never waits for a wallbox. It gives a command and goes on; the answer comes back through ``answered``. OCPP-J
4.1.1 allows one call at a time in each direction, so a slow wallbox delays only itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from drivers.base import Wallbox
from hemsd.clock import Clock
from hemsd.model import Command, Dispatch, DispatchStatus

Answered = Callable[[Command, Dispatch, float], None]
"""Takes the command, the wallbox's answer, and the monotonic time of the answer."""

SUPERSEDED = Dispatch(DispatchStatus.TIMEOUT, text="A newer command took its place before it could be sent.")


class Dispatcher:
    def __init__(self, wallbox: Wallbox, clock: Clock, failsafe_a: float, answered: Answered) -> None:
        self.failsafe_a = failsafe_a
        self._wallbox = wallbox
        self._clock = clock
        self._answered = answered
        self._waiting: Command | None = None
        self._given = asyncio.Event()
        self.in_flight: Command | None = None

    def give(self, command: Command) -> None:
        """Takes a command; one that has not gone out yet is given up for it."""
        given_up, self._waiting = self._waiting, command
        if given_up is not None:
            self._answered(given_up, SUPERSEDED, self._clock.monotonic())
        self._given.set()

    async def run(self) -> None:
        while True:
            await self._given.wait()
            self._given.clear()
            command, self._waiting = self._waiting, None
            if command is None:
                continue
            self.in_flight = command
            try:
                answer = await self._wallbox.send_limit(command.amps, command.phases, failsafe_a=self.failsafe_a)
            finally:
                self.in_flight = None
            self._answered(command, answer, self._clock.monotonic())
            if self._waiting is not None:
                self._given.set()
