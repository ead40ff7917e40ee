"""One tick: freeze the present, decide, command, verify, record.

Control is the only writer of what steering knows. Everything else reaches it as an event (a wallbox said something, an
answer came, a person wishes something) between two ticks, on the same event loop, so nothing needs a lock. It never
waits for a device: commands go by a courier for each wallbox, the journal takes rows without blocking.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hemsd.battery import HomeBattery
from hemsd.clock import Clock, SystemClock, happens_within
from hemsd.dimming import GridOrders
from hemsd.dispatch import Courier
from hemsd.grid_delay import GridDelay
from hemsd.journal import DecisionRows, Journal
from hemsd.latest import Latest
from hemsd.model import (
    Booted,
    Command,
    Decision,
    DecisionKind,
    Dispatch,
    DispatchStatus,
    Outcome,
    Role,
    Sampled,
    SiteSettings,
    Snapshot,
    SteeringSettings,
    TransactionEnded,
    TransactionStarted,
    VerificationSettings,
    WallboxEvent,
    WallboxImage,
    WallboxSettings,
    Wish,
)
from hemsd.trials import Trials
from hemsd.visits import Visits
from rules import dimming, limits
from rules.steer import Memory, steer

log = logging.getLogger(__name__)

REAL = SystemClock()  # how long a tick takes is the machine's time, however fast the house lives
FIRST_RETRY_S = 30.0
LONGEST_RETRY_S = 900.0
SENDING = frozenset({DecisionKind.START, DecisionKind.STEP, DecisionKind.STOP})


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """What a reload may change between two ticks."""

    steering: SteeringSettings
    site: SiteSettings
    boxes: tuple[WallboxSettings, ...]
    verification: VerificationSettings = VerificationSettings()


@dataclass(slots=True)
class Order:
    """What a wallbox was last told, and how it took that."""

    limit_a: float | None = None
    phases: int | None = None
    failsafe_a: float = 0.0  # what was said with it
    since_s: float = 0.0
    before: tuple[float | None, int | None, float] = (None, None, 0.0)  # to go back to when it refuses
    failures: int = 0  # to take a rest
    retry_s: float = 0.0
    command: Command | None = None


@dataclass(slots=True)
class Control:
    clock: Clock
    latest: Latest
    couriers: Mapping[str, Courier]
    settings: ControlSettings
    journal: Journal
    visits: Visits
    ticked: Callable[[Snapshot], None] = lambda _: None
    took: Callable[[float], None] = lambda _: None  # hears how many seconds each tick took
    judged: Callable[[Command], None] = lambda _: None  # hears of each verdict
    disobeyed: Callable[[Command], bool] = lambda _: False  # whether its driver knows another way to say it
    controllable: Callable[[str], bool] = lambda _: True  # False: nothing that it was told had an effect
    zero_pauses: Callable[[str], bool] = lambda _: False  # whether 0 A is proven to pause it
    identified: Callable[[str], None] = lambda _: None  # hears that a wallbox said who it is
    grid_orders: GridOrders = field(init=False)
    battery: HomeBattery = field(default_factory=HomeBattery)
    memory: Memory = field(default_factory=Memory)
    decisions: dict[str, Decision] = field(default_factory=dict)  # the newest of each wallbox
    orders: dict[str, Order] = field(default_factory=dict)
    trials: Trials = field(init=False)
    grid_delay: GridDelay = field(init=False)
    last_tick_s: float | None = None
    due_s: float = math.inf  # when the next tick is
    failsafe_a: float = field(init=False)  # what a wallbox falls back to by itself: less while the house is dimmed
    _wishes: list[Wish] = field(default_factory=list)
    _elsewhere: set[str] = field(default_factory=set)  # the wallboxes that are only watched for a while
    _rows: DecisionRows = field(init=False)
    _overloaded: bool = False  # by the newest grid reading
    _overload: asyncio.Event = field(default_factory=asyncio.Event)  # set when that begins

    def __post_init__(self) -> None:
        self.trials = Trials(self.settings.verification, self._judged, self._say_otherwise)
        self._rows = DecisionRows(self.journal)
        self.grid_orders = GridOrders(self.clock)
        self.grid_delay = GridDelay(self.clock, self.latest, self.settings.site.voltage_v)
        self.failsafe_a = self.settings.steering.failsafe_a
        for name, courier in self.couriers.items():
            self.orders[name] = Order()
            courier.answered = self._answered
            courier.rested = self._rested

    # --- what reaches it between two ticks

    def wish(self, wish: Wish) -> None:
        self._wishes.append(wish)

    def apply(self, settings: ControlSettings) -> None:
        """New settings, from the next tick on; a charge goes on under them."""
        self.settings = settings
        self.trials.settings = settings.verification

    def hand_over(self, wallbox: str) -> None:
        """Somebody else tells this wallbox its limits, until ``take_back``."""
        self.trials.close(wallbox, "The wallbox is tried out.")
        self._elsewhere.add(wallbox)

    def take_back(self, wallbox: str) -> None:
        """What it was told meanwhile is not known here, so it is told anew."""
        self._elsewhere.discard(wallbox)
        self.orders[wallbox] = Order()

    def notice(self, event: WallboxEvent) -> None:
        """What happened at a wallbox; the sink of the wallbox drivers."""
        self.latest.apply(event)
        name = getattr(event, "wallbox", "")
        if name not in self.orders:
            return
        match event:
            case Sampled(sample=sample):
                self.trials.sample(name, sample)
                self.grid_delay.sampled(name, sample)
                self.visits.sampled(name, sample)
            case Booted(restarted=restarted):
                if restarted:
                    self.trials.close(name, "The wallbox was restarted.")
                self.identified(name)
            case TransactionStarted() | TransactionEnded():
                if isinstance(event, TransactionEnded):
                    self.visits.transaction_ended(name, event.meter_stop_wh, self.clock.monotonic())
                else:
                    self.visits.transaction_started(event, self.clock.utc(), self.clock.monotonic())
                self.trials.forget_car(name)
                self.orders[name] = Order(failures=self.orders[name].failures, retry_s=self.orders[name].retry_s)

    def metered(self) -> None:
        """A meter said something. More than the fuse bears is not left to the next tick."""
        overloaded = limits.overloaded(self.latest.metered(Role.GRID), self.settings.site)
        if overloaded and not self._overloaded:
            self._overload.set()
        self._overloaded = overloaded

    # --- the tick

    async def run(self) -> None:
        """Ticks for ever, on a grid of its own: a slow tick delays the next, but they never pile up."""
        self.due_s = self.clock.monotonic()
        while True:
            self._timed_tick()
            self.due_s = max(self.due_s + self.settings.steering.tick_s, self.clock.monotonic())
            while await happens_within(self.clock, self.due_s - self.clock.monotonic(), self._overload):
                self._timed_tick()

    def _timed_tick(self) -> None:
        self._overload.clear()
        began_s = REAL.monotonic()
        self.tick()
        self.took(REAL.monotonic() - began_s)

    def tick(self) -> tuple[Decision, ...]:
        snapshot = self._freeze()
        self.failsafe_a = self._safe_a()
        self.trials.judge(snapshot.now_s)
        wishes, self._wishes = self.visits.wishes(snapshot, tuple(self._wishes)), []
        self.memory, decided = steer(
            self.settings.steering, self.settings.site, self._boxes, self.memory, snapshot, wishes
        )
        self.battery.decide(self.settings.steering, self._boxes, self.memory, snapshot)
        self.visits.follow(snapshot, {decision.wallbox: decision.state for decision in decided})
        images = {image.name: image for image in snapshot.wallboxes}
        decisions = tuple(self._carry_out(decision, images[decision.wallbox], snapshot) for decision in decided)
        for decision in decisions:
            self.decisions[decision.wallbox] = decision
            self._rows.add(decision, self.visits.visit_id(decision.wallbox), snapshot.now_s)
        self.last_tick_s = snapshot.now_s
        self.ticked(snapshot)
        return decisions

    @property
    def _boxes(self) -> tuple[WallboxSettings, ...]:
        boxes = self.settings.boxes
        return tuple(replace(box, steer=False) if box.name in self._elsewhere else box for box in boxes)

    def _freeze(self) -> Snapshot:
        snapshot = self.latest.freeze()
        return replace(
            snapshot,
            wallboxes=tuple(self._with_order(image, snapshot.now_s) for image in snapshot.wallboxes),
            grid_orders=self.grid_orders.standing,
            battery_order=self.battery.look(snapshot),
        )

    def _safe_a(self) -> float:
        dimmed, settings = self.grid_orders.in_force(self.settings.site), self.settings
        return dimming.failsafe_a(settings.steering.failsafe_a, dimmed, settings.site, settings.boxes)

    def _with_order(self, image: WallboxImage, now_s: float) -> WallboxImage:
        order = self.orders[image.name]
        return replace(
            image,
            limit_a=order.limit_a,
            limit_phases=order.phases,
            limit_age_s=now_s - order.since_s if order.limit_a is not None else None,
            last_outcome=order.command.outcome if order.command else None,
            last_final=order.command is None or order.command.final,
            controllable=self.controllable(image.name),
            zero_pauses=self.zero_pauses(image.name),
        )

    def _carry_out(self, decision: Decision, image: WallboxImage, snapshot: Snapshot) -> Decision:
        if decision.kind not in SENDING or decision.limit_a is None:
            self._let_rest(decision, image, snapshot.now_s)
            return decision
        command = self._command(decision, snapshot)
        order = self.orders[decision.wallbox]
        order.before = (order.limit_a, order.phases, order.since_s)
        before_phases = order.phases
        order.limit_a, order.phases = decision.limit_a, decision.phases if decision.phases else order.phases
        order.since_s = snapshot.now_s
        order.command = command
        order.failsafe_a = self.failsafe_a
        self.trials.open(command, image.sample, image.sample_interval_s, before_phases)
        self.journal.record_command(command)
        log.info("%s: %s %g A: %s", decision.wallbox, decision.kind, decision.limit_a, decision.reason)
        remembered = self.memory.boxes.get(decision.wallbox)
        if remembered is not None:
            self.grid_delay.told(decision.wallbox, remembered.response.delay_s)
        self.couriers[decision.wallbox].give(command, order.failsafe_a)
        return replace(decision, dispatched=True, command_id=command.id)

    def _let_rest(self, decision: Decision, image: WallboxImage, now_s: float) -> None:
        """A wallbox that does not charge stays at 0 A, not at the failsafe, until a start, and after a refused stop.

        That is no command: there is nothing to obey but what stands already, and in the partner dialect the first
        thing that is sent is a start.
        """
        order = self.orders[decision.wallbox]
        if not image.connected or image.transaction_id is None:
            return
        idle = decision.kind is DecisionKind.HOLD and decision.limit_a == 0.0 and order.limit_a != 0.0
        if idle and now_s >= order.retry_s:
            order.limit_a, order.phases, order.since_s = 0.0, decision.phases, now_s
            order.failsafe_a = self.failsafe_a
            self.couriers[decision.wallbox].rest(0.0, None, self.failsafe_a)
        elif order.limit_a is not None and self.failsafe_a < order.failsafe_a:  # the same limit, but a lower fall-back
            order.failsafe_a = self.failsafe_a
            self.couriers[decision.wallbox].rest(order.limit_a, order.phases, self.failsafe_a)

    def _rested(self, wallbox: str, dispatch: Dispatch, at_s: float) -> None:
        order = self.orders[wallbox]
        if dispatch.status is DispatchStatus.APPLIED:
            order.failures, order.retry_s = 0, 0.0
        elif order.limit_a == 0.0:
            order.limit_a = None
            order.failures += 1
            order.retry_s = at_s + min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** (order.failures - 1))

    def _command(self, decision: Decision, snapshot: Snapshot) -> Command:
        assert decision.limit_a is not None
        phases = decision.phases or 1
        return Command(
            id=self.journal.next_command_id(),
            wallbox=decision.wallbox,
            at=snapshot.at,
            sent_s=snapshot.now_s,
            amps=decision.limit_a,
            phases=decision.phases,
            watts=round(decision.limit_a * phases * self.settings.site.voltage_v, 1),
            visit_id=self.visits.visit_id(decision.wallbox),
            before_a=self.orders[decision.wallbox].limit_a,
            at_once=decision.at_once,
        )

    # --- what becomes of a command

    def _answered(self, command: Command, dispatch: Dispatch, at_s: float) -> None:
        command = self.trials.answered(command, dispatch, at_s)
        order = self.orders[command.wallbox]
        if order.command is not None and order.command.id == command.id:
            order.command = command
            if dispatch.status is not DispatchStatus.APPLIED:
                order.limit_a, order.phases, order.since_s = order.before
                log.warning("%s: %g A: %s (%s)", command.wallbox, command.amps, dispatch.status, dispatch.text)
        self.journal.record_command(command)
        self.visits.judged(command)
        self.judged(command)

    def _say_otherwise(self, command: Command) -> bool:
        """Sends a command again that had no effect, if it is still the newest and can be said in another way."""
        newest = self.orders[command.wallbox].command
        if newest is None or newest.id != command.id or not self.disobeyed(command):
            return False
        log.info("%s accepted %g A without effect; it is said in another way", command.wallbox, command.amps)
        self.couriers[command.wallbox].give(command, self.failsafe_a)
        return True

    def _judged(self, command: Command) -> None:
        order = self.orders.get(command.wallbox)
        if order is not None and order.command is not None and order.command.id == command.id:
            order.command = command
        if command.outcome not in (Outcome.APPLIED, Outcome.UNVERIFIED):
            log.warning("%s did not obey %g A: %s", command.wallbox, command.amps, command.outcome)
        self.journal.record_command(command)
        self.visits.judged(command)
        self.judged(command)
