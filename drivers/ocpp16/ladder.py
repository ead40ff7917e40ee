"""Which way of saying a limit to try next. Pure.

OCPP 1.6 offers several ways to say "9 A": under three purposes, as an absolute or a relative schedule, on any stack
level, in amperes or watts. Real boxes follow some of them, refuse others, and accept some without acting. One such
combination is a *way*; the ladder is the order in which the ways are tried. A refusal moves on at once, because the
next word may be understood: first another stack level, then the other kind, then the unit, then the purpose. A way
that was accepted and had no effect moves on in another order, kind before purpose before stack level, since the box
evidently understood the words. What worked is remembered for vendor, model and firmware.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from drivers.ocpp16.memory import Memory
from drivers.ocpp16.ways import Kind, Offer, Purpose, Way, stacks, ways


class Setback(StrEnum):
    """Why a way is left."""

    REFUSED = "refused"  # Rejected, a CALLERROR, or no answer twice
    INEFFECTIVE = "ineffective"  # Accepted, and proven to have changed nothing


@dataclass(frozen=True, slots=True)
class Ladder:
    """The climb of this session: where it stands and what has failed so far. Each way fails once a session."""

    way: Way
    refused: frozenset[Way] = frozenset()
    ineffective: frozenset[Way] = frozenset()
    exhausted: bool = False  # everything was tried; ``way`` is the first one again

    @property
    def failed(self) -> frozenset[Way]:
        return self.refused | self.ineffective


def foot(offer: Offer, memory: Memory) -> Ladder:
    """Where a session begins: at what has worked on such a box before, or at the most portable way."""
    if memory.way is not None:
        return Ladder(memory.way)
    able = [way for way in ways(offer) if way.purpose not in memory.incapable]
    return Ladder(able[0] if able else ways(offer)[0])


def climb(ladder: Ladder, why: Setback, offer: Offer, memory: Memory, *, in_transaction: bool) -> Ladder:
    """Leaves the current way for the next one that may work; exhausted, back at the first, if there is none."""
    left = ladder.way
    marked = (
        replace(ladder, refused=ladder.refused | {left})
        if why is Setback.REFUSED
        else replace(ladder, ineffective=ladder.ineffective | {left})
    )
    candidates = [
        way
        for way in ways(offer)
        if way not in marked.failed
        and way.purpose not in memory.incapable
        and (in_transaction or way.purpose is not Purpose.TX)
    ]
    if not candidates:
        return replace(marked, way=foot(offer, replace(memory, way=None)).way, exhausted=True)
    return replace(marked, way=min(candidates, key=lambda way: _distance(left, way, why, offer)))


def _distance(left: Way, way: Way, why: Setback, offer: Offer) -> tuple[int, ...]:
    """How far a way is from the one that failed, the dearest change first."""
    purpose = (list(Purpose).index(way.purpose) - list(Purpose).index(left.purpose)) % len(Purpose)
    other_unit = int(way.unit is not left.unit)
    other_kind = int(way.kind is not left.kind)
    match why:
        case Setback.REFUSED:
            unit = offer.units.index(way.unit) if purpose else other_unit
            kind = list(Kind).index(way.kind) if purpose or other_unit else other_kind
            return (purpose, unit, kind, stacks(offer).index(way.stack))
        case Setback.INEFFECTIVE:
            kind = list(Kind).index(way.kind) if purpose else other_kind  # only an absolute one falls back by itself
            return (other_unit, int(way.stack != left.stack), purpose, kind)
