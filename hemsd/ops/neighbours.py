"""Who in the house is told of hemsd without asking: Home Assistant. Each runs under ``keep``."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.base import Driver
from hemsd.config import Config, named_meters
from hemsd.house import Home
from hemsd.latest import Latest
from hemsd.model import MeterReading, Role
from hemsd.ops.homeassistant import TOLD, HomeAssistant
from hemsd.store.store import Store


def neighbours(config: Config, store: Store, house: Home, latest: Latest) -> tuple[Driver, ...]:
    """Those that config.yaml asks for."""
    if config.mqtt is None or not config.mqtt.homeassistant:
        return ()
    return (_home_assistant(config, store, house, latest),)


def _home_assistant(config: Config, store: Store, house: Home, latest: Latest) -> HomeAssistant:
    assert config.mqtt is not None
    roles = {meter.name: meter.role for meter in named_meters(config)}

    def readings() -> Mapping[str, tuple[Role, MeterReading | None]]:
        found = {name: latest.meter(name) for name in latest.meters}
        return {name: (roles.get(name, Role.GRID), one.reading if one else None) for name, one in found.items()}

    told = store.facts().get(TOLD)
    return HomeAssistant(
        config.mqtt,
        store.identities().location_id[:8],
        house.state,
        readings,
        house.wish,
        told_before=tuple(str(topic) for topic in told) if isinstance(told, list) else (),
        remember=lambda topics: store.save_fact(TOLD, list(topics)),
    )
