"""hemsd in the house's network by name: http://hemsd.local, and where wallboxes find it.

Multicast DNS, RFC 6762 and 6763. Only what can be reached is announced: a page that listens on loopback is nobody
else's. Addresses change when the router hands out another one, so they are looked at again now and then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

import ifaddr
from zeroconf import NonUniqueNameException, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

import hemsd
from drivers.base import DeviceError, is_loopback
from hemsd.said import said

log = logging.getLogger(__name__)

LOOK_S = 60.0  # real time
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Service:
    """A port that others in the house may want to find."""

    kind: str  # "_http._tcp": a page; "_ocpp._tcp": a central system
    host: str  # where it listens
    port: int
    properties: tuple[tuple[str, str], ...] = ()

    @property
    def can_be_reached(self) -> bool:
        return not is_loopback(self.host)


def page(host: str, port: int, *, tls: bool) -> Service:
    kind = "_https._tcp" if tls else "_http._tcp"
    return Service(kind, host, port, (("path", "/"), ("version", hemsd.__version__)))


def central_system(host: str, port: int) -> Service:
    """What a person enters in a wallbox; ``path`` is before the charge point's own name."""
    return Service("_ocpp._tcp", host, port, (("path", "/"), ("protocols", "ocpp1.6")))


def records(name: str, services: Sequence[Service], addresses: Sequence[Address]) -> list[ServiceInfo]:
    """What is announced. A service that listens on one address is announced with that one only."""
    return [
        ServiceInfo(
            f"{service.kind}.local.",
            f"{name}.{service.kind}.local.",
            addresses=[address.packed for address in _listening(service, addresses)],
            port=service.port,
            properties=dict(service.properties),
            server=f"{name}.local.",
        )
        for service in services
        if service.can_be_reached and _listening(service, addresses)
    ]


def _listening(service: Service, addresses: Sequence[Address]) -> list[Address]:
    try:
        only = ip_address(service.host)
    except ValueError:
        return list(addresses)
    if only.is_unspecified:
        return [address for address in addresses if only.version == 6 or address.version == 4]
    return [address for address in addresses if address == only]


def own_addresses() -> tuple[Address, ...]:
    """This machine's, as the house's network knows them."""
    found: list[Address] = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            address = ip_address(entry.ip if isinstance(entry.ip, str) else entry.ip[0])
            if not address.is_loopback and not address.is_link_local:
                found.append(address)
    return tuple(sorted(found, key=lambda address: (address.version, address)))


class Announcer:
    """Satisfies ``drivers.base.Driver``: announces the services until cancelled."""

    name = "mdns"

    def __init__(
        self,
        host_name: str,
        services: Sequence[Service],
        addresses: Callable[[], tuple[Address, ...]] = own_addresses,
        interfaces: Sequence[str] | None = None,
    ) -> None:
        self._host_name, self._services, self._addresses = host_name, services, addresses
        self._interfaces = interfaces

    async def run(self) -> None:
        """Raises DeviceError when the network does not let us, or another machine has the name."""
        while True:
            addresses = self._addresses()
            await self._announce(addresses)

    async def _announce(self, addresses: tuple[Address, ...]) -> None:
        """For as long as the addresses stay the same."""
        try:
            zeroconf = AsyncZeroconf(interfaces=self._interfaces) if self._interfaces else AsyncZeroconf()
        except OSError as error:
            raise DeviceError(
                said("mdns.impossible", "multicast DNS is not possible here: {error}", error=str(error))
            ) from error
        try:
            found = records(self._host_name, self._services, addresses)
            for info in found:
                await (await zeroconf.async_register_service(info))
            if found:
                log.info("Announced as %s.local", self._host_name)
            else:
                log.info(
                    "Nothing to announce: this machine has no address yet, or page and OCPP listen on loopback only"
                )
            while self._addresses() == addresses:  # noqa: ASYNC110 - the system tells nobody
                await asyncio.sleep(LOOK_S)
        except NonUniqueNameException as error:
            raise DeviceError(
                said("mdns.taken", "another machine is {name} already; choose another mdns.name", name=self._host_name)
            ) from error
        except OSError as error:
            raise DeviceError(said("mdns.error", "multicast DNS: {error}", error=str(error))) from error
        finally:
            await zeroconf.async_close()  # says goodbye, so that nobody keeps an old address
