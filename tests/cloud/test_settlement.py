"""A car comes to a whole home, charges and leaves; everybody who is told gets the end of the story in its own words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hemsd.app import Daemon
from hemsd.config import load
from hemsd.simulation import clock_for
from tests.cloud.receiver import Heard, Receiver, receiving
from tests.cloud.test_analysis_upload import valid
from tests.cloud.test_telemetry import until
from tests.daemon.living import write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

CLOUD = """
policies: {{home: {{vehicle: car}}}}
cloud:
  analysis: {{url: "{url}", token_file: secret, group_s: 300}}
  summaries:
    url: "{url}"
    token_file: secret
    paths: {{partner: "hems/{{number}}", ev: "ev/{{number}}", flex: "flex/{{number}}"}}
  webhooks: [{{url: "{url}/hook", secret_file: secret, events: ["flex:session:updated"]}}]
"""


def last(receiver: Receiver, path: str) -> Heard | None:
    return next((heard for heard in reversed(receiver.heard) if heard.path.startswith(path)), None)


def states(receiver: Receiver) -> list[str]:
    return [heard.body["session"]["state"] for heard in receiver.heard if heard.path == "/hook"]


@pytest.mark.slow
async def test_a_visit_that_ends_is_summed_up_for_everybody(tmp_path: Path) -> None:
    write_config(tmp_path)
    (tmp_path / "secret").write_text("example-secret")
    file = tmp_path / "config.yaml"
    async with receiving() as receiver:
        file.write_text(file.read_text() + CLOUD.format(url=receiver.url))
        config = load(file)
        async with await Daemon.make(config, await clock_for(config), file=file) as daemon:
            assert daemon.simulated is not None
            running = asyncio.create_task(daemon.run())
            await until(lambda: daemon.simulated is not None and last(receiver, "/v1/sessions/") is not None, 60)
            daemon.simulated.unplug()
            await until(lambda: all(last(receiver, path) for path in ("/hems/", "/ev/", "/flex/")), 60)
            await until(lambda: "SETTLED" in states(receiver), 30)
            daemon.stopping.set()
            await running
    hems, car, flex = (last(receiver, path) for path in ("/hems/", "/ev/", "/flex/"))
    assert hems is not None
    assert car is not None
    assert flex is not None
    assert valid("podero_hems_session_detail", hems.body)
    assert hems.body["session"]["ended_at"] is not None
    assert car.body["unplug_time"] is not None
    assert valid("enode_session", flex.body)
    assert flex.body["state"] == "SETTLED"
    created = next(heard for heard in receiver.heard if heard.path == "/v1/sessions")
    assert valid("req_csar_create", created.body)
    assert created.body["session_id"] == flex.body["id"], "one visit, in three dialects"
    assert [heard.line for heard in receiver.heard if heard.path.startswith(("/hems", "/ev", "/flex"))].count(
        f"PUT {hems.path}"
    ) == 1
