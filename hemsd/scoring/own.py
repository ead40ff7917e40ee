"""The home's own visits: judged when they are over, with all that hemsd knows of them.

Once a minute the store is asked for visits that ended and have no verdict yet, so nothing depends on having been awake
when a car left, and the control loop never waits. What a wallbox said of its state is kept in the store, too, so a
restart in the middle of a visit loses none of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from sqlite3 import Connection
from typing import Final

from hemsd.clock import Clock
from hemsd.model import Command, ConnectorStatus, Decision, DispatchStatus, Reading, StatusChanged, Visit
from hemsd.scoring import shelf
from hemsd.scoring.categories import Finding
from hemsd.scoring.desk import SessionDesk
from hemsd.scoring.facts import findings_in
from hemsd.scoring.series import CURRENT, POWER, REGISTER, SOC, Known, MeterValue
from hemsd.scoring.shelf import Record
from hemsd.scoring.statuses import TOO_HOT, StatusBook, told
from hemsd.scoring.tenants import HOME
from hemsd.scoring.words import LANGUAGES, advice, sentence, what
from hemsd.store.codec import ms, visit_of
from hemsd.store.store import Store
from web.house import Oddity

log = logging.getLogger(__name__)

LOOK_S: Final = 60.0
LOOK_BACK: Final = timedelta(days=14)
PAUSES_FACT: Final = "tells-pauses."
CONNECTOR: Final = "1"
LEARNED_FROM: Final = 3  # visits, before a car counts as known


@dataclass(frozen=True, slots=True)
class Outlet:
    """What config.yaml says of a wallbox, as far as a verdict needs it."""

    connection_w: float
    voltage_v: float = 230.0


@dataclass(slots=True)
class OwnVisits:
    """``notice`` takes what a wallbox says of its state; ``run`` judges visits that are over."""

    store: Store
    desk: SessionDesk
    clock: Clock
    outlets: Mapping[str, Outlet]
    _book: StatusBook = field(default_factory=StatusBook)

    def __post_init__(self) -> None:
        self.desk.home = self

    def notice(self, event: StatusChanged) -> None:
        row = self._book.row(event, self.clock.utc())
        if row is not None:
            self.store.carry_out(row)
        if event.status is ConnectorStatus.SUSPENDED_EV:
            self.store.save_fact(PAUSES_FACT + event.wallbox, True)

    async def run(self) -> None:
        everything = True
        while True:
            since_at = None if everything else self.clock.utc() - LOOK_BACK
            for visit in await self.store.views.ask(partial(_unjudged, since_at=since_at)):
                await self.judge(visit)
            everything = False
            await self.clock.sleep(LOOK_S)

    async def judge(self, visit: Visit) -> Record:
        """Judges a visit and keeps the verdict; one that was judged already is judged anew."""
        known = await self.store.views.ask(lambda db: shelf.find(db, HOME, visit.id))
        record = known or Record(
            number=await self.desk.next_number(),
            id=visit.id,
            tenant=HOME,
            external_id=visit.id,
            station=visit.wallbox,
            connector=CONNECTOR,
            created_at=visit.plugged_in_at,
        )
        record = await self.desk.judge_own(record)
        if record.is_anomaly:
            names = ", ".join(one.category for one in record.anomalies)
            log.info("%s: the visit that began %s was odd (%s)", visit.wallbox, visit.plugged_in_at, names)
        return record

    async def of(self, visit_ids: Sequence[str]) -> Mapping[str, Sequence[Oddity]]:
        """What was found, for the page. Satisfies ``hemsd.archive.Findings``."""
        stories = await self.store.views.ask(lambda db: shelf.stories(db, visit_ids))
        return {
            visit_id: [oddity(one, start_at) for one in findings_in(story) if not one.advisory]
            for visit_id, start_at, story in stories
        }

    # -- what the desk asks -------------------------------------------------------------------------------------------

    async def values(self, visit_id: str) -> list[MeterValue]:
        readings = await self.store.views.readings(visit_id)
        return [value for reading in readings for value in values_of(reading)]

    async def known(self, visit_id: str) -> Known:
        visit = await self.store.views.visit(visit_id)
        if visit is None or visit.wallbox not in self.outlets:
            return Known()
        outlet = self.outlets[visit.wallbox]
        readings = await self.store.views.readings(visit_id)
        commands = await self.store.views.commands(visit_id)
        peaks = await self.store.views.ask(lambda db: shelf.peaks(db, HOME, visit.wallbox, visit.id))
        until_at = visit.plugged_out_at or self.clock.utc()
        from_at = visit.plugged_in_at - timedelta(minutes=1)
        said = await self.store.views.ask(lambda db: told(db, visit.wallbox, from_at, until_at))
        return Known(
            offered=offered(await self.store.views.decisions(visit_id), commands, readings, outlet),
            statuses=[(one.at, one.status) for one in said],
            too_hot=[one.at for one in said if one.error_code == TOO_HOT],
            tells_pauses=self.store.facts().get(PAUSES_FACT + visit.wallbox) is True,
            connection_w=outlet.connection_w,
            car_w=sorted(peaks)[len(peaks) // 2] if len(peaks) >= LEARNED_FROM else None,
            voltage_v=outlet.voltage_v,
        )


def oddity(finding: Finding, start_at: datetime) -> Oddity:
    return Oddity(
        category=finding.category,
        begin_at=start_at + timedelta(seconds=finding.begin_s),
        end_at=start_at + timedelta(seconds=finding.end_s),
        text=sentence(finding, start_at, "en"),
        told={language: what(finding, language) for language in LANGUAGES},
        advice={language: advice(finding, language) for language in LANGUAGES},
    )


def values_of(reading: Reading) -> list[MeterValue]:
    found = []
    for value, measurand, unit in (
        (reading.energy_wh, REGISTER, "Wh"),
        (reading.power_w, POWER, "W"),
        (reading.soc_pct, SOC, "Percent"),
    ):
        if value is not None:
            found.append(MeterValue(reading.at, value, measurand, unit))
    for number, amps in enumerate(reading.currents_a, 1):
        if amps is not None:
            found.append(MeterValue(reading.at, amps, CURRENT, "A", f"L{number}"))
    return found


def offered(
    decisions: Sequence[Decision], commands: Sequence[Command], readings: Sequence[Reading], outlet: Outlet
) -> list[tuple[datetime, float]]:
    """What hemsd commanded and the wallbox accepted; where it commanded nothing, what the wallbox says it offers.

    A limit that was in force before the car came needed no command in this visit: what was decided then tells it.
    """

    def watts(amps: float, phases: int | None) -> float:
        return min(amps * outlet.voltage_v * (phases or 3), outlet.connection_w)

    accepted = [one for one in commands if one.dispatch_status is DispatchStatus.APPLIED]
    held = [one for one in decisions if one.limit_a is not None and not (accepted and one.at >= accepted[0].at)]
    told = [(one.at, watts(one.limit_a or 0.0, one.phases)) for one in held]
    told += [(one.at, watts(one.amps, one.phases)) for one in accepted]
    if told:
        return told
    active = max((sum(1 for amps in one.currents_a if amps is not None and amps > 1) for one in readings), default=0)
    return [(one.at, watts(one.offered_a, active or 3)) for one in readings if one.offered_a is not None]


def _unjudged(db: Connection, since_at: datetime | None) -> list[Visit]:
    """Visits that ended and have no verdict, oldest first."""
    rows = db.execute(
        "SELECT * FROM visits WHERE plugged_in_ms >= ? AND plugged_out_ms IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM analysis_sessions WHERE tenant = '' AND external_id = visits.id) ORDER BY number",
        (0 if since_at is None else ms(since_at),),
    )
    return [visit_of(row) for row in rows]
