"""What the box says: the answer that each call gets, and what hemsd makes of its content.

Every call is answered, whatever is in it: a box that gets an error for its samples holds back all that queues behind
them, and one whose StopTransaction is refused repeats it for ever. What could not be read is simply not known.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ocpp.v16.enums import Action, AuthorizationStatus, DataTransferStatus, RegistrationStatus

from drivers.base import EventSink
from drivers.ocpp16 import inbound
from drivers.ocpp16.boxtime import BoxClock, BoxTime
from drivers.ocpp16.preparation import Preparation
from drivers.ocpp16.rpc import Handled
from drivers.ocpp16.samples import Arrival, MeterEntry, Metering, read_metering, sample_of
from drivers.ocpp16.settings import OcppWallboxSettings
from drivers.ocpp16.steering import Steering
from drivers.ocpp16.transactions import Transactions
from drivers.ocpp16.vendors import piloted_a
from drivers.ocpp16.vigil import Observed
from drivers.ocpp16.wire import Json
from hemsd.clock import Clock
from hemsd.model import (
    ACTIVE_PHASE_A,
    Booted,
    ConnectorStatus,
    Sample,
    Sampled,
    StatusChanged,
    WallboxEvent,
)

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL_S = 300
HEMSD_ID_TAG = "hemsd"
SUSPENDED = frozenset({ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE})
PILOT_FRESH_S = 60.0


class Reception:
    """Takes the calls of one box, on whatever link they come."""

    def __init__(
        self,
        name: str,
        settings: OcppWallboxSettings,
        clock: Clock,
        sink: EventSink,
        transactions: Transactions,
        steering: Steering,
        preparation: Preparation,
    ) -> None:
        self.status: ConnectorStatus | None = None
        self.observed = Observed()
        self.box_clock = BoxClock()
        self._name = name
        self.settings = settings
        self._clock = clock
        self._sink = sink
        self._transactions = transactions
        self._steering = steering
        self._preparation = preparation
        self._own_meter = False  # samples of the connector itself have come: connector 0 is something else then
        self._pilot: tuple[float, float] | None = None  # (amperes, when told), where a vendor tells it

    async def on_call(self, action: str, payload: Json) -> Handled | None:
        """The answer to one call of the box, and what to do once it has it."""
        match action:
            case Action.boot_notification:
                return Handled(self._boot_answer(), lambda: self._boot(inbound.read_boot(payload)))
            case Action.heartbeat:
                return Handled({"currentTime": self._now()})
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
                return Handled({"status": DataTransferStatus.accepted.value}, lambda: self._vendor(payload))
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

    # -- boot and status ----------------------------------------------------------------------------------------------

    def _boot_answer(self) -> Json:
        accepted = RegistrationStatus.accepted.value
        return {"status": accepted, "currentTime": self._now(), "interval": HEARTBEAT_INTERVAL_S}

    def _now(self) -> str:
        """With milliseconds: boxes set their clock by it, and one that lags finds our schedules not yet begun."""
        return self._clock.utc().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    async def _boot(self, boot: inbound.Boot) -> None:
        log.info("%s is a %s %s, firmware %s", self._name, boot.vendor, boot.model, boot.firmware or "unknown")
        restarted = self._preparation.booted(boot)
        if restarted:
            self._steering.forget()
        self._sink(Booted(self._name, boot.vendor, boot.model, boot.firmware, boot.serial, restarted))

    async def _status(self, report: inbound.StatusReport) -> None:
        self._is_backlog(report.at)
        if report.status is None:
            log.info("%s reports a status that OCPP 1.6 does not have", self._name)
            return
        if report.connector_id != self.settings.connector:
            return  # the station as a whole, or another connector: neither says whether our car is plugged
        self._connector_is(report.status)
        self._sink(StatusChanged(self._name, report.connector_id, report.status, report.error_code, report.info))

    def _connector_is(self, status: ConnectorStatus) -> None:
        before, self.status = self.status, status
        now_s = self._clock.monotonic()
        self.observed.status_due_s = None
        self.observed.status_told_s = now_s
        if status is not before:
            self.observed.status_s = now_s
        if status is ConnectorStatus.CHARGING and before in SUSPENDED:
            self._steering.resumed()
        free = status is ConnectorStatus.AVAILABLE
        self.observed.free_s = now_s if free and self._transactions.current is not None else None
        if free and self._transactions.current is None:
            self._steering.rest()

    # -- transactions -------------------------------------------------------------------------------------------------

    def own_tag(self) -> str:
        """The card that hemsd starts with: the box's own for free charging, else one that is allowed, else ours."""
        own = self._preparation.configuration.free_vend_tag
        return own or next(iter(self.settings.id_tags or ()), HEMSD_ID_TAG)

    def _welcome(self, id_tag: str) -> str:
        allowed = self.settings.id_tags
        known = allowed is None or id_tag.lower() in {tag.lower() for tag in (*allowed, self.own_tag())}
        return str(AuthorizationStatus.accepted if known else AuthorizationStatus.invalid)

    async def _start(self, start: inbound.Start) -> Handled:
        self._is_backlog(start.at)
        started_at = self.box_clock.corrected(start.at, self._clock.utc())
        transaction_id, events = await self._transactions.start(start, started_at)
        welcome = self._welcome(start.id_tag)

        async def then() -> None:
            if events:
                now_s = self._clock.monotonic()
                self.observed.transaction_s = now_s
                self.observed.unwelcome_s = now_s if welcome != AuthorizationStatus.accepted else None
                self._steering.mark_stale()
            self._emit(events)

        return Handled({"transactionId": transaction_id, "idTagInfo": {"status": welcome}}, then)

    async def _stop(self, stop: inbound.Stop) -> None:
        self._is_backlog(stop.at)
        ended_at = self.box_clock.corrected(stop.at, self._clock.utc())
        events = await self._transactions.stop(stop, ended_at, self.status)
        if events:
            self.observed.status_due_s = self._clock.monotonic()
            self.observed.free_s = self.observed.unwelcome_s = None
            self._steering.transaction_ended(stop.reason)
            if self.status is ConnectorStatus.AVAILABLE:
                self._steering.rest()
        self._emit(events)

    async def vanish(self) -> None:
        """The car is gone and the box forgot to say so."""
        ended = await self._transactions.vanish(self._clock.utc())
        if ended is not None:
            log.info("%s is free, and its transaction %d was never stopped", self._name, ended.transaction_id)
            self._emit([ended])
            self._steering.rest()

    # -- samples ------------------------------------------------------------------------------------------------------

    async def _metering(self, metering: Metering) -> None:
        own = metering.connector_id in (None, self.settings.connector)
        self._own_meter = self._own_meter or own
        if not own and (metering.connector_id != 0 or self._own_meter):
            return
        for entry in metering.entries:
            sample = self._sample(entry, metering)
            if not sample.backlog and "Transaction.End" not in sample.context:
                await self._live(sample, metering.transaction_id)
            self._sink(Sampled(self._name, sample))

    async def _live(self, sample: Sample, transaction_id: int | None) -> None:
        draws = (sample.max_current_a or 0.0) >= ACTIVE_PHASE_A
        adopted = await self._transactions.seen(transaction_id, self.status, draws=draws, at=sample.received_at)
        self._emit([adopted] if adopted else [])
        self.observed.sample_s = sample.received_s
        if draws and self._transactions.current is not None:
            self.observed.free_s = None  # Available, and yet it charges: a StatusNotification out of order
        self._steering.sampled(sample)

    def _sample(self, entry: MeterEntry, metering: Metering) -> Sample:
        installed = self._steering.installed
        arrival = Arrival(
            received_s=self._clock.monotonic(),
            received_at=self._clock.utc(),
            transaction_id=self._transactions.known_as(metering.transaction_id),
            backlog=self.box_clock.is_history(entry.at, self._clock.utc(), self._clock.monotonic()),
            wired_phases=self.settings.wired_phases,
            limit_a=installed.setpoint.limit_a if installed else None,
            max_a=self.settings.max_a,
            piloted_a=self._fresh_pilot_a(),
        )
        return sample_of(entry, arrival)

    async def _vendor(self, data_transfer: Json) -> None:
        amps = piloted_a(data_transfer)
        if amps is not None:
            self._pilot = (amps, self._clock.monotonic())

    def _fresh_pilot_a(self) -> float | None:
        if self._pilot is None or self._clock.monotonic() - self._pilot[1] > PILOT_FRESH_S:
            return None
        return self._pilot[0]

    # -- both ---------------------------------------------------------------------------------------------------------

    def _is_backlog(self, written: BoxTime | None) -> bool:
        return self.box_clock.is_backlog(written, self._clock.utc(), self._clock.monotonic())

    def _emit(self, events: Iterable[WallboxEvent]) -> None:
        for event in events:
            self._sink(event)
