"""Faults that are put into simulated sessions. They are made, not recorded; every figure about them says "injected".

Each kind says where it lies (minutes from the beginning), or gives None when the session leaves no room for it. Kinds
of the plant change the physics; kinds of the meter change what was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from hemsd.scoring.series import Curve, Numbers, Series
from training.simulate import Physics

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Injected:
    """A session with a fault, and where it lies in seconds."""

    kind: str
    series: Series
    span_s: Span


def _charging(what: Physics) -> Numbers:
    return np.flatnonzero(what.power_w > 0.5 * max(float(what.power_w.max(initial=0.0)), 1000.0))


def zero_session(what: Physics, rng: Generator) -> Span | None:
    if (what.offered_w > 0).sum() < 40:
        return None
    what.power_w[:] = 0
    if what.home.tells_pauses:
        what.asks[:] = np.where(what.offered_w > 0, 1, 0)
    return 0.0, float(len(what.power_w))


def energy_pit(what: Physics, rng: Generator) -> Span | None:
    on = _charging(what)
    long = int(rng.integers(18, 75))
    places = [m for m in on if m > on[0] + 15 and m + long + 15 < on[-1] and (what.offered_w[m : m + long] > 0).all()]
    if not places:
        return None
    begin = int(rng.choice(places))
    if what.power_w[begin : begin + long].mean() < 0.5 * what.power_w[on].mean():
        return None
    what.power_w[begin : begin + long] = 0
    if rng.random() < 0.3:
        what.asks[begin : begin + long] = -1
    return float(begin), float(begin + long)


def charging_expected(what: Physics, rng: Generator) -> Span | None:
    on = _charging(what)
    if len(on) < 40:
        return None
    begin = int(on[int(len(on) * rng.uniform(0.15, 0.7))])
    offered = (what.offered_w[begin:] > 0).sum()
    if offered < 45:
        return None
    what.power_w[begin:] = 0
    honest = rng.random() < 0.75
    what.asks[begin:] = np.where(what.offered_w[begin:] > 0, 1 if honest else -1, 0)
    return float(begin), float(len(what.power_w))


def derating(what: Physics, rng: Generator) -> Span | None:
    on = _charging(what)
    if len(on) < 60:
        return None
    begin = int(on[int(len(on) * rng.uniform(0.0, 0.5))])
    long = int(rng.integers(30, 180))
    ceiling = rng.uniform(0.35, 0.72) * float(what.power_w[on].mean())
    part = what.power_w[begin : begin + long]
    if (part > ceiling).sum() < 25:
        return None
    what.power_w[begin : begin + long] = np.minimum(part, ceiling * (1 + rng.normal(0, 0.005, len(part))))
    return float(begin), float(min(begin + long, len(what.power_w)))


def flapping(what: Physics, rng: Generator) -> Span | None:
    on = _charging(what)
    if len(on) < 60:
        return None
    begin, end = int(on[int(rng.integers(0, len(on) // 3))]), int(on[-1])
    period = int(rng.integers(2, 9))
    off = (np.arange(end - begin) // period) % 2 == 1
    what.power_w[begin:end] = np.where(off, 0.0, what.power_w[begin:end])
    return float(begin), float(end)


def above_cap(what: Physics, rng: Generator) -> Span | None:
    throttled = (what.offered_w > 0) & (what.offered_w < 0.8 * what.home.car_w)
    if throttled.sum() < 20:  # the command comes now, and the wallbox does not heed it
        on = _charging(what)
        if len(on) < 40:
            return None
        begin = int(on[int(len(on) * rng.uniform(0.1, 0.6))])
        what.offered_w[begin:] = np.minimum(what.offered_w[begin:], rng.uniform(0.4, 0.75) * what.power_w[on].mean())
        return float(begin), float(on[-1])
    where = np.flatnonzero(throttled & (what.power_w > 0))
    if len(where) < 20:
        return None
    what.power_w[where] = what.home.car_w * (1 + rng.normal(0, 0.005, len(where)))
    return float(where[0]), float(where[-1])


PLANT: dict[str, Callable[[Physics, Generator], Span | None]] = {
    "ZERO_SESSION": zero_session,
    "ENERGY_PIT": energy_pit,
    "CHARGING_EXPECTED": charging_expected,
    "DERATING": derating,
    "FLAPPING": flapping,
    "ABOVE_CAP": above_cap,
}


def _moved(series: Series, values: Numbers) -> Series:
    return replace(series, register=Curve(series.register.at_s, values))


def _flowing(series: Series) -> Numbers:
    return np.flatnonzero(np.diff(series.register.values) > 0)


def kwh_decrease(series: Series, quantum: float, rng: Generator) -> tuple[Series, Span] | None:
    where = _flowing(series)
    if len(where) < 6:
        return None
    i = int(rng.choice(where[2:-1]))
    values = series.register.values.copy()
    fall = np.ceil(max(rng.uniform(50, 3000), 1.5 * (values[i + 1] - values[i])) / quantum) * quantum
    values[i:] -= fall
    if values.min() < 0:
        return None
    at = float(series.register.at_s[i])
    return _moved(series, values), (at - 60, at + 60)


def register_reset(series: Series, quantum: float, rng: Generator) -> tuple[Series, Span] | None:
    where = _flowing(series)
    if len(where) < 6 or series.register.values[0] < 10_000:
        return None
    i = int(rng.choice(where[2:-1]))
    values = series.register.values.copy()
    values[i:] -= values[i]
    at = float(series.register.at_s[i])
    return _moved(series, values), (at - 60, at + 60)


def spike(series: Series, quantum: float, rng: Generator) -> tuple[Series, Span] | None:
    count = len(series.register)
    if count < 8:
        return None
    i = int(rng.integers(2, count - 2))
    values = series.register.values.copy()
    jump = np.ceil(rng.uniform(30_000, 5e6) / quantum) * quantum
    values[i : i + 1 + int(rng.random() < 0.3)] += jump
    at = float(series.register.at_s[i])
    return _moved(series, values), (at - 60, at + 60)


def over_report(series: Series, quantum: float, rng: Generator) -> tuple[Series, Span] | None:
    """The register counts faster than the power that the wallbox itself reports; only then can anybody know."""
    if not len(series.power):
        return None
    values = series.register.values
    whole = values[-1] - values[0]
    if whole < 2000:
        return None
    factor = rng.uniform(1.35, 2.0)
    return _moved(series, np.floor((values[0] + (values - values[0]) * factor) / quantum) * quantum), (
        0.0,
        series.length_s,
    )


def stuck_meter(series: Series, quantum: float, rng: Generator) -> tuple[Series, Span] | None:
    if not len(series.power):
        return None
    where = _flowing(series)
    if len(where) < 6:
        return None
    i = int(rng.choice(where[: max(1, len(where) * 2 // 3)]))
    values = series.register.values.copy()
    until = np.searchsorted(series.register.at_s, series.register.at_s[i] + rng.uniform(1200, 7200))
    missing = values[min(until, len(values) - 1)] - values[i]
    if missing < max(500.0, 5 * quantum):
        return None
    lost = rng.random() < 0.5
    values[i:until] = values[i]
    if lost:
        values[until:] -= missing
    return _moved(series, values), (
        float(series.register.at_s[i]),
        float(series.register.at_s[min(until, len(values) - 1)]),
    )


METER: dict[str, Callable[[Series, float, Generator], tuple[Series, Span] | None]] = {
    "KWH_DECREASE": kwh_decrease,
    "REGISTER_RESET": register_reset,
    "SPIKE": spike,
    "OVER_REPORT": over_report,
    "STUCK_METER": stuck_meter,
}
KINDS = (*PLANT, *METER)
