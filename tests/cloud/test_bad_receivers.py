"""What a receiver can do wrong, and what becomes of a debt: what is kept, what is tried again, what is shown.

The table is the claim; docs/cloud.md shows it to people. Every case ends the same way where it may: the receiver comes
to its senses, and then it has everything, once for each key.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hemsd.cloud import client as client_module
from tests.cloud.home import Home, at_home, settings
from tests.cloud.receiver import (
    Answerer,
    Heard,
    Receiver,
    closes,
    half_a_body,
    hangs,
    receiving,
    says,
    taken,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


@dataclass(frozen=True)
class Case:
    """``shown`` is a part of what a person reads; ``kept``: it stays owed and arrives in the end."""

    behaves: Answerer
    shown: str
    kept: bool = True
    longest_s: float = 900.0  # within this, after the receiver is well again, everything has arrived


async def redirects(heard: Heard, request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{request.url.port}/elsewhere"})


SLOW_DOWN = says(429, "slow down", Retry_After="120")
CASES = {
    "hangs": Case(hangs, "no answer within 0.1 s"),
    "half a body": Case(half_a_body, "cut off"),
    "closes without an answer": Case(closes, "closed without an answer"),
    "200 with nonsense": Case(says(200, "<html>Please accept our terms"), "not in the words of an analysis"),
    "200 with another JSON": Case(says(200, {"ok": True}), "not in the words of an analysis"),
    "redirects elsewhere": Case(redirects, "not followed"),
    "401 for a while": Case(says(401, {"error": "nope"}), "401"),
    "403 for a while": Case(says(403, {"error": "suspended"}), "403"),
    "407 for a while": Case(says(407, "who are you?"), "407"),
    "500": Case(says(500, "oops"), "500 oops"),
    "502": Case(says(502, "<h1>Bad gateway</h1>"), "502 <h1>Bad gateway"),
    "504": Case(says(504), "504"),
    "503": Case(says(503, "maintenance", Retry_After="30"), "503 maintenance"),
    "429 with Retry-After": Case(SLOW_DOWN, "429 slow down"),
    "408": Case(says(408), "408"),
    "425": Case(says(425), "425"),
    "413 for a single value": Case(says(413, "tiny"), "413 tiny", kept=False),
    "422": Case(says(422, {"detail": "bad"}), '422 {"detail": "bad"}', kept=False),
    "400": Case(says(400, "what?"), "400 what?", kept=False),
    "404 for a creation": Case(says(404, "no such path"), "404 no such path", kept=False),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_bad_receiver(case: Case, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.behaves is hangs:
        monkeypatch.setattr(client_module, "WHOLE_S", 0.1)
    cloud = Receiver(case.behaves)
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        client: Any = home.lane("analysis").transport
        client._manners = client_module.Manners(whole_s=0.1 if case.behaves is hangs else 5, gzip=True)
        visit = await home.plug_in()
        await home.lane("analysis").step()
        assert "/elsewhere" not in [heard.path for heard in cloud.heard]
        if not case.kept:
            assert await home.owed("analysis") == 0
            [(kind, _, answer)] = await home.dead()
            assert kind == "visit"
            assert case.shown in answer
            await bring_back_to_life(home)
        else:
            assert await home.owed("analysis") == 1
            assert case.shown in (home.lane("analysis").trouble or "")
            assert case.shown in (await home.cloud.outbox.lane_rows())["analysis"].answer
        cloud.behaves = taken
        await home.pay("analysis", case.longest_s)
        assert home.lane("analysis").trouble is None
        assert await home.dead() == []
        assert {heard.key for heard in cloud.heard if heard.path == "/v1/sessions"} != {""}
        assert len({heard.key for heard in cloud.heard if heard.path == "/v1/sessions"}) <= (1 if case.kept else 2)
        assert cloud.heard[-1].body["session_id"] == visit.id
        await home.plug_out()
        await home.pay("analysis", 5)
        assert await home.owed("analysis") == 0


# What proves each row of the table in docs/cloud.md: cases of the table above, or tests.
PROOFS: dict[str, tuple[str, ...]] = {
    "refuses the connection, is silent, hangs, closes, or cuts its answer off": (
        "hangs",
        "half a body",
        "closes without an answer",
        "test_nobody_listens_and_then_somebody_does",
    ),
    "has a certificate that is not trusted, or is for another name": (
        "test_only_a_certificate_of_a_trusted_authority_for_this_name_is_spoken_to",
    ),
    "closes in the middle of an upload": ("test_a_close_in_the_middle_of_an_upload_is_tried_again_whole",),
    "redirects elsewhere": ("redirects elsewhere", "test_a_redirect_never_sees_the_token"),
    "answers 200 without saying what an analysis would (a portal, a proxy)": (
        "200 with nonsense",
        "200 with another JSON",
    ),
    "401, 403, 407": ("401 for a while", "403 for a while", "407 for a while"),
    "408, 425, 429, 503": ("408", "425", "429 with Retry-After", "503"),
    "500, 502, 504": ("500", "502", "504", "test_one_charge_that_always_fails_does_not_hold_up_the_others"),
    "the same for a day and 20 tries, while it takes others; or 5xx for a week, while it takes nothing": (
        "test_a_charge_that_chokes_the_receiver_is_put_aside_after_a_day",
        "test_a_debt_is_given_up_after_a_day_beside_others_and_after_a_week_alone",
    ),
    "404 for a session that it had": ("test_a_session_that_the_cloud_has_lost_is_created_anew",),
    "413": ("413 for a single value", "test_a_body_that_is_too_large_is_halved_until_it_is_taken"),
    "415 for a compressed body": ("test_a_large_body_is_compressed_unless_the_receiver_can_not_read_that",),
    "any other 4xx": ("422", "400", "404 for a creation"),
}


def test_every_row_that_people_read_is_proved_and_every_case_is_told() -> None:
    _, _, rest = (ROOT / "docs" / "cloud.md").read_text().partition("| it | is kept | is tried again | is shown |\n")
    table = rest.partition("\n\n")[0].splitlines()[1:]
    kept = {cells[1].strip(): cells[2].strip() for cells in (row.split("|") for row in table)}
    assert list(kept) == list(PROOFS)
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    for row, proofs in PROOFS.items():
        for proof in proofs:
            assert proof in CASES or f"def {proof}(" in tests, proof
            if proof in CASES and row != "413":  # which is kept in halves, until there is a single value
                assert CASES[proof].kept == (kept[row] == "yes"), (row, proof)
    assert set(CASES) <= {proof for proofs in PROOFS.values() for proof in proofs}


async def bring_back_to_life(home: Home) -> None:
    from hemsd.store import outbox

    await home.cloud.outbox.write(*outbox.revive(home.clock.utc(), None))
    assert await home.owed("analysis") == 1


async def test_nobody_listens_and_then_somebody_does(path: Path, tmp_path: Path) -> None:
    async with receiving() as first:
        url, port = first.url, first.port
    async with at_home(path, settings(url, tmp_path, "analysis")) as home:
        await home.plug_in()
        await home.pay("analysis", 3600)
        assert "no connection" in (home.lane("analysis").trouble or "")
        async with receiving(Receiver(port=port)) as cloud:
            await home.pay("analysis", 900)
            assert cloud.lines() == ["POST /v1/sessions"]
            assert home.lane("analysis").trouble is None


async def test_an_hour_of_500s_costs_few_requests_and_no_debt(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(says(500, "oops"))
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis")) as home:
        await home.plug_in()
        await home.charge(minutes=20)
        await home.plug_out()
        await home.pay("analysis", 3600)
        assert 10 < len(cloud.heard) < 60
        assert {heard.key for heard in cloud.heard} == {cloud.heard[0].key}
        cloud.behaves = taken
        await home.pay("analysis", 900)
        assert await home.owed("analysis") == 0


async def test_retry_after_silences_the_whole_lane_and_no_other(path: Path, tmp_path: Path) -> None:
    cloud = Receiver(SLOW_DOWN)
    async with receiving(cloud), at_home(path, settings(cloud.url, tmp_path, "analysis", "webhook")) as home:
        await home.plug_in(1)
        await home.plug_in(2)
        await home.lane("analysis").step()
        assert await home.lane("analysis").step() >= 120
        assert len(cloud.heard) == 1
        cloud.behaves = taken
        await home.pay("webhook", 10)
        assert [heard.path for heard in cloud.heard[1:]] == ["/hook", "/hook"]
        await home.pay("analysis", 300)
        assert cloud.lines().count("POST /v1/sessions") == 3


async def test_one_charge_that_always_fails_does_not_hold_up_the_others(path: Path, tmp_path: Path) -> None:
    async with receiving() as cloud, at_home(path, settings(cloud.url, tmp_path, "analysis", batch=False)) as home:
        poison = await home.plug_in(1)
        for number in (2, 3, 4):
            await home.plug_in(number)

        async def chokes(heard: Heard, request: web.Request) -> web.StreamResponse:
            choked = heard.body["session_id"] == poison.id
            return web.Response(status=500) if choked else await taken(heard, request)

        cloud.behaves = chokes
        await home.pay("analysis", 120)
        assert {heard.body["session_id"] for heard in cloud.heard} == {home.visits[n].id for n in (1, 2, 3, 4)}


async def test_a_close_in_the_middle_of_an_upload_is_tried_again_whole(path: Path, tmp_path: Path) -> None:
    """A server that reads a little of a large body and hangs up."""
    hung_up = asyncio.Event()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(512)
        writer.close()
        hung_up.set()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cloud = settings(f"http://127.0.0.1:{port}", tmp_path, "analysis", gzip=False)
    async with at_home(path, cloud) as home:
        await home.plug_in()
        await home.charge(minutes=400)
        await home.lane("analysis").step()
        assert hung_up.is_set()
        assert home.lane("analysis").trouble
        server.close()
        await server.wait_closed()
        async with receiving(Receiver(port=port)) as cloud_again:
            await home.pay("analysis", 900)
            assert len(cloud_again.heard[0].body["meter_values"]) > 700


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, and one for somebody else."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, alternative in (("right", "IP:127.0.0.1"), ("wrong", "DNS:elsewhere.example")):
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-days", "2"),
                *("-subj", "/CN=test", "-addext", f"subjectAltName={alternative}"),
            ],
            check=True,
            capture_output=True,
        )
    return folder


async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy that connects whom it is asked for, and sees nothing of what they say."""
    asked = (await reader.readuntil(b"\r\n\r\n")).split()
    host, _, port = asked[1].decode().partition(":")
    far_reader, far_writer = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 14):
            target.write(data)
        target.close()

    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)


async def test_behind_a_proxy_the_receivers_own_certificate_counts(
    path: Path, tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates / "right.pem", certificates / "right.key")
    proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
    async with receiving(ssl=tls) as cloud, proxy:
        url = cloud.url.replace("http:", "https:")
        for number, (trusted, heard) in enumerate(((None, 0), (certificates / "right.pem", 1))):
            chosen = settings(url, tmp_path, "analysis", **({"ca_file": trusted} if trusted else {}))
            async with at_home(tmp_path / f"{number}.db", chosen) as home:
                await home.plug_in()
                await home.lane("analysis").step()
                assert len(cloud.heard) == heard
                assert ("not trusted" in (home.lane("analysis").trouble or "")) is (trusted is None)


@pytest.mark.parametrize(
    ("served", "trusted", "shown"),
    [("right", "right", None), ("right", None, "not trusted"), ("wrong", "wrong", "not trusted")],
)
async def test_only_a_certificate_of_a_trusted_authority_for_this_name_is_spoken_to(
    path: Path, tmp_path: Path, certificates: Path, served: str, trusted: str | None, shown: str | None
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates / f"{served}.pem", certificates / f"{served}.key")
    ca = {"ca_file": certificates / f"{trusted}.pem"} if trusted else {}
    async with receiving(ssl=tls) as cloud:
        url = cloud.url.replace("http:", "https:")
        async with at_home(path, settings(url, tmp_path, "analysis", **ca)) as home:
            await home.plug_in()
            await home.lane("analysis").step()
            assert (home.lane("analysis").trouble is None) == (shown is None)
            assert len(cloud.heard) == (1 if shown is None else 0)
            if shown:
                assert shown in (home.lane("analysis").trouble or "")
                assert await home.owed("analysis") == 1
