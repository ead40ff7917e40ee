"""What only waiting reveals: a box that stopped telling, a car that waits, a transaction that nobody ended.

One look every few seconds at what is known, and at most one remark to the box for each thing that is missing. A box
that refuses a remark hears it less and less often.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from ocpp.v16.call import ChangeAvailability, RemoteStopTransaction, TriggerMessage
from ocpp.v16.enums import AvailabilityType, MessageTrigger

from drivers.ocpp16.dispatching import judged
from drivers.ocpp16.rpc import Reply
from hemsd.clock import Clock
from hemsd.model import ConnectorStatus, Dispatch, DispatchStatus

LOOK_S = 2.0
MISSED_SAMPLES = 3
STATUS_SILENCE_S = 15.0  # after a stop or a pause
STATUS_ASKED_S = (5.0, 15.0, 60.0)  # after the link came up, and then ...
STATUS_AGAIN_S = 900.0  # ... over and over
VANISHED_S = 60.0
UNAVAILABLE_S = 30.0
UNWELCOME_S = 10.0
LOCAL_START_S = 20.0
START_AGAIN_S = 30.0
START_TRIES = 2
RETRY_S = 60.0
LONGEST_RETRY_S = 960.0


@dataclass(slots=True)
class Observed:
    """When things were last seen, in monotonic seconds. None: nothing is being waited for."""

    linked_s: float = 0.0
    sample_s: float | None = None
    status_s: float = 0.0  # since when it is what it is
    status_told_s: float | None = None
    status_due_s: float | None = None  # something happened that a StatusNotification must follow
    free_s: float | None = None  # the connector says Available though a transaction is open
    unwelcome_s: float | None = None  # a card that may not charge has started
    transaction_s: float = 0.0

    @property
    def status_fresh(self) -> bool:
        """Told on this link; what happened while there was none is not known otherwise."""
        return self.status_told_s is not None and self.status_told_s >= self.linked_s


class Watched(Protocol):
    """What a vigil sees of its charge point."""

    @property
    def observed(self) -> Observed: ...

    @property
    def status(self) -> ConnectorStatus | None: ...

    @property
    def sample_interval_s(self) -> float: ...

    @property
    def connector(self) -> int: ...

    @property
    def transaction_id(self) -> int | None: ...

    @property
    def remote_start(self) -> bool: ...

    @property
    def steered(self) -> bool: ...

    def check_clock(self) -> None: ...

    async def call(self, request: object) -> Reply: ...

    async def start_transaction(self) -> Dispatch: ...

    async def vanish(self) -> None: ...


class Patient:
    """Says a thing, and waits longer after each refusal."""

    def __init__(self) -> None:
        self._next_s = 0.0
        self._pause_s = RETRY_S

    def due(self, now_s: float) -> bool:
        return now_s >= self._next_s

    def told(self, now_s: float, again_s: float, *, accepted: bool) -> None:
        if accepted:
            self._next_s, self._pause_s = now_s + again_s, RETRY_S
        else:
            self._next_s = now_s + self._pause_s
            self._pause_s = min(self._pause_s * 2, LONGEST_RETRY_S)


class Vigil:
    """Watches over one link of one charge point."""

    def __init__(self, box: Watched, clock: Clock) -> None:
        self._box = box
        self._clock = clock
        self._samples = Patient()
        self._status_asked = 0
        self._start_tries = 0
        self._next_start_s = 0.0
        self._made_operative = False

    async def run(self) -> None:
        duties: tuple[Callable[[float], Awaitable[None]], ...] = (
            self._poll_samples,
            self._ask_for_status,
            self._end_what_vanished,
            self._stop_the_unwelcome,
            self._start_who_waits,
            self._make_operative,
        )
        while True:
            await self._clock.sleep(LOOK_S)
            self._box.check_clock()
            for duty in duties:
                await duty(self._clock.monotonic())

    async def _poll_samples(self, now_s: float) -> None:
        """Some boxes take the configuration and never send; some only send when asked."""
        box = self._box
        if box.transaction_id is None:
            return
        newest_s = max(box.observed.linked_s, box.observed.transaction_s, box.observed.sample_s or 0.0)
        silent = now_s - newest_s > MISSED_SAMPLES * box.sample_interval_s
        if silent and self._samples.due(now_s):
            accepted = await self._trigger(MessageTrigger.meter_values)
            self._samples.told(now_s, box.sample_interval_s, accepted=accepted)

    async def _ask_for_status(self, now_s: float) -> None:
        """When it was not told on this link, or when a stop or a pause should have changed it."""
        seen = self._box.observed
        if not seen.status_fresh:
            if now_s - seen.linked_s >= _status_due_s(self._status_asked):
                self._status_asked += 1
                await self._trigger(MessageTrigger.status_notification)
        elif seen.status_due_s is not None and now_s - seen.status_due_s >= STATUS_SILENCE_S:
            seen.status_due_s = None
            await self._trigger(MessageTrigger.status_notification)

    async def _end_what_vanished(self, now_s: float) -> None:
        """The connector is free and no StopTransaction came; a box that lost its power may never send one."""
        free_s = self._box.observed.free_s
        if free_s is not None and now_s - free_s >= VANISHED_S:
            self._box.observed.free_s = None
            await self._box.vanish()

    async def _stop_the_unwelcome(self, now_s: float) -> None:
        """Most boxes stop by themselves when a card is Invalid; not all do."""
        since_s, transaction_id = self._box.observed.unwelcome_s, self._box.transaction_id
        if since_s is not None and transaction_id is not None and now_s - since_s >= UNWELCOME_S:
            self._box.observed.unwelcome_s = None
            await self._box.call(RemoteStopTransaction(transaction_id=transaction_id))

    async def _start_who_waits(self, now_s: float) -> None:
        """A plugged car and no transaction, though the box had its time to start one by itself."""
        box = self._box
        if box.status is not ConnectorStatus.PREPARING or box.transaction_id is not None or not box.remote_start:
            self._start_tries = 0
            return
        waited = now_s - box.observed.status_s >= LOCAL_START_S and now_s >= self._next_start_s
        if waited and self._start_tries < START_TRIES:
            self._start_tries += 1
            self._next_start_s = now_s + START_AGAIN_S
            await box.start_transaction()

    async def _make_operative(self, now_s: float) -> None:
        """Once a link, and only where the box says that it is out of service: on others it does harm."""
        box = self._box
        unavailable = box.status is ConnectorStatus.UNAVAILABLE and now_s - box.observed.status_s >= UNAVAILABLE_S
        if unavailable and box.steered and not self._made_operative:
            self._made_operative = True
            await box.call(ChangeAvailability(connector_id=box.connector, type=AvailabilityType.operative))

    async def _trigger(self, message: MessageTrigger) -> bool:
        request = TriggerMessage(requested_message=message, connector_id=self._box.connector)
        return judged(await self._box.call(request)).status is DispatchStatus.APPLIED


def _status_due_s(asked: int) -> float:
    """How long after the link came up a status that was never told is asked for again."""
    if asked < len(STATUS_ASKED_S):
        return STATUS_ASKED_S[asked]
    return STATUS_AGAIN_S * (asked - len(STATUS_ASKED_S) + 1)
