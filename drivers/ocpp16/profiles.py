"""Charging profiles as hemsd writes them. Pure.

One profile holds two periods: the limit, and after a silence the failsafe. So the box itself falls back when hemsd, the
machine or the network dies, and hemsd renews the profile before that. There is no ``duration`` and no ``validTo``,
because a schedule that ends leaves the box without any limit (OCPP 1.6 section 3.13.6), and never ``minChargingRate``,
to which some boxes raise the limit.

The schedule starts a minute ago: a box whose clock lags by a second would otherwise have a profile that is not valid
yet, and charge without limit until it is.

Two periods need a clock that agrees with ours and a schedule that counts from a known moment. A relative schedule
counts from the start of the transaction, so it gets one period. So does a box whose clock is wrong; its schedule
starts years ago.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ocpp.v16.call import SetChargingProfile
from ocpp.v16.datatypes import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod
from ocpp.v16.enums import ChargingProfileKindType, ChargingProfilePurposeType, ChargingRateUnitType

from drivers.ocpp16.ways import Kind, Purpose, Unit, Way
from hemsd.model import MIN_PILOT_A

NOMINAL_V = 230.0  # OCPP leaves the voltage to the box; in Europe it is this
LEAD_S = 60
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ROUNDING = 1e-6

# One id for each purpose and connector, for ever: a box replaces a profile of the same id, purpose and stack level in
# place, and a full store can be cleared of ours alone.
PROFILE_IDS = {Purpose.TX_DEFAULT: 6101, Purpose.TX: 6102, Purpose.CHARGE_POINT_MAX: 6103}
NEXT_CONNECTOR = 10


def profile_id(purpose: Purpose, connector: int) -> int:
    """Of the whole box, an id names one profile only, whichever connector it is for."""
    return PROFILE_IDS[purpose] + NEXT_CONNECTOR * (connector - 1)


@dataclass(frozen=True, slots=True)
class Setpoint:
    """What the box shall offer, and what it shall fall back to after silence. Amperes per phase."""

    limit_a: float
    phases: int | None  # None: as it is
    failsafe_a: float


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All else that the wording of a profile depends on."""

    now_at: datetime
    connector: int
    transaction_id: int | None
    failsafe_after_s: float | None  # None: this box can't be given two periods
    clock_trusted: bool = True
    step_a: float = 0.1
    wired_phases: int = 3  # what a box in watts divides by when nothing else is asked


def carries_failsafe(way: Way, circumstances: Circumstances) -> bool:
    """Whether the box falls back by itself with a profile that is said in this way."""
    if way.purpose is Purpose.CHARGE_POINT_MAX:  # renewals would wear the flash that it is kept in
        return False
    return way.kind is Kind.ABSOLUTE and circumstances.clock_trusted and circumstances.failsafe_after_s is not None


def quantised_a(limit_a: float, step_a: float = 0.1) -> float:
    """Down to the box's step, in tenths at most (the schema's ``multipleOf``); nothing between 0 and 6 A."""
    floored = math.floor(limit_a / step_a + ROUNDING) * step_a
    tenths = math.floor(floored * 10 + ROUNDING) / 10
    return tenths if tenths >= MIN_PILOT_A else 0.0


def watts(limit_a: float, phases: int) -> float:
    """All phases together at nominal voltage; whole, and rounded up so that 6 A stay 6 A once the box has divided."""
    return float(math.ceil(limit_a * NOMINAL_V * phases - ROUNDING))


def set_charging_profile(way: Way, setpoint: Setpoint, circumstances: Circumstances) -> SetChargingProfile:
    # Charge point-wide limits belong to connector 0 (OCPP 1.6 section 5.16.4 and 7.11).
    connector = 0 if way.purpose is Purpose.CHARGE_POINT_MAX else circumstances.connector
    return SetChargingProfile(
        connector_id=connector,
        cs_charging_profiles=ChargingProfile(
            charging_profile_id=profile_id(way.purpose, circumstances.connector),
            transaction_id=circumstances.transaction_id if way.purpose is Purpose.TX else None,
            stack_level=way.stack,
            charging_profile_purpose=ChargingProfilePurposeType(way.purpose.value),
            charging_profile_kind=ChargingProfileKindType(way.kind.value),
            charging_schedule=_schedule(way, setpoint, circumstances),
        ),
    )


def _schedule(way: Way, setpoint: Setpoint, circumstances: Circumstances) -> ChargingSchedule:
    periods = [_period(0, setpoint.limit_a, way, setpoint, circumstances)]
    if carries_failsafe(way, circumstances) and circumstances.failsafe_after_s is not None:
        falls_back_s = LEAD_S + round(circumstances.failsafe_after_s)
        periods.append(_period(falls_back_s, setpoint.failsafe_a, way, setpoint, circumstances))
    return ChargingSchedule(
        charging_rate_unit=ChargingRateUnitType(way.unit.value),
        charging_schedule_period=periods,
        start_schedule=_start(way, circumstances),
    )


def _start(way: Way, circumstances: Circumstances) -> str | None:
    if way.kind is Kind.RELATIVE:
        return None
    start_at = circumstances.now_at - timedelta(seconds=LEAD_S) if circumstances.clock_trusted else LONG_AGO
    return start_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _period(
    start_s: int, limit_a: float, way: Way, setpoint: Setpoint, circumstances: Circumstances
) -> ChargingSchedulePeriod:
    amps = quantised_a(limit_a, circumstances.step_a)
    if way.unit is Unit.AMPS:
        return ChargingSchedulePeriod(start_s, amps, setpoint.phases)
    phases = setpoint.phases or circumstances.wired_phases  # watts without it mean three phases (section 7.12)
    return ChargingSchedulePeriod(start_s, watts(amps, phases), phases)


def renewal_due(installed_s: float, now_s: float, failsafe_after_s: float) -> bool:
    """At half time, so that one lost renewal does no harm."""
    return now_s - installed_s >= failsafe_after_s / 2
