"""A home in which a story is told tick by tick: sun and house as given, wallboxes that obey, the story's own time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hemsd.model import (
    ConnectorStatus,
    Decision,
    DecisionKind,
    Dimmed,
    Metered,
    MeterReading,
    PerPhase,
    Sample,
    SiteSettings,
    Snapshot,
    SteeringSettings,
    WallboxImage,
    WallboxSettings,
    Wish,
)
from rules.steer import Memory, steer

SENDING = (DecisionKind.START, DecisionKind.STEP, DecisionKind.STOP)
GARAGE = WallboxSettings("garage", phases="1")
NOON = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)


@dataclass
class Box:
    """A wallbox that obeys at once, and a car that takes what it is offered."""

    plugged: bool = True
    obeys: bool = True  # False: it refuses what it is told
    follows: bool = True  # False: it accepts, and stays as it is
    hungry: bool = True
    switches_phases: bool = True
    car_phases: int = 3
    soc_pct: float | None = None
    limit_a: float | None = None
    phases: int | None = None
    changed_s: float = 0.0
    told_a: float | None = None  # what it accepted
    told_s: float = 0.0
    zero_pauses: bool = False
    min_a: float = 0.0  # with less it takes nothing
    wakes_when: Callable[[Box], bool] = lambda _: False  # a car that sleeps until it is told that

    @property
    def active_phases(self) -> int:
        return min(self.phases or 1, self.car_phases)

    @property
    def current_a(self) -> float:
        offered_a = self.limit_a or 0.0
        return offered_a if self.plugged and self.hungry and offered_a >= self.min_a else 0.0

    @property
    def status(self) -> ConnectorStatus:
        if self.power_w:
            return ConnectorStatus.CHARGING
        return ConnectorStatus.SUSPENDED_EV if self.limit_a else ConnectorStatus.SUSPENDED_EVSE

    @property
    def power_w(self) -> float:
        return self.current_a * 230.0 * self.active_phases

    @property
    def currents_a(self) -> PerPhase:
        count = self.active_phases
        return (self.current_a, self.current_a if count > 1 else 0.0, self.current_a if count > 2 else 0.0)

    def told(self, decision: Decision, now_s: float) -> None:
        if not self.obeys:
            return
        self.told_a, self.told_s = decision.limit_a, now_s
        if self.follows:
            self.limit_a, self.changed_s = decision.limit_a, now_s
            if self.switches_phases or self.phases is None:
                self.phases = decision.phases
        self.hungry = self.hungry or self.wakes_when(self)


@dataclass
class Home:
    """The story so far. ``sun_w`` is what the sun leaves after the house."""

    boxes: tuple[WallboxSettings, ...] = (GARAGE,)
    steering: SteeringSettings = field(default_factory=SteeringSettings)
    site: SiteSettings = field(default_factory=SiteSettings)
    sun_w: float = 0.0
    house_a: PerPhase = (None, None, None)
    battery_w: float | None = None
    battery_soc_pct: float | None = None
    grid_age_s: float = 1.0
    now_s: float = 1000.0
    memory: Memory = field(default_factory=Memory)
    said: list[Decision] = field(default_factory=list)
    sample_every_s: float = 0.0  # how seldom the wallboxes tell their currents
    grid_orders: tuple[Dimmed, ...] = ()
    samples: dict[str, Sample] = field(default_factory=dict)
    cars: dict[str, Box] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for box in self.boxes:
            self.cars.setdefault(box.name, Box())

    @property
    def car(self) -> Box:
        return self.cars[self.boxes[0].name]

    @property
    def last(self) -> Decision:
        return self.said[-1]

    @property
    def sent(self) -> list[Decision]:
        return [decision for decision in self.said if decision.kind in SENDING]

    def snapshot(self) -> Snapshot:
        at = NOON + timedelta(seconds=self.now_s - 1000.0)
        cars_w = sum(car.power_w for car in self.cars.values())
        one, two, three = (self._phase_a(phase) for phase in (1, 2, 3))
        reading = MeterReading(cars_w - self.sun_w - (self.battery_w or 0.0), currents_a=(one, two, three))
        battery = None
        if self.battery_w is not None:
            battery = Metered(MeterReading(self.battery_w, soc_pct=self.battery_soc_pct), 1.0)
        images = tuple(self._image(box.name, at) for box in self.boxes)
        return Snapshot(
            at,
            self.now_s,
            Metered(reading, self.grid_age_s),
            battery=battery,
            wallboxes=images,
            grid_orders=self.grid_orders,
        )

    def _phase_a(self, phase: int) -> float | None:
        """What the meter sees on a phase of the house."""
        own_a = self.house_a[phase - 1]
        cars_a = [self.cars[box.name].currents_a[box.rotation.index(phase)] for box in self.boxes]
        return None if own_a is None else own_a + sum(a or 0.0 for a in cars_a)

    def _image(self, name: str, at: datetime) -> WallboxImage:
        car = self.cars[name]
        if not car.plugged:
            return WallboxImage(name, connected=True, status=ConnectorStatus.AVAILABLE)
        told = self.samples.get(name)
        if told is None or self.now_s - 1.0 - told.received_s >= self.sample_every_s:
            told = Sample(self.now_s - 1.0, at, offered_a=car.limit_a, currents_a=car.currents_a, power_w=car.power_w)
            self.samples[name] = told
        return WallboxImage(
            name,
            connected=True,
            status=car.status,
            zero_pauses=car.zero_pauses,
            transaction_id=17,
            sample=told,
            sample_age_s=self.now_s - told.received_s,
            sample_interval_s=max(1.0, self.sample_every_s),
            limit_a=car.told_a,
            limit_phases=car.phases,
            limit_age_s=None if car.told_a is None else self.now_s - car.told_s,
            soc_pct=car.soc_pct,
        )

    def tick(self, *wishes: Wish) -> Decision:
        """One tick; the last wallbox's decision."""
        self.memory, decisions = steer(self.steering, self.site, self.boxes, self.memory, self.snapshot(), wishes)
        for decision in decisions:
            self.said.append(decision)
            if decision.kind in SENDING:
                self.cars[decision.wallbox].told(decision, self.now_s)
        self.now_s += self.steering.tick_s
        return decisions[-1]

    def play(self, seconds: float, **now: object) -> Decision:
        """Ticks for so long, with what has changed in the home (``sun_w=2000.0``)."""
        for name, value in now.items():
            setattr(self, name, value)
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.tick()
        return self.last

    def until(self, kind: DecisionKind, within_s: float = 3600.0) -> float:
        """Ticks until such a decision falls; the seconds that it took."""
        began_s = self.now_s
        while self.now_s - began_s < within_s:
            at_s = self.now_s
            if self.tick().kind is kind:
                return at_s - began_s
        raise AssertionError(f"no {kind} within {within_s} s; the last word was: {self.last.reason}")

    def states(self) -> Mapping[str, str]:
        return {name: memory.state.value for name, memory in self.memory.boxes.items()}


def charging(sun_w: float = 2000.0, **home: object) -> Home:
    """A home whose car charges for longer than the minimum run time."""
    story = Home(**home)  # type: ignore[arg-type]
    story.play(300.0, sun_w=sun_w)
    return story


def with_settings(**settings: object) -> SteeringSettings:
    return replace(SteeringSettings(), **settings)  # type: ignore[arg-type]
