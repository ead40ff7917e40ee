"""Learns how late the grid meter is, out of what passes by: readings, samples and commands.

Only a house with one grid meter teaches it: of several, nobody knows which one shows the car.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from hemsd.clock import Clock
from hemsd.latest import Latest
from hemsd.model import MeterReading, Role, Sample
from rules import lateness, response
from rules.lateness import Bounds, Lateness

log = logging.getLogger(__name__)


@dataclass(slots=True)
class GridDelay:
    """Tells ``latest`` the delay as soon as one is proven."""

    clock: Clock
    latest: Latest
    voltage_v: float
    remember: Callable[[str, tuple[Bounds, ...]], None] = lambda _meter, _bounds: None
    _known: Lateness = field(default_factory=Lateness)
    _meter: str | None = None

    def __post_init__(self) -> None:
        self.latest.heard = self._heard
        self.begin()

    def begin(self, recall: Callable[[str], tuple[Bounds, ...]] = lambda _meter: ()) -> None:
        """With what was learned of the grid meter before; also when the meters are others than a moment ago."""
        meters = [name for name in self.latest.meters if self.latest.role_of(name) is Role.GRID]
        self._meter = meters[0] if len(meters) == 1 else None
        self._known = Lateness()
        if self._meter is not None:
            self._known = Lateness(recall(self._meter))
            self.latest.delays_s[self._meter] = self._known.delay_s

    def told(self, wallbox: str, follows_s: float) -> None:
        """A limit, which this wallbox is known to follow within so long."""
        self._known = lateness.told(self._known, wallbox, self.clock.monotonic(), follows_s)

    def sampled(self, wallbox: str, sample: Sample) -> None:
        power_w = response.power_w(sample, self.voltage_v)
        if power_w is not None and not sample.backlog:
            self._known = lateness.sampled(self._known, wallbox, sample.received_s, power_w)

    def _heard(self, meter: str, reading: MeterReading) -> None:
        if meter != self._meter or reading.power_w is None:
            return
        before = self._known
        self._known = lateness.read(before, self.clock.monotonic(), reading.power_w)
        if self._known.bounds is not before.bounds:
            self._learned(meter, before.delay_s)

    def _learned(self, meter: str, before_s: float) -> None:
        delay_s = self._known.delay_s
        if round(delay_s) != round(before_s):
            log.info("The meter %s reports %.0f s late", meter, delay_s)
        self.latest.delays_s[meter] = delay_s
        self.remember(meter, self._known.bounds)
