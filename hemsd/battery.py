"""The home battery, where it can be told: what it may give, whether it keeps to that, and its freedom afterwards.

``rules.lending`` decides and judges. The driver that reads the battery says it, between two readings, and says it
again before the device forgets; so a hemsd that dies frees the battery within two minutes, without doing anything.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from drivers.base import BatteryControl
from hemsd.alerts import Found
from hemsd.model import BatteryOrder, Outcome, Snapshot, SteeringSettings, WallboxSettings
from hemsd.said import said
from rules import lending
from rules.lending import Obedience
from rules.steer import Memory

log = logging.getLogger(__name__)


@dataclass(slots=True)
class HomeBattery:
    """At most one can be told; which one, config.yaml says."""

    control: BatteryControl | None = None
    _obedience: Obedience = field(default_factory=Obedience)
    _may_give_w: float | None = None

    def use(self, control: BatteryControl | None) -> None:
        """Whoever reads the battery from now on; what is known of its obedience was another's."""
        self.control, self._obedience = control, Obedience()

    @property
    def order(self) -> BatteryOrder | None:
        """What it was told, with the verdict so far; None where it can't be told."""
        return None if self.control is None else BatteryOrder(self.control.told_w, self._obedience.outcome)

    def look(self, snapshot: Snapshot) -> BatteryOrder | None:
        """The same, judged by what it gives now."""
        if self.control is None:
            return None
        before = self._obedience.outcome
        known = lending.told(self._obedience, snapshot.now_s, self.control.told_w)
        self._obedience = lending.judged(known, snapshot.now_s, snapshot.battery, snapshot.grid)
        match self._obedience.outcome:
            case outcome if outcome is before:
                pass
            case Outcome.ACCEPTED_INEFFECTIVE:
                log.warning("The home battery gives more than it was told")
            case _:
                log.info("The home battery gives no more than it was told")
        return self.order

    def decide(
        self, steering: SteeringSettings, boxes: tuple[WallboxSettings, ...], memory: Memory, snapshot: Snapshot
    ) -> None:
        """At the end of a tick: what it may give until the next one."""
        if self.control is None:
            return
        before_w, self._may_give_w = self._may_give_w, lending.most_w(steering, boxes, memory, snapshot)
        if before_w is None and self._may_give_w is not None:
            log.info("The home battery covers the house without its cars: %.0f W", self._may_give_w)
        elif before_w is not None and self._may_give_w is None:
            log.info("The home battery may give what it likes again")
        self.control.permit(self._may_give_w)

    async def release(self) -> None:
        """For as long as hemsd is away."""
        if self.control is not None:
            self.control.permit(None)
            await self.control.freed()

    def found(self) -> Found | None:
        """What a person should know of it."""
        if self.control is None:
            return None
        if self.control.trouble:
            return (
                "battery",
                said(
                    "alarm.battery.refuses", "The home battery can't be told: {trouble}.", trouble=self.control.trouble
                ),
                said(
                    "alarm.battery.refuses.do",
                    "Allow control over Modbus in the inverter's settings, or take control out of config.yaml. Until"
                    " then a fast charge takes from the battery too.",
                ),
            )
        if self._obedience.outcome is Outcome.ACCEPTED_INEFFECTIVE:
            return (
                "battery",
                said("alarm.battery.ignores", "The home battery gives more than it was told."),
                said(
                    "alarm.battery.ignores.do",
                    "Look for another program that controls it, and for a setting of the inverter that comes first.",
                ),
            )
        return None
