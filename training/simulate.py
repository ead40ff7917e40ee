"""Charging sessions at one-minute physics, each bound to a real (plug-in, plug-out, kWh).

No recording of home sessions at minutes is public under terms that allow a copy, so the hours and energies are real and
what happens in between is made: a car out of a list of real ones, a wallbox, the way the household charges (at once, at
night, with the sun, below a fuse), readings as sparse and registers as coarse as wallboxes have them. Odd but healthy
behaviour is part of it, because it is what false alarms come from: slow handshakes, tapering, a stop at a set level,
blips when the car warms itself, cars that pause on their own, gaps in the readings.

Everything follows from the random generator that is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.random import Generator

from hemsd.scoring.series import EMPTY, Curve, Known, Numbers, Series
from training.visits import CarModel, RealVisit

VOLTAGE_V = 230.0
MIN_A = 6.0
MODES = ("now", "night", "solar", "balance")


@dataclass(frozen=True, slots=True)
class Household:
    """What stays the same from visit to visit."""

    number: int
    car_w: float
    usable_wh: float
    phases: int
    connection_w: float
    mode: str
    every_min: int  # a reading each so many minutes
    quantum_wh: float
    measures_power: bool
    tells_pauses: bool  # the wallbox says SuspendedEV
    taper: bool  # the car fills up to the end; otherwise a set level stops it
    drawn_share: float  # of what is offered; some cars stay below
    evening_h: float


@dataclass(slots=True)
class Physics:
    """A visit minute by minute, before anybody measures it."""

    at: datetime
    power_w: Numbers
    offered_w: Numbers
    asks: Numbers
    home: Household


def household(number: int, rng: Generator, cars: list[CarModel]) -> Household:
    car = cars[int(rng.integers(len(cars)))]
    three = car.phases >= 3 and rng.random() < 0.5
    amps = float(rng.choice([16.0, 32.0])) if not three else float(rng.choice([16.0, 16.0, 32.0]))
    phases = min(car.phases, 3) if three else 1
    connection_w = amps * VOLTAGE_V * phases
    per_phase_w = car.ac_w / max(1, min(car.phases, 3))
    return Household(
        number=number,
        car_w=min(per_phase_w * phases, connection_w),
        usable_wh=car.usable_wh,
        phases=phases,
        connection_w=connection_w,
        mode=str(rng.choice(MODES, p=[0.4, 0.2, 0.25, 0.15])),
        every_min=int(rng.choice([1, 5, 15], p=[0.5, 0.25, 0.25])),
        quantum_wh=float(rng.choice([1.0, 10.0, 100.0], p=[0.6, 0.25, 0.15])),
        measures_power=bool(rng.random() < 0.6),
        tells_pauses=bool(rng.random() < 0.8),
        taper=bool(rng.random() < 0.85),
        drawn_share=float(rng.choice([1.0, rng.uniform(0.9, 0.99)])),
        evening_h=float(rng.uniform(21.5, 25.0)),
    )


def physics(home: Household, visit: RealVisit, rng: Generator) -> Physics:
    minutes = max(visit.minutes, 30)
    offered_w = _offered(home, visit, minutes, rng)
    ceiling_w = np.where(offered_w > 0, np.minimum(offered_w * home.drawn_share, home.car_w), 0.0)
    _handshake(ceiling_w, rng)
    wobble = np.cumsum(rng.normal(0, 0.002, minutes))
    wobble -= wobble.mean()
    power_w = ceiling_w * (1 + np.clip(wobble, -0.03, 0.03)) * (1 + rng.normal(0, 0.004, minutes))
    power_w = np.minimum(power_w, np.maximum(offered_w * 1.03, 0))
    wanted_wh = min(visit.kwh * 1000, home.usable_wh)
    power_w = _until_full(power_w, wanted_wh, home.taper, rng)
    asks = np.ones(minutes)
    full = int(np.flatnonzero(power_w > 0)[-1]) + 1 if np.any(power_w > 0) else minutes
    if (offered_w[full:] > 0).any():
        asks[full:] = -1
        _blips(power_w, offered_w, asks, full, home, rng)
    if rng.random() < 0.02 and full > 90:  # the car pauses by itself: its battery is too cold, or it is updated
        begin = int(rng.integers(20, full - 40))
        long = int(rng.integers(5, 30))
        power_w[begin : begin + long] = 0
        asks[begin : begin + long] = -1
    asks[offered_w <= 0] = 0
    return Physics(visit.plugged_in_at, power_w, offered_w, asks, home)


def _offered(home: Household, visit: RealVisit, minutes: int, rng: Generator) -> Numbers:
    full_w = home.connection_w
    offered = np.full(minutes, full_w)
    begin_h = visit.plugged_in_at.hour + visit.plugged_in_at.minute / 60
    hours = begin_h + np.arange(minutes) / 60
    if home.mode == "night" and rng.random() < 0.85:
        wait_h = (home.evening_h - begin_h) % 24
        if wait_h < 9 and minutes / 60 - wait_h > visit.kwh * 1000 / max(home.car_w, 1):
            offered[: int(wait_h * 60)] = 0
    elif home.mode == "solar":
        offered = _sunny(home, hours, minutes, visit, rng)
    elif home.mode == "balance":
        for _ in range(int(rng.poisson(minutes / 240))):
            begin, long = int(rng.integers(minutes)), int(rng.integers(8, 60))
            floor_w = float(rng.choice([0.0, MIN_A, 8.0, 10.0])) * VOLTAGE_V * home.phases
            offered[begin : begin + long] = np.minimum(offered[begin : begin + long], floor_w)
    return offered


def _sunny(home: Household, hours: Numbers, minutes: int, visit: RealVisit, rng: Generator) -> Numbers:
    """A limit that follows the sun in whole amperes, with pauses; what is still missing comes at full power."""
    peak_w = rng.uniform(3000, 9000)
    sun = peak_w * np.clip(np.sin((hours % 24 - 6) / 12 * np.pi), 0, None)
    cloud = np.repeat(rng.uniform(0.15, 1.0, minutes // 10 + 1), 10)[:minutes] if rng.random() < 0.6 else 1.0
    surplus = sun * cloud - 400
    unit_w = VOLTAGE_V * home.phases
    amps = np.floor(surplus / unit_w)
    limit = np.where(amps >= MIN_A, np.minimum(amps * unit_w, home.connection_w), 0.0)
    held = np.repeat(limit[::3], 3)[:minutes]
    if float(np.minimum(held, home.car_w).sum()) / 60 < 0.7 * visit.kwh * 1000:  # the household wants its energy
        need_min = int(visit.kwh * 1000 / max(home.car_w, 1) * 60 * 1.1) + 10
        held[-min(minutes, need_min) :] = home.connection_w
    return held


def _handshake(ceiling_w: Numbers, rng: Generator) -> None:
    """A car needs a moment after each start."""
    starts = np.flatnonzero(np.diff(np.concatenate(([0.0], (ceiling_w > 0).astype(float)))) > 0)
    slow = 1 + int(rng.random() < 0.15) * int(rng.integers(1, 4))
    for start in starts:
        ceiling_w[start : start + slow] = 0
        ceiling_w[start + slow : start + slow + 1] *= 0.6


def _until_full(power_w: Numbers, wanted_wh: float, taper: bool, rng: Generator) -> Numbers:
    energy = np.cumsum(power_w) / 60
    if taper and energy[-1] > 0.95 * wanted_wh:
        tail = float(rng.uniform(0.01, 0.06)) * wanted_wh
        left = np.clip((wanted_wh - energy) / tail, 0.0, 1.0)
        power_w = power_w * np.where(left < 1, np.maximum(left, 0.25), 1.0)
        energy = np.cumsum(power_w) / 60
    return np.where(energy <= wanted_wh, power_w, 0.0)


def _blips(power_w: Numbers, offered_w: Numbers, asks: Numbers, full: int, home: Household, rng: Generator) -> None:
    if rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 4))):
            begin = int(rng.integers(full, len(power_w)))
            end = begin + int(rng.integers(2, 20))
            power_w[begin:end] = np.minimum(offered_w[begin:end], rng.uniform(300, 2500))
            asks[begin:end] = 1


# ---------------------------------------------------------------------------------------------------------------------


def measured(what: Physics, rng: Generator) -> Series:
    """What the wallbox tells of it."""
    home, minutes = what.home, len(what.power_w)
    at_min = np.arange(0, minutes + 1, home.every_min, dtype=np.float64)
    if at_min[-1] < minutes:
        at_min = np.append(at_min, minutes)
    if rng.random() < 0.08 and minutes > 120:  # the network was away
        begin = rng.uniform(0, minutes - 60)
        long = rng.uniform(5, 90)
        at_min = at_min[(at_min <= begin) | (at_min >= begin + long)]
    energy = np.concatenate(([0.0], np.cumsum(what.power_w) / 60))
    offset = rng.uniform(0, 5e6) if rng.random() < 0.8 else 0.0
    register = (
        np.floor((offset + np.interp(at_min, np.arange(minutes + 1), energy)) / home.quantum_wh) * home.quantum_wh
    )
    at_s = at_min * 60
    now = np.minimum(at_min.astype(int), minutes - 1)
    power = EMPTY
    if home.measures_power:
        power = Curve(at_s, np.maximum(what.power_w[now] * (1 + rng.normal(0, 0.01, len(now))), 0.0))
    asks = what.asks if home.tells_pauses else np.minimum(what.asks, 0) * 0
    return Series(
        start_at=what.at,
        length_s=float(at_s[-1]),
        register=Curve(at_s, register),
        power=power,
        offered=_changes(what.offered_w),
        asks=_changes(asks),
    )


def _changes(minutely: Numbers) -> Curve:
    moved = np.flatnonzero(np.diff(minutely, prepend=np.nan) != 0)
    return Curve(moved * 60.0, minutely[moved])


def known_of(home: Household, *, enrolled: bool = True) -> Known:
    """What hemsd knows of a household after a dozen visits."""
    return Known(
        connection_w=home.connection_w,
        car_w=home.car_w * home.drawn_share if enrolled else None,
        tells_pauses=home.tells_pauses,
    )


def without_offer(series: Series) -> Series:
    """The same session for somebody who does not know what was commanded, nor what the wallbox said of the car."""
    return replace(series, offered=EMPTY, asks=EMPTY)


def later(at: datetime, minutes: float) -> datetime:
    return at + timedelta(minutes=minutes)
