"""What has to be told to one channel: each alert once when it has stood for a while, and once when it is safely over.

A teller remembers what it has told, over restarts too, so a receiver never hears "over" of what it was not told, and
never hears the same alert twice. Nothing is lost when a receiver is away: a notice counts as told when it was taken,
and until then it stays due (or is over by then, and nobody has missed anything). An alert that comes back soon was not
over: so neither a loose plug nor a restart, after which everything has to be noticed anew, makes a receiver ring twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from typing import Protocol

from hemsd.model import Alert
from hemsd.said import said


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told: ``over`` False when it began, True when it has ended."""

    key: str
    text: str
    remedy: str
    since_at: datetime
    at: datetime
    over: bool = False


class Channel(Protocol):
    @property
    def name(self) -> str: ...

    async def tell(self, notice: Notice) -> None:
        """Raises DeviceError when it was not taken."""
        ...


@dataclass(frozen=True, slots=True)
class Quiet:
    """Local times; an end before the begin is on the next day."""

    begin: time
    end: time
    zone: tzinfo

    def holds(self, at: datetime) -> bool:
        now = at.astimezone(self.zone).time()
        if self.begin <= self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end


Told = dict[str, tuple[str, str]]
"""What a receiver knows to stand: by its key, the text and since when."""


OVER_AFTER = timedelta(seconds=120)  # longer than a silent device takes to be noticed after a restart


@dataclass(frozen=True, slots=True)
class Manners:
    """When something is told."""

    after: timedelta = timedelta(seconds=60)
    over_after: timedelta = OVER_AFTER
    quiet: Quiet | None = None


def due(
    standing: Sequence[Alert],
    told: Mapping[str, tuple[str, str]],
    gone: Mapping[str, datetime],
    manners: Manners,
    at: datetime,
) -> tuple[Notice, ...]:
    """What is to be told now: what is over first. ``gone``: since when what was told does not stand any more."""
    if manners.quiet is not None and manners.quiet.holds(at):
        return ()
    over = [
        Notice(key, told[key][0], "", datetime.fromisoformat(told[key][1]), at, over=True)
        for key, since_at in gone.items()
        if at - since_at >= manners.over_after
    ]
    begun = [
        Notice(alert.key, alert.text, alert.remedy, alert.since_at, at)
        for alert in standing
        if alert.key not in told and at - alert.since_at >= manners.after
    ]
    return (*over, *begun)


@dataclass(slots=True)
class Teller:
    """Keeps one channel told; ``run`` it under ``keep``, which tries again when the receiver is away."""

    channel: Channel
    standing: Callable[[], Sequence[Alert]]
    utc: Callable[[], datetime]
    manners: Manners = Manners()
    remember: Callable[[Told], None] = lambda _told: None
    told: Told = field(default_factory=dict)
    _gone: dict[str, datetime] = field(default_factory=dict)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        return said("notice.name", "alerts by {way}", way=self.channel.name)

    def wake(self) -> None:
        """The alerts were looked at anew: something may be due."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. Raises DeviceError when the receiver did not take a notice."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            at, standing = self.utc(), self.standing()
            keys = {alert.key for alert in standing}
            self._gone = {key: self._gone.get(key, at) for key in self.told if key not in keys}
            for notice in due(standing, self.told, self._gone, self.manners, at):
                await self.channel.tell(notice)
                self._took(notice)

    def _took(self, notice: Notice) -> None:
        if notice.over:
            del self.told[notice.key]
        else:
            self.told[notice.key] = (notice.text, notice.since_at.isoformat())
        self.remember(dict(self.told))
