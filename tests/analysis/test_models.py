"""The base model, and models that are fine-tuned on own sessions, when they prove better."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from hemsd.clock import ManualClock
from hemsd.scoring.background import in_the_background
from hemsd.scoring.engine import load
from hemsd.scoring.fusion import calibrated
from hemsd.scoring.judge import shipped_calibration
from hemsd.scoring.office import Office
from hemsd.scoring.shelf import find
from hemsd.store import Store
from tests.analysis.conftest import Program
from tests.analysis.schemas import example
from tests.analysis.values import at, register, session
from web.analysis_models import FineTuneBody, JobStatus

needs_a_runtime = pytest.mark.skipif(load().name == "numpy", reason="no runtime that can train is installed")

JOB = {"base_model_id": "csar-base", "name": "ours", "data_source": {"type": "sessions"},
       "training_config": {"epochs": 40, "learning_rate": 0.002}}  # fmt: skip


async def odd_but_healthy_sessions(program: Program, count: int = 25) -> None:
    """Charges at a constant low power that the base model does not know from its own training."""
    offer = [{"timestamp": at(0), "value": 11000, "measurand": "Power.Offered", "unit": "W"}]
    for number in range(count):
        kwh = [round(0.55 * i + 0.002 * number, 3) for i in range(20)]
        await program.post(session(f"s-{number}", values=register(kwh) + offer))


async def test_csar_81_to_83_the_base_model_is_listed(anna: Program) -> None:
    [base] = (await anna.call("GET", "/v1/models", schema="models"))["models"]

    assert (base["id"], base["type"], base["is_base"], base["base_model"]) == ("csar-base", "csar_2", True, None)
    assert base["status"] == "active"


async def test_csar_84_a_model_has_a_page_of_its_own(anna: Program) -> None:
    assert (await anna.call("GET", "/v1/models/csar-base", schema="model"))["description"]
    await anna.call("GET", "/v1/models/none", status=404)


async def test_csar_85_86_the_documents_own_request_is_queued_for_our_base_model(anna: Program) -> None:
    asked = {**example("finetune_request"), "base_model_id": "csar-base"}
    job = await anna.call("POST", "/v1/models/fine-tune", asked, schema="finetune")

    assert (job["status"], job["base_model_id"]) == ("queued", "csar-base")


@pytest.mark.parametrize("missing", ["base_model_id", "name", "data_source"])
async def test_csar_85_a_job_must_say_what_from_what(anna: Program, missing: str) -> None:
    asked = {key: value for key, value in JOB.items() if key != missing}
    await anna.call("POST", "/v1/models/fine-tune", asked, status=422)
    await anna.call("POST", "/v1/models/fine-tune", {**JOB, "data_source": {"type": "files"}}, status=422)


async def test_csar_87_an_unknown_base_model_makes_no_job(anna: Program) -> None:
    await anna.call("POST", "/v1/models/fine-tune", {**JOB, "base_model_id": "none"}, status=404)


async def test_csar_88_90_with_too_few_sessions_a_job_fails_and_says_so(anna: Program) -> None:
    job = await anna.call("POST", "/v1/models/fine-tune", JOB)
    done = await anna.until(f"/v1/models/fine-tune/{job['job_id']}", "finetune_status", "completed", "failed")

    assert done["status"] == "failed"
    assert "at least 20" in done["error_message"]
    assert done["result_model_id"] is None
    assert done["config"] == {"epochs": 40, "learning_rate": 0.002}


async def test_csar_88_a_job_of_another_tenant_is_not_found(anna: Program, bert: Program) -> None:
    job = await anna.call("POST", "/v1/models/fine-tune", JOB)

    await bert.call("GET", f"/v1/models/fine-tune/{job['job_id']}", status=404)
    await anna.call("GET", "/v1/models/fine-tune/none", status=404)


@pytest.mark.slow
@needs_a_runtime
async def test_csar_89_a_better_model_is_kept_and_belongs_to_its_tenant(
    anna: Program, bert: Program, office: Office
) -> None:
    await odd_but_healthy_sessions(anna)
    job = await anna.call("POST", "/v1/models/fine-tune", JOB)
    done = await anna.until(f"/v1/models/fine-tune/{job['job_id']}", "finetune_status", "completed", "failed")

    assert done["error_message"] is None
    assert done["created_at"] <= done["started_at"] <= done["completed_at"]
    made = next(one for one in (await anna.call("GET", "/v1/models", schema="models"))["models"] if not one["is_base"])
    assert (made["id"], made["base_model"], made["name"]) == (done["result_model_id"], "csar-base", "ours")
    assert made["metrics"]["held_out_after"] < made["metrics"]["held_out_before"]
    assert len((await bert.call("GET", "/v1/models"))["models"]) == 1
    await bert.call("GET", f"/v1/models/{made['id']}", status=404)


async def trained(program: Program) -> str:
    await odd_but_healthy_sessions(program)
    short = {"epochs": 12, "learning_rate": 0.003}
    job = await program.call("POST", "/v1/models/fine-tune", {**JOB, "training_config": short})
    done = await program.until(f"/v1/models/fine-tune/{job['job_id']}", "finetune_status", "completed", "failed")
    assert done["error_message"] is None
    return str(done["result_model_id"])


async def status_of(program: Program) -> dict[str, str]:
    found = (await program.call("GET", "/v1/models", schema="models"))["models"]
    return {one["id"]: one["status"] for one in found}


@pytest.mark.slow
@needs_a_runtime
async def test_a_tuned_model_judges_until_it_is_taken_back_also_over_a_restart(
    anna: Program, office: Office, store: Store, clock: ManualClock
) -> None:
    made = await trained(anna)
    assert await status_of(anna) == {"csar-base": "inactive", made: "active"}
    assert (await office.sessions.judging("anna")).id == made
    assert (await office.sessions.judging("bert")).id == "csar-base"

    back = await anna.call("POST", "/v1/models/rollback", {}, schema="model")
    assert (back["id"], back["status"]) == ("csar-base", "active")
    again = Office.open(store, clock)
    assert (await again.sessions.judging("anna")).id == "csar-base"
    again.close()
    assert (await anna.call("POST", "/v1/models/rollback", {}, schema="model"))["id"] == "csar-base"


@pytest.mark.slow
@needs_a_runtime
async def test_any_model_of_ones_own_can_be_activated_and_no_other(anna: Program, bert: Program) -> None:
    made = await trained(anna)
    await anna.call("POST", "/v1/models/csar-base/activate", {}, schema="model")
    assert await status_of(anna) == {"csar-base": "active", made: "inactive"}
    await anna.call("POST", f"/v1/models/{made}/activate", {}, schema="model")
    assert await status_of(anna) == {"csar-base": "inactive", made: "active"}

    await bert.call("POST", f"/v1/models/{made}/activate", {}, status=404)
    assert await status_of(bert) == {"csar-base": "active"}


@pytest.mark.slow
@needs_a_runtime
async def test_a_tuned_model_brings_its_own_calibration(anna: Program, office: Office, store: Store) -> None:
    """What the base model was surprised by says nothing about another; and what was learned is not lost."""
    made = await trained(anna)
    judging = await office.sessions.judging("anna")
    assert len(judging.surprises) == 25

    await anna.post(session("later", values=register([0.5 * i for i in range(20)])))
    row = await store.views.ask(lambda db: find(db, "anna", "later"))
    assert row is not None
    assert row.model == made
    assert calibrated(judging.surprises, shipped_calibration()).settled


@pytest.mark.slow
@needs_a_runtime
async def test_a_model_from_another_base_does_not_judge(anna: Program, office: Office, store: Store) -> None:
    await trained(anna)
    store.carry_out(("UPDATE tuned_models SET base_sha256 = 'of an older release'", ()))
    await store.settle()

    assert (await office.sessions.judging("anna")).id == "csar-base"


async def test_training_rests_while_the_control_loop_is_late() -> None:
    calm, epochs = threading.Event(), []

    def work(pause: Callable[[], None]) -> int:
        for epoch in range(3):
            pause()
            epochs.append(epoch)
        return len(epochs)

    running = asyncio.create_task(in_the_background(work, calm.is_set))
    await asyncio.sleep(0.05)
    assert epochs == []
    calm.set()
    assert await asyncio.wait_for(running, 5) == 3


async def test_training_that_nobody_waits_for_ends_and_delays_no_stop() -> None:
    ended = threading.Event()

    def work(pause: Callable[[], None]) -> None:
        try:
            while True:
                pause()
        finally:
            ended.set()

    running = asyncio.create_task(in_the_background(work, lambda: False))
    await asyncio.sleep(0.05)
    running.cancel()
    began_s = time.monotonic()
    await asyncio.gather(running, return_exceptions=True)

    assert time.monotonic() - began_s < 0.1
    assert await asyncio.to_thread(ended.wait, 5)


async def test_a_job_that_a_restart_interrupted_is_taken_up_again(store: Store, clock: ManualClock) -> None:
    first = Office.open(store, clock)
    job = await first.models.fine_tune("anna", FineTuneBody.model_validate(JOB))
    assert job is not None
    store.carry_out(("UPDATE training_jobs SET status = 'running', started_ms = 1", ()))
    first.close()

    second = Office.open(store, clock)
    running = asyncio.create_task(second.models.run())
    try:
        for _ in range(200):
            page = await second.models.job("anna", job.job_id)
            assert page is not None
            if page.status is JobStatus.FAILED:
                break
            await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        second.close()
    assert "at least 20" in (page.error_message or "")


async def test_a_model_that_is_no_better_is_not_kept(anna: Program, office: Office) -> None:
    await odd_but_healthy_sessions(anna)
    config = {"epochs": 1, "learning_rate": 1e-9}
    job = await anna.call("POST", "/v1/models/fine-tune", {**JOB, "training_config": config})
    done = await anna.until(f"/v1/models/fine-tune/{job['job_id']}", "finetune_status", "completed", "failed")

    assert "the base model is kept" in done["error_message"]
    assert len((await anna.call("GET", "/v1/models"))["models"]) == 1
