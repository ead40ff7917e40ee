"""What no house can measure is withheld.

A meter that was read in the wrong place, with the wrong scale or in the middle of its restart gives a number all the
same, and 36 megawatts of surplus would start every car in the street. Such a value becomes None, with a doubt that says
why; nothing is ever corrected.
"""

from __future__ import annotations

from dataclasses import replace

from hemsd.model import MeterReading, PerPhase
from hemsd.said import said

MOST_W = 312_000.0  # 400 A, the largest main fuse that config.yaml takes, on three phases of 260 V
MOST_A = 1_000.0
MOST_V = 600.0  # phase to neutral, with room for meters that are wired phase to phase
MOST_WH = 1e12

POWER = said("quantity.power", "power")
CURRENT = said("quantity.current", "current")
VOLTAGE = said("quantity.voltage", "voltage")
ENERGY = said("quantity.energy", "energy")
LEVEL = said("quantity.level", "state of charge")


def plausible(reading: MeterReading) -> MeterReading:
    """The reading without the values that can't be."""
    doubts = list(reading.doubts)

    def within(name: str, value: float | None, low: float, high: float, unit: str) -> float | None:
        if value is None or low <= value <= high:
            return value
        shown = f"{value:.0f}" if 1e3 < abs(value) < 1e12 else f"{value:.4g}"
        doubts.append(said("doubt.impossible", "{name} of {shown} {unit} can't be", name=name, shown=shown, unit=unit))
        return None

    def phases(name: str, values: PerPhase, low: float, high: float, unit: str) -> PerPhase:
        named = (said("quantity.of_phase", "{name} L{line:d}", name=name, line=n) for n in (1, 2, 3))
        a, b, c = (within(each, value, low, high, unit) for each, value in zip(named, values, strict=True))
        return a, b, c

    return replace(
        reading,
        power_w=within(POWER, reading.power_w, -MOST_W, MOST_W, "W"),
        currents_a=phases(CURRENT, reading.currents_a, -MOST_A, MOST_A, "A"),
        voltages_v=phases(VOLTAGE, reading.voltages_v, 0.0, MOST_V, "V"),
        energy_import_wh=within(ENERGY, reading.energy_import_wh, 0.0, MOST_WH, "Wh"),
        energy_export_wh=within(ENERGY, reading.energy_export_wh, 0.0, MOST_WH, "Wh"),
        soc_pct=within(LEVEL, reading.soc_pct, 0.0, 100.0, "%"),
        doubts=tuple(doubts),
    )
