"""Keeps the running visits: opens one at plug-in, folds each tick into it, closes it at plug-out.

``rules.session`` does the sums. Here is only what needs the outside: identities, the journal, and the site's minute
means, which are gathered on the way because they share the same split by source.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from hemsd.courses import Courses
from hemsd.journal import Journal
from hemsd.model import (
    Command,
    QuarterHour,
    Sample,
    SiteMinute,
    Snapshot,
    SteeringState,
    TransactionStarted,
    Visit,
    WallboxImage,
    Wish,
)
from rules.session import (
    Running,
    Sources,
    Stop,
    adopt,
    advance,
    disown,
    plug_in,
    plug_out,
    retimed,
    transaction_ended,
    transaction_started,
)
from rules.surplus import sources_w

log = logging.getLogger(__name__)

CLOCK_WAS_SET_S = 5.0  # more than NTP moves a clock that is nearly right, within a tick
LONGEST_SILENCE_S = 86_400.0  # of a wallbox that charges meanwhile


@dataclass(frozen=True, slots=True)
class Car:
    """What config.yaml says of the car at a wallbox, as far as a visit needs it."""

    vehicle: str | None = None
    managed: bool = True
    id_tags: frozenset[str] | None = None  # the household's cards; None: every card is


@dataclass(slots=True)
class Visits:
    journal: Journal
    cars: Mapping[str, Car]
    courses: Courses | None = None  # None: visits are only metered
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    closed: Callable[[Visit], None] = lambda _visit: None  # hears of each visit that has ended
    running: dict[str, Running] = field(default_factory=dict)
    sources: dict[str, Sources] = field(default_factory=dict)  # of the newest tick, for the page
    _minute: _Minute | None = None
    _offset_s: float | None = None  # between the wall clock and the one that only rises
    _strangers: set[str] = field(default_factory=set)  # wallboxes where one began to charge
    _starts: dict[str, tuple[float, float]] = field(default_factory=dict)  # registers, and when, without a visit yet
    _stops: dict[str, Stop] = field(default_factory=dict)  # of the newest transactions

    def adopt(
        self,
        visits: tuple[Visit, ...],
        courses: Mapping[str, object] | None = None,
        quarters: Mapping[str, tuple[QuarterHour, ...]] | None = None,
    ) -> None:
        """The visits that were running when the daemon stopped, with their courses and quarter-hours by id."""
        for visit in visits:
            if visit.wallbox in self.cars:
                metered = (quarters or {}).get(visit.id, ())
                self.running[visit.wallbox] = adopt(visit, metered)
                if self.courses is not None:
                    self.courses.adopt(visit, (courses or {}).get(visit.id), metered)
                log.info("%s: goes on with the visit that began %s", visit.wallbox, visit.plugged_in_at)

    def apply(self, cars: Mapping[str, Car]) -> None:
        """What a reload says of the cars; where hemsd no longer steers, a run of the steering ends without a finish."""
        for wallbox, running in self.running.items():
            if running.visit.managed and not cars.get(wallbox, Car()).managed:
                self.running[wallbox] = replace(running, visit=replace(running.visit, aborted=True))
        self.cars = cars

    def visit_id(self, wallbox: str) -> str | None:
        running = self.running.get(wallbox)
        return running.visit.id if running else None

    def sampled(self, wallbox: str, sample: Sample) -> None:
        running = self.running.get(wallbox)
        if running is not None and sample.context != "Transaction.End":
            self.journal.record_sample(running.visit.id, sample)

    def wishes(self, snapshot: Snapshot, wishes: tuple[Wish, ...]) -> tuple[Wish, ...]:
        """The wishes of a tick as the rules shall see them: with what the plans ask for."""
        return wishes if self.courses is None else self.courses.wishes(snapshot, wishes)

    def judged(self, command: Command) -> None:
        if self.courses is not None:
            self.courses.judged(command)

    def transaction_started(self, event: TransactionStarted, at: datetime, now_s: float) -> None:
        """Takes the register's first word. Where cards are named, another one than those is a stranger's."""
        wallbox, meter_start_wh = event.wallbox, event.meter_start_wh
        cards, running = self.cars[wallbox].id_tags, self.running.get(wallbox)
        started_s = now_s - _told_late_s(event, at)
        if running is not None:
            self.running[wallbox] = running = transaction_started(running, meter_start_wh, started_s)
        elif meter_start_wh is not None:
            self._starts[wallbox] = (meter_start_wh, started_s)  # told before a tick has seen that a car is there
        if cards is None or event.id_tag.lower() in cards:
            self._strangers.discard(wallbox)
            return
        self._strangers.add(wallbox)
        log.info("%s: a stranger's card; the visit is only recorded", wallbox)
        if running is None or not running.visit.managed:
            return
        self.running[wallbox] = disown(running)
        self.journal.save_visit(self.running[wallbox].visit)
        if self.courses is not None:
            self.courses.disown(wallbox, at)

    def transaction_ended(self, wallbox: str, meter_stop_wh: float | None, now_s: float) -> None:
        self._starts.pop(wallbox, None)
        if meter_stop_wh is not None:
            self._stops[wallbox] = Stop(meter_stop_wh, now_s)
        running = self.running.get(wallbox)
        if running is not None:
            self.running[wallbox] = transaction_ended(running, meter_stop_wh, now_s)

    def follow(self, snapshot: Snapshot, states: Mapping[str, SteeringState]) -> None:
        """One tick further for every wallbox, and for the minute."""
        self._retime(snapshot)
        cars_w = sum(image.power_w or 0.0 for image in snapshot.wallboxes)
        for image in snapshot.wallboxes:
            self.sources[image.name] = self._sources(image, snapshot, cars_w)
            self._follow_one(image, snapshot, states.get(image.name, SteeringState.IDLE))
        self._gather(snapshot, cars_w)

    def _retime(self, snapshot: Snapshot) -> None:
        """A Pi starts without the time of day; when NTP tells it, visits that began before get their true beginning."""
        offset_s, before_s = snapshot.at.timestamp() - snapshot.now_s, self._offset_s
        self._offset_s = offset_s
        if before_s is not None and abs(offset_s - before_s) <= CLOCK_WAS_SET_S:
            return
        if before_s is not None:
            log.info("The clock was set by %+.0f s", offset_s - before_s)
        for wallbox, running in self.running.items():
            self.running[wallbox] = moved = retimed(running, snapshot.at, snapshot.now_s)
            if self.courses is not None:
                self.courses.retime(wallbox, moved.visit.plugged_in_at - running.visit.plugged_in_at)

    def _follow_one(self, image: WallboxImage, snapshot: Snapshot, state: SteeringState) -> None:
        running = self.running.get(image.name)
        gone = image.connected and image.status is not None and not image.plugged
        if running is not None and gone:
            self._close(running, snapshot.at)
            return
        if running is None:
            if not (image.connected and image.plugged):
                return
            running = self._open(image, snapshot.at)
        running, finished = advance(running, image, self.sources[image.name], state, snapshot.at, snapshot.now_s)
        self.running[image.name] = running = self._under_its_policy(running)
        self.journal.save_visit(running.visit)
        for quarter in (finished, running.quarter):
            if quarter is not None:
                self._record(image.name, quarter)
        if self.courses is not None:
            self.courses.follow(running.visit, image, snapshot.at)

    def _under_its_policy(self, running: Running) -> Running:
        """A target that is asked for in mid-visit may have made the car's first policy."""
        following = self.courses.running.get(running.visit.wallbox) if self.courses is not None else None
        policy = following.course.policy if following is not None else None
        if policy in (None, running.visit.policy):
            return running
        return replace(running, visit=replace(running.visit, policy=policy))

    def _open(self, image: WallboxImage, at: datetime) -> Running:
        car, courses = self.cars[image.name], self.courses
        stranger = image.name in self._strangers
        policy = courses.policy_at(image.name) if courses is not None and not stranger else None
        visit_id = courses.next_id(image.name, at) if courses is not None and policy is not None else self.new_id()
        running = plug_in(
            visit_id,
            self.journal.next_visit_number(),
            image,
            at,
            None if stranger else car.vehicle,
            car.managed and not stranger,
            policy.name if policy is not None else None,
            self._stops.get(image.name),
        )
        running = transaction_started(running, *self._starts.pop(image.name, (None, 0.0)))
        log.info("%s: a car was plugged in", image.name)
        if courses is not None:
            courses.begin(running.visit, image, at)
        return running

    def _record(self, wallbox: str, quarter: QuarterHour) -> None:
        self.journal.record_quarter(quarter)
        if self.courses is not None:
            self.courses.metered(wallbox, quarter)

    def _close(self, running: Running, at: datetime) -> None:
        visit, quarter = plug_out(running, at)
        del self.running[visit.wallbox]
        self._strangers.discard(visit.wallbox)
        if quarter is not None:
            self._record(visit.wallbox, quarter)
        self.journal.save_visit(visit)
        if self.courses is not None:
            self.courses.settle(visit)
        self.closed(visit)
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


def _told_late_s(event: TransactionStarted, at: datetime) -> float:
    """For how long a wallbox without a link kept the start to itself; by a clock that is far off it has not."""
    late_s = (at - event.started_at).total_seconds()
    return late_s if 0.0 < late_s < LONGEST_SILENCE_S else 0.0


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
