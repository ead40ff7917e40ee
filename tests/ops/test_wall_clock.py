"""A Pi has no clock of its own: it begins in some other year, and NTP corrects it while a car is already charging."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drivers.simulated.day import load
from hemsd.control import ControlSettings
from hemsd.model import SiteSettings, SteeringSettings, WallboxSettings
from hemsd.replay import Stage, play, stage

SETTINGS = ControlSettings(SteeringSettings(), SiteSettings(), (WallboxSettings("garage"),))
JUMPS = [timedelta(days=365 * 20), timedelta(hours=-3), timedelta(seconds=-40), timedelta(days=-365)]


def scene_at(at: datetime) -> Stage:
    scene = stage(load("serf-2022-03-18"), SETTINGS, start_s=15_000)
    scene.clock.start_at = at
    return scene


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_jump_of_the_wall_clock_costs_no_energy_and_bends_no_row(jump: timedelta) -> None:
    scene = scene_at(datetime(2006, 1, 1, 0, 5, 30, tzinfo=UTC))
    play(scene, 2400)
    scene.clock.start_at += jump
    play(scene, 2400)
    journal = scene.journal
    [visit] = journal.visits.values()
    delivered_wh = scene.boxes[0].station.energy_wh
    assert visit.energy_wh == pytest.approx(delivered_wh, abs=30)
    assert visit.solar_wh + visit.battery_wh + visit.grid_wh == pytest.approx(visit.energy_wh, abs=1)
    assert sum(quarter.energy_wh for quarter in journal.quarters.values()) == pytest.approx(visit.energy_wh, abs=1)
    assert all(quarter.start_at.minute % 15 == 0 for quarter in journal.quarters.values())
    assert max(quarter.energy_wh for quarter in journal.quarters.values()) < 11_100 / 4 * 1.02
    lasted = scene.clock.utc() - visit.plugged_in_at
    assert timedelta(seconds=4700) < lasted < timedelta(seconds=4900)


def test_steering_does_not_notice_a_jump() -> None:
    steady, moved = scene_at(datetime(2026, 6, 21, tzinfo=UTC)), scene_at(datetime(2006, 6, 21, tzinfo=UTC))
    for scene in (steady, moved):
        play(scene, 1800)
    moved.clock.start_at += timedelta(days=20 * 365 + 5)
    for scene in (steady, moved):
        play(scene, 1800)
    told = [[(c.amps, c.phases, c.sent_s) for c in scene.journal.commands.values()] for scene in (steady, moved)]
    assert told[0] == told[1]
    assert len(told[0]) > 1
