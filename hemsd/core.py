"""What charges the cars: readings, wallboxes, visits and the rules over them. It needs no page and no cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.ocpp16.server import CentralSystem
from hemsd.assembly import adopt, cars_of, central_of, control_settings
from hemsd.clock import Clock
from hemsd.config import Config, named_meters
from hemsd.control import Control
from hemsd.courses import Courses
from hemsd.dispatch import Dispatcher
from hemsd.elsewhere import Elsewhere, residents, watched
from hemsd.grid_co2 import GridCo2
from hemsd.latest import Latest
from hemsd.learned import Learned
from hemsd.meters import behind_inverter
from hemsd.model import WallboxEvent
from hemsd.planning import courses_of
from hemsd.prices import ToldPrices
from hemsd.store.store import Store
from hemsd.visits import Visits


@dataclass(frozen=True, slots=True)
class Core:
    """The parts that steer, put together; nothing runs yet."""

    clock: Clock
    store: Store
    latest: Latest
    learned: Learned
    central: CentralSystem
    dispatchers: Mapping[str, Dispatcher]
    prices: ToldPrices
    co2: GridCo2
    courses: Courses
    visits: Visits
    elsewhere: Elsewhere
    control: Control

    @classmethod
    async def make(cls, config: Config, clock: Clock, store: Store, notice: Callable[[WallboxEvent], None]) -> Core:
        """``notice`` hears what happens at the wallboxes. Visits that were running when the daemon stopped go on."""
        meters = named_meters(config)
        latest = Latest(
            clock, {meter.name: meter.role for meter in meters}, tuple(config.wallboxes), behind_inverter(meters)
        )
        learned = Learned(store)
        central = central_of(config, store, clock, notice, learned)
        dispatchers = {name: Dispatcher(wallbox, clock) for name, wallbox in central.wallboxes.items()}
        prices, co2 = ToldPrices(), GridCo2()
        courses = courses_of(config, store, prices, co2)
        visits = Visits(store, cars_of(config), courses)
        await adopt(visits, store)
        elsewhere = Elsewhere(residents(config), watched(visits, latest), store, clock)
        elsewhere.recall(store.facts())
        control = Control(
            clock=clock,
            latest=latest,
            couriers=dispatchers,
            settings=control_settings(config),
            journal=store,
            visits=visits,
        )
        return cls(
            clock, store, latest, learned, central, dispatchers, prices, co2, courses, visits, elsewhere, control
        )
