"""Turns the model's values into what the local API says. The only place where the two meet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from hemsd.model import Attempt, CloudVerdict, Command, Decision, Identities, Reading, Sample, SiteMinute
from web.flows import split
from web.house import VisitStory
from web.past_models import (
    AnomalyPage,
    CloudAnomalyPage,
    CloudVerdictPage,
    HistoryPage,
    HistoryPoint,
    IdentitiesPage,
    ReadingPage,
    StretchPage,
    VisitPage,
)
from web.state_models import AttemptPage, CommandPage, DecisionPage, SamplePage


def decision_page(decision: Decision) -> DecisionPage:
    grid_w = decision.inputs.get("grid_w")
    return DecisionPage(
        wallbox=decision.wallbox,
        time=decision.at,
        kind=decision.kind,
        reason=decision.reason,
        grid_w=grid_w if isinstance(grid_w, float | int) else None,
        target_w=decision.target_w,
        rule=decision.rule,
        state=decision.state,
        limit_a=decision.limit_a,
        phases=decision.phases,
        ticks=decision.ticks,
        command_id=decision.command_id,
        inputs=dict(decision.inputs),
    )


def command_page(command: Command) -> CommandPage:
    return CommandPage(
        id=command.id,
        wallbox=command.wallbox,
        time=command.at,
        amps=command.amps,
        phases=command.phases,
        dispatch_status=command.dispatch_status,
        outcome=command.outcome,
        final=command.final,
        before_a=command.before_a,
        watts=command.watts,
        offered_a=command.observed_current_offered_a,
        power_w=command.observed_power_w,
        effect_s=command.effect_s,
        rule=command.evidence.rule if command.evidence else "",
        evidence=command.evidence.text if command.evidence else "",
        samples=[_sample_page(sample) for sample in command.evidence.samples] if command.evidence else [],
        attempts=[_attempt_page(attempt) for attempt in command.attempts],
    )


def _sample_page(sample: Sample) -> SamplePage:
    return SamplePage(
        time=sample.received_at, offered_a=sample.offered_a, currents_a=sample.currents_a, power_w=sample.power_w
    )


def _attempt_page(attempt: Attempt) -> AttemptPage:
    return AttemptPage(time=attempt.at, way=attempt.way, status=attempt.status, text=attempt.text)


def visit_page(story: VisitStory) -> VisitPage:
    visit = story.visit
    return VisitPage(
        id=visit.id,
        number=visit.number,
        wallbox=visit.wallbox,
        vehicle=visit.vehicle,
        plugged_in_at=visit.plugged_in_at,
        plugged_out_at=visit.plugged_out_at,
        managed=visit.managed,
        kwh=_kwh(visit.energy_wh),
        solar_kwh=_kwh(visit.solar_wh),
        battery_kwh=_kwh(visit.battery_wh),
        grid_kwh=_kwh(visit.grid_wh),
        state=visit.final_state,
        cost=story.cost,
        saved=story.saved,
        co2_g=story.co2_g,
        co2_saved_g=story.co2_saved_g,
        findings=[one.text for one in story.oddities],
        anomalies=[
            AnomalyPage(
                category=one.category, begin=one.begin_at, end=one.end_at, texts=dict(one.told), advice=dict(one.advice)
            )
            for one in story.oddities
        ],
        obeyed=story.obeyed,
        judged=story.judged,
        blocks=[
            StretchPage(type=one.type, start=one.start_at, end=one.end_at, kwh=_kwh(one.energy_wh))
            for one in story.stretches
        ],
        cloud=None if story.cloud is None else _cloud_page(story.cloud),
    )


def _cloud_page(verdict: CloudVerdict) -> CloudVerdictPage:
    return CloudVerdictPage(
        received=verdict.received_at,
        status=verdict.status,
        is_anomaly=verdict.is_anomaly,
        score=verdict.anomaly_score,
        confidence=verdict.anomaly_confidence,
        anomalies=list(cloud_anomalies(verdict.anomalies)),
    )


def cloud_anomalies(told: str) -> Iterator[CloudAnomalyPage]:
    """A stranger's JSON: what does not look like an anomaly is left out."""
    for one in json.loads(told):
        category = one.get("category") if isinstance(one, dict) else None
        if isinstance(category, str) and category:
            span = one.get("time_range")
            moments = span if isinstance(span, dict) else {}
            begin, end = (_moment(moments.get(f"{edge}_timestamp")) for edge in ("start", "end"))
            yield CloudAnomalyPage(category=category[:80], begin=begin, end=end)


def _moment(told: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


def _kwh(energy_wh: float) -> float:
    return round(energy_wh / 1000, 3)


def reading_page(reading: Reading) -> ReadingPage:
    return ReadingPage(
        time=reading.at,
        power_w=reading.power_w,
        offered_a=reading.offered_a,
        currents_a=reading.currents_a,
        energy_wh=reading.energy_wh,
        soc_pct=reading.soc_pct,
    )


def history_page(from_at: datetime, to_at: datetime, step_s: int, steps: list[SiteMinute]) -> HistoryPage:
    return HistoryPage(from_at=from_at, to_at=to_at, step_s=step_s, points=[_history_point(step) for step in steps])


def _history_point(step: SiteMinute) -> HistoryPoint:
    point = HistoryPoint(
        time=step.at,
        grid_w=step.grid_w,
        pv_w=step.pv_w,
        battery_w=step.battery_w,
        house_w=step.house_w,
        cars_w=dict(step.cars_w),
        soc_pct=step.soc_pct,
    )
    if step.grid_w is None or step.house_w is None:
        return point
    flows = split(
        pv_w=step.pv_w or 0.0,
        battery_w=step.battery_w or 0.0,
        grid_w=step.grid_w,
        house_w=max(step.house_w, 0.0),
        cars_w=sum(step.cars_w.values()),
    )
    return point.model_copy(update={name: round(watts, 1) for name, watts in asdict(flows).items()})


def identities_page(identities: Identities) -> IdentitiesPage:
    return IdentitiesPage(
        org_id=identities.org_id,
        user_id=identities.user_id,
        location_id=identities.location_id,
        wallboxes=dict(identities.wallboxes),
        vehicles=dict(identities.vehicles),
        policies=dict(identities.policies),
    )
