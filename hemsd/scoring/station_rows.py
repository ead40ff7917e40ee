"""Stations as they follow from sessions, and what was found of their days. Nothing is kept of a station itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from sqlite3 import Connection
from typing import Final
from uuid import UUID, uuid5

from hemsd.scoring.health import Day
from hemsd.scoring.tenants import HOME
from hemsd.store.changes import upsert
from hemsd.store.codec import DAY_MS, Value, ms, text, utc, utc_or_none
from hemsd.store.outbox import Statement
from web.analysis import Paging

STATIONS: Final = UUID("5b0c0cf2-7c43-5a0e-9a35-5f2f6f1d6d0e")  # the namespace of station ids
UNKNOWN_CONNECTOR: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Station:
    """One station of one tenant, with what its sessions add up to."""

    id: str
    tenant: str
    name: str
    total: int
    anomalous: int
    max_score: float | None
    last_anomaly_at: datetime | None


@dataclass(frozen=True, slots=True)
class Connector:
    name: str
    total: int
    anomalous: int
    categories: dict[str, int]


def stations(db: Connection, tenant: str) -> list[Station]:
    """By name; the home's own wallboxes first."""
    rows = db.execute(
        "SELECT tenant, station, count(*) AS total, total(is_anomaly) AS anomalous,"
        " max(CASE WHEN is_anomaly THEN score END) AS max_score,"
        " max(CASE WHEN is_anomaly THEN analyzed_ms END) AS last_ms"
        " FROM analysis_sessions WHERE tenant IN (?, ?) GROUP BY tenant, station ORDER BY tenant, station",
        (tenant, HOME),
    )
    return [
        Station(
            station_id(row["tenant"], row["station"]),
            row["tenant"],
            row["station"],
            row["total"],
            int(row["anomalous"]),
            row["max_score"],
            utc_or_none(row["last_ms"]),
        )
        for row in rows
    ]


def station_id(tenant: str, name: str) -> str:
    """The internal uuid: it follows from the name, so nothing has to be kept for it."""
    return str(uuid5(STATIONS, f"{tenant}\n{name}"))


def find_station(db: Connection, tenant: str, station: str) -> Station | None:
    """By its name, or its internal uuid; a client's own station before a wallbox of the home with the same name."""
    wanted = text(station)
    found = [one for one in stations(db, tenant) if wanted in (one.name, one.id)]
    return found[-1] if found else None


def connectors(db: Connection, station: Station) -> list[Connector]:
    rows = db.execute(
        "SELECT connector, is_anomaly, anomalies FROM analysis_sessions WHERE tenant = ? AND station = ?",
        (station.tenant, station.name),
    )
    found: dict[str, Connector] = {}
    for row in rows:
        name = row["connector"] or UNKNOWN_CONNECTOR
        one = found.get(name) or Connector(name, 0, 0, {})
        for category in sorted({each["category"] for each in json.loads(row["anomalies"])}):
            one.categories[category] = one.categories.get(category, 0) + 1
        found[name] = replace(one, total=one.total + 1, anomalous=one.anomalous + bool(row["is_anomaly"]))
    return [found[name] for name in sorted(found)]


@dataclass(frozen=True, slots=True)
class StationDay:
    """What was found of a station on one day; ``details`` is JSON."""

    id: str
    tenant: str
    station: str
    day_at: datetime
    is_anomaly: bool
    score: float
    details: str
    analyzed_at: datetime


def keep_day(day: StationDay) -> Statement:
    columns: dict[str, Value] = {
        "tenant": day.tenant,
        "station": day.station,
        "day_ms": ms(day.day_at),
        "id": day.id,
        "is_anomaly": day.is_anomaly,
        "score": day.score,
        "details": day.details,
        "analyzed_ms": ms(day.analyzed_at),
    }
    return upsert("station_days", ("tenant", "station", "day_ms"), columns, fixed=("id",))


def station_days(db: Connection, station: Station, paging: Paging, *, anomalous: bool) -> tuple[int, list[StationDay]]:
    where = "WHERE tenant = ? AND station = ?" + (" AND is_anomaly = 1" if anomalous else "")
    given = (station.tenant, station.name)
    total = int(db.execute(f"SELECT count(*) FROM station_days {where}", given).fetchone()[0])
    rows = db.execute(
        f"SELECT * FROM station_days {where} ORDER BY analyzed_ms DESC, day_ms DESC LIMIT ? OFFSET ?",
        (*given, paging.size, paging.offset),
    )
    return total, [
        StationDay(
            row["id"],
            row["tenant"],
            row["station"],
            utc(row["day_ms"]),
            bool(row["is_anomaly"]),
            row["score"],
            row["details"],
            utc(row["analyzed_ms"]),
        )
        for row in rows
    ]


def days(db: Connection, station: Station, from_at: datetime) -> dict[datetime, Day]:
    """What the station did, by UTC day; for the home's own with the sun on its roof."""
    rows = db.execute(
        f"SELECT created_ms / {DAY_MS} * {DAY_MS} AS day_ms, count(*) AS sessions, total(energy_wh) AS wh,"
        " total(is_anomaly) AS anomalous, sum(offered_wh) AS offered_wh, count(offered_wh) AS offers"
        " FROM analysis_sessions WHERE tenant = ? AND station = ? AND created_ms >= ? AND energy_wh IS NOT NULL"
        " GROUP BY 1 ORDER BY 1",
        (station.tenant, station.name, ms(from_at)),
    )
    sun = _sun_kwh(db, from_at) if station.tenant == HOME else {}
    return {
        utc(row["day_ms"]): Day(
            row["sessions"],
            row["wh"] / 1000,
            int(row["anomalous"]),
            row["offered_wh"] / 1000 if row["offers"] == row["sessions"] else None,
            sun.get(row["day_ms"]),
        )
        for row in rows
    }


def _sun_kwh(db: Connection, from_at: datetime) -> dict[int, float]:
    """What the roof gave, by UTC day, from the minutes that were seen of it."""
    rows = db.execute(
        f"SELECT at_ms / {DAY_MS} * {DAY_MS} AS day_ms, avg(pv_w) AS pv_w FROM site_minutes"
        " WHERE at_ms >= ? AND pv_w IS NOT NULL GROUP BY 1",
        (ms(from_at),),
    )
    return {row["day_ms"]: row["pv_w"] * 24 / 1000 for row in rows}


def day_judged(db: Connection, station: Station, day_at: datetime) -> bool:
    given = (station.tenant, station.name, ms(day_at))
    row = db.execute("SELECT 1 FROM station_days WHERE tenant = ? AND station = ? AND day_ms = ?", given).fetchone()
    return row is not None
