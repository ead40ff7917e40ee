"""The store: everything that hemsd remembers, in one SQLite file.

To write is to enqueue (``record_...``, ``save_...``): it costs microseconds and never waits; hemsd.store.writer says
when it reaches the card. To read is to ask the ``views``. Ids are handed out from memory, from where the file left off.
The store is also the journal of Control (hemsd.journal.Journal) and the book of transactions
(drivers.base.TransactionBook).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

from hemsd.clock import Clock
from hemsd.model import Command, Decision, Identities, QuarterHour, Sample, SiteMinute, Visit
from hemsd.store import changes, queries
from hemsd.store.changes import Change
from hemsd.store.codec import to_json
from hemsd.store.opening import Opened, mend_and_open
from hemsd.store.outbox import Announcer, Mark, Nobody, Statement
from hemsd.store.transactions import Start, Transactions
from hemsd.store.views import Views
from hemsd.store.wal import WalCount
from hemsd.store.writer import Writer


class Store:
    """Made by ``await Store.open(path, clock)``, ended by ``await close()``."""

    def __init__(self, path: Path, clock: Clock, opened: Opened) -> None:
        db = opened.db
        self.path = path
        self.mended = opened.mended
        """What had to be done to a damaged file before it could be used, for people; None: it was sound."""
        beginning = queries.beginning(db.conn)
        self._facts = dict(beginning.facts)  # as JSON, so that nobody can change one behind our back
        self._identities = dict(beginning.identities)
        self._visits = {visit.id: visit for visit in beginning.running}
        self._command_id = beginning.last_command_id
        self._visit_number = beginning.last_visit_number
        self._decision_id = beginning.last_decision_id
        self._writer = Writer(db, clock, WalCount(path))
        self._transactions = Transactions(
            self._writer,
            self._ended_transaction,
            beginning.transactions,
            beginning.last_transaction_id,
            told_of_end=self._told_of_end,
        )
        self.announcer: Announcer = Nobody()
        self.views = Views(path, cursor_key=UUID(self._identity("org")).bytes)

    @classmethod
    async def open(cls, path: str | Path, clock: Clock) -> Self:
        """Checks the file, makes or migrates its tables. Raises StoreError."""
        return await asyncio.to_thread(cls._open, Path(path), clock)

    @classmethod
    def _open(cls, path: Path, clock: Clock) -> Self:
        return cls(path, clock, mend_and_open(path, clock))

    async def close(self) -> None:
        """Writes what waits and lets go of the file."""
        self.views.close()
        await asyncio.to_thread(self._writer.close)

    async def settle(self) -> None:
        """Returns when everything recorded so far is committed and can be asked for."""
        await asyncio.wrap_future(self._writer.settle())

    # -- how the card does --------------------------------------------------------------------------------------------

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written at present, for people; None when all is well."""
        return self._writer.trouble

    @property
    def busy(self) -> bool:
        """Whether something is on its way to the card at this moment."""
        return self._writer.busy

    @property
    def forgotten(self) -> int:
        """How many changes were dropped because the card failed for longer than memory lasts."""
        return self._writer.forgotten

    @property
    def bytes_written(self) -> int:
        """What the database asked of the card since it was opened; ``views.written_days()`` has it per day."""
        return self._writer.bytes_written

    def maintain(self, *statements: Statement) -> None:
        """Puts old rows in order, with the next group; all of the statements or none."""
        self._writer.put(Change(statements))

    def also_wrote(self, bytes_: int) -> None:
        """Counts what was written beside the database on its behalf."""
        self._writer.also_wrote(bytes_)

    # -- ids ----------------------------------------------------------------------------------------------------------

    def next_command_id(self) -> int:
        self._command_id += 1
        return self._command_id

    def next_decision_id(self) -> int:
        self._decision_id += 1
        return self._decision_id

    def next_visit_number(self) -> int:
        self._visit_number += 1
        return self._visit_number

    # -- what happened ------------------------------------------------------------------------------------------------

    def save_visit(self, visit: Visit) -> None:
        """At once when its state changed, with the next group when only counters moved. Comes before its rows."""
        before = self._visits.get(visit.id)
        self._put(changes.visit(visit, before), self.announcer.of_visit(visit, before))
        self._visits[visit.id] = visit
        if visit.plugged_out_at is not None:
            del self._visits[visit.id]

    def record_decision(self, row_id: int, decision: Decision, visit_id: str | None) -> None:
        """Given again, it rewrites the row: the same decision, standing for more ticks."""
        marks = self.announcer.of_decision(visit_id) if visit_id is not None and decision.ticks == 1 else ()
        self._put(changes.decision(row_id, decision, visit_id), marks)

    def record_command(self, command: Command) -> None:
        """Given again, it rewrites the row: the same command, with what became of it."""
        self._put(changes.command(command), self.announcer.of_command(command))

    def record_sample(self, visit_id: str, sample: Sample) -> None:
        """One a minute is kept, the newest."""
        self._writer.put(changes.sample(visit_id, sample))

    def record_minute(self, minute: SiteMinute) -> None:
        self._writer.put(changes.minute(minute))

    def record_quarter(self, quarter: QuarterHour) -> None:
        """May be called as it grows."""
        self._put(changes.quarter(quarter), self.announcer.of_quarter(quarter))

    def carry_out(self, *statements: Statement, told: Iterable[Mark] = ()) -> None:
        """A change of tables that another part keeps here, at once; whom it must be told goes in with it."""
        self._writer.put(Change(statements, urgent=True, told=tuple(told)))

    def _put(self, change: Change, told: Iterable[Mark]) -> None:
        marks = tuple(told)
        self._writer.put(replace(change, told=marks) if marks else change)

    def save_course(self, visit_id: str, course: object, *, urgent: bool = True) -> None:
        """What a visit was for and how far it came, as JSON can hold it. Comes after the visit itself."""
        self._put(changes.course(visit_id, to_json(course), urgent=urgent), self.announcer.of_course(visit_id))

    # -- what stays true over a restart -------------------------------------------------------------------------------

    def facts(self) -> Mapping[str, object]:
        """Everything learned or chosen, by key."""
        return {key: json.loads(value) for key, value in self._facts.items()}

    def save_fact(self, key: str, value: object) -> None:
        """``value`` is what JSON can hold; None forgets the key. What is known already is not written again."""
        as_json = None if value is None else to_json(value)
        if as_json == self._facts.get(key):
            return
        if as_json is None:
            del self._facts[key]
        else:
            self._facts[key] = as_json
        self._writer.put(changes.fact(key, as_json))

    def identities(
        self, wallboxes: Iterable[str] = (), vehicles: Iterable[str] = (), policies: Iterable[str] = ()
    ) -> Identities:
        """The uuids of these names; one that has none yet gets it now, for good."""
        return Identities(
            org_id=self._identity("org"),
            user_id=self._identity("user"),
            location_id=self._identity("location"),
            wallboxes={name: self._identity("wallbox", name) for name in wallboxes},
            vehicles={name: self._identity("vehicle", name) for name in vehicles},
            policies={name: self._identity("policy", name) for name in policies},
        )

    def name_of(self, kind: str, uuid: str) -> str | None:
        """What was given this uuid as a "wallbox", "vehicle" or "policy"; also what is no longer configured."""
        found = (name for (of_kind, name), known in self._identities.items() if (of_kind, known) == (kind, uuid))
        return next(found, None)

    def _identity(self, kind: str, name: str = "") -> str:
        known = self._identities.get((kind, name))
        if known is None:
            known = self._identities[kind, name] = str(uuid4())
            self._writer.put(changes.identity(kind, name, known))
        return known

    async def running_visits(self) -> tuple[Visit, ...]:
        """Visits without an end, for adoption after a restart."""
        return await self.views.running_visits()

    # -- drivers.base.TransactionBook ---------------------------------------------------------------------------------

    async def begin(
        self, wallbox: str, connector_id: int, id_tag: str, started_at: datetime, meter_start_wh: float | None
    ) -> int:
        return await self._transactions.begin(wallbox, connector_id, id_tag, started_at, meter_start_wh)

    async def end(
        self, wallbox: str, transaction_id: int, ended_at: datetime, meter_stop_wh: float | None, reason: str
    ) -> bool:
        return await self._transactions.end(wallbox, transaction_id, ended_at, meter_stop_wh, reason)

    async def open_one(self, wallbox: str, connector_id: int) -> int | None:
        return await self._transactions.open_one(wallbox, connector_id)

    def _told_of_end(self, transaction_id: int) -> tuple[Mark, ...]:
        visits = (visit for visit in self._visits.values() if visit.transaction_id == transaction_id)
        return tuple(mark for visit in visits for mark in self.announcer.of_transaction_end(visit))

    async def _ended_transaction(self, start: Start) -> int | None:
        return await self.views.ask(lambda db: queries.ended_transaction(db, start))
