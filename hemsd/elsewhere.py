"""Charges away from home: the shell around ``rules.elsewhere``.

A session that nobody manages exists only as a settled one, so nothing of it is in the books while it goes on. What is
known by then is kept as a fact, so that a restart loses none of it, and is written as a visit once, at its end.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from hemsd.clock import Clock
from hemsd.config import Config
from hemsd.courses import written_course
from hemsd.latest import Latest
from hemsd.model import ChargeReport, QuarterHour, Visit, quarter_start
from hemsd.visits import Visits
from rules.course import Battery
from rules.elsewhere import Away, ended, heard, is_silent, last_words

log = logging.getLogger(__name__)

FACT = "elsewhere."

_AWAY = TypeAdapter(Away)


class Books(Protocol):
    """Takes what is over without blocking; the store is one."""

    def next_visit_number(self) -> int: ...
    def save_visit(self, visit: Visit) -> None: ...
    def record_quarter(self, quarter: QuarterHour) -> None: ...
    def save_course(self, visit_id: str, course: object, *, urgent: bool = True) -> None: ...
    def save_fact(self, key: str, value: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Resident:
    """A car of the household: where it charges at home, and its battery."""

    wallbox: str
    battery: Battery


def residents(config: Config) -> dict[str, Resident]:
    """The cars that tell of charges elsewhere, by name."""
    return {
        name: Resident(car.wallbox, Battery(car.capacity_kwh * 1000.0))
        for name, car in config.vehicles.items()
        if car.elsewhere is not None
    }


def watched(visits: Visits, latest: Latest) -> Callable[[str], bool | None]:
    """Whether a wallbox has its car; a stranger's is another one. None: the wallbox has not told yet, or is silent."""

    def has_its_car(wallbox: str) -> bool | None:
        running = visits.running.get(wallbox)
        if running is not None:
            return running.visit.vehicle is not None
        return False if latest.tells(wallbox) else None

    return has_its_car


@dataclass(slots=True)
class Elsewhere:
    cars: Mapping[str, Resident]
    has_its_car: Callable[[str], bool | None]
    books: Books
    clock: Clock
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    away: dict[str, Away] = field(default_factory=dict)  # by vehicle
    _kept_at: dict[str, datetime] = field(default_factory=dict)

    def recall(self, facts: Mapping[str, object]) -> None:
        """What went on when the daemon stopped."""
        for key, value in facts.items():
            if key.startswith(FACT):
                try:
                    self.away[key.removeprefix(FACT)] = _AWAY.validate_python(value)
                except ValidationError:
                    log.warning("What was known of the charge of %s elsewhere can't be read", key.removeprefix(FACT))

    def hear(self, vehicle: str, report: ChargeReport) -> None:
        """What a car says of itself, wherever it is."""
        away, at, car = self.away.get(vehicle), self.clock.utc(), self.cars.get(vehicle)
        home = None if car is None else self.has_its_car(car.wallbox)
        if car is None or home or (home is None and away is None):
            return  # what went on until the car came home is ended by the next look
        battery = car.battery
        now = heard(away, report, at, battery)
        if now is not None:
            if away is None:
                log.info("%s: charges elsewhere", vehicle)
            self._keep(vehicle, now, at)
        elif away is not None:
            self._end(vehicle, last_words(away, report, at, battery))

    def look(self) -> None:
        """At each tick: whether a car has come home, or has not been heard of for too long."""
        at = self.clock.utc()
        for vehicle, away in tuple(self.away.items()):
            car = self.cars.get(vehicle)
            if car is None or self.has_its_car(car.wallbox) or is_silent(away, at):
                self._end(vehicle, away)

    def _keep(self, vehicle: str, away: Away, at: datetime) -> None:
        """In memory at once; on the card once in a quarter-hour, for its sake."""
        self.away[vehicle] = away
        if self._kept_at.get(vehicle) != quarter_start(at):
            self._kept_at[vehicle] = quarter_start(at)
            self.books.save_fact(FACT + vehicle, _AWAY.dump_python(away, mode="json"))

    def _end(self, vehicle: str, away: Away) -> None:
        del self.away[vehicle]
        self._kept_at.pop(vehicle, None)
        over = ended(away, self.new_id(), self.books.next_visit_number(), vehicle)
        if over is not None:
            self.books.save_visit(over.visit)  # first: its rows refer to it
            for quarter in over.quarters:
                self.books.record_quarter(quarter)
            self.books.save_course(over.visit.id, written_course(over.course))
            log.info("%s: charged %.2f kWh elsewhere", vehicle, over.visit.energy_wh / 1000)
        self.books.save_fact(FACT + vehicle, None)
