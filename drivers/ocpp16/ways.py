"""The ways in which a limit can be said: under which purpose, as which kind, on which stack level, in which unit."""

from __future__ import annotations

from dataclasses import dataclass
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
