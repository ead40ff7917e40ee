"""Rules of the energy register: what a meter in order never does.

They see the whole session, since a fall six hours ago is still a fall.
"""

from __future__ import annotations

import numpy as np

from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.series import Numbers
from hemsd.scoring.session import Bools, Session, runs
from hemsd.scoring.trace import LEAST_FALL_WH, ROOM, median


def _reported(session: Session) -> tuple[Numbers, Numbers]:
    """The register as it was reported, impossible values included, in order."""
    register, odd = session.series.register, session.series.impossible
    if not len(odd):
        return register.at_s, register.values
    at_s, values = np.concatenate((register.at_s, odd.at_s)), np.concatenate((register.values, odd.values))
    order = np.argsort(at_s, kind="stable")
    return at_s[order], values[order]


def kwh_decrease(session: Session) -> Finding | None:
    at_s, values = _reported(session)
    moves = values[1:] - values[:-1]
    falls = np.flatnonzero(moves < -LEAST_FALL_WH)
    if not len(falls):
        return None
    depth_wh = float(-moves[falls].min())
    score = min(0.99, 0.85 + 0.05 * float(np.log10(1 + depth_wh / 10)))
    return Finding(
        Category.KWH_DECREASE, float(at_s[falls[0]]), float(at_s[falls[-1] + 1]), score, 0.97, size=depth_wh / 1000
    )


def register_reset(session: Session) -> Finding | None:
    """It falls to near zero and counts on from there: the meter, or the wallbox, began anew."""
    register = session.series.register
    for i in np.flatnonzero(register.values[1:] - register.values[:-1] < -LEAST_FALL_WH):
        before, after = register.values[i], register.values[i + 1 :]
        if before > 500 and after[0] < 0.05 * before and after.max() < 0.9 * before:
            return Finding(
                Category.REGISTER_RESET,
                float(register.at_s[i]),
                float(register.at_s[i + 1]),
                0.95,
                0.9 if len(after) > 1 else 0.6,
                size=float(before) / 1000,
            )
    return None


def spike(session: Session) -> Finding | None:
    """Between two readings it rose by more than the connection can carry, or showed what no meter can."""
    at_s, values = session.series.register.at_s, session.series.register.values
    moves = values[1:] - values[:-1]
    room_wh = session.trace.most_w * np.maximum(at_s[1:] - at_s[:-1], 1.0) / 3600
    jumps = np.flatnonzero(moves > room_wh + 2 * session.trace.quantum_wh + 100)
    odd = session.series.impossible
    if not len(jumps) and not len(odd):
        return None
    moments = np.concatenate((at_s[jumps + 1] if len(jumps) else [], odd.at_s))
    size_wh = float(moves[jumps].max()) if len(jumps) else float(np.abs(odd.values).max())
    begin = float(moments.min())
    earlier = at_s[at_s < begin]
    return Finding(
        Category.SPIKE, float(earlier[-1]) if len(earlier) else begin, float(moments.max()), 0.96, 0.95, size_wh / 1000
    )


def stuck_meter(session: Session) -> Finding | None:
    """The register stands still while the wallbox itself reports power."""
    trace = session.trace
    if not len(session.series.power) or not len(session.series.register):
        return None
    flat = ~(trace.power_w >= 50) & (trace.measured_w > 1000)
    if not flat.any():
        return None
    for begin, end in runs(_bridged(flat, np.isnan(trace.measured_w))):
        minutes = session.minutes(end - begin)
        missing_wh = float(np.nansum(trace.measured_w[begin:end])) * trace.step_s / 3600
        if minutes >= max(15, 2 * trace.step_s / 60) and missing_wh >= max(4 * trace.quantum_wh, 250):
            sure = 0.95 if minutes >= 20 else 0.8
            return Finding(
                Category.STUCK_METER, begin * trace.step_s, end * trace.step_s, 0.93, sure, size=missing_wh / 1000
            )
    return None


def _bridged(mask: Bools, unknown: Bools) -> Bools:
    """The mask, where unknown steps between two that hold count as holding."""
    held = mask.copy()
    for begin, end in runs(unknown):
        if begin > 0 and end < len(mask) and mask[begin - 1] and mask[end]:
            held[begin:end] = True
    return held


def misreport(session: Session) -> Finding | None:
    """The register and the power reading tell different energies while the power is steady.

    Less than the readings may have flowed between two of them, the rarer they are; more can't have.
    """
    series, trace = session.series, session.trace
    if session.known.connection_w is not None and trace.usual_w > ROOM * trace.connection_w:
        beyond = 100 * (trace.usual_w / trace.connection_w - 1)
        return Finding(Category.OVER_REPORT, 0.0, series.length_s, 0.9, 0.85, size=beyond)
    if len(series.power) < 4 or len(series.register) < 4 or len(trace.energy) < 2:
        return None
    common = series.power.at_s
    if not np.array_equal(common, series.register.at_s):
        common = np.intersect1d(common, series.register.at_s)
    if len(common) < 4:
        return None
    power_w = np.interp(common, series.power.at_s, series.power.values)
    gaps = common[1:] - common[:-1]
    sampled = median(gaps)
    mean_w = (power_w[1:] + power_w[:-1]) / 2
    steady = np.abs(power_w[1:] - power_w[:-1]) < 0.15 * np.maximum(mean_w, 500)
    where = np.flatnonzero(steady & (mean_w > 500) & (gaps <= 2.5 * sampled))
    if len(where) < 3:
        return None
    energy = np.interp(common, trace.energy.at_s, trace.energy.values)
    by_power = float((mean_w[where] * gaps[where]).sum()) / 3600
    by_register = float((energy[where + 1] - energy[where]).sum())
    slack_wh = 2 * trace.quantum_wh + 150
    if by_power < 800 or abs(by_register - by_power) < slack_wh:
        return None
    ratio = by_register / by_power
    beyond = abs(ratio - 1) - _tolerance(sampled / 60, more=ratio > 1)
    if beyond <= 0:
        return None
    return Finding(
        Category.OVER_REPORT if ratio > 1 else Category.UNDER_REPORT,
        float(common[where[0]]),
        float(common[where[-1] + 1]),
        0.9,
        min(0.97, 0.75 + 0.5 * beyond),
        size=100 * abs(ratio - 1),
    )


def _tolerance(sampled_min: float, *, more: bool) -> float:
    if sampled_min <= 2:
        return 0.12
    if sampled_min <= 6:
        return 0.15 if more else 0.20
    return 0.20 if more else 0.35
