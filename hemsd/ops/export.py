"""What is in the database as CSV, for a spreadsheet, a script, or ``hemsd replay``.

Reads beside a running daemon through a connection that changes nothing, a row at a time, so a year fits a Pi's memory.
Times are UTC. What is not known is an empty cell. Cards, passwords and tokens are in no column.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from sqlite3 import Connection, Row
from typing import TextIO
from zoneinfo import ZoneInfo

from hemsd.store.codec import MINUTE_MS, ms, utc
from hemsd.store.copies import read_only
from hemsd.store.opening import refuse_what_is_not_ours
from hemsd.store.rows import StoreError

Cell = str | int | float | None
Span = tuple[int, int]
"""[from, to) in milliseconds"""

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 1, 1, tzinfo=UTC)


class What(StrEnum):
    SESSIONS = "sessions"
    DECISIONS = "decisions"
    READINGS = "readings"


def moment(text: str, zone: ZoneInfo) -> datetime:
    """``2026-06-21`` or ``2026-06-21T14:30``, local unless it names its own offset. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=zone) if at.tzinfo is None else at


def export(database: Path, what: What, out: TextIO, from_at: datetime | None, to_at: datetime | None) -> None:
    """Writes one header and the rows of [from_at, to_at), oldest first. Raises StoreError."""
    if not database.exists():
        raise StoreError(f"There is no database at {database}")
    span = (ms(from_at or BEGINNING), ms(to_at or END))
    try:
        refuse_what_is_not_ours(database)
        with closing(read_only(database)) as db:
            db.row_factory = Row
            db.execute("BEGIN")  # one moment of the database, however long the reader takes
            csv.writer(out, lineterminator="\n").writerows(_TABLES[what](db, span))
    except sqlite3.Error as error:
        raise StoreError(f"The database {database} can't be read: {error}") from error


def _sessions(db: Connection, span: Span) -> Iterator[Sequence[Cell]]:
    yield (
        "id", "number", "wallbox", "vehicle", "plugged_in", "plugged_out", "managed", "policy", "aborted",
        "energy_kwh", "solar_kwh", "battery_kwh", "grid_kwh",
    )  # fmt: skip
    sql = "SELECT * FROM visits WHERE plugged_in_ms >= ? AND plugged_in_ms < ? ORDER BY plugged_in_ms, id DESC"
    for row in db.execute(sql, span):
        yield (
            row["id"], row["number"], row["wallbox"], row["vehicle"],
            _time(row["plugged_in_ms"]), _time(row["plugged_out_ms"]),
            _yes_or_no(row["managed"]), row["policy"], _yes_or_no(row["aborted"]),
            *(round(row[name] / 1000, 4) for name in ("energy_wh", "solar_wh", "battery_wh", "grid_wh")),
        )  # fmt: skip


def _decisions(db: Connection, span: Span) -> Iterator[Sequence[Cell]]:
    """A decision that sent a command stands beside what became of it."""
    yield (
        "time", "wallbox", "session", "kind", "state", "rule", "reason", "limit_a", "phases", "target_w", "ticks",
        "command", "dispatch_status", "outcome", "effect_s", "inputs",
    )  # fmt: skip
    sql = (
        "SELECT decisions.*, visits.id AS session, dispatch_status, outcome, effect_s FROM decisions"
        " LEFT JOIN visits ON visits.number = decisions.visit LEFT JOIN commands ON commands.id = decisions.command_id"
        " WHERE decisions.at_ms >= ? AND decisions.at_ms < ? ORDER BY decisions.at_ms, decisions.id"
    )
    for row in db.execute(sql, span):
        yield (
            _time(row["at_ms"]), row["wallbox"], row["session"], row["kind"], row["state"], row["rule"], row["reason"],
            row["limit_a"], row["phases"], row["target_w"], row["ticks"], row["command_id"], row["dispatch_status"],
            row["outcome"], row["effect_s"], row["inputs"],
        )  # fmt: skip


def _readings(db: Connection, span: Span) -> Iterator[Sequence[Cell]]:
    """The means of each minute. ``t_s,pv_w,house_w`` is what ``hemsd replay`` reads."""
    where = "FROM site_minutes WHERE at_ms >= ? AND at_ms < ?"
    sql = f"SELECT DISTINCT car.key {where.replace('WHERE', ', json_each(cars_w) AS car WHERE')} ORDER BY 1"
    cars = [row[0] for row in db.execute(sql, span)]
    yield "t_s", "pv_w", "house_w", "time", "grid_w", "battery_w", "battery_soc_pct", *(f"{car}_w" for car in cars)
    first_ms: int | None = None
    for row in db.execute(f"SELECT * {where} ORDER BY at_ms", span):
        at_ms = row["at_ms"]
        first_ms = at_ms if first_ms is None else first_ms
        cars_w = json.loads(row["cars_w"] or "{}")
        yield (
            (at_ms - first_ms) // MINUTE_MS * 60, row["pv_w"], row["house_w"],
            _time(at_ms), row["grid_w"], row["battery_w"], row["soc_pct"], *(cars_w.get(car) for car in cars),
        )  # fmt: skip


_TABLES: dict[What, Callable[[Connection, Span], Iterator[Sequence[Cell]]]] = {
    What.SESSIONS: _sessions,
    What.DECISIONS: _decisions,
    What.READINGS: _readings,
}


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else utc(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _yes_or_no(flag: int) -> str:
    return "yes" if flag else "no"
