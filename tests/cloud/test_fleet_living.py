"""The whole daemon and a real mosquitto: the broker is away for a while, and in the middle of that the daemon dies."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hemsd.cli import main
from tests.cloud.test_telemetry import Fleet, until
from tests.daemon.living import daemon, write_config
from tests.drivers_mqtt.broker import Broker, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PERSISTENT = "allow_anonymous true\npersistence true\npersistence_location {folder}/\n"


def ids(fleet: Fleet) -> list[int]:
    """Of every decision that was heard, in the order in which they came."""
    bodies = [body for topic, body in fleet.heard if "/decisions/" in topic]
    return [one["id"] for body in bodies for one in body["decisions"]]


def stored(path: Path) -> list[int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT id FROM decisions WHERE visit IS NOT NULL ORDER BY id")]


def same_under_one_id(fleet: Fleet) -> bool:
    told: dict[str, Any] = {}
    return all(told.setdefault(body["message_id"], body) == body for topic, body in fleet.heard if is_owed(topic))


def is_owed(topic: str) -> bool:
    return any(f"/{kind}/" in topic for kind in ("visits", "decisions", "summaries"))


async def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    await asyncio.to_thread(main, ["cloud", "status", "--json", "-c", str(folder / "config.yaml")])
    [lane] = json.loads(capsys.readouterr().out)["lanes"]
    found: dict[str, Any] = lane
    return found


async def until_shown(folder: Path, capsys: pytest.CaptureFixture[str], key: str) -> None:
    for _ in range(100):
        if (await shown(folder, capsys))[key]:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{key} was never shown")


@pytest.mark.slow
async def test_neither_a_broker_that_restarts_nor_a_daemon_that_dies_meanwhile_loses_a_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, web = write_config(tmp_path)
    broker = Broker(tmp_path, free_port(), PERSISTENT.format(folder=tmp_path))
    section = f"cloud: {{telemetry: {{host: 127.0.0.1, port: {broker.port}, tls: false, every_s: 5}}}}\n"
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + section)
    await broker.start()
    fleet = Fleet(broker.port)
    listening = asyncio.create_task(fleet.run())

    with daemon(tmp_path, web) as living:
        await until(lambda: bool(ids(fleet)), 60)
        assert any(topic.endswith("/state") for topic, _ in fleet.heard)
        await broker.stop()
        heard = ids(fleet)[-1]
        await until(lambda: stored(tmp_path / "home.db")[-1] > heard + 1, 60)
        await until_shown(tmp_path, capsys, "failing_since_at")  # written with the next group
        assert (await shown(tmp_path, capsys))["waiting"] > 0
        living.end(signal.SIGKILL)

    with daemon(tmp_path, web) as living:
        before = stored(tmp_path / "home.db")
        await asyncio.to_thread(living.until, lambda: "Traceback" not in living.log and bool(living.garage()))
        await broker.start()
        await until(lambda: set(before) <= set(ids(fleet)), 60)
        assert (await shown(tmp_path, capsys))["answer"] == "acknowledged"
        assert await asyncio.to_thread(living.end) == 0
    await until(lambda: [body for topic, body in fleet.heard if topic.endswith("/online")][-1] is False)

    told = ids(fleet)
    assert told == sorted(told), "in order, and none again"
    assert same_under_one_id(fleet)
    assert "Traceback" not in living.log
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await broker.stop()
