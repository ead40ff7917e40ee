"""Plausible values for the tests of the store, short to write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hemsd.model import (
    Attempt,
    Command,
    Decision,
    DecisionKind,
    DispatchStatus,
    Evidence,
    Sample,
    SteeringState,
    Visit,
)

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)


def a_visit(number: int = 1, **changed: object) -> Visit:
    visit = Visit(
        id=str(UUID(int=number)),
        number=number,
        wallbox="garage",
        plugged_in_at=NOON + timedelta(minutes=number),
        vehicle="car",
    )
    return replace(visit, **changed)  # type: ignore[arg-type]


def a_sample(seconds: float = 0.0, **changed: object) -> Sample:
    sample = Sample(
        received_s=1000.0 + seconds,
        received_at=NOON + timedelta(seconds=seconds),
        transaction_id=17,
        offered_a=9.0,
        currents_a=(8.9, 0.0, 0.0),
        voltages_v=(231.5, None, None),
        power_w=2060.0,
        energy_wh=120_345.0,
    )
    return replace(sample, **changed)  # type: ignore[arg-type]


def a_command(id: int = 1, **changed: object) -> Command:
    command = Command(
        id=id,
        wallbox="garage",
        at=NOON,
        sent_s=1000.25,
        amps=9.0,
        phases=1,
        watts=2070.0,
        visit_id=a_visit().id,
        attempts=(Attempt(at=NOON, way="TxDefaultProfile Absolute stack 0 A", status=DispatchStatus.APPLIED),),
        evidence=Evidence(rule="offered", text="9.0 A offered", samples=(a_sample(), a_sample(10.0))),
    )
    return replace(command, **changed)  # type: ignore[arg-type]


def a_decision(**changed: object) -> Decision:
    decision = Decision(
        wallbox="garage",
        at=NOON,
        kind=DecisionKind.HOLD,
        state=SteeringState.MODULATING,
        rule="within-step",
        reason="surplus 2.2 kW keeps 9 A",
        limit_a=9.0,
        phases=1,
        target_w=2070.0,
        inputs={"grid_w": -120.0, "pv_w": 2960.0, "mode": "solar", "stale": False, "soc_pct": None},
    )
    return replace(decision, **changed)  # type: ignore[arg-type]
