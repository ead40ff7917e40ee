"""A session as the model sees it: 24 quarter-hours, right-aligned, ``(24, 7) float32``, oldest first.

The model is asked what a bucket must look like, given its neighbours and what is known anyway. So a bucket has two
columns that it predicts, and the rest tell the circumstances. Powers are shares of what the connection can carry, so
that a 3.7 kW socket and a 22 kW wallbox look alike. What was commanded is part of the circumstances: without it, each
pause of solar charging looks like a fault.

The window ends an hour after energy last flowed. Two thirds of the nights at home last longer than six hours, and a car
that was plugged in at seven in the evening is long full when the last six hours begin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hemsd.scoring.series import Numbers, Series
from hemsd.scoring.trace import Trace

BUCKET_S: Final = 900.0
BUCKETS: Final = 24
QUIET_TAIL_S: Final = 3600.0
FLOWS_SHARE: Final = 0.03  # of the connection: less is standby


class Column(IntEnum):
    POWER = 0  # predicted
    ROUGH = 1  # predicted: how much the power moved within the bucket beyond what was commanded
    EXPECTED = 2  # what was offered and the car is known to take; the connection where nothing is known
    INSIDE = 3  # share of the bucket that lies within the session
    ASKS = 4  # 1 the car asks, -1 it pauses by itself, 0 not known
    KNOWN = 5  # 1 when the offer is known
    BEFORE = 6  # log of the kWh delivered before the window


COLUMNS: Final = len(Column)
PREDICTED: Final = 2


@dataclass(frozen=True, slots=True)
class Buckets:
    """``x`` is (24, 7) float32; bucket ``i`` begins at ``begins_s[i]`` seconds of the session."""

    x: NDArray[np.float32]
    begins_s: Numbers

    @property
    def inside(self) -> NDArray[np.bool_]:
        return self.x[:, Column.INSIDE] > 0.5


def buckets(series: Series, trace: Trace, car_w: float | None, *, anchored: bool = True) -> Buckets:
    """The buckets of the last six hours; with ``anchored``, of the six hours around the last charge."""
    end_s = _end_s(series, trace) if anchored else series.length_s
    begins_s = end_s - BUCKET_S * np.arange(BUCKETS, 0, -1)
    edges = np.append(begins_s, end_s)
    seconds = np.maximum(np.minimum(edges[1:], series.length_s) - np.maximum(edges[:-1], 0.0), 0.0)
    inside, within = seconds / BUCKET_S, seconds > 0
    scale_w = trace.connection_w
    delivered = _energy_at(trace, edges)
    step = _steps(trace, begins_s)
    offered = ~np.isnan(trace.offered_w)
    expected_w = np.where(offered, trace.offered_w, scale_w)
    expected_w = np.minimum(expected_w, car_w if car_w is not None else scale_w)
    power = np.maximum((delivered[1:] - delivered[:-1]) / np.maximum(seconds, 1.0) * 3600 / scale_w, 0.0)
    x = np.zeros((BUCKETS, COLUMNS), dtype=np.float32)
    x[:, Column.POWER] = np.minimum(power, 2.0) * within
    x[:, Column.EXPECTED] = _mean(step, np.minimum(expected_w / scale_w, 2.0)) * inside
    x[:, Column.ROUGH] = _roughness(trace, step, expected_w / scale_w) * within
    x[:, Column.ASKS] = _mean(step, trace.asks)
    x[:, Column.KNOWN] = _mean(step, offered.astype(np.float64)) * within
    x[:, Column.INSIDE] = inside
    x[:, Column.BEFORE] = math.log1p((series.before_wh + max(0.0, float(delivered[0]))) / 1000) / 4
    return Buckets(x, begins_s)


def _end_s(series: Series, trace: Trace) -> float:
    flowing = np.flatnonzero(trace.power_w > FLOWS_SHARE * trace.connection_w)
    if not len(flowing):
        return series.length_s
    return min(series.length_s, float(flowing[-1] + 1) * trace.step_s + QUIET_TAIL_S)


def _energy_at(trace: Trace, edges: Numbers) -> Numbers:
    if len(trace.energy) < 2:
        return np.zeros(len(edges))
    return np.interp(edges, trace.energy.at_s, trace.energy.values)


OUTSIDE: Final = BUCKETS  # a place of its own, which nobody reads, for steps outside of the window


def _steps(trace: Trace, begins_s: Numbers) -> NDArray[np.int64]:
    """To which bucket each step belongs."""
    middle = (np.arange(len(trace)) + 0.5) * trace.step_s
    place: NDArray[np.int64] = np.floor((middle - begins_s[0]) / BUCKET_S).astype(np.int64)
    place[(place < 0) | (place > OUTSIDE)] = OUTSIDE
    return place


def _mean(step: NDArray[np.int64], values: Numbers) -> Numbers:
    """Of each bucket; what is not known does not count."""
    unknown = np.isnan(values)
    if unknown.any():
        step, values = step[~unknown], values[~unknown]
    count = np.bincount(step, minlength=OUTSIDE + 1)[:OUTSIDE]
    total = np.bincount(step, weights=values, minlength=OUTSIDE + 1)[:OUTSIDE]
    mean: Numbers = total / np.maximum(count, 1)
    return mean


def _roughness(trace: Trace, step: NDArray[np.int64], expected: Numbers) -> Numbers:
    """Deviation of the steps from their bucket's mean, what was commanded taken out; 0 where steps are too long."""
    if trace.step_s > BUCKET_S / 3:
        return np.zeros(BUCKETS)
    moved = trace.power_w / trace.connection_w - expected
    mean = np.append(_mean(step, moved), 0.0)
    return np.minimum(np.sqrt(_mean(step, (moved - mean[step]) ** 2)), 1.0)
