"""The four desks of the analysis API, and what runs behind them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hemsd.clock import Clock
from hemsd.scoring.batches import BatchDesk
from hemsd.scoring.desk import SessionDesk
from hemsd.scoring.engine import Runtime
from hemsd.scoring.jobs import ModelDesk
from hemsd.scoring.judge import Judge
from hemsd.scoring.stations import Announce, StationDesk
from hemsd.store.store import Store


@dataclass(frozen=True, slots=True)
class Office:
    """Satisfies ``web.analysis.AnalysisDesk``."""

    judge: Judge
    sessions: SessionDesk
    batches: BatchDesk
    stations: StationDesk
    models: ModelDesk

    @classmethod
    def open(cls, store: Store, clock: Clock, *, runtime: Runtime = "auto", announce: Announce | None = None) -> Office:
        judge = Judge(runtime)
        sessions = SessionDesk(store, judge, clock)
        return cls(
            judge=judge,
            sessions=sessions,
            batches=BatchDesk(store, sessions, clock),
            stations=StationDesk(store, clock, announce),
            models=ModelDesk(store, sessions, clock),
        )

    async def run(self) -> None:
        """Batches, training and the daily look, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.batches.run(), name="batches")
                group.create_task(self.models.run(), name="training")
                group.create_task(self.stations.run(), name="station health")
        finally:
            self.judge.close()
