"""Between config.yaml and the parts: what each of them needs of it, in its own words."""

from __future__ import annotations

from collections.abc import Callable

from drivers.ocpp16.reception import HEMSD_ID_TAG
from drivers.ocpp16.server import CentralSystem
from drivers.ocpp16.steering import Failsafe
from hemsd.clock import Clock
from hemsd.cloud.analysis_upload import Station
from hemsd.config import Config, wallbox_settings
from hemsd.control import ControlSettings
from hemsd.learned import Learned
from hemsd.model import WallboxEvent
from hemsd.scoring.own import Outlet
from hemsd.scoring.speaker import Speaker
from hemsd.store.store import Store
from hemsd.visits import Car, Visits

LATE_TICKS = 1.5  # so many tick lengths after the last one, the next one is late


def control_settings(config: Config) -> ControlSettings:
    """What the rules and Control need of config.yaml."""
    return ControlSettings(config.steering, config.site, wallbox_settings(config), config.verification)


def failsafe_of(config: Config) -> Failsafe:
    """What a wallbox falls back to when it hears nothing."""
    return Failsafe(config.steering.failsafe_a, config.steering.failsafe_after_s)


def central_of(
    config: Config, store: Store, clock: Clock, notice: Callable[[WallboxEvent], None], learned: Learned
) -> CentralSystem:
    """The central system of the configured wallboxes, with what was learned of how to speak to each kind."""
    return CentralSystem(
        config.ocpp,
        config.wallboxes,
        failsafe_of(config),
        store,
        clock,
        notice,
        memories=learned.ladders(),
        remember=learned.ladder,
    )


def cars_of(config: Config) -> dict[str, Car]:
    """Which car is expected at which wallbox, and who may charge there."""
    vehicle_of = {car.wallbox: name for name, car in config.vehicles.items()}
    return {name: Car(vehicle_of.get(name), box.steer, _cards(box.id_tags)) for name, box in config.wallboxes.items()}


def speaker_of(config: Config) -> Speaker | None:
    """The language model that may word an explanation; None where nobody asked for one."""
    asked = config.scoring.language_model
    return None if asked is None else Speaker(asked.url, asked.model, asked.key_file)


def on_time(tick_age_s: float | None, tick_s: float) -> bool:
    """Whether the control loop goes round as it should, so that long work in the background may go on."""
    return tick_age_s is not None and tick_age_s < LATE_TICKS * tick_s


def outlets_of(config: Config) -> dict[str, Outlet]:
    """What a wallbox can carry at most, for judging what flowed."""
    volts = config.site.voltage_v
    return {
        name: Outlet(box.max_a * volts * (1 if box.phases == "1" else 3), volts)
        for name, box in config.wallboxes.items()
    }


def _cards(id_tags: list[str] | None) -> frozenset[str] | None:
    """The household's cards; hemsd's own counts as one."""
    return None if id_tags is None else frozenset(tag.lower() for tag in (*id_tags, HEMSD_ID_TAG))


async def adopt(visits: Visits, store: Store) -> None:
    """The visits that were running when the daemon stopped go on."""
    running = await store.views.running_visits()
    courses = await store.views.courses([visit.id for visit in running])
    quarters = {visit.id: await store.views.quarters(visit.id) for visit in running}
    visits.adopt(running, courses, quarters)


def stations_of(config: Config) -> dict[str, Station]:
    """The wallboxes as an analysis knows them: by the identity that they have in OCPP."""
    return {name: Station(box.charge_point, str(box.connector)) for name, box in config.wallboxes.items()}
