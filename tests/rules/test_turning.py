"""What the page says would change a charge is what the rules would do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hemsd.model import Decision, DecisionKind, Mode, SteeringSettings, SteeringState
from rules.charge import BoxMemory
from rules.response import Response
from rules.turning import Turn, turnings
from rules.worth import Outlet, best_a, worth_w

VOLTAGE_V, MINIMUM_A = 230.0, 6.0
SETTINGS = SteeringSettings()
CHARGING = BoxMemory(state=SteeringState.MODULATING, limit_a=9.0)


def outlet(response: Response, phases: int) -> Outlet:
    return Outlet(VOLTAGE_V, MINIMUM_A, {phases: 16.0}, response)


def decided(rule: str, share_w: float, *, limit_a: float, phases: int, minimum_w: float) -> Decision:
    inputs = {"share_w": share_w, "minimum_w": minimum_w, "ceiling_a": 16.0}
    at = datetime(2026, 6, 21, 12, tzinfo=UTC)
    return Decision("garage", at, DecisionKind.HOLD, SteeringState.MODULATING, rule, "", limit_a, phases, inputs=inputs)


def told(decision: Decision, memory: BoxMemory = CHARGING, mode: Mode = Mode.SOLAR, **car: bool) -> dict[Turn, float]:
    never_pause = car.get("never_pause", False)
    found = turnings(decision, memory, SETTINGS, VOLTAGE_V, mode=mode, never_pause=never_pause)
    return {one.turn: one.by_w for one in found}


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("response", [Response(), Response(step_a=1.0, shortfall_a=0.3), Response(car_phases=2)])
@pytest.mark.parametrize("limit_a", [6.0, 9.0, 15.0])
def test_the_next_step_is_worth_having_from_there_on(phases: int, response: Response, limit_a: float) -> None:
    here = outlet(response, phases)
    share_w = here.power_w(limit_a, phases)
    minimum_w = here.minimum_w(phases)
    memory = replace(CHARGING, limit_a=limit_a, response=response)
    decision = decided("follow", share_w, limit_a=limit_a, phases=phases, minimum_w=minimum_w)

    by_w = told(decision, memory)[Turn.MORE]

    assert best_a(here, phases, share_w + by_w - 1.0, SETTINGS.import_weight) == limit_a
    assert best_a(here, phases, share_w + by_w + 1.0, SETTINGS.import_weight) == limit_a + response.step_a


def test_a_start_and_a_pause_lie_where_the_least_charge_is_worth_nothing() -> None:
    minimum_w = outlet(Response(), 1).minimum_w(1)
    waiting = decided("waiting", 500.0, limit_a=0.0, phases=1, minimum_w=minimum_w)
    starts_at_w = 500.0 + told(waiting, BoxMemory())[Turn.START]
    charging = decided("follow", 2000.0, limit_a=8.0, phases=1, minimum_w=minimum_w)
    pauses_at_w = 2000.0 + told(charging)[Turn.PAUSE]

    assert worth_w(minimum_w, starts_at_w, SETTINGS.import_weight) == pytest.approx(0.0)
    assert pauses_at_w == pytest.approx(starts_at_w)


def test_what_can_not_happen_is_not_told() -> None:
    full = decided("follow", 9000.0, limit_a=16.0, phases=3, minimum_w=4140.0)
    assert Turn.MORE not in told(full, replace(CHARGING, limit_a=16.0))
    charging = decided("follow", 5000.0, limit_a=7.0, phases=3, minimum_w=4140.0)
    assert Turn.PAUSE not in told(charging, mode=Mode.MIN_SOLAR)
    assert Turn.PAUSE not in told(charging, never_pause=True)
    assert told(charging, mode=Mode.FAST) == {}
    assert told(charging, replace(CHARGING, boost=True)) == {}
    assert told(replace(charging, inputs={})) == {}


def test_a_charge_that_buys_too_much_says_what_would_keep_it_going() -> None:
    short = decided("short", 3000.0, limit_a=6.0, phases=3, minimum_w=4140.0)
    assert told(short) == {Turn.KEEP: pytest.approx(105.0)}
