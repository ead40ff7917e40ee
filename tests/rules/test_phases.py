"""One phase or three: when it is worth it, how it is carried out, and what the currents say afterwards."""

from dataclasses import dataclass, replace

import pytest

from hemsd.model import Decision, DecisionKind, WallboxSettings
from rules.phases import NEXT_STEPS, PhaseMemory, SwitchStep, may_change
from tests.rules.story import Box, Home, with_settings

AUTO = WallboxSettings("garage", phases="auto")
PAUSED = replace(AUTO, own_phase_pause=False)


def on_one_phase(box: WallboxSettings = AUTO, **home: object) -> Home:
    story = Home(boxes=(box,), **home)  # type: ignore[arg-type]
    story.play(1200.0, sun_w=2500.0)
    assert story.car.phases == 1
    return story


def test_a_start_chooses_the_phases_that_are_worth_more() -> None:
    home = Home(boxes=(AUTO,), sun_w=7000.0)
    home.until(DecisionKind.START)
    assert (home.last.phases, home.last.limit_a) == (3, 10.0)


def test_three_phases_come_when_one_has_lost_enough() -> None:
    home = on_one_phase()
    home.play(100.0, sun_w=6000.0)
    assert home.car.phases == 1  # better for 100 s only
    home.play(60.0)
    assert home.car.phases == 3
    change = next(decision for decision in home.said if decision.rule == "phases")
    assert change.reason.startswith("6.0 kW of surplus: 3 phases would have been worth")


def test_one_phase_comes_back_before_a_pause_would() -> None:
    home = Home(boxes=(AUTO,))
    home.play(1200.0, sun_w=7000.0)
    assert home.car.phases == 3
    home.play(60.0, sun_w=2500.0)
    assert home.car.phases == 1
    assert DecisionKind.STOP not in [decision.kind for decision in home.said]


def test_a_little_more_sun_than_one_phase_takes_is_not_worth_a_change() -> None:
    assert on_one_phase().play(1800.0, sun_w=3800.0).phases == 1


def test_the_next_change_waits_for_the_dwell_time() -> None:
    home = on_one_phase()
    home.play(200.0, sun_w=6000.0)
    changed_s = home.memory.boxes["garage"].phase.changed_s[-1]
    home.sun_w = 3000.0
    while home.car.phases == 3 and home.now_s < changed_s + 2000.0:
        home.tick()
    assert home.now_s - changed_s >= 900.0


@pytest.mark.parametrize(("changes", "allowed"), [(11, True), (12, False)])
def test_twelve_changes_a_day_are_enough(changes: int, allowed: bool) -> None:
    memory = PhaseMemory(changed_s=tuple(1000.0 * n for n in range(changes)), in_visit=2)
    assert may_change(memory, with_settings(), now_s=20_000.0) is allowed


def test_wb_65_a_wallbox_without_a_pause_of_its_own_is_taken_through_one() -> None:
    home = on_one_phase(PAUSED)
    began = len(home.said)
    home.play(400.0, sun_w=6000.0)
    steps = [(each.rule, each.limit_a, each.phases) for each in home.said[began:] if each.kind is not DecisionKind.HOLD]
    begin = next(n for n, (rule, _, _) in enumerate(steps) if rule == "phases")
    assert steps[begin : begin + 3] == [("phases", 6.0, 1), ("phases_drain", 0.0, 1), ("phases_settle", 0.0, 3)]
    assert steps[begin + 3][1:] == (pytest.approx(8.6, abs=0.2), 3)
    assert DecisionKind.STOP not in [each.kind for each in home.said]


def test_the_pause_lasts_as_long_as_the_contactors_need() -> None:
    home = on_one_phase(PAUSED)
    home.play(400.0, sun_w=6000.0)
    waiting = [each for each in home.said if each.rule == "phases_settle"]
    assert (waiting[-1].at - waiting[0].at).total_seconds() == pytest.approx(115.0, abs=5.0)


@pytest.mark.slow
def test_a_wallbox_that_stays_on_its_phases_is_believed_after_two_failures() -> None:
    home = on_one_phase()
    home.car.switches_phases = False
    home.play(4000.0, sun_w=6000.0)
    memory = home.memory.boxes["garage"].phase
    assert (memory.locked, memory.failures, memory.phases, memory.in_visit) == (True, 2, 1, 2)
    assert home.last.phases == 1


@pytest.mark.slow
def test_a_car_that_uses_one_phase_only_is_not_asked_for_three_again_and_again() -> None:
    home = on_one_phase()
    home.car.car_phases = 1
    home.play(4000.0, sun_w=6000.0)
    assert home.memory.boxes["garage"].phase.in_visit <= 2
    assert home.last.phases == 1


@pytest.mark.slow
def test_a_new_car_gets_a_new_chance() -> None:
    home = on_one_phase()
    home.car.switches_phases = False
    home.play(4000.0, sun_w=6000.0)
    home.car.plugged = False
    home.tick()
    home.car.plugged, home.car.switches_phases = True, True
    home.play(60.0)
    assert not home.memory.boxes["garage"].phase.locked


@dataclass
class Hangs(Box):
    """Takes nothing any more when it gets three phases, until it has one again."""

    def told(self, decision: Decision, now_s: float) -> None:
        before = self.phases
        super().told(decision, now_s)
        self.hungry = self.phases == 1 or (self.hungry and before == self.phases)


@pytest.mark.slow
def test_wb_67_a_car_that_hangs_after_a_change_is_woken_and_then_gets_its_phases_back() -> None:
    home = on_one_phase(cars={"garage": Hangs()})
    began = len(home.said)
    home.play(900.0, sun_w=6000.0)
    rules = list(dict.fromkeys(each.rule for each in home.said[began:] if each.kind is not DecisionKind.HOLD))
    assert rules[1:4] == ["phases", "wake_again", "wake_more"]
    assert rules[-1] == "phases_back"
    assert (home.car.phases, home.car.current_a) == (1, 16.0)
    home.play(7200.0)
    assert home.car.phases == 1
    home.car.plugged = False
    home.tick()
    home.car.plugged = True
    home.play(60.0)
    assert not home.memory.boxes["garage"].phase.locked


def test_every_step_of_a_change_can_be_given_up() -> None:
    assert set(NEXT_STEPS) == set(SwitchStep)
    assert all(SwitchStep.REST in following for following in NEXT_STEPS.values())


@pytest.mark.slow
@pytest.mark.parametrize(("since_change_s", "rule"), [(590.0, "pause"), (700.0, "phases")])
def test_one_phase_takes_the_place_of_a_pause_once_the_shortest_dwell_is_over(since_change_s: float, rule: str) -> None:
    """Within the dwell time of 900 s the sun falls so low that three phases would have to pause."""
    home = Home(boxes=(WallboxSettings("garage"),))
    home.play(1200.0, sun_w=2000.0)
    home.play(1800.0, sun_w=6000.0)
    memory = home.memory.boxes["garage"]
    assert memory.phase.phases == 3
    changed_s = home.now_s - since_change_s + 60.0  # the pause is due about a minute from now
    phase = replace(memory.phase, changed_s=(changed_s,))
    home.memory = replace(home.memory, boxes={"garage": replace(memory, phase=phase)})
    home.play(300.0, sun_w=2000.0)
    assert next(each.rule for each in home.sent[::-1] if each.rule in ("pause", "phases")) == rule
