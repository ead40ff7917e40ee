"""Stations as the analysis API shows them, and the daily look at their health."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from sqlite3 import Connection
from uuid import uuid4

from hemsd.clock import Clock
from hemsd.scoring import station_rows
from hemsd.scoring.health import HISTORY_DAYS, Day, DayVerdict, judge_day
from hemsd.scoring.station_rows import Station, StationDay
from hemsd.store.outbox import Mark
from hemsd.store.store import Store
from web.analysis import Paging
from web.analysis_models import (
    ConnectorDetail,
    ConnectorItem,
    ConnectorsPage,
    InferencePage,
    StationAnomalies,
    StationAnomaly,
    StationItem,
    StationList,
    StationPage,
    StatisticsPage,
)

log = logging.getLogger(__name__)

LOOKS_AFTER = timedelta(minutes=10)  # past midnight UTC: late sessions of the day are on the card by then
Tell = Callable[[Mapping[str, object]], Iterable[Mark]]
"""Who wants to hear of an odd station: what to put into the outbox together with the verdict"""


class StationDesk:
    """``tell`` hears of each station that is found odd, once."""

    def __init__(self, store: Store, clock: Clock, tell: Tell | None = None) -> None:
        self.store, self.clock, self.tell = store, clock, tell
        self._looking = asyncio.Lock()

    async def stations(self, tenant: str, paging: Paging) -> StationList:
        found = await self.store.views.ask(lambda db: station_rows.stations(db, tenant))
        return StationList(
            items=[
                StationItem(
                    charging_station_id=one.id,
                    external_station_id=one.name,
                    total_sessions=one.total,
                    anomalous_sessions=one.anomalous,
                    max_anomaly_score=one.max_score,
                    last_anomaly_at=one.last_anomaly_at,
                )
                for one in found[paging.offset : paging.offset + paging.size]
            ],
            total=len(found),
            page=paging.page,
            page_size=paging.size,
        )

    async def station(self, tenant: str, station: str) -> StationPage | None:
        one = await self._find(tenant, station)
        if one is None:
            return None
        parts = await self.store.views.ask(lambda db: station_rows.connectors(db, one))
        return StationPage(
            charging_station_id=one.id,
            external_station_id=one.name,
            connectors=[
                ConnectorItem(connector_id=part.name, total_sessions=part.total, anomalous_sessions=part.anomalous)
                for part in parts
            ],
            total_sessions=one.total,
            anomalous_sessions=one.anomalous,
        )

    async def connectors(self, tenant: str, station: str) -> ConnectorsPage | None:
        one = await self._find(tenant, station)
        if one is None:
            return None
        parts = await self.store.views.ask(lambda db: station_rows.connectors(db, one))
        return ConnectorsPage(
            charging_station_id=one.name,
            connectors=[
                ConnectorDetail(
                    connector_id=part.name,
                    total_sessions=part.total,
                    anomalous_sessions=part.anomalous,
                    anomaly_categories=part.categories,
                )
                for part in parts
            ],
        )

    async def inference(self, tenant: str, station: str) -> InferencePage | None:
        one = await self._find(tenant, station)
        if one is None:
            return None
        _, days = await self.store.views.ask(
            lambda db: station_rows.station_days(db, one, Paging(1, 1), anomalous=False)
        )
        return inference_page(days[0]) if days else None

    async def anomalies(self, tenant: str, station: str, paging: Paging) -> StationAnomalies | None:
        one = await self._find(tenant, station)
        if one is None:
            return None
        total, days = await self.store.views.ask(lambda db: station_rows.station_days(db, one, paging, anomalous=True))
        return StationAnomalies(
            items=[
                StationAnomaly(
                    inference_id=day.id,
                    is_anomaly=day.is_anomaly,
                    anomaly_score=day.score,
                    detection_details=json.loads(day.details),
                    analyzed_at=day.analyzed_at,
                )
                for day in days
            ],
            total=total,
            page=paging.page,
            page_size=paging.size,
        )

    async def statistics(self, tenant: str) -> StatisticsPage:
        found = await self.store.views.ask(lambda db: station_rows.stations(db, tenant))
        total, anomalous = sum(one.total for one in found), sum(one.anomalous for one in found)
        return StatisticsPage(
            total_sessions=total,
            anomalous_sessions=anomalous,
            total_stations=len(found),
            stations_with_anomalies=sum(1 for one in found if one.anomalous),
            anomaly_rate=round(anomalous / total, 4) if total else 0.0,
        )

    async def _find(self, tenant: str, station: str) -> Station | None:
        return await self.store.views.ask(lambda db: station_rows.find_station(db, tenant, station))

    # -- the daily look -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Looks at yesterday at the start, and again after each midnight UTC."""
        while True:
            now = self.clock.utc()
            today = now.replace(hour=0, minute=0, second=0, microsecond=0)
            await self.look_at(today - timedelta(days=1))
            await self.clock.sleep((today + timedelta(days=1) + LOOKS_AFTER - now).total_seconds())

    async def look_at(self, day_at: datetime) -> None:
        """Judges every station's day; one that was judged already is left alone."""
        async with self._looking:
            for station in await self.store.views.ask(_all_stations):
                judged, days = await self.store.views.ask(partial(_day_and_weeks, station=station, day_at=day_at))
                verdict = None if judged else judge_day(days, day_at)
                if verdict is not None:
                    self._keep(station, day_at, verdict)
            await self.store.settle()

    def _keep(self, station: Station, day_at: datetime, verdict: DayVerdict) -> None:
        day = StationDay(
            id=str(uuid4()),
            tenant=station.tenant,
            station=station.name,
            day_at=day_at,
            is_anomaly=verdict.is_anomaly,
            score=verdict.score,
            details=json.dumps(dict(verdict.details)),
            analyzed_at=self.clock.utc(),
        )
        told: Iterable[Mark] = ()
        if verdict.is_anomaly:
            log.info("%s: its day %s was odd (%s)", station.name, f"{day_at:%Y-%m-%d}", verdict.details["anomaly_type"])
            told = self.tell(station_anomaly(day)) if self.tell is not None else ()
        self.store.carry_out(station_rows.keep_day(day), told=told)


def inference_page(day: StationDay) -> InferencePage:
    return InferencePage(
        charging_station_id=day.station,
        is_anomaly=day.is_anomaly,
        anomaly_score=day.score,
        detection_details=json.loads(day.details),
        analyzed_at=day.analyzed_at,
    )


def station_anomaly(day: StationDay) -> dict[str, object]:
    """The event ``station.anomaly_detected``: what ``/inference`` says. The outbox adds ``webhook_id``."""
    return {"event": "station.anomaly_detected", **inference_page(day).model_dump(mode="json")}


def _all_stations(db: Connection) -> list[Station]:
    tenants = [row["tenant"] for row in db.execute("SELECT DISTINCT tenant FROM analysis_sessions")]
    found = {station.id: station for tenant in tenants for station in station_rows.stations(db, tenant)}
    return list(found.values())


def _day_and_weeks(db: Connection, station: Station, day_at: datetime) -> tuple[bool, dict[datetime, Day]]:
    """(whether the day was judged before, what the station did on it and in the weeks before)"""
    return station_rows.day_judged(db, station, day_at), station_rows.days(
        db, station, day_at - timedelta(days=HISTORY_DAYS)
    )
