"""`hemsd cloud preview` shows what leaves, byte for byte, and touches nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from hemsd.cli import main
from hemsd.clock import ManualClock
from hemsd.cloud.analysis_upload import Station
from hemsd.cloud.service import Cloud
from hemsd.config import load
from hemsd.store import Store
from tests.cloud.home import Home, Sessions
from tests.cloud.receiver import receiving

CONFIG = """\
wallboxes: {{garage: {{driver: ocpp, charge_point: WB-001}}}}
vehicles: {{car: {{wallbox: garage}}}}
policies: {{home: {{vehicle: car}}}}
storage: {{path: hemsd.db}}
cloud:
  analysis: {{url: "{url}", token_file: token, leave_out: [connector_id]}}
  summaries: {{url: "{url}", token_file: token, paths: {{partner: "visits/{{number}}"}}}}
  webhooks: [{{url: "{url}/hook?key=s3cret", secret_file: token, events: ["flex:session:updated"]}}]
  telemetry: {{host: 127.0.0.1, tls: false, fields: [visits]}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("secret-token")
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.format(url="http://127.0.0.1:9"))
    return file


def point_to(config: Path, url: str) -> None:
    config.write_text(CONFIG.format(url=url))


async def a_visit(config: Path, url: str | None = None) -> Home:
    """A finished visit in the store, sent to the receiver if there is one."""
    if url is not None:
        point_to(config, url)
    settings, clock = load(config), ManualClock()
    store = await Store.open(settings.storage.path, clock)
    cloud = Cloud(settings.cloud, store, clock, {"garage": Station("WB-001", "1")}, real=clock)
    cloud.payloads = sessions = Sessions(store)
    home = Home(store, clock, cloud, sessions)
    await home.plug_in()
    await home.charge(minutes=3)
    await home.plug_out()
    if url is not None:
        await home.pay("analysis", 1)
    for lane in cloud.lanes.values():
        await lane.transport.close()
    await store.close()
    return home


async def test_the_preview_of_an_upload_is_what_the_receiver_gets(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with receiving() as receiver:
        await a_visit(config, receiver.url)
        [heard] = receiver.heard
    assert await asyncio.to_thread(main, ["cloud", "preview", "-c", str(config)]) == 0
    shown = capsys.readouterr().out
    part = shown.partition("POST http")[2].partition("{")
    document, _ = json.JSONDecoder().raw_decode("{" + part[2])
    assert document == heard.body
    assert "connector_id" not in document


async def test_the_preview_shows_every_kind_of_message_and_no_secret(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await a_visit(config)
    before = (config.parent / "hemsd.db").read_bytes()
    assert await asyncio.to_thread(main, ["cloud", "preview", "-c", str(config)]) == 0
    shown = capsys.readouterr().out
    for word in ("POST http://127.0.0.1:9/v1/sessions", "visits/1", "/hook", "hemsd/", "x-enode-signature"):
        assert word in shown
    assert "secret-token" not in shown
    assert (config.parent / "hemsd.db").read_bytes() == before


def test_without_a_cloud_section_nothing_leaves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("site: {name: Home}\n")
    for action in ("preview", "status"):
        assert main(["cloud", action, "-c", str(tmp_path / "config.yaml")]) == 0
        assert "config.yaml names nobody under cloud" in capsys.readouterr().out


async def test_the_status_names_each_lane_its_backlog_and_its_last_answer(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with receiving() as receiver:
        await a_visit(config, receiver.url)
    assert await asyncio.to_thread(main, ["cloud", "status", "-c", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "nothing waits; last answer 200" in next(line for line in lines if line.startswith("analysis"))
    assert "1 waiting" in next(line for line in lines if line.startswith("summaries"))
    assert "s3cret" not in "".join(lines)
    assert await asyncio.to_thread(main, ["cloud", "status", "--json", "-c", str(config)]) == 0
    status = json.loads(capsys.readouterr().out)
    assert [lane["waiting"] for lane in status["lanes"]] == [0, 1, 1, 1]


def test_a_retry_without_a_database_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cloud", "retry", "-c", str(config)]) == 1
    assert "no database yet" in capsys.readouterr().err
