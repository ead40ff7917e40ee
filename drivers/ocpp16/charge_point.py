"""One configured wallbox: it outlives its sockets, its reboots and our misunderstandings.

The charge point answers what the box says, turns it into events, and holds the parts together: the link of the
moment, the transactions, the steering and the preparation of the box. Handlers only answer and note; whatever calls
the box runs in tasks of its own, because a handler that waited for an answer would wait for itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ocpp.v16.call import RemoteStartTransaction, RemoteStopTransaction, TriggerMessage
from ocpp.v16.enums import Action, AuthorizationStatus, DataTransferStatus, MessageTrigger, RegistrationStatus

from drivers.base import EventSink, TransactionBook
from drivers.ocpp16 import inbound, keepalive, setup
from drivers.ocpp16.boxtime import BoxClock
from drivers.ocpp16.configuration import Configuration
from drivers.ocpp16.dispatching import judged
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.profiles import Setpoint
from drivers.ocpp16.rpc import Handled, Link, LinkCounters, LinkLost, Reply
from drivers.ocpp16.samples import Arrival, MeterEntry, Metering, read_metering, sample_of
from drivers.ocpp16.settings import OcppWallboxSettings
from drivers.ocpp16.steering import Failsafe, Steering
from drivers.ocpp16.transactions import Transactions
from drivers.ocpp16.vigil import Observed, Vigil
from drivers.ocpp16.waiting import happens_within
from drivers.ocpp16.wire import Json
from hemsd.clock import Clock
from hemsd.model import (
    ACTIVE_PHASE_A,
    Attempt,
    Booted,
    ConnectorStatus,
    Dispatch,
    DispatchStatus,
    LinkDown,
    LinkUp,
    Outcome,
    Sample,
    Sampled,
    StatusChanged,
    WallboxEvent,
)

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL_S = 300
BOOT_TRIGGER_S = 5.0
BOOT_GIVE_UP_S = 10.0  # after the trigger
BOOT_LOOP = 3  # boots ...
BOOT_LOOP_S = 600.0  # ... within this time: our own configuration may be what makes it reboot
HEMSD_ID_TAG = "hemsd"
SUSPENDED = frozenset({ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may take, in real seconds."""

    command_s: float = 30.0
    setup_s: float = 15.0


class ChargePoint:
    """A wallbox as Control sees it (``drivers.base.Wallbox``)."""

    def __init__(
        self,
        name: str,
        settings: OcppWallboxSettings,
        failsafe: Failsafe,
        book: TransactionBook,
        clock: Clock,
        sink: EventSink,
        *,
        memories: dict[str, Memory],
        remember: Callable[[Memory], None] = lambda memory: None,
        patience: Patience | None = None,
        heartbeat: keepalive.Heartbeat | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.configuration = Configuration()
        self.box_clock = BoxClock()
        self.transactions = Transactions(name, settings.connector, book)
        self.status: ConnectorStatus | None = None
        self.sample_interval_s = float(setup.SAMPLE_INTERVAL_S)
        self.observed = Observed()
        self.minimal = False  # the box reboots over and over: nothing is configured any more
        self._identity = Memory()
        self._memories = memories
        self.patience = patience or Patience()
        self._heartbeat = heartbeat or keepalive.Heartbeat()
        self._clock = clock
        self._sink = sink
        self._link: Link | None = None
        self._counters = LinkCounters()
        self._boots: deque[float] = deque(maxlen=BOOT_LOOP)
        self._booted = asyncio.Event()
        self._prepare = asyncio.Event()
        self._awaiting_boot = False
        self.steering = Steering(
            name,
            self,
            clock,
            failsafe,
            wired_phases=None if settings.phases == "auto" else int(settings.phases),
            remember=remember,
        )

    # -- what steering sees (``steering.Station``) ---------------------------------------------------------------------

    @property
    def connector(self) -> int:
        return self.settings.connector

    @property
    def transaction_id(self) -> int | None:
        return self.transactions.current

    @property
    def remote_start(self) -> bool:
        return self.settings.remote_start

    @property
    def steered(self) -> bool:
        return self.settings.steer

    @property
    def counters(self) -> LinkCounters:
        """Of the newest link, for diagnostics."""
        return self._counters

    @property
    def suspended(self) -> bool:
        return self.status in SUSPENDED

    @property
    def linked(self) -> bool:
        return self._link is not None and self._link.alive

    async def call(self, request: object) -> Reply:
        return await self._ask(request, self.patience.command_s)

    async def _ask(self, request: object, timeout_s: float) -> Reply:
        if self._link is None:
            return LinkLost("not connected")
        return await self._link.call(request, timeout_s)

    async def _prepare_call(self, request: object) -> Reply:
        return await self._ask(request, self.patience.setup_s)

    # -- what Control may ask (``drivers.base.Wallbox``) ---------------------------------------------------------------

    async def send_limit(self, limit_a: float, phases: int | None, *, failsafe_a: float) -> Dispatch:
        return await self.steering.command(Setpoint(limit_a, phases, failsafe_a))

    async def start_transaction(self) -> Dispatch:
        tag = self._own_tag()
        started = await self._command(RemoteStartTransaction(id_tag=tag, connector_id=self.connector))
        if started.status is not DispatchStatus.REJECTED:
            return started
        again = await self._command(RemoteStartTransaction(id_tag=tag))  # some boxes take it only without
        return replace(again, attempts=started.attempts + again.attempts)

    def _own_tag(self) -> str:
        """The card that hemsd starts with: the box's own for free charging, else one that is allowed, else ours."""
        return self.configuration.free_vend_tag or next(iter(self.settings.id_tags or ()), HEMSD_ID_TAG)

    async def stop_transaction(self) -> Dispatch:
        if self.transaction_id is None:
            return Dispatch(DispatchStatus.UNREACHABLE, text="there is no open transaction")
        self.observed.status_due_s = self._clock.monotonic()
        return await self._command(RemoteStopTransaction(transaction_id=self.transaction_id))

    async def request_sample(self) -> Dispatch:
        return await self._command(_trigger(MessageTrigger.meter_values, self.connector))

    async def release(self, failsafe_a: float) -> Dispatch:
        """Leaves the box at the failsafe, for as long as hemsd is away."""
        return await self.steering.release(failsafe_a)

    def verdict(self, outcome: Outcome) -> None:
        """Takes Control's verdict on the newest limit, so that the next one is said in a way that works."""
        self.steering.verdict(outcome)

    async def _command(self, request: object) -> Dispatch:
        if not self.linked:
            return Dispatch(DispatchStatus.UNREACHABLE, text="not connected")
        at = self._clock.utc()
        answer = judged(await self.call(request))
        return Dispatch(answer.status, (Attempt(at, type(request).__name__, answer.status, answer.text),), answer.text)

    # -- the life of a link --------------------------------------------------------------------------------------------

    async def attend(self, link: Link) -> None:
        """Serves one socket to its end. A newer socket takes over at once: the older one is half-open or past."""
        older, self._link = self._link, link
        self._counters = link.counters
        self._booted.clear()
        self._prepare.set()
        self.observed.linked_s = self._clock.monotonic()
        log.info("%s is connected from %s", self.name, link.remote)
        self._sink(LinkUp(self.name, link.remote))
        async with asyncio.TaskGroup() as group:
            if older is not None:
                older.lose("replaced by a newer connection")
                group.create_task(older.socket.close(1001, "replaced"))
            tasks = [
                group.create_task(keepalive.watch(link, self._heartbeat), name=f"{self.name} keepalive"),
                group.create_task(self._prepare_whenever_due(), name=f"{self.name} setup"),
                group.create_task(self.steering.keep(), name=f"{self.name} limit"),
                group.create_task(Vigil(self, self._clock).run(), name=f"{self.name} vigil"),
            ]
            try:
                await link.serve(self._on_call)
            finally:
                for task in tasks:
                    task.cancel()
                self._detach(link)

    def _detach(self, link: Link) -> None:
        if self._link is link:  # otherwise a newer one is up, and nothing is down
            self._link = None
            log.info("%s is disconnected: %s", self.name, link.end)
            self._sink(LinkDown(self.name, link.end))

    # -- preparation ---------------------------------------------------------------------------------------------------

    async def _prepare_whenever_due(self) -> None:
        """After each connect and each boot."""
        while True:
            await self._prepare.wait()
            self._prepare.clear()
            if not self._booted.is_set():
                await self._await_boot()
            await self._ask_for_status()
            await self._configure()
            self.steering.reconnected(self.observed.linked_s)

    async def _await_boot(self) -> None:
        """Many boxes send no BootNotification when only the link was lost; hemsd then does without."""
        self._awaiting_boot = True
        if not await happens_within(self._clock, BOOT_TRIGGER_S, self._booted):
            await self._prepare_call(_trigger(MessageTrigger.boot_notification))
            await happens_within(self._clock, BOOT_GIVE_UP_S, self._booted)
        self._awaiting_boot = False

    async def _ask_for_status(self) -> None:
        if self.status is None:
            await self._prepare_call(_trigger(MessageTrigger.status_notification, self.connector))
        if self.transaction_id is None and self.status is not ConnectorStatus.AVAILABLE:
            await self._prepare_call(_trigger(MessageTrigger.meter_values, self.connector))

    async def _configure(self) -> None:
        self.configuration = await setup.read_whole_configuration(self._prepare_call)
        known = self._identity.vendor or self._identity.model  # otherwise what was found out so far is all there is
        self.steering.speaker.identified(
            self._memories.get(self._identity.key, self._identity) if known else self.steering.memory
        )
        if self.minimal:
            log.warning(
                "%s rebooted %d times in %.0f s; it is not configured any more", self.name, BOOT_LOOP, BOOT_LOOP_S
            )
            return
        memory = self.steering.memory
        self.sample_interval_s = await setup.agree_on_interval(
            self._prepare_call, self.configuration, memory.interval_s
        )
        if self.configuration.number(setup.INTERVAL_KEY) != self.sample_interval_s != setup.SAMPLE_INTERVAL_S:
            memory = replace(memory, interval_s=int(self.sample_interval_s))
        taken = await setup.agree_on_measurands(self._prepare_call, self.configuration, memory.measurands)
        self.steering.speaker.learn(replace(memory, measurands=taken or memory.measurands))

    # -- what the box says ---------------------------------------------------------------------------------------------

    async def _on_call(self, action: str, payload: Json) -> Handled | None:
        """The answer to one call of the box, and what to do once it has it."""
        match action:
            case Action.boot_notification:
                return Handled(self._boot_answer(), lambda: self._boot(inbound.read_boot(payload)))
            case Action.heartbeat:
                return Handled({"currentTime": self._box_now()})
            case Action.status_notification:
                return Handled({}, lambda: self._status(inbound.read_status(payload)))
            case Action.meter_values:
                return Handled({}, lambda: self._metering(read_metering(payload)))
            case Action.authorize:
                return Handled({"idTagInfo": {"status": self._welcome(inbound.read_id_tag(payload))}})
            case Action.start_transaction:
                return await self._start(inbound.read_start(payload))
            case Action.stop_transaction:
                accepted = {"idTagInfo": {"status": AuthorizationStatus.accepted.value}}
                return Handled(accepted, lambda: self._stop(inbound.read_stop(payload)))
            case Action.data_transfer:
                # Some boxes repeat a vendor's status each minute until it is Accepted.
                return Handled({"status": DataTransferStatus.accepted.value})
            case (
                Action.diagnostics_status_notification
                | Action.firmware_status_notification
                | Action.log_status_notification
                | Action.security_event_notification
                | Action.signed_firmware_status_notification
            ):
                return Handled({})
            case _:
                return None

    def _boot_answer(self) -> Json:
        return {
            "status": RegistrationStatus.accepted.value,
            "currentTime": self._box_now(),
            "interval": HEARTBEAT_INTERVAL_S,
        }

    def _box_now(self) -> str:
        """With milliseconds: boxes set their clock by it, and one that lags finds our schedules not yet begun."""
        return self._clock.utc().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _welcome(self, id_tag: str) -> str:
        allowed = self.settings.id_tags
        known = allowed is None or id_tag.lower() in {tag.lower() for tag in (*allowed, self._own_tag())}
        return str(AuthorizationStatus.accepted if known else AuthorizationStatus.invalid)

    async def _boot(self, boot: inbound.Boot) -> None:
        self._identity = Memory(boot.vendor, boot.model, boot.firmware)
        awaited = self._awaiting_boot and not self._booted.is_set()
        self._booted.set()
        now_s = self._clock.monotonic()
        self._boots.append(now_s)
        self.minimal = len(self._boots) == BOOT_LOOP and now_s - self._boots[0] <= BOOT_LOOP_S
        log.info("%s is a %s %s, firmware %s", self.name, boot.vendor, boot.model, boot.firmware or "unknown")
        self.steering.forget()
        if not awaited:  # a reboot, or a boot that came after hemsd had gone on without
            self._prepare.set()
        self._sink(Booted(self.name, boot.vendor, boot.model, boot.firmware, boot.serial))

    async def _status(self, report: inbound.StatusReport) -> None:
        now_at = self._clock.utc()
        self.box_clock.is_backlog(report.at, now_at, self._clock.monotonic())
        if report.status is None:
            log.info("%s reports a status that OCPP 1.6 does not have", self.name)
            return
        if report.connector_id == self.connector:
            self._connector_is(report.status)
        self._sink(StatusChanged(self.name, report.connector_id, report.status, report.error_code, report.info))

    def _connector_is(self, status: ConnectorStatus) -> None:
        before, self.status = self.status, status
        now_s = self._clock.monotonic()
        self.observed.status_due_s = None
        if status is not before:
            self.observed.status_s = now_s
        if status is ConnectorStatus.CHARGING and before in SUSPENDED:
            self.steering.resumed()
        free = status is ConnectorStatus.AVAILABLE
        self.observed.free_s = now_s if free and self.transaction_id is not None else None
        if free and self.transaction_id is None:
            self.steering.rest()

    async def vanish(self) -> None:
        """The car is gone and the box forgot to say so."""
        ended = await self.transactions.vanish(self._clock.utc())
        if ended is not None:
            log.info("%s is free, and its transaction %d was never stopped", self.name, ended.transaction_id)
            self._emit([ended])
            self.steering.rest()

    async def _start(self, start: inbound.Start) -> Handled:
        now_at = self._clock.utc()
        self.box_clock.is_backlog(start.at, now_at, self._clock.monotonic())
        started_at = self.box_clock.corrected(start.at, now_at)
        transaction_id, events = await self.transactions.start(start, started_at)
        welcome = self._welcome(start.id_tag)

        async def then() -> None:
            if events:
                now_s = self._clock.monotonic()
                self.observed.transaction_s = now_s
                self.observed.unwelcome_s = now_s if welcome != AuthorizationStatus.accepted else None
                self.steering.mark_stale()
            self._emit(events)

        return Handled({"transactionId": transaction_id, "idTagInfo": {"status": welcome}}, then)

    async def _stop(self, stop: inbound.Stop) -> None:
        now_at = self._clock.utc()
        self.box_clock.is_backlog(stop.at, now_at, self._clock.monotonic())
        ended_at = self.box_clock.corrected(stop.at, now_at)
        events = await self.transactions.stop(stop, ended_at, self.status)
        if events:
            self.observed.status_due_s = self._clock.monotonic()
            self.observed.free_s = self.observed.unwelcome_s = None
            self.steering.transaction_ended(stop.reason)
            if self.status is ConnectorStatus.AVAILABLE:
                self.steering.rest()
        self._emit(events)

    async def _metering(self, metering: Metering) -> None:
        if metering.connector_id not in (None, 0, self.connector):
            return
        for entry in metering.entries:
            sample = self._sample(entry, metering)
            if not sample.backlog and "Transaction.End" not in sample.context:
                draws = (sample.max_current_a or 0) >= ACTIVE_PHASE_A
                adopted = await self.transactions.seen(
                    metering.transaction_id, self.status, draws=draws, at=sample.received_at
                )
                self._emit([adopted] if adopted else [])
                self._live(sample)
            self._sink(Sampled(self.name, sample))

    def _live(self, sample: Sample) -> None:
        self.observed.sample_s = sample.received_s
        if (sample.max_current_a or 0) >= ACTIVE_PHASE_A and self.transaction_id is not None:
            self.observed.free_s = None  # Available, and yet it charges: a StatusNotification out of order
        self.steering.sampled(sample)

    def _sample(self, entry: MeterEntry, metering: Metering) -> Sample:
        now_at, now_s = self._clock.utc(), self._clock.monotonic()
        installed = self.steering.installed
        arrival = Arrival(
            received_s=now_s,
            received_at=now_at,
            transaction_id=self.transactions.known_as(metering.transaction_id),
            backlog=self.box_clock.is_backlog(entry.at, now_at, now_s),
            wired_phases=None if self.settings.phases == "auto" else int(self.settings.phases),
            limit_a=installed.setpoint.limit_a if installed else None,
            max_a=self.settings.max_a,
        )
        return sample_of(entry, arrival)

    def _emit(self, events: Iterable[WallboxEvent]) -> None:
        for event in events:
            self._sink(event)


def _trigger(message: MessageTrigger, connector: int | None = None) -> TriggerMessage:
    return TriggerMessage(requested_message=message, connector_id=connector)
