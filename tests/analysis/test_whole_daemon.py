"""The whole daemon: what config.yaml says of scoring is what judges and speaks, and it keeps nobody waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hemsd.app import Daemon
from hemsd.clock import SystemClock
from hemsd.config import load
from hemsd.scoring.engine import weights
from hemsd.scoring.model_rows import TunedModel, choose, keep
from hemsd.scoring.shelf import find
from hemsd.scoring.tenants import HOME
from hemsd.store import Store, clients
from tests.analysis.test_own_visits import PIT, visited
from tests.analysis.values import register, session
from tests.daemon.living import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

CONFIG = """\
site: {{name: Test home, main_fuse_a: 35}}
wallboxes:
  garage: {{driver: ocpp, charge_point: WB-001, phases: 1, max_a: 16}}
ocpp: {{host: 127.0.0.1, port: {ocpp}}}
web: {{port: {web}}}
storage: {{path: hemsd.db}}
steering: {{tick_s: 1}}
scoring: {scoring}
"""


class LanguageModel:
    """A real server that speaks the language of chat completions, and behaves as a test wishes."""

    def __init__(self) -> None:
        self.body: object = {}
        self.raw: bytes | None = None
        self.delay_s = 0.0
        self.asked: list[Any] = []

    def says(self, text: object) -> None:
        self.raw, self.delay_s, self.body = None, 0.0, {"choices": [{"message": {"content": text}}]}

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        await asyncio.sleep(self.delay_s)
        return web.Response(body=self.raw) if self.raw is not None else web.json_response(self.body)


@dataclass
class House:
    daemon: Daemon
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: object = None) -> Any:
        async with self.http.request(method, path, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def judged(self, count: int) -> Any:
        """The sessions, once so many of them have a verdict."""
        async with asyncio.timeout(30):
            while True:
                page = await self.call("GET", "/v1/sessions")
                if sum(item["status"] == "active" for item in page["items"]) >= count:
                    return page["items"]
                await asyncio.sleep(0.1)


@asynccontextmanager
async def running(folder: Path, scoring: str) -> AsyncIterator[House]:
    """A daemon with a client of the analysis API."""
    ocpp, port = free_ports(2)
    (folder / "config.yaml").write_text(CONFIG.format(ocpp=ocpp, web=port, scoring=scoring))
    config = load(folder / "config.yaml")
    async with await Daemon.make(config, SystemClock()) as daemon:
        client_id, secret = clients.add(config.storage.path, SystemClock(), f"anna-{ocpp}", ["analysis"])
        task = asyncio.create_task(daemon.run())
        await daemon.web.listening.wait()
        base = f"http://127.0.0.1:{port}"
        try:
            basic = {"Authorization": aiohttp.encode_basic_auth(client_id, secret)}
            async with aiohttp.ClientSession(base, headers=basic) as doors:
                asked = await doors.post("/oauth2/token", data={"grant_type": "client_credentials"})
                token = (await asked.json())["access_token"]
            async with aiohttp.ClientSession(base, headers={"Authorization": f"Bearer {token}"}) as http:
                yield House(daemon, http)
        finally:
            daemon.stopping.set()
            await asyncio.wait_for(task, 20)


@asynccontextmanager
async def store_of(folder: Path) -> AsyncIterator[Store]:
    store = await Store.open(folder / "hemsd.db", SystemClock())
    yield store
    await store.close()


@pytest.mark.slow
async def test_the_configured_language_model_speaks_and_is_believed_no_further_than_the_facts(tmp_path: Path) -> None:
    async with store_of(tmp_path) as store:
        visit = await visited(store, PIT)
    model = LanguageModel()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/v1"))
        async with running(tmp_path, f"{{language_model: {{url: '{url}', model: tiny}}}}") as house:
            await house.judged(1)

            async def explained() -> str:
                page = await house.call("POST", f"/v1/sessions/{visit.id}/explain?lang=de", {})
                return str(page["explanation"])

            model.raw = b"<html>busy</html>"
            plain = await explained()
            assert "ENERGY_PIT" in plain
            assert "Was zu tun ist" in plain
            assert model.asked[-1]["model"] == "tiny"
            assert plain in model.asked[-1]["messages"][0]["content"]

            good = "ENERGY_PIT: Das Laden setzte 39 Minuten aus."
            model.says(good)
            assert await explained() == good
            for unbelievable in (
                "ENERGY_PIT: Das Laden setzte 40 Minuten aus.",
                "Das Laden setzte 39 Minuten aus.",
                "",
                None,
                {"text": good},
                good * 200,
            ):
                model.says(unbelievable)
                assert await explained() == plain, unbelievable

            speaker = house.daemon.office.sessions.speaker
            assert speaker is not None
            house.daemon.office.sessions.speaker = replace(speaker, within_s=0.2)
            model.says(good)
            model.delay_s = 5.0
            began_s = time.monotonic()
            assert await explained() == plain
            assert time.monotonic() - began_s < 3.0
        await server.close()
        async with running(tmp_path, f"{{language_model: {{url: '{url}', model: tiny}}}}") as house:
            page = await house.call("POST", f"/v1/sessions/{visit.id}/ask", {"question": "How much energy?"})
            assert "kWh" in page["answer"]  # though nobody listens there any more


async def test_the_model_that_was_chosen_judges_the_homes_visits_also_after_a_restart(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tuned = TunedModel("csar-ours", "anna", "ours", "csar-base", {}, SystemClock().utc())
    flat = (weights() + rng.normal(0, 0.05, len(weights()))).astype(np.float32)
    async with store_of(tmp_path) as store:
        visit = await visited(store, [3600.0] * 90)
        store.carry_out(keep(tuned, flat, []))

    async with running(tmp_path, "{model: csar-base, runtime: numpy}") as house:
        await house.judged(1)
        assert house.daemon.office.judge.engine().name == "numpy"
        base = await house.daemon.store.views.ask(lambda db: find(db, HOME, visit.id))
        house.daemon.store.carry_out(choose(HOME, tuned.id, SystemClock().utc()))
        await house.daemon.store.settle()
        again = await house.daemon.office.visits.judge(visit)
    assert base is not None
    assert (base.model, again.model) == (None, tuned.id)
    assert base.surprise != again.surprise

    async with running(tmp_path, "{model: csar-base}") as house:
        assert (await house.daemon.office.sessions.judging(HOME)).id == tuned.id
    async with running(tmp_path, "{model: csar-ours}") as house:
        house.daemon.store.carry_out(("DELETE FROM model_choices", ()))
        await house.daemon.store.settle()
        assert (await house.daemon.office.sessions.judging(HOME)).id == tuned.id


@pytest.mark.slow
async def test_judging_many_sessions_and_training_delay_no_tick(tmp_path: Path) -> None:
    """While a batch is judged and a model trained, the control loop goes round every second, on time."""
    async with running(tmp_path, "{}") as house:
        control = house.daemon.control
        ticks_s: list[float] = []
        ticked = control.ticked

        def follow(snapshot: Any) -> None:
            ticks_s.append(time.monotonic())
            ticked(snapshot)

        control.ticked = follow
        sessions = [
            session(f"s-{number}", values=register([0.12 * i for i in range(360)], every_min=1)) for number in range(25)
        ]
        taken = await house.call("POST", "/v1/sessions/batch", {"sessions": sessions})
        for _ in range(200):
            done = await house.call("GET", f"/v1/sessions/batch/{taken['batch_id']}")
            if done["completed_at"]:
                break
            await asyncio.sleep(0.1)
        job = {"base_model_id": "csar-base", "name": "ours", "data_source": {"type": "sessions"},
               "training_config": {"epochs": 8}}  # fmt: skip
        asked = await house.call("POST", "/v1/models/fine-tune", job)
        for _ in range(300):
            page = await house.call("GET", f"/v1/models/fine-tune/{asked['job_id']}")
            if page["completed_at"]:
                break
            await asyncio.sleep(0.1)
        async with asyncio.timeout(10):
            while len(ticks_s) < 4:  # noqa: ASYNC110 - all of it may be over within a tick
                await asyncio.sleep(0.1)
    assert done["failed_sessions"] == 0
    assert page["completed_at"]
    gaps_s = np.diff(ticks_s)
    assert gaps_s.max() < 2.0  # each second, and none is left out
