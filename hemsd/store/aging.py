"""What becomes of old rows: a day at a time they are thinned, and later deleted. Visits and their quarter-hours stay.

One day's rows are one short change for the writer, so nobody waits for it and a power cut costs nothing. A page that
becomes free is filled again by what comes next; only what stays free is given back to the file system.
"""

from __future__ import annotations

from dataclasses import dataclass
from sqlite3 import Connection

from hemsd.store.codec import DAY_MS
from hemsd.store.outbox import Statement

THIN_MS = 300_000  # five minutes: still finer than any quarter-hour
SPARE_SHARE = 0.2
SPARE_PAGES = 4096
GIVEN_BACK_PAGES = 1024  # at a time


@dataclass(frozen=True, slots=True)
class Size:
    """Of the database file."""

    bytes: int
    used_bytes: int
    spare_pages: int

    @property
    def much_is_spare(self) -> bool:
        return self.spare_pages > SPARE_PAGES and self.bytes - self.used_bytes > SPARE_SHARE * self.bytes


def size(db: Connection) -> Size:
    page, pages, spare = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_size", "page_count", "freelist_count")
    )
    return Size(page * pages, page * (pages - spare), spare)


def day_of(at_ms: int) -> int:
    return at_ms - at_ms % DAY_MS


def oldest_day(db: Connection) -> int | None:
    """The UTC day of the oldest row that may be deleted."""
    oldest = db.execute(
        "SELECT min(at) FROM (SELECT min(at_ms) AS at FROM site_minutes"
        " UNION ALL SELECT min(at_ms) FROM decisions WHERE id < (SELECT max(id) FROM decisions)"
        " UNION ALL SELECT min(at_ms) FROM commands WHERE id < (SELECT max(id) FROM commands)"
        " UNION ALL SELECT min(at_ms) FROM wallbox_statuses"
        " UNION ALL SELECT plugged_in_ms FROM visits WHERE number = (SELECT min(visit) FROM meter_values)"
        " UNION ALL SELECT created_ms FROM analysis_sessions WHERE number = (SELECT min(session) FROM analysis_values))"
    ).fetchone()[0]
    return None if oldest is None else day_of(int(oldest))


def next_day_with_minutes(db: Connection, from_ms: int) -> int | None:
    oldest = db.execute("SELECT min(at_ms) FROM site_minutes WHERE at_ms >= ?", (from_ms,)).fetchone()[0]
    return None if oldest is None else day_of(int(oldest))


def forget(before_ms: int) -> tuple[Statement, ...]:
    """Deletes what is older. The newest decision and command stay: from them the next ids are counted."""
    return (
        ("DELETE FROM site_minutes WHERE at_ms < ?", (before_ms,)),
        ("DELETE FROM decisions WHERE at_ms < ? AND id < (SELECT max(id) FROM decisions)", (before_ms,)),
        ("DELETE FROM commands WHERE at_ms < ? AND id < (SELECT max(id) FROM commands)", (before_ms,)),
        ("DELETE FROM wallbox_statuses WHERE at_ms < ?", (before_ms,)),
        ("DELETE FROM meter_values WHERE visit IN (SELECT number FROM visits WHERE plugged_in_ms < ?)", (before_ms,)),
        (
            "DELETE FROM analysis_values WHERE session IN (SELECT number FROM analysis_sessions WHERE created_ms < ?)",
            (before_ms,),
        ),
    )


def thin(day_ms: int) -> tuple[Statement, ...]:
    """Of one day, five minutes become one: the house's means their mean, a wallbox's samples the newest of them.

    A day that is thin already stays as it is.
    """
    span = (day_ms, day_ms + DAY_MS)
    return (
        (_MEANS, span),
        (f"DELETE FROM site_minutes WHERE at_ms >= ? AND at_ms < ? AND at_ms % {THIN_MS} != 0", span),
        (
            "DELETE FROM meter_values WHERE visit IN"
            " (SELECT number FROM visits WHERE plugged_in_ms >= ? AND plugged_in_ms < ?)"
            " AND EXISTS (SELECT 1 FROM meter_values AS later WHERE later.visit = meter_values.visit"
            " AND later.minute_ms > meter_values.minute_ms"
            f" AND later.minute_ms / {THIN_MS} = meter_values.minute_ms / {THIN_MS})",
            span,
        ),
    )


_MEANS = f"""
    INSERT OR REPLACE INTO site_minutes (at_ms, grid_w, pv_w, battery_w, soc_pct, house_w, cars_w)
    SELECT at_ms / {THIN_MS} * {THIN_MS} AS slot_ms, round(avg(grid_w), 1), round(avg(pv_w), 1),
        round(avg(battery_w), 1), round(avg(soc_pct), 1), round(avg(house_w), 1),
        (SELECT nullif(json_group_object(key, mean), '{{}}') FROM (
            SELECT car.key AS key, round(avg(car.value), 1) AS mean
            FROM site_minutes AS one, json_each(one.cars_w) AS car
            WHERE one.at_ms >= site_minutes.at_ms / {THIN_MS} * {THIN_MS}
                AND one.at_ms < site_minutes.at_ms / {THIN_MS} * {THIN_MS} + {THIN_MS} AND one.cars_w IS NOT NULL
            GROUP BY 1))
    FROM site_minutes WHERE at_ms >= ? AND at_ms < ? GROUP BY slot_ms
"""


def give_back() -> tuple[Statement, ...]:
    """Returns spare pages to the file system; one at a time, because Python's sqlite3 takes one step of this PRAGMA."""
    return (("PRAGMA incremental_vacuum(1)", ()),) * GIVEN_BACK_PAGES
