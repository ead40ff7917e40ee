"""What a cloud thinks of a visit, kept beside what hemsd thinks itself."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection, Row

from hemsd.model import CloudVerdict
from hemsd.store import codec
from hemsd.store.outbox import Statement

VERDICT = (
    "INSERT OR REPLACE INTO cloud_verdicts (visit, received_ms, status, is_anomaly, anomaly_score, anomaly_confidence,"
    " is_incident, is_recurring, anomalies, analyzed_ms)"
    " SELECT number, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM visits WHERE id = ?"
)


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


def of_visits(db: Connection, visit_ids: Sequence[str]) -> dict[str, CloudVerdict]:
    """By visit; one that no cloud has judged is left out."""
    places = ", ".join("?" * len(visit_ids))
    rows = db.execute(
        "SELECT visits.id AS visit_id, cloud_verdicts.* FROM cloud_verdicts JOIN visits ON visits.number = visit"
        f" WHERE visits.id IN ({places})",
        tuple(visit_ids),
    )
    return {row["visit_id"]: _verdict_of(row) for row in rows}


def _verdict_of(row: Row) -> CloudVerdict:
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
