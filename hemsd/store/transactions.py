"""Transaction ids for wallboxes: OCPP 1.6 lets the central system choose them, and a box may hold on to one for days.

An id is committed to the card before the wallbox hears it. StartTransaction is repeated by a wallbox whose answer got
lost, even weeks later from its own memory; the same connector, start and register then get the same id again. One
that had been closed is opened again: a wallbox that repeats the start of a closed transaction is running it.

When the card fails, the wallbox is answered all the same after ``DURABLE_WITHIN_S``: a car that charges without a note
is better than a car that does not charge. The note waits in memory with the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from hemsd.store import changes
from hemsd.store.codec import ms
from hemsd.store.outbox import Mark
from hemsd.store.writer import Writer

DURABLE_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Start:
    """What makes a StartTransaction the same one as another."""

    wallbox: str
    connector_id: int
    started_ms: int
    meter_start_wh: float | None


FindEnded = Callable[[Start], Awaitable[int | None]]
ToldOfEnd = Callable[[int], tuple[Mark, ...]]
"""Whom the end of this transaction must be told."""


class Transactions:
    """The open transactions in memory, all of them on the card."""

    def __init__(
        self,
        writer: Writer,
        find_ended: FindEnded,
        running: Iterable[tuple[int, Start]],
        last: int,
        told_of_end: ToldOfEnd = lambda _: (),
    ) -> None:
        self._told_of_end = told_of_end
        self._writer = writer
        self._find_ended = find_ended
        self._open = dict(running)
        self._last = last

    async def begin(
        self, wallbox: str, connector_id: int, id_tag: str, started_at: datetime, meter_start_wh: float | None
    ) -> int:
        start = Start(wallbox, connector_id, ms(started_at), meter_start_wh)
        known = self._open_as(start)
        if known is None:
            ended = await self._find_ended(start)
            known = self._open_as(start)  # the same call may have come twice while we looked
            if known is None and ended is not None:
                known = ended
                self._writer.put(changes.reopen(ended))
        if known is None:
            known = self._last = self._last + 1
            self._writer.put(changes.begin(known, wallbox, connector_id, id_tag, started_at, meter_start_wh))
        self._open[known] = start
        await self._durable()
        return known

    async def end(
        self, wallbox: str, transaction_id: int, ended_at: datetime, meter_stop_wh: float | None, reason: str
    ) -> bool:
        start = self._open.get(transaction_id)
        if start is None or start.wallbox != wallbox:
            return False
        del self._open[transaction_id]
        ending = changes.end(transaction_id, ended_at, meter_stop_wh, reason)
        self._writer.put(replace(ending, told=self._told_of_end(transaction_id)))
        await self._durable()
        return True

    async def open_one(self, wallbox: str, connector_id: int) -> int | None:
        """The newest, where a wallbox forgot to close the one before."""
        here = [
            id_ for id_, start in self._open.items() if (start.wallbox, start.connector_id) == (wallbox, connector_id)
        ]
        return max(here, default=None)

    def _open_as(self, start: Start) -> int | None:
        return next((id_ for id_, other in self._open.items() if other == start), None)

    async def _durable(self) -> None:
        try:
            async with asyncio.timeout(DURABLE_WITHIN_S):
                await asyncio.wrap_future(self._writer.settle())
        except (TimeoutError, OSError):
            return  # the writer has said why
