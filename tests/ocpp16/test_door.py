"""Who gets in: identities, subprotocols, passwords, second sockets, and what is said of those who don't."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from contextlib import suppress

import pytest
from websockets.exceptions import InvalidHandshake, InvalidStatus

from drivers import listening
from drivers.ocpp16 import server
from drivers.ocpp16.identity import identity_in, may_enter
from drivers.ocpp16.keepalive import Heartbeat
from hemsd.model import LinkDown, LinkUp, StrangerRefused
from tests.ocpp16.fakes import box, charging_box, home, settle, until


def basic(user: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + password).decode()}


async def test_an_unknown_charge_point_is_refused_and_reported_once():
    async with home() as at:
        for _ in range(3):
            with pytest.raises(InvalidStatus) as refused:
                async with box(at.url("/WB-0O1")):
                    pass
            assert refused.value.response.status_code == 404
        assert [(event.identity, event.why) for event in at.of(StrangerRefused)] == [("WB-0O1", "unknown charge point")]
        assert at.of(LinkUp) == []


async def test_wb_01_a_box_that_offers_no_subprotocol_is_taken_for_1_6():
    async with home() as at, box(at.url(), subprotocols=[]) as station:
        assert station.socket.subprotocol is None
        assert (await station.boot())["status"] == "Accepted"


async def test_wb_02_of_several_subprotocols_1_6_is_chosen():
    async with home() as at, box(at.url(), subprotocols=["ocpp2.0.1", "ocpp1.6"]) as station:
        assert station.socket.subprotocol == "ocpp1.6"


async def test_wb_02_a_box_without_1_6_is_refused_and_reported():
    async with home() as at:
        with pytest.raises(InvalidHandshake):
            async with box(at.url(), subprotocols=["ocpp2.0.1"]):
                pass
        await until(lambda: at.of(StrangerRefused))
        assert "ocpp2.0.1" in at.of(StrangerRefused)[0].why


@pytest.mark.parametrize(
    "path", ["/WB-001", "/WB-001/", "//WB-001", "/ocpp/1.6//WB-001//", "/%57B%2D001", "/a/b/c/WB-001?x=1"]
)
async def test_wb_03_the_last_segment_is_the_identity_however_it_is_written(path):
    async with home() as at, box(at.url(path)) as station:
        assert (await station.boot())["status"] == "Accepted"


@pytest.mark.parametrize(
    ("target", "identity"),
    [
        ("/ws/webSocket?=WB-001", "WB-001"),
        ("/ws/webSocket?sn=WB-001", "WB-001"),
        ("/ws/webSocket?WB-001", "WB-001"),
        ("/", "WB-001"),
        ("", "WB-001"),
        ("/?sn=other", "WB-001"),
        ("/ws/webSocket?sn=other", "webSocket"),
        ("/with%2Fslash", "with/slash"),
        ("/" + "x" * 9999, "x" * 255),
        ("http://[broken", "broken"),
    ],
)
def test_wb_04_an_identity_in_the_query_or_none_at_all(target, identity):
    assert identity_in(target, {"WB-001"}) == identity or target.startswith("http")


def test_wb_04_nobody_is_guessed_between_two_wallboxes():
    assert identity_in("/", {"WB-001", "WB-002"}) == ""


TWO = {
    "garage": {"charge_point": "WB-001", "password": "secret"},
    "yard": {"charge_point": "SN-77"},
}


async def test_wb_04_a_box_that_names_itself_nowhere_is_known_by_the_serial_number_of_its_boot():
    async with home(TWO) as at, box(at.url("/")) as station:
        assert (await station.boot(chargePointSerialNumber="SN-77"))["status"] == "Accepted"
        assert at.central.wallboxes["yard"].linked
        assert not at.garage.linked
        await station.report("Available")
        assert at.central.wallboxes["yard"].status == "Available"


@pytest.mark.parametrize(
    ("boot", "why"),
    [
        ({"chargeBoxSerialNumber": "WB-001"}, "password"),
        ({"chargeBoxSerialNumber": "SN-78"}, "serial number"),
        ({}, "serial number"),
    ],
)
async def test_wb_04_a_serial_number_opens_no_door_that_is_locked(boot, why):
    async with home(TWO) as at, box(at.url("/")) as station:
        with pytest.raises(TimeoutError):
            await station.boot(**boot)
        assert station.closed
        assert why in at.of(StrangerRefused)[0].why
        assert not at.garage.linked


async def test_wb_04_a_box_that_says_nothing_at_all_is_sent_away():
    async with home(TWO) as at, box(at.url("/")) as station:
        await asyncio.sleep(31)
        assert station.closed
        assert len(at.of(StrangerRefused)) == 1


async def test_wb_05_the_newest_socket_wins_and_pending_calls_fail_at_once():
    async with home() as at, charging_box(at) as (older, _):
        older.answers["SetChargingProfile"] = lambda payload: None
        pending = asyncio.create_task(at.garage.send_limit(9, None, failsafe_a=6))
        await until(lambda: older.profiles)
        async with box(at.url()) as newer:
            dispatch = await asyncio.wait_for(pending, 0.5)
            assert dispatch.status == "unreachable"
            await until(lambda: older.closed)
            await settle()
            # what cares for the new link does not end with the older one
            await at.leap_until(lambda: newer.got("GetConfiguration"), most_s=20)
            assert (await newer.boot())["status"] == "Accepted"
            assert at.garage.linked
            assert at.of(LinkDown) == []  # the end of the older socket is no loss of the wallbox


async def test_wb_05_an_older_socket_that_is_half_open_holds_nothing_up():
    async with home() as at, charging_box(at) as (older, _):
        older.answers["SetChargingProfile"] = lambda payload: None
        pending = asyncio.create_task(at.garage.send_limit(9, None, failsafe_a=6))
        await until(lambda: older.profiles)
        older.socket.transport.pause_reading()
        async with box(at.url()) as newer:
            assert (await asyncio.wait_for(pending, 0.5)).status == "unreachable"
            await newer.boot()
            await until(lambda: newer.got("ChangeConfiguration") or newer.limits)
            for _ in range(5):
                await settle()
            assert newer.got("GetConfiguration").count({}) == 1
        older.socket.transport.resume_reading()


async def test_wb_06_two_missed_pongs_are_forgiven_and_the_third_ends_the_link():
    async with home(heartbeat=Heartbeat(every_s=0.05)) as at, box(at.url()) as station:
        await until(lambda: at.of(LinkUp))
        await asyncio.sleep(0.3)
        assert at.garage.linked
        station.socket.transport.pause_reading()  # a cable that was pulled
        began = asyncio.get_running_loop().time()
        await until(lambda: at.of(LinkDown))
        assert asyncio.get_running_loop().time() - began >= 0.1
        assert "silent" in at.of(LinkDown)[0].why


@pytest.mark.slow
async def test_wb_06_a_box_that_speaks_and_takes_no_answer_loses_its_link():
    async with home(heartbeat=Heartbeat(every_s=1)) as at, box(at.url(), compression=None) as station:
        await until(lambda: at.of(LinkUp))
        station.socket.transport.pause_reading()
        talking = asyncio.create_task(talk(station))
        await until(lambda: at.of(LinkDown), most_s=20)
        assert "silent" in at.of(LinkDown)[0].why
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


async def talk(station):
    """Says what has long answers: they bear its ids."""
    while True:
        await station.socket.send(json.dumps([2, "x" * 250_000, "Heartbeat", {}]))


async def test_wb_08_a_garbled_handshake_is_reported():
    async with home() as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at.central.port)
        writer.write(b"GET /WB-001 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
        await reader.read()
        writer.close()
        await until(lambda: at.of(StrangerRefused))
        assert at.of(StrangerRefused)[0].remote == "127.0.0.1"


@pytest.mark.parametrize(
    ("password", "shown"),
    [
        ("secret", b"secret"),
        ("00ff11aa22bb33cc44dd55ee66ff7788", bytes.fromhex("00ff11aa22bb33cc44dd55ee66ff7788")),
        ("00ff11aa22bb33cc44dd55ee66ff7788", b"00FF11AA22BB33CC44DD55EE66FF7788"),
        ("with:colon", b"with:colon"),
    ],
)
async def test_wb_09_the_password_is_accepted_as_typed_and_as_the_bytes_of_its_hex(password, shown):
    async with home(password=password) as at, box(at.url(), additional_headers=basic("WB-001", shown)) as station:
        assert (await station.boot())["status"] == "Accepted"


@pytest.mark.parametrize("headers", [{}, basic("WB-001", b"wrong"), {"Authorization": "Basic %%%"}])
async def test_wb_09_without_the_password_nobody_gets_in(headers):
    async with home(password="secret") as at:
        with pytest.raises(InvalidStatus) as refused:
            async with box(at.url(), additional_headers=headers):
                pass
        assert refused.value.response.status_code == 401
        assert "Basic" in refused.value.response.headers["WWW-Authenticate"]
        assert "secret" not in repr(at.of(StrangerRefused))


def test_wb_09_a_password_that_is_not_utf_8_is_no_crash():
    assert not may_enter("secret", basic("x", b"\xff\xfe")["Authorization"])


async def test_a_password_may_stand_in_a_file(tmp_path):
    (tmp_path / "key").write_text("secret\n")
    headers = basic("WB-001", b"secret")
    async with home(password_file=tmp_path / "key") as at, box(at.url(), additional_headers=headers) as station:
        assert (await station.boot())["status"] == "Accepted"


async def test_too_many_attempts_from_one_address_are_turned_away_for_a_while():
    async with home() as at:
        statuses = []
        for _ in range(125):
            with pytest.raises(InvalidStatus) as refused:
                async with box(at.url("/nobody")):
                    pass
            statuses.append(refused.value.response.status_code)
        assert statuses[0] == 404
        assert statuses[-1] == 429
        at.clock.leap(60)
        async with box(at.url()) as station:
            assert (await station.boot())["status"] == "Accepted"


async def test_sockets_that_say_nothing_are_few_and_do_not_stay(monkeypatch):
    monkeypatch.setattr(server, "MAX_SOCKETS", 4)
    monkeypatch.setattr(server, "HANDSHAKE_S", 0.5)
    async with home() as at:
        silent = [await asyncio.open_connection("127.0.0.1", at.central.port) for _ in range(4)]
        silent[0][1].write(b"GET /WB-001 HTTP/1.1\r\nUpgrade: ")
        late, late_writer = await asyncio.open_connection("127.0.0.1", at.central.port)
        async with asyncio.timeout(5):
            assert await hung_up(late), "there is no room for it"
            for reader, _ in silent:
                assert await hung_up(reader)
        async with box(at.url()) as station:
            assert (await station.boot())["status"] == "Accepted"
        for _, writer in (*silent, (late, late_writer)):
            writer.close()


async def test_one_address_that_says_nothing_keeps_no_wallbox_out(monkeypatch):
    monkeypatch.setattr(server, "MAX_OF_AN_ADDRESS", 3)
    monkeypatch.setattr(listening, "is_loopback", lambda address: address == "127.0.0.1")
    async with home() as at:

        async def from_another() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_connection("127.0.0.1", at.central.port, local_addr=("127.0.0.2", 0))

        silent = [await from_another() for _ in range(3)]
        late, late_writer = await from_another()
        async with asyncio.timeout(5):
            assert await hung_up(late), "there is no room for it"
        async with box(at.url()) as station:
            assert (await station.boot())["status"] == "Accepted"
        for _, writer in (*silent, (late, late_writer)):
            writer.close()


async def hung_up(reader: asyncio.StreamReader) -> bool:
    """Whatever is said before."""
    with suppress(ConnectionError):
        while await reader.read(1000):
            pass
    return True


async def test_a_frame_that_is_too_large_ends_only_its_own_link():
    async with home() as at:
        async with box(at.url()) as station:
            await station.socket.send("x" * 300_000)
            await until(lambda: station.closed)
        async with box(at.url()) as station:
            assert (await station.boot())["status"] == "Accepted"
        await settle()


async def test_wb_07_a_box_that_stays_away_for_20_minutes_is_unreachable_and_then_welcome():
    async with home() as at:
        async with charging_box(at):
            await at.garage.send_limit(9, None, failsafe_a=6)
        await until(lambda: at.of(LinkDown))
        at.clock.leap(20 * 60)
        assert (await at.garage.send_limit(10, None, failsafe_a=6)).status == "unreachable"
        async with box(at.url()) as station:
            await station.boot()
            await until(lambda: station.limits[-1:] == [10.0])


async def test_wb_10_wss_where_a_certificate_is_given(tmp_path):
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
    command = [*make.split(), "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    making = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    assert await making.wait() == 0
    tls = {"cert_file": tmp_path / "cert.pem", "key_file": tmp_path / "key.pem"}
    trust = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    trust.check_hostname = False
    async with home(server={"tls": tls}) as at:
        async with box(at.url().replace("ws:", "wss:"), ssl=trust) as station:
            assert (await station.boot())["status"] == "Accepted"
        with pytest.raises((InvalidHandshake, OSError, EOFError)):
            async with box(at.url()):
                pass
