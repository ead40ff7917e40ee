"""A lower limit does not wait behind what a wallbox is still busy with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hemsd.clock import ManualClock
from hemsd.dispatch import SUPERSEDED, Dispatcher
from hemsd.model import Command, Dispatch, DispatchStatus
from tests.ocpp16.fakes import charging_box, home, settle, until

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
APPLIED = Dispatch(DispatchStatus.APPLIED)


def command(number: int, amps: float, phases: int | None = None) -> Command:
    return Command(number, "garage", START, 100.0, amps, phases, amps * 230 * (phases or 1), before_a=6.0)


class Busy:
    """A wallbox that answers when the test says so."""

    name = "garage"

    def __init__(self) -> None:
        self.heard: list[float] = []
        self._asked: list[asyncio.Future[Dispatch]] = []

    async def send_limit(
        self, limit_a: float, phases: int | None, *, failsafe_a: float, at_once: bool = False
    ) -> Dispatch:
        self.heard.append(limit_a)
        self._asked.append(asyncio.get_running_loop().create_future())
        return await self._asked[-1]

    async def answer(self, index: int, dispatch: Dispatch = APPLIED) -> None:
        self._asked[index].set_result(dispatch)
        await turns()

    async def start_transaction(self) -> Dispatch:
        return APPLIED

    async def stop_transaction(self) -> Dispatch:
        return APPLIED

    async def request_sample(self) -> Dispatch:
        return APPLIED


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def courier(box: Busy) -> AsyncIterator[tuple[Dispatcher, list[tuple[int, DispatchStatus]]]]:
    answers: list[tuple[int, DispatchStatus]] = []
    carrier = Dispatcher(box, ManualClock())
    carrier.answered = lambda command, dispatch, _: answers.append((command.id, dispatch.status))
    running = asyncio.create_task(carrier.run())
    try:
        yield carrier, answers
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("first", "second", "overtakes"),
    [
        (command(1, 10), command(2, 6), True),
        (command(1, 10), command(2, 0), True),
        (command(1, 8, 3), command(2, 8, 1), True),
        (command(1, 10), command(2, 10), False),
        (command(1, 0), command(2, 6), False),
    ],
)
async def test_only_what_lowers_the_limit_overtakes(first: Command, second: Command, overtakes: bool) -> None:
    box = Busy()
    async with courier(box) as (carrier, _):
        carrier.give(first, 6)
        await turns()
        carrier.give(second, 6)
        await turns()
        assert (len(box.heard) == 2) is overtakes


async def test_a_cut_by_the_fuse_waits_for_nothing_that_flies() -> None:
    box = Busy()
    async with courier(box) as (carrier, _):
        carrier.rest(0.0, None, 6)
        await turns()
        carrier.give(command(1, 6), 6)
        await turns()
        assert box.heard == [0]
        carrier.give(replace(command(2, 0), at_once=True), 6)
        await turns()
        assert box.heard == [0, 0]


async def test_each_command_gets_its_own_answer_in_whatever_order_they_come() -> None:
    box = Busy()
    async with courier(box) as (carrier, answers):
        for number, amps in ((1, 16), (2, 10), (3, 0)):
            carrier.give(command(number, amps), 6)
            await turns()
        assert box.heard == [16, 10, 0]
        await box.answer(2)
        await box.answer(0, Dispatch(DispatchStatus.TIMEOUT))
        await box.answer(1, Dispatch(DispatchStatus.UNREACHABLE))
        assert answers == [
            (3, DispatchStatus.APPLIED),
            (1, DispatchStatus.TIMEOUT),
            (2, DispatchStatus.UNREACHABLE),
        ]


async def test_a_raise_waits_for_all_that_flies_and_is_given_up_for_a_cut() -> None:
    box = Busy()
    async with courier(box) as (carrier, answers):
        carrier.give(command(1, 10), 6)
        await turns()
        carrier.give(command(2, 16), 6)
        await turns()
        carrier.give(command(3, 6), 6)
        await turns()
        assert box.heard == [10, 6]
        assert answers == [(2, SUPERSEDED.status)]
        carrier.give(command(4, 12), 6)
        await box.answer(1)
        assert box.heard == [10, 6]
        await box.answer(0)
        assert box.heard == [10, 6, 12]


async def test_a_rest_waits_for_every_command() -> None:
    box = Busy()
    async with courier(box) as (carrier, _):
        carrier.give(command(1, 10), 6)
        await turns()
        carrier.rest(0.0, None, 6)
        await turns()
        assert box.heard == [10]
        await box.answer(0)
        assert box.heard == [10, 0]


async def test_a_cut_does_not_wait_until_a_refusing_wallbox_was_asked_in_every_way() -> None:
    async with home() as at, charging_box(at) as (station, _):
        station.answers["SetChargingProfile"] = lambda payload: asyncio.get_running_loop().create_future()
        raising = asyncio.create_task(at.garage.send_limit(16, None, failsafe_a=6))
        await until(lambda: station.limits == [16.0])
        cutting = asyncio.create_task(at.garage.send_limit(6, None, failsafe_a=6))
        await settle()
        del station.answers["SetChargingProfile"]
        await station.socket.send(f'[4, "{await asked_last(at)}", "InternalError", "", {{}}]')
        assert (await raising).status is DispatchStatus.REJECTED
        assert (await cutting).status is DispatchStatus.APPLIED
        assert station.limits == [16.0, 6.0]


async def asked_last(at: object) -> str:
    """The id of the call that waits for its answer."""
    link = at.garage._link  # type: ignore[attr-defined]
    return next(iter(link._waiting))
