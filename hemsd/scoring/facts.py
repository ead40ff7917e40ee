"""What a session comes to in numbers: the only source that its explanation and its answers may draw from."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.fusion import Verdict
from hemsd.scoring.session import Session
from hemsd.store.codec import to_json


@dataclass(frozen=True, slots=True)
class Facts:
    """One session in numbers. What nobody reported is None."""

    began_at: datetime
    ended_at: datetime
    readings: int
    energy_kwh: float | None
    peak_kw: float | None
    mean_kw: float | None  # while energy flowed
    charging_began_at: datetime | None
    charging_ended_at: datetime | None
    soc_first_pct: float | None
    soc_last_pct: float | None
    offered_kw: float | None  # the most
    offered_kwh: float | None = None  # what this car could have taken of it


def facts_of(session: Session) -> Facts:
    series, trace = session.series, session.trace
    flowing = np.flatnonzero(session.flows)
    power_w = trace.flow_w[flowing]

    def moment(step: int) -> datetime:
        return series.start_at + timedelta(seconds=min(step * trace.step_s, series.length_s))

    has_energy = len(trace.energy) >= 2
    return Facts(
        began_at=series.start_at,
        ended_at=series.end_at,
        readings=max(len(series.register), len(series.power)),
        energy_kwh=round((series.before_wh + trace.total_wh) / 1000, 2) if has_energy else None,
        peak_kw=round(float(power_w.max()) / 1000, 1) if len(flowing) else None,
        mean_kw=round(float(power_w.mean()) / 1000, 1) if len(flowing) else None,
        charging_began_at=moment(int(flowing[0])) if len(flowing) else None,
        charging_ended_at=moment(int(flowing[-1]) + 1) if len(flowing) else None,
        soc_first_pct=float(series.soc.values[0]) if len(series.soc) else None,
        soc_last_pct=float(series.soc.values[-1]) if len(series.soc) else None,
        offered_kw=round(float(series.offered.values.max()) / 1000, 1) if len(series.offered) else None,
        offered_kwh=_offered_kwh(session),
    )


def _offered_kwh(session: Session) -> float | None:
    if not session.offer_known:
        return None
    most_w = session.known.car_w if session.known.car_w is not None else session.trace.connection_w
    taken_w = np.minimum(session.trace.offered_w, most_w)
    return round(float(np.nansum(taken_w)) * session.trace.step_s / 3.6e6, 2)


def story_of(verdict: Verdict) -> str:
    """The findings as JSON, so that they can be told later."""
    hints = (replace(one, advisory=True) for one in verdict.advisories)
    return to_json([*verdict.findings, *hints])


def findings_in(story: str) -> list[Finding]:
    return [Finding(**{**one, "category": Category(one["category"])}) for one in json.loads(story)]
