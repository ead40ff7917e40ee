"""What a flex session counts and what it foresees (ENODE-75 to ENODE-95)."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hemsd.model import QUARTER
from tests.dialects import stories
from tests.dialects.home import CheapAt, played
from tests.dialects.stories import MINUTE, at
from tests.dialects.test_flex_shape import sessions


def begun(session: dict[str, Any], now: str) -> list[Any]:
    return [block for block in session["blocks"] if block["startAt"] <= now]


def series(session: dict[str, Any]) -> list[Any]:
    points: list[Any] = session["statistics"]["timeseries"]
    return points


def summed(session: dict[str, Any]) -> Any:
    return session["statistics"]["aggregated"]


def times(session: dict[str, Any]) -> list[datetime]:
    return [datetime.fromisoformat(point["startAt"]) for point in series(session)]


def with_statistics() -> list[dict[str, Any]]:
    return [session for session in sessions() if series(session)]


# --- statistics


def test_enode_75_the_sum_is_that_of_the_blocks_that_have_begun() -> None:
    night = stories.a_night()
    session = night["charging"]
    assert len(session["blocks"]) == 2
    assert summed(session)["kwhSum"] == session["blocks"][0]["kwhSum"]
    for settled in (night["settled"], stories.a_boosted_night()["settled"], stories.a_sunny_day()["settled"]):
        assert summed(settled)["kwhSum"] == round(sum(block["kwhSum"] for block in settled["blocks"]), 3)


def test_enode_76_what_flows_outside_any_plan_gets_a_block_of_its_own() -> None:
    session = stories.a_sunny_day()["flex"]  # nothing is planned: the target is reached
    assert [block["type"] for block in session["blocks"]] == ["REGULAR"]
    assert session["blocks"][0]["kwhSum"] > 1


def test_enode_77_an_unmanaged_sum_is_what_was_observed() -> None:
    story = stories.guests()
    observed = max(summed(session)["kwhSum"] for session in story["sessions"])
    assert abs(observed - story["energy_wh"] / 1000) < 0.01


def test_enode_78_the_series_begins_at_plug_in() -> None:
    assert len(with_statistics()) > 15
    for session in with_statistics():
        assert series(session)[0]["startAt"] == session["pluggedInAt"]


def test_enode_79_later_entries_lie_on_quarter_hours() -> None:
    for session in with_statistics():
        for moment in times(session)[1:]:
            assert (moment.minute % 15, moment.second, moment.microsecond) == (0, 0, 0)


def test_enode_80_no_interval_is_left_out() -> None:
    for session in with_statistics():
        moments = times(session)
        gaps = [after - before for before, after in pairwise(moments)]
        assert all(gap == QUARTER for gap in gaps[1:])
        assert all(timedelta(0) < gap <= QUARTER for gap in gaps)


def test_enode_81_only_intervals_that_are_over_are_shown() -> None:
    night = stories.a_night()
    assert series(night["plugged in"]) == []
    assert times(night["charging"])[-1] == at("00:45")  # at 01:02
    assert times(night["between"])[-1] == at("01:00")  # at 01:20


def test_enode_82_a_settled_series_runs_up_to_the_plug_out() -> None:
    for session in sessions():
        if session["state"] == "SETTLED":
            out_at = datetime.fromisoformat(session["pluggedOutAt"])
            assert times(session)[-1] < out_at <= times(session)[-1] + QUARTER


def test_enode_83_between_blocks_nothing_flows() -> None:
    night = stories.a_night()["settled"]
    idle = [p for p in series(night) if p["startAt"][11:16] in ("00:38", "00:45", "01:30", "02:15")]
    assert [point["kwh"] for point in idle] == [0, 0, 0, 0]


def test_enode_84_the_series_sums_to_the_whole() -> None:
    for session in sessions():
        if session["state"] == "SETTLED":
            assert abs(sum(point["kwh"] for point in series(session)) - summed(session)["kwhSum"]) < 0.005


def test_enode_85_the_first_level_stays_and_the_last_moves() -> None:
    night = stories.a_night()
    moments = ("plugged in", "charging", "between", "reached", "settled")
    assert {summed(night[moment])["batteryFrom"] for moment in moments} == {42}
    levels = [summed(night[moment])["batteryTo"] for moment in moments]
    assert levels == sorted(levels)
    assert levels[-1] == 50


def test_enode_86_without_energy_nothing_moves() -> None:
    session = stories.never_obeyed()["settled"]
    assert {point["kwh"] for point in series(session)} == {0}
    assert summed(session) == {"kwhSum": 0, "batteryFrom": 42, "batteryTo": 42}


@pytest.mark.slow
async def test_enode_87_the_level_is_estimated_where_nobody_tells_it(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30"), prices=CheapAt(((at("00:30"), at("02:00")),))) as home:
        car = home.plug(20.0, tell=False)
        home.play(MINUTE * 40)
        assert abs(summed(await home.flex())["batteryTo"] - car.soc_pct) <= 1
        assert car.soc_pct > 26


# --- outcome and error


def test_enode_88_on_target_has_no_projections_while_active() -> None:
    for moment in ("plugged in", "charging", "between"):
        outcome = stories.a_night()[moment]["outcome"]["latest"]
        assert (outcome["state"], outcome["batteryLevelAtReadyBy"], outcome["minimumChargeTargetReachedAt"]) == (
            "ON_TARGET", None, None,
        )  # fmt: skip
    settled = stories.a_night()["settled"]["outcome"]["latest"]
    assert (settled["state"], settled["minimumChargeTargetReachedAt"][:16]) == ("ON_TARGET", "2025-06-11T02:00")


async def test_enode_89_off_target_holds_the_projected_level(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("06:00"), prices=CheapAt()) as home:
        home.plug(20.0)
        home.play(MINUTE)
        outcome = (await home.flex())["outcome"]["latest"]
        assert outcome["state"] == "OFF_TARGET"
        assert 34 <= outcome["batteryLevelAtReadyBy"] <= 37  # an hour at 11 kW, at 90 %


async def test_enode_90_off_target_is_reached_after_the_deadline(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("06:00"), prices=CheapAt()) as home:
        home.plug(20.0)
        home.play(MINUTE)
        session = await home.flex()
        outcome = session["outcome"]["latest"]
        assert outcome["minimumChargeTargetReachedAt"] > session["target"]["latest"]["readyBy"]
        home.unplug()
        (settled,) = await home.settled()
        assert settled["outcome"]["latest"]["minimumChargeTargetReachedAt"] is None  # it never was


def test_enode_91_the_target_is_a_floor() -> None:
    session = stories.a_sunny_day()["settled"]
    assert summed(session)["batteryFrom"] > session["target"]["latest"]["minimumChargeTarget"]
    assert summed(session)["batteryTo"] > summed(session)["batteryFrom"]


def test_enode_92_an_immediate_start_projects_when_it_is_reached() -> None:
    story = stories.a_boosted_night()
    projected = story["boosted"]["outcome"]["latest"]["minimumChargeTargetReachedAt"]
    really = story["back"]["blocks"][1]["endAt"]
    off = abs(datetime.fromisoformat(projected) - datetime.fromisoformat(really))
    assert off < timedelta(minutes=2)
    assert story["settled"]["outcome"]["latest"]["minimumChargeTargetReachedAt"] is None


def test_enode_93_a_start_without_response_is_an_error() -> None:
    assert stories.a_refused_start()["failed"]["error"]["latest"] == {"type": "START_FAIL"}
    assert stories.never_obeyed()["flex"]["error"]["latest"] == {"type": "START_FAIL"}


def test_enode_94_a_failed_start_leaves_the_block_and_counts_on_nothing() -> None:
    session = stories.a_refused_start()["failed"]
    assert session["state"] == "ACTIVE:REGULAR"
    assert [block["kwhSum"] for block in begun(session, "2025-06-11T01:10:00Z")] == [0]
    outcome = session["outcome"]["latest"]
    assert (outcome["state"], outcome["batteryLevelAtReadyBy"]) == ("OFF_TARGET", 42)
    assert outcome["minimumChargeTargetReachedAt"] > session["target"]["latest"]["readyBy"]


def test_enode_95_an_error_ends_when_it_charges_after_all() -> None:
    session = stories.a_refused_start()["mended"]
    assert session["error"]["latest"] is None
    assert summed(session)["kwhSum"] > 1
    assert session["outcome"]["latest"]["state"] == "ON_TARGET"
