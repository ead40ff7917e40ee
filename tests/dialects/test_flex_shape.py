"""What a flex session looks like (ENODE-25 to ENODE-43): every answer of every played visit, against the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from hemsd.model import Command, DispatchStatus, Outcome
from rules.course import Course, Trouble
from rules.prospect import judged
from tests.dialects import stories
from tests.dialects.stories import MIDNIGHT
from web.flex_models import FlexState

PLAYED = (
    stories.a_night,
    stories.a_boosted_night,
    stories.below_the_reserve,
    stories.a_refused_start,
    stories.never_obeyed,
    stories.before_the_car_comes,
    stories.a_sunny_day,
    stories.a_dark_day,
    stories.guests,
    stories.over_a_restart,
)
KEYS = {
    "policyId", "state", "pluggedInAt", "pluggedOutAt", "blocks", "statistics", "target", "outcome", "error",
}  # fmt: skip


def sessions() -> list[dict[str, Any]]:
    """Every flex session that any story was answered; each was validated against the schema on the way."""
    return [session for story in PLAYED for document in story().documents.values() for session in _in(document)]


def _in(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        for each in document:
            yield from _in(each)
    elif isinstance(document, dict) and "policyId" in document:
        yield document


def settled() -> list[dict[str, Any]]:
    return [session for session in sessions() if session["state"] == "SETTLED"]


def test_enode_25_every_key_is_always_there() -> None:
    assert len(sessions()) > 30
    for session in sessions():
        assert set(session) - {"id"} == KEYS
        assert ("id" in session) == (session["state"] == "SETTLED")


def test_enode_26_the_id_is_a_uuid_shown_once_settled_and_the_same_from_the_beginning() -> None:
    night = stories.a_night()
    assert UUID(night["settled"]["id"])
    assert "id" not in night["charging"]
    assert night["settled"]["id"] == night["ev plugged in"]["session"]["id"]


def test_enode_27_the_policy_is_null_exactly_where_nobody_manages() -> None:
    assert {session["policyId"] for session in stories.guests()["sessions"]} == {None}
    night = stories.a_night()
    assert night["settled"]["policyId"] == night.ids["policy"]


def test_enode_28_states_are_the_five_words_and_never_a_bare_active() -> None:
    seen = {session["state"] for session in sessions()}
    assert seen == {state.value for state in FlexState}
    assert "ACTIVE" not in seen


def test_enode_29_plugged_in_at_is_null_exactly_while_upcoming() -> None:
    for session in sessions():
        assert (session["pluggedInAt"] is None) == (session["state"] == "UPCOMING")


def test_enode_30_plugged_out_at_is_there_exactly_when_settled_and_later() -> None:
    for session in sessions():
        assert (session["pluggedOutAt"] is not None) == (session["state"] == "SETTLED")
        if session["pluggedOutAt"]:
            assert session["pluggedInAt"] < session["pluggedOutAt"]


def test_enode_31_blocks_have_a_type_an_energy_and_a_length() -> None:
    blocks = [block for session in sessions() for block in session["blocks"]]
    assert {block["type"] for block in blocks} == {"BATTERY_RESERVE", "REGULAR", "IMMEDIATE_START"}
    for block in blocks:
        assert block["kwhSum"] >= 0
        assert block["startAt"] < block["endAt"]


def test_enode_32_statistics_have_their_two_parts() -> None:
    for session in sessions():
        assert set(session["statistics"]) == {"aggregated", "timeseries"}
        assert isinstance(session["statistics"]["timeseries"], list)


def test_enode_33_levels_are_whole_percent() -> None:
    for session in sessions():
        summed = session["statistics"]["aggregated"]
        if summed is not None:
            assert set(summed) == {"kwhSum", "batteryFrom", "batteryTo"}
            assert all(isinstance(summed[key], int) and 0 <= summed[key] <= 100 for key in ("batteryFrom", "batteryTo"))
            assert summed["kwhSum"] >= 0


def test_enode_34_an_entry_of_the_series_has_a_time_and_an_energy() -> None:
    for session in sessions():
        for point in session["statistics"]["timeseries"]:
            assert set(point) == {"startAt", "kwh"}
            assert point["kwh"] >= 0


def test_enode_35_target_outcome_and_error_have_the_single_key_latest() -> None:
    for session in sessions():
        assert all(set(session[key]) == {"latest"} for key in ("target", "outcome", "error"))


def test_enode_36_a_regular_target_has_exactly_its_six_keys() -> None:
    target = stories.a_night()["charging"]["target"]["latest"]
    assert set(target) == {"id", "type", "source", "batteryReserve", "minimumChargeTarget", "readyBy"}


def test_enode_37_an_immediate_target_has_exactly_its_three_keys() -> None:
    assert set(stories.a_boosted_night()["boosted"]["target"]["latest"]) == {"id", "type", "minimumChargeTarget"}


def test_enode_38_a_source_is_the_policy_or_a_person() -> None:
    story = stories.before_the_car_comes()
    assert story["policy"]["target"]["latest"]["source"] == "POLICY"
    assert story["override"]["target"]["latest"]["source"] == "USER_OVERRIDE"


def test_enode_39_targets_are_numbered_from_one_in_their_order() -> None:
    story = stories.a_boosted_night()
    moments = ("before", "boosted", "boosted on", "back", "again", "settled", "next")
    assert [story[moment]["target"]["latest"]["id"] for moment in moments] == [1, 2, 2, 3, 4, 4, 1]


def test_enode_40_a_regular_outcome_has_exactly_its_five_keys() -> None:
    outcome = stories.a_refused_start()["failed"]["outcome"]["latest"]
    assert set(outcome) == {
        "type", "targetId", "state", "batteryLevelAtReadyBy", "minimumChargeTargetReachedAt",
    }  # fmt: skip


def test_enode_41_an_immediate_outcome_has_exactly_its_three_keys() -> None:
    outcome = stories.a_boosted_night()["boosted"]["outcome"]["latest"]
    assert set(outcome) == {"type", "targetId", "minimumChargeTargetReachedAt"}


def test_enode_42_an_outcome_is_about_the_newest_target() -> None:
    for session in sessions():
        outcome, target = session["outcome"]["latest"], session["target"]["latest"]
        if outcome is not None:
            assert (outcome["type"], outcome["targetId"]) == (target["type"], target["id"])


@pytest.mark.parametrize(
    ("amps", "flows", "trouble"), [(16.0, False, Trouble.START_FAIL), (0.0, True, Trouble.STOP_FAIL)]
)
def test_enode_43_an_error_is_a_start_or_a_stop_that_failed(amps: float, flows: bool, trouble: Trouble) -> None:
    assert {str(session["error"]["latest"]) for session in sessions()} == {"None", "{'type': 'START_FAIL'}"}
    refused = Command(
        1, "garage", MIDNIGHT, 0.0, amps, 3, 0.0, dispatch_status=DispatchStatus.REJECTED, outcome=Outcome.REJECTED,
        final=True,
    )  # fmt: skip
    assert judged(Course("visit", "home"), refused, flows=flows, asked=True).trouble is trouble
