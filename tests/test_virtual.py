"""The time of tests that waits for the work."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from threading import Thread

import pytest

from tests.virtual import LoopClock, comes_true, virtually


def test_an_hour_of_waiting_costs_nothing_and_alarms_go_off_in_order() -> None:
    heard: list[float] = []

    async def scene() -> float:
        clock = LoopClock()
        began_s = clock.monotonic()

        async def alarm(after_s: float) -> None:
            await clock.sleep(after_s)
            heard.append(clock.monotonic() - began_s)

        await asyncio.gather(*(alarm(after_s) for after_s in (3600.0, 0.25, 60.0)))
        return (clock.utc() - clock.start_at).total_seconds()

    real_s = time.monotonic()
    assert virtually(scene()) == 3600.0
    assert heard == [0.25, 60.0, 3600.0]
    assert time.monotonic() - real_s < 5.0


def test_what_is_on_its_way_between_two_sockets_arrives_before_time_moves_on() -> None:
    async def scene() -> float:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100_000):
                writer.write(data)
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            began_s = asyncio.get_running_loop().time()
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            for _ in range(20):
                writer.write(b"x" * 50_000)
                async with asyncio.timeout(0.001):
                    await reader.readexactly(50_000)
            writer.close()
            return asyncio.get_running_loop().time() - began_s

    assert virtually(scene()) == 0.0


@pytest.mark.parametrize("by", ["executor", "thread"])
def test_time_stands_still_while_a_thread_owes_an_answer(by: str) -> None:
    def work(answer: Future[int]) -> None:
        time.sleep(0.2)
        answer.set_result(7)

    async def scene() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        ticking = asyncio.create_task(asyncio.sleep(1e6))
        began_s = loop.time()
        if by == "executor":
            await asyncio.to_thread(time.sleep, 0.2)
            found = 7
        else:
            answer: Future[int] = Future()
            Thread(target=work, args=(answer,)).start()
            found = await asyncio.wrap_future(answer)
        ticking.cancel()
        return found, loop.time() - began_s

    assert virtually(scene()) == (7, 0.0)


def test_what_never_comes_true_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        virtually(comes_true(lambda: False, within_s=50.0))
