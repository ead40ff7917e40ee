"""The ways in which a limit can be said, and which to try next. Pure.

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

from ocpp.v16.enums import ChargingProfileKindType, ChargingProfilePurposeType, ChargingRateUnitType


class Purpose(StrEnum):
    """OCPP 1.6 section 7.11, in the order of the ladder."""

    TX_DEFAULT = ChargingProfilePurposeType.tx_default_profile.value
    TX = ChargingProfilePurposeType.tx_profile.value  # needs an open transaction
    CHARGE_POINT_MAX = ChargingProfilePurposeType.charge_point_max_profile.value  # many boxes write it to flash


class Kind(StrEnum):
    """OCPP 1.6 section 7.9. Recurring has no use here."""

    ABSOLUTE = ChargingProfileKindType.absolute.value
    RELATIVE = ChargingProfileKindType.relative.value


class Unit(StrEnum):
    """OCPP 1.6 section 7.12."""

    AMPS = ChargingRateUnitType.amps.value
    WATTS = ChargingRateUnitType.watts.value


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """One way to say a limit."""

    purpose: Purpose = Purpose.TX_DEFAULT
    kind: Kind = Kind.ABSOLUTE
    stack: int = 0
    unit: Unit = Unit.AMPS

    def __str__(self) -> str:
        return f"{self.purpose.value} {self.kind.value} stack {self.stack} {self.unit.value}"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the box says that it can do: which ways exist at all."""

    max_stack: int | None = None  # ChargeProfileMaxStackLevel; None: it does not say
    units: tuple[Unit, ...] = (Unit.AMPS, Unit.WATTS)


class Setback(StrEnum):
    """Why a way is left."""

    REFUSED = "refused"  # Rejected, a CALLERROR, or no answer twice
    INEFFECTIVE = "ineffective"  # Accepted, and proven to have changed nothing


@dataclass(frozen=True, slots=True)
class Memory:
    """What experience taught about one vendor, model and firmware. A value: to be stored as it is."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    way: Way | None = None  # the newest that was proven to work
    incapable: frozenset[Purpose] = frozenset()  # answered NotSupported or NotImplemented
    measurands: tuple[str, ...] | None = None  # the list that the box took
    zero_proven: bool = False  # 0 A paused, and the charge could be resumed
    zero_ends_tx: bool = False  # 0 A ended the transaction
    step_a: float = 0.1  # the box keeps whole multiples of this
    cap_a: float | None = None  # the box stays at or below this, whatever is asked

    @property
    def key(self) -> str:
        return f"{self.vendor}|{self.model}|{self.firmware}"


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


def stacks(offer: Offer) -> tuple[int, ...]:
    """The advertised maximum first, so that no foreign profile outranks ours; then 0, which every box must know."""
    return (offer.max_stack, 0) if offer.max_stack else (0,)


def ways(offer: Offer) -> tuple[Way, ...]:
    """All that exist on this box, in the order of the ladder."""
    return tuple(
        Way(purpose, kind, stack, unit)
        for purpose in Purpose
        for unit in offer.units
        for kind in Kind
        for stack in stacks(offer)
    )


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
    unit = int(way.unit is not left.unit)
    other_kind = int(way.kind is not left.kind)
    match why:
        case Setback.REFUSED:
            kind = list(Kind).index(way.kind) if purpose or unit else other_kind
            return (purpose, unit, kind, stacks(offer).index(way.stack))
        case Setback.INEFFECTIVE:
            return (unit, int(way.stack != left.stack), purpose, other_kind)
