"""Who is told of alerts can be changed while hemsd runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from hemsd.app import Daemon
from hemsd.clock import SystemClock
from hemsd.config import load
from tests.daemon.living import write_config

SILENT = ("grid", "The grid meter has been silent for 75 s.", "Check its power.")


async def test_a_channel_that_is_added_while_hemsd_runs_is_told_of_what_stands(tmp_path: Path) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        heard.put_nowait(json.loads(await request.read())["key"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    write_config(tmp_path, simulate=False)
    file = tmp_path / "config.yaml"
    clock = SystemClock()
    async with (
        TestServer(app) as receiver,
        await Daemon.make(load(file), clock) as daemon,
        asyncio.TaskGroup() as group,
    ):
        daemon.reload(file, group)  # nothing has changed: nobody is told
        daemon.alerts.update([SILENT], clock.utc())

        file.write_text(
            file.read_text() + f"alerts: {{after_s: 0, webhook: {{url: '{receiver.make_url('/hook')}'}}}}\n"
        )
        daemon.reload(file, group)
        daemon.alerts.update([SILENT], clock.utc())
        assert await asyncio.wait_for(heard.get(), 10) == "grid"

        file.write_text(file.read_text().replace("after_s: 0", "after_s: 1"))
        daemon.reload(file, group)
        daemon.alerts.update([SILENT], clock.utc())
        await asyncio.sleep(0.2)
        assert heard.empty()  # it knows what was told before
        for task in daemon.telling:
            task.cancel()
