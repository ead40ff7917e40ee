"""Fewer blocks at the same cost: equal quarter-hours may exchange their energies.

Each start of a charge wears a contactor and may wake a sleeping car, so among plans of equal cost the one with fewer
blocks is taken. Only equal slots (same price, sun and length) change places, so the cost stays the same to the cent.
"""

from __future__ import annotations

from collections.abc import Sequence

from rules.cheapest import TINY_WH, Slot


def joined(slots: Sequence[Slot], energies_wh: Sequence[float], *, before: bool) -> tuple[float, ...]:
    """The same energies, exchanged among equal slots so that fewer blocks result; the cost stays the same.

    A slot beside one that charges comes first, then the earliest; ``before`` says whether the car charges already
    when the first slot begins, so that a running block goes on where that costs nothing.
    """
    kinds: dict[Slot, list[int]] = {}
    for index, slot in enumerate(slots):
        kinds.setdefault(slot, []).append(index)
    on = [energy_wh > TINY_WH for energy_wh in energies_wh]
    free = {index for places in kinds.values() if _mixed(on, places) for index in places}
    on = [charges and index not in free for index, charges in enumerate(on)]
    result = list(energies_wh)
    for places in sorted((places for places in kinds.values() if places[0] in free), key=len):
        amounts_wh = sorted((energies_wh[index] for index in places if energies_wh[index] > TINY_WH), reverse=True)
        chosen = _side_by_side(on, places, len(amounts_wh), before=before)
        for index in places:
            result[index] = 0.0
        for index, amount_wh in zip(sorted(chosen), amounts_wh, strict=True):
            result[index] = amount_wh
            on[index] = True
    return tuple(result)


def _mixed(on: Sequence[bool], places: Sequence[int]) -> bool:
    return 0 < sum(on[index] for index in places) < len(places)


def _side_by_side(on: Sequence[bool], places: Sequence[int], count: int, *, before: bool) -> set[int]:
    """Which ``count`` of the places to use: whole gaps first, then what touches a block, then a run long enough."""
    used: set[int] = set()
    charging = {index for index, charges in enumerate(on) if charges} | ({-1} if before else set())
    left = list(places)
    while len(used) < count:
        missing = count - len(used)

        def rank(run: list[int], missing: int = missing) -> tuple[int, int, int]:
            touching = (run[0] - 1 in charging) + (run[-1] + 1 in charging)
            if touching == 2 and len(run) > missing:
                touching = 1
            return -touching, -min(len(run), missing), run[0]

        run = min(_runs(left), key=rank)
        from_end = run[-1] + 1 in charging and run[0] - 1 not in charging
        taken = run[-missing:] if from_end else run[:missing]
        used.update(taken)
        charging.update(taken)
        left = [index for index in left if index not in used]
    return used


def _runs(places: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for index in places:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs
