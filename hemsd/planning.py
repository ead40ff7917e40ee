"""Makes ``Courses`` of config.yaml: which car charges where, with what power, and by whose policy."""

from __future__ import annotations

import uuid
from zoneinfo import ZoneInfo

from hemsd.config import Config, wallbox_settings
from hemsd.courses import Charger, Courses
from hemsd.grid_co2 import GridCo2
from hemsd.model import SiteSettings, WallboxSettings
from hemsd.policies import Policies
from hemsd.prices import NoPrices, PriceBook
from hemsd.store.store import Store
from rules.plan_values import PowerRange


def courses_of(config: Config, store: Store, prices: PriceBook | None = None, co2: GridCo2 | None = None) -> Courses:
    """With what was asked for before a restart."""
    facts = store.facts()
    courses = Courses(
        chargers=chargers(config),
        policies=Policies.of(config.policies, facts, store.save_fact),
        zone=ZoneInfo(config.site.timezone),
        prices=prices or NoPrices(),
        keeper=store,
        remember=store.save_fact,
        new_id=lambda: str(uuid.uuid4()),
        co2=(co2 or GridCo2()).g_per_kwh,
    )
    courses.recall(facts)
    return courses


def take_over(courses: Courses, config: Config, store: Store) -> None:
    """The changed file counts from the next tick on; visits go on under it."""
    courses.chargers = chargers(config)
    courses.policies.by_name = Policies.of(config.policies, store.facts(), store.save_fact).by_name


def chargers(config: Config) -> dict[str, Charger]:
    vehicles = {car.wallbox: (name, car) for name, car in config.vehicles.items()}
    found = {}
    for box in wallbox_settings(config):
        vehicle, car = vehicles.get(box.name, (None, None))
        capacity_kwh = car.capacity_kwh if car is not None else None
        powers = powers_of(box, config.site)
        found[box.name] = Charger(box.name, vehicle, capacity_kwh, powers, box.mode, box.steer)
    return found


def powers_of(box: WallboxSettings, site: SiteSettings) -> tuple[PowerRange, ...]:
    """What wallbox and car can do together, fewest phases first."""
    min_a = max(box.min_a, box.vehicle_min_a or 0.0)
    max_a = min(box.max_a, box.vehicle_max_a or box.max_a)
    most = min(box.vehicle_phases or 3, site.phases)
    wired = (1, 3) if box.phases == "auto" else (int(box.phases),)
    counts = sorted({min(count, most) for count in wired})
    return tuple(
        PowerRange(count, min_a * count * site.voltage_v, max(min_a, max_a) * count * site.voltage_v)
        for count in counts
    )
