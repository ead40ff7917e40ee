"""Many sessions posted at once: taken at once, judged one after the other, so that nobody else waits long.

Progress lives in memory and the result on the card. A batch that a restart interrupted counts as failed: its sessions
up to then are there, and sending it again is harmless.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field
from datetime import datetime
from sqlite3 import Connection
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from hemsd.clock import Clock
from hemsd.scoring.desk import SessionDesk
from hemsd.store.changes import upsert
from hemsd.store.codec import ms, ms_or_none, utc, utc_or_none
from hemsd.store.store import Store
from web.analysis_models import (
    BatchBody,
    BatchPage,
    BatchResult,
    BatchSession,
    BatchStatusPage,
    CreateBody,
    Progress,
    Status,
    Values,
)
from web.routes import Refused

log = logging.getLogger(__name__)

VALUES: TypeAdapter[Values] = TypeAdapter(Values)
INTERRUPTED = (
    "UPDATE analysis_batches SET status = 'failed', failed = total, completed_ms = created_ms"
    " WHERE completed_ms IS NULL"
)


@dataclass(slots=True)
class Batch:
    """One batch under way."""

    id: str
    tenant: str
    sessions: list[BatchSession]
    created_at: datetime
    status: Progress = Progress.PENDING
    results: list[BatchResult] = field(default_factory=list)
    failed: int = 0
    completed_at: datetime | None = None

    def page(self) -> BatchStatusPage:
        return BatchStatusPage(
            batch_id=self.id,
            status=self.status,
            total_sessions=len(self.sessions),
            processed_sessions=len(self.results),
            failed_sessions=self.failed,
            results=list(self.results),
            created_at=self.created_at,
            completed_at=self.completed_at,
        )


class BatchDesk:
    """Takes batches; ``run`` works them off."""

    def __init__(self, store: Store, sessions: SessionDesk, clock: Clock) -> None:
        self.store, self.sessions, self.clock = store, sessions, clock
        self._queue: asyncio.Queue[Batch] = asyncio.Queue()
        self._under_way: dict[str, Batch] = {}

    async def batch(self, tenant: str, asked: BatchBody) -> BatchPage:
        made = Batch(str(uuid4()), tenant, asked.sessions, self.clock.utc())
        self._under_way[made.id] = made
        self._write(made)
        self._queue.put_nowait(made)
        return BatchPage(batch_id=made.id, total_sessions=len(made.sessions), status=Progress.PENDING)

    async def batch_status(self, tenant: str, batch: str) -> BatchStatusPage | None:
        here = self._under_way.get(batch)
        if here is not None:
            return here.page() if here.tenant == tenant else None
        return await self.store.views.ask(lambda db: _read(db, tenant, batch))

    async def run(self) -> None:
        self.store.carry_out((INTERRUPTED, ()))
        while True:
            await self._work(await self._queue.get())

    async def _work(self, batch: Batch) -> None:
        batch.status = Progress.PROCESSING
        for session in batch.sessions:
            try:
                batch.results.append(await self._one(batch.tenant, session))
            except (ValidationError, Refused) as error:
                log.info("A session of batch %s is left out: %s", batch.id, type(error).__name__)
                batch.failed += 1
        all_failed = batch.failed == len(batch.sessions) > 0
        batch.status = Progress.FAILED if all_failed else Progress.COMPLETED
        batch.completed_at = self.clock.utc()
        self._write(batch)
        await self.store.settle()
        del self._under_way[batch.id]

    async def _one(self, tenant: str, session: BatchSession) -> BatchResult:
        values = VALUES.validate_python(session.meter_values)
        asked = CreateBody(
            session_id=session.session_id,
            charging_station_id=session.station,
            connector_id=session.connector_id,
            meter_values=values,
        )
        result, length = await self.sessions.create_measured(tenant, asked)
        if result.status is Status.FAILED:
            raise Refused(422, "it can't be judged")
        return BatchResult(
            session_id=result.session_id,
            status=result.status,
            is_anomaly=result.is_anomaly,
            anomaly_score=result.anomaly_score,
            sequence_length=length,
            anomalies=result.anomalies,
            anomaly_confidence=result.anomaly_confidence,
        )

    def _write(self, batch: Batch) -> None:
        self.store.carry_out(
            upsert(
                "analysis_batches",
                ("id",),
                {
                    "id": batch.id,
                    "tenant": batch.tenant,
                    "status": batch.status,
                    "total": len(batch.sessions),
                    "failed": batch.failed,
                    "results": json.dumps([one.model_dump(mode="json") for one in batch.results]),
                    "created_ms": ms(batch.created_at),
                    "completed_ms": ms_or_none(batch.completed_at),
                },
            )
        )


def _read(db: Connection, tenant: str, batch: str) -> BatchStatusPage | None:
    wanted = batch.encode("utf-8", "replace").decode()
    row = db.execute("SELECT * FROM analysis_batches WHERE id = ? AND tenant = ?", (wanted, tenant)).fetchone()
    if row is None:
        return None
    results = [BatchResult.model_validate(one) for one in json.loads(row["results"])]
    return BatchStatusPage(
        batch_id=row["id"],
        status=Progress(row["status"]),
        total_sessions=row["total"],
        processed_sessions=len(results),
        failed_sessions=row["failed"],
        results=results,
        created_at=utc(row["created_ms"]),
        completed_at=utc_or_none(row["completed_ms"]),
    )
