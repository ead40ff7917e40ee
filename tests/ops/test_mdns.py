"""Being found by name."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from zeroconf import AddressResolverIPv4, ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from drivers.base import DeviceError
from hemsd.ops import mdns
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


class Onlooker:
    """Another machine in the house that watches for pages."""

    def __init__(self) -> None:
        self.here = AsyncZeroconf(interfaces=["127.0.0.1"])
        self.seen: list[ServiceStateChange] = []
        self.browser = AsyncServiceBrowser(self.here.zeroconf, "_http._tcp.local.", handlers=[self._noticed])

    def _noticed(self, *, name: str, state_change: ServiceStateChange, **_: object) -> None:
        if name.startswith("hemsd-test."):
            self.seen.append(state_change)

    async def service(self, kind: str) -> AsyncServiceInfo:
        found = AsyncServiceInfo(f"{kind}.local.", f"hemsd-test.{kind}.local.")
        assert await found.async_request(self.here.zeroconf, 5000), kind
        return found

    async def close(self) -> None:
        await self.browser.async_cancel()
        await self.here.async_close()


@pytest.mark.slow
async def test_a_neighbour_finds_name_page_and_central_system_and_is_told_when_they_go() -> None:
    loopback = (ip_address("127.0.0.1"),)
    services = (page("0.0.0.0", 8080, tls=False), central_system("0.0.0.0", 9000))
    task = asyncio.create_task(Announcer("hemsd-test", services, lambda: loopback, ["127.0.0.1"]).run())
    neighbour = Onlooker()
    try:
        found = await neighbour.service("_http._tcp")
        assert (found.parsed_addresses(), found.port, found.server) == (["127.0.0.1"], 8080, "hemsd-test.local.")
        assert (await neighbour.service("_ocpp._tcp")).port == 9000
        name = AddressResolverIPv4("hemsd-test.local.")
        assert await name.async_request(neighbour.here.zeroconf, 5000)
        assert name.parsed_addresses() == ["127.0.0.1"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(5):
            while neighbour.seen[-1:] != [ServiceStateChange.Removed]:  # noqa: ASYNC110 - a datagram from elsewhere
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await neighbour.close()


@pytest.mark.slow
async def test_an_address_that_comes_later_is_announced_when_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns, "LOOK_S", 0.05)
    addresses: list[mdns.Address] = []
    announcer = Announcer("hemsd-test", (page("::", 8080, tls=True),), lambda: tuple(addresses), ["127.0.0.1"])
    task = asyncio.create_task(announcer.run())
    neighbour = Onlooker()
    try:
        await asyncio.sleep(0.1)
        addresses.append(ip_address("127.0.0.1"))
        assert (await neighbour.service("_https._tcp")).parsed_addresses() == ["127.0.0.1"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await neighbour.close()


@pytest.mark.slow
async def test_a_name_that_another_machine_has_is_no_bug_but_told() -> None:
    def announcer(address: str) -> Announcer:
        return Announcer("hemsd-twin", (page("::", 8080, tls=False),), lambda: (ip_address(address),), ["127.0.0.1"])

    first = asyncio.create_task(announcer("127.0.0.1").run())
    neighbour = AsyncZeroconf(interfaces=["127.0.0.1"])
    try:
        found = AsyncServiceInfo("_http._tcp.local.", "hemsd-twin._http._tcp.local.")
        assert await found.async_request(neighbour.zeroconf, 5000)
        with pytest.raises(DeviceError, match=r"choose another mdns\.name"):
            await announcer("127.0.0.2").run()
    finally:
        first.cancel()
        await asyncio.gather(first, neighbour.async_close(), return_exceptions=True)
