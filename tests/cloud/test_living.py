"""The whole daemon with its simulated home, and somebody who is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cloud.receiver import Heard, Receiver, receiving
from tests.daemon.living import Living, daemon, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

CLOUD = """
policies: {{home: {{vehicle: car}}}}
cloud:
  analysis: {{url: "{url}", client_id: home-1, client_secret_file: secret, group_s: 300}}
  summaries: {{url: "{url}", token_file: secret, paths: {{partner: "visits/{{number}}", ev: "cars/{{visit_id}}"}}}}
  webhooks: [{{url: "{url}/hook", secret_file: secret, events: ["flex:session:updated"]}}]
"""


def point_to(folder: Path, url: str) -> None:
    (folder / "secret").write_text("example-secret")
    file = folder / "config.yaml"
    file.write_text(file.read_text() + CLOUD.format(url=url))


async def until(living: Living, receiver: Receiver, *lines: str, within_s: float = 90) -> None:
    """The receiver has heard a request that begins like each of these."""
    async with asyncio.timeout(within_s):
        while not all(any(line.startswith(each) for line in receiver.lines()) for each in lines):
            assert living.process.poll() is None, living.log
            await asyncio.sleep(0.1)


def first(receiver: Receiver, path: str) -> Heard:
    return next(heard for heard in receiver.heard if heard.path == path)


@pytest.mark.slow
async def test_a_charge_of_the_simulated_home_reaches_the_cloud_and_the_hook(tmp_path: Path) -> None:
    _, _, web = write_config(tmp_path)
    async with receiving() as receiver:
        point_to(tmp_path, receiver.url)
        with daemon(tmp_path, web) as living:
            await until(living, receiver, "POST /v1/sessions", "PATCH /v1/sessions/", "POST /hook")
            created = first(receiver, "/v1/sessions")
            assert created.body["charging_station_id"] == "WB-001"
            assert created.headers["authorization"] == "Bearer t0k3n"
            session = first(receiver, "/hook").body["session"]
            state = await asyncio.to_thread(living.get, "/api/state")
            assert created.body["session_id"] == state["wallboxes"]["garage"]["session_id"]
            assert session["state"].startswith("ACTIVE") or session["state"] == "UPCOMING"
            assert await asyncio.to_thread(living.end) == 0
            assert "Traceback" not in living.log
            assert "example-secret" not in living.log


@pytest.mark.slow
async def test_a_home_that_tells_nobody_opens_no_connection(tmp_path: Path) -> None:
    _, _, web = write_config(tmp_path)
    with daemon(tmp_path, web) as living:
        await asyncio.to_thread(living.until, lambda: bool(living.garage()["plugged"]))
        assert "cloud" not in living.log
        assert await asyncio.to_thread(living.end) == 0
    assert "ended by itself" not in living.log
