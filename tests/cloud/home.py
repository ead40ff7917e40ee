"""A home with a store, a cloud and a clock that stands still, short to write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from hemsd.clock import ManualClock
from hemsd.cloud.analysis_upload import Station
from hemsd.cloud.fields import Document
from hemsd.cloud.lanes import Lane
from hemsd.cloud.service import Cloud
from hemsd.cloud.settings import CloudSettings
from hemsd.model import QuarterHour, Sample, Visit
from hemsd.store import Store

STATION = Station("WB-001", "1")


def visit_id(number: int) -> str:
    return str(UUID(int=number))


@dataclass
class Sessions:
    """Payloads as a test sets them: what the dialects would answer for a visit."""

    store: Store
    extra: dict[str, Any] = field(default_factory=dict)

    async def user_id(self) -> str:
        return "user-1"

    async def flex_session(self, subject: str) -> Document | None:
        visit = await self.store.views.visit(subject)
        if visit is None:
            return {"state": "UPCOMING", "policy": subject, **self.extra}
        quarters = await self.store.views.quarters(subject)
        state = "SETTLED" if visit.plugged_out_at else "ACTIVE:REGULAR"
        return {"id": subject, "state": state, "timeseries": [q.energy_wh for q in quarters], **self.extra}

    async def partner_session(self, visit_id: str) -> Document | None:
        return {"session": {"id": 1, "secret": "s"}, "decisions": []}

    async def ev_session(self, visit_id: str) -> Document | None:
        return {"id": visit_id, "session_outcome": "optimized"}


@dataclass
class Home:
    store: Store
    clock: ManualClock
    cloud: Cloud
    sessions: Sessions
    visits: dict[int, Visit] = field(default_factory=dict)

    def lane(self, name: str) -> Lane:
        return next(lane for lane in self.cloud.lanes.values() if lane.name.startswith(name))

    # -- what happens in the home

    async def plug_in(self, number: int = 1, register_wh: float = 1000.0) -> Visit:
        at = self.clock.utc()
        transaction = await self.store.begin("garage", 1, "tag", at + timedelta(milliseconds=number), register_wh)
        visit = Visit(visit_id(number), number, "garage", at, vehicle="car", transaction_id=transaction)
        self.store.save_visit(visit)
        self.visits[number] = visit
        return visit

    def sample(self, number: int = 1, register_wh: float = 1100.0, **changed: object) -> None:
        visit = self.visits[number]
        sample = Sample(
            received_s=self.clock.monotonic(),
            received_at=self.clock.utc(),
            transaction_id=visit.transaction_id,
            energy_wh=register_wh,
            power_w=2000.0,
        )
        self.store.record_sample(visit.id, replace(sample, **changed))  # type: ignore[arg-type]

    async def charge(self, number: int = 1, minutes: int = 10, from_wh: float = 1000.0) -> None:
        """A sample a minute."""
        for minute in range(minutes):
            self.clock.leap(60)
            self.sample(number, from_wh + 50.0 * (minute + 1))
        await self.store.settle()

    def quarter(self, number: int = 1, energy_wh: float = 500.0) -> None:
        at = self.clock.utc()
        start_at = at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)
        self.store.record_quarter(QuarterHour(self.visits[number].id, start_at, energy_wh, energy_wh, 0.0, 0.0))

    async def plug_out(self, number: int = 1, register_wh: float = 9000.0) -> None:
        visit = self.visits[number]
        await self.store.end("garage", visit.transaction_id or 0, self.clock.utc(), register_wh, "EVDisconnected")
        self.visits[number] = replace(visit, plugged_out_at=self.clock.utc())
        self.store.save_visit(self.visits[number])
        await self.store.settle()

    # -- time

    async def pay(self, name: str, for_s: float = 60.0, most_steps: int = 5000) -> None:
        """Runs a lane in virtual time; the clock stands at the end of the span afterwards."""
        await self.store.settle()
        lane, until_s = self.lane(name), self.clock.monotonic() + for_s
        for _ in range(most_steps):
            pause_s = await lane.step()
            left_s = until_s - self.clock.monotonic()
            if pause_s > left_s:
                self.clock.leap(max(0.0, left_s))
                return
            self.clock.leap(pause_s)
        raise AssertionError(f"{name} does not come to rest")

    async def owed(self, name: str) -> int:
        await self.store.settle()
        return sum(b.waiting for lane, b in (await self.cloud.outbox.backlogs()).items() if lane.startswith(name))

    async def dead(self) -> list[tuple[str, int | None, str]]:
        return [(letter.kind, letter.status, letter.answer) for letter in await self.cloud.outbox.dead_letters()]


def settings(url: str, tmp_path: Path, *what: str, **changed: Any) -> CloudSettings:
    """A cloud section that names this receiver for each of ``what``; ``changed`` goes into all of them."""
    (tmp_path / "token").write_text("secret-token\n")
    (tmp_path / "hook-secret").write_text("example-secret\n")
    receiver = {"url": url, "token_file": tmp_path / "token", **changed}
    sections: dict[str, Any] = {}
    if "analysis" in what:
        sections["analysis"] = receiver
    if "summaries" in what:
        paths = {"partner": "org/{org_id}/visits/{number}", "flex": "flex/{visit_id}"}
        sections["summaries"] = {**receiver, "paths": paths}
    if "webhook" in what:
        events = ["flex:session:updated", "station.anomaly_detected"]
        hook = {"url": url + "/hook", "secret_file": tmp_path / "hook-secret", "events": events, **changed}
        sections["webhooks"] = (hook,)
    return CloudSettings.model_validate(sections)


@asynccontextmanager
async def at_home(
    path: Path, cloud: CloudSettings, clock: ManualClock | None = None, *, stations: Mapping[str, Station] | None = None
) -> AsyncIterator[Home]:
    clock = clock or ManualClock()
    store = await Store.open(path, clock)
    made = Cloud(cloud, store, clock, stations or {"garage": STATION}, real=clock, dice=Random(3))
    made.payloads = sessions = Sessions(store)
    home = Home(store, clock, made, sessions)
    for visit in await store.running_visits():
        home.visits[visit.number] = visit
    for lane in made.lanes.values():
        await lane.begin()
    try:
        yield home
    finally:
        for lane in made.lanes.values():
            await lane.transport.close()
        await store.close()
