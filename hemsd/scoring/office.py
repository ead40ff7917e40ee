"""The four desks of the analysis API, and what runs behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hemsd.clock import Clock
from hemsd.scoring.background import Calm
from hemsd.scoring.batches import BatchDesk
from hemsd.scoring.desk import SessionDesk
from hemsd.scoring.engine import BASE, Runtime
from hemsd.scoring.jobs import ModelDesk
from hemsd.scoring.judge import Judge
from hemsd.scoring.own import Outlet, OwnVisits
from hemsd.scoring.stations import StationDesk, Tell
from hemsd.store.store import Store


@dataclass(frozen=True, slots=True)
class Office:
    """Satisfies ``web.analysis.AnalysisDesk``."""

    judge: Judge
    sessions: SessionDesk
    batches: BatchDesk
    stations: StationDesk
    models: ModelDesk
    visits: OwnVisits

    @classmethod
    def open(
        cls,
        store: Store,
        clock: Clock,
        *,
        outlets: Mapping[str, Outlet] = MappingProxyType({}),
        model: str = BASE,
        runtime: Runtime = "auto",
        tell: Tell | None = None,
        calm: Calm = lambda: True,
    ) -> Office:
        """``outlets`` are the home's wallboxes by name, ``model`` judges its visits.

        ``tell`` hears of stations that are found odd; training rests while the control loop is not ``calm``.
        """
        judge = Judge(runtime)
        sessions = SessionDesk(store, judge, clock, model)
        return cls(
            judge=judge,
            sessions=sessions,
            batches=BatchDesk(store, sessions, clock),
            stations=StationDesk(store, clock, tell),
            models=ModelDesk(store, sessions, clock, calm),
            visits=OwnVisits(store, sessions, clock, outlets),
        )

    async def run(self) -> None:
        """Own visits, batches, training and the daily look, until cancelled. May be run again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.visits.run(), name="own visits")
            group.create_task(self.batches.run(), name="batches")
            group.create_task(self.models.run(), name="training")
            group.create_task(self.stations.run(), name="station health")

    def close(self) -> None:
        self.judge.close()
