"""Phases: currents with a sign, and transformers that sit the wrong way round.

Meters often give a phase's current as a magnitude while its power has a sign. Each current gets the sign of its phase's
power; without that it stays a magnitude, so that whoever guards a fuse sees the worse case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hemsd.model import PerPhase


def corrected(
    power_w: float | None, powers_w: Sequence[float | None], inverted: Sequence[int]
) -> tuple[float | None, PerPhase]:
    """The power and its phases, where the transformers of the ``inverted`` phases (1 to 3) sit the wrong way round.

    Without all phases the total can't be put right, and is not known.
    """
    a, b, c = (None if w is None else -w if phase in inverted else w for phase, w in enumerate(powers_w, 1))
    if not inverted or power_w is None:
        return power_w, (a, b, c)
    return (None if a is None or b is None or c is None else a + b + c), (a, b, c)


def signed(currents_a: Sequence[float | None], powers_w: Sequence[float | None], sign: float = 1.0) -> PerPhase:
    """The three currents, each with the sign of its phase's power times ``sign``."""
    a, b, c = (
        None if amps is None else abs(amps) if watts is None else math.copysign(amps, sign * watts or 1.0)
        for amps, watts in zip(currents_a, powers_w, strict=True)
    )
    return a, b, c
