"""A tryout, or the check of the grid meter, while the daemon runs: Control only watches that wallbox meanwhile.

One at a time, because each charges with currents of its own; all other wallboxes are steered. It gives way at once to
an order of the grid operator, to the end of the transaction that it began with, and to whoever gives it up on the page;
then Control takes the wallbox back, and what was found out counts from its next command on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from drivers.ocpp16.charge_point import ChargePoint
from hemsd.capabilities import Capabilities
from hemsd.clock import Clock
from hemsd.commission import Say, Trial
from hemsd.config import Config, wallbox_settings
from hemsd.control import Control
from hemsd.latest import Latest
from hemsd.learned import Learned
from hemsd.model import WallboxEvent
from hemsd.said import said
from hemsd.tryout import Tryout
from web.adoption import AdoptionPage, ClearedPage, MeterCheckPage, NotNow, SheetLinePage

log = logging.getLogger(__name__)

LOOK_S = 2.0
DIMMED = said("work.dimmed", "The grid operator's order comes first: this ends here.")


class Work(StrEnum):
    """What is done with a wallbox."""

    TRYOUT = "tried out"
    METER_CHECK = "used to check the grid meter"


@dataclass(slots=True)
class Adopting:
    """Satisfies ``web.adoption.Adopting``."""

    config: Callable[[], Config]
    boxes: Callable[[str], ChargePoint]
    control: Control
    latest: Latest
    learned: Learned
    clock: Clock
    _wanted: asyncio.Queue[tuple[str, Work]] = field(default_factory=lambda: asyncio.Queue(1))
    _said: dict[tuple[str, Work], list[str]] = field(default_factory=dict)  # the newest time
    _busy: tuple[str, Work] | None = None
    _tryout: Tryout | None = None
    _trying: asyncio.Task[None] | None = None

    # --- what the page may ask

    def knows(self, wallbox: str) -> bool:
        return wallbox in self.config().wallboxes

    def page(self, wallbox: str) -> AdoptionPage:
        sheet = self.learned.sheet_of(self.latest.identity(wallbox))
        return AdoptionPage(
            wallbox=wallbox,
            running=self._busy == (wallbox, Work.TRYOUT),
            said=list(self._said.get((wallbox, Work.TRYOUT), ())),
            sheet=[SheetLinePage(about=about, found=found) for about, found in sheet.lines()] if sheet else [],
        )

    def check_page(self, wallbox: str) -> MeterCheckPage:
        key = (wallbox, Work.METER_CHECK)
        return MeterCheckPage(wallbox=wallbox, running=self._busy == key, said=list(self._said.get(key, ())))

    def begin(self, wallbox: str) -> None:
        self._begin(wallbox, Work.TRYOUT)

    def begin_check(self, wallbox: str) -> None:
        self._begin(wallbox, Work.METER_CHECK)

    def _begin(self, wallbox: str, work: Work) -> None:
        if self._busy is not None:
            raise NotNow(_busy_with(*self._busy))
        if not self.boxes(wallbox).linked:
            raise NotNow(said("work.not_connected", "{name} is not connected", name=wallbox))
        if self._dimmed:
            raise NotNow(said("work.limited", "the grid operator has limited the cars"))
        self._busy, self._said[wallbox, work] = (wallbox, work), []
        self._wanted.put_nowait((wallbox, work))

    def give_up(self, wallbox: str) -> None:
        if self._busy is not None and self._busy[0] == wallbox and self._trying is not None:
            self._said[self._busy].append(said("work.given_up", "Given up."))
            self._trying.cancel()

    async def clear_profiles(self, wallbox: str) -> ClearedPage:
        if self._busy is not None and self._busy[0] == wallbox:
            raise NotNow(_busy_with(*self._busy))
        if not self.boxes(wallbox).linked:
            raise NotNow(said("work.not_connected", "{name} is not connected", name=wallbox))
        log.info("%s: every charging profile is removed, as somebody asked", wallbox)
        cleared = await self.boxes(wallbox).clear_profiles()
        return ClearedPage(wallbox=wallbox, status=cleared.status, text=cleared.text)

    # --- in the daemon

    def notice(self, event: WallboxEvent) -> None:
        if self._tryout is not None:
            self._tryout.notice(event)

    async def run(self) -> None:
        """Does what is asked for, one wallbox after the other."""
        while True:
            await self._do(*await self._wanted.get())

    async def _do(self, wallbox: str, work: Work) -> None:
        log.info("%s is %s; it is not steered meanwhile", wallbox, work)
        doing = self._try_out if work is Work.TRYOUT else self._check_meter
        self.control.hand_over(wallbox)
        try:
            async with asyncio.TaskGroup() as group:
                self._trying = group.create_task(doing(wallbox, self._said[wallbox, work].append), name=work)
                watching = group.create_task(self._give_way(self._said[wallbox, work].append), name="grid orders")
                self._trying.add_done_callback(lambda _: watching.cancel())
        finally:
            self._busy = self._tryout = self._trying = None
            self.control.take_back(wallbox)

    async def _try_out(self, wallbox: str, say: Say) -> None:
        settings = self.config().wallboxes[wallbox]
        self._tryout = tryout = Tryout(settings, wallbox, self.boxes(wallbox), self.latest, self.clock, say)
        self._keep(tryout, await tryout.run())

    async def _check_meter(self, wallbox: str, say: Say) -> None:
        config = self.config()
        settings = next(each for each in wallbox_settings(config) if each.name == wallbox)
        await Trial(config, settings, self.boxes(wallbox), self.latest, self.clock, say).run()
        log.info("The grid meter was checked with %s", wallbox)

    def _keep(self, tryout: Tryout, found: Capabilities | None) -> None:
        if found is None:
            return
        self.learned.witness(found.kind, tryout.witness)
        self.learned.sheet(found)
        self.control.trials.witnesses[tryout.name] = tryout.witness
        log.info("%s was tried out: it follows %s", tryout.name, found.way or "no limit")

    async def _give_way(self, say: Say) -> None:
        while not self._dimmed:
            await self.clock.sleep(LOOK_S)
        say(DIMMED)
        if self._trying is not None:
            self._trying.cancel()

    @property
    def _dimmed(self) -> bool:
        return self.control.grid_orders.in_force(self.control.settings.site) is not None


def _busy_with(wallbox: str, work: Work) -> str:
    match work:
        case Work.TRYOUT:
            return said("work.busy_tryout", "{name} is being tried out", name=wallbox)
        case Work.METER_CHECK:
            return said("work.busy_check", "{name} is being used to check the grid meter", name=wallbox)
        case _:
            assert_never(work)
