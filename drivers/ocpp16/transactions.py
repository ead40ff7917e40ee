"""Which transaction runs on a wallbox's connector.

Ids come from the durable book, and the same StartTransaction gets the same id for ever: boxes repeat it until they have
the answer. After a restart of hemsd, or with a transaction that another central system began, the first sign is a
sample or a StopTransaction with an id that was not given here; it is *adopted* when the connector says that a charge is
going on. A transaction that has ended stays ended, whatever id later samples bear.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime

from drivers.base import TransactionBook
from drivers.ocpp16.inbound import Start, Stop
from hemsd.model import ConnectorStatus, TransactionEnded, TransactionStarted

IN_CHARGE = frozenset({ConnectorStatus.CHARGING, ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE})
REMEMBERED_ENDS = 64
LOCAL = "Local"  # what an absent reason means, by OCPP 1.6 section 6.49


class Transactions:
    """The transactions of one connector; at most one is open."""

    def __init__(self, wallbox: str, connector: int, book: TransactionBook) -> None:
        self.current: int | None = None
        self._wallbox = wallbox
        self._connector = connector
        self._book = book
        self._ended: deque[int] = deque(maxlen=REMEMBERED_ENDS)
        self._elsewhere: deque[int] = deque(maxlen=REMEMBERED_ENDS)  # on connectors that are not steered
        self._newest_start: Start | None = None

    def known_as(self, transaction_id: int | None) -> int | None:
        """Some boxes give their samples an id of their own; while one transaction is open, it is that one's."""
        if transaction_id is None or self.current is None or self.has_ended(transaction_id):
            return transaction_id
        return self.current

    def has_ended(self, transaction_id: int) -> bool:
        return transaction_id in self._ended

    async def start(
        self, start: Start, started_at: datetime
    ) -> tuple[int, list[TransactionStarted | TransactionEnded]]:
        """The id for a StartTransaction, and what is new by it: nothing when it is a repetition."""
        if start.connector_id not in (0, self._connector):
            return await self._start_elsewhere(start, started_at), []
        if start == self._newest_start and start.stamp and self.current is not None:
            return self.current, []
        transaction_id = await self._book.begin(
            self._wallbox, self._connector, start.id_tag, started_at, start.meter_start_wh
        )
        self._newest_start = start
        if transaction_id == self.current:
            return transaction_id, []
        if self.has_ended(transaction_id):  # a box that repeats the start of what had ended is running it after all
            self._ended.remove(transaction_id)
        events: list[TransactionStarted | TransactionEnded] = []
        if self.current is not None:  # its StopTransaction was lost for good: boxes queue in order
            events.append(await self._end(self.current, started_at, None, "Other"))
        self.current = transaction_id
        events.append(
            TransactionStarted(
                self._wallbox, transaction_id, self._connector, start.id_tag, started_at, start.meter_start_wh
            )
        )
        return transaction_id, events

    async def _start_elsewhere(self, start: Start, started_at: datetime) -> int:
        """Another connector of the same box: it gets its id and is otherwise not ours."""
        transaction_id = await self._book.begin(
            self._wallbox, start.connector_id, start.id_tag, started_at, start.meter_start_wh
        )
        self._elsewhere.append(transaction_id)
        return transaction_id

    async def stop(
        self, stop: Stop, ended_at: datetime, status: ConnectorStatus | None
    ) -> list[TransactionStarted | TransactionEnded]:
        """What a StopTransaction ends; it is Accepted in any case, or the box would repeat it for ever."""
        stopped = stop.transaction_id
        if stopped is not None and self.has_ended(stopped):
            return []
        if stopped is not None and stopped in self._elsewhere:
            await self._book.end(self._wallbox, stopped, ended_at, stop.meter_stop_wh, stop.reason or LOCAL)
            return []
        if stopped is not None and stopped == self.current:
            return [await self._end(stopped, ended_at, stop.meter_stop_wh, stop.reason or LOCAL)]
        if stopped is not None and await self._book.end(
            self._wallbox, stopped, ended_at, stop.meter_stop_wh, stop.reason or LOCAL
        ):
            self._ended.append(stopped)  # begun before our restart, or replayed from the box's queue
            return [TransactionEnded(self._wallbox, stopped, ended_at, stop.meter_stop_wh, stop.reason or LOCAL)]
        if self.current is not None:  # the box does not know the id it was given, but it has one connector to stop
            return [await self._end(self.current, ended_at, stop.meter_stop_wh, stop.reason or LOCAL)]
        if stopped is not None and status in IN_CHARGE:
            self._ended.append(stopped)
            return [
                self._adopted(stopped, ended_at),
                TransactionEnded(self._wallbox, stopped, ended_at, stop.meter_stop_wh, stop.reason or LOCAL),
            ]
        return []

    async def seen(
        self, transaction_id: int | None, status: ConnectorStatus | None, *, draws: bool, at: datetime
    ) -> TransactionStarted | None:
        """A live sample bore this id: adopts it when a charge is going on that is not known here."""
        if transaction_id is None or self.current is not None or self.has_ended(transaction_id):
            return None
        ours = await self._book.open_one(self._wallbox, self._connector) == transaction_id
        if status in IN_CHARGE or (status is None and (ours or draws)):
            self.current = transaction_id
            return self._adopted(transaction_id, at)
        return None

    async def vanish(self, at: datetime) -> TransactionEnded | None:
        """The connector is free again and no StopTransaction came."""
        return None if self.current is None else await self._end(self.current, at, None, "Other")

    def _adopted(self, transaction_id: int, at: datetime) -> TransactionStarted:
        return TransactionStarted(self._wallbox, transaction_id, self._connector, "", at, None, adopted=True)

    async def _end(
        self, transaction_id: int, at: datetime, meter_stop_wh: float | None, reason: str
    ) -> TransactionEnded:
        await self._book.end(self._wallbox, transaction_id, at, meter_stop_wh, reason)
        self._ended.append(transaction_id)
        if transaction_id == self.current:
            self.current = None
        return TransactionEnded(self._wallbox, transaction_id, at, meter_stop_wh, reason)
