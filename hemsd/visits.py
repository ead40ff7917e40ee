"""Keeps the running visits: opens one at plug-in, folds each tick into it, closes it at plug-out.

``rules.session`` does the sums. Here is only what needs the outside: identities, the journal, and the site's minute
means, which are gathered on the way because they share the same split by source.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hemsd.journal import Journal
from hemsd.model import Sample, SiteMinute, Snapshot, SteeringState, Visit, WallboxImage
from rules.session import Running, Sources, adopt, advance, plug_in, plug_out, transaction_ended
from rules.surplus import sources_w

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Car:
    """What config.yaml says of the car at a wallbox, as far as a visit needs it."""

    vehicle: str | None = None
    managed: bool = True


@dataclass(slots=True)
class Visits:
    journal: Journal
    cars: Mapping[str, Car]
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    running: dict[str, Running] = field(default_factory=dict)
    sources: dict[str, Sources] = field(default_factory=dict)  # of the newest tick, for the page
    _minute: _Minute | None = None

    def adopt(self, visits: tuple[Visit, ...]) -> None:
        """The visits that were running when the daemon stopped."""
        for visit in visits:
            if visit.wallbox in self.cars:
                self.running[visit.wallbox] = adopt(visit)
                log.info("%s: goes on with the visit that began %s", visit.wallbox, visit.plugged_in_at)

    def visit_id(self, wallbox: str) -> str | None:
        running = self.running.get(wallbox)
        return running.visit.id if running else None

    def sampled(self, wallbox: str, sample: Sample) -> None:
        running = self.running.get(wallbox)
        if running is not None and sample.context != "Transaction.End":
            self.journal.record_sample(running.visit.id, sample)

    def transaction_ended(self, wallbox: str, meter_stop_wh: float | None, now_s: float) -> None:
        running = self.running.get(wallbox)
        if running is not None:
            self.running[wallbox] = transaction_ended(running, meter_stop_wh, now_s)

    def follow(self, snapshot: Snapshot, states: Mapping[str, SteeringState]) -> None:
        """One tick further for every wallbox, and for the minute."""
        cars_w = sum(image.power_w or 0.0 for image in snapshot.wallboxes)
        for image in snapshot.wallboxes:
            self.sources[image.name] = self._sources(image, snapshot, cars_w)
            self._follow_one(image, snapshot, states.get(image.name, SteeringState.IDLE))
        self._gather(snapshot, cars_w)

    def _follow_one(self, image: WallboxImage, snapshot: Snapshot, state: SteeringState) -> None:
        running = self.running.get(image.name)
        gone = image.connected and image.status is not None and not image.plugged
        if running is not None and gone:
            self._close(running, snapshot.at)
            return
        if running is None:
            if not (image.connected and image.plugged):
                return
            car = self.cars[image.name]
            running = plug_in(
                self.new_id(), self.journal.next_visit_number(), image, snapshot.at, car.vehicle, car.managed
            )
            log.info("%s: a car was plugged in", image.name)
        running, finished = advance(running, image, self.sources[image.name], state, snapshot.at, snapshot.now_s)
        self.running[image.name] = running
        self.journal.save_visit(running.visit)
        for quarter in (finished, running.quarter):
            if quarter is not None:
                self.journal.record_quarter(quarter)

    def _close(self, running: Running, at: datetime) -> None:
        visit, quarter = plug_out(running, at)
        del self.running[visit.wallbox]
        if quarter is not None:
            self.journal.record_quarter(quarter)
        self.journal.save_visit(visit)
        log.info(
            "%s: unplugged after %.2f kWh, %.2f of them from the sun",
            visit.wallbox,
            visit.energy_wh / 1000,
            visit.solar_wh / 1000,
        )

    def _sources(self, image: WallboxImage, snapshot: Snapshot, cars_w: float) -> Sources:
        car_w = image.power_w or 0.0
        grid_w = snapshot.grid.power_w if snapshot.grid else None
        if grid_w is None:
            return Sources(grid_w=max(0.0, car_w))  # without a meter nobody may claim the sun
        battery_w = (snapshot.battery.power_w if snapshot.battery else None) or 0.0
        return sources_w(car_w, cars_w, grid_w, battery_w)

    def _gather(self, snapshot: Snapshot, cars_w: float) -> None:
        start_at = snapshot.at.replace(second=0, microsecond=0)
        if self._minute is None or self._minute.start_at != start_at:
            if self._minute is not None:
                self.journal.record_minute(self._minute.mean())
            self._minute = _Minute(start_at)
        self._minute.add(snapshot, cars_w)


@dataclass(slots=True)
class _Minute:
    """Sums of one minute; what was not known in it stays unknown in its mean."""

    start_at: datetime
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    cars: dict[str, tuple[float, int]] = field(default_factory=dict)

    def add(self, snapshot: Snapshot, cars_w: float) -> None:
        powers = {
            name: metered.power_w if metered else None
            for name, metered in (("grid", snapshot.grid), ("pv", snapshot.pv), ("battery", snapshot.battery))
        }
        grid_w = powers["grid"]
        house_w = None if grid_w is None else grid_w + (powers["pv"] or 0.0) + (powers["battery"] or 0.0) - cars_w
        soc_pct = snapshot.battery.reading.soc_pct if snapshot.battery else None
        for name, value in {**powers, "house": house_w, "soc": soc_pct}.items():
            _sum_up(self.sums, name, value)
        for image in snapshot.wallboxes:
            _sum_up(self.cars, image.name, image.power_w)

    def mean(self) -> SiteMinute:
        house_w = _mean(self.sums, "house")
        return SiteMinute(
            at=self.start_at,
            grid_w=_mean(self.sums, "grid"),
            pv_w=_mean(self.sums, "pv"),
            battery_w=_mean(self.sums, "battery"),
            soc_pct=_mean(self.sums, "soc"),
            house_w=None if house_w is None else max(0.0, house_w),
            cars_w={name: total / count for name, (total, count) in self.cars.items()},
        )


def _sum_up(sums: dict[str, tuple[float, int]], name: str, value: float | None) -> None:
    if value is not None:
        total, count = sums.get(name, (0.0, 0))
        sums[name] = (total + value, count + 1)


def _mean(sums: dict[str, tuple[float, int]], name: str) -> float | None:
    total, count = sums.get(name, (0.0, 0))
    return round(total / count, 1) if count else None
