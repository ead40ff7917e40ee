"""Two processes in one time: benchmarks/lockstep.py. Run as a program, this file is the follower of its tests."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lockstep import FollowingLoop, LeadingLoop

ROOT = Path(__file__).parents[2]
WORK_S = 0.3  # real
pytestmark = pytest.mark.slow


async def follow(port: int) -> None:
    """Works for a while, tells its time, and tells it again after an hour."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        await reader.readline()
        time.sleep(WORK_S)  # noqa: ASYNC251 - this is its work
        writer.write(b"%f\n" % asyncio.get_running_loop().time())
        await asyncio.sleep(3600)
        writer.write(b"%f\n" % asyncio.get_running_loop().time())


@asynccontextmanager
async def followed() -> AsyncIterator[tuple[subprocess.Popen[bytes], asyncio.StreamReader, asyncio.StreamWriter]]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeadingLoop)
    came: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = loop.create_future()
    async with await asyncio.start_server(lambda *ends: came.set_result(ends), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with loop.invite() as channel:
            arguments = [str(channel.fileno()), str(loop.time()), str(port)]
            process = subprocess.Popen(  # noqa: ASYNC220
                [sys.executable, "-m", "tests.ops.test_lockstep", *arguments], cwd=ROOT, pass_fds=[channel.fileno()]
            )
        try:
            reader, writer = await came
            yield process, reader, writer
            writer.close()
        finally:
            process.kill()
            process.wait()


def led(scene: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=LeadingLoop) as runner:
        runner.run(scene)


def test_time_waits_for_a_process_that_starts_and_for_its_work_and_both_read_the_same() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        began_s, began_real_s = loop.time(), time.monotonic()
        async with followed() as (_, reader, writer):
            writer.write(b"work\n")
            assert float(await reader.readline()) == loop.time() == began_s
            await asyncio.sleep(1800)
            assert loop.time() == began_s + 1800
            assert float(await reader.readline()) == loop.time() == began_s + 3600
        assert WORK_S < time.monotonic() - began_real_s < 30.0

    led(scene())


def test_time_goes_on_when_the_other_process_is_killed() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        async with followed() as (process, reader, writer):
            writer.write(b"work\n")
            await reader.readline()
            process.kill()
            began_s = loop.time()
            await asyncio.sleep(7200)
            assert loop.time() == began_s + 7200
            assert await reader.read() == b""

    led(scene())


if __name__ == "__main__":
    fileno, now_s, home = sys.argv[1:]
    with asyncio.Runner(
        loop_factory=lambda: FollowingLoop(socket.socket(fileno=int(fileno)), float(now_s))
    ) as following:
        following.run(follow(int(home)))
