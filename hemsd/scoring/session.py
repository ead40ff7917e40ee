"""A session as rules look at it: on equal steps; for each what flowed, what was to be had, and what the car said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hemsd.scoring.series import Known, Numbers, Series
from hemsd.scoring.trace import Trace, trace_of

Bools = NDArray[np.bool_]

FLOWS_W: Final = 300.0
OFFERED_W: Final = 1275.0  # 6 A at 230 V, less what a step loses when the limit comes within it
FOLLOWED_S: Final = 120.0  # IEC 61851-1 gives a car 5 s to follow a new limit; the rest is left to it and to the meter


@dataclass(frozen=True, slots=True)
class Session:
    """What a rule looks at. Made by ``session_of``."""

    series: Series
    trace: Trace
    known: Known
    power_w: Numbers  # what flowed, 0 where nobody knows
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
    power_w = trace.flow_w.copy()
    power_w[np.isnan(power_w)] = 0.0
    return Session(
        series=series,
        trace=trace,
        known=known,
        power_w=power_w,
        flows=power_w > flowing_w,
        offered=unknown | (trace.offered_w > OFFERED_W),
        offer_known=not unknown.all(),
    )


def runs(mask: Bools) -> list[tuple[int, int]]:
    """Where a mask holds: (first, one past the last)."""
    padded = np.zeros(len(mask) + 2, np.bool_)
    padded[1:-1] = mask
    edges = np.flatnonzero(padded[1:] != padded[:-1]).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def lately(values: Numbers, step_s: float, pick: Callable[[Numbers, Numbers], Numbers]) -> Numbers:
    """The ``pick`` (np.fmax, np.fmin) of each step and those of the last two minutes; NaN does not count."""
    found = values.copy()
    for shift in range(1, int(np.ceil(FOLLOWED_S / step_s)) + 1):
        found[shift:] = pick(found[shift:], values[:-shift])
    if step_s >= 300:  # a new limit may come within a long step
        found[:-1] = pick(found[:-1], values[1:])
    return found
