"""One configured wallbox: it outlives its sockets, its reboots and our misunderstandings.

The charge point holds the parts together: the link of the moment, the reception that answers what the box says, the
preparation of the box, the steering, and the vigil over what it does not say. Handlers only answer and note; whatever
calls the box runs in tasks of its own, because a handler that waited for an answer would wait for itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace

from ocpp.v16.call import ClearChargingProfile, RemoteStartTransaction, RemoteStopTransaction, TriggerMessage
from ocpp.v16.enums import MessageTrigger

from drivers.base import EventSink, TransactionBook
from drivers.ocpp16 import keepalive
from drivers.ocpp16.boxtime import BoxClock
from drivers.ocpp16.configuration import Configuration
from drivers.ocpp16.dispatching import judged
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.preparation import Preparation
from drivers.ocpp16.profiles import Setpoint
from drivers.ocpp16.reception import SUSPENDED, Reception
from drivers.ocpp16.rpc import Link, LinkCounters, LinkLost, OnCall, Reply
from drivers.ocpp16.settings import OcppWallboxSettings
from drivers.ocpp16.steering import Failsafe, Steering
from drivers.ocpp16.transactions import Transactions
from drivers.ocpp16.vigil import Observed, Vigil
from hemsd.clock import Clock
from hemsd.model import Attempt, ConnectorStatus, Dispatch, DispatchStatus, LinkDown, LinkUp, Outcome

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may take, in real seconds. Some boxes need 25 s for every answer."""

    command_s: float = 30.0
    setup_s: float = 30.0


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
        memories: Mapping[str, Memory],
        remember: Callable[[Memory], None] = lambda memory: None,
        patience: Patience | None = None,
        heartbeat: keepalive.Heartbeat | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.alone = True  # no other connector of the box is steered
        self.patience = patience or Patience()
        self.counters = LinkCounters()  # of the newest link
        self._heartbeat = heartbeat or keepalive.Heartbeat()
        self._clock = clock
        self._sink = sink
        self._jumps_seen = 0  # of our own clock
        self._link: Link | None = None
        self._tasks: list[asyncio.Task[None]] = []  # of the newest link
        self.transactions = Transactions(name, settings.connector, book)
        self.steering = Steering(name, self, clock, failsafe, wired_phases=settings.wired_phases, remember=remember)
        self.preparation = Preparation(name, self, clock, self._prepare, self.steering.speaker, memories)
        self.reception = Reception(name, settings, clock, sink, self.transactions, self.steering, self.preparation)

    def apply(self, settings: OcppWallboxSettings, failsafe: Failsafe) -> None:
        """Changed settings, while the link stays."""
        self.settings = self.reception.settings = settings
        self.steering.apply(failsafe, settings.wired_phases)

    # -- what Control may ask (``drivers.base.Wallbox``) ---------------------------------------------------------------

    async def send_limit(
        self, limit_a: float, phases: int | None, *, failsafe_a: float, at_once: bool = False
    ) -> Dispatch:
        if at_once and self._link is not None:
            self._link.hurry()
        return await self.steering.command(Setpoint(limit_a, phases, failsafe_a), at_once=at_once)

    async def start_transaction(self) -> Dispatch:
        tag = self.reception.own_tag()
        started = await self._command(RemoteStartTransaction(id_tag=tag, connector_id=self.connector))
        if started.status is not DispatchStatus.REJECTED or not self.alone:
            return started
        again = await self._command(RemoteStartTransaction(id_tag=tag))  # some boxes take it only without
        return replace(again, attempts=started.attempts + again.attempts)

    async def stop_transaction(self) -> Dispatch:
        if self.transaction_id is None:
            return Dispatch(DispatchStatus.UNREACHABLE, text="there is no open transaction")
        self.observed.status_due_s = self._clock.monotonic()
        return await self._command(RemoteStopTransaction(transaction_id=self.transaction_id))

    async def request_sample(self) -> Dispatch:
        request = TriggerMessage(requested_message=MessageTrigger.meter_values, connector_id=self.connector)
        return await self._command(request)

    async def release(self, failsafe_a: float) -> Dispatch:
        """Leaves the box at the failsafe, for as long as hemsd is away."""
        return await self.steering.release(failsafe_a)

    async def clear_profiles(self) -> Dispatch:
        """Removes every profile, those of earlier backends too; only for somebody who asked for it.

        The box has no limit until the wanted one is on it again, which follows at once.
        """
        cleared = await self._command(ClearChargingProfile(connector_id=None if self.alone else self.connector))
        self.steering.forget()
        if cleared.status is DispatchStatus.REJECTED and cleared.text == "Unknown":  # there was none
            return replace(cleared, status=DispatchStatus.APPLIED)
        return cleared

    def verdict(self, outcome: Outcome) -> bool:
        """Takes Control's verdict on the newest limit; True: there is another way to say it, so say it again."""
        return self.steering.verdict(outcome)

    @property
    def flooding(self) -> bool:
        """Whether it sends far more than a wallbox has to say; it is read more slowly then."""
        return self.linked and self._link is not None and self._link.pace.flooding

    @property
    def controllable(self) -> bool:
        """False: proven, in this session, to follow no limit however it is said."""
        return not self.steering.speaker.gave_up

    @property
    def zero_pauses(self) -> bool:
        """Whether 0 A is proven to pause it without ending the transaction."""
        memory = self.steering.memory
        return memory.zero_proven and not memory.zero_ends_tx

    async def _command(self, request: object) -> Dispatch:
        if not self.linked:
            return Dispatch(DispatchStatus.UNREACHABLE, text="not connected")
        at = self._clock.utc()
        answer = judged(await self.call(request))
        return Dispatch(answer.status, (Attempt(at, type(request).__name__, answer.status, answer.text),), answer.text)

    # -- the life of a link --------------------------------------------------------------------------------------------

    async def attend(self, link: Link, on_call: OnCall | None = None) -> None:
        """Serves one socket to its end. A newer socket takes over at once: the older one is half-open or past.

        ``on_call`` takes the box's calls, where it has other connectors that are steered.
        """
        watching, preparing = keepalive.watch(link, self._heartbeat), self._prepare_whenever_due()
        await self._live_on(link, (watching, preparing), link.serve(on_call or self.reception.on_call))

    async def share(self, link: Link, leader: ChargePoint) -> None:
        """Another connector of the same box: its leader reads the socket, and gets the box ready first."""
        await self._live_on(link, (self._prepare_after(leader),), link.ended.wait())

    async def _live_on(
        self, link: Link, works: tuple[Coroutine[object, object, None], ...], life: Coroutine[object, object, object]
    ) -> None:
        older, self._link = self._link, link
        for task in self._tasks:
            task.cancel()
        self.counters = link.counters
        self.observed.linked_s = self._clock.monotonic()
        self.preparation.linked()
        log.info("%s is connected from %s", self.name, link.remote)
        self._sink(LinkUp(self.name, link.remote))
        async with asyncio.TaskGroup() as group:
            if older is not None:
                older.lose("replaced by a newer connection")
                group.create_task(older.socket.close(1001, "replaced"))
            tasks = self._tasks = [
                group.create_task(work) for work in (*works, self.steering.keep(), Vigil(self, self._clock).run())
            ]
            try:
                await life
            finally:
                for task in tasks:
                    task.cancel()
                self._detach(link)

    def _detach(self, link: Link) -> None:
        if self._link is link:  # otherwise a newer one is up, and nothing is down
            self._link = None
            log.info("%s is disconnected: %s", self.name, link.end)
            self._sink(LinkDown(self.name, link.end))

    async def _prepare_after(self, leader: ChargePoint) -> None:
        await leader.preparation.done.wait()
        await self._prepare_whenever_due()

    async def _prepare_whenever_due(self) -> None:
        while True:
            await self.preparation.next()
            self.steering.reconnected(self.observed.linked_s)

    # -- what the parts see of each other ------------------------------------------------------------------------------

    @property
    def connector(self) -> int:
        return self.settings.connector

    @property
    def remote_start(self) -> bool:
        return self.settings.remote_start

    @property
    def steered(self) -> bool:
        return self.settings.steer

    @property
    def linked(self) -> bool:
        return self._link is not None and self._link.alive

    @property
    def status(self) -> ConnectorStatus | None:
        return self.reception.status

    @property
    def suspended(self) -> bool:
        return self.status in SUSPENDED

    @property
    def transaction_id(self) -> int | None:
        return self.transactions.current

    @property
    def observed(self) -> Observed:
        return self.reception.observed

    @property
    def box_clock(self) -> BoxClock:
        return self.reception.box_clock

    @property
    def configuration(self) -> Configuration:
        return self.preparation.configuration

    @property
    def sample_interval_s(self) -> float:
        """What the box was set to; what it really keeps shows in its samples."""
        return self.preparation.sample_interval_s

    async def call(self, request: object) -> Reply:
        return await self._ask(request, self.patience.command_s)

    async def _prepare(self, request: object) -> Reply:
        return await self._ask(request, self.patience.setup_s)

    async def _ask(self, request: object, timeout_s: float) -> Reply:
        if self._link is None:
            return LinkLost("not connected")
        return await self._link.call(request, timeout_s)

    def check_clock(self) -> None:
        """After a jump of our own clock an absolute schedule means another moment to the box than it did."""
        self.box_clock.note_our_time(self._clock.utc(), self._clock.monotonic())
        if self.box_clock.jumps != self._jumps_seen:
            self._jumps_seen = self.box_clock.jumps
            log.info("The time has jumped; %s is given its limit again", self.name)
            self.steering.mark_stale()

    async def vanish(self) -> None:
        await self.reception.vanish()
