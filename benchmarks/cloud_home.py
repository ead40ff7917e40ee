"""A home with receivers that are functions, in virtual time, for the benchmarks of the cloud lanes."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from hemsd.clock import ManualClock
from hemsd.cloud.analysis_upload import Station
from hemsd.cloud.answer import Answer, Request
from hemsd.cloud.lanes import Lane
from hemsd.cloud.service import Cloud
from hemsd.cloud.settings import CloudSettings
from hemsd.model import Decision, DecisionKind, Sample, SteeringState, Visit
from hemsd.store import Store
from tests.cloud.home import Sessions

DAY_S = 86_400.0


@dataclass
class Receiver:
    """An analysis cloud as a function; ``online`` can be switched."""

    online: bool = True
    requests: int = 0
    attempts: int = 0
    body_bytes: int = 0
    sessions: dict[str, list[str]] = field(default_factory=dict)  # the moments of each visit, as they arrived
    order: list[str] = field(default_factory=list)
    twice: int = 0
    batches: list[list[str]] = field(default_factory=list)

    async def send(self, request: Request) -> Answer:
        self.attempts += 1
        if not self.online:
            return Answer(None, "no connection: Network is unreachable")
        self.requests += 1
        self.body_bytes += len(request.body)
        document = json.loads(request.body) if request.body else {}
        return Answer(
            200, body=json.dumps(self._answer(request, document)).encode(), sent_bytes=len(request.body) // 12
        )

    def _answer(self, request: Request, document: dict[str, object]) -> object:
        if request.method == "GET":
            ids = self.batches[int(request.url.rpartition("/")[2])]
            results = [{"session_id": id_, "status": "active", "is_anomaly": False} for id_ in ids]
            return {"status": "completed", "failed_sessions": 0, "results": results}
        if request.url.endswith("/batch"):
            found = document["sessions"]
            assert isinstance(found, list)
            for session in found:
                self._take(session["session_id"], session["meter_values"])
            self.batches.append([session["session_id"] for session in found])
            return {"batch_id": str(len(self.batches) - 1)}
        id_ = document.get("session_id") or request.url.rpartition("/")[2]
        values = document["meter_values"]
        assert isinstance(values, list)
        self._take(str(id_), values)
        return {"session_id": id_, "status": "active", "anomalies": []}

    def _take(self, id_: str, values: list[dict[str, str]]) -> None:
        if id_ not in self.sessions:
            self.order.append(id_)
        known = self.sessions.setdefault(id_, [])
        for value in values:
            if value["measurand"] == "Energy.Active.Import.Register":
                self.twice += value["timestamp"] in known
                known.append(value["timestamp"])

    async def close(self) -> None: ...


@dataclass
class Sink:
    """Takes whatever it is sent, while it is online."""

    online: bool = True
    attempts: int = 0
    taken: list[str] = field(default_factory=list)
    body_bytes: int = 0

    async def send(self, request: Request) -> Answer:
        self.attempts += 1
        if not self.online:
            return Answer(None, "no connection: Network is unreachable")
        self.taken.append(f"{request.method} {request.url}")
        self.body_bytes += len(request.body)
        return Answer(204, sent_bytes=400 + len(request.body) // 3)

    async def close(self) -> None: ...


class Broker:
    """Acknowledges everything; only asked while it is online."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    async def publish(self, topic: str, body: bytes, **_: object) -> None:
        self.heard.append((topic.split("/", 2)[2], json.loads(body)))


def section(folder: Path, *, everything: bool) -> CloudSettings:
    (folder / "token").write_text("t")
    receiver = {"url": "http://127.0.0.1:1", "token_file": folder / "token"}
    if not everything:
        return CloudSettings.model_validate({"analysis": receiver})
    hook = {"url": "http://127.0.0.1:1/", "secret_file": folder / "token", "events": ["flex:session:updated"]}
    return CloudSettings.model_validate(
        {
            "analysis": receiver,
            "summaries": {
                **receiver,
                "paths": {"partner": "hems/{number}", "ev": "cars/{visit_id}", "flex": "{visit_id}"},
            },
            "webhooks": [hook],
            "telemetry": {"host": "127.0.0.1", "tls": False},
        }
    )


@dataclass
class Home:
    store: Store
    clock: ManualClock
    cloud: Cloud
    lanes: list[Lane]
    number: int = 0

    @classmethod
    async def make(cls, folder: Path, receiver: Receiver, sink: Sink | None = None) -> Home:
        """With a sink it tells everybody, else an analysis alone."""
        clock = ManualClock(now_s=5000.0)
        store = await Store.open(folder / "home.db", clock)
        settings = section(folder, everything=sink is not None)
        cloud = Cloud(settings, store, clock, {"garage": Station("WB", "1")}, real=clock, dice=random.Random(1))
        cloud.payloads = Sessions(store)
        for lane in cloud.lanes.values():
            await lane.transport.close()
            lane.transport = receiver if lane.name == "analysis" or sink is None else sink
            await lane.begin()
        return cls(store, clock, cloud, list(cloud.lanes.values()))

    async def visit(self, minutes: int, every_s: float, *, tell: bool = True) -> None:
        """A car comes, charges and goes; the lane does what it does meanwhile."""
        self.number += 1
        began_at = self.clock.utc()
        transaction = await self.store.begin("garage", 1, "tag", began_at, 1000.0 * self.number)
        visit = Visit(str(UUID(int=self.number)), self.number, "garage", began_at, transaction_id=transaction)
        self.store.save_visit(visit)
        for index in range(int(minutes * 60 / every_s)):
            await self.wait(every_s, tell=tell)
            if index % 5 == 0:
                self.decide(visit, DecisionKind.HOLD if index else DecisionKind.START)
            at_s, at = self.clock.monotonic(), self.clock.utc()
            register_wh = 1000.0 * self.number + index
            sample = Sample(at_s, at, transaction_id=transaction, energy_wh=register_wh, power_w=2000.0, offered_a=9.0)
            self.store.record_sample(visit.id, sample)
        await self.wait(1, tell=tell)
        await self.store.end("garage", transaction, self.clock.utc(), 1000.0 * self.number + 999, "EVDisconnected")
        self.store.save_visit(replace(visit, plugged_out_at=self.clock.utc()))

    def decide(self, visit: Visit, kind: DecisionKind) -> None:
        decision = Decision("garage", self.clock.utc(), kind, SteeringState.MODULATING, "a rule", "Because of the sun.")
        self.store.record_decision(self.store.next_decision_id(), decision, visit.id)

    async def step(self) -> float:
        return min([await lane.step() for lane in self.lanes])

    async def wait(self, seconds: float, *, tell: bool = True) -> None:
        until_s = self.clock.monotonic() + seconds
        while tell and self.clock.monotonic() < until_s:
            pause_s = await self.step()
            self.clock.leap(min(pause_s, until_s - self.clock.monotonic()))
        self.clock.leap(max(0.0, until_s - self.clock.monotonic()))

    async def drain(self) -> float:
        """Until nothing is owed over HTTP; the virtual seconds that it took."""
        began_s = self.clock.monotonic()
        while await self.owed():
            self.clock.leap(await self.step())
        return self.clock.monotonic() - began_s

    async def owed(self) -> int:
        await self.store.settle()
        backlogs = await self.cloud.outbox.backlogs()
        return sum(backlogs[lane.name].waiting for lane in self.lanes if lane.name in backlogs)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
