"""The analysis API behind a real server on a free loopback port, with a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hemsd.clock import ManualClock
from hemsd.scoring.office import Office
from hemsd.store import Store
from tests.analysis.schemas import conforms
from tests.web.fake_house import FakeHouse
from web.analysis import AnalysisApi
from web.server import application

NOON = datetime(2026, 2, 27, 12, 0, tzinfo=UTC)


class TwoPrograms:
    """Doors that know the tokens of two programs, and one that may only do something else."""

    async def password_hash(self) -> str | None:
        return None

    async def token_scopes(self, token: str) -> frozenset[str]:
        return {"anna": frozenset({"analysis"}), "bert": frozenset({"analysis"}), "flo": frozenset({"flex"})}.get(
            token, frozenset()
        )


@dataclass
class Program:
    """A program with a token. What it is answered with 200 is checked against the contract."""

    http: TestClient
    token: str

    async def call(
        self, method: str, path: str, body: object = None, *, schema: str | None = None, status: int = 200, **query: str
    ) -> Any:
        response = await self.http.request(
            method, path, json=body, params=query, headers={"Authorization": f"Bearer {self.token}"}
        )
        text = await response.text()
        assert response.status == status, text
        found = await response.json()
        if status == 200 and schema is not None:
            conforms(found, f"csar_{schema}")
        if status >= 400:
            conforms(found, "detail_error")
        return found

    async def post(self, body: object, status: int = 200) -> Any:
        return await self.call("POST", "/v1/sessions", body, schema="session_result", status=status)

    async def patch(self, session: str, values: list[object], status: int = 200) -> Any:
        body = {"meter_values": values}
        return await self.call("PATCH", f"/v1/sessions/{session}", body, schema="session_result", status=status)

    async def put(self, session: str, values: list[object], status: int = 200) -> Any:
        body = {"meter_values": values}
        return await self.call("PUT", f"/v1/sessions/{session}", body, schema="session_result", status=status)

    async def detail(self, session: str, status: int = 200) -> Any:
        return await self.call("GET", f"/v1/sessions/{session}", schema="session_detail", status=status)

    async def until(self, path: str, schema: str, *ends: str) -> Any:
        """Asks until the status is one of these."""
        for _ in range(500):
            found = await self.call("GET", path, schema=schema)
            if found["status"] in ends:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"{path} never became {ends}")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "hemsd.db", clock)
    yield store
    await store.close()


@pytest.fixture
async def office(store: Store, clock: ManualClock) -> AsyncIterator[Office]:
    office = Office.open(store, clock)
    running = asyncio.create_task(office.run())
    yield office
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def http(office: Office) -> AsyncIterator[TestClient]:
    house = FakeHouse()
    api = AnalysisApi(office, lambda token: token)
    app = application(house, house, TwoPrograms(), dialects=api.routes())
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
def anna(http: TestClient) -> Program:
    return Program(http, "anna")


@pytest.fixture
def bert(http: TestClient) -> Program:
    return Program(http, "bert")
