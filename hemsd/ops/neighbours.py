"""Who in the house is told of hemsd without asking: Home Assistant, and whoever looks for a name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from drivers.base import Driver
from hemsd.config import Config, named_meters
from hemsd.house import Home
from hemsd.latest import Latest
from hemsd.model import MeterReading, Role
from hemsd.ops.homeassistant import TOLD, Farewell, HomeAssistant
from hemsd.store.store import Store


def neighbours(config: Config, store: Store, house: Home, latest: Latest) -> tuple[Driver, ...]:
    """Those that config.yaml asks for; each runs under ``keep``."""
    found: list[Driver] = []
    if config.mqtt is not None:
        told = store.facts().get(TOLD)
        told_before = tuple(str(topic) for topic in told) if isinstance(told, list) else ()
        if config.mqtt.homeassistant:
            found.append(_home_assistant(config, store, house, latest, told_before))
        elif told_before:
            found.append(Farewell(config.mqtt, told_before, partial(_remember, store)))
    if config.mdns is not None:
        from hemsd.ops.mdns import Announcer, central_system, page  # a home that does not want it does not load it

        services = (
            page(config.web.host, config.web.port, tls=config.web.tls is not None),
            central_system(config.ocpp.host, config.ocpp.port),
        )
        found.append(Announcer(config.mdns.name, services))
    return tuple(found)


def names(config: Config) -> tuple[str, ...]:
    """Under which a browser may ask for the page."""
    announced = () if config.mdns is None else (f"{config.mdns.name}.local",)
    return (*config.web.allowed_hosts, *announced)


def _home_assistant(
    config: Config, store: Store, house: Home, latest: Latest, told_before: tuple[str, ...]
) -> HomeAssistant:
    assert config.mqtt is not None
    roles = {meter.name: meter.role for meter in named_meters(config)}

    def readings() -> Mapping[str, tuple[Role, MeterReading | None]]:
        found = {name: latest.meter(name) for name in latest.meters}
        return {name: (roles.get(name, Role.GRID), one.reading if one else None) for name, one in found.items()}

    return HomeAssistant(
        config.mqtt,
        store.identities().location_id[:8],
        house.state,
        readings,
        house.wish,
        told_before=told_before,
        remember=partial(_remember, store),
    )


def _remember(store: Store, topics: tuple[str, ...]) -> None:
    store.save_fact(TOLD, list(topics))
