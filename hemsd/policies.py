"""What the household wants for each car: the policies of config.yaml, and what was changed over the flex dialect since.

config.yaml is the beginning. A change that comes over the interface is remembered beside it and outlives a restart; a
policy that was made over the interface exists only there, and one that was deleted there stays deleted until its
section in config.yaml is renamed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import time

from pydantic import TypeAdapter, ValidationError

from hemsd.config.models import PolicySettings
from rules.schedule import Goal

POLICY_FACT = "policy."
DELETED = "deleted"
NO_WEEK: tuple[Goal | None, ...] = (None,) * 7


@dataclass(frozen=True, slots=True)
class Policy:
    """The wish for one car. ``week`` begins on Monday."""

    name: str
    vehicle: str
    battery_reserve_pct: float = 20.0
    week: tuple[Goal | None, ...] = NO_WEEK


_POLICY = TypeAdapter(Policy)

Remember = Callable[[str, object], None]
"""Takes a key and what JSON can hold; None forgets the key."""


def _nowhere(_key: str, _value: object) -> None:
    """Remembers nothing."""


@dataclass(slots=True)
class Policies:
    by_name: dict[str, Policy] = field(default_factory=dict)
    remember: Remember = _nowhere

    @classmethod
    def of(cls, configured: Mapping[str, PolicySettings], facts: Mapping[str, object], remember: Remember) -> Policies:
        found = {name: _configured(name, settings) for name, settings in configured.items()}
        for key, value in facts.items():
            if key.startswith(POLICY_FACT):
                name = key.removeprefix(POLICY_FACT)
                if value == DELETED:
                    found.pop(name, None)
                else:
                    _read(found, name, value)
        return cls(found, remember)

    def for_vehicle(self, vehicle: str | None) -> Policy | None:
        """The first, where there are several."""
        return next((policy for policy in self.by_name.values() if policy.vehicle == vehicle), None)

    def put(self, policy: Policy) -> None:
        self.by_name[policy.name] = policy
        self.remember(POLICY_FACT + policy.name, _POLICY.dump_python(policy, mode="json"))

    def change(
        self, name: str, *, battery_reserve_pct: float | None = None, week: tuple[Goal | None, ...] | None = None
    ) -> Policy:
        """Raises KeyError where there is none."""
        policy = self.by_name[name]
        if battery_reserve_pct is not None:
            policy = replace(policy, battery_reserve_pct=battery_reserve_pct)
        if week is not None:
            policy = replace(policy, week=week)
        self.put(policy)
        return policy

    def remove(self, name: str) -> None:
        del self.by_name[name]
        self.remember(POLICY_FACT + name, DELETED)


def _configured(name: str, settings: PolicySettings) -> Policy:
    goals = (settings.schedule.on(weekday) for weekday in range(7))
    return Policy(
        name,
        settings.vehicle,
        settings.battery_reserve_pct,
        tuple(
            None if goal is None else Goal(time.fromisoformat(goal.deadline), goal.minimum_charge_target_pct)
            for goal in goals
        ),
    )


def _read(found: dict[str, Policy], name: str, value: object) -> None:
    """A note that no longer fits leaves the policy as config.yaml has it."""
    try:
        found[name] = _POLICY.validate_python(value)
    except ValidationError:
        return
