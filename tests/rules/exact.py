"""The same question put to an exact solver, in other words: a mixed-integer linear program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from rules.cheapest import Slot

INFINITE = float("inf")


@dataclass
class Program:
    """Columns and rows as they come."""

    costs: list[float] = field(default_factory=list)
    bounds: list[tuple[float, float, int]] = field(default_factory=list)
    rows: list[tuple[dict[int, float], float, float]] = field(default_factory=list)

    def column(self, cost: float, low: float, high: float, *, whole: bool = False) -> int:
        self.costs.append(cost)
        self.bounds.append((low, high, int(whole)))
        return len(self.costs) - 1

    def row(self, terms: dict[int, float], low: float, high: float) -> None:
        self.rows.append((terms, low, high))

    def minimum(self) -> float | None:
        matrix = np.zeros((len(self.rows), len(self.costs)))
        for number, (terms, _, _) in enumerate(self.rows):
            for column, factor in terms.items():
                matrix[number, column] = factor
        lows, highs, whole = zip(*self.bounds, strict=True)
        result = milp(
            self.costs,
            constraints=LinearConstraint(matrix, [row[1] for row in self.rows], [row[2] for row in self.rows]),
            integrality=whole,
            bounds=Bounds(lows, highs),
            options={"mip_rel_gap": 1e-9},
        )
        return float(result.fun) if result.success else None


def least_cost_eur(slots: Sequence[Slot], least_wh: float, most_wh: float) -> float | None:
    """The optimum, or None where the steps of the power allow no sum within the bounds."""
    program = Program()
    sums: dict[int, float] = {}
    for slot in slots:
        ons = []
        committed_w = slot.committed_wh / slot.hours
        ranges = [(committed_w, slot.ranges_w[-1][1])] if slot.committed_wh else slot.ranges_w
        for low_w, high_w in ranges:
            on = program.column(0.0, 1.0 if slot.committed_wh else 0.0, 1.0, whole=True)
            sun = program.column(slot.export_eur_per_kwh / 1000, 0.0, slot.sun_w * slot.hours)
            grid = program.column(slot.import_eur_per_kwh / 1000, 0.0, INFINITE)
            bought = program.column(0.0, 0.0, 1.0, whole=True)  # only where all of the sun is used already
            program.row({sun: 1, grid: 1, on: -low_w * slot.hours}, 0.0, INFINITE)
            program.row({sun: 1, grid: 1, on: -high_w * slot.hours}, -INFINITE, 0.0)
            program.row({grid: 1, bought: -high_w * slot.hours}, -INFINITE, 0.0)
            program.row({sun: 1, bought: -slot.sun_w * slot.hours}, 0.0, INFINITE)
            ons.append(on)
            sums |= {sun: 1.0, grid: 1.0}
        program.row(dict.fromkeys(ons, 1.0), 0.0, 1.0)
    program.row(sums, least_wh, most_wh)
    return program.minimum()
