"""One wallbox with several connectors: each is a wallbox of its own to hemsd, and all of them talk over one socket.

The first of them (the leader) reads the socket, keeps it alive and gets the box ready; what the box says goes to the
connector that it is about. What is about none of them (another connector, the station as a whole) is answered and
otherwise left out, so that nothing of one car is ever taken for the other's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from ocpp.v16.enums import Action, AuthorizationStatus

from drivers.base import TransactionBook
from drivers.ocpp16.charge_point import ChargePoint
from drivers.ocpp16.inbound import read_stop, read_transaction_id, whole
from drivers.ocpp16.rpc import Handled, Link
from drivers.ocpp16.wire import Json

ACCEPTED = {"idTagInfo": {"status": AuthorizationStatus.accepted.value}}
ABOUT_A_CONNECTOR = frozenset({Action.status_notification, Action.meter_values, Action.start_transaction})


async def attend(boxes: Sequence[ChargePoint], link: Link, book: TransactionBook) -> None:
    """Serves a socket to its end for every connector of the box that is steered."""
    leader, *others = boxes
    if not others:
        await leader.attend(link)
        return
    async with asyncio.TaskGroup() as group:
        for box in others:
            group.create_task(box.share(link, leader), name=f"{box.name} shares")
        await leader.attend(link, Switchboard(boxes, book).on_call)


class Switchboard:
    """Finds out whom a call of the box is for."""

    def __init__(self, boxes: Sequence[ChargePoint], book: TransactionBook) -> None:
        self._boxes = boxes
        self._book = book

    async def on_call(self, action: str, payload: Json) -> Handled | None:
        if action == Action.boot_notification:
            return await self._for_all(action, payload)
        if action == Action.authorize:
            return await self._welcome(action, payload)
        if action in ABOUT_A_CONNECTOR:
            box = self._at_connector(payload)
            if box is None and action == Action.start_transaction:
                box = self._boxes[0]  # it needs an id, and is known there as another connector's
            return Handled({}) if box is None else await box.reception.on_call(action, payload)
        if action == Action.stop_transaction:
            box = await self._of_transaction(payload)
            return Handled(ACCEPTED) if box is None else await box.reception.on_call(action, payload)
        return await self._boxes[0].reception.on_call(action, payload)

    def _at_connector(self, payload: Json) -> ChargePoint | None:
        """By the number of the connector, or where a sample has none by its transaction."""
        connector = whole(payload.get("connectorId"))
        transaction_id = read_transaction_id(payload)
        for box in self._boxes:
            if connector == box.connector:
                return box
            if connector is None and transaction_id is not None and transaction_id == box.transaction_id:
                return box
        return None

    async def _of_transaction(self, payload: Json) -> ChargePoint | None:
        """The one that it was given to. One that nobody knows ends nobody's charge; a free connector will show it."""
        stopped = read_stop(payload).transaction_id
        for box in self._boxes:
            if stopped is not None and (stopped == box.transaction_id or box.transactions.has_ended(stopped)):
                return box
        for box in self._boxes:
            if stopped is not None and await self._book.open_one(box.name, box.connector) == stopped:
                return box
        return None

    async def _for_all(self, action: str, payload: Json) -> Handled | None:
        handled = [one for one in [await box.reception.on_call(action, payload) for box in self._boxes] if one]

        async def then() -> None:
            for one in handled:
                if one.then is not None:
                    await one.then()

        return Handled(handled[0].payload, then) if handled else None

    async def _welcome(self, action: str, payload: Json) -> Handled | None:
        """A card that may charge at one of the connectors; which one it is for shows at the start."""
        answers = [await box.reception.on_call(action, payload) for box in self._boxes]
        return next((one for one in answers if one is not None and _accepted(one.payload)), answers[0])


def _accepted(payload: Mapping[str, object]) -> bool:
    told = payload.get("idTagInfo")
    return isinstance(told, Mapping) and told.get("status") == AuthorizationStatus.accepted
