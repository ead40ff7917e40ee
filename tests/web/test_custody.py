"""What only the person of the page may do: credentials and the copy of everything, never with a token."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hemsd.clock import SystemClock
from hemsd.config import Config, load
from hemsd.custody import Custody
from hemsd.store.store import Store
from tests.web.fake_house import FakeDoors, FakeHouse, FakeWorkshop
from web.server import application

CALLS = [
    ("GET", "/api/installer/clients"),
    ("POST", "/api/installer/clients"),
    ("DELETE", "/api/installer/clients/c1"),
    ("GET", "/api/installer/backup.db"),
    ("GET", "/api/installer/cloud"),
]


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[TestClient]:
    """The page in front of a real store."""
    (tmp_path / "config.yaml").write_text("storage: {path: home.db}\n")
    config: Config = load(tmp_path / "config.yaml")
    store = await Store.open(config.storage.path, SystemClock())
    house, workshop = FakeHouse(), FakeWorkshop()
    workshop.custody = Custody(lambda: config, tmp_path / "config.yaml")
    doors = FakeDoors(tokens={"local-token": frozenset({"local"})})
    async with TestClient(TestServer(application(house, house, doors, workshop=workshop))) as client:
        yield client
    await store.close()


async def test_a_program_is_let_in_told_its_secret_once_and_shut_out(page: TestClient) -> None:
    path = "/api/installer/clients"
    async with page.post(path, json={"name": "energy cloud", "scopes": ["flex", "analysis"]}) as response:
        made = await response.json()
    assert made["scopes"] == ["analysis", "flex"]
    assert len(made["client_secret"]) > 40
    async with page.post(path, json={"name": "energy cloud", "scopes": ["flex"]}) as response:
        assert response.status == 409
    async with page.get(path) as response:
        text = await response.text()
    assert made["client_id"] in text
    assert made["client_secret"] not in text
    async with page.delete(f"{path}/{made['client_id']}") as response:
        assert await response.json() == {"clients": []}
    assert (await page.delete(f"{path}/{made['client_id']}")).status == 404


@pytest.mark.parametrize(
    "body", [{"name": "x", "scopes": []}, {"name": "x", "scopes": ["all"]}, {"name": "", "scopes": ["flex"]}]
)
async def test_credentials_that_mean_nothing_are_refused(page: TestClient, body: dict[str, object]) -> None:
    assert (await page.post("/api/installer/clients", json=body)).status == 422


async def test_the_copy_is_a_whole_database_and_leaves_no_file_behind(page: TestClient, tmp_path: Path) -> None:
    async with page.get("/api/installer/backup.db") as response:
        assert "hemsd-" in response.headers["Content-Disposition"]
        (tmp_path / "copy.db").write_bytes(await response.read())
    with sqlite3.connect(tmp_path / "copy.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM visits").fetchone() == (0,)
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".home.db")]


async def test_without_a_cloud_nothing_leaves_the_house(page: TestClient) -> None:
    async with page.get("/api/installer/cloud") as response:
        assert (await response.json())["preview"]["text"].startswith("Nothing leaves this house")


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_a_token_is_no_person(page: TestClient, method: str, path: str) -> None:
    async with page.request(method, path, headers={"Authorization": "Bearer local-token"}) as response:
        assert response.status == 403


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_strangers_get_nothing(method: str, path: str) -> None:
    house = FakeHouse()
    app = application(house, house, FakeDoors("pw"), workshop=FakeWorkshop(), guests=True)
    async with TestClient(TestServer(app)) as client, client.request(method, path) as response:
        assert response.status == 401


async def test_another_site_can_not_make_the_card_write_a_copy(page: TestClient) -> None:
    async with page.get("/api/installer/backup.db", headers={"Sec-Fetch-Site": "cross-site"}) as response:
        assert response.status == 403
