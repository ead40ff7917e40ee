"""What Prometheus is told, and who may ask."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from hemsd.model import DecisionKind, Outcome
from hemsd.ops.metrics import Metrics, Present
from hemsd.store import Store
from hemsd.store.outbox import Backlog
from tests.store.values import a_command, a_decision
from tests.web.fake_house import FakeDoors, FakeHouse
from web import auth
from web.metrics import metrics_route
from web.server import application

ROOT = Path(__file__).parents[2]


@pytest.fixture
def metrics(store: Store) -> Metrics:
    house = FakeHouse()
    troubles = {"grid": None, "pv": "no answer"}
    return Metrics(Present(house.state, house.tick_age_s, troubles, {"grid": "grid"}, store, owed))


async def owed() -> dict[str, Backlog]:
    return {"analysis": Backlog(3, datetime(2026, 6, 21, 8, 0, tzinfo=UTC), 1), "summaries": Backlog()}


async def told(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """By name and the values of its labels, in the order of their names."""
    families = text_string_to_metric_families((await metrics.text()).decode())
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


async def test_the_present_is_that_of_the_page(metrics: Metrics) -> None:
    state, numbers = FakeHouse().state(), await told(metrics)
    box = state.wallboxes["garage"]
    assert numbers["hemsd_meter_power_watts", "grid", "grid"] == state.meters["grid"].power_w
    assert numbers["hemsd_wallbox_limit_amperes", "garage"] == box.limit_a
    assert numbers["hemsd_wallbox_charging", "garage"] == 1
    assert numbers["hemsd_task_up", "grid"] == 1
    assert numbers["hemsd_task_up", "pv"] == 0
    assert numbers["hemsd_storage_up",] == 1
    assert numbers["process_resident_memory_bytes",] > 0


async def test_what_is_not_known_has_no_number(store: Store) -> None:
    house = FakeHouse("stale")

    async def locked() -> dict[str, Backlog]:
        raise sqlite3.OperationalError("disk I/O error")

    numbers = await told(Metrics(Present(house.state, house.tick_age_s, {}, {}, store, locked)))
    assert numbers["hemsd_meter_up", "grid", ""] == 0
    assert ("hemsd_meter_power_watts", "grid", "") not in numbers
    assert any(key[0] == "hemsd_alert" for key in numbers)
    assert not any("outbox" in key[0] for key in numbers)


async def test_what_waits_for_the_cloud_is_told_by_lane(metrics: Metrics) -> None:
    numbers = await told(metrics)
    assert numbers["hemsd_outbox_waiting", "analysis"] == 3
    assert numbers["hemsd_outbox_waiting", "summaries"] == 0
    assert numbers["hemsd_outbox_refused", "analysis"] == 1
    assert numbers["hemsd_outbox_oldest_timestamp_seconds", "analysis"] == 1_782_028_800
    assert ("hemsd_outbox_oldest_timestamp_seconds", "summaries") not in numbers


async def test_ticks_decisions_and_verdicts_are_counted(metrics: Metrics) -> None:
    for _tick in range(3):
        metrics.took(0.004)
        metrics.decided({"garage": a_decision()})
    metrics.decided({"garage": a_decision(kind=DecisionKind.START)})
    metrics.judged(a_command(outcome=Outcome.APPLIED, effect_s=7.0))
    metrics.judged(a_command(outcome=Outcome.ACCEPTED_INEFFECTIVE))
    numbers = await told(metrics)
    assert numbers["hemsd_decisions_total", "hold", "garage"] == 3
    assert numbers["hemsd_decisions_total", "start", "garage"] == 1
    assert numbers["hemsd_tick_duration_seconds_bucket", "0.005"] == 3
    assert numbers["hemsd_commands_total", "applied", "accepted_ineffective", "garage"] == 1
    assert numbers["hemsd_command_effect_seconds_bucket", "10.0", "garage"] == 1


@pytest.fixture
async def locked(metrics: Metrics) -> AsyncIterator[TestClient]:
    house = FakeHouse()
    doors = FakeDoors("correct horse", {"local-token": frozenset({"local"}), "flex-token": frozenset({"flex"})})
    app = application(house, house, doors, dialects=(metrics_route(metrics.text),))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_this_machine_may_ask_without_a_password(locked: TestClient) -> None:
    answer = await locked.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert (await locked.get("/api/state")).status == 401


@pytest.mark.parametrize("proxied", [False, True])
async def test_another_machine_needs_a_token_with_the_scope_local(
    locked: TestClient, monkeypatch: pytest.MonkeyPatch, proxied: bool
) -> None:
    headers = {"X-Forwarded-For": "192.168.1.9"} if proxied else {}
    if not proxied:
        monkeypatch.setattr(auth, "is_loopback", lambda _: False)
    statuses = [
        (await locked.get("/metrics", headers={**headers, **token})).status
        for token in ({}, {"Authorization": "Bearer flex-token"}, {"Authorization": "Bearer local-token"})
    ]
    assert statuses == [401, 403, 200]


async def test_the_dashboard_and_the_page_of_the_manual_name_only_what_is_told(metrics: Metrics) -> None:
    metrics.took(0.1)
    metrics.decided({"garage": a_decision()})
    metrics.judged(a_command(outcome=Outcome.APPLIED, effect_s=7.0))
    names = {key[0] for key in await told(metrics)} | {"hemsd_battery_charge_ratio", "hemsd_visit_energy_watt_hours"}
    names |= {"hemsd_wallbox_car_charge_ratio", "hemsd_storage_database_bytes", "hemsd_storage_written_today_bytes"}
    names |= {"hemsd_alert", "hemsd_command_effect_seconds", "hemsd_tick_duration_seconds"}
    for file in ("grafana/hemsd.json", "docs/metrics.md"):
        used = set(re.findall(r"hemsd_[a-z_]+", (ROOT / file).read_text()))
        assert used
        assert used <= names, file


async def test_a_crowd_that_asks_is_told_once_a_second() -> None:
    asked: list[int] = []

    async def text() -> bytes:
        asked.append(1)
        await asyncio.sleep(0.01)
        return b"hemsd_up 1\n"

    house = FakeHouse()
    app = application(house, house, FakeDoors(), dialects=(metrics_route(text),))
    async with TestClient(TestServer(app)) as client:
        answers = await asyncio.gather(*(client.get("/metrics") for _ in range(20)))
        assert {await answer.text() for answer in answers} == {"hemsd_up 1\n"}
    assert len(asked) == 1
