"""What a wallbox said about one session, made comparable: one unit, in order, nothing twice.

Meter values arrive as anybody may write them: kWh beside Wh, phases beside totals, twice, late, or impossible. Here
they become curves over the seconds since the first reading. What can't be a measurement at all is left out of the
curves, but kept in ``impossible``: a meter that says 10 TWh is a finding, not a nuisance.

Names and defaults are those of OCPP 1.6 (sections 7.28 to 7.34): no measurand means the import register, no unit means
Wh, W or A.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hemsd.model import ConnectorStatus

Numbers = NDArray[np.float64]

WINDOW_S: Final = 6 * 3600.0
LONGEST_S: Final = 7 * 86400.0  # of a stay of weeks, and of clocks that were wrong by years, only the last days count
REGISTER: Final = "Energy.Active.Import.Register"
INTERVAL: Final = "Energy.Active.Import.Interval"
POWER: Final = "Power.Active.Import"
POWER_OFFERED: Final = "Power.Offered"
CURRENT: Final = "Current.Import"
CURRENT_OFFERED: Final = "Current.Offered"
SOC: Final = "SoC"
TEMPERATURE: Final = "Temperature"
_KNOWN: Final = {
    name.lower(): name
    for name in (REGISTER, INTERVAL, POWER, POWER_OFFERED, CURRENT, CURRENT_OFFERED, SOC, TEMPERATURE)
}

_SCALES: Final = {
    "wh": 1.0, "kwh": 1000.0, "mwh": 1e6, "w": 1.0, "kw": 1000.0, "mw": 1e6, "va": 1.0, "kva": 1000.0,
    "a": 1.0, "ma": 0.001, "percent": 1.0, "%": 1.0, "celsius": 1.0, "celcius": 1.0,
}  # fmt: skip
_QUANTITY: Final = {
    "wh": "energy", "kwh": "energy", "mwh": "energy", "w": "power", "kw": "power", "mw": "power", "va": "power",
    "kva": "power", "a": "current", "ma": "current", "percent": "share", "%": "share",
    "celsius": "heat", "celcius": "heat",  # OCPP 1.6 spells it both ways (section 7.44)
}  # fmt: skip
_MEASURES: Final = {
    REGISTER: "energy", INTERVAL: "energy", POWER: "power", POWER_OFFERED: "power", CURRENT: "current",
    CURRENT_OFFERED: "current", SOC: "share", TEMPERATURE: "heat",
}  # fmt: skip
# Beyond these nothing of a home is real: a register of 1 GWh is 11 kW for ten years; 1 MW is fifty wallboxes.
_MOST: Final = {"energy": 1e9, "power": 1e6, "current": 2000.0, "share": 100.0, "heat": 300.0}
_LOCATIONS: Final = ("outlet", "", "inlet", "cable", "body", "ev")  # the nearer to the car's plug, the better


@dataclass(frozen=True, slots=True)
class MeterValue:
    """One value as somebody reported it."""

    at: datetime
    value: float
    measurand: str | None = None
    unit: str | None = None
    phase: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Values over seconds since the beginning of the series, rising and without repetition."""

    at_s: Numbers
    values: Numbers

    def __len__(self) -> int:
        return len(self.at_s)

    def since(self, from_s: float, shift_s: float) -> Curve:
        kept = self.at_s >= from_s
        return Curve(self.at_s[kept] - shift_s, self.values[kept])

    def holds_at(self, at_s: Numbers) -> Numbers:
        """The newest value at each moment, for what changes in steps; NaN before the first."""
        if not len(self):
            return np.full(len(at_s), np.nan)
        index = np.searchsorted(self.at_s, at_s, side="right") - 1
        return np.where(index >= 0, self.values[np.maximum(index, 0)], np.nan)


EMPTY: Final = Curve(np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class Series:
    """One session. ``register`` is as reported, apart from impossible values: falls and jumps are still in it."""

    start_at: datetime
    length_s: float = 0.0
    register: Curve = EMPTY  # Wh
    power: Curve = EMPTY  # W
    offered: Curve = EMPTY  # W, holds until the next value
    currents: tuple[Curve, Curve, Curve] = (EMPTY, EMPTY, EMPTY)  # A
    soc: Curve = EMPTY
    asks: Curve = EMPTY  # holds; 1: the car asks for energy, -1: it pauses or is full by itself, 0: not known
    faults: Curve = EMPTY  # moments at which the wallbox reported a fault of its own
    impossible: Curve = EMPTY  # register values that no meter can show
    before_wh: float = 0.0  # what the session had delivered before a window cut it
    temperature: Curve = EMPTY  # degrees Celsius, of whatever reports one
    heat_alarms: Curve = EMPTY  # moments at which the wallbox itself said that it was too hot

    @property
    def end_at(self) -> datetime:
        return self.start_at + timedelta(seconds=self.length_s)


@dataclass(frozen=True, slots=True)
class Known:
    """What hemsd knows of a session beyond its meter values."""

    offered: Sequence[tuple[datetime, float]] = ()  # W, from the commands that took effect
    statuses: Sequence[tuple[datetime, ConnectorStatus]] = ()
    tells_pauses: bool = True  # whether this wallbox ever said SuspendedEV; if not, Charging says nothing
    connection_w: float | None = None  # the most that wallbox and cable can carry
    car_w: float | None = None  # the most that this car has drawn before
    voltage_v: float = 230.0
    too_hot: Sequence[datetime] = ()  # when the wallbox reported HighTemperature (OCPP 1.6 section 7.6)


NOTHING_KNOWN: Final = Known()


# ---------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Heap:
    """Values by measurand, then by (phase, location), then by moment: a later one takes an earlier one's place."""

    found: dict[str, dict[tuple[str, str], dict[datetime, float]]] = field(default_factory=dict)
    impossible: dict[datetime, float] = field(default_factory=dict)

    def put(self, one: MeterValue) -> None:
        measurand = _KNOWN.get((one.measurand or REGISTER).strip().lower())
        if measurand is None or not math.isfinite(one.value):
            return
        scale = _scale(measurand, one.unit)
        if scale is None:
            return
        value = one.value * scale
        if abs(value) > _MOST[_MEASURES[measurand]] or value < 0:
            if measurand == REGISTER:
                self.impossible[one.at] = value
            return
        source = ((one.phase or "").upper(), (one.location or "").lower())
        self.found.setdefault(measurand, {}).setdefault(source, {})[one.at] = value

    def total(self, measurand: str) -> dict[datetime, float]:
        """The measurand over all phases: as reported, or the sum of the phases where only they are."""
        sources = self._nearest(measurand)
        whole = next((sources[name] for name in ("", "L1-L2-L3") if name in sources), None)
        if whole is not None:
            return whole
        phases = [sources[name] for name in _phases(sources)]
        together = set.intersection(*(set(phase) for phase in phases)) if phases else set()
        return {at: sum(phase[at] for phase in phases) for at in together}

    def highest(self, measurand: str) -> dict[datetime, float]:
        """Over all places: whichever is the hottest."""
        found: dict[datetime, float] = {}
        for values in self.found.get(measurand, {}).values():
            for at, value in values.items():
                found[at] = max(value, found.get(at, value))
        return found

    def phase(self, measurand: str, number: int) -> dict[datetime, float]:
        sources = self._nearest(measurand)
        return sources.get(f"L{number}") or sources.get(f"L{number}-N") or {}

    def _nearest(self, measurand: str) -> dict[str, dict[datetime, float]]:
        """By phase, from the one place nearest to the car."""
        found = self.found.get(measurand, {})
        for place in _LOCATIONS:
            here = {phase: values for (phase, location), values in found.items() if location == place}
            if here:
                return here
        return {}


def _phases(sources: Iterable[str]) -> list[str]:
    plain = [name for name in sources if name in ("L1", "L2", "L3")]
    return plain or [name for name in sources if name in ("L1-N", "L2-N", "L3-N")]


def _scale(measurand: str, unit: str | None) -> float | None:
    """To Wh, W, A or percent; None when the unit is of another quantity."""
    if unit is None or not unit.strip():
        return 1.0
    name = unit.strip().lower()
    return _SCALES[name] if _QUANTITY.get(name) == _MEASURES[measurand] else None


def series_of(values: Iterable[MeterValue], known: Known = NOTHING_KNOWN) -> Series | None:
    """The session behind these values; None when there is nothing to see."""
    values = list(values)
    if not values:
        return None
    end_at = max(one.at for one in values)
    recent = [one for one in values if (end_at - one.at).total_seconds() <= LONGEST_S]
    start_at = min(one.at for one in recent)
    heap = _Heap()
    for one in recent:
        heap.put(one)

    register = heap.total(REGISTER) or _summed(heap.total(INTERVAL))
    currents = tuple(_curve(heap.phase(CURRENT, number), start_at) for number in (1, 2, 3))
    return Series(
        start_at=start_at,
        length_s=(end_at - start_at).total_seconds(),
        register=_curve(register, start_at),
        power=_curve(heap.total(POWER), start_at),
        offered=_offered(heap, currents, known, start_at),
        currents=(currents[0], currents[1], currents[2]),
        soc=_curve(heap.total(SOC), start_at),
        asks=_asks(known, start_at),
        faults=_steps([(at, 1.0) for at, status in known.statuses if status is ConnectorStatus.FAULTED], start_at),
        impossible=_curve(heap.impossible, start_at),
        temperature=_curve(heap.highest(TEMPERATURE), start_at),
        heat_alarms=_steps([(at, 1.0) for at in known.too_hot], start_at),
    )


def _summed(intervals: dict[datetime, float]) -> dict[datetime, float]:
    total, found = 0.0, {}
    for at, value in sorted(intervals.items()):
        total += value
        found[at] = total
    return found


def _offered(heap: _Heap, currents: Sequence[Curve], known: Known, start_at: datetime) -> Curve:
    """What hemsd commanded, or else what the wallbox says that it offers: amperes on the phases that are in use."""
    if known.offered:
        return _steps(known.offered, start_at)
    watts = heap.total(POWER_OFFERED)
    if watts:
        return _curve(watts, start_at)
    amps = _curve(heap.phase(CURRENT_OFFERED, 1) or heap.total(CURRENT_OFFERED), start_at)
    active = sum(1 for phase in currents if len(phase) and float(np.max(phase.values)) > 1.0)
    return replace(amps, values=amps.values * known.voltage_v * (active or 3))


def _curve(found: dict[datetime, float], start_at: datetime) -> Curve:
    rows = sorted(found.items())
    return Curve(np.array([(at - start_at).total_seconds() for at, _ in rows]), np.array([value for _, value in rows]))


def _asks(known: Known, start_at: datetime) -> Curve:
    words = {
        ConnectorStatus.CHARGING: 1.0 if known.tells_pauses else 0.0,
        ConnectorStatus.SUSPENDED_EV: -1.0,
        ConnectorStatus.FINISHING: -1.0,
    }
    return _steps([(at, words.get(status, 0.0)) for at, status in known.statuses], start_at)


def _steps(rows: Sequence[tuple[datetime, float]], start_at: datetime) -> Curve:
    latest = dict(sorted(rows, key=lambda row: row[0]))
    return Curve(np.array([(at - start_at).total_seconds() for at in latest]), np.array(list(latest.values())))


# ---------------------------------------------------------------------------------------------------------------------


def last_hours(series: Series, window_s: float = WINDOW_S) -> Series:
    """The part that the analysis API analyses: readings not older than ``window_s`` before the last one."""
    if series.length_s <= window_s:
        return series
    oldest_s = series.length_s - window_s
    seen = [
        curve for curve in (series.register, series.power, series.offered, series.soc, *series.currents) if len(curve)
    ]
    firsts = [float(curve.at_s[curve.at_s >= oldest_s][0]) for curve in seen if curve.at_s[-1] >= oldest_s]
    from_s = min(firsts, default=series.length_s)
    return cut(series, from_s)


def cut(series: Series, from_s: float) -> Series:
    """The same session as if it had begun at ``from_s``; what held then still holds."""

    def held(curve: Curve) -> Curve:
        last = curve.holds_at(np.array([from_s]))[0]
        rest = curve.since(from_s, from_s)
        if math.isnan(last) or (len(rest) and rest.at_s[0] == 0.0):
            return rest
        return Curve(np.concatenate(([0.0], rest.at_s)), np.concatenate(([last], rest.values)))

    before = series.register.values[series.register.at_s <= from_s]
    one, two, three = (curve.since(from_s, from_s) for curve in series.currents)
    return replace(
        series,
        start_at=series.start_at + timedelta(seconds=from_s),
        length_s=series.length_s - from_s,
        register=series.register.since(from_s, from_s),
        power=series.power.since(from_s, from_s),
        offered=held(series.offered),
        currents=(one, two, three),
        soc=series.soc.since(from_s, from_s),
        asks=held(series.asks),
        faults=series.faults.since(from_s, from_s),
        impossible=series.impossible.since(from_s, from_s),
        temperature=series.temperature.since(from_s, from_s),
        heat_alarms=series.heat_alarms.since(from_s, from_s),
        before_wh=float(np.maximum(np.diff(before), 0).sum()) if len(before) > 1 else 0.0,
    )
