"""MeterValues to samples: SI units, phases L1 to L3, one total. Pure, and it never raises.

Two things can't be read off one value alone. A current without a phase is per phase on some boxes and the sum of the
phases on others; the power of the same sample tells which, where it is there. And a power may come as a total, by
phase, or both; the total wins and is never added to its parts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from drivers.ocpp16.boxtime import BoxTime, read_time
from drivers.ocpp16.inbound import number, read_transaction_id, text, whole
from drivers.ocpp16.wire import Json
from hemsd.model import UNKNOWN_PHASES, PerPhase, Sample

NOMINAL_V = 230.0
MAX_POWER_W = 1e6
MAX_ENERGY_WH = 1e11
MAX_CURRENT_A = 1000.0
NOISE_W = 50.0
RATIO_TOLERANCE = 0.15  # of power to voltage times current, when phases are counted: covers integer amperes from 7 A on
SUM_TOLERANCE = 0.05
LEAST_TELLING_A = 2.0  # below this, rounding makes the ratio meaningless

_MEASURANDS = {
    "current.import": "current",
    "current.offered": "offered_a",
    "power.offered": "offered_w",
    "power.active.import": "power",
    "energy.active.import.register": "energy",
    "voltage": "voltage",
    "soc": "soc",
}
_SCALES = {"": 1.0, "k": 1e3, "m": 1e-3}
_BASE_UNITS = {"current": "a", "offered_a": "a", "offered_w": "w", "power": "w", "energy": "wh", "voltage": "v"}
_PHASES = {"l1": 0, "l2": 1, "l3": 2}


@dataclass(frozen=True, slots=True)
class MeterEntry:
    """One ``meterValue`` of a MeterValues: a moment, and what was measured at it."""

    at: BoxTime | None
    context: str
    values: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One sampled value in SI units; ``phase`` 0 to 2 is L1 to L3, None is the whole."""

    quantity: str
    phase: int | None
    value: float


@dataclass(frozen=True, slots=True)
class Metering:
    """A MeterValues message."""

    connector_id: int | None
    transaction_id: int | None
    entries: tuple[MeterEntry, ...] = field(default=())


def read_metering(payload: Json) -> Metering:
    entries = (_entry(raw) for raw in _dicts(payload.get("meterValue")))
    return Metering(
        connector_id=whole(payload.get("connectorId")),
        transaction_id=read_transaction_id(payload),
        entries=tuple(entry for entry in entries if entry.values),
    )


def _entry(raw: Json) -> MeterEntry:
    context = ""
    values = []
    for sampled in _dicts(raw.get("sampledValue")):
        context = context or text(sampled.get("context"), 50)
        measured = _measured(sampled)
        if measured is not None:
            values.append(measured)
    return MeterEntry(read_time(raw.get("timestamp")), context or "Sample.Periodic", tuple(values))


def _measured(sampled: Json) -> Measured | None:
    name = text(sampled.get("measurand")).lower() or "energy.active.import.register"  # OCPP 1.6 section 7.31
    quantity = _MEASURANDS.get(name)
    value = number(sampled.get("value"))
    if quantity is None or value is None or text(sampled.get("format")) == "SignedData":
        return None
    scale = _scale(quantity, text(sampled.get("unit")).lower())
    phase, known = _phase(text(sampled.get("phase")).lower())
    if scale is None or not known:
        return None
    checked = _plausible(quantity, value * scale)
    return None if checked is None else Measured(quantity, phase, checked)


def _scale(quantity: str, unit: str) -> float | None:
    """What one of ``unit`` is in SI; None for a unit that does not belong to the quantity."""
    base = _BASE_UNITS.get(quantity)
    if base is None or not unit:
        return 1.0
    return _SCALES.get(unit.removesuffix(base)) if unit.endswith(base) else None


def _phase(tag: str) -> tuple[int | None, bool]:
    """(index, readable): ``L1`` and ``L1-N`` are the same to us; the neutral and L1-L2 are neither phase nor total."""
    if not tag:
        return None, True
    index = _PHASES.get(tag.removesuffix("-n"))
    return index, index is not None


def _plausible(quantity: str, value: float) -> float | None:
    match quantity:
        case "power" | "offered_w":
            return max(value, 0.0) if -NOISE_W < value < MAX_POWER_W else None
        case "energy":
            return value if 0 <= value < MAX_ENERGY_WH else None
        case "current" | "offered_a":
            return max(value, 0.0) if -1.0 < value < MAX_CURRENT_A else None
        case "soc":
            return value if 0 <= value <= 100 else None
        case _:
            return value if 0 <= value < 1000 else None


def _dicts(value: object) -> Iterator[Json]:
    """The objects in a list; one object alone counts as a list of one."""
    items: Iterable[object] = value if isinstance(value, list) else [value]
    return (item for item in items if isinstance(item, dict))


# ---------------------------------------------------------------------------------------------------------------------
# From what was measured to a sample


@dataclass(frozen=True, slots=True)
class Arrival:
    """When and in what circumstances an entry reached hemsd."""

    received_s: float
    received_at: datetime
    transaction_id: int | None
    backlog: bool
    wired_phases: int | None = None  # the wallbox's own, where config.yaml says it
    limit_a: float | None = None  # the limit per phase in force
    max_a: float | None = None  # what config.yaml allows on one phase
    piloted_a: float | None = None  # what the pilot offers, where a vendor tells it: worth more than Current.Offered


def sample_of(entry: MeterEntry, arrival: Arrival) -> Sample:
    by_quantity: dict[str, dict[int | None, float]] = defaultdict(dict)
    for measured in entry.values:
        by_quantity[measured.quantity].setdefault(measured.phase, measured.value)
    voltages_v = _three(by_quantity["voltage"])
    power_w = _total(by_quantity["power"])
    return Sample(
        received_s=arrival.received_s,
        received_at=arrival.received_at,
        box_time=entry.at.at if entry.at else None,
        context=entry.context,
        transaction_id=arrival.transaction_id,
        offered_a=arrival.piloted_a if arrival.piloted_a is not None else _largest(by_quantity["offered_a"]),
        offered_w=_total(by_quantity["offered_w"]),
        currents_a=_currents(by_quantity["current"], power_w, _mean_v(by_quantity["voltage"]), arrival),
        voltages_v=voltages_v,
        power_w=power_w,
        energy_wh=_total(by_quantity["energy"]),
        soc_pct=_total(by_quantity["soc"]),
        backlog=arrival.backlog,
    )


def _three(phases: dict[int | None, float]) -> PerPhase:
    return (phases.get(0), phases.get(1), phases.get(2))


def _total(phases: dict[int | None, float]) -> float | None:
    if None in phases:
        return phases[None]
    return sum(phases.values()) if phases else None


def _largest(phases: dict[int | None, float]) -> float | None:
    return phases[None] if None in phases else max(phases.values(), default=None)


def _mean_v(phases: dict[int | None, float]) -> float:
    """Boxes report 0 V while idle, or a line voltage of 400; both say nothing about phase to neutral."""
    known = [v for v in phases.values() if 180 <= v <= 270]
    return sum(known) / len(known) if known else NOMINAL_V


def _currents(phases: dict[int | None, float], power_w: float | None, volts: float, arrival: Arrival) -> PerPhase:
    l1, l2, l3 = _three(phases)
    if l1 is not None and arrival.wired_phases == 1:
        return (l1, l2 or 0.0, l3 or 0.0)
    if (l1, l2, l3) != UNKNOWN_PHASES:
        return (l1, l2, l3)
    if None not in phases:
        return UNKNOWN_PHASES
    return spread(phases[None], power_w, volts, arrival)


def spread(amps: float, power_w: float | None, volts: float, arrival: Arrival) -> PerPhase:
    """One current without a phase, set against the power: per phase or sum of the phases, and on how many.

    Where that stays open, the value stands on L1 and the others are unknown: the largest known current is judged
    against limits, so a sum that is taken for a phase errs to the safe side.
    """
    if amps < LEAST_TELLING_A:
        return (amps, amps, amps) if amps == 0 else (amps, None, None)
    if arrival.wired_phases == 1:
        return (amps, 0.0, 0.0)
    times = power_w / (volts * amps) if power_w is not None else None
    if times is None:
        return (amps, None, None)
    if abs(times - 3) <= RATIO_TOLERANCE * 3:
        return (amps, amps, amps)
    if abs(times - 2) <= RATIO_TOLERANCE * 2:
        return (amps, amps, 0.0)
    if abs(times - 1) <= RATIO_TOLERANCE and _is_sum_of_three(amps, arrival):
        return (amps / 3, amps / 3, amps / 3)
    return (amps, None, None)


def _is_sum_of_three(amps: float, arrival: Arrival) -> bool:
    """More than one phase may carry here, and three times the limit: not a box that ignores its limit on one phase."""
    if not arrival.limit_a or arrival.max_a is None:
        return False
    return amps > arrival.max_a * 1.1 and abs(amps / (3 * arrival.limit_a) - 1) <= SUM_TOLERANCE
