"""What the web part asks of the daemon: two narrow seams, ``House`` for the present and ``Archive`` for the past.

The present is a page that somebody else has put together; a wish is handed in and never answered, because the rules
decide what becomes of it at the next tick. The past consists of the model's own values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hemsd.model import CloudVerdict, Command, Decision, Identities, Reading, SiteMinute, Visit, Wish
from web.bench import Bench
from web.changes import Changes
from web.custody import Custody
from web.installer_models import InstallerPage
from web.past_models import WhatIfPage
from web.plan_models import PlanPage
from web.state_models import StatePage


class House(Protocol):
    """The home as it is now."""

    @property
    def changes(self) -> Changes: ...

    @property
    def wallboxes(self) -> Sequence[str]:
        """The names in config.yaml."""
        ...

    @property
    def vehicles(self) -> Sequence[str]: ...

    def state(self) -> StatePage: ...

    def plan(self) -> PlanPage:
        """Prices and planned blocks."""
        ...

    def wish(self, wish: Wish) -> None:
        """Puts it into the next tick."""
        ...

    def told_soc(self, vehicle: str, soc_pct: float) -> None:
        """The driver read the car's level of charge off the dashboard."""
        ...

    def dim(self, power_w: float, until_at: datetime | None) -> None:
        """What the grid operator leaves to the cars from the next tick on, until it ends."""
        ...

    def undim(self) -> None:
        """Takes that back; what others have said stays."""
        ...

    def tick_age_s(self) -> float | None:
        """How long ago the control loop last went round; None before its first tick."""
        ...

    def ticking(self) -> bool:
        """Whether that is as recent as it should be."""
        ...


@dataclass(frozen=True, slots=True)
class Oddity:
    """What the judgement of a visit found unusual."""

    category: str
    begin_at: datetime
    end_at: datetime
    text: str
    """In a sentence, with its place, for the log and for programs"""
    told: Mapping[str, str] = field(default_factory=dict)
    """What it is, without where and when; by language"""
    advice: Mapping[str, str] = field(default_factory=dict)
    """Where it usually comes from, and what can be done; by language"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch in which the car charged, and why."""

    type: str
    start_at: datetime
    end_at: datetime | None
    """None: it is not over"""
    energy_wh: float


@dataclass(frozen=True, slots=True)
class VisitStory:
    """A visit with what was found out about it."""

    visit: Visit
    cost: float | None = None
    saved: float | None = None
    oddities: tuple[Oddity, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    cloud: CloudVerdict | None = None
    obeyed: int = 0
    """Of the commands with a verdict, so many"""
    judged: int = 0
    co2_g: float | None = None
    co2_saved_g: float | None = None


class Archive(Protocol):
    """The home as it was. Spans are [from, to)."""

    async def visits(
        self, *, from_at: datetime | None, to_at: datetime | None, limit: int, after: str | None
    ) -> Sequence[VisitStory]:
        """Newest first; those that touch the span; ``after`` is the id of the last one already seen."""
        ...

    async def visit(self, visit_id: str) -> VisitStory | None: ...

    async def decisions(self, visit_id: str) -> Sequence[Decision]:
        """Oldest first."""
        ...

    async def commands(self, visit_id: str) -> Sequence[Command]:
        """Oldest first."""
        ...

    async def readings(self, visit_id: str) -> Sequence[Reading]:
        """Oldest first."""
        ...

    async def decisions_between(self, from_at: datetime, to_at: datetime) -> Sequence[Decision]: ...

    async def commands_between(self, from_at: datetime, to_at: datetime) -> Sequence[Command]: ...

    async def history(self, from_at: datetime, to_at: datetime, step_s: int) -> Sequence[SiteMinute]:
        """Means over steps that begin at ``from_at``; a step without any record is left out."""
        ...

    async def identities(self) -> Identities: ...


class NotPlayable(Exception):
    """A visit can't be played as asked. The text is for people."""


class Playing(Protocol):
    """Plays a visit once more under other settings."""

    @property
    def busy(self) -> bool: ...

    async def answer(
        self,
        visit: Visit,
        minutes: Sequence[SiteMinute],
        decisions: Sequence[Decision],
        asked: Mapping[str, float | bool | str | None],
    ) -> WhatIfPage:
        """Takes seconds. Raises NotPlayable."""
        ...


class Workshop(Protocol):
    """What somebody who installs or helps wants to see."""

    @property
    def bench(self) -> Bench: ...

    @property
    def custody(self) -> Custody: ...

    async def page(self) -> InstallerPage: ...

    async def bundle(self) -> bytes:
        """A zip without secrets."""
        ...
