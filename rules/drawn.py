"""What a sample says of the current that flows, by itself or, where a wallbox measures only that, by the power.

Meters in wallboxes are good to a few percent, and many report whole amperes.
"""

from __future__ import annotations

from hemsd.model import Sample

OFF_A = 0.5
OFF_W = 100.0
MOST_PHASES = 3
HIGH_V = 253.0  # EN 50160: 230 V + 10 %


def import_tolerance_a(limit_a: float) -> float:
    return max(1.0, 0.05 * limit_a)


def draws_above(sample: Sample, limit_a: float) -> bool:
    if limit_a == 0:
        return not stopped(sample)
    return flows_above(sample, limit_a + import_tolerance_a(limit_a))


def flows_above(sample: Sample, amps: float) -> bool:
    """Whether more flows on one phase; by the power alone only where all phases together could not carry it."""
    if sample.max_current_a is not None:
        return sample.max_current_a > amps
    return sample.power_w is not None and sample.power_w > amps * MOST_PHASES * HIGH_V


def stopped(sample: Sample) -> bool:
    current = sample.max_current_a
    if current is not None:
        return current < OFF_A
    return sample.power_w is not None and sample.power_w < OFF_W


def knows_draw(sample: Sample) -> bool:
    return sample.max_current_a is not None or sample.power_w is not None


def in_words(sample: Sample) -> str:
    return f"{sample.power_w or 0:.0f} W" if sample.max_current_a is None else f"{sample.max_current_a:.1f} A"
