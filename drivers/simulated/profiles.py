"""The charging profiles that a wallbox holds, and what they allow at a moment (OCPP 1.6 sections 3.13, 5.16, 7.8).

The rules in short. A profile replaces one of the same id, or of the same purpose and stack level. Within a purpose the
highest stack level that is valid at the moment counts. A TxProfile outranks TxDefaultProfile and needs a transaction;
the result is capped by ChargePointMaxProfile. What no profile limits is unlimited, so a schedule that has ended, or
that begins in the future, or a Relative one without a transaction, leaves the field to the next lower stack level.
Profiles outlive a reboot (errata 3.37), except a TxProfile, which ends with its transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

CP_MAX = "ChargePointMaxProfile"
TX_DEFAULT = "TxDefaultProfile"
TX = "TxProfile"
NOMINAL_V = 230.0

_RECURS = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Period:
    start_s: float
    limit: float
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    id: int
    stack_level: int
    purpose: str
    kind: str
    unit: str  # "A" or "W"
    periods: tuple[Period, ...]
    starts_at: datetime | None = None
    duration_s: float | None = None
    recurrency: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: int | None = None

    def period_at(self, now: datetime, transaction_at: datetime | None) -> Period | None:
        """The period that rules at ``now``, or None when the profile says nothing then."""
        if (self.valid_from and now < self.valid_from) or (self.valid_to and now >= self.valid_to):
            return None
        begins = self.begins(now, transaction_at)
        if begins is None or now < begins:
            return None
        passed_s = (now - begins).total_seconds()
        if self.duration_s is not None and passed_s >= self.duration_s:
            return None
        return next((period for period in reversed(self.periods) if period.start_s <= passed_s), None)

    def begins(self, now: datetime, transaction_at: datetime | None) -> datetime | None:
        """Absolute without startSchedule and Relative count from the begin of the charge (3.13.2)."""
        if self.kind == "Relative" or self.starts_at is None:
            return transaction_at
        if self.kind == "Recurring" and self.recurrency in _RECURS and now > self.starts_at:
            return now - (now - self.starts_at) % _RECURS[self.recurrency]
        return self.starts_at


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a wallbox may offer; None: no limit, or no word about phases."""

    limit_a: float | None = None
    phases: int | None = None


@dataclass(slots=True)
class ProfileStore:
    """``watts_by_three`` is the quirk of wallboxes that take every limit in watts for three phases."""

    watts_by_three: bool = False
    _profiles: list[Profile] = field(default_factory=list)

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles)

    def __len__(self) -> int:
        return len(self._profiles)

    def put(self, new: Profile) -> None:
        self._profiles = [
            old
            for old in self._profiles
            if old.id != new.id and (old.purpose, old.stack_level) != (new.purpose, new.stack_level)
        ]
        self._profiles.append(new)

    def clear(self, id: int | None = None, purpose: str | None = None, stack_level: int | None = None) -> int:
        """Removes what matches every given criterion; returns how many there were."""

        def matches(profile: Profile) -> bool:
            if id is not None:
                return profile.id == id
            return purpose in (None, profile.purpose) and stack_level in (None, profile.stack_level)

        before = len(self._profiles)
        self._profiles = [profile for profile in self._profiles if not matches(profile)]
        return before - len(self._profiles)

    def allowed(self, now: datetime, transaction_at: datetime | None) -> Allowed:
        """What all profiles together allow."""
        ruling = self._ruling(TX, now, transaction_at) if transaction_at else None
        ruling = ruling or self._ruling(TX_DEFAULT, now, transaction_at)
        cap = self._ruling(CP_MAX, now, transaction_at)
        limits = [self._amperes(*rule) for rule in (ruling, cap) if rule]
        phases = [rule[1].phases for rule in (ruling, cap) if rule and rule[1].phases]
        return Allowed(min(limits, default=None), min(phases, default=None))

    def changes(
        self, now: datetime, until: datetime, transaction_at: datetime | None
    ) -> list[tuple[datetime, Allowed]]:
        """Every change of what is allowed between two moments, beginning with ``now``."""
        moments = {now}
        for profile in self._profiles:
            begins = profile.begins(now, transaction_at)
            if begins is None:
                continue
            edges_s = [period.start_s for period in profile.periods]
            edges_s += [profile.duration_s] if profile.duration_s is not None else []
            moments |= {begins + timedelta(seconds=edge_s) for edge_s in edges_s}
        series: list[tuple[datetime, Allowed]] = []
        for moment in sorted(moment for moment in moments if now <= moment < until):
            allowed = self.allowed(moment, transaction_at)
            if not series or series[-1][1] != allowed:
                series.append((moment, allowed))
        return series

    def _ruling(self, purpose: str, now: datetime, transaction_at: datetime | None) -> tuple[Profile, Period] | None:
        by_level = sorted((p for p in self._profiles if p.purpose == purpose), key=lambda p: -p.stack_level)
        for profile in by_level:
            if period := profile.period_at(now, transaction_at):
                return profile, period
        return None

    def _amperes(self, profile: Profile, period: Period) -> float:
        if profile.unit == "A":
            return period.limit
        # 7.12: where the number of phases matters, three are assumed unless the profile names another number.
        phases = 3 if self.watts_by_three else period.phases or 3
        return period.limit / (NOMINAL_V * phases)


def read(raw: Mapping[str, Any], transaction_id: int | None = None) -> Profile:
    """A csChargingProfiles object in the ocpp library's snake_case. KeyError or ValueError when it is malformed."""
    schedule = raw["charging_schedule"]
    return Profile(
        id=int(raw["charging_profile_id"]),
        stack_level=int(raw["stack_level"]),
        purpose=str(raw["charging_profile_purpose"]),
        kind=str(raw["charging_profile_kind"]),
        unit=str(schedule["charging_rate_unit"]),
        periods=tuple(
            Period(float(period["start_period"]), float(period["limit"]), period.get("number_phases"))
            for period in schedule["charging_schedule_period"]
        ),
        starts_at=instant(schedule.get("start_schedule")),
        duration_s=schedule.get("duration"),
        recurrency=raw.get("recurrency_kind"),
        valid_from=instant(raw.get("valid_from")),
        valid_to=instant(raw.get("valid_to")),
        transaction_id=raw.get("transaction_id", transaction_id),
    )


def instant(text: str | None) -> datetime | None:
    """A point in time as OCPP writes it; without a zone it is taken for UTC."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
