"""What there is to write: each value of hemsd.model as a change of the database. Pure; the writer carries it out.

A change is *urgent* when losing it would leave hemsd or its owner with a wrong belief: that a command was sent, that a
transaction exists, that a car came or went. The rest may wait for the next group. While a change waits, a newer one
with the same *key* takes its place, so a quarter-hour that grows with each tick is written once a group.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from hemsd.model import Command, Decision, QuarterHour, Sample, SiteMinute, Visit
from hemsd.store import codec, outbox
from hemsd.store.outbox import Mark, Statement

Key = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """Its statements happen together or not at all; what must be told elsewhere (an outbox row) goes in with them."""

    statements: tuple[Statement, ...]
    key: Key | None = None
    urgent: bool = False
    told: tuple[Mark, ...] = ()  # they outlive the change, where a newer one takes its place before it is written

    @property
    def all_statements(self) -> tuple[Statement, ...]:
        return *self.statements, *(statement for mark in self.told for statement in outbox.tell(mark))


MOVE_VISIT = (
    "UPDATE visits SET vehicle = ?, managed = ?, plugged_in_ms = ?, plugged_out_ms = ?"
    " WHERE number = ? AND (vehicle IS NOT ? OR managed IS NOT ? OR plugged_in_ms IS NOT ? OR plugged_out_ms IS NOT ?)"
)
IDENTITY = "INSERT INTO identities (kind, name, id) VALUES (?, ?, ?)"
BEGIN = (
    "INSERT INTO transactions (id, wallbox, connector_id, id_tag, started_ms, meter_start_wh) VALUES (?, ?, ?, ?, ?, ?)"
)
REOPEN = "UPDATE transactions SET ended_ms = NULL, meter_stop_wh = NULL, reason = NULL WHERE id = ?"
END = "UPDATE transactions SET ended_ms = ?, meter_stop_wh = ?, reason = ? WHERE id = ?"
WRITTEN = (
    "INSERT INTO written (day_ms, bytes, commits) VALUES (?, ?, ?) ON CONFLICT (day_ms)"
    " DO UPDATE SET bytes = bytes + excluded.bytes, commits = commits + excluded.commits"
)


def upsert(table: str, key: tuple[str, ...], columns: codec.Columns, fixed: tuple[str, ...] = ()) -> Statement:
    """``fixed`` columns are set when the row is made, and never again.

    SQLite rewrites an index whenever an indexed column is assigned, even to what it was. So these are fixed, or the
    counters of a visit would cost five pages a minute instead of one.
    """
    return _upsert_sql(table, key, tuple(columns), fixed), tuple(columns.values())


@cache
def _upsert_sql(table: str, key: tuple[str, ...], columns: tuple[str, ...], fixed: tuple[str, ...]) -> str:
    """A visit is named by its uuid in values, and by its number in rows."""
    places = ", ".join("(SELECT number FROM visits WHERE id = ?)" if c == "visit" else "?" for c in columns)
    newer = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in key and c not in fixed)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {newer}"
    )


# ---------------------------------------------------------------------------------------------------------------------


def visit(visit: Visit, before: Visit | None) -> Change:
    columns = codec.visit_columns(visit)
    indexed = ("vehicle", "managed", "plugged_in_ms", "plugged_out_ms")
    moved = tuple(columns[name] for name in indexed)
    return Change(
        (
            upsert("visits", ("number",), columns, fixed=("id", "wallbox", *indexed)),
            (MOVE_VISIT, (*moved, visit.number, *moved)),
        ),
        key=("visit", visit.number),
        urgent=before is None or changes_state(before, visit),
    )


def changes_state(before: Visit, now: Visit) -> bool:
    """Whether more than counters moved."""
    counted = replace(
        before,
        meter_last_wh=now.meter_last_wh,
        energy_wh=now.energy_wh,
        solar_wh=now.solar_wh,
        battery_wh=now.battery_wh,
        grid_wh=now.grid_wh,
    )
    return counted != now


def decision(row_id: int, decision: Decision, visit_id: str | None) -> Change:
    """A dispatched one is urgent: its command is, and no command may stand without its reason."""
    return Change(
        (upsert("decisions", ("id",), codec.decision_columns(row_id, decision, visit_id), fixed=("visit", "at_ms")),),
        key=("decision", row_id),
        urgent=decision.dispatched and decision.ticks == 1,
    )


def command(command: Command) -> Change:
    statement = upsert("commands", ("id",), codec.command_columns(command), fixed=("visit", "at_ms"))
    return Change((statement,), key=("command", command.id), urgent=True)


def sample(visit_id: str, sample: Sample) -> Change:
    columns = codec.reading_columns(visit_id, sample)
    return Change(
        (upsert("meter_values", ("visit", "minute_ms"), columns),), key=("reading", visit_id, str(columns["minute_ms"]))
    )


def minute(minute: SiteMinute) -> Change:
    columns = codec.minute_columns(minute)
    return Change((upsert("site_minutes", ("at_ms",), columns),), key=("minute", str(columns["at_ms"])))


def quarter(quarter: QuarterHour) -> Change:
    columns = codec.quarter_columns(quarter)
    return Change(
        (upsert("quarter_hours", ("visit", "start_ms"), columns),),
        key=("quarter", quarter.visit_id, str(columns["start_ms"])),
    )


def course(visit_id: str, course: str, *, urgent: bool) -> Change:
    columns: codec.Columns = {"visit": visit_id, "course": course}
    return Change((upsert("courses", ("visit",), columns),), key=("course", visit_id), urgent=urgent)


def fact(key: str, value: str | None) -> Change:
    if value is None:
        statement: Statement = ("DELETE FROM facts WHERE key = ?", (key,))
    else:
        statement = upsert("facts", ("key",), {"key": key, "value": value})
    return Change((statement,), key=("fact", key), urgent=True)


def identity(kind: str, name: str, uuid: str) -> Change:
    return Change(((IDENTITY, (kind, name, uuid)),), urgent=True)


def begin(
    transaction_id: int,
    wallbox: str,
    connector_id: int,
    id_tag: str,
    started_at: datetime,
    meter_start_wh: float | None,
) -> Change:
    values = (transaction_id, wallbox, connector_id, codec.text(id_tag), codec.ms(started_at), meter_start_wh)
    return Change(((BEGIN, values),), urgent=True)


def reopen(transaction_id: int) -> Change:
    return Change(((REOPEN, (transaction_id,)),), urgent=True)


def end(transaction_id: int, ended_at: datetime, meter_stop_wh: float | None, reason: str) -> Change:
    values = (codec.ms(ended_at), meter_stop_wh, codec.text(reason), transaction_id)
    return Change(((END, values),), urgent=True)


def written(at: datetime, bytes_: int, commits: int) -> Change:
    at_ms = codec.ms(at)
    return Change(((WRITTEN, (at_ms - at_ms % codec.DAY_MS, bytes_, commits)),))
