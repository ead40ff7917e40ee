"""How the house shows itself: the state that everybody reads, the cloud's lanes, the page with the public dialects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from hemsd.adopting import Adopting
from hemsd.alerts import Alerts
from hemsd.archive import StoreArchive
from hemsd.assembly import stations_of
from hemsd.cloud.desk import Desk
from hemsd.cloud.service import Cloud
from hemsd.config import Config
from hemsd.core import Core
from hemsd.dialects.flex import StoredFlex
from hemsd.dialects.partner import StoredPartner
from hemsd.dialects.payloads import DialectPayloads
from hemsd.dialects.public import public_routes
from hemsd.doors import HouseDoors
from hemsd.house import Home
from hemsd.logbook import Logbook
from hemsd.ops.metrics import Metrics
from hemsd.ops.neighbours import names as names_of_the_page
from hemsd.password import PagePassword
from hemsd.prices import contract_prices, kept_prices
from hemsd.scoring.office import Office
from hemsd.tokens import Tokens
from hemsd.watch import Watch
from hemsd.what_if import WhatIf
from hemsd.workshop import Workshop
from web.adoption import AdoptionApi
from web.analysis import AnalysisApi
from web.cloud import CloudApi
from web.metrics import metrics_route
from web.server import WebServer, application
from web.state_models import SimulationPage

ConfigNow = Callable[[], Config]  # a reload changes it


def house_of(config: Config, core: Core, found: Alerts, now: ConfigNow) -> Home:
    """The house as the page, Home Assistant and the cloud see it."""
    simulate = config.simulate
    return Home(
        clock=core.clock,
        latest=core.latest,
        control=core.control,
        alerts=found,
        vehicle_of={car.wallbox: name for name, car in config.vehicles.items()},
        cars=lambda: now().vehicles,
        courses=core.courses,
        simulation=SimulationPage(speed=simulate.speed, day=simulate.day) if simulate else None,
        chose_mode=core.learned.chose_mode,
    )


def cloud_of(config: Config, core: Core, house: Home) -> Cloud:
    """The lanes to the cloud; they hear of every change of a visit."""
    cloud = Cloud(config.cloud, core.store, core.clock, stations_of(config), spreads=config.simulate is None)
    asked = core.store, core.clock, core.visits, core.courses
    cloud.payloads = DialectPayloads(StoredFlex(*asked), StoredPartner(*asked))
    cloud.give_way.tick_due_s = lambda: core.control.due_s
    cloud.state = lambda: house.state().model_dump(mode="json")
    core.courses.changed = cloud.session_changed
    return cloud


def page_of(
    config: Config,
    core: Core,
    house: Home,
    office: Office,
    cloud: Cloud,
    watch: Watch,
    metrics: Metrics,
    adopting: Adopting,
    *,
    now: ConfigNow,
    file: Path | None,
    logbook: Logbook,
) -> WebServer:
    """Everything that answers over HTTP."""
    archive = StoreArchive(
        core.store, tuple(config.wallboxes), tuple(config.vehicles), tuple(config.policies), office.visits
    )
    password = PagePassword(config.web, config.storage.password_hash_file)
    tokens = Tokens(core.store, password)
    contract = contract_prices(config.tariff, ZoneInfo(config.site.timezone))
    app = application(
        house,
        archive,
        HouseDoors(password, tokens),
        dialects=(
            *public_routes(core.store, core.clock, core.visits, core.courses, tokens),
            *AnalysisApi(office, tokens.owner).routes(),
            *CloudApi(Desk(cloud)).routes(),
            *AdoptionApi(adopting).routes(),
            metrics_route(metrics.text),
        ),
        guests=config.web.guests,
        playing=WhatIf(lambda: core.control.settings, kept_prices(core.prices, contract)),
        workshop=Workshop(
            config=now, file=file, logbook=logbook, knocks=lambda: watch.knocks, state=house.state, archive=archive
        ),
        allowed_hosts=names_of_the_page(config),
    )
    return WebServer(config.web, app)
