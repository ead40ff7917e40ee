"""A phone in the same house: finds hemsd by name, and sees of it what docs/security.md says and no more."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

from zeroconf import AddressResolverIPv4
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

ADDRESS = "192.0.2.7"
OPEN = {8080, 9000}
AT_ONCE = 512


async def by_name() -> None:
    zeroconf = AsyncZeroconf(interfaces=["192.0.2.9"])
    try:
        name = AddressResolverIPv4("hemsd.local.")
        assert await name.async_request(zeroconf.zeroconf, 10_000), "nobody knows hemsd.local"
        assert name.parsed_addresses() == [ADDRESS], name.parsed_addresses()
        for kind, port in (("_http._tcp.local.", 8080), ("_ocpp._tcp.local.", 9000)):
            service = AsyncServiceInfo(kind, f"hemsd.{kind}")
            assert await service.async_request(zeroconf.zeroconf, 10_000), f"nobody offers {kind}"
            assert service.port == port, service.port
    finally:
        await zeroconf.async_close()


async def open_ports() -> AsyncIterator[int]:
    for first in range(1, 1 << 16, AT_ONCE):
        some = range(first, min(first + AT_ONCE, 1 << 16))
        for port, is_open in zip(some, await asyncio.gather(*map(answers, some)), strict=True):
            if is_open:
                yield port


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(ADDRESS, port)
    except OSError:
        return False
    writer.close()
    return True


def status(path: str) -> int:
    """Of the page, asked by its name; names are multicast DNS's here, so the address is put in for it."""
    request = urllib.request.Request(f"http://{ADDRESS}:8080{path}", headers={"Host": "hemsd.local:8080"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def main() -> None:
    await by_name()
    found = {port async for port in open_ports()}
    assert found == OPEN, f"open ports: {sorted(found)}"
    seen = {path: status(path) for path in ("/login", "/healthz", "/api/state", "/api/sessions", "/metrics")}
    assert seen == {"/login": 200, "/healthz": 200, "/api/state": 401, "/api/sessions": 401, "/metrics": 401}, seen
    print("found by name; strangers see a login")


if __name__ == "__main__":
    asyncio.run(main())
