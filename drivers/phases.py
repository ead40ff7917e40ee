"""Currents with a sign.

Meters often give a phase's current as a magnitude while its power has a sign. Each current gets the sign of its phase's
power; without that it stays a magnitude, so that whoever guards a fuse sees the worse case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hemsd.model import PerPhase


def signed(currents_a: Sequence[float | None], powers_w: Sequence[float | None], sign: float = 1.0) -> PerPhase:
    """The three currents, each with the sign of its phase's power times ``sign``."""
    a, b, c = (
        None if amps is None else abs(amps) if watts is None else math.copysign(amps, sign * watts or 1.0)
        for amps, watts in zip(currents_a, powers_w, strict=True)
    )
    return a, b, c
