"""The steering of a visit as the partner dialect tells it (PODERO-12 to PODERO-61, 79, 80)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hemsd.model import (
    Command,
    Decision,
    DecisionKind,
    Dispatch,
    DispatchStatus,
    Outcome,
    Sample,
    SteeringState,
    VerificationSettings,
    Visit,
)
from hemsd.trials import Trials
from rules.outcome import HemsOutcome, hems_outcome
from tests.dialects import stories
from tests.dialects.home import CheapAt, played, validate
from tests.dialects.stories import MINUTE, at

NOON = datetime(2025, 6, 11, 12, tzinfo=UTC)
STORIES = (
    stories.a_night,
    stories.a_sunny_day,
    stories.a_dark_day,
    stories.never_obeyed,
    stories.gone_while_away,
    stories.over_a_restart,
)


def details() -> list[Any]:
    """Every HEMS session that any story was answered."""
    found = [story()["hems"] for story in STORIES]
    found += [stories.a_sunny_day()["running"]["session"], stories.a_refused_start()["hems"]["session"]]
    return found


def runs() -> list[Any]:
    return [detail["session"] for detail in details()]


def decisions() -> list[Any]:
    return [each for detail in details() for each in detail["decisions"]]


def commands() -> list[Any]:
    return [each for detail in details() for each in detail["commands"]]


# --- the detail and its session


def test_podero_12_a_session_is_answered_as_its_schema_wants_it() -> None:
    for detail in details():
        validate("podero_hems_session_detail", detail)


def test_podero_13_a_detail_has_exactly_three_parts() -> None:
    for detail in details():
        assert set(detail) == {"session", "decisions", "commands"}
    assert stories.a_dark_day()["hems"]["commands"] == []


def test_podero_14_a_session_has_exactly_twelve_keys() -> None:
    assert all(len(run) == 12 for run in runs())


async def test_podero_15_what_is_not_known_is_null(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00")) as home:  # no prices
        home.plug(60.0)
        home.play(MINUTE * 2)
        run = (await home.get(f"{home.hems_path}/current"))["session"]["session"]
        assert (run["ended_at"], run["outcome"], run["savings_eur"]) == (None, None, None)
        assert run["ocpp_transaction_id"] == 1


async def test_podero_16_the_id_is_that_of_the_path(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        for _ in range(2):
            home.plug(60.0)
            home.play(MINUTE)
            home.unplug()
        for number in (1, 2):
            assert (await home.get(f"{home.hems_path}/{number}"))["session"]["id"] == number


def test_podero_17_it_ends_after_it_began() -> None:
    for run in runs():
        assert run["ended_at"] is None or run["ended_at"] >= run["started_at"]
    assert stories.a_sunny_day()["running"]["session"]["session"]["ended_at"] is None


def test_podero_18_there_is_a_state_at_all_times() -> None:
    assert {run["final_hems_state"] for run in runs()} <= {state.value for state in SteeringState}
    assert stories.a_sunny_day()["running"]["session"]["session"]["final_hems_state"] == "MODULATING"


def test_podero_19_while_it_runs_there_is_no_outcome() -> None:
    for run in runs():
        assert run["ended_at"] is not None or run["outcome"] is None


def test_podero_20_an_outcome_is_one_of_four_words() -> None:
    seen = {run["outcome"] for run in runs()}
    assert seen == {None, "charged_from_solar", "no_surplus", "steering_ineffective", "aborted"}


def test_podero_21_charged_from_solar_when_a_command_that_worked_delivered() -> None:
    run = stories.a_sunny_day()["hems"]["session"]
    assert run["outcome"] == "charged_from_solar"
    assert run["commands_applied"] > 0
    assert run["energy_from_solar_kwh"] > 1


def test_podero_22_no_surplus_when_the_loop_never_saw_enough() -> None:
    detail = stories.a_dark_day()["hems"]
    assert detail["session"]["outcome"] == "no_surplus"
    assert {each["decision"] for each in detail["decisions"]} == {"hold"}


def test_podero_23_steering_ineffective_when_nothing_worked() -> None:
    run = stories.never_obeyed()["hems"]["session"]
    assert (run["outcome"], run["commands_applied"]) == ("steering_ineffective", 0)
    assert run["commands_sent"] > 0


def test_podero_24_aborted_when_it_ended_without_us() -> None:
    assert stories.gone_while_away()["hems"]["session"]["outcome"] == "aborted"


async def test_podero_24_aborted_when_the_steering_was_taken_away(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), prices=CheapAt(), sun_s=15_000.0) as home:
        home.plug(60.0)
        home.play(MINUTE * 5)
        home.visits.apply({"garage": replace(home.visits.cars["garage"], managed=False)})
        home.play(MINUTE)
        home.unplug()
        assert (await home.get(f"{home.hems_path}/1"))["session"]["outcome"] == "aborted"


VISIT = Visit("v", 1, "garage", NOON, plugged_out_at=NOON + timedelta(hours=1), transaction_id=1)
START = Command(1, "garage", NOON, 0.0, 9.0, 1, 2070.0, outcome=Outcome.APPLIED, final=True)
HOLD = Decision("garage", NOON, DecisionKind.HOLD, SteeringState.IDLE, "waiting", "too little")


@pytest.mark.parametrize(
    ("visit", "command", "outcome"),
    [
        (replace(VISIT, aborted=True, energy_wh=1.0, solar_wh=1.0), START, HemsOutcome.ABORTED),
        (replace(VISIT, energy_wh=500.0, solar_wh=400.0), START, HemsOutcome.CHARGED_FROM_SOLAR),
        (replace(VISIT, energy_wh=500.0, grid_wh=500.0), START, None),
        (VISIT, START, None),
        (VISIT, replace(START, outcome=Outcome.UNVERIFIED), HemsOutcome.STEERING_INEFFECTIVE),
        (VISIT, None, HemsOutcome.NO_SURPLUS),
        (replace(VISIT, plugged_out_at=None), None, None),
    ],
)
def test_podero_25_of_several_outcomes_the_first_in_order_wins(
    visit: Visit, command: Command | None, outcome: HemsOutcome | None
) -> None:
    assert hems_outcome(visit, [HOLD], [command] if command else []) is outcome


def test_podero_25_a_box_that_was_switched_off_saw_no_sun_and_fits_none() -> None:
    assert hems_outcome(VISIT, [replace(HOLD, rule="off")], []) is None


def test_podero_26_what_was_sent_is_the_number_of_commands() -> None:
    for detail in details():
        assert detail["session"]["commands_sent"] == len(detail["commands"])


def test_podero_27_applied_is_the_number_of_proven_ones() -> None:
    for detail in details():
        proven = [each for each in detail["commands"] if each["outcome"] == "applied"]
        assert detail["session"]["commands_applied"] == len(proven)


def test_podero_28_ineffective_is_the_number_without_effect() -> None:
    words = ("accepted_ineffective", "phase_switch_ineffective")
    for detail in details():
        without = [each for each in detail["commands"] if each["outcome"] in words]
        assert detail["session"]["commands_ineffective"] == len(without)
    assert stories.never_obeyed()["hems"]["session"]["commands_ineffective"] > 0


def test_podero_29_no_more_are_judged_than_were_sent() -> None:
    for run in runs():
        assert run["commands_applied"] + run["commands_ineffective"] <= run["commands_sent"]


def test_podero_30_savings_need_complete_prices() -> None:
    assert all(run["savings_eur"] is None or run["has_complete_price_coverage"] for run in runs())
    assert stories.a_night()["hems"]["session"]["savings_eur"] > 0


async def test_podero_30_a_single_missing_price_leaves_the_savings_open(tmp_path: Path) -> None:
    prices = CheapAt(until_at=at("10:30"))
    async with played(tmp_path, start_at=at("10:00"), prices=prices) as home:
        home.plug(60.0)
        home.play(at("10:40"))
        home.unplug()
        run = (await home.get(f"{home.hems_path}/1"))["session"]
        assert (run["has_complete_price_coverage"], run["savings_eur"]) == (False, None)


def test_podero_31_the_suns_part_is_no_more_than_the_whole() -> None:
    story = stories.a_sunny_day()
    whole_kwh = story["ev"]["items"][0]["energy_charged_kwh"]
    assert 0 < story["hems"]["session"]["energy_from_solar_kwh"] <= whole_kwh
    assert stories.a_night()["hems"]["session"]["energy_from_solar_kwh"] == 0


# --- decisions


def test_podero_32_a_decision_has_exactly_nine_keys() -> None:
    assert all(len(each) == 9 for each in decisions())


def test_podero_33_a_decision_is_one_of_five_kinds() -> None:
    assert {each["decision"] for each in decisions()} <= {"start", "step", "hold", "stop", "skip"}


def test_podero_34_there_is_a_row_at_least_every_five_minutes_and_at_each_change() -> None:
    rows = stories.a_sunny_day()["hems"]["decisions"]
    moments = [datetime.fromisoformat(row["time"]) for row in rows]
    gaps = [after - before for before, after in pairwise(moments)]
    assert max(gaps) <= timedelta(minutes=5)
    assert len(rows) > 10


def test_podero_35_a_start_imposes_the_first_rate() -> None:
    first = next(each for each in stories.a_sunny_day()["hems"]["decisions"] if each["dispatched"])
    assert (first["decision"], first["hems_state"]) == ("start", "COMMITMENT")
    assert first["target_w"] > 0


def test_podero_36_a_step_changes_the_rate() -> None:
    steps = [each for each in stories.a_sunny_day()["hems"]["decisions"] if each["decision"] == "step"]
    assert len({each["target_w"] for each in steps}) > 3
    assert all(each["dispatched"] for each in steps)


def test_podero_37_a_hold_sends_nothing() -> None:
    assert all(not each["dispatched"] for each in decisions() if each["decision"] == "hold")


def test_podero_38_a_stop_ends_the_charge() -> None:
    detail = stories.a_night()["hems"]
    stops = [each for each in detail["decisions"] if each["decision"] == "stop"]
    assert stops
    sent = {each["id"]: each for each in detail["commands"]}
    assert all(sent[each["steering_command_id"]]["commanded_amps"] == 0 for each in stops)


async def test_podero_39_a_skip_has_no_readings_and_sends_nothing(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), prices=CheapAt()) as home:
        home.plug(60.0)
        home.play(MINUTE)
        home._read_meters = lambda: None  # type: ignore[method-assign]
        home.play(MINUTE * 2)
        rows = (await home.get(f"{home.hems_path}/current"))["session"]["decisions"]
        assert rows[-1]["decision"] == "skip"
        assert not rows[-1]["dispatched"]
        assert rows[-1]["target_w"] is None


def test_podero_40_every_reason_is_a_sentence_with_numbers() -> None:
    for each in decisions():
        assert each["reason"].endswith(".")
    assert sum(any(letter.isdigit() for letter in each["reason"]) for each in decisions()) > 0.9 * len(decisions())


def test_podero_41_rows_rise_in_time_from_the_start() -> None:
    for detail in details():
        moments = [each["time"] for each in detail["decisions"]]
        assert moments == sorted(moments)
        assert moments[0] >= detail["session"]["started_at"]


def test_podero_42_what_is_sent_begins_with_a_start_also_after_a_stop() -> None:
    for detail in details():
        sent = [each["decision"] for each in detail["decisions"] if each["dispatched"]]
        assert sent[:1] in ([], ["start"])
        assert all(after == "start" for before, after in pairwise(sent) if before == "stop")


def test_podero_43_what_was_dispatched_names_its_command_and_nothing_else_does() -> None:
    for detail in details():
        known = {each["id"] for each in detail["commands"]}
        for each in detail["decisions"]:
            assert (each["steering_command_id"] in known) if each["dispatched"] else each["steering_command_id"] is None


def test_podero_44_every_command_is_named_by_exactly_one_decision() -> None:
    for detail in details():
        named = [each["steering_command_id"] for each in detail["decisions"] if each["dispatched"]]
        assert sorted(named) == sorted(each["id"] for each in detail["commands"])


def test_podero_45_export_is_positive_while_the_home_feeds_in() -> None:
    assert stories.a_sunny_day()["hems"]["decisions"][0]["export_w"] > 5000
    assert stories.a_dark_day()["hems"]["decisions"][0]["export_w"] < 0


def test_podero_46_the_target_is_a_power_on_one_to_three_phases() -> None:
    for each in decisions():
        assert each["phases"] in (None, 1, 2, 3)
        assert each["target_w"] is None or each["target_w"] >= 0


def test_podero_47_states_are_those_that_are_documented() -> None:
    words = {"IDLE", "COMMITMENT", "MODULATING", "COOLDOWN", "FINISHED"}
    assert {each["hems_state"] for each in decisions()} <= words
    assert words == {state.value for state in SteeringState}


# --- commands


def test_podero_48_a_command_has_exactly_nine_keys() -> None:
    assert len(commands()) > 20
    assert all(len(each) == 9 for each in commands())


def test_podero_49_a_verdict_is_one_of_eight_and_never_null() -> None:
    assert {each["outcome"] for each in commands()} <= {outcome.value for outcome in Outcome}
    assert len(Outcome) == 8


def a_trial(
    *offered_a: float | None, phases: int | None = 1, before_phases: int | None = None, seen_on: int = 1
) -> Command:
    """A command of 9 A that was accepted, and what the wallbox offered after it; the last of it goes on."""
    judged: list[Command] = []
    trials = Trials(VerificationSettings(evidence=("offered",)), judged.append)
    command = replace(START, amps=9.0, phases=phases, outcome=Outcome.UNVERIFIED, final=False, before_a=6.0)
    before = Sample(990.0, NOON, offered_a=6.0, currents_a=(6.0, 0.0, 0.0))
    if seen_on == 3:
        trials.sample("garage", replace(before, currents_a=(6.0, 6.0, 6.0)))
    trials.open(command, before, 10.0, before_phases)
    given = trials.answered(command, Dispatch(DispatchStatus.APPLIED), 1000.0)
    for number in range(1, 61 if offered_a else 1):
        amps = offered_a[min(number, len(offered_a)) - 1]
        shown = Sample(1000.0 + 10 * number, NOON, offered_a=amps, currents_a=(9.0, 0.0, 0.0))
        trials.sample("garage", shown)
        trials.judge(1000.0 + 10 * number)
    trials.judge(1610.0)
    return judged[-1] if judged else given


def test_podero_50_applied_when_the_offer_is_what_was_commanded() -> None:
    assert a_trial(9.0, 9.0).outcome is Outcome.APPLIED


def test_podero_51_accepted_ineffective_when_the_offer_did_not_move() -> None:
    assert a_trial(6.0, 6.0, 6.0).outcome is Outcome.ACCEPTED_INEFFECTIVE


def test_podero_52_phase_switch_ineffective_only_with_evidence_of_the_phases() -> None:
    assert a_trial(9.0, 9.0, phases=3, before_phases=1, seen_on=3).outcome is Outcome.PHASE_SWITCH_INEFFECTIVE
    assert a_trial(9.0, 9.0, phases=3, before_phases=1).outcome is not Outcome.PHASE_SWITCH_INEFFECTIVE


def test_podero_53_unverified_without_a_sample_of_the_offer() -> None:
    assert a_trial(None, None, None).outcome is Outcome.UNVERIFIED
    assert a_trial().outcome is Outcome.UNVERIFIED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("podero", "answer"),
    [
        (54, DispatchStatus.REJECTED),
        (55, DispatchStatus.UNREACHABLE),
        (56, DispatchStatus.TIMEOUT),
        (57, DispatchStatus.NOT_CAPABLE),
    ],
)
async def test_podero_54_55_56_57_the_answer_decides(tmp_path: Path, podero: int, answer: DispatchStatus) -> None:
    async with played(tmp_path, start_at=at("10:00"), prices=CheapAt(), sun_s=15_000.0) as home:
        home.box.refusal = answer
        home.plug(60.0)
        home.play(MINUTE * 10)
        detail = (await home.get(f"{home.hems_path}/current"))["session"]
        validate("podero_hems_session_detail", detail)
        assert {(each["dispatch_status"], each["outcome"]) for each in detail["commands"]} == {(answer.value,) * 2}
        assert len(detail["commands"]) > 1 or answer is DispatchStatus.NOT_CAPABLE  # transient: tried again


def test_podero_58_a_dispatch_status_is_one_of_five_words() -> None:
    assert {each["dispatch_status"] for each in commands()} <= {status.value for status in DispatchStatus}


def test_podero_59_a_verdict_is_unverified_until_its_evidence_is_complete() -> None:
    open_one = a_trial()
    assert (open_one.outcome, open_one.dispatch_status) == (Outcome.UNVERIFIED, DispatchStatus.APPLIED)
    assert any(each["outcome"] == "applied" for each in stories.a_sunny_day()["running"]["session"]["commands"])


def test_podero_60_window_and_evidence_are_settings() -> None:
    assert VerificationSettings(evidence=("offered",)) != VerificationSettings()


def test_podero_61_watts_are_amps_times_phases_times_volts() -> None:
    for each in commands():
        expected_w = each["commanded_amps"] * (each["commanded_phases"] or 1) * 230
        assert abs(each["commanded_watts"] - expected_w) < 1


# --- neighbours


def test_podero_79_the_list_holds_the_sessions_of_its_days() -> None:
    story = stories.a_sunny_day()
    validate("podero_hems_session_list", story["list"])
    assert story["list"] == {"total": 1, "items": [story["hems"]["session"]]}
    assert story["list while running"]["items"][0]["ended_at"] is None


async def test_podero_79_both_days_are_included_and_required(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00")) as home:
        home.plug(60.0)
        home.play(MINUTE)
        home.unplug()
        for first, last, total in (("11", "11", 1), ("10", "12", 1), ("10", "10", 0), ("12", "13", 0)):
            span = {"from": f"2025-06-{first}", "to": f"2025-06-{last}"}
            assert (await home.get(home.hems_path, **span))["total"] == total
        for query in ({}, {"from": "2025-06-11"}, {"from": "x", "to": "y"}, {"from": "2025-06-12", "to": "2025-06-11"}):
            error = await home.get(home.hems_path, status=422, **query)
            validate("detail_error", error)


def test_podero_80_current_is_the_running_one_or_null() -> None:
    story = stories.a_sunny_day()
    validate("podero_hems_current", story["running"])
    validate("podero_hems_current", story["none"])
    assert story["running"]["session"]["session"]["id"] == 1
    assert story["none"] == {"session": None}


def test_a_wallbox_that_is_only_watched_has_no_runs() -> None:
    assert stories.guests()["hems yard"] == {"total": 0, "items": []}
