"""The readings of a visit in the words of the analysis API: OCPP's measurands, units and phases. Pure.

A *moment* is what a wallbox said at one time, with as many values as it said. The register at the beginning and at the
end of a transaction stands in StartTransaction and StopTransaction, not in a MeterValues; both are moments as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hemsd.cloud.fields import digest, timestamp, to_bytes
from hemsd.cloud.settings import Measurand
from hemsd.model import Reading
from hemsd.store.codec import ms
from hemsd.store.rows import Transaction

MINUTE = timedelta(minutes=1)
Take = Callable[[Reading], float | None]
# Where a reading has a measurand: its unit, its phase as the API names it, and the value.
PLACES: Mapping[Measurand, Sequence[tuple[str, str | None, Take]]] = {
    Measurand.ENERGY: [("Wh", None, lambda reading: reading.energy_wh)],
    Measurand.POWER: [("W", None, lambda reading: reading.power_w)],
    Measurand.CURRENT: [
        ("A", "L1", lambda reading: reading.currents_a[0]),
        ("A", "L2", lambda reading: reading.currents_a[1]),
        ("A", "L3", lambda reading: reading.currents_a[2]),
    ],
    Measurand.VOLTAGE: [
        ("V", "L1-N", lambda reading: reading.voltages_v[0]),
        ("V", "L2-N", lambda reading: reading.voltages_v[1]),
        ("V", "L3-N", lambda reading: reading.voltages_v[2]),
    ],
    Measurand.CURRENT_OFFERED: [("A", None, lambda reading: reading.offered_a)],
    Measurand.POWER_OFFERED: [("W", None, lambda reading: reading.offered_w)],
    Measurand.SOC: [("Percent", None, lambda reading: reading.soc_pct)],
}
REGISTER = Measurand.ENERGY.value

MeterValue = dict[str, str | float]


@dataclass(frozen=True, slots=True)
class Moment:
    at_ms: int
    values: tuple[MeterValue, ...]


def moments(
    readings: Iterable[Reading],
    transactions: Sequence[Transaction],
    measurands: Sequence[Measurand],
    now: datetime,
    *,
    over: bool,
) -> tuple[Moment, ...]:
    """Oldest first, and only what can't change any more: the newest sample of a minute replaces those before it."""
    ended = over or all(transaction.ended_at is not None for transaction in transactions)
    wanted = [(measurand.value, *place) for measurand in measurands for place in PLACES[measurand]]
    found = [
        Moment(ms(reading.at), _values(reading, wanted))
        for reading in readings
        if ended or _minute(reading.at) + MINUTE <= now
    ]
    if Measurand.ENERGY in measurands:
        found += _registers(transactions)
    return _merged(sorted((moment for moment in found if moment.values), key=lambda moment: moment.at_ms))


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _values(reading: Reading, wanted: Iterable[tuple[str, str, str | None, Take]]) -> tuple[MeterValue, ...]:
    at = timestamp(reading.at)
    return tuple(
        _value(at, measurand, unit, value, phase)
        for measurand, unit, phase, take in wanted
        if (value := take(reading)) is not None
    )


def _value(at: str, measurand: str, unit: str, value: float, phase: str | None = None) -> MeterValue:
    found: MeterValue = {"timestamp": at, "measurand": measurand, "unit": unit, "value": value}
    if phase is not None:
        found["phase"] = phase
    return found


def _registers(transactions: Iterable[Transaction]) -> Iterator[Moment]:
    for each in transactions:
        for at, register_wh in ((each.started_at, each.meter_start_wh), (each.ended_at, each.meter_stop_wh)):
            if at is not None and register_wh is not None:
                yield Moment(ms(at), (_value(timestamp(at), REGISTER, "Wh", register_wh),))


def _merged(ordered: Iterable[Moment]) -> tuple[Moment, ...]:
    """One moment a millisecond, and in it one value of a kind: receivers tell values apart by their time."""
    found: list[Moment] = []
    for moment in ordered:
        if found and found[-1].at_ms == moment.at_ms:
            one = {(value["measurand"], value.get("phase")): value for value in (*found[-1].values, *moment.values)}
            found[-1] = Moment(moment.at_ms, tuple(one.values()))
        else:
            found.append(moment)
    return tuple(found)


def first(ordered: Sequence[Moment], most_values: int) -> tuple[Moment, ...]:
    """So many moments from the beginning as have no more values than this; at least one."""
    taken: list[Moment] = []
    count = 0
    for moment in ordered:
        count += len(moment.values)
        if taken and count > most_values:
            break
        taken.append(moment)
    return tuple(taken)


def values_of(ordered: Iterable[Moment]) -> list[MeterValue]:
    return [value for moment in ordered for value in moment.values]


def digest_of(ordered: Sequence[Moment]) -> str:
    return digest(to_bytes(values_of(ordered))) if ordered else ""
