"""Looks at everything once a tick and says what a person should know; ``hemsd.alerts`` keeps what stands.

Here is only the gathering: each part knows its own troubles, and the sentences are in ``hemsd.alerts``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from drivers.ocpp16.diagnostics import diagnostics_of
from drivers.ocpp16.server import CentralSystem
from hemsd import alerts
from hemsd.alerts import Found
from hemsd.clock import Clock
from hemsd.cloud.service import Cloud
from hemsd.control import Control
from hemsd.model import Command, DimmedBy, Outcome, Snapshot, SteeringSettings, StrangerRefused
from hemsd.ops.upkeep import Upkeep
from hemsd.store.store import Store
from hemsd.strangers import Strangers
from hemsd.supervise import Health
from hemsd.workshop import Knock
from rules.wake import ASLEEP

KEPT_OUTCOMES = 10


@dataclass(slots=True)
class Watch:
    clock: Clock
    control: Control
    central: CentralSystem
    store: Store
    health: Health
    upkeep: Upkeep
    cloud: Cloud
    _began_s: float = field(init=False)
    _outcomes: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)
    _strangers: Strangers = field(default_factory=Strangers)

    def __post_init__(self) -> None:
        self._began_s = self.clock.monotonic()

    def refused(self, stranger: StrangerRefused) -> None:
        """Somebody knocked at the OCPP port in vain."""
        self._strangers.knocked(stranger, self.clock.monotonic())

    def judged(self, command: Command) -> None:
        """A final verdict."""
        name = command.wallbox
        self._outcomes[name] = (*self._outcomes.get(name, ()), command.outcome)[-KEPT_OUTCOMES:]

    @property
    def knocks(self) -> list[Knock]:
        """Who was not let in lately."""
        at, now_s = self.clock.utc(), self.clock.monotonic()
        return [
            Knock(stranger, at - timedelta(seconds=now_s - seen_s))
            for stranger, seen_s in self._strangers.seen.values()
        ]

    def found(self, snapshot: Snapshot, steering: SteeringSettings) -> list[Found]:
        """Everything that is wrong now."""
        up_s = snapshot.now_s - self._began_s
        found = [*alerts.of_meters(snapshot, steering, self.health.troubles, up_s)]
        for image in snapshot.wallboxes:
            found.extend(alerts.of_wallbox(image, self._outcomes.get(image.name, ())))
            found.extend(self._by_driver(image.name, steering))
            found.extend(alerts.of_rival(image.name, self.control.trials.limited_by_box.get(image.name, 0)))
        found.extend(alerts.of_sleeper(each) for each in self.control.decisions.values() if each.rule == ASLEEP)
        dimmed = self.control.grid_orders.in_force(self.control.settings.site)
        if dimmed is not None and dimmed.by is not DimmedBy.CONFIG:  # what stands there for good is no news
            found.append(alerts.of_dimming(dimmed))
        battery = self.control.battery.found()
        if battery is not None:
            found.append(battery)
        found.extend(alerts.of_stranger(stranger) for stranger in self._strangers.lately(snapshot.now_s).values())
        if self.store.trouble:
            found.append(alerts.of_store(self.store.trouble))
        found.extend(self.upkeep.found())
        for name, trouble in self.cloud.troubles().items():
            found.append(alerts.of_lane(name, trouble))
        return found

    def _by_driver(self, wallbox: str, steering: SteeringSettings) -> Iterator[Found]:
        diagnosis = diagnostics_of(self.central.wallboxes[wallbox])
        if diagnosis.floods:
            yield alerts.of_flood(wallbox)
        if diagnosis.falls_back is False and diagnosis.way_proven:  # while it looks for a way that changes often
            yield alerts.of_no_fallback(wallbox, steering.failsafe_a)
