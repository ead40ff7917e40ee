"""What the grid operator orders from outside, over the API or MQTT: kept until it ends, and over a restart.

An order that names no end stands for two hours, which is what a control box of EEBUS (use case LPC, failsafe duration
minimum, default 2 h) keeps its own limit for when it is not heard any more. Whoever wants it longer says it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from hemsd.clock import Clock
from hemsd.model import Dimmed, DimmedBy, SiteSettings
from rules import dimming

log = logging.getLogger(__name__)

STANDS = timedelta(hours=2)
LONGEST = timedelta(hours=24)
FACT = "dimmed"

_ORDERS = TypeAdapter(list[Dimmed])


@dataclass(slots=True)
class GridOrders:
    """The orders that stand, one from each place that may give one."""

    clock: Clock
    remember: Callable[[object], None] = lambda _orders: None
    _standing: dict[DimmedBy, Dimmed] = field(default_factory=dict)
    _said: Dimmed | None = None  # what the log was last told

    def recall(self, stored: object) -> None:
        """What stood when hemsd stopped."""
        try:
            found = _ORDERS.validate_python(stored or [])
        except ValidationError:
            log.warning("What the grid operator had ordered can't be read any more")
        else:
            self._standing = {order.by: order for order in found}

    def order(self, power_w: float, by: DimmedBy, until_at: datetime | None = None) -> Dimmed:
        """From the next tick on; an end that is too far away is drawn near."""
        at = self.clock.utc()
        until_at = at + STANDS if until_at is None else min(until_at, at + LONGEST)
        self._standing[by] = dimmed = Dimmed(power_w, by, until_at)
        self._keep()
        return dimmed

    def lift(self, by: DimmedBy) -> None:
        """Takes back what was ordered from there."""
        if self._standing.pop(by, None) is not None:
            self._keep()

    @property
    def standing(self) -> tuple[Dimmed, ...]:
        """The orders that have not ended."""
        at = self.clock.utc()
        over = [by for by, order in self._standing.items() if order.until_at is not None and order.until_at <= at]
        for by in over:
            self.lift(by)
        return tuple(self._standing.values())

    def in_force(self, site: SiteSettings) -> Dimmed | None:
        """What bounds the cars now, with what config.yaml says."""
        found = dimming.in_force(site, self.standing, self.clock.utc())
        self._tell(found)
        return found

    def _keep(self) -> None:
        self.remember(_ORDERS.dump_python(list(self._standing.values()), mode="json") or None)

    def _tell(self, found: Dimmed | None) -> None:
        """One line when something changes; that an order was only prolonged is none."""
        before, self._said = self._said, found
        if found is None and before is not None:
            log.info("The grid operator leaves everything to the cars again")
        elif found is not None and (before is None or replace(before, until_at=found.until_at) != found):
            until = f" until {found.until_at:%d %b %H:%M} UTC" if found.until_at else ""
            log.info("The grid operator leaves %.0f W to the cars%s (by %s)", found.power_w, until, found.by)
