"""Signing in, compressing, proxies: before a real server."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from drivers.base import DeviceError
from hemsd.clock import ManualClock, SystemClock
from hemsd.cloud.answer import Request
from hemsd.cloud.client import Client, Manners
from hemsd.cloud.service import client_of
from hemsd.cloud.settings import AnalysisCloudSettings, secret
from hemsd.cloud.sign_in import ClientCredentials, FixedToken
from tests.cloud.receiver import Heard, Receiver, receiving, says, taken


class Guarded:
    """Gives tokens, and takes only the newest one."""

    def __init__(self, expires_in: object = 3600) -> None:
        self.given = 0
        self.valid = ""
        self.expires_in = expires_in

    async def __call__(self, heard: Heard, request: web.Request) -> web.StreamResponse:
        if heard.path == "/oauth2/token":
            self.given += 1
            self.valid = f"token-{self.given}"
            return web.json_response({"access_token": self.valid, "expires_in": self.expires_in})
        right = heard.headers.get("authorization") == f"Bearer {self.valid}"
        return web.json_response({}, status=200 if right else 401)


def signed_in(receiver: Receiver, clock: ManualClock) -> Client:
    return Client(ClientCredentials(receiver.url + "/oauth2/token", "me", lambda: "s3:cret ü", clock))


async def test_one_token_serves_many_requests_until_shortly_before_it_expires() -> None:
    clock, guard = ManualClock(), Guarded(expires_in=600)
    async with receiving(Receiver(guard)) as receiver, signed_in(receiver, clock) as client:
        for _ in range(3):
            assert (await client.send(Request("GET", receiver.url + "/x"))).status == 200
        assert guard.given == 1
        assert receiver.heard[0].raw == b"grant_type=client_credentials"
        basic = receiver.heard[0].headers["authorization"].removeprefix("Basic ")
        assert base64.b64decode(basic) == b"me:s3%3Acret%20%C3%BC"
        clock.leap(541)
        assert (await client.send(Request("GET", receiver.url + "/x"))).status == 200
        assert guard.given == 2


async def test_a_refused_token_is_renewed_once_and_only_once() -> None:
    guard = Guarded()
    async with receiving(Receiver(guard)) as receiver, signed_in(receiver, ManualClock()) as client:
        await client.send(Request("GET", receiver.url + "/x"))
        guard.valid = "somebody revoked it"
        assert (await client.send(Request("GET", receiver.url + "/x"))).status == 200
        assert guard.given == 2
        receiver.behaves = refuse_all_but(guard)
        receiver.heard.clear()
        assert (await client.send(Request("GET", receiver.url + "/x"))).status == 401
        assert [heard.path for heard in receiver.heard] == ["/x", "/oauth2/token", "/x"]


def refuse_all_but(guard: Guarded):  # type: ignore[no-untyped-def]
    async def answer(heard: Heard, request: web.Request) -> web.StreamResponse:
        return await guard(heard, request) if "token" in heard.path else web.Response(status=401)

    return answer


@pytest.mark.parametrize(
    ("behaves", "status", "words"),
    [
        (says(401, {"error": "invalid_client"}), 401, "no token: invalid_client"),
        (says(400, {"error": "invalid_client"}), 401, "no token: invalid_client"),
        (says(200, "<html>"), None, "can't be read"),
        (says(200, {"access_token": "a\r\nX-Evil: 1"}), None, "can't be read"),
        (says(429, {}, Retry_After="77"), 429, "no token"),
    ],
)
async def test_without_a_token_the_receiver_is_not_spoken_to(behaves, status, words) -> None:  # type: ignore[no-untyped-def]
    async with receiving(Receiver(behaves)) as receiver, signed_in(receiver, ManualClock()) as client:
        answer = await client.send(Request("POST", receiver.url + "/x", b"{}"))
        assert answer.status == status
        assert words in answer.summary
        assert {heard.path for heard in receiver.heard} == {"/oauth2/token"}
        assert answer.retry_after_s == (77 if status == 429 else None)


async def test_a_fixed_token_is_read_anew_for_each_request(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    async with receiving() as receiver, Client(FixedToken(lambda: secret("t", None, file, None))) as client:
        await client.send(Request("GET", receiver.url + "/x"))
        file.write_text("second")
        await client.send(Request("GET", receiver.url + "/x"))
        file.unlink()
        answer = await client.send(Request("GET", receiver.url + "/x"))
        assert [heard.headers["authorization"] for heard in receiver.heard] == ["Bearer first", "Bearer second"]
        assert answer.status is None
        assert "can't be read" in answer.summary


def test_a_secret_comes_from_the_file_the_settings_or_systemd(tmp_path: Path) -> None:
    (tmp_path / "cloud").write_text("from-systemd\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert secret("s", SecretStr("plain"), None, None, {}) == "plain"
    assert secret("s", None, tmp_path / "cloud", None, {}) == "from-systemd"
    assert secret("s", None, None, "cloud", environment) == "from-systemd"
    with pytest.raises(DeviceError, match="no systemd credential"):
        secret("s", None, None, "cloud", {})


async def test_systemd_credentials_sign_in_as_a_file_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LoadCredential= puts them into a folder that only this service sees."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "cloud").write_text("from-systemd\n")
    async with receiving() as receiver:
        fixed = {"url": receiver.url, "token_credential": "cloud"}
        client = {"url": receiver.url, "client_id": "home-1", "client_secret_credential": "cloud"}
        for section in (fixed, client):
            settings = AnalysisCloudSettings.model_validate(section)
            async with client_of(settings, SystemClock(), gzip=False) as made:
                assert (await made.send(Request("GET", receiver.url + "/x"))).is_good
        said = [heard.headers["authorization"] for heard in receiver.heard]
        basic = "Basic " + base64.b64encode(b"home-1:from-systemd").decode()
        assert said == ["Bearer from-systemd", basic, "Bearer t0k3n"]


async def test_a_large_body_is_compressed_unless_the_receiver_can_not_read_that() -> None:
    body = b'{"a": "' + b"x" * 5000 + b'"}'
    async with receiving() as receiver, Client(FixedToken(lambda: None), Manners(gzip=True)) as client:
        await client.send(Request("POST", receiver.url + "/x", b"{}"))
        answer = await client.send(Request("POST", receiver.url + "/x", body))
        assert [heard.headers.get("content-encoding") for heard in receiver.heard] == [None, "gzip"]
        assert receiver.heard[1].raw == body
        assert answer.sent_bytes < 1000

        async def plain_only(heard: Heard, request: web.Request) -> web.StreamResponse:
            packed = "content-encoding" in heard.headers
            return web.Response(status=415) if packed else await taken(heard, request)

        receiver.behaves = plain_only
        assert (await client.send(Request("POST", receiver.url + "/x", body))).status == 204
        receiver.heard.clear()
        assert (await client.send(Request("POST", receiver.url + "/x", body))).status == 204
        assert len(receiver.heard) == 1, "it is remembered"


async def test_a_redirect_never_sees_the_token() -> None:
    async with receiving() as elsewhere, receiving() as receiver, Client(FixedToken(lambda: "secret")) as client:
        receiver.behaves = says(307, "", Location=elsewhere.url + "/steal")
        answer = await client.send(Request("POST", receiver.url + "/x", b"{}"))
        assert answer.status == 307
        assert elsewhere.heard == []


async def test_a_proxy_is_taken_from_the_environment_and_no_proxy_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, Client(FixedToken(lambda: "secret")) as client:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        answer = await client.send(Request("GET", "http://cloud.invalid/x"))
        assert answer.status == 204
        assert proxy.heard[0].headers["host"] == "cloud.invalid"
        monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
        async with receiving() as direct:
            await client.send(Request("GET", direct.url + "/y"))
            assert [heard.path for heard in direct.heard] == ["/y"]


async def test_a_proxy_sees_its_own_password_and_not_the_clouds_token(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = bytearray()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    monkeypatch.setenv("https_proxy", f"http://user:pa%3Ass@127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, Client(FixedToken(lambda: "secret")) as client:
        answer = await client.send(Request("GET", "https://cloud.invalid/x"))
    assert answer.status is None
    assert "407" in answer.summary
    assert asked.startswith(b"CONNECT cloud.invalid:443")
    assert base64.b64encode(b"user:pa:ss") in asked
    assert b"secret" not in asked


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hemsd.cloud.client.MOST_ANSWER_BYTES", 100_000)
    async with receiving(Receiver(says(200, "x" * 200_000))) as receiver, Client(FixedToken(lambda: None)) as client:
        answer = await client.send(Request("GET", receiver.url + "/x"))
        assert answer.status is None
        assert "longer than" in answer.summary
