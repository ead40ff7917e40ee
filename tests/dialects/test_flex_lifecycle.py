"""How a flex session lives (ENODE-44 to ENODE-74): from the policy that waits to the visit that is settled."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rules.course_steps import awaited, upcoming
from rules.schedule import Goal, next_due
from tests.dialects import stories
from tests.dialects.home import CheapAt, played
from tests.dialects.stories import MINUTE, at
from tests.dialects.test_flex_shape import sessions, settled


def types(session: dict[str, Any]) -> list[str]:
    return [block["type"] for block in session["blocks"]]


def latest(session: dict[str, Any]) -> Any:
    return session["target"]["latest"]


# --- lifecycle


def test_enode_44_upcoming_then_active_then_settled() -> None:
    night = stories.a_night()
    moments = ("upcoming", "plugged in", "charging", "between", "reached", "settled")
    stages = [night[moment]["state"].split(":")[0] for moment in moments]
    assert stages == ["UPCOMING", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "SETTLED"]


def test_enode_45_what_is_done_now_may_change_back_and_forth() -> None:
    story = stories.a_boosted_night()
    states = [story[moment]["state"] for moment in ("before", "boosted", "back", "again")]
    assert states == ["ACTIVE:REGULAR", "ACTIVE:IMMEDIATE_START", "ACTIVE:REGULAR", "ACTIVE:IMMEDIATE_START"]


def test_enode_46_the_reserve_gives_way_when_it_is_filled() -> None:
    story = stories.below_the_reserve()
    assert story["reserve"]["state"] == "ACTIVE:BATTERY_RESERVE"
    assert story["filled"]["state"] == "ACTIVE:REGULAR"
    assert story["filled"]["statistics"]["aggregated"]["batteryTo"] == 20


def test_enode_47_an_immediate_start_charges_at_once_whatever_it_costs() -> None:
    story = stories.before_the_car_comes()  # every hour is dear
    assert story["charging at once"]["state"] == "ACTIVE:IMMEDIATE_START"
    assert story["charging at once"]["statistics"]["aggregated"]["kwhSum"] > 0.3


def test_enode_48_a_new_session_waits_as_soon_as_one_is_settled() -> None:
    assert stories.a_night()["next"]["state"] == "UPCOMING"


def test_enode_49_plugging_in_makes_it_active() -> None:
    assert stories.a_night()["plugged in"]["state"].startswith("ACTIVE:")


def test_enode_50_a_charge_elsewhere_leaves_the_policys_session_upcoming() -> None:
    story = stories.guests()
    assert story["elsewhere"]["state"] == "UPCOMING"
    assert story["while elsewhere"] == []
    assert len(story["sessions"]) == 3
    assert story["by policy"] == []


def test_enode_51_a_charge_without_a_policy_is_unmanaged() -> None:
    story = stories.guests()
    assert story["stranger"]["state"] == "UPCOMING"
    assert all(session["policyId"] is None for session in story["sessions"])


def test_enode_52_an_unmanaged_session_exists_only_settled() -> None:
    assert {session["state"] for session in sessions() if session["policyId"] is None} == {"SETTLED"}


def test_enode_53_an_unmanaged_session_has_statistics_and_nothing_else() -> None:
    for session in stories.guests()["sessions"]:
        assert session["blocks"] == []
        assert [session[key]["latest"] for key in ("target", "outcome", "error")] == [None, None, None]
        assert session["statistics"]["aggregated"] is not None
        assert session["statistics"]["timeseries"]


def test_enode_54_a_settled_session_never_changes_and_says_what_happened() -> None:
    night = stories.a_night()
    assert night["settled"] == night["alone"] == night["later"]
    left = stories.below_the_reserve()
    assert types(left["filled"]) == ["BATTERY_RESERVE", "REGULAR"]  # the second one was still to come
    assert types(left["settled"]) == ["BATTERY_RESERVE"]
    boosted = stories.a_boosted_night()["settled"]
    assert boosted["blocks"][-1]["endAt"] == boosted["pluggedOutAt"]


# --- while upcoming


def test_enode_55_an_upcoming_session_has_no_blocks() -> None:
    assert all(session["blocks"] == [] for session in sessions() if session["state"] == "UPCOMING")


def test_enode_56_an_upcoming_session_has_no_statistics() -> None:
    for session in sessions():
        if session["state"] == "UPCOMING":
            assert session["statistics"] == {"aggregated": None, "timeseries": []}


def test_enode_57_an_upcoming_session_has_no_outcome() -> None:
    assert all(session["outcome"]["latest"] is None for session in sessions() if session["state"] == "UPCOMING")


def test_enode_58_an_upcoming_sessions_target_comes_from_the_weekly_schedule() -> None:
    assert latest(stories.a_night()["upcoming"]) == {
        "id": 1,
        "type": "REGULAR",
        "source": "POLICY",
        "batteryReserve": 20,
        "minimumChargeTarget": 50,
        "readyBy": "2025-06-11T07:00:00Z",
    }


async def test_enode_58_a_policy_without_any_deadline_still_has_a_target(tmp_path: Path) -> None:
    async with played(tmp_path, policies={"home": {"vehicle": "car"}}) as home:
        assert latest(await home.flex())["minimumChargeTarget"] == 20  # its reserve


@pytest.mark.parametrize(
    ("now", "ready_by"),
    [
        ("2026-03-28T12:00:00Z", "2026-03-29T05:00:00Z"),  # the clocks go forward in this night
        ("2026-10-24T12:00:00Z", "2026-10-25T06:00:00Z"),  # ... and back
        ("2026-06-10T12:00:00Z", "2026-06-11T05:00:00Z"),
    ],
)
async def test_enode_59_ready_by_is_local_time_also_when_clocks_change(tmp_path: Path, now: str, ready_by: str) -> None:
    site = {"timezone": "Europe/Berlin"}
    day = {"deadline": "07:00", "minimum_charge_target_pct": 50}
    policies = {"home": {"vehicle": "car", "schedule": {"weekdays": day, "weekend": day}}}
    async with played(tmp_path, start_at=datetime.fromisoformat(now), site=site, policies=policies) as home:
        assert latest(await home.flex())["readyBy"] == ready_by


def test_enode_59_the_deadline_moves_on_under_the_same_id_while_nobody_comes() -> None:
    week = (Goal(time(7, 0), 50.0),) * 7
    zone = ZoneInfo("Europe/Berlin")
    monday, tuesday = datetime(2026, 6, 8, 4, tzinfo=UTC), datetime(2026, 6, 9, 4, tzinfo=UTC)
    first, second = next_due(week, monday, zone), next_due(week, tuesday, zone)
    assert first is not None
    assert second is not None
    course = awaited(upcoming("visit", "home", first, 20.0), second, 20.0)
    assert course.targets.latest is not None
    assert (course.targets.latest.id, course.targets.latest.ready_by_at) == (1, second.ready_by_at)


def test_enode_60_an_immediate_start_before_the_car_comes_changes_only_the_target_and_survives_plug_in() -> None:
    story = stories.before_the_car_comes()
    before, boosted = dict(story["policy"]), dict(story["boost"])
    assert latest(boosted) == {"id": 2, "type": "IMMEDIATE_START", "minimumChargeTarget": 70}
    before.pop("target")
    boosted.pop("target")
    assert before == boosted
    assert story["charging at once"]["state"] == "ACTIVE:IMMEDIATE_START"


def test_enode_61_an_override_before_the_car_comes_sets_level_and_time() -> None:
    target = latest(stories.before_the_car_comes()["override"])
    assert (target["source"], target["minimumChargeTarget"], target["readyBy"]) == (
        "USER_OVERRIDE", 90, "2025-06-11T08:00:00Z",
    )  # fmt: skip


def test_enode_62_an_override_leaves_the_reserve_as_the_policy_has_it() -> None:
    assert latest(stories.before_the_car_comes()["override"])["batteryReserve"] == 20


def test_enode_63_overrides_end_with_the_session() -> None:
    for story in (stories.before_the_car_comes(), stories.a_boosted_night()):
        assert latest(story["next"])["source"] == "POLICY"
        assert latest(story["next"])["id"] == 1


async def test_enode_63_what_was_asked_before_a_restart_is_still_asked_after_it(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        await home.send("PUT", "/api/wallboxes/garage/boost", {"minimum_charge_target_pct": 70})
        home.tick()
    async with played(tmp_path, start_at=at("03:00")) as home:
        assert latest(await home.flex())["type"] == "IMMEDIATE_START"


# --- blocks while active


def test_enode_64_what_has_begun_is_metered() -> None:
    night = stories.a_night()
    summed = sum(block["kwhSum"] for block in night["settled"]["blocks"])
    assert abs(summed - night["energy_wh"] / 1000) < 0.01
    assert night["charging"]["blocks"][0]["kwhSum"] < night["charging on"]["blocks"][0]["kwhSum"]


def test_enode_65_regular_blocks_lie_where_it_is_cheap_with_an_estimate() -> None:
    planned = stories.a_night()["plugged in"]["blocks"]
    assert [(block["startAt"][11:16], block["endAt"][11:16]) for block in planned] == [
        ("01:00", "01:15"), ("01:45", "02:00"),
    ]  # fmt: skip
    needed_kwh = (50 - 42) / 100 * 60 / 0.9
    assert abs(sum(block["kwhSum"] for block in planned) - needed_kwh) < 0.01


def test_enode_66_a_finished_block_is_never_edited_and_a_planned_one_may_change() -> None:
    night = stories.a_night()
    first = night["between"]["blocks"][0]
    assert (
        first == night["still between"]["blocks"][0] == night["reached"]["blocks"][0] == night["settled"]["blocks"][0]
    )
    assert night["charging"]["blocks"][1] != night["between"]["blocks"][1]


def test_enode_67_blocks_are_in_order_and_do_not_overlap() -> None:
    for session in sessions():
        for before, after in pairwise(session["blocks"]):
            assert before["endAt"] <= after["startAt"]


def test_enode_68_planned_blocks_lie_on_quarter_hours() -> None:
    for moment in ("plugged in", "charging", "between"):
        for block in stories.a_night()[moment]["blocks"]:
            if block["startAt"] > "2025-06-11T01:20:00Z":
                assert (block["startAt"][14:16], block["endAt"][14:16]) in {("45", "00")}
                assert block["startAt"].endswith(":00Z")


def test_enode_69_below_the_reserve_the_first_block_begins_at_plug_in() -> None:
    session = stories.below_the_reserve()["reserve"]
    assert types(session)[0] == "BATTERY_RESERVE"
    assert session["blocks"][0]["startAt"] == session["pluggedInAt"]
    assert not any("BATTERY_RESERVE" in types(stories.a_night()[moment]) for moment in ("plugged in", "settled"))


def test_enode_70_an_override_in_mid_session_closes_the_running_block_and_opens_its_own() -> None:
    blocks = stories.a_boosted_night()["boosted"]["blocks"]
    assert [block["type"] for block in blocks] == ["REGULAR", "IMMEDIATE_START"]
    assert blocks[0]["endAt"] == blocks[1]["startAt"] == "2025-06-11T01:05:00Z"


def test_enode_71_a_reached_override_gives_way_to_the_schedule_under_a_new_id() -> None:
    story = stories.a_boosted_night()
    assert latest(story["back"])["id"] == latest(story["boosted on"])["id"] + 1
    assert (latest(story["back"])["type"], latest(story["back"])["source"]) == ("REGULAR", "POLICY")
    assert story["back"]["statistics"]["aggregated"]["batteryTo"] >= 47


def test_enode_72_an_override_that_was_not_reached_stays() -> None:
    target = latest(stories.a_boosted_night()["settled"])
    assert (target["type"], target["minimumChargeTarget"]) == ("IMMEDIATE_START", 70)


def test_enode_73_neighbours_of_one_type_without_a_gap_are_one_block() -> None:
    for session in sessions():
        for before, after in pairwise(session["blocks"]):
            assert (before["type"], before["endAt"]) != (after["type"], after["startAt"])


def test_enode_74_the_state_names_the_running_block_and_between_blocks_regular() -> None:
    night = stories.a_night()
    assert night["between"]["state"] == night["plugged in"]["state"] == "ACTIVE:REGULAR"
    assert stories.below_the_reserve()["reserve"]["state"] == "ACTIVE:BATTERY_RESERVE"


# --- a restart


def test_a_restart_in_mid_visit_loses_neither_target_nor_blocks_nor_the_quarter_hour() -> None:
    story = stories.over_a_restart()
    before, after, final = story["before"], story["after"], story["settled"]
    assert (after["pluggedInAt"], latest(after)) == (before["pluggedInAt"], latest(before))
    assert after["blocks"][0]["startAt"] == before["blocks"][0]["startAt"]
    assert after["blocks"][0]["kwhSum"] >= before["blocks"][0]["kwhSum"]
    assert final["statistics"]["timeseries"][1]["kwh"] >= before["blocks"][0]["kwhSum"]
    assert len(settled()) > 5


async def test_mode_off_outranks_the_plan_and_an_immediate_start_outranks_mode_off(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30"), prices=CheapAt(((at("00:30"), at("03:00")),))) as home:
        await home.send("PUT", "/api/wallboxes/garage/mode", {"mode": "off"})
        home.tick()
        home.plug(42.0)
        home.play(MINUTE * 3)
        assert home.box.station.power_w == 0
        await home.send("PUT", "/api/wallboxes/garage/boost", {"minimum_charge_target_pct": 70})
        home.play(MINUTE * 3)
        assert home.box.station.power_w > 5000


async def test_a_level_told_by_hand_puts_an_assumed_one_right_once(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30"), prices=CheapAt(((at("05:00"), at("07:00")),))) as home:
        home.plug(42.0, tell=False)
        assert (await home.flex())["statistics"]["aggregated"]["batteryFrom"] == 20  # the reserve is assumed
        await home.send("PUT", "/api/vehicles/car/soc", {"soc_pct": 42})
        home.play(MINUTE)
        told = (await home.flex())["statistics"]["aggregated"]
        assert (told["batteryFrom"], told["batteryTo"]) == (42, 42)
        await home.send("PUT", "/api/vehicles/car/soc", {"soc_pct": 44})
        home.play(MINUTE)
        told = (await home.flex())["statistics"]["aggregated"]
        assert (told["batteryFrom"], told["batteryTo"]) == (42, 44)


async def test_without_any_price_everything_is_still_answered(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30")) as home:
        home.plug(42.0)
        home.play(MINUTE * 3)
        session = await home.flex()
        assert session["outcome"]["latest"]["state"] == "ON_TARGET"
        assert session["blocks"]
        hems = await home.get(f"{home.hems_path}/current")
        assert hems["session"]["session"]["savings_eur"] is None
        assert hems["session"]["session"]["has_complete_price_coverage"] is False


async def test_where_the_price_is_always_the_same_the_sun_comes_first_and_fast_means_fast(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), prices=CheapAt()) as home:
        home.plug(42.0)
        home.play(MINUTE * 5)
        assert home.box.station.power_w == 0
        session = await home.flex()
        assert session["outcome"]["latest"]["state"] == "ON_TARGET"
        assert [block["endAt"] for block in session["blocks"]] == ["2025-06-12T06:30:00Z"]  # half an hour to spare
        await home.send("PUT", "/api/wallboxes/garage/mode", {"mode": "fast"})
        home.play(MINUTE)
        assert home.box.station.power_w > 5000


async def test_a_wall_clock_that_is_set_under_a_visit_leaves_its_blocks_in_order(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30"), prices=CheapAt(((at("00:30"), at("02:00")),))) as home:
        home.plug(42.0)
        home.play(MINUTE * 10)
        home.clock.start_at += timedelta(days=1)
        home.play(MINUTE * 2)
        session = await home.flex()
        assert session["pluggedInAt"] == "2025-06-12T00:30:10Z"
        assert session["blocks"][0]["startAt"] >= session["pluggedInAt"]
        for before, after in pairwise(session["blocks"]):
            assert before["endAt"] <= after["startAt"]
