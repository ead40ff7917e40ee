"""What the analysis API answers about a session. What does not fit is not known; a strange answer breaks nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from hemsd.model import CloudVerdict

STATUSES = ("pending", "active", "failed")


def is_result(document: Mapping[str, object]) -> bool:
    """Whether it was the analysis API that answered, and not a portal or a proxy on the way."""
    return isinstance(document.get("session_id"), str) or document.get("status") in STATUSES


def verdict_of(document: Mapping[str, object], at: datetime) -> CloudVerdict:
    status, anomalies = document.get("status"), document.get("anomalies")
    return CloudVerdict(
        received_at=at,
        status=status if isinstance(status, str) else "unknown",
        is_anomaly=_truth(document.get("is_anomaly")),
        anomaly_score=_share(document.get("anomaly_score")),
        anomaly_confidence=_share(document.get("anomaly_confidence")),
        is_incident=_truth(document.get("is_incident")),
        is_recurring=_truth(document.get("is_recurring")),
        anomalies=json.dumps(anomalies) if isinstance(anomalies, list) else "[]",
        analyzed_at=_moment(document.get("analyzed_at")),
    )


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _share(value: object) -> float | None:
    """Scores and confidences lie in 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
