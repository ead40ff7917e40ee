"""Rules of the flow: none where there should be some, and some where there should be less.

A pause that was commanded is no fault, nor is one that the car takes by itself and says so.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.session import Session, lately, runs
from hemsd.scoring.trace import median

PIT_MIN: Final = 16.5  # a car that pauses to talk to its battery is back within a quarter-hour
PIT_UNTOLD_MIN: Final = 22.0  # where nobody says what the car wants, its own pauses look the same
STEADY_SHARE: Final = 0.12  # so near to the usual power it counts as constant, and so much of the time it should be
CONSTANT: Final = 0.5
STEERED_PAUSE_MIN: Final = 3.0
BACK_SHARE: Final = 0.6  # of the usual power, and for so long, or it is a full car that warms itself a little:
BACK_MIN: Final = 10.0
BACK_UNTOLD_MIN: Final = 22.0  # where nobody says whether the car is full


def zero_session(session: Session) -> Finding | None:
    """In the whole visit, not only in its last six hours: a car that is full by midnight takes nothing until seven."""
    trace, series = session.trace, session.series
    if session.flows.any() or series.length_s < 1500 or len(series.register) + len(series.power) < 2:
        return None
    if series.before_wh + trace.total_wh > max(20.0, trace.quantum_wh):
        return None
    offered = session.offered & (trace.asks >= 0)
    minutes = session.minutes(float(offered.sum()))
    if minutes < 25:
        return None
    asked = bool((trace.asks[offered] > 0).mean() > 0.5)
    sure = 0.95 if asked else 0.9 if session.offer_known else 0.75
    return Finding(Category.ZERO_SESSION, 0.0, series.length_s, 0.92, sure, size=minutes)


def energy_pit(session: Session) -> Finding | None:
    """The flow drops out and comes back. Counted is the time that is missing, which also rare readings tell."""
    trace, flows = session.trace, session.flows
    for begin, end in runs(~flows):
        if begin == 0 or end == len(flows):
            continue
        idle = session.offered[begin:end] & (trace.fine[begin:end] > 0)
        minutes = session.minutes(float(idle.sum()))
        before = session.power_w[:begin][flows[:begin]]
        usual_w = median(before)
        asks = trace.asks[begin:end]
        asked = (asks > 0).mean() > 0.5
        if usual_w < 1000 or minutes < _least_min(asked=asked, rarely=trace.sampled_s >= 600):
            continue
        back_min = BACK_MIN if asked else BACK_UNTOLD_MIN
        if (asks < 0).mean() > 0.5 or _newly_offered(session, begin, end) or not _back(session, end, usual_w, back_min):
            continue
        sure = 0.95 if asked else 0.8 if session.offer_known else 0.5 if _looks_steered(session, usual_w) else 0.72
        return Finding(
            Category.ENERGY_PIT, begin * trace.step_s, end * trace.step_s, 0.88, sure, size=session.minutes(end - begin)
        )
    return None


def _looks_steered(session: Session, usual_w: float) -> bool:
    """Whether the power moves about, or pauses more than once, as under a limit that nobody told us of."""
    flowing_w = session.power_w[session.flows]
    constant = np.abs(flowing_w - usual_w) < STEADY_SHARE * usual_w
    pauses = [end - begin for begin, end in runs(~session.flows) if begin > 0 and end < len(session.flows)]
    return bool(constant.mean() < CONSTANT) or sum(session.minutes(steps) >= STEERED_PAUSE_MIN for steps in pauses) > 1


def _least_min(*, asked: bool, rarely: bool) -> float:
    if not asked:
        return PIT_UNTOLD_MIN
    return 15.0 if rarely else PIT_MIN


def _back(session: Session, end: int, usual_w: float, least_min: float) -> bool:
    back = session.power_w[end : end + max(1, round(1.5 * 60 * least_min / session.trace.step_s))]
    return session.minutes(float((back > BACK_SHARE * usual_w).sum())) >= least_min


def _newly_offered(session: Session, begin: int, end: int) -> bool:
    """Whether the pause was commanded and the car only took its time to come back."""
    refused = np.flatnonzero(~session.offered[begin:end])
    if not len(refused):
        return False
    return session.minutes(float(end - begin - 1 - refused[-1])) < 15 and session.minutes(float(refused[0])) < 15


def charging_expected(session: Session) -> Finding | None:
    """At the end: offered, asked for, and nothing flows. Without a word about the car it may simply be full."""
    trace, flows, length_s = session.trace, session.flows, session.series.length_s
    flowing = np.flatnonzero(flows)
    if not len(flowing):
        return None  # then it is a zero session
    begin = int(flowing[-1]) + 1
    offered, asks = session.offered[begin:] & (trace.fine[begin:] > 0), trace.asks[begin:]
    minutes = session.minutes(float((offered & (asks > 0)).sum()))
    if minutes >= 20:
        return Finding(Category.CHARGING_EXPECTED, begin * trace.step_s, length_s, 0.9, 0.9, size=minutes)
    soc = session.series.soc.values
    if not session.offer_known or not len(soc) or soc[-1] >= 60:
        return None
    minutes = session.minutes(float((offered & (asks >= 0)).sum()))
    if minutes < 30:
        return None
    return Finding(Category.CHARGING_EXPECTED, begin * trace.step_s, length_s, 0.85, 0.8, size=minutes)


def above_cap(session: Session) -> Finding | None:
    """More than was offered in the last two minutes, by the register and by the power reading where there is one."""
    trace = session.trace
    if not session.offer_known:
        return None
    held_w = lately(trace.offered_w, trace.step_s, np.fmax)
    grain_w = 3600 * trace.quantum_wh / trace.step_s
    drawn_w = np.fmin(trace.power_w, trace.measured_w)
    over = (drawn_w > 1.12 * held_w + 150 + grain_w) & (trace.fine > 0)
    if not over.any():
        return None
    for begin, end in runs(over):
        if session.minutes(end - begin) >= 8:
            excess_w = float(np.mean(drawn_w[begin:end] - held_w[begin:end]))
            return Finding(
                Category.ABOVE_CAP, begin * trace.step_s, end * trace.step_s, 0.9, 0.92, size=excess_w / 1000
            )
    return None


def missing_phase(session: Session) -> Finding | None:
    """Three phases charged, then one of them carries nothing while the others go on for five minutes."""
    phases = session.series.currents
    if any(not len(phase) for phase in phases):
        return None
    common = np.array(sorted(set.intersection(*(set(phase.at_s.tolist()) for phase in phases))))
    if len(common) < 4:
        return None
    amps = np.stack([np.interp(common, phase.at_s, phase.values) for phase in phases])
    together = (amps > 4).all(axis=0)
    if not together.any():
        return None
    lost = ((amps < 0.5).sum(axis=0) == 1) & ((amps > 4).sum(axis=0) == 2)
    lost[: int(np.argmax(together))] = False
    for begin, end in runs(lost):
        if common[end - 1] - common[begin] >= 300:
            number = int(np.argmin(amps[:, begin])) + 1
            return Finding(
                Category.MISSING_PHASE, float(common[begin]), float(common[end - 1]), 0.9, 0.92, float(number)
            )
    return None
