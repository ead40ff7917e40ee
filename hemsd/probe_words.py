"""What a look at a device found, in words: for ``hemsd probe``, and line by line for the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

from drivers.modbus_probe import Found, ModelValues
from hemsd.model import MeterReading, Role
from hemsd.said import Said, said


def lines(role: Role, reading: MeterReading, age_s: float) -> list[Said]:
    """What a meter says, for people."""
    found = [said("probe.power", "{power}, {age_s:.1f} s old", power=_power(role, reading), age_s=age_s)]
    if reading.soc_pct is not None:
        found.append(said("probe.level", "state of charge {soc_pct:.0f} %", soc_pct=reading.soc_pct))
    phases = [
        said("probe.phase", "L{line:d} {seen}", line=number, seen=_spaced(seen))
        for number, (amps, volts) in enumerate(zip(reading.currents_a, reading.voltages_v, strict=True), 1)
        if (seen := [*_amps(amps), *_volts(volts)])
    ]
    if phases:
        found.append(_listed(phases))
    counters = []
    if reading.energy_import_wh is not None:
        counters.append(said("probe.in", "in {energy_kwh:.1f} kWh", energy_kwh=reading.energy_import_wh / 1000))
    if reading.energy_export_wh is not None:
        counters.append(said("probe.out", "out {energy_kwh:.1f} kWh", energy_kwh=reading.energy_export_wh / 1000))
    if counters:
        found.append(said("probe.counters", "counters: {counters}", counters=_listed(counters)))
    return [*found, *(doubted(doubt) for doubt in (*reading.doubts, *_doubts(role, reading)))]


def doubted(doubt: str) -> Said:
    return said("probe.doubt", "doubt: {doubt}", doubt=doubt)


def _listed(parts: Sequence[Said]) -> Said:
    return reduce(lambda first, rest: said("list.comma", "{first}, {rest}", first=first, rest=rest), parts)


def _spaced(parts: Sequence[Said]) -> Said:
    return reduce(lambda first, rest: said("list.space", "{first} {rest}", first=first, rest=rest), parts)


def _amps(value_a: float | None) -> Iterable[Said]:
    if value_a is not None:
        yield said("probe.amps", "{value_a:.1f} A", value_a=value_a)


def _volts(value_v: float | None) -> Iterable[Said]:
    if value_v is not None:
        yield said("probe.volts", "{value_v:.1f} V", value_v=value_v)


def _power(role: Role, reading: MeterReading) -> Said:
    if reading.power_w is None:
        return said("probe.no_power", "power not known")
    gives, power_w = reading.power_w >= 0, abs(reading.power_w)
    match role:
        case Role.GRID if gives:
            return said("probe.import", "{power_w:.0f} W import", power_w=power_w)
        case Role.GRID:
            return said("probe.export", "{power_w:.0f} W export", power_w=power_w)
        case Role.PV:
            return said("probe.generation", "{power_w:.0f} W generation", power_w=power_w)
        case Role.BATTERY if gives:
            return said("probe.discharge", "{power_w:.0f} W discharge", power_w=power_w)
        case Role.BATTERY:
            return said("probe.charge", "{power_w:.0f} W charge", power_w=power_w)


def _doubts(role: Role, reading: MeterReading) -> Iterable[str]:
    """What a look at one reading can find."""
    if reading.power_w is None and role is not Role.BATTERY:
        yield said("probe.useless", "without a power nothing can be steered by it")
    amps = [a for a in reading.currents_a if a is not None]
    volts = [v for v in reading.voltages_v if v is not None]
    if role is Role.GRID and len(amps) == 3 and reading.power_w is not None:
        by_current_w = sum(abs(a) for a in amps) * (sum(volts) / len(volts) if volts else 230.0)
        if abs(reading.power_w) > 1.2 * by_current_w + 100:
            yield said(
                "probe.scale",
                "currents of {carried_w:.0f} VA can't carry {power_w:.0f} W: is the scale right?",
                carried_w=by_current_w,
                power_w=abs(reading.power_w),
            )
    if any(v < 180 or v > 270 for v in volts if v > 20):
        yield said("probe.voltage", "a voltage is no phase voltage: is the meter wired phase to phase?")


def doubts_of_all(readings: Mapping[Role, MeterReading]) -> Iterable[str]:
    """What only all meters together can show. The house can't give: grid, sun and battery together are its load."""
    powers = {role: reading.power_w for role, reading in readings.items()}
    grid_w, pv_w = powers.get(Role.GRID), powers.get(Role.PV)
    if grid_w is None or pv_w is None:
        return
    house_w = grid_w + pv_w + (powers.get(Role.BATTERY) or 0.0)
    if house_w < -100:
        yield (
            said(
                "probe.giving_house",
                "the house would use {house_w:.0f} W, less than nothing: is a sign wrong (invert), "
                "or an inverter missing under pv?",
                house_w=house_w,
            )
        )


def chain_lines(found: Found) -> list[Said]:
    """One unit, for people."""
    if found.chain is None and found.device is None:
        return _stranger_lines(found)
    if found.chain is None:
        head = said(
            "probe.unit",
            "unit {unit:d}: {name} (device: {device})",
            unit=found.unit,
            name=found.name,
            device=found.device or "",
        )
        return [head, *_reading_lines(found.readings)]
    known = f"{found.chain} (device: {found.device})" if found.device else str(found.chain)
    base = str(found.chain.base)
    head = said("probe.sunspec", "unit {unit:d}: {name}, SunSpec at {base}", unit=found.unit, name=known, base=base)
    return [head, *(_model_line(entry) for entry in found.models), *_reading_lines(found.readings)]


def _model_line(entry: ModelValues) -> Said:
    values = ", ".join(f"{name} {value:g}" for name, value in entry.values.items() if value is not None)
    return said(
        "probe.model",
        "  model {id} at {address}, {length:d} words{values}",
        id=str(entry.model.id),
        address=str(entry.model.address),
        length=entry.model.length,
        values=f"  {values}" if values else "",
    )


def _stranger_lines(found: Found) -> list[Said]:
    if not found.could_be:
        return [said("probe.stranger", "unit {unit:d}: answers, and is nothing that hemsd knows", unit=found.unit)]
    told = [
        said(
            "probe.could_be",
            "unit {unit:d}: answers and has no sign of what it is; by what it says it could be",
            unit=found.unit,
        )
    ]
    for device, readings in found.could_be.items():
        told += [said("probe.device", "  device: {device}", device=device), *_reading_lines(readings, "    ")]
    return told


def _reading_lines(readings: Mapping[Role, MeterReading], indent: str = "  ") -> list[Said]:
    return [
        said("probe.as", "{indent}as {role}: {seen}", indent=indent, role=role, seen=_listed(lines(role, reading, 0.0)))
        for role, reading in readings.items()
    ]
