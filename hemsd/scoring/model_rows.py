"""Fine-tuned models as they are kept, and which model judges whose sessions.

A fine-tuned model is the checksum of its base, one vector of weights, and what own healthy sessions score under it (its
calibration). One that was made from another base than the shipped one does not count, so an update of hemsd falls back
to its own base by itself. Which model judges is a choice that is kept, so to take one back is to choose its base again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from sqlite3 import Connection, Row
from typing import Final

import numpy as np

from hemsd.scoring.engine import BASE, base_checksum, weights
from hemsd.scoring.network import Floats
from hemsd.store.changes import upsert
from hemsd.store.codec import Value, ms, text, utc
from hemsd.store.outbox import Statement


@dataclass(frozen=True, slots=True)
class TunedModel:
    """Without its weights."""

    id: str
    tenant: str
    name: str
    base: str
    metrics: dict[str, float]
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Judging:
    """The model that judges somebody's sessions; ``flat`` None: the shipped weights."""

    id: str = BASE
    flat: Floats | None = None
    surprises: tuple[float, ...] = ()  # of own healthy sessions, when it was made


SHIPPED: Final = Judging()


def keep(model: TunedModel, flat: Floats, surprises: Sequence[float]) -> Statement:
    columns: dict[str, Value] = {
        "id": model.id,
        "tenant": model.tenant,
        "name": model.name,
        "base": model.base,
        "base_sha256": base_checksum(),
        "weights": base64.b64encode(flat.astype("<f4").tobytes()).decode(),
        "metrics": json.dumps(model.metrics),
        "surprises": json.dumps([round(one, 4) for one in surprises]),
        "created_ms": ms(model.made_at),
    }
    return upsert("tuned_models", ("id",), columns)


def choose(tenant: str, model: str, at: datetime) -> Statement:
    return upsert("model_choices", ("tenant",), {"tenant": tenant, "model": model, "chosen_ms": ms(at)})


def tuned(db: Connection, tenant: str | None) -> list[TunedModel]:
    """A tenant's models, or everybody's; oldest first."""
    where, given = ("", ()) if tenant is None else (" WHERE tenant = ?", (tenant,))
    return [_model_of(row) for row in db.execute(f"SELECT * FROM tuned_models{where} ORDER BY created_ms", given)]


def judging(db: Connection, tenant: str, otherwise: str | None = None) -> Judging:
    """Whose weights judge: those that were chosen; else ``otherwise``; else the tenant's newest."""
    chosen = db.execute("SELECT model FROM model_choices WHERE tenant = ?", (tenant,)).fetchone()
    wanted = chosen["model"] if chosen is not None else otherwise
    if wanted is not None:
        row = db.execute("SELECT * FROM tuned_models WHERE id = ?", (wanted,)).fetchone()
    else:
        row = db.execute(
            "SELECT * FROM tuned_models WHERE tenant = ? ORDER BY created_ms DESC LIMIT 1", (tenant,)
        ).fetchone()
    if row is None or row["base_sha256"] != base_checksum():
        return SHIPPED
    return Judging(row["id"], _flat_of(row), tuple(json.loads(row["surprises"])))


def flat_of(db: Connection, tenant: str, model: str) -> Floats:
    """The weights of a model; the base's where it is not known, or was made from another base."""
    row = db.execute("SELECT * FROM tuned_models WHERE id = ? AND tenant = ?", (text(model), tenant)).fetchone()
    return weights() if row is None or row["base_sha256"] != base_checksum() else _flat_of(row)


def _flat_of(row: Row) -> Floats:
    found: Floats = np.frombuffer(base64.b64decode(row["weights"]), "<f4").astype(np.float32)
    return found


def _model_of(row: Row) -> TunedModel:
    return TunedModel(
        row["id"], row["tenant"], row["name"], row["base"], json.loads(row["metrics"]), utc(row["created_ms"])
    )
