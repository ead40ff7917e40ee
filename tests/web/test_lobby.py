"""Connections that dawdle, crowd in, or take no answer: each is ended, and the page is there for everybody else."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from drivers import listening
from drivers.listening import Room
from tests.web.fake_house import FakeDoors, FakeHouse
from web import lobby
from web.lobby import Lobby
from web.server import WebServer, application
from web.settings import WebSettings

PASSWORD = "correct horse"


@asynccontextmanager
async def served(house: FakeHouse, limits: Lobby, room: Room | None = None) -> AsyncIterator[int]:
    app = application(house, house, FakeDoors(PASSWORD, {"token": frozenset({"local"})}))
    server = WebServer(WebSettings(port=0), app, limits, room)
    task = asyncio.create_task(server.run())
    await server.listening.wait()
    assert server.port
    yield server.port
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def healthy(port: int) -> bool:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as answer:
        return answer.status == 200


async def ended(reader: asyncio.StreamReader, within_s: float = 5.0) -> bool:
    """Whether the other end hangs up, whatever it says before."""
    async with asyncio.timeout(within_s):
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
        return True


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"G", b"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
async def test_who_does_not_finish_a_request_is_hung_up_on(said: bytes) -> None:
    async with served(FakeHouse(), Lobby(head_s=0.1)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        assert await ended(reader)
        assert await healthy(port)
        writer.close()


async def test_a_request_that_takes_its_time_inside_is_none_of_those() -> None:
    async with (
        served(FakeHouse(), Lobby(head_s=0.05)) as port,
        aiohttp.ClientSession(headers={"Authorization": "Bearer token"}) as session,
        session.get(f"http://127.0.0.1:{port}/api/events") as stream,
    ):
        await asyncio.sleep(0.15)
        assert await stream.content.readline() == b"retry: 2000\n"


@pytest.mark.slow
async def test_a_body_that_trickles_in_is_refused_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lobby, "BODY_S", 0.1)
    async with served(FakeHouse(), Lobby()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        writer.write(head + b"Content-Length: 100\r\n\r\npassword=")
        async with asyncio.timeout(5):
            assert b" 408 " in await reader.readline()
        writer.close()


@pytest.mark.parametrize("token", [None, "token"])
async def test_a_body_of_a_stranger_is_not_even_read(token: str | None) -> None:
    async with served(FakeHouse(), Lobby()) as port, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with session.put(
            f"http://127.0.0.1:{port}/api/wallboxes/garage/mode", data=b"x" * (2 << 20), headers=headers
        ) as answer:
            assert answer.status == (413 if token else 401)


@pytest.mark.slow
async def test_a_reader_who_takes_nothing_is_hung_up_on_and_its_memory_is_free_again() -> None:
    room = Room(9, 9)
    async with served(FakeHouse(), Lobby(stalled_s=0.2), room) as port:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", port))
        await asyncio.get_running_loop().sock_sendall(
            deaf, b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 200
        )
        async with asyncio.timeout(10):
            while not room.taken:  # noqa: ASYNC110 - the kernel's queue
                await asyncio.sleep(0.01)
            while room.taken:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await healthy(port)
        deaf.close()


async def test_one_address_does_not_crowd_out_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "is_loopback", lambda _: False)
    async with served(FakeHouse(), Lobby(), Room(99, most_of_an_address=5)) as port:
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        late, late_writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ended(late)
        another = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
        another.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 200 " in await asyncio.to_thread(another.recv, 4096)
        crowd[0][1].close()
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await healthy(port)
                    break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)
        for _, writer in (*crowd, (late, late_writer)):
            writer.close()
        another.close()


REQUEST = (
    b"PUT /api/wallboxes/garage/mode?x=%20 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer token\r\n"
    b'Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{"mode": "solar"}'
)
PIECES = (
    b"\x00",
    b"\r\n",
    b"\r\n\r\n",
    b"%",
    b":",
    b" ",
    b"\xff\xfe",
    b"A" * 9000,
    b"Transfer-Encoding: chunked\r\n",
    b"-1",
)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000,
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 9_000,
    ],
    ids=["address", "one header", "headers"],
)
async def test_a_head_that_is_too_large_is_refused(head: bytes) -> None:
    async with served(FakeHouse(), Lobby()) as port:
        assert (await told(port, head + b"\r\n\r\n"))[:1] == "4"
        assert await healthy(port)


@pytest.mark.slow
async def test_damaged_requests_break_nothing_and_are_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(23)
    async with served(FakeHouse(), Lobby(head_s=0.5)) as port:
        statuses = Counter(await asyncio.gather(*(told(port, damaged(chance)) for _ in range(200))))
        assert await healthy(port)
    assert sum(statuses.values()) == 200
    assert statuses["400"] > 20
    assert not [status for status in statuses if status.startswith("5")], statuses
    assert not caplog.records


def damaged(chance: random.Random) -> bytes:
    """A good request with one to five wounds."""
    text = bytearray(REQUEST)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                text[at] = chance.randrange(256)
            case 1:
                del text[at : at + chance.randrange(40)]
            case 2:
                text[at:at] = chance.choice(PIECES)
            case _:
                text[at:] = text[at : at + 1] * chance.randrange(60)
        text = text or bytearray(b" ")
    return bytes(text)


async def told(port: int, request: bytes) -> str:
    """The status, or nothing where the other end hung up without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(10):
            line = await reader.readline()
    except ConnectionError:
        return ""
    finally:
        writer.close()
    return line.split(b" ")[1].decode() if line.count(b" ") else ""


async def test_there_is_a_bound_for_all_together() -> None:
    async with served(FakeHouse(), Lobby(), Room(3, 3)) as port:
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        late, late_writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ended(late)
        for _, writer in (*crowd, (late, late_writer)):
            writer.close()
