"""Models as the analysis API shows them, and the jobs that fine-tune one.

A job runs in a thread of low priority while the home goes on. It may well end without a new model: with too few
sessions, or when the held-out ones are no better off. Then it has failed, says why, and the base model stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from sqlite3 import Connection
from typing import Final
from uuid import uuid4

import numpy as np

from hemsd.clock import Clock
from hemsd.scoring import shelf, tuning
from hemsd.scoring.background import Calm, in_the_background
from hemsd.scoring.desk import SessionDesk
from hemsd.scoring.engine import BASE, EngineError, TFLiteEngine, card, load
from hemsd.scoring.model_rows import TunedModel, choose, flat_of, keep, tuned
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

    def __init__(self, store: Store, sessions: SessionDesk, clock: Clock, calm: Calm = lambda: True) -> None:
        self.store, self.sessions, self.clock, self.calm = store, sessions, clock, calm
        self._wake = asyncio.Event()

    async def models(self, tenant: str) -> ModelList:
        pages = await self._pages(tenant)
        return ModelList(models=[ModelItem(**page.model_dump(exclude={"s3_path", "description"})) for page in pages])

    async def model(self, tenant: str, model: str) -> ModelPage | None:
        return next((page for page in await self._pages(tenant) if page.id == model), None)

    async def activate(self, tenant: str, model: str) -> ModelPage | None:
        """From now on this model judges the tenant's sessions; None: there is no such model."""
        if await self.model(tenant, model) is None:
            return None
        self.store.carry_out(choose(tenant, model, self.clock.utc()))
        await self.store.settle()
        log.info("%s judges from now on", model)
        return await self.model(tenant, model)

    async def rollback(self, tenant: str) -> ModelPage:
        """Back to what the model that judges now was made from; the base model stays what it is."""
        now = (await self.sessions.judging(tenant)).id
        page = await self.model(tenant, now)
        back = await self.activate(tenant, page.base_model or BASE if page else BASE)
        return back or base_page()

    async def _pages(self, tenant: str) -> list[ModelPage]:
        """All models of a tenant, the base first; the one that judges is active."""
        now = (await self.sessions.judging(tenant)).id
        own = await self.store.views.ask(lambda db: tuned(db, tenant))
        pages = [base_page(), *(tuned_page(one) for one in own)]
        return [page.model_copy(update={"status": "active" if page.id == now else "inactive"}) for page in pages]

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
            done = await self._trained(job)
        except (NoNewModel, EngineError, ArithmeticError) as why:
            log.info("Fine-tuning %r made no new model: %s", job.asked.name, why)
            self.store.carry_out((FAILED, (str(why), ms(self.clock.utc()), job.id)))
        else:
            self._promote(job, done)
        await self.store.settle()

    def _promote(self, job: Job, tuned: Tuned) -> None:
        """The new model is kept and judges from now on; all of it or nothing."""
        now_at = self.clock.utc()
        metrics = {
            "held_out_before": round(tuned.before, 4),
            "held_out_after": round(tuned.after, 4),
            "sessions": float(tuned.sessions),
        }
        made = TunedModel(f"csar-{uuid4()}", job.tenant, job.asked.name, job.asked.base_model_id, metrics, now_at)
        self.store.carry_out(
            keep(made, tuned.flat, tuned.scores),
            choose(job.tenant, made.id, now_at),
            (DONE, (made.id, ms(now_at), job.id)),
        )
        log.info("Fine-tuning %r: held-out sessions went from %.2f to %.2f", made.name, tuned.before, tuned.after)

    async def _trained(self, job: Job) -> Tuned:
        base = await self.store.views.ask(lambda db: flat_of(db, job.tenant, job.asked.base_model_id))
        x = await self._healthy(job)
        if len(x) < tuning.LEAST_SESSIONS:
            raise NoNewModel(f"{len(x)} healthy sessions were found; at least {tuning.LEAST_SESSIONS} are needed")
        config = job.asked.training_config
        epochs = (config.epochs if config else None) or tuning.EPOCHS
        rate = (config.learning_rate if config else None) or tuning.LEARNING_RATE

        def train(pause: Callable[[], None]) -> Tuned:
            engine = load()
            if not isinstance(engine, TFLiteEngine):
                raise NoNewModel("no runtime that can train is installed here")
            return tune(engine, base, x, epochs=epochs, learning_rate=rate, pause=pause)

        found = await in_the_background(train, self.calm)
        if not found.better:
            raise NoNewModel(
                f"no improvement on held-out sessions ({found.before:.3f} before, {found.after:.3f} after);"
                " the base model is kept"
            )
        return found

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


def tuned_page(model: TunedModel) -> ModelPage:
    return ModelPage(
        id=model.id,
        name=model.name,
        version=str(card()["version"]),
        is_base=False,
        base_model=model.base,
        metrics=model.metrics,
        created_at=model.made_at,
        description=f"{model.base}, fine-tuned on own sessions",
    )


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
