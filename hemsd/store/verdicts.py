"""What a cloud thinks of a visit, kept beside what hemsd thinks itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Connection

from hemsd.store import codec
from hemsd.store.outbox import Statement

VERDICT = (
    "INSERT OR REPLACE INTO cloud_verdicts (visit, received_ms, status, is_anomaly, anomaly_score, anomaly_confidence,"
    " is_incident, is_recurring, anomalies, analyzed_ms)"
    " SELECT number, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM visits WHERE id = ?"
)


@dataclass(frozen=True, slots=True)
class CloudVerdict:
    """``anomalies`` is the cloud's own JSON list: its categories are open."""

    received_at: datetime
    status: str
    is_anomaly: bool | None = None
    anomaly_score: float | None = None
    anomaly_confidence: float | None = None
    is_incident: bool | None = None
    is_recurring: bool | None = None
    anomalies: str = "[]"
    analyzed_at: datetime | None = None


def record(visit_id: str, verdict: CloudVerdict) -> Statement:
    return VERDICT, (
        codec.ms(verdict.received_at),
        codec.text(verdict.status),
        verdict.is_anomaly,
        verdict.anomaly_score,
        verdict.anomaly_confidence,
        verdict.is_incident,
        verdict.is_recurring,
        codec.text(verdict.anomalies),
        codec.ms_or_none(verdict.analyzed_at),
        visit_id,
    )


def of_visit(db: Connection, visit_id: str) -> CloudVerdict | None:
    row = db.execute(
        "SELECT cloud_verdicts.* FROM cloud_verdicts JOIN visits ON visits.number = visit WHERE visits.id = ?",
        (visit_id,),
    ).fetchone()
    if row is None:
        return None
    return CloudVerdict(
        received_at=codec.utc(row["received_ms"]),
        status=row["status"],
        is_anomaly=None if row["is_anomaly"] is None else bool(row["is_anomaly"]),
        anomaly_score=row["anomaly_score"],
        anomaly_confidence=row["anomaly_confidence"],
        is_incident=None if row["is_incident"] is None else bool(row["is_incident"]),
        is_recurring=None if row["is_recurring"] is None else bool(row["is_recurring"]),
        anomalies=row["anomalies"],
        analyzed_at=codec.utc_or_none(row["analyzed_ms"]),
    )
