"""The base model, and models that are fine-tuned on own sessions, when they prove better."""

from __future__ import annotations

import pytest

from hemsd.scoring.engine import load
from hemsd.scoring.office import Office
from tests.analysis.conftest import Program
from tests.analysis.schemas import example
from tests.analysis.values import at, register, session

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


async def test_csar_89_a_better_model_is_kept_and_belongs_to_its_tenant(
    anna: Program, bert: Program, office: Office
) -> None:
    if load().name == "numpy":
        pytest.skip("no runtime that can train")
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


async def test_a_model_that_is_no_better_is_not_kept(anna: Program, office: Office) -> None:
    await odd_but_healthy_sessions(anna)
    config = {"epochs": 1, "learning_rate": 1e-9}
    job = await anna.call("POST", "/v1/models/fine-tune", {**JOB, "training_config": config})
    done = await anna.until(f"/v1/models/fine-tune/{job['job_id']}", "finetune_status", "completed", "failed")

    assert "the base model is kept" in done["error_message"]
    assert len((await anna.call("GET", "/v1/models"))["models"]) == 1
