"""A session on equal steps, so that rules can count minutes.

A step is as long as the register deserves. One that counts in tenths of a kWh, read each minute, alternates between
0 and 6 kW while a car draws a steady 3.7 kW; seen like that every charge flaps. So a step is long enough that one unit
of the register is no more than a tenth of the usual power.

Energy comes from the register once its lies are taken out: single values that stick out are dropped, a reset bridged.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np

from hemsd.scoring.series import EMPTY, Curve, Known, Numbers, Series

STEPS_S: Final = (60.0, 90.0, 180.0, 300.0, 450.0, 900.0)  # each divides a quarter-hour
QUANTA_WH: Final = (1000, 100, 10, 1)
FINEST_WH: Final = 0.1
LONGEST_GAP: Final = 2.5  # times the usual one; over a longer silence only the mean is known
SHORT_GAP_S: Final = 300.0  # so long is always fine
OUT_OF_LINE: Final = 5  # so many readings may stick out before they count as the new line
DEFAULT_CONNECTION_W: Final = 22_080.0  # 3 x 32 A: the largest wallbox that homes have
SHARE_OF_USUAL: Final = 0.1
LEAST_USUAL: Final = 4  # intervals with a rise, to speak of a usual one
ROOM: Final = 1.25  # above what the connection carries, or the register usually shows
LEAST_FALL_WH: Final = 0.1  # what is smaller is floating point


@dataclass(frozen=True, slots=True)
class Trace:
    """Equal steps from the first reading on; NaN where nothing is known."""

    step_s: float
    power_w: Numbers  # the register's, or the measured one where there is no register
    measured_w: Numbers  # the wallbox's own power reading
    offered_w: Numbers
    asks: Numbers
    fine: Numbers  # 1 where readings are close enough to see what happened inside
    quantum_wh: float
    sampled_s: float  # between two readings, usually
    energy: Curve  # repaired, Wh since the beginning
    connection_w: float
    most_w: float  # beyond it a rise of the register is a lie
    usual_w: float  # of the register, before repair
    flow_w: Numbers  # what reached the car, by whichever says more: a stuck register must not look like a pause

    @property
    def total_wh(self) -> float:
        return float(self.energy.values[-1]) if len(self.energy) else 0.0

    def __len__(self) -> int:
        return len(self.power_w)


def quantum_wh(register: Curve) -> float:
    """The unit in which the register counts."""
    if not len(register):
        return FINEST_WH
    values = register.values - register.values[0]
    whole = np.rint(values)
    if np.abs(values - whole).max() >= 1e-6:
        return FINEST_WH
    common = int(np.gcd.reduce(whole.astype(np.int64)))  # 0 where it never moved
    return next(unit for unit in QUANTA_WH if common % unit == 0)


def median(values: Numbers) -> float:
    """numpy's own takes ten times as long on as few values as a session has."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    halves = np.partition(values, (middle - 1, middle))
    return float(halves[middle - 1] + halves[middle]) / 2


def sampled_s(curve: Curve) -> float:
    return median(curve.at_s[1:] - curve.at_s[:-1]) if len(curve) > 1 else 900.0


def usual_w(curve: Curve, quantum: float) -> float:
    """The power at which the register rises, when it does; 0 where it never does."""
    rises = curve.values[1:] - curve.values[:-1]
    powers = (rises - 2 * quantum) / np.maximum(curve.at_s[1:] - curve.at_s[:-1], 1.0) * 3600
    flowing = powers[powers > 0]
    return median(flowing) if len(flowing) >= LEAST_USUAL else 0.0


def connection_w(series: Series, known: Known) -> float:
    """The most that can flow: as configured, or else as generous as homes are built."""
    if known.connection_w is not None:
        return known.connection_w
    offered = float(np.max(series.offered.values)) if len(series.offered) else 0.0
    return max(DEFAULT_CONNECTION_W, offered)


def repaired(register: Curve, most_w: float, quantum: float) -> Curve:
    """Energy since the beginning, without the register's lies.

    Registers rarely lie, so stretches without a lie are taken whole, and only the places around one are looked at.
    """
    rises, gaps_s = register.values[1:] - register.values[:-1], register.at_s[1:] - register.at_s[:-1]
    lies = np.flatnonzero((rises < -LEAST_FALL_WH) | (rises > most_w * gaps_s / 3600 + 2 * quantum)) + 1
    if not len(lies):
        return Curve(register.at_s, register.values - register.values[:1])
    values: list[float] = register.values.tolist()
    at_s: list[float] = register.at_s.tolist()
    ends = [*lies.tolist(), len(values)]
    kept_s, kept, offset = at_s[: ends[0]], values[: ends[0]], 0.0
    i = ends[0]
    while i < len(values):
        line = kept[-1] - offset
        if not _follows(line, values[i], at_s[i] - kept_s[-1], most_w, quantum):
            back = _back_in_line(values, at_s, i, line, kept_s[-1], most_w, quantum)
            if back is None:  # the new line stays: bridge it
                offset += line - values[i]
            else:
                i = back
        end = ends[bisect_right(ends, i)]  # from here to the next lie every value follows the one before
        kept_s += at_s[i:end]
        kept += [value + offset for value in values[i:end]]
        i = end
    energy = np.array(kept)
    return Curve(np.array(kept_s), energy - energy[0])


def _follows(line: float, value: float, dt_s: float, most_w: float, quantum: float) -> bool:
    return line - LEAST_FALL_WH <= value <= line + most_w * dt_s / 3600 + 2 * quantum


def _back_in_line(
    values: list[float], at_s: list[float], i: int, line: float, line_s: float, most_w: float, quantum: float
) -> int | None:
    for j in range(i + 1, min(i + 1 + OUT_OF_LINE, len(values))):
        if _follows(line, values[j], at_s[j] - line_s, most_w, quantum):
            return j
    return None


def trace_of(series: Series, known: Known) -> Trace:
    quantum = quantum_wh(series.register)
    usual = usual_w(series.register, quantum)
    carried_w = connection_w(series, known)
    most_w = ROOM * max(carried_w, usual)
    energy = repaired(series.register, most_w, quantum) if len(series.register) else _integrated(series.power)
    source = series.register if len(series.register) else series.power
    sampled = sampled_s(source)
    step_s = _step_s(energy, quantum, sampled)
    count = max(1, round(series.length_s / step_s))  # the last step takes what is left over
    edges = np.arange(count + 1) * step_s
    edges[-1] = max(series.length_s, edges[-2] + 1.0)
    middle = (edges[:-1] + edges[1:]) / 2
    power_w, measured_w = _mean_power(energy, edges), _measured(series.power, edges)
    return Trace(
        step_s=step_s,
        power_w=power_w,
        measured_w=measured_w,
        offered_w=_mean_held(series.offered, edges),
        asks=_asks(series.asks, middle),
        fine=_fine(source, middle, sampled),
        quantum_wh=quantum,
        sampled_s=sampled,
        energy=energy,
        connection_w=carried_w,
        most_w=most_w,
        usual_w=usual,
        flow_w=np.fmax(power_w, measured_w),
    )


def _asks(asks: Curve, middle: Numbers) -> Numbers:
    """0 before the first word about the car."""
    held = asks.holds_at(middle)
    held[np.isnan(held)] = 0.0
    return held


def _integrated(power: Curve) -> Curve:
    if len(power) < 2:
        return EMPTY
    mean_w = (power.values[1:] + power.values[:-1]) / 2
    return Curve(power.at_s, np.concatenate(([0.0], np.cumsum(mean_w * np.diff(power.at_s) / 3600))))


def _step_s(energy: Curve, quantum: float, sampled: float) -> float:
    if len(energy) < 2:
        return STEPS_S[-1]
    rises = energy.values[1:] - energy.values[:-1]
    powers = rises / np.maximum(energy.at_s[1:] - energy.at_s[:-1], 1.0) * 3600
    flowing = powers[powers > 0]
    usual_w = max(median(flowing) if len(flowing) else 0.0, 1000.0)
    least_s = max(sampled, 3600 * quantum / (SHARE_OF_USUAL * usual_w))
    return next((step for step in STEPS_S if step >= 0.95 * least_s), STEPS_S[-1])


def _mean_power(energy: Curve, edges: Numbers) -> Numbers:
    if len(energy) < 2:
        return np.full(len(edges) - 1, np.nan)
    at_edges = np.interp(edges, energy.at_s, energy.values)
    power_w: Numbers = (at_edges[1:] - at_edges[:-1]) / (edges[1:] - edges[:-1]) * 3600
    power_w[(edges[1:] <= energy.at_s[0]) | (edges[:-1] >= energy.at_s[-1])] = np.nan
    return power_w


def _measured(power: Curve, edges: Numbers) -> Numbers:
    """The mean of the readings in each step; NaN in a step without any."""
    count = len(edges) - 1
    if not len(power):
        return np.full(count, np.nan)
    index = np.minimum(np.searchsorted(edges, power.at_s, side="right") - 1, count - 1)
    counts = np.bincount(index, minlength=count)
    means: Numbers = np.bincount(index, weights=power.values, minlength=count) / np.maximum(counts, 1)
    means[counts == 0] = np.nan
    return means


def _mean_held(curve: Curve, edges: Numbers) -> Numbers:
    """The mean over each step of what changes in steps."""
    if not len(curve):
        return np.full(len(edges) - 1, np.nan)
    at_s = np.concatenate((curve.at_s, [max(edges[-1], curve.at_s[-1]) + 1.0]))
    area = np.concatenate(([0.0], np.cumsum(curve.values * np.diff(at_s))))
    begins = np.maximum(edges[:-1], curve.at_s[0])
    width = edges[1:] - begins
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (np.interp(edges[1:], at_s, area) - np.interp(begins, at_s, area)) / width
    return np.where(width > 0, mean, np.nan)


def _fine(source: Curve, middle: Numbers, sampled: float) -> Numbers:
    """1 where two readings are close enough around a moment to tell what happened between them."""
    if len(source) < 2:
        return np.zeros(len(middle))
    after = np.minimum(np.maximum(np.searchsorted(source.at_s, middle), 1), len(source) - 1)
    close: Numbers = (source.at_s[after] - source.at_s[after - 1] <= max(LONGEST_GAP * sampled, SHORT_GAP_S)) * 1.0
    return close
