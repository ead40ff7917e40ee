"""The newest of everything, and how old it is.

Drivers put readings and events in as they come; once a tick ``freeze`` makes a Snapshot of them that cannot change
while the rules look at it. Only the present lives here: replayed history never overwrites it, and what a wallbox
said before it lost its link is forgotten with the link.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from hemsd.clock import Clock
from hemsd.model import (
    Booted,
    ConnectorStatus,
    LinkDown,
    LinkUp,
    Metered,
    MeterReading,
    Role,
    Sample,
    Sampled,
    Snapshot,
    StatusChanged,
    ToldBy,
    TransactionEnded,
    TransactionStarted,
    WallboxEvent,
    WallboxImage,
)

SLOW_SAMPLE_S = 3600.0  # a longer gap is an outage, not a sampling interval
SOC_STANDS_S = 86_400.0  # a car that sleeps says nothing, and stays as full as it was; after a day it may have driven


@dataclass(slots=True)
class _Box:
    image: WallboxImage
    link_since_s: float
    sample_s: float | None = None
    soc_s: float | None = None

    def told_soc(self, soc_pct: float, by: ToldBy, now_s: float) -> None:
        self.image = replace(self.image, soc_pct=soc_pct, soc_told_by=by)
        self.soc_s = now_s

    def forget_soc(self, *told_by: ToldBy) -> None:
        """What these have told is over; what the car itself tells is not bound to a visit."""
        if self.image.soc_told_by in told_by:
            self.image = replace(self.image, soc_pct=None, soc_told_by=None)
            self.soc_s = None

    def soc_age_s(self, now_s: float) -> float | None:
        return None if self.soc_s is None else now_s - self.soc_s


class Latest:
    """Holds the present for the next tick. All calls come from the event loop, so nothing needs a lock."""

    def __init__(
        self,
        clock: Clock,
        roles: Mapping[str, Role],
        wallboxes: tuple[str, ...],
        behind: Collection[str] = (),
    ) -> None:
        """``behind`` names the grid meters that sit behind the inverter, and see only what the house uses."""
        self._clock = clock
        self._roles = dict(roles)
        self._behind = frozenset(behind)
        self._readings: dict[str, tuple[MeterReading, float]] = {}
        self.delays_s: dict[str, float] = {}  # by meter, how late it was found to be
        self.heard: Callable[[str, MeterReading], None] = lambda _meter, _reading: None  # hears of each reading
        now_s = clock.monotonic()
        self._boxes = {name: _Box(WallboxImage(name), now_s) for name in wallboxes}

    def put(self, meter: str, reading: MeterReading) -> None:
        """A meter's newest reading; a power that is not known leaves the old one to age."""
        if reading.power_w is None and meter in self._readings:
            old, at_s = self._readings[meter]
            self._readings[meter] = (replace(old, doubts=reading.doubts), at_s)
        else:
            self._readings[meter] = (reading, self._clock.monotonic())
        self.heard(meter, reading)

    def apply(self, event: WallboxEvent) -> None:
        """Takes what happened at a wallbox into its image; events of wallboxes that are not configured are ignored."""
        box = self._boxes.get(getattr(event, "wallbox", ""))
        if box is None:
            return
        now_s = self._clock.monotonic()
        match event:
            case LinkUp():
                box.image = replace(box.image, connected=True)
                box.link_since_s = now_s
            case LinkDown():
                box.image = replace(box.image, connected=False, sample=None)
                box.sample_s = None
                box.link_since_s = now_s
            case Booted(vendor=vendor, model=model, firmware=firmware):
                box.image = replace(box.image, vendor=vendor, model=model, firmware=firmware)
            case StatusChanged(status=status, error_code=error_code):
                box.image = replace(box.image, status=status, error_code=error_code)
                if status is ConnectorStatus.AVAILABLE:
                    box.forget_soc(ToldBy.WALLBOX, ToldBy.PERSON)  # the next car may be another
            case TransactionStarted(transaction_id=transaction_id):
                box.image = replace(box.image, transaction_id=transaction_id)
                box.forget_soc(ToldBy.WALLBOX)
            case TransactionEnded(transaction_id=transaction_id):
                if box.image.transaction_id in (transaction_id, None):
                    box.image = replace(box.image, transaction_id=None)
            case Sampled(sample=sample) if not sample.backlog:
                self._take_sample(box, sample)

    def _take_sample(self, box: _Box, sample: Sample) -> None:
        interval_s = box.image.sample_interval_s
        if box.sample_s is not None and sample.context == "Sample.Periodic":
            gap_s = sample.received_s - box.sample_s
            if 0.5 <= gap_s <= SLOW_SAMPLE_S:
                interval_s = gap_s
        old = box.image.sample
        if old is not None:
            # Some boxes spread their values over several messages: what this one leaves out is kept.
            sample = replace(
                sample,
                offered_a=sample.offered_a if sample.offered_a is not None else old.offered_a,
                energy_wh=sample.energy_wh if sample.energy_wh is not None else old.energy_wh,
            )
        box.sample_s = sample.received_s
        box.image = replace(box.image, sample=sample, sample_interval_s=interval_s)
        if sample.soc_pct is not None:
            box.told_soc(sample.soc_pct, ToldBy.WALLBOX, sample.received_s)

    def tell_soc(self, wallbox: str, soc_pct: float, by: ToldBy = ToldBy.CAR) -> None:
        """The level of the car at a wallbox, from somebody else than the wallbox."""
        box = self._boxes.get(wallbox)
        if box is not None:
            box.told_soc(soc_pct, by, self._clock.monotonic())

    def tells(self, wallbox: str) -> bool:
        """Whether a wallbox is connected and has said how its connector is."""
        box = self._boxes.get(wallbox)
        return box is not None and box.image.connected and box.image.status is not None

    def identity(self, wallbox: str) -> str:
        """Vendor, model and firmware: what is learned of a wallbox holds for its kind."""
        image = self._boxes[wallbox].image
        return f"{image.vendor}|{image.model}|{image.firmware}"

    def replace_meters(
        self, roles: Mapping[str, Role], behind: Collection[str] = (), *, same: Collection[str] = ()
    ) -> None:
        """Other meters from now on. What those that are the ``same`` said stands and ages; all else is forgotten."""
        self._roles = dict(roles)
        self._behind = frozenset(behind)
        self._readings = {name: found for name, found in self._readings.items() if name in same}
        self.delays_s.clear()

    def meter(self, name: str) -> Metered | None:
        """One meter as the page shows it."""
        found = self._readings.get(name)
        if found is None:
            return None
        metered = Metered(found[0], self._clock.monotonic() - found[1], self.delays_s.get(name, 0.0))
        return self._at_the_connection(metered) if name in self._behind else metered

    def _at_the_connection(self, house: Metered) -> Metered:
        """What flows there: all that the house uses, less what sun and battery give. As old as its oldest part."""
        sources = [self.metered(role) for role in (Role.PV, Role.BATTERY) if role in self._roles.values()]
        given_w = [source.power_w if source else None for source in sources]
        power_w = house.power_w
        if power_w is None or None in given_w:
            power_w = None
        else:
            power_w -= sum(watts for watts in given_w if watts is not None)
        ages_s = [house.age_s, *(source.age_s for source in sources if source)]
        reading = MeterReading(power_w=power_w, voltages_v=house.reading.voltages_v, doubts=house.reading.doubts)
        return Metered(reading, max(ages_s), house.delay_s)

    def role_of(self, name: str) -> Role:
        return self._roles[name]

    @property
    def meters(self) -> tuple[str, ...]:
        return tuple(self._roles)

    def metered(self, role: Role) -> Metered | None:
        """All meters of a role as one: powers add up, and the sum is as old, and as unknown, as its worst part."""
        parts = [self.meter(name) for name, its in self._roles.items() if its is role]
        known = [part for part in parts if part is not None]
        if not known or len(known) < len(parts):
            return None
        if len(known) == 1:
            return known[0]
        powers = [part.power_w for part in known]
        total = None if any(power is None for power in powers) else sum(power for power in powers if power is not None)
        levels = [part.reading.soc_pct for part in known if part.reading.soc_pct is not None]
        soc_pct = sum(levels) / len(levels) if levels else None
        reading = MeterReading(power_w=total, soc_pct=soc_pct)
        return Metered(reading, max(part.age_s for part in known), max(part.delay_s for part in known))

    def freeze(self) -> Snapshot:
        """The present, for one tick."""
        now_s = self._clock.monotonic()
        for box in self._boxes.values():
            if (box.soc_age_s(now_s) or 0.0) > SOC_STANDS_S:
                box.forget_soc(*ToldBy)
        images = tuple(
            replace(
                box.image,
                soc_age_s=box.soc_age_s(now_s),
                link_age_s=now_s - box.link_since_s,
                sample_age_s=now_s - box.sample_s if box.sample_s is not None else None,
            )
            for box in self._boxes.values()
        )
        return Snapshot(
            at=self._clock.utc(),
            now_s=now_s,
            grid=self.metered(Role.GRID),
            pv=self.metered(Role.PV),
            battery=self.metered(Role.BATTERY),
            wallboxes=images,
        )
