"""A car's sessions as the partner dialect tells them (PODERO-62 to PODERO-78, 81)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from hemsd.model import Command, Outcome, SteeringState, Visit
from rules.course import Bill, Course, Prospect
from rules.outcome import session_outcome
from rules.schedule import Due, TargetType, next_visit, start_at_once
from tests.dialects import stories
from tests.dialects.home import CheapAt, played, validate
from tests.dialects.stories import MINUTE, at

NOON = datetime(2025, 6, 11, 12, tzinfo=UTC)
TODAY = {"from": "2025-06-11", "to": "2025-06-11"}
ENDED = (
    stories.a_night,
    stories.a_boosted_night,
    stories.below_the_reserve,
    stories.never_obeyed,
    stories.before_the_car_comes,
    stories.a_sunny_day,
    stories.a_dark_day,
    stories.gone_while_away,
)


def lists() -> list[Any]:
    return [story()["ev"] for story in ENDED]


def currents() -> list[Any]:
    night = stories.a_night()
    return [
        night["ev plugged in"],
        night["ev charging"],
        night["ev before"],
        stories.a_boosted_night()["ev boosted"],
        stories.before_the_car_comes()["ev charging at once"],
    ]


def items() -> list[Any]:
    return [item for listed in lists() for item in listed["items"]] + [each["session"] for each in currents()]


def test_podero_62_the_answer_has_the_single_key_session() -> None:
    for document in currents():
        assert set(document) == {"session"}
        validate("podero_current_session", document)


async def test_podero_63_no_session_is_null_and_not_404(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        assert await home.get(f"{home.ev_path}/current") == {"session": None}
    assert stories.a_night()["ev none"] == {"session": None}


async def test_podero_64_include_hidden_is_a_boolean(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        for word in ("true", "false", "1", "0"):
            await home.get(f"{home.ev_path}/current", include_hidden=word)
        error = await home.get(f"{home.ev_path}/current", status=422, include_hidden="perhaps")
        validate("detail_error", error)
        assert error["detail"][0]["loc"] == ["query", "include_hidden"]


async def test_podero_65_a_hidden_session_shows_only_to_who_asks_for_it(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00")) as home:
        home.plug(60.0)
        assert await home.get(f"{home.ev_path}/current") == {"session": None}
        shown = await home.get(f"{home.ev_path}/current", include_hidden="true")
        assert (shown["session"]["is_hidden"], shown["session"]["hidden_reason"]) == (True, "short_duration")
        home.play(MINUTE)
        assert (await home.get(f"{home.ev_path}/current"))["session"]["is_hidden"] is False


async def test_podero_66_an_unknown_vehicle_is_404(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        error = await home.get(f"{home.user_path}/electric-vehicles/{uuid4()}/sessions/current", status=404)
        validate("detail_error", error)


def test_podero_67_a_session_has_all_of_its_keys() -> None:
    assert all(len(item) == 22 for item in items())


def test_podero_68_what_may_not_be_null_is_not() -> None:
    for item in items():
        assert UUID(item["id"])
        assert item["plug_in_time"]
        assert item["is_at_home"] is True
        assert item["session_outcome"]
        assert item["is_hidden"] in (True, False)


def test_podero_69_numbers_are_numbers_and_the_reachable_level_is_whole() -> None:
    for item in items():
        assert item["reachable_soc_pct"] is None or isinstance(item["reachable_soc_pct"], int)
        assert isinstance(item["energy_charged_kwh"], float)


VISIT = Visit(
    "v", 1, "garage", NOON, plugged_out_at=NOON + timedelta(hours=1), vehicle="car", policy="home", transaction_id=1,
    energy_wh=5000.0,
)  # fmt: skip
COURSE = Course(
    "v",
    "home",
    next_visit(Due(NOON + timedelta(hours=9), 50.0), 20.0),
    from_pct=42.0,
    prospect=Prospect(1, TargetType.REGULAR, on_target=True),
    bill=Bill(has_complete_price_coverage=True),
)
MISSED = replace(COURSE, prospect=Prospect(1, TargetType.REGULAR, on_target=False))
SENT = Command(1, "garage", NOON, 0.0, 9.0, 1, 2070.0, outcome=Outcome.APPLIED, final=True)
NOTHING = replace(VISIT, energy_wh=0.0)
RUNNING = replace(VISIT, plugged_out_at=None)
BOOSTED = replace(COURSE, targets=start_at_once(COURSE.targets, 80.0))


@pytest.mark.parametrize(
    ("expected", "visit", "course", "command"),
    [
        ("in_progress", RUNNING, COURSE, SENT),
        ("immediate_start", RUNNING, replace(BOOSTED, began_boosted=True), SENT),
        ("boosted", RUNNING, replace(BOOSTED, boosted=True), SENT),
        ("unknown", VISIT, None, SENT),
        ("unknown", replace(VISIT, aborted=True), COURSE, SENT),
        ("smart_optimization_disabled", replace(VISIT, managed=False), COURSE, SENT),
        ("not_authenticated", replace(NOTHING, transaction_id=None), COURSE, None),
        ("oem_not_capable", VISIT, COURSE, replace(SENT, outcome=Outcome.NOT_CAPABLE)),
        ("commands_failed", NOTHING, COURSE, replace(SENT, outcome=Outcome.ACCEPTED_INEFFECTIVE)),
        ("already_at_target", NOTHING, replace(COURSE, from_pct=60.0), None),
        ("boosted", VISIT, replace(COURSE, boosted=True), SENT),
        ("immediate_start", VISIT, replace(COURSE, began_boosted=True), SENT),
        ("user_unplugged_early", VISIT, MISSED, SENT),
        ("oem_reported_full", replace(VISIT, final_state=SteeringState.FINISHED), COURSE, SENT),
        ("hems_only_mode", replace(VISIT, policy=None), Course("v"), SENT),
        ("insufficient_price_coverage", VISIT, replace(COURSE, bill=Bill(False)), SENT),
        ("optimized", VISIT, COURSE, SENT),
        ("other", NOTHING, COURSE, SENT),
    ],
)
def test_of_several_outcomes_the_first_in_order_wins(
    expected: str, visit: Visit, course: Course | None, command: Command | None
) -> None:
    commands = [command] if command else []
    assert session_outcome(visit, course, commands) == expected


def test_podero_71_a_reason_is_there_exactly_when_hidden() -> None:
    for item in items():
        assert item["hidden_reason"] == ("short_duration" if item["is_hidden"] else None)


def test_podero_72_an_active_session_has_no_end() -> None:
    for document in currents():
        assert (document["session"]["unplug_time"], document["session"]["inferred_session_end"]) == (None, None)


def test_podero_73_final_values_are_null_until_the_end() -> None:
    keys = ("final_soc_pct", "actual_cost_eur", "actual_savings_eur")
    assert all(document["session"][key] is None for document in currents() for key in keys)
    (final,) = stories.a_night()["ev"]["items"]
    assert all(final[key] is not None for key in keys)


def test_podero_74_the_beginning_never_changes() -> None:
    night = stories.a_night()
    shown = [night[moment]["session"] for moment in ("ev plugged in", "ev charging", "ev before")]
    shown += night["ev"]["items"]
    assert len({(each["plug_in_time"], each["initial_soc_pct"]) for each in shown}) == 1


def test_podero_75_the_mean_is_no_more_than_the_peak() -> None:
    for item in items():
        if item["avg_charge_power_kw"] is not None:
            assert item["avg_charge_power_kw"] <= item["peak_charge_power_kw"]
    assert stories.a_night()["ev"]["items"][0]["avg_charge_power_kw"] > 9


def test_podero_76_the_wanted_times_are_in_order() -> None:
    for item in items():
        keys = ("desired_charging_start_time", "desired_charging_end_time", "charge_deadline")
        known = [item[key] for key in keys if item[key] is not None]
        assert known == sorted(known)
    assert stories.a_night()["ev plugged in"]["session"]["charge_deadline"] == "2025-06-11T07:00:00Z"


async def test_podero_77_an_unreachable_target_names_a_level_below_it(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("06:00"), prices=CheapAt()) as home:
        home.plug(20.0)
        home.play(MINUTE * 2)
        session = (await home.get(f"{home.ev_path}/current"))["session"]
        assert session["target_reachable"] is False
        assert 30 < session["reachable_soc_pct"] < session["target_soc_pct"] == 50


def test_podero_78_the_optional_keys_are_always_sent() -> None:
    for item in items():
        assert {"is_hidden", "hidden_reason", "target_reachable", "reachable_soc_pct"} <= set(item)


def test_podero_81_the_list_holds_sessions_that_have_ended() -> None:
    for listed in lists():
        validate("podero_ev_session_list", listed)
        assert listed["total"] == len(listed["items"]) == 1
        assert listed["items"][0]["unplug_time"] is not None


async def test_podero_81_a_running_session_is_not_in_the_list(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00")) as home:
        home.plug(60.0)
        home.play(MINUTE)
        assert await home.get(home.ev_path, **TODAY) == {"total": 0, "items": []}


def test_what_a_refused_start_costs_nothing_and_saves_nothing() -> None:
    (item,) = stories.never_obeyed()["ev"]["items"]
    assert (item["session_outcome"], item["actual_cost_eur"], item["actual_savings_eur"]) == ("commands_failed", 0, 0)
