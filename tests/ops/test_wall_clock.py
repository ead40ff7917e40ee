"""A Pi has no clock of its own: it begins in some other year, and NTP corrects it while a car is already charging."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from drivers.simulated.day import load
from hemsd.control import ControlSettings
from hemsd.model import SiteSettings, SteeringSettings, WallboxSettings
from hemsd.replay import Stage, play, stage

SETTINGS = ControlSettings(SteeringSettings(), SiteSettings(), (WallboxSettings("garage"),))
# By years when NTP answers, by hours after a suspend (in which CLOCK_MONOTONIC stands, clock_gettime(2)), or set back.
JUMPS = [
    timedelta(days=365 * 20),
    timedelta(hours=2),
    timedelta(hours=-3),
    timedelta(seconds=-40),
    timedelta(days=-365),
]


def scene_at(at: datetime) -> Stage:
    scene = stage(load("serf-2022-03-18"), SETTINGS, start_s=15_000)
    scene.clock.start_at = at
    return scene


@pytest.mark.slow
@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_jump_of_the_wall_clock_costs_no_energy_and_bends_no_row(jump: timedelta) -> None:
    scene = scene_at(datetime(2006, 1, 1, 0, 5, 30, tzinfo=UTC))
    play(scene, 1200)
    scene.clock.start_at += jump
    play(scene, 1200)
    journal = scene.journal
    [visit] = journal.visits.values()
    delivered_wh = scene.boxes[0].station.energy_wh
    assert visit.energy_wh == pytest.approx(delivered_wh, abs=30)
    assert visit.solar_wh + visit.battery_wh + visit.grid_wh == pytest.approx(visit.energy_wh, abs=1)
    assert sum(quarter.energy_wh for quarter in journal.quarters.values()) == pytest.approx(visit.energy_wh, abs=1)
    assert all(quarter.start_at.minute % 15 == 0 for quarter in journal.quarters.values())
    assert max(quarter.energy_wh for quarter in journal.quarters.values()) < 11_100 / 4 * 1.02
    lasted = scene.clock.utc() - visit.plugged_in_at
    assert timedelta(seconds=2300) < lasted < timedelta(seconds=2500)


def told(scene: Stage) -> list[tuple[float, int | None, float]]:
    return [(command.amps, command.phases, command.sent_s) for command in scene.journal.commands.values()]


@pytest.mark.slow
def test_steering_does_not_notice_a_jump() -> None:
    steady, moved = scene_at(datetime(2026, 6, 21, tzinfo=UTC)), scene_at(datetime(2006, 6, 21, tzinfo=UTC))
    for scene in (steady, moved):
        play(scene, 1200)
    moved.clock.start_at += timedelta(days=20 * 365 + 5)
    for scene in (steady, moved):
        play(scene, 1200)
    assert told(steady) == told(moved)
    assert len(told(steady)) > 1


def test_a_second_that_is_smeared_is_no_jump(caplog: pytest.LogCaptureFixture) -> None:
    """Over a leap second some time servers run 11.6 ppm slower for a day; here it is 40 times as much."""
    scene = scene_at(datetime(2026, 6, 30, 23, 30, tzinfo=UTC))
    for _ in range(10):
        play(scene, 120)
        scene.clock.start_at -= timedelta(milliseconds=55)
    [visit] = scene.journal.visits.values()
    assert visit.energy_wh == pytest.approx(scene.boxes[0].station.energy_wh, abs=30)
    assert "The clock was set" not in caplog.text


@pytest.mark.slow
def test_the_time_zone_of_the_machine_may_change_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    steady, moved = scene_at(datetime(2026, 6, 21, tzinfo=UTC)), scene_at(datetime(2026, 6, 21, tzinfo=UTC))
    play(steady, 1600)
    play(moved, 800)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    play(moved, 800)
    monkeypatch.undo()
    time.tzset()
    assert told(steady) == told(moved)
    [here], [there] = steady.journal.visits.values(), moved.journal.visits.values()
    assert (here.plugged_in_at, here.energy_wh) == (there.plugged_in_at, there.energy_wh)
    quarters = [[(one.start_at, one.energy_wh) for one in scene.journal.quarters.values()] for scene in (steady, moved)]
    assert quarters[0] == quarters[1]
