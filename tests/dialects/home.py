"""A home whose days are played in virtual time, behind the real application: real Control, real rules, real store.

Only wallbox, car and sun are played. What the dialects answer therefore is what a day really led to.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator, FormatChecker

from drivers.simulated import day
from drivers.simulated.physics import Car, Home
from hemsd import alerts
from hemsd.archive import StoreArchive
from hemsd.assembly import control_settings
from hemsd.clock import ManualClock
from hemsd.config import Config
from hemsd.control import Control
from hemsd.courses import Courses
from hemsd.dialects.public import public_routes
from hemsd.doors import HouseDoors
from hemsd.house import Home as HouseNow
from hemsd.latest import Latest
from hemsd.model import (
    QUARTER,
    Command,
    ConnectorStatus,
    Dispatch,
    DispatchStatus,
    LinkUp,
    MeterReading,
    Role,
    Sample,
    Sampled,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    quarter_start,
)
from hemsd.password import PagePassword, set_password
from hemsd.planning import courses_of
from hemsd.prices import PriceBook
from hemsd.replay import PlayedWallbox
from hemsd.store import Store, clients
from hemsd.tokens import Tokens
from hemsd.visits import Car as VisitCar
from hemsd.visits import Visits
from rules.plan_values import Quarter
from web.server import application

STEP_S = 10.0
SCHEMAS = Path(__file__).parent.parent / "contracts/schemas"
TUESDAY = datetime(2025, 6, 10, 20, 0, tzinfo=UTC)
DAY = day.load("serf-2022-03-18")
NOON_S = 18_000.0

CONFIG: dict[str, Any] = {
    "site": {"timezone": "UTC"},
    "wallboxes": {"garage": {"driver": "ocpp", "charge_point": "WB-001", "phases": "3"}},
    "vehicles": {"car": {"wallbox": "garage", "capacity_kwh": 60, "phases": 3}},
    "policies": {
        "home": {
            "vehicle": "car",
            "battery_reserve_pct": 20,
            "schedule": {
                "weekdays": {"deadline": "07:00", "minimum_charge_target_pct": 50},
                "weekend": {"deadline": "10:00", "minimum_charge_target_pct": 80},
            },
        }
    },
}


class Box(PlayedWallbox):
    """A played wallbox that a car comes to and leaves, and that can be made to refuse."""

    refusal: DispatchStatus | None = None
    deaf = False  # accepts, and does nothing
    transaction_id: int | None = None

    def give(self, command: Command, failsafe_a: float) -> None:
        if self.refusal is not None:
            self.answered(command, Dispatch(self.refusal, text="no"), self._clock.monotonic())
        elif self.deaf:
            self.answered(command, Dispatch(DispatchStatus.APPLIED), self._clock.monotonic())
        else:
            super().give(command, failsafe_a)

    def present_status(self) -> ConnectorStatus:
        if self.station.car is None:
            return ConnectorStatus.AVAILABLE
        if self.transaction_id is None:
            return ConnectorStatus.PREPARING
        return super().present_status()


@dataclass
class CheapAt:
    """A tariff with two prices: cheap from one moment to another."""

    cheap: Sequence[tuple[datetime, datetime]] = ()
    until_at: datetime | None = None  # prices are known no further
    dear_eur: float = 0.40
    cheap_eur: float = 0.10
    version: int = 1

    def known(self, from_at: datetime, to_at: datetime) -> Sequence[Quarter]:
        found, start_at = [], quarter_start(from_at)
        while start_at < to_at and (self.until_at is None or start_at < self.until_at):
            is_cheap = any(begin <= start_at < end for begin, end in self.cheap)
            found.append(Quarter(start_at, self.cheap_eur if is_cheap else self.dear_eur, 0.08))
            start_at += QUARTER
        return tuple(found)


@dataclass
class Played:
    """The home, its parts, and the client that asks it."""

    clock: ManualClock
    config: Config
    home: Home
    boxes: dict[str, Box]
    latest: Latest
    control: Control
    visits: Visits
    courses: Courses
    store: Store
    path: Path
    client: TestClient[Any, Any]
    headers: dict[str, str] = field(default_factory=dict)
    step_s: float = STEP_S
    _transaction_id: int = 0

    # --- what happens at home

    @property
    def box(self) -> Box:
        return self.boxes["garage"]

    def plug(
        self, soc_pct: float = 35.0, *, wallbox: str = "garage", tell: bool = True, card: str | None = "card"
    ) -> Car:
        """A car comes; without a card no transaction is begun."""
        car = Car(capacity_kwh=60.0, soc_pct=soc_pct)
        box = self.boxes[wallbox]
        self.control.notice(StatusChanged(wallbox, 1, ConnectorStatus.PREPARING))
        box.status = ConnectorStatus.PREPARING
        box.station.plug(car)
        if card is not None:
            self._begin_transaction(wallbox, card)
        if tell:
            self.latest.tell_soc(wallbox, soc_pct)
        self.tick()
        return car

    def _begin_transaction(self, wallbox: str, card: str) -> None:
        box = self.boxes[wallbox]
        self._transaction_id += 1
        box.transaction_id = self._transaction_id
        box.station.enabled = True
        started = TransactionStarted(wallbox, self._transaction_id, 1, card, self.clock.utc(), box.station.energy_wh)
        self.control.notice(started)

    def unplug(self, wallbox: str = "garage") -> None:
        box = self.boxes[wallbox]
        box.station.unplug()
        box.station.enabled = False
        if box.transaction_id is not None:
            ended = TransactionEnded(
                wallbox, box.transaction_id, self.clock.utc(), box.station.energy_wh, "EVDisconnected"
            )
            self.control.notice(ended)
        box.transaction_id = None
        self._say_status(wallbox)
        self.tick()

    def tick(self) -> None:
        self._read_meters()
        for name in self.boxes:
            self._say_status(name)
            self.control.notice(Sampled(name, self._sample(name)))
        self.control.tick()

    def play(self, until: datetime | timedelta) -> None:
        """Goes on to a moment, or for a while."""
        end_at = until if isinstance(until, datetime) else self.clock.utc() + until
        while self.clock.utc() < end_at:
            self.home.step(self.step_s)
            self.clock.leap(self.step_s)
            self.tick()

    def _sample(self, name: str) -> Sample:
        return replace(self.boxes[name].sample(), transaction_id=self.boxes[name].transaction_id)

    def _say_status(self, name: str) -> None:
        box = self.boxes[name]
        status = box.present_status()
        if status is not box.status:
            box.status = status
            self.control.notice(StatusChanged(name, 1, status))

    def _read_meters(self) -> None:
        currents = [power_w / self.home.voltage_v for power_w in self.home.grid_phases_w]
        reading = MeterReading(power_w=self.home.grid_w, currents_a=(currents[0], currents[1], currents[2]))
        self.latest.put("grid", reading)
        self.latest.put("pv", MeterReading(power_w=self.home.pv_w))

    # --- what is asked

    @property
    def policy_id(self) -> str:
        return self.store.identities(policies=["home"]).policies["home"]

    @property
    def vehicle_id(self) -> str:
        return self.store.identities(vehicles=["car"]).vehicles["car"]

    @property
    def user_path(self) -> str:
        known = self.store.identities()
        return f"/api/partners/v2.0/org/{known.org_id}/users/{known.user_id}"

    @property
    def hems_path(self) -> str:
        wallbox_id = self.store.identities(wallboxes=["garage"]).wallboxes["garage"]
        return f"{self.user_path}/wallboxes/{wallbox_id}/hems-sessions"

    @property
    def ev_path(self) -> str:
        return f"{self.user_path}/electric-vehicles/{self.vehicle_id}/sessions"

    async def get(self, path: str, *, status: int = 200, **query: str) -> Any:
        await self.store.settle()
        async with self.client.get(path, params=query, headers=self.headers) as answer:
            text = await answer.text()
            assert answer.status == status, (answer.status, text)
            return json.loads(text)

    async def send(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
        async with self.client.request(method, path, json=body, headers=self.headers) as answer:
            text = await answer.text()
            assert answer.status == status, (answer.status, text)
            return json.loads(text) if text else None

    async def flex(self, policy_id: str | None = None) -> Any:
        """The policy's present session, as its schema wants it."""
        session = await self.get(f"/flex/vehicle-policies/{policy_id or self.policy_id}/session")
        validate("enode_session", session)
        return session

    async def settled(self, **query: str) -> list[Any]:
        listed = await self.get("/flex/vehicle-policies/sessions", **query)
        validate("enode_session_list", listed)
        sessions: list[Any] = listed["data"]
        return sessions

    async def token(self, *scopes: str) -> dict[str, str]:
        """A header with a token of a client of its own."""
        client_id, secret = clients.add(self.path, self.clock, f"client {secrets.token_hex(4)}", scopes)
        form = {"grant_type": "client_credentials"}
        async with self.client.post("/oauth2/token", data=form, headers=basic(client_id, secret)) as answer:
            return {"Authorization": f"Bearer {(await answer.json())['access_token']}"}


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{secret}".encode()).decode()}


def validate(schema: str, document: object) -> None:
    """Raises when the document is not what the contract says, formats included."""
    read = json.loads((SCHEMAS / f"{schema}.schema.json").read_text())
    Draft202012Validator(read, format_checker=FORMATS).validate(document)


FORMATS = FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@asynccontextmanager
async def played(
    folder: Path,
    *,
    start_at: datetime = TUESDAY,
    prices: PriceBook | None = None,
    sun_s: float | None = None,
    scopes: Sequence[str] = ("flex", "partner", "local"),
    password: str | None = None,
    step_s: float = STEP_S,
    at_once: Callable[[Played], None] | None = None,
    **changed: Any,
) -> AsyncIterator[Played]:
    """The home before a car comes. ``sun_s``: where in the recorded day it begins; without it the sky is dark."""
    config = Config.model_validate({**CONFIG, **changed, "storage": {"path": str(folder / "home.db")}})
    clock = ManualClock(start_at=start_at)
    store = await Store.open(config.storage.path, clock)
    settings = control_settings(config)
    boxes = {box.name: Box(box, clock) for box in settings.boxes}
    home = Home(DAY, {name: box.station for name, box in boxes.items()}, t_s=sun_s or 0.0)
    home.cloud = 0.0 if sun_s is None else 1.0
    latest = Latest(clock, {"grid": Role.GRID, "pv": Role.PV}, tuple(boxes))
    courses = courses_of(config, store, prices)
    vehicle_of = {car.wallbox: name for name, car in config.vehicles.items()}
    cars = {
        name: VisitCar(
            vehicle_of.get(name), box.steer, None if box.id_tags is None else frozenset(t.lower() for t in box.id_tags)
        )
        for name, box in config.wallboxes.items()
    }
    visits = Visits(store, cars, courses)
    running = await store.views.running_visits()
    visits.adopt(
        running,
        await store.views.courses([visit.id for visit in running]),
        {visit.id: await store.views.quarters(visit.id) for visit in running},
    )
    control = Control(clock=clock, latest=latest, couriers=boxes, settings=settings, journal=store, visits=visits)
    house = HouseNow(clock=clock, latest=latest, control=control, alerts=alerts.Alerts(), vehicle_of=vehicle_of)
    house.soc_told = lambda vehicle, soc_pct: latest.tell_soc(config.vehicles[vehicle].wallbox, soc_pct)
    archive = StoreArchive(store, tuple(config.wallboxes), tuple(config.vehicles), tuple(config.policies))
    page_password = PagePassword(config.web, folder / "page-password")
    if password is not None:
        set_password(folder / "page-password", password)
    tokens = Tokens(store, page_password)
    app = application(
        house,
        archive,
        HouseDoors(page_password, tokens),
        dialects=public_routes(store, clock, visits, courses, tokens),
    )
    for name in boxes:
        control.notice(LinkUp(name, "test"))
    async with TestClient(TestServer(app)) as client:
        scene = Played(clock, config, home, boxes, latest, control, visits, courses, store, folder / "home.db", client)
        scene.step_s = step_s
        scene.headers = await scene.token(*scopes) if scopes else {}
        if at_once is not None:
            at_once(scene)
        scene.play(timedelta(seconds=10))
        try:
            yield scene
        finally:
            await store.close()
