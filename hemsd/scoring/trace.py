"""A session on equal steps, so that rules can count minutes.

A step is as long as the register deserves. One that counts in tenths of a kWh, read each minute, alternates between
0 and 6 kW while a car draws a steady 3.7 kW; seen like that every charge flaps. So a step is long enough that one unit
of the register is no more than a tenth of the usual power.

Energy comes from the register once its lies are taken out: single values that stick out are dropped, a reset bridged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hemsd.scoring.series import EMPTY, Curve, Known, Numbers, Series

STEPS_S: Final = (60.0, 90.0, 180.0, 300.0, 450.0, 900.0)  # each divides a quarter-hour
QUANTA_WH: Final = (1000.0, 100.0, 10.0, 1.0)
FINEST_WH: Final = 0.1
LONGEST_GAP: Final = 2.5  # times the usual one; over a longer silence only the mean is known
SHORT_GAP_S: Final = 300.0  # so long is always fine
OUT_OF_LINE: Final = 5  # so many readings may stick out before they count as the new line
DEFAULT_CONNECTION_W: Final = 22_080.0  # 3 x 32 A: the largest wallbox that homes have
SHARE_OF_USUAL: Final = 0.1
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

    @property
    def flow_w(self) -> Numbers:
        """What reached the car, by whichever says more: a stuck register must not look like a pause."""
        return np.fmax(self.power_w, self.measured_w)

    @property
    def total_wh(self) -> float:
        return float(self.energy.values[-1]) if len(self.energy) else 0.0

    def __len__(self) -> int:
        return len(self.power_w)


def quantum_wh(register: Curve) -> float:
    """The unit in which the register counts."""
    values = register.values - (register.values[0] if len(register) else 0.0)
    for unit in QUANTA_WH:
        if len(values) and np.all(np.abs(values / unit - np.round(values / unit)) < 1e-6):
            return unit
    return FINEST_WH


def sampled_s(curve: Curve) -> float:
    return float(np.median(np.diff(curve.at_s))) if len(curve) > 1 else 900.0


def connection_w(series: Series, known: Known) -> float:
    """The most that can flow: as configured, or else as generous as homes are built."""
    if known.connection_w is not None:
        return known.connection_w
    offered = float(np.max(series.offered.values)) if len(series.offered) else 0.0
    return max(DEFAULT_CONNECTION_W, offered)


def repaired(register: Curve, most_w: float, quantum: float) -> Curve:
    """Energy since the beginning, without the register's lies."""
    values: list[float] = register.values.tolist()
    at_s: list[float] = register.at_s.tolist()
    kept_s, kept, offset = at_s[:1], values[:1], 0.0
    i = 1
    while i < len(values):
        line = kept[-1] - offset
        if _follows(line, values[i], at_s[i] - kept_s[-1], most_w, quantum):
            kept_s.append(at_s[i])
            kept.append(values[i] + offset)
            i += 1
            continue
        back = _back_in_line(values, at_s, i, line, kept_s[-1], most_w, quantum)
        if back is None:  # the new line stays: bridge it
            offset += line - values[i]
        else:
            i = back
    energy = np.array(kept)
    return Curve(np.array(kept_s), energy - energy[0] if len(energy) else energy)


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
    most_w = 1.25 * connection_w(series, known)
    quantum = quantum_wh(series.register)
    energy = repaired(series.register, most_w, quantum) if len(series.register) else _integrated(series.power)
    source = series.register if len(series.register) else series.power
    sampled = sampled_s(source)
    step_s = _step_s(energy, quantum, sampled)
    count = max(1, round(series.length_s / step_s))  # the last step takes what is left over
    edges = np.arange(count + 1) * step_s
    edges[-1] = max(series.length_s, edges[-2] + 1.0)
    middle = (edges[:-1] + edges[1:]) / 2
    return Trace(
        step_s=step_s,
        power_w=_mean_power(energy, edges),
        measured_w=_measured(series.power, edges, sampled),
        offered_w=_mean_held(series.offered, edges),
        asks=np.nan_to_num(series.asks.holds_at(middle)),
        fine=_fine(source, edges, sampled),
        quantum_wh=quantum,
        sampled_s=sampled,
        energy=energy,
        connection_w=connection_w(series, known),
    )


def _integrated(power: Curve) -> Curve:
    if len(power) < 2:
        return EMPTY
    mean_w = (power.values[1:] + power.values[:-1]) / 2
    return Curve(power.at_s, np.concatenate(([0.0], np.cumsum(mean_w * np.diff(power.at_s) / 3600))))


def _step_s(energy: Curve, quantum: float, sampled: float) -> float:
    if len(energy) < 2:
        return STEPS_S[-1]
    powers = np.diff(energy.values) / np.maximum(np.diff(energy.at_s), 1.0) * 3600
    flowing = powers[powers > 0]
    usual_w = max(float(np.median(flowing)) if len(flowing) else 0.0, 1000.0)
    least_s = max(sampled, 3600 * quantum / (SHARE_OF_USUAL * usual_w))
    return next((step for step in STEPS_S if step >= 0.95 * least_s), STEPS_S[-1])


def _mean_power(energy: Curve, edges: Numbers) -> Numbers:
    if len(energy) < 2:
        return np.full(len(edges) - 1, np.nan)
    at_edges = np.interp(edges, energy.at_s, energy.values)
    known = (edges[1:] > energy.at_s[0]) & (edges[:-1] < energy.at_s[-1])
    return np.where(known, np.diff(at_edges) / np.diff(edges) * 3600, np.nan)


def _measured(power: Curve, edges: Numbers, sampled: float) -> Numbers:
    """The mean of the readings in each step; with none in it, the newest one if it is not too old."""
    count = len(edges) - 1
    if not len(power):
        return np.full(count, np.nan)
    index = np.clip(np.searchsorted(edges, power.at_s, side="right") - 1, 0, count - 1)
    counts = np.bincount(index, minlength=count)
    sums = np.bincount(index, weights=power.values, minlength=count)
    with np.errstate(invalid="ignore"):
        means: Numbers = np.where(counts > 0, sums / counts, np.nan)
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


def _fine(source: Curve, edges: Numbers, sampled: float) -> Numbers:
    if len(source) < 2:
        return np.zeros(len(edges) - 1)
    middle = (edges[:-1] + edges[1:]) / 2
    after = np.clip(np.searchsorted(source.at_s, middle), 1, len(source) - 1)
    longest_s = max(LONGEST_GAP * sampled, SHORT_GAP_S)
    close: Numbers = (source.at_s[after] - source.at_s[after - 1] <= longest_s).astype(np.float64)
    return close
