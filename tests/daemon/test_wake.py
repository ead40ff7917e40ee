"""A car that sleeps through the end of a pause, from the decision to the ampere."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.simulated import day
from drivers.simulated.physics import Car
from hemsd import alerts
from hemsd.control import ControlSettings
from hemsd.model import Mode, Outcome, SiteSettings, SteeringSettings, WallboxSettings
from hemsd.replay import Stage, play, stage

FAST = WallboxSettings("garage", phases="1", mode=Mode.FAST)


@dataclass(slots=True)
class Sleeper(Car):
    """Wakes when the pilot signal goes away and comes back so often; the first coming is the plug's own."""

    wakes_at_edge: int = 99
    edges: int = 0

    def _remember(self, offered_a: float, dt_s: float) -> None:
        self.edges += offered_a > 0 and not self._offered_a
        self.asleep = self.edges < self.wakes_at_edge
        Car._remember(self, offered_a, dt_s)


def scene(wakes_at_edge: int) -> Stage:
    at = stage(day.load("serf-2022-03-18"), ControlSettings(SteeringSettings(), SiteSettings(), (FAST,)))
    at.control.zero_pauses = lambda _: True
    at.boxes[0].station.plug(Sleeper(asleep=True, wakes_at_edge=wakes_at_edge))
    play(at, 300)
    return at


def woken_by(at: Stage) -> list[str]:
    return [each.rule for each in at.journal.decisions.values() if each.dispatched and each.rule.startswith("wake")]


def test_a_car_that_wakes_with_the_pilot_signal_charges_and_every_step_is_a_judged_command() -> None:
    at = scene(wakes_at_edge=2)
    assert woken_by(at) == ["wake_again", "wake_pause", "wake_back"]
    assert at.boxes[0].station.power_w > 3000
    judged = [command for command in at.journal.commands.values() if command.amps == 0.0]
    # It drew nothing before, so nothing but the wallbox's own word says that the pause was made: no proof.
    assert [(command.outcome, command.final) for command in judged] == [(Outcome.UNVERIFIED, True)]
    play(at, 600)
    assert len(woken_by(at)) == 3


def test_of_a_car_that_sleeps_on_a_person_is_told() -> None:
    at = scene(wakes_at_edge=99)
    decision = at.control.decisions["garage"]
    assert decision.rule == "asleep"
    key, text, remedy = alerts.of_sleeper(decision)
    assert (key, "16 A" in text, "never_pause" in remedy) == ("asleep:garage", True, True)
