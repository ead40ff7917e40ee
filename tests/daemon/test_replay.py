"""A replay makes the decisions that the live loop made."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.simulated import day
from hemsd.control import ControlSettings
from hemsd.model import Decision, SiteSettings, Snapshot, SteeringSettings, WallboxSettings
from hemsd.replay import outcome, play, replay, stage
from rules.steer import Memory, steer

SETTINGS = ControlSettings(SteeringSettings(), SiteSettings(), (WallboxSettings("garage"),))


def essence(decision: Decision) -> tuple[object, ...]:
    return (decision.kind, decision.state, decision.rule, decision.reason, decision.limit_a, decision.phases)


@pytest.mark.slow
def test_the_same_inputs_give_the_same_decisions_again() -> None:
    scene = stage(day.load("nwtc-2018-10-14"), SETTINGS, start_s=5400)
    live: list[Decision] = []

    def follow(snapshot: Snapshot) -> None:
        scene.snapshots.append(snapshot)
        live.extend(scene.control.decisions.values())

    scene.control.ticked = follow
    play(scene, 3600)
    memory = Memory()
    again = []
    for snapshot in scene.snapshots:
        memory, decisions = steer(SETTINGS.steering, SETTINGS.site, SETTINGS.boxes, memory, snapshot, ())
        again.extend(decisions)
    assert len(again) == len(live) > 700
    assert [essence(decision) for decision in again] == [essence(decision) for decision in live]


@pytest.mark.slow
def test_a_replayed_morning_tells_energy_starts_and_switches() -> None:
    scene = stage(day.load("serf-2022-03-18"), SETTINGS, start_s=3000)
    play(scene, 3 * 3600)
    played = outcome(scene)
    assert played.solar_kwh > 5
    assert played.grid_kwh < 0.1 * played.solar_kwh
    assert 1 <= played.starts <= 12
    assert played.commands == sum(played.verdicts.values())


@pytest.mark.slow
def test_two_replays_of_one_day_are_alike() -> None:
    short = day.load("sma7-2016-05-20")
    first, second = (replay(short, SETTINGS, start_s=short.length_s - 7200) for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_the_command_prints_what_would_have_been_with_another_setting(tmp_path: Path) -> None:
    recorded = tmp_path / "short.csv"
    recorded.write_text("t_s,pv_w,house_w\n0,3000,300\n1800,3000,300\n1801,0,300\n3600,0,300\n")
    config = tmp_path / "config.yaml"
    config.write_text("wallboxes: {garage: {driver: ocpp, charge_point: A, phases: 1}}\n")

    def played(*more: str) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-m", "hemsd", "replay", str(recorded), "-c", str(config), "--json", *more],
            capture_output=True,
            check=True,
            text=True,
        )
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    usual, patient = played(), played("--set", "steering.stop_budget_wh=300")
    assert float(str(patient["grid_kwh"])) > float(str(usual["grid_kwh"])) > 0
    assert float(str(patient["cost_eur"])) > float(str(usual["cost_eur"])) > 0
    text = subprocess.run(
        [sys.executable, "-m", "hemsd", "replay", str(recorded), "-c", str(config)],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert "from the sun" in text
    assert "EUR" in text
    assert "starts" in text
    wrong = subprocess.run(
        [sys.executable, "-m", "hemsd", "replay", str(recorded), "-c", str(config), "--set", "steering.tick=1"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert wrong.returncode == 2
    assert "steering.tick" in wrong.stderr + wrong.stdout
