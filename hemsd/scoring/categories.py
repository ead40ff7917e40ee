"""Rules that name a fault and point at the minutes which prove it.

Rules come first because a rule can say what it saw. Each takes the session, looks for one kind of fault, and gives a
finding with its span, how grave it is (score) and how sure (confidence), or nothing. They know what was offered and
what the wallbox said of the car: a pause that was commanded is no fault, nor is one that the car takes by itself.

Rules of the register see the whole session, since a fall six hours ago is still a fall. docs/anomalies.md has all of
them in a table; thresholds that are not a standard's were chosen on simulated households and then left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hemsd.scoring.series import Known, Numbers, Series
from hemsd.scoring.trace import LEAST_FALL_WH, Trace, trace_of

Bools = NDArray[np.bool_]

LEAST_MOVES: Final = 10  # on and off; the sun alone may command eight
FLOWS_W: Final = 300.0
OFFERED_W: Final = 1275.0  # 6 A at 230 V, less what a step loses when the limit comes within it


class Category(StrEnum):
    KWH_DECREASE = "KWH_DECREASE"  # an energy register fell
    REGISTER_RESET = "REGISTER_RESET"  # it began anew near zero
    SPIKE = "SPIKE"  # it showed more than can have flowed
    ZERO_SESSION = "ZERO_SESSION"  # energy was offered, and none was taken
    ENERGY_PIT = "ENERGY_PIT"  # the flow dropped out and came back, uncommanded
    CHARGING_EXPECTED = "CHARGING_EXPECTED"  # the car asks, energy is offered, and none flows
    STUCK_METER = "STUCK_METER"  # the register stands still while power flows
    OVER_REPORT = "OVER_REPORT"  # the register counts more than the power reading
    UNDER_REPORT = "UNDER_REPORT"  # or less
    ABOVE_CAP = "ABOVE_CAP"  # more flows than is offered
    DERATING = "DERATING"  # steadily less flows than is offered and the car can take
    FLAPPING = "FLAPPING"  # on and off, again and again, uncommanded
    MISSING_PHASE = "MISSING_PHASE"  # a phase that carried a charge carries none
    UNCLASSIFIED = "UNCLASSIFIED"  # odd to the model, and no rule knows why


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, and the span that proves it, in seconds since the first reading."""

    category: Category
    begin_s: float
    end_s: float
    score: float
    confidence: float
    size: float = 0.0  # of the fault, in the unit that its sentence uses (hemsd.scoring.words)
    advisory: bool = False  # worth saying, not worth an alarm

    def within(self, length_s: float) -> Finding:
        begin = min(max(self.begin_s, 0.0), length_s)
        return Finding(
            self.category,
            begin,
            min(max(self.end_s, begin), length_s),
            self.score,
            self.confidence,
            self.size,
            self.advisory,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """What a rule looks at. Made by ``session_of``."""

    series: Series
    trace: Trace
    known: Known
    flows: Bools  # where a car charges, as opposed to its standby
    offered: Bools  # where energy was to be had; where nobody said, it is assumed
    offer_known: bool

    def minutes(self, steps: float) -> float:
        return steps * self.trace.step_s / 60


def session_of(series: Series, known: Known) -> Session:
    trace = trace_of(series, known)
    # Half of the least that IEC 61851-1 lets a car draw (6 A on one phase), or half a unit of a coarse register a step.
    flowing_w = max(FLOWS_W, 1800 * trace.quantum_wh / trace.step_s if trace.quantum_wh >= 100 else 0.0)
    unknown = np.isnan(trace.offered_w)
    return Session(
        series=series,
        trace=trace,
        known=known,
        flows=np.nan_to_num(trace.flow_w) > flowing_w,
        offered=unknown | (trace.offered_w > OFFERED_W),
        offer_known=not bool(unknown.all()),
    )


Rule = Callable[[Session], Finding | None]


def findings(session: Session) -> tuple[Finding, ...]:
    """What every rule found, the gravest first."""
    found = [finding.within(session.series.length_s) for rule in RULES if (finding := rule(session)) is not None]
    return tuple(sorted(found, key=lambda finding: -finding.score * finding.confidence))


def runs(mask: Bools) -> Iterator[tuple[int, int]]:
    """Where a mask holds: (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


# ---------------------------------------------------------------------------------------------------------------------
# The register


def _reported(session: Session) -> tuple[Numbers, Numbers]:
    """The register as it was reported, impossible values included, in order."""
    register, odd = session.series.register, session.series.impossible
    at_s, values = np.concatenate((register.at_s, odd.at_s)), np.concatenate((register.values, odd.values))
    order = np.argsort(at_s, kind="stable")
    return at_s[order], values[order]


def kwh_decrease(session: Session) -> Finding | None:
    at_s, values = _reported(session)
    falls = np.flatnonzero(np.diff(values) < -LEAST_FALL_WH)
    if not len(falls):
        return None
    depth_wh = float(-np.diff(values)[falls].min())
    score = min(0.99, 0.85 + 0.05 * float(np.log10(1 + depth_wh / 10)))
    return Finding(
        Category.KWH_DECREASE, float(at_s[falls[0]]), float(at_s[falls[-1] + 1]), score, 0.97, size=depth_wh / 1000
    )


def register_reset(session: Session) -> Finding | None:
    """It falls to near zero and counts on from there: the meter, or the wallbox, began anew."""
    register = session.series.register
    moves = np.diff(register.values)
    for i in np.flatnonzero(moves < -LEAST_FALL_WH):
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
    room_wh = 1.25 * session.trace.connection_w * np.maximum(np.diff(at_s), 1.0) / 3600 + 2 * session.trace.quantum_wh
    jumps = np.flatnonzero(np.diff(values) > room_wh + 100)
    odd = session.series.impossible
    if not len(jumps) and not len(odd):
        return None
    moments = np.concatenate((at_s[jumps + 1] if len(jumps) else [], odd.at_s))
    size_wh = float(np.diff(values)[jumps].max()) if len(jumps) else float(np.abs(odd.values).max())
    begin = float(moments.min())
    earlier = at_s[at_s < begin]
    return Finding(
        Category.SPIKE, float(earlier[-1]) if len(earlier) else begin, float(moments.max()), 0.96, 0.95, size_wh / 1000
    )


def stuck_meter(session: Session) -> Finding | None:
    """The register stands still while the wallbox itself reports power."""
    trace = session.trace
    if np.all(np.isnan(trace.measured_w)) or not len(session.series.register):
        return None
    register_w = np.nan_to_num(trace.power_w)
    flat = (register_w < 50) & (np.nan_to_num(trace.measured_w) > 1000)
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
    """The register and the power reading tell different energies. How far apart they may be depends on the sampling."""
    series, trace = session.series, session.trace
    if len(series.power) < 4 or len(series.register) < 4:
        return None
    common = np.intersect1d(series.power.at_s, series.register.at_s)
    power_w = np.interp(common, series.power.at_s, series.power.values)
    if len(common) < 4:
        return None
    gaps = np.diff(common)
    close = gaps <= 2.5 * np.median(gaps)
    energy = np.interp(common, trace.energy.at_s, trace.energy.values) if len(trace.energy) else np.zeros(len(common))
    mean_w = (power_w[1:] + power_w[:-1]) / 2
    steady = close & (np.abs(np.diff(power_w)) < 0.15 * np.maximum(mean_w, 500)) & (mean_w > 500)
    if steady.sum() < 3:
        return None
    by_power = float((mean_w * gaps / 3600)[steady].sum())
    by_register = float(np.diff(energy)[steady].sum())
    sampled_min = float(np.median(gaps)) / 60
    tolerance = 0.12 if sampled_min <= 2 else 0.20 if sampled_min <= 6 else 0.35
    slack_wh = 2 * trace.quantum_wh + 150
    if by_power < 800 or abs(by_register - by_power) < slack_wh:
        return None
    ratio = by_register / by_power
    if abs(ratio - 1) <= tolerance:
        return None
    category = Category.OVER_REPORT if ratio > 1 else Category.UNDER_REPORT
    where = np.flatnonzero(steady)
    sure = min(0.97, 0.7 + 0.5 * (abs(ratio - 1) - tolerance))
    return Finding(
        category, float(common[where[0]]), float(common[where[-1] + 1]), 0.9, sure, size=100 * abs(ratio - 1)
    )


# ---------------------------------------------------------------------------------------------------------------------
# The flow


def zero_session(session: Session) -> Finding | None:
    """In the whole visit, not only in its last six hours: a car that is full by midnight takes nothing until seven."""
    trace, series = session.trace, session.series
    if series.length_s < 1500 or len(series.register) + len(series.power) < 2:
        return None
    if series.before_wh + trace.total_wh > max(20.0, trace.quantum_wh) or session.flows.any():
        return None
    offered = session.offered & (trace.asks >= 0)
    minutes = session.minutes(float(offered.sum()))
    if minutes < 25:
        return None
    asked = bool((trace.asks[offered] > 0).mean() > 0.5)
    sure = 0.95 if asked else 0.9 if session.offer_known else 0.75
    return Finding(Category.ZERO_SESSION, 0.0, series.length_s, 0.92, sure, size=minutes)


def energy_pit(session: Session) -> Finding | None:
    trace, flows = session.trace, session.flows
    power_w = np.nan_to_num(trace.flow_w)
    for begin, end in runs(~flows):
        if begin == 0 or end == len(flows):
            continue
        offered = session.offered[begin:end] & (trace.fine[begin:end] > 0)
        minutes = session.minutes(float(offered.sum()))
        if minutes < 15 or (trace.sampled_s < 600 and minutes < 17):
            continue
        if (trace.asks[begin:end] < 0).mean() > 0.5 or _newly_offered(session, begin, end):
            continue
        usual_w = float(np.median(power_w[:begin][flows[:begin]]))
        back = power_w[end : end + max(1, round(900 / trace.step_s))]
        if usual_w < 1000 or session.minutes(float((back > 0.6 * usual_w).sum())) < 10:
            continue  # a blip of a full car that warms itself is no return
        asked = (trace.asks[begin:end] > 0).mean() > 0.5
        sure = 0.95 if asked else 0.8 if session.offer_known else 0.72
        return Finding(
            Category.ENERGY_PIT, begin * trace.step_s, end * trace.step_s, 0.88, sure, size=session.minutes(end - begin)
        )
    return None


def _newly_offered(session: Session, begin: int, end: int) -> bool:
    """Whether the pause was commanded and the car only took its time to come back."""
    offered = session.offered[begin:end]
    refused = np.flatnonzero(~offered)
    if not len(refused):
        return False
    return session.minutes(float(len(offered) - 1 - refused[-1])) < 15 and session.minutes(float(refused[0])) < 15


def charging_expected(session: Session) -> Finding | None:
    """At the end: offered, asked for, and nothing flows. Without a word about the car it may simply be full."""
    trace, flows = session.trace, session.flows
    if not flows.any():
        return None  # then it is a zero session
    begin = int(np.flatnonzero(flows)[-1]) + 1
    rest = slice(begin, len(flows))
    offered = session.offered[rest] & (trace.fine[rest] > 0)
    asked = offered & (trace.asks[rest] > 0)
    soc = session.series.soc.values
    if session.minutes(float(asked.sum())) >= 20:
        return Finding(
            Category.CHARGING_EXPECTED,
            begin * trace.step_s,
            session.series.length_s,
            0.9,
            0.9,
            size=session.minutes(float(asked.sum())),
        )
    waiting = offered & (trace.asks[rest] >= 0)
    minutes = session.minutes(float(waiting.sum()))
    if minutes >= 30 and session.offer_known and len(soc) and soc[-1] < 60:
        return Finding(
            Category.CHARGING_EXPECTED, begin * trace.step_s, session.series.length_s, 0.85, 0.8, size=minutes
        )
    return None


def above_cap(session: Session) -> Finding | None:
    """A car has 5 s to follow a new limit (IEC 61851-1); two minutes are left to it and to the meter."""
    trace = session.trace
    if not session.offer_known:
        return None
    held_w = trace.offered_w
    near = max(1, int(np.ceil(120 / trace.step_s)))
    for shift in range(1, near + 1):  # the limit may have been higher a moment ago
        held_w = np.fmax(held_w, np.concatenate((np.full(shift, np.nan), trace.offered_w[:-shift])))
    if trace.step_s >= 300:
        held_w = np.fmax(held_w, np.concatenate((trace.offered_w[1:], [np.nan])))
    grain_w = 3600 * trace.quantum_wh / trace.step_s
    over = (np.nan_to_num(trace.power_w) > 1.12 * held_w + 150 + grain_w) & (trace.fine > 0)
    for begin, end in runs(over):
        if session.minutes(end - begin) >= 8:
            excess_w = float(np.mean(trace.power_w[begin:end] - held_w[begin:end]))
            return Finding(
                Category.ABOVE_CAP, begin * trace.step_s, end * trace.step_s, 0.9, 0.92, size=excess_w / 1000
            )
    return None


def derating(session: Session) -> Finding | None:
    """A flat plateau well below what is offered and what this car is known to take."""
    trace, known = session.trace, session.known
    if known.car_w is None or not session.offer_known:
        return None
    expected_w = np.fmin(trace.offered_w, known.car_w)
    steady_offer = np.abs(np.diff(trace.offered_w, prepend=trace.offered_w[:1])) < 50
    low = (
        session.flows
        & session.offered
        & steady_offer
        & (trace.fine > 0)
        & (np.nan_to_num(trace.power_w) < 0.78 * expected_w)
    )
    flat_steps = max(3, round(1200 / trace.step_s))
    paused = np.flatnonzero(trace.asks < 0)
    until = int(paused[0]) if len(paused) else len(low)  # a full car takes what it likes
    for begin, end in runs(low):
        if end - begin < flat_steps or begin >= until:
            continue
        tail = not (session.flows[end:] & ~low[end:]).any()
        if tail:
            end -= round(1200 / trace.step_s)  # the last minutes before a car is full are always low
        part = trace.power_w[begin + 1 : end] if trace.step_s > 120 else trace.power_w[begin:end]
        if len(part) * trace.step_s < (2400 if tail else 1100):
            continue
        if float(np.std(part)) > 0.05 * float(np.mean(part)) + 40:
            continue
        share = float(np.mean(part) / np.mean(expected_w[begin:end]))
        return Finding(Category.DERATING, begin * trace.step_s, end * trace.step_s, 0.75, 0.75, size=100 * (1 - share))
    return None


def flapping(session: Session) -> Finding | None:
    trace, flows = session.trace, session.flows
    if trace.step_s > 300:
        return None  # nobody can see it
    seen = session.offered & ~np.isnan(trace.flow_w)
    moves = np.flatnonzero((np.diff(flows.astype(np.int8)) != 0) & seen[1:] & seen[:-1])
    commanded = np.flatnonzero(np.diff(session.offered.astype(np.int8)) != 0)
    moves = np.array([m for m in moves if not len(commanded) or np.abs(commanded - m).min() * trace.step_s > 400])
    if len(moves) < LEAST_MOVES:
        return None
    gaps = np.diff(moves)
    if session.minutes(float(np.median(gaps))) > 25 or (trace.asks[moves] < 0).mean() > 0.5:
        return None
    return Finding(
        Category.FLAPPING, moves[0] * trace.step_s, (moves[-1] + 1) * trace.step_s, 0.88, 0.85, size=float(len(moves))
    )


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
    first = int(np.argmax(together))
    lost = ((amps < 0.5).sum(axis=0) == 1) & ((amps > 4).sum(axis=0) == 2)
    lost[:first] = False
    for begin, end in runs(lost):
        if common[end - 1] - common[begin] >= 300:
            number = int(np.argmin(amps[:, begin])) + 1
            return Finding(
                Category.MISSING_PHASE, float(common[begin]), float(common[end - 1]), 0.9, 0.92, float(number)
            )
    return None


RULES: Final[tuple[Rule, ...]] = (
    kwh_decrease,
    register_reset,
    spike,
    stuck_meter,
    misreport,
    zero_session,
    energy_pit,
    charging_expected,
    above_cap,
    derating,
    flapping,
    missing_phase,
)
