"""Where verdicts and posted sessions are kept: the statements that write them and the questions that read them.

The store carries the statements out and asks the questions; here is only what they say. The home's own visits have the
tenant ``HOME`` and no values of their own: those are in the store already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from sqlite3 import Connection, Row
from typing import Final

from hemsd.scoring.series import REGISTER, MeterValue
from hemsd.scoring.station_rows import find_station
from hemsd.scoring.tenants import HOME
from hemsd.store.changes import upsert
from hemsd.store.codec import Value, ms, ms_or_none, text, to_json, utc, utc_or_none
from hemsd.store.outbox import Statement
from web.analysis import Paging, SessionFilter
from web.analysis_models import AnomalyPage, Status

IDS_AT_ONCE: Final = 500  # SQLite takes a limited number of values in one question
REMEMBERED: Final = 200  # own healthy sessions that calibrate a home
RECURRING_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Record:
    """One session as it is kept. ``story`` is what was found in the whole of it, as sentences can be made from it."""

    number: int
    id: str
    tenant: str
    external_id: str
    station: str
    created_at: datetime
    connector: str | None = None
    evse: str | None = None
    metadata: str | None = None
    status: Status = Status.PENDING
    is_anomaly: bool | None = None
    score: float | None = None
    confidence: float | None = None
    is_incident: bool | None = None
    is_recurring: bool | None = None
    anomalies: tuple[AnomalyPage, ...] = ()
    story: str = "[]"
    begins_at: datetime | None = None  # from where the story counts its seconds
    length: int = 0
    analyzed_at: datetime | None = None
    surprise: float | None = None
    peak_w: float | None = None
    energy_wh: float | None = None
    offered_wh: float | None = None  # what could have been taken
    model: str | None = None  # whose weights said how surprising it was; None: the shipped ones

    def unjudged(self) -> Record:
        return replace(
            self,
            status=Status.PENDING,
            is_anomaly=None,
            score=None,
            confidence=None,
            is_incident=None,
            is_recurring=None,
            anomalies=(),
            story="[]",
            begins_at=None,
            length=0,
            analyzed_at=None,
            surprise=None,
            peak_w=None,
            energy_wh=None,
            offered_wh=None,
            model=None,
        )


# ---------------------------------------------------------------------------------------------------------------------
# Writing


def keep(record: Record) -> Statement:
    columns: dict[str, Value] = {
        "number": record.number,
        "id": record.id,
        "tenant": record.tenant,
        "external_id": text(record.external_id),
        "station": text(record.station),
        "connector": None if record.connector is None else text(record.connector),
        "evse": None if record.evse is None else text(record.evse),
        "metadata": record.metadata,
        "created_ms": ms(record.created_at),
        "status": record.status,
        "is_anomaly": record.is_anomaly,
        "score": record.score,
        "confidence": record.confidence,
        "is_incident": record.is_incident,
        "is_recurring": record.is_recurring,
        "anomalies": json.dumps([one.model_dump(mode="json") for one in record.anomalies]),
        "story": record.story,
        "begins_ms": ms_or_none(record.begins_at),
        "length": record.length,
        "analyzed_ms": ms_or_none(record.analyzed_at),
        "surprise": record.surprise,
        "peak_w": record.peak_w,
        "energy_wh": record.energy_wh,
        "offered_wh": record.offered_wh,
        "model": record.model,
    }
    return upsert("analysis_sessions", ("number",), columns, fixed=("id", "tenant", "external_id", "created_ms"))


def keep_values(number: int, values: Iterable[MeterValue]) -> list[Statement]:
    return [upsert("analysis_values", VALUE_KEY, _value_columns(number, one)) for one in values]


VALUE_KEY: Final = ("session", "at_ms", "measurand", "phase", "location")


def _value_columns(number: int, one: MeterValue) -> dict[str, Value]:
    return {
        "session": number,
        "at_ms": ms(one.at),
        "measurand": text(one.measurand or REGISTER),
        "phase": text(one.phase or ""),
        "location": text(one.location or ""),
        "value": one.value,
        "unit": text(one.unit or ""),
        "told": text(one.measurand or ""),
    }


def forget_values(number: int) -> Statement:
    return "DELETE FROM analysis_values WHERE session = ?", (number,)


def merged(old: Sequence[MeterValue], new: Sequence[MeterValue]) -> list[MeterValue]:
    """In order of time; a second value with the same moment, measurand, phase and location replaces the first."""
    found = {(ms(one.at), one.measurand or REGISTER, one.phase or "", one.location or ""): one for one in (*old, *new)}
    return sorted(found.values(), key=lambda one: (one.at, one.measurand or REGISTER, one.phase or ""))


# ---------------------------------------------------------------------------------------------------------------------
# Reading


def last_number(db: Connection) -> int:
    return int(db.execute("SELECT max(number) FROM analysis_sessions").fetchone()[0] or 0)


def find(db: Connection, tenant: str, session: str) -> Record | None:
    """By the client's own id first, then by the internal one; the home's visits are everybody's who may ask."""
    wanted = text(session)
    row = db.execute(
        "SELECT * FROM analysis_sessions WHERE (external_id = ? OR id = ?) AND tenant IN (?, ?)"
        " ORDER BY tenant DESC, external_id = ? DESC LIMIT 1",
        (wanted, wanted, tenant, HOME, wanted),
    ).fetchone()
    return None if row is None else record_of(row)


def values(db: Connection, number: int) -> list[MeterValue]:
    rows = db.execute("SELECT * FROM analysis_values WHERE session = ? ORDER BY at_ms, measurand, phase", (number,))
    return [
        MeterValue(
            utc(row["at_ms"]),
            row["value"],
            row["told"] or None,
            row["unit"] or None,
            row["phase"] or None,
            row["location"] or None,
        )
        for row in rows
    ]


def page(db: Connection, tenant: str, wanted: SessionFilter, paging: Paging) -> tuple[int, list[Record]]:
    """(how many there are, those of the page), newest first."""
    where, given = _where(db, tenant, wanted)
    total = int(db.execute(f"SELECT count(*) FROM analysis_sessions {where}", given).fetchone()[0])
    rows = db.execute(
        f"SELECT * FROM analysis_sessions {where} ORDER BY created_ms DESC, number DESC LIMIT ? OFFSET ?",
        (*given, paging.size, paging.offset),
    )
    return total, [record_of(row) for row in rows]


def _where(db: Connection, tenant: str, wanted: SessionFilter) -> tuple[str, tuple[Value, ...]]:
    conditions: list[tuple[str, Value]] = []
    if wanted.station is not None:
        station = find_station(db, tenant, wanted.station)
        conditions += [("tenant = ?", station.tenant), ("station = ?", station.name)] if station else [("? = 1", 0)]
    for condition, value in (
        ("evse = ?", None if wanted.evse_id is None else text(wanted.evse_id)),
        ("is_anomaly = ?", wanted.is_anomaly),
        ("score >= ?", wanted.min_score),
        ("confidence >= ?", wanted.min_confidence),
        ("created_ms >= ?", ms_or_none(wanted.from_at)),
        ("created_ms < ?", ms_or_none(wanted.to_at)),
    ):
        if value is not None:
            conditions.append((condition, value))
    parts = " AND ".join(["tenant IN (?, ?)", *(condition for condition, _ in conditions)])
    return f"WHERE {parts}", (tenant, HOME, *(value for _, value in conditions))


def record_of(row: Row) -> Record:
    def flag(name: str) -> bool | None:
        return None if row[name] is None else bool(row[name])

    return Record(
        number=row["number"],
        id=row["id"],
        tenant=row["tenant"],
        external_id=row["external_id"],
        station=row["station"],
        created_at=utc(row["created_ms"]),
        connector=row["connector"],
        evse=row["evse"],
        metadata=row["metadata"],
        status=Status(row["status"]),
        is_anomaly=flag("is_anomaly"),
        score=row["score"],
        confidence=row["confidence"],
        is_incident=flag("is_incident"),
        is_recurring=flag("is_recurring"),
        anomalies=tuple(AnomalyPage.model_validate(one) for one in json.loads(row["anomalies"])),
        story=row["story"],
        begins_at=utc_or_none(row["begins_ms"]),
        length=row["length"],
        analyzed_at=utc_or_none(row["analyzed_ms"]),
        surprise=row["surprise"],
        peak_w=row["peak_w"],
        energy_wh=row["energy_wh"],
        offered_wh=row["offered_wh"],
        model=row["model"],
    )


def healthy_surprises(db: Connection, tenant: str, station: str, before: int, model: str | None) -> list[float]:
    """What this station's own unflagged sessions scored under a model; ``before`` leaves out the session itself."""
    rows = db.execute(
        "SELECT surprise FROM analysis_sessions WHERE tenant = ? AND station = ? AND is_anomaly = 0"
        " AND surprise IS NOT NULL AND number <> ? AND model IS ? ORDER BY created_ms DESC LIMIT ?",
        (tenant, text(station), before, model, REMEMBERED),
    )
    return [float(row["surprise"]) for row in rows]


def stories(db: Connection, visit_ids: Sequence[str]) -> list[tuple[str, datetime, str]]:
    """(visit, the moment from which its findings count, its findings) of own visits that have any."""
    found = []
    for first in range(0, len(visit_ids), IDS_AT_ONCE):
        some = visit_ids[first : first + IDS_AT_ONCE]
        places = ", ".join("?" * len(some))
        rows = db.execute(
            f"SELECT external_id, begins_ms, story FROM analysis_sessions"
            f" WHERE tenant = ? AND external_id IN ({places}) AND story <> '[]'",
            (HOME, *some),
        )
        found += [(row["external_id"], utc(row["begins_ms"]), row["story"]) for row in rows if row["begins_ms"]]
    return found


def peaks(db: Connection, tenant: str, station: str, before: str) -> list[float]:
    """The highest power of each of this station's newest unflagged sessions, ``before`` left out."""
    rows = db.execute(
        "SELECT peak_w FROM analysis_sessions WHERE tenant = ? AND station = ? AND is_anomaly = 0"
        " AND peak_w IS NOT NULL AND external_id <> ? ORDER BY created_ms DESC LIMIT 20",
        (tenant, text(station), before),
    )
    return [float(row["peak_w"]) for row in rows]


def seen_before(db: Connection, record: Record) -> dict[str, int]:
    """How often each category was found on the same connector in the 30 days before this session."""
    rows = db.execute(
        "SELECT anomalies FROM analysis_sessions WHERE tenant = ? AND station = ? AND connector IS ? AND is_anomaly = 1"
        " AND created_ms BETWEEN ? AND ? AND number <> ?",
        (
            record.tenant,
            text(record.station),
            record.connector,
            ms(record.created_at - timedelta(days=RECURRING_DAYS)),
            ms(record.created_at),
            record.number,
        ),
    )
    counts: dict[str, int] = {}
    for row in rows:
        for category in {one["category"] for one in json.loads(row["anomalies"])}:
            counts[category] = counts.get(category, 0) + 1
    return counts


def metadata_json(metadata: object) -> str | None:
    return None if metadata is None else to_json(metadata)
