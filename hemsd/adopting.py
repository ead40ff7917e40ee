"""A tryout while the daemon runs: Control only watches that wallbox meanwhile, and steers all others.

One at a time, because each charges with a wallbox's maximum. It gives way at once to an order of the grid operator, to
the end of the transaction that it began with, and to whoever gives it up on the page; then Control takes the wallbox
back, and what was found out counts from its next command on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.ocpp16.charge_point import ChargePoint
from hemsd.capabilities import Capabilities
from hemsd.clock import Clock
from hemsd.config import Config
from hemsd.control import Control
from hemsd.latest import Latest
from hemsd.learned import Learned
from hemsd.model import WallboxEvent
from hemsd.tryout import Tryout
from web.adoption import AdoptionPage, ClearedPage, NotNow, SheetLinePage

log = logging.getLogger(__name__)

LOOK_S = 2.0
DIMMED = "The grid operator's order comes first: the tryout ends here."


@dataclass(slots=True)
class Adopting:
    """Satisfies ``web.adoption.Adopting``."""

    config: Callable[[], Config]
    boxes: Callable[[str], ChargePoint]
    control: Control
    latest: Latest
    learned: Learned
    clock: Clock
    _wanted: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(1))
    _said: dict[str, list[str]] = field(default_factory=dict)  # by wallbox, of its newest tryout
    _busy: str | None = None
    _tryout: Tryout | None = None
    _trying: asyncio.Task[Capabilities | None] | None = None

    # --- what the page may ask

    def knows(self, wallbox: str) -> bool:
        return wallbox in self.config().wallboxes

    def page(self, wallbox: str) -> AdoptionPage:
        sheet = self.learned.sheet_of(self.latest.identity(wallbox))
        return AdoptionPage(
            wallbox=wallbox,
            running=self._busy == wallbox,
            said=list(self._said.get(wallbox, ())),
            sheet=[SheetLinePage(about=about, found=found) for about, found in sheet.lines()] if sheet else [],
        )

    def begin(self, wallbox: str) -> None:
        if self._busy is not None:
            raise NotNow(f"{self._busy} is being tried out")
        if not self.boxes(wallbox).linked:
            raise NotNow(f"{wallbox} is not connected")
        if self._dimmed:
            raise NotNow("the grid operator has limited the cars")
        self._busy, self._said[wallbox] = wallbox, []
        self._wanted.put_nowait(wallbox)

    def give_up(self, wallbox: str) -> None:
        if self._busy == wallbox and self._trying is not None:
            self._said[wallbox].append("Given up.")
            self._trying.cancel()

    async def clear_profiles(self, wallbox: str) -> ClearedPage:
        if self._busy == wallbox:
            raise NotNow(f"{wallbox} is being tried out")
        if not self.boxes(wallbox).linked:
            raise NotNow(f"{wallbox} is not connected")
        log.info("%s: every charging profile is removed, as somebody asked", wallbox)
        cleared = await self.boxes(wallbox).clear_profiles()
        return ClearedPage(wallbox=wallbox, status=cleared.status, text=cleared.text)

    # --- in the daemon

    def notice(self, event: WallboxEvent) -> None:
        if self._tryout is not None:
            self._tryout.notice(event)

    async def run(self) -> None:
        """Tries out what is asked for, one wallbox after the other."""
        while True:
            await self._try_out(await self._wanted.get())

    async def _try_out(self, wallbox: str) -> None:
        log.info("%s is tried out; it is not steered meanwhile", wallbox)
        settings = self.config().wallboxes[wallbox]
        tryout = Tryout(settings, wallbox, self.boxes(wallbox), self.latest, self.clock, self._said[wallbox].append)
        self.control.hand_over(wallbox)
        self._tryout = tryout
        try:
            async with asyncio.TaskGroup() as group:
                self._trying = group.create_task(tryout.run(), name=f"tryout of {wallbox}")
                watching = group.create_task(self._give_way(wallbox), name="grid orders")
                self._trying.add_done_callback(lambda _: watching.cancel())
            if not self._trying.cancelled():
                self._keep(tryout, self._trying.result())
        finally:
            self._busy = self._tryout = self._trying = None
            self.control.take_back(wallbox)

    def _keep(self, tryout: Tryout, found: Capabilities | None) -> None:
        if found is None:
            return
        self.learned.witness(found.kind, tryout.witness)
        self.learned.sheet(found)
        self.control.trials.witnesses[tryout.name] = tryout.witness
        log.info("%s was tried out: it follows %s", tryout.name, found.way or "no limit")

    async def _give_way(self, wallbox: str) -> None:
        while not self._dimmed:
            await self.clock.sleep(LOOK_S)
        self._said[wallbox].append(DIMMED)
        if self._trying is not None:
            self._trying.cancel()

    @property
    def _dimmed(self) -> bool:
        return self.control.grid_orders.in_force(self.control.settings.site) is not None
