"""Models as the analysis API shows them, and the jobs that fine-tune one.

A job runs in a thread of low priority while the home goes on. It may well end without a new model: with too few
sessions, or when the held-out ones are no better off. Then it has failed, says why, and the base model stays.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, time
from sqlite3 import Connection, Row
from typing import Final
from uuid import uuid4

import numpy as np

from hemsd.clock import Clock
from hemsd.scoring import shelf, tuning
from hemsd.scoring.desk import SessionDesk
from hemsd.scoring.engine import BASE, EngineError, TFLiteEngine, base_checksum, card, load, weights
from hemsd.scoring.network import Floats
from hemsd.scoring.tuning import Tuned, tune
from hemsd.store.changes import upsert
from hemsd.store.codec import ms, utc, utc_or_none
from hemsd.store.outbox import Statement
from hemsd.store.store import Store
from web.analysis import Paging, SessionFilter
from web.analysis_models import (
    FineTuneBody,
    JobPage,
    JobStatus,
    JobStatusPage,
    ModelItem,
    ModelList,
    ModelPage,
    Status,
)

log = logging.getLogger(__name__)

MOST_SESSIONS: Final = 500  # for one job; a Pi has other things to do
NICE: Final = 15
STARTED: Final = "UPDATE training_jobs SET status = 'running', started_ms = ? WHERE id = ?"
FAILED: Final = "UPDATE training_jobs SET status = 'failed', error = ?, completed_ms = ? WHERE id = ?"
DONE: Final = "UPDATE training_jobs SET status = 'completed', result = ?, completed_ms = ? WHERE id = ?"
INTERRUPTED: Final = "UPDATE training_jobs SET status = 'queued', started_ms = NULL WHERE status = 'running'"


class NoNewModel(Exception):
    """Why a job ended without one. The text is for people."""


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    tenant: str
    asked: FineTuneBody
    created_at: datetime


class ModelDesk:
    """Answers about models and jobs; ``run`` trains, one job after the other."""

    def __init__(self, store: Store, sessions: SessionDesk, clock: Clock) -> None:
        self.store, self.sessions, self.clock = store, sessions, clock
        self._wake = asyncio.Event()

    async def models(self, tenant: str) -> ModelList:
        own = await self.store.views.ask(lambda db: _tuned(db, tenant))
        return ModelList(models=[ModelItem(**_item(base_page())), *(ModelItem(**_item(one)) for one in own)])

    async def model(self, tenant: str, model: str) -> ModelPage | None:
        if model == BASE:
            return base_page()
        own = await self.store.views.ask(lambda db: _tuned(db, tenant))
        return next((one for one in own if one.id == model), None)

    async def fine_tune(self, tenant: str, asked: FineTuneBody) -> JobPage | None:
        if await self.model(tenant, asked.base_model_id) is None:
            return None
        job = Job(str(uuid4()), tenant, asked, self.clock.utc())
        self.store.carry_out(_queued(job))
        await self.store.settle()
        self._wake.set()
        return JobPage(
            job_id=job.id, status=JobStatus.QUEUED, base_model_id=asked.base_model_id, created_at=job.created_at
        )

    async def job(self, tenant: str, job: str) -> JobStatusPage | None:
        return await self.store.views.ask(lambda db: _job_page(db, tenant, job))

    # -- training -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Also takes up again what a restart interrupted."""
        self.store.carry_out((INTERRUPTED, ()))
        await self.store.settle()
        while True:
            self._wake.clear()
            for job in await self.store.views.ask(_waiting):
                await self._work(job)
            await self._wake.wait()

    async def _work(self, job: Job) -> None:
        log.info("Fine-tuning %r begins", job.asked.name)
        self.store.carry_out((STARTED, (ms(self.clock.utc()), job.id)))
        try:
            tuned = await self._trained(job)
        except (NoNewModel, EngineError, ArithmeticError) as why:
            log.info("Fine-tuning %r made no new model: %s", job.asked.name, why)
            self.store.carry_out((FAILED, (str(why), ms(self.clock.utc()), job.id)))
        else:
            model_id = f"csar-{uuid4()}"
            done: Statement = (DONE, (model_id, ms(self.clock.utc()), job.id))
            self.store.carry_out(_kept(model_id, job, tuned, self.clock.utc()), done)
            log.info(
                "Fine-tuning %r: held-out sessions went from %.2f to %.2f", job.asked.name, tuned.before, tuned.after
            )
        await self.store.settle()

    async def _trained(self, job: Job) -> Tuned:
        base = await self.flat(job.tenant, job.asked.base_model_id)
        x = await self._healthy(job)
        if len(x) < tuning.LEAST_SESSIONS:
            raise NoNewModel(f"{len(x)} healthy sessions were found; at least {tuning.LEAST_SESSIONS} are needed")
        config = job.asked.training_config
        epochs = (config.epochs if config else None) or tuning.EPOCHS
        rate = (config.learning_rate if config else None) or tuning.LEARNING_RATE

        def train() -> Tuned:
            engine = load()
            if not isinstance(engine, TFLiteEngine):
                raise NoNewModel("no runtime that can train is installed here")
            return tune(engine, base, x, epochs=epochs, learning_rate=rate)

        tuned = await _in_the_background(train)
        if not tuned.better:
            raise NoNewModel(
                f"no improvement on held-out sessions ({tuned.before:.3f} before, {tuned.after:.3f} after);"
                " the base model is kept"
            )
        return tuned

    async def _healthy(self, job: Job) -> Floats:
        """Unflagged sessions of the tenant, as the model sees them, newest last."""
        asked = job.asked.data_source.session_filter
        wanted = SessionFilter(
            station=asked.station_id if asked else None,
            is_anomaly=False,
            from_at=datetime.combine(asked.date_from, time(), UTC) if asked and asked.date_from else None,
            to_at=datetime.combine(asked.date_to, time(), UTC) if asked and asked.date_to else None,
        )
        paging = Paging(1, MOST_SESSIONS)
        _, records = await self.store.views.ask(lambda db: shelf.page(db, job.tenant, wanted, paging))
        found = []
        for record in reversed(records):
            if record.status is Status.ACTIVE:
                seen = await self.sessions.buckets_of(record)
                if seen is not None:
                    found.append(seen.x)
        return np.stack(found) if found else np.empty((0, 24, 7), np.float32)

    async def flat(self, tenant: str, model: str) -> Floats:
        """The weights of a model; the base's where it is not known, or was made from another base."""
        row = await self.store.views.ask(lambda db: _row(db, tenant, model))
        if row is None or row["base_sha256"] != base_checksum():
            return weights()
        return np.frombuffer(base64.b64decode(row["weights"]), np.float32).copy()


async def _in_the_background(train: Callable[[], Tuned]) -> Tuned:
    """In a thread that yields to everything else."""

    def lower_priority() -> None:
        if hasattr(os, "setpriority"):  # Linux counts niceness per thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)

    with ThreadPoolExecutor(1, thread_name_prefix="hemsd-training", initializer=lower_priority) as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, train)


# ---------------------------------------------------------------------------------------------------------------------


def base_page() -> ModelPage:
    made = card()
    metrics = made["metrics"]
    assert isinstance(metrics, dict)
    return ModelPage(
        id=BASE,
        name=str(made["name"]),
        version=str(made["version"]),
        is_base=True,
        base_model=None,
        metrics={str(name): float(value) for name, value in metrics.items()},
        created_at=datetime.fromisoformat(str(made["created_at"])),
        description=str(made["description"]),
    )


def _item(page: ModelPage) -> dict[str, object]:
    return page.model_dump(exclude={"s3_path", "description"})


def _queued(job: Job) -> Statement:
    return upsert(
        "training_jobs",
        ("id",),
        {
            "id": job.id,
            "tenant": job.tenant,
            "asked": job.asked.model_dump_json(),
            "status": JobStatus.QUEUED,
            "created_ms": ms(job.created_at),
        },
    )


def _kept(model_id: str, job: Job, tuned: Tuned, at: datetime) -> Statement:
    metrics = {
        "held_out_before": round(tuned.before, 4),
        "held_out_after": round(tuned.after, 4),
        "sessions": float(tuned.sessions),
    }
    return upsert(
        "tuned_models",
        ("id",),
        {
            "id": model_id,
            "tenant": job.tenant,
            "name": job.asked.name,
            "base": job.asked.base_model_id,
            "base_sha256": base_checksum(),
            "weights": base64.b64encode(tuned.flat.astype("<f4").tobytes()).decode(),
            "metrics": json.dumps(metrics),
            "created_ms": ms(at),
        },
    )


def _tuned(db: Connection, tenant: str) -> list[ModelPage]:
    rows = db.execute("SELECT * FROM tuned_models WHERE tenant = ? ORDER BY created_ms", (tenant,))
    return [
        ModelPage(
            id=row["id"],
            name=row["name"],
            version=str(card()["version"]),
            is_base=False,
            base_model=row["base"],
            metrics=json.loads(row["metrics"]),
            created_at=utc(row["created_ms"]),
            description=f"{row['base']}, fine-tuned on own sessions",
        )
        for row in rows
    ]


def _row(db: Connection, tenant: str, model: str) -> Row | None:
    row: Row | None = db.execute("SELECT * FROM tuned_models WHERE id = ? AND tenant = ?", (model, tenant)).fetchone()
    return row


def _waiting(db: Connection) -> list[Job]:
    rows = db.execute("SELECT * FROM training_jobs WHERE status = 'queued' ORDER BY created_ms")
    return [
        Job(row["id"], row["tenant"], FineTuneBody.model_validate_json(row["asked"]), utc(row["created_ms"]))
        for row in rows
    ]


def _job_page(db: Connection, tenant: str, job: str) -> JobStatusPage | None:
    wanted = job.encode("utf-8", "replace").decode()
    row = db.execute("SELECT * FROM training_jobs WHERE id = ? AND tenant = ?", (wanted, tenant)).fetchone()
    if row is None:
        return None
    asked = FineTuneBody.model_validate_json(row["asked"])
    config = asked.training_config
    return JobStatusPage(
        job_id=row["id"],
        status=JobStatus(row["status"]),
        base_model_id=asked.base_model_id,
        result_model_id=row["result"],
        config=None if config is None else config.model_dump(exclude_none=True),
        created_at=utc(row["created_ms"]),
        started_at=utc_or_none(row["started_ms"]),
        completed_at=utc_or_none(row["completed_ms"]),
        error_message=row["error"],
    )
