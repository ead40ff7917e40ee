"""Many sessions at once: taken at once, judged one by one, a bad one fails alone."""

from __future__ import annotations

from tests.analysis.conftest import Program
from tests.analysis.schemas import example
from tests.analysis.values import FALLING, HEALTHY, register


async def test_csar_58_60_the_documents_own_batch_is_taken_and_answered_at_once(anna: Program) -> None:
    taken = await anna.call("POST", "/v1/sessions/batch", example("batch_request"), schema="batch")

    assert (taken["total_sessions"], taken["status"]) == (2, "pending")


async def test_csar_61_to_66_a_batch_ends_with_a_row_for_each_session(anna: Program) -> None:
    taken = await anna.call("POST", "/v1/sessions/batch", example("batch_request"))
    done = await anna.until(f"/v1/sessions/batch/{taken['batch_id']}", "batch_status", "completed", "failed")

    assert done["status"] == "completed"
    assert done["completed_at"] is not None
    assert (done["processed_sessions"], done["failed_sessions"], done["total_sessions"]) == (2, 0, 2)
    assert [row["session_id"] for row in done["results"]] == ["sess-001", "sess-002"]
    assert [row["sequence_length"] for row in done["results"]] == [3, 3]
    assert (await anna.detail("sess-001"))["status"] == "active"


async def test_csar_59_the_usual_name_of_a_station_is_taken_too(anna: Program) -> None:
    body = {"sessions": [{"session_id": "s", "charging_station_id": "CP-9", "meter_values": register(FALLING)}]}
    taken = await anna.call("POST", "/v1/sessions/batch", body)
    done = await anna.until(f"/v1/sessions/batch/{taken['batch_id']}", "batch_status", "completed")

    assert done["results"][0]["is_anomaly"] is True
    assert (await anna.call("GET", "/v1/stations"))["items"][0]["external_station_id"] == "CP-9"


async def test_csar_67_a_bad_session_fails_alone(anna: Program) -> None:
    sessions = [
        {"session_id": "good", "charging_point_id": "CP-1", "meter_values": register(HEALTHY)},
        {"session_id": "bad", "charging_point_id": "CP-1", "meter_values": [{"timestamp": "never", "value": 1}]},
    ]
    taken = await anna.call("POST", "/v1/sessions/batch", {"sessions": sessions})
    done = await anna.until(f"/v1/sessions/batch/{taken['batch_id']}", "batch_status", "completed", "failed")

    assert (done["status"], done["processed_sessions"], done["failed_sessions"]) == ("completed", 1, 1)
    assert [row["session_id"] for row in done["results"]] == ["good"]
    await anna.detail("bad", status=404)


async def test_csar_67_a_batch_fails_when_all_of_it_fails(anna: Program) -> None:
    bad = {"session_id": "bad", "charging_point_id": "CP-1", "meter_values": ["?"]}
    taken = await anna.call("POST", "/v1/sessions/batch", {"sessions": [bad]})
    done = await anna.until(f"/v1/sessions/batch/{taken['batch_id']}", "batch_status", "completed", "failed")

    assert (done["status"], done["processed_sessions"], done["failed_sessions"]) == ("failed", 0, 1)


async def test_csar_68_an_unknown_batch_and_another_tenants_are_not_found(anna: Program, bert: Program) -> None:
    taken = await anna.call("POST", "/v1/sessions/batch", example("batch_request"))

    await anna.call("GET", "/v1/sessions/batch/none", status=404)
    await bert.call("GET", f"/v1/sessions/batch/{taken['batch_id']}", status=404)


async def test_csar_58_a_batch_without_sessions_is_refused(anna: Program) -> None:
    await anna.call("POST", "/v1/sessions/batch", {}, status=422)
    await anna.call("POST", "/v1/sessions/batch", {"sessions": [{"session_id": "s", "meter_values": []}]}, status=422)
