"""Being found by name."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from hemsd.ops.mdns import Announcer, central_system, page, records

HOME = (ip_address("192.168.1.7"), ip_address("fd00::7"))


def test_only_what_can_be_reached_is_announced() -> None:
    services = (page("127.0.0.1", 8080, tls=False), central_system("0.0.0.0", 9000))
    [ocpp] = records("hemsd", services, HOME)
    assert (ocpp.type, ocpp.port, ocpp.server) == ("_ocpp._tcp.local.", 9000, "hemsd.local.")
    assert ocpp.parsed_addresses() == ["192.168.1.7"]
    assert ocpp.properties[b"protocols"] == b"ocpp1.6"


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("::", ["192.168.1.7", "fd00::7"]), ("192.168.1.7", ["192.168.1.7"]), ("hems.lan", ["192.168.1.7", "fd00::7"])],
)
def test_a_service_is_announced_with_the_addresses_on_which_it_listens(host: str, addresses: list[str]) -> None:
    [found] = records("sun", (page(host, 443, tls=True),), HOME)
    assert found.name == "sun._https._tcp.local."
    assert found.parsed_addresses() == addresses


def test_an_address_that_this_machine_has_not_is_announced_to_nobody() -> None:
    assert records("hemsd", (central_system("10.0.0.1", 9000),), HOME) == []


@pytest.mark.slow
async def test_it_is_found_in_the_network() -> None:
    here = (ip_address("127.0.0.1"),)
    announcer = Announcer("hemsd-test", (page("0.0.0.0", 8080, tls=False),), lambda: here, ["127.0.0.1"])
    task = asyncio.create_task(announcer.run())
    looking = AsyncZeroconf(interfaces=["127.0.0.1"])
    try:
        found = AsyncServiceInfo("_http._tcp.local.", "hemsd-test._http._tcp.local.")
        assert await found.async_request(looking.zeroconf, 5000)
        assert (found.parsed_addresses(), found.port, found.server) == (["127.0.0.1"], 8080, "hemsd-test.local.")
    finally:
        await looking.async_close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
