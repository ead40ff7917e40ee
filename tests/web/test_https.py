"""``web.tls``: the page over https, with a certificate as an installer would make one."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest

from drivers.listening import Room
from tests.web.fake_house import FakeDoors, FakeHouse
from web import server as web_server
from web.server import WebServer, application
from web.settings import TlsSettings, WebSettings

PASSWORD = "correct horse"
MAKE = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=home -addext subjectAltName=IP:127.0.0.1"


@pytest.fixture
def tls(tmp_path: Path) -> TlsSettings:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run([*MAKE.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return TlsSettings(cert_file=cert, key_file=key)


async def test_over_https_the_cookie_never_travels_in_the_clear_and_the_page_may_press(tls: TlsSettings) -> None:
    house = FakeHouse()
    server = WebServer(WebSettings(port=0, tls=tls), application(house, house, FakeDoors(PASSWORD)))
    running = asyncio.create_task(server.run())
    await asyncio.wait_for(server.listening.wait(), 10)
    home = f"127.0.0.1:{server.port}"
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(tls.cert_file)))
    jar = aiohttp.CookieJar(unsafe=True)  # a browser too keeps cookies of addresses
    try:
        async with aiohttp.ClientSession(f"https://{home}", connector=connector, cookie_jar=jar) as browser:
            answer = await browser.post("/login", data={"password": PASSWORD}, allow_redirects=False)
            assert "Secure" in answer.headers["Set-Cookie"]
            origin = {"Origin": f"https://{home}"}
            pressed = await browser.put("/api/wallboxes/garage/mode", json={"mode": "fast"}, headers=origin)
            assert pressed.status == 200
            assert house.wishes[-1].mode == "fast"
        async with aiohttp.ClientSession() as plain:
            with pytest.raises(aiohttp.ClientError):
                await plain.get(f"http://{home}/")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_who_never_begins_the_handshake_is_counted_and_hung_up_on(
    tls: TlsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_server, "HEAD_S", 0.3)
    house, room = FakeHouse(), Room(3, 3)
    server = WebServer(WebSettings(port=0, tls=tls), application(house, house, FakeDoors(PASSWORD)), room=room)
    running = asyncio.create_task(server.run())
    await asyncio.wait_for(server.listening.wait(), 10)
    assert server.port
    silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
    try:
        async with asyncio.timeout(5):
            assert await silent[3][0].read() == b"", "one too many is not heard at all"
            assert room.taken == 3
            assert [await reader.read() for reader, _ in silent] == [b""] * 4
            while room.taken:  # noqa: ASYNC110 - the kernel's queue
                await asyncio.sleep(0.01)
    finally:
        for _, writer in silent:
            writer.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
