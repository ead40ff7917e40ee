"""The SELECTs behind every view: pure functions of a connection, which answer values and never rows.

Lists of visits are newest first, then by id, and walk along an index from the place that a cursor names: page 2,000
costs what page 1 costs. The order lives in the two ORDER BYs and in ``_Where``, nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from sqlite3 import Connection, Row

from hemsd.model import Command, Decision, Outcome, QuarterHour, Reading, SiteMinute, Visit
from hemsd.store import codec, cursor
from hemsd.store.codec import ms, utc
from hemsd.store.rows import Transaction, VisitFilter, WrittenDay
from hemsd.store.transactions import Start

NEWEST_FIRST = "ORDER BY plugged_in_ms DESC, id"
OLDEST_FIRST = "ORDER BY plugged_in_ms, id DESC"


# ---------------------------------------------------------------------------------------------------------------------
# Visits


@dataclass(frozen=True, slots=True)
class _Where:
    """Conditions that are all meant, with their values; and one range of time, which SQLite walks on the index.

    Of two bounds on the same side it would walk to one and check the other row by row, so they become one here.
    """

    oldest_ms: int | None = None
    newest_ms: int | None = None
    conditions: tuple[str, ...] = ()
    values: tuple[codec.Value, ...] = ()

    def and_(self, condition: str, *values: codec.Value) -> _Where:
        return replace(self, conditions=(*self.conditions, condition), values=(*self.values, *values))

    def not_before(self, at_ms: int) -> _Where:
        return replace(self, oldest_ms=at_ms if self.oldest_ms is None else max(self.oldest_ms, at_ms))

    def not_after(self, at_ms: int) -> _Where:
        return replace(self, newest_ms=at_ms if self.newest_ms is None else min(self.newest_ms, at_ms))

    def older_than(self, place: cursor.Place) -> _Where:
        return self.not_after(place[0]).and_("(plugged_in_ms < ? OR id > ?)", *place)

    def newer_than(self, place: cursor.Place) -> _Where:
        return self.not_before(place[0]).and_("(plugged_in_ms > ? OR id < ?)", *place)

    def clause(self) -> tuple[str, tuple[codec.Value, ...]]:
        whole = self
        if self.oldest_ms is not None:
            whole = whole.and_("plugged_in_ms >= ?", self.oldest_ms)
        if self.newest_ms is not None:
            whole = whole.and_("plugged_in_ms <= ?", self.newest_ms)
        return f"WHERE {' AND '.join(whole.conditions)}" if whole.conditions else "", whole.values


def _where(wanted: VisitFilter) -> _Where:
    where = _Where()
    if wanted.wallbox is not None:
        where = where.and_("wallbox = ?", wanted.wallbox)
    if wanted.vehicle is not None:
        where = where.and_("vehicle = ?", wanted.vehicle)
    if wanted.policy is not None:
        where = where.and_("policy = ?", wanted.policy)
    if wanted.lasted_s is not None:
        where = where.and_("plugged_out_ms - plugged_in_ms >= ?", wanted.lasted_s * 1000.0)
    if wanted.managed is not None:
        where = where.and_("managed = ?", wanted.managed)
    if wanted.ended is not None:
        where = where.and_("plugged_out_ms IS NOT NULL" if wanted.ended else "plugged_out_ms IS NULL")
    if wanted.plugged_in_from_at is not None:
        where = where.not_before(ms(wanted.plugged_in_from_at))
    if wanted.plugged_in_to_at is not None:
        where = where.not_after(ms(wanted.plugged_in_to_at))
    if wanted.plugged_out_to_at is not None:
        out_ms = ms(wanted.plugged_out_to_at)
        where = where.and_("plugged_out_ms <= ?", out_ms).not_after(out_ms)  # nobody leaves before they came
    return where


def visit_page(
    db: Connection, wanted: VisitFilter, limit: int, after: cursor.Place | None, before: cursor.Place | None
) -> tuple[tuple[Visit, ...], bool, bool]:
    """(the visits, whether there are older ones, whether there are newer ones)"""
    where = _where(wanted)
    if before is not None:
        rows = _visits(db, where.newer_than(before), OLDEST_FIRST, limit)[::-1]
    elif after is not None:
        rows = _visits(db, where.older_than(after), NEWEST_FIRST, limit)
    else:
        rows = _visits(db, where, NEWEST_FIRST, limit)
    if not rows:
        return (), False, False
    older = bool(_visits(db, where.older_than(place(rows[-1])), NEWEST_FIRST, 1))
    newer = bool(_visits(db, where.newer_than(place(rows[0])), OLDEST_FIRST, 1))
    return tuple(rows), older, newer


def counted_page(db: Connection, wanted: VisitFilter, offset: int, limit: int) -> tuple[int, tuple[Visit, ...]]:
    """(how many there are in all, those of the page): for dialects that count pages.

    What lies before the page is skipped along an index, from the nearer end, and without a look at the rows: so the
    last page costs what the first one costs.
    """
    total = count_visits(db, wanted)
    size = max(0, min(limit, total - offset))
    after = total - offset - size
    if offset <= after:
        return total, _page_at(db, wanted, NEWEST_FIRST, offset, size)
    return total, _page_at(db, wanted, OLDEST_FIRST, max(0, after), size)[::-1]


def _page_at(db: Connection, wanted: VisitFilter, order: str, offset: int, size: int) -> tuple[Visit, ...]:
    clause, values = _where(wanted).clause()
    sql = (
        f"SELECT visits.* FROM (SELECT number FROM visits {clause} {order} LIMIT ? OFFSET ?) AS page"
        f" JOIN visits ON visits.number = page.number {order}"
    )
    return tuple(codec.visit_of(row) for row in db.execute(sql, (*values, size, offset)))


def _visits(db: Connection, where: _Where, order: str, limit: int) -> list[Visit]:
    clause, values = where.clause()
    sql = f"SELECT * FROM visits {clause} {order} LIMIT ?"
    return [codec.visit_of(row) for row in db.execute(sql, (*values, limit))]


def place(visit: Visit) -> cursor.Place:
    return ms(visit.plugged_in_at), visit.id


def count_visits(db: Connection, wanted: VisitFilter) -> int:
    clause, values = _where(wanted).clause()
    return int(db.execute(f"SELECT count(*) FROM visits {clause}", values).fetchone()[0])


def visit(db: Connection, visit_id: str) -> Visit | None:
    row = db.execute("SELECT * FROM visits WHERE id = ?", (visit_id,)).fetchone()
    return None if row is None else codec.visit_of(row)


def visit_numbered(db: Connection, number: int) -> Visit | None:
    row = db.execute("SELECT * FROM visits WHERE number = ?", (number,)).fetchone()
    return None if row is None else codec.visit_of(row)


def running_visits(db: Connection) -> tuple[Visit, ...]:
    rows = db.execute("SELECT * FROM visits WHERE plugged_out_ms IS NULL ORDER BY number")
    return tuple(codec.visit_of(row) for row in rows)


# ---------------------------------------------------------------------------------------------------------------------
# What belongs to a visit, oldest first


def decisions(db: Connection, visit_id: str) -> tuple[Decision, ...]:
    return tuple(codec.decision_of(row) for row in _of_visit(db, "decisions", visit_id, "id"))


def decisions_after(
    db: Connection, visit_id: str, after_id: int, limit: int, upto_id: int | None = None
) -> tuple[tuple[int, Decision], ...]:
    """With the ids of their rows, oldest first; ``upto_id`` is included."""
    sql = (
        "SELECT decisions.*, visits.id AS visit_id FROM decisions JOIN visits ON visits.number = decisions.visit"
        " WHERE visits.id = ? AND decisions.id > ? AND decisions.id <= ? ORDER BY decisions.id LIMIT ?"
    )
    upto = 2**63 - 1 if upto_id is None else upto_id
    return tuple((row["id"], codec.decision_of(row)) for row in db.execute(sql, (visit_id, after_id, upto, limit)))


def commands(db: Connection, visit_id: str) -> tuple[Command, ...]:
    return tuple(codec.command_of(row) for row in _of_visit(db, "commands", visit_id, "id"))


def commands_of(db: Connection, visit_ids: Sequence[str]) -> dict[str, list[Command]]:
    """Of several visits; one that has none is left out."""
    places = ", ".join("?" * len(visit_ids))
    sql = (
        "SELECT commands.*, visits.id AS visit_id FROM commands JOIN visits ON visits.number = commands.visit"
        f" WHERE visits.id IN ({places}) ORDER BY commands.id"
    )
    found: dict[str, list[Command]] = {}
    for row in db.execute(sql, tuple(visit_ids)):
        found.setdefault(row["visit_id"], []).append(codec.command_of(row))
    return found


def readings(db: Connection, visit_id: str) -> tuple[Reading, ...]:
    return tuple(codec.reading_of(row) for row in _of_visit(db, "meter_values", visit_id, "minute_ms"))


def quarters(db: Connection, visit_id: str) -> tuple[QuarterHour, ...]:
    return tuple(codec.quarter_of(row) for row in _of_visit(db, "quarter_hours", visit_id, "start_ms"))


def courses(db: Connection, visit_ids: Sequence[str]) -> dict[str, object]:
    places = ", ".join("?" * len(visit_ids))
    sql = (
        "SELECT visits.id AS visit_id, course FROM courses JOIN visits ON visits.number = courses.visit"
        f" WHERE visits.id IN ({places})"
    )
    return {row["visit_id"]: json.loads(row["course"]) for row in db.execute(sql, tuple(visit_ids))}


def obedience(db: Connection, visit_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """(obeyed, judged) of each visit's commands; one that has none is left out."""
    places = ", ".join("?" * len(visit_ids))
    sql = (
        "SELECT visits.id AS visit_id, sum(outcome = ?) AS obeyed, count(*) AS judged"
        " FROM commands JOIN visits ON visits.number = commands.visit"
        f" WHERE visits.id IN ({places}) AND final AND outcome <> ? GROUP BY visits.id"
    )
    rows = db.execute(sql, (Outcome.APPLIED, *visit_ids, Outcome.UNVERIFIED))
    return {row["visit_id"]: (row["obeyed"], row["judged"]) for row in rows}


def decisions_between(db: Connection, from_at: datetime, to_at: datetime) -> tuple[Decision, ...]:
    return tuple(codec.decision_of(row) for row in _in_span(db, "decisions", from_at, to_at))


def commands_between(db: Connection, from_at: datetime, to_at: datetime) -> tuple[Command, ...]:
    return tuple(codec.command_of(row) for row in _in_span(db, "commands", from_at, to_at))


def _in_span(db: Connection, table: str, from_at: datetime, to_at: datetime) -> Iterator[Row]:
    """[from_at, to_at), oldest first, of any visit or none."""
    sql = (
        f"SELECT {table}.*, visits.id AS visit_id FROM {table} LEFT JOIN visits ON visits.number = {table}.visit"
        f" WHERE {table}.at_ms >= ? AND {table}.at_ms < ? ORDER BY {table}.id"
    )
    return db.execute(sql, (ms(from_at), ms(to_at)))


def _of_visit(db: Connection, table: str, visit_id: str, order: str) -> Iterator[Row]:
    sql = (
        f"SELECT {table}.*, visits.id AS visit_id FROM {table} JOIN visits ON visits.number = {table}.visit"
        f" WHERE visits.id = ? ORDER BY {table}.{order}"
    )
    return db.execute(sql, (visit_id,))


# ---------------------------------------------------------------------------------------------------------------------
# The house


def history(db: Connection, from_at: datetime, to_at: datetime, step_s: int) -> tuple[SiteMinute, ...]:
    """Means per step, each at its beginning, ``from_at`` to before ``to_at``, on multiples of ``step_s`` in UTC."""
    step_ms = step_s * 1000
    span = (step_ms, step_ms, ms(from_at), ms(to_at))
    cars: dict[int, dict[str, float]] = {}
    for step, name, power_w in db.execute(
        "SELECT at_ms / ? * ? AS step_ms, car.key, avg(car.value) FROM site_minutes, json_each(cars_w) AS car"
        " WHERE at_ms >= ? AND at_ms < ? AND cars_w IS NOT NULL GROUP BY 1, 2",
        span,
    ):
        cars.setdefault(step, {})[name] = power_w
    rows = db.execute(
        "SELECT at_ms / ? * ? AS step_ms, avg(grid_w) AS grid_w, avg(pv_w) AS pv_w, avg(battery_w) AS battery_w,"
        " avg(soc_pct) AS soc_pct, avg(house_w) AS house_w FROM site_minutes WHERE at_ms >= ? AND at_ms < ?"
        " GROUP BY 1 ORDER BY 1",
        span,
    )
    return tuple(codec.step_of(row, cars.get(row["step_ms"], {})) for row in rows)


def newest_at(db: Connection) -> datetime | None:
    """The latest moment that anything is recorded for: the present can't lie before it."""
    newest = db.execute(
        "SELECT max(at) FROM (SELECT max(at_ms) AS at FROM site_minutes"
        " UNION ALL SELECT max(at_ms) FROM decisions"
        " UNION ALL SELECT max(at_ms) FROM commands"
        " UNION ALL SELECT max(plugged_in_ms) FROM visits)"
    ).fetchone()[0]
    return codec.utc_or_none(newest)


def written_days(db: Connection) -> tuple[WrittenDay, ...]:
    rows = db.execute("SELECT day_ms, bytes, commits FROM written ORDER BY day_ms")
    return tuple(WrittenDay(utc(row["day_ms"]), row["bytes"], row["commits"]) for row in rows)


# ---------------------------------------------------------------------------------------------------------------------
# Transactions


def ended_transaction(db: Connection, start: Start) -> int | None:
    row = db.execute(
        "SELECT id FROM transactions WHERE wallbox = ? AND connector_id = ? AND started_ms = ? AND meter_start_wh IS ?"
        " ORDER BY id DESC",
        (start.wallbox, start.connector_id, start.started_ms, start.meter_start_wh),
    ).fetchone()
    return None if row is None else int(row["id"])


def transactions_of(db: Connection, visit_id: str) -> tuple[Transaction, ...]:
    """Every transaction of a visit, oldest first."""
    rows = db.execute(
        "SELECT * FROM transactions WHERE id IN (SELECT transaction_id FROM visits WHERE id = ?"
        " UNION SELECT meter_values.transaction_id FROM meter_values JOIN visits ON number = visit WHERE visits.id = ?)"
        " ORDER BY started_ms",
        (visit_id, visit_id),
    )
    return tuple(
        Transaction(
            row["id"],
            utc(row["started_ms"]),
            row["meter_start_wh"],
            codec.utc_or_none(row["ended_ms"]),
            row["meter_stop_wh"],
        )
        for row in rows
    )


# ---------------------------------------------------------------------------------------------------------------------
# The start of the daemon


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the store keeps in memory from its first moment."""

    facts: tuple[tuple[str, str], ...]
    identities: tuple[tuple[tuple[str, str], str], ...]
    running: tuple[Visit, ...]
    transactions: tuple[tuple[int, Start], ...]
    last_visit_number: int
    last_decision_id: int
    last_command_id: int
    last_transaction_id: int


def beginning(db: Connection) -> Beginning:
    return Beginning(
        facts=tuple((row["key"], row["value"]) for row in db.execute("SELECT key, value FROM facts")),
        identities=tuple(
            ((row["kind"], row["name"]), row["id"]) for row in db.execute("SELECT kind, name, id FROM identities")
        ),
        running=running_visits(db),
        transactions=tuple(
            (row["id"], Start(row["wallbox"], row["connector_id"], row["started_ms"], row["meter_start_wh"]))
            for row in db.execute("SELECT * FROM transactions WHERE ended_ms IS NULL")
        ),
        last_visit_number=_largest(db, "SELECT max(number) FROM visits"),
        last_decision_id=_largest(db, "SELECT max(id) FROM decisions"),
        # A decision may have been committed and its command lost: that id is not given again either.
        last_command_id=max(
            _largest(db, "SELECT max(id) FROM commands"),
            _largest(db, "SELECT max(command_id) FROM (SELECT command_id FROM decisions ORDER BY id DESC LIMIT 1000)"),
        ),
        last_transaction_id=_largest(db, "SELECT max(id) FROM transactions"),
    )


def _largest(db: Connection, sql: str) -> int:
    return int(db.execute(sql).fetchone()[0] or 0)
