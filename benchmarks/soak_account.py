"""What a soak comes to: the recorded visits held against the wallbox's own register, and the daemon against itself."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

LARGEST_ERROR = 0.005  # of a visit's energy
REGISTER_WH = 2.0  # a register in whole Wh may be off by one at each end
LATEST_S = 2700.0  # a link that has just gone (10 min), or a car that goes before NTP answers (2 quarter-hours)
LONGEST_EXCESS_S = 60.0  # a 25 A fuse of class gG carries 1.25 times that for an hour (IEC 60269-1)
STEEPEST_KB_H = 100.0  # noise of the allocator included
LEAST_LIFE_H = 6.0  # of its second half: a shorter one says nothing of a slope
LARGEST_KB = 250_000
MOST_MB_PER_DAY = 25.0


@dataclass(frozen=True, slots=True)
class Stay:
    """What really happened: a car stood at the wallbox, and the register gained so much."""

    came_at: datetime
    left_at: datetime
    energy_wh: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """A visit as the database has it."""

    came_at: datetime
    left_at: datetime | None
    energy_wh: float
    quarters_wh: float


@dataclass(frozen=True, slots=True)
class Records:
    """What the database holds in the end."""

    visits: tuple[Recorded, ...]
    integrity: str
    written_mb: float


@dataclass(frozen=True, slots=True)
class Look:
    """The daemon's memory at a moment."""

    life: int
    at_s: float
    kb: int


@dataclass(frozen=True, slots=True)
class Account:
    """What was found in the end."""

    hours: float
    seed: int
    troubles: Mapping[str, int]
    stays: tuple[Stay, ...]
    records: Records
    excess_s: float  # the longest time above the fuse at a stretch
    looks: tuple[Look, ...]
    dead_tasks: tuple[str, ...]
    tick_age_s: float
    untold: int  # what the cloud still had to be told at the end
    log: str = field(repr=False)

    @property
    def pairs(self) -> list[tuple[Stay, Recorded]]:
        return list(zip(self.stays, self.records.visits, strict=False))

    @property
    def largest_error(self) -> float:
        """Of a visit, against its register, beyond what a register in whole Wh may be off."""
        return max((off_by(stay, visit) for stay, visit in self.pairs), default=0.0)

    @property
    def error(self) -> float:
        """Of all energy."""
        there = sum(stay.energy_wh for stay in self.stays)
        return abs(sum(visit.energy_wh for visit in self.records.visits) - there) / there if there else 0.0

    @property
    def latest_s(self) -> float:
        """By how much the time of a coming or going is off."""
        return max((late_s(stay, visit) for stay, visit in self.pairs), default=0.0)

    @property
    def largest_kb(self) -> int:
        return max((look.kb for look in self.looks), default=0)

    @property
    def kb_h(self) -> float | None:
        """The slope of memory over the second half of a life, in the median of them; None when none was long enough."""
        lives: dict[int, list[Look]] = {}
        for look in self.looks:
            lives.setdefault(look.life, []).append(look)
        halves = (life[len(life) // 2 :] for life in lives.values())
        settled = [half for half in halves if half[-1].at_s - half[0].at_s >= LEAST_LIFE_H * 3600]
        return (
            median(3600 * slope([look.at_s for look in half], [look.kb for look in half]) for half in settled)
            if settled
            else None
        )

    @property
    def mb_per_day(self) -> float:
        return self.records.written_mb / max(1.0, self.hours / 24)

    def faults(self) -> list[str]:
        """What is not as it must be; nothing, when all is well."""
        visits = self.records.visits
        still_open = sum(visit.left_at is None for visit in visits)
        found = {
            f"{len(self.stays)} stays are {len(visits)} visits": len(visits) != len(self.stays),
            f"{still_open} visits are left open": still_open > 0,
            f"a visit's energy is off by {self.largest_error:.2%}": self.largest_error > LARGEST_ERROR,
            f"all energy is off by {self.error:.2%}": self.error > LARGEST_ERROR,
            f"a coming or going is noted {self.latest_s:.0f} s off": self.latest_s > LATEST_S,
            "quarter-hours and visits differ": any(
                abs(visit.quarters_wh - visit.energy_wh) > REGISTER_WH for visit in visits
            ),
            f"the database says {self.records.integrity}": self.records.integrity != "ok",
            f"{self.mb_per_day:.0f} MB were written a day": self.mb_per_day > MOST_MB_PER_DAY,
            f"the fuse was exceeded for {self.excess_s:.0f} s": self.excess_s > LONGEST_EXCESS_S,
            f"the daemon held {self.largest_kb} kB": self.largest_kb > LARGEST_KB,
            f"memory grows by {self.kb_h or 0:.0f} kB an hour": (self.kb_h or 0.0) > STEEPEST_KB_H,
            f"not well in the end: {', '.join(self.dead_tasks)}": bool(self.dead_tasks),
            f"the control loop stood for {self.tick_age_s:.0f} s": not self.tick_age_s <= 60.0,
            f"the cloud was not told {self.untold} things": self.untold > 0,
            "the log has a traceback": "Traceback" in self.log,
        }
        return [text for text, wrong in found.items() if wrong]


def off_by(stay: Stay, visit: Recorded) -> float:
    beyond_wh = max(0.0, abs(visit.energy_wh - stay.energy_wh) - REGISTER_WH)
    return beyond_wh / max(stay.energy_wh, REGISTER_WH)


def late_s(stay: Stay, visit: Recorded) -> float:
    came_s = abs((visit.came_at - stay.came_at).total_seconds())
    return came_s if visit.left_at is None else max(came_s, abs((visit.left_at - stay.left_at).total_seconds()))


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the straight line through the points, by least squares."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((one - mean_x) ** 2 for one in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread


def recorded(database: Path) -> Records:
    with closing(sqlite3.connect(database)) as db:
        visits = db.execute(
            "SELECT plugged_in_ms, plugged_out_ms, visits.energy_wh, coalesce(sum(quarter_hours.energy_wh), 0)"
            " FROM visits LEFT JOIN quarter_hours ON visit = number GROUP BY number ORDER BY number"
        ).fetchall()
        [integrity] = db.execute("PRAGMA integrity_check").fetchone()
        [written] = db.execute("SELECT sum(bytes) FROM written").fetchone()
    return Records(
        tuple(
            Recorded(moment(came_ms), None if left_ms is None else moment(left_ms), energy_wh, quarters_wh)
            for came_ms, left_ms, energy_wh, quarters_wh in visits
        ),
        integrity,
        (written or 0) / 1e6,
    )


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def number(metrics: str, name: str) -> float:
    """The sum of a metric's samples in the text that /metrics answers; nan when it is not there."""
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", metrics, re.MULTILINE)
    return sum(map(float, found)) if found else float("nan")


def dead_tasks(metrics: str) -> tuple[str, ...]:
    return tuple(re.findall(r'^hemsd_task_up{task="([^"]+)"} 0\.0$', metrics, re.MULTILINE))


def report(account: Account) -> str:
    rows = [
        f"| {stay.came_at:%d %b %H:%M} | {(stay.left_at - stay.came_at).total_seconds() / 3600:.1f} h"
        f" | {stay.energy_wh / 1000:.3f} | {visit.energy_wh / 1000:.3f} | {visit.energy_wh - stay.energy_wh:+.1f}"
        f" | {late_s(stay, visit):.0f} s |"
        for stay, visit in account.pairs
    ]
    troubles = ", ".join(f"{count} × {name}" for name, count in sorted(account.troubles.items()))
    grows = "no life was long enough for a slope" if account.kb_h is None else f"{account.kb_h:+.0f} kB an hour"
    faults, records = account.faults(), account.records
    return "\n".join(
        [
            "# Soak",
            "",
            f"`python -m benchmarks.soak --seed {account.seed}`: {account.hours:.1f} simulated hours with {troubles}.",
            "",
            f"**{'Well' if not faults else 'Not well: ' + '; '.join(faults)}.**",
            "",
            "| | |",
            "|---|---|",
            f"| stays, visits | {len(account.stays)}; {len(records.visits)} |",
            f"| error of all energy, and the largest of a visit | {account.error:.2%}; {account.largest_error:.2%} |",
            f"| a coming or going is noted | at most {account.latest_s:.0f} s off |",
            f"| longest time above the fuse | {account.excess_s:.0f} s |",
            f"| tasks not well in the end | {', '.join(account.dead_tasks) or 'none'} |",
            f"| still to be told to the cloud | {account.untold} |",
            f"| memory | at most {account.largest_kb / 1024:.0f} MB; {grows} |",
            f"| database | {records.integrity}, {account.mb_per_day:.1f} MB written a day |",
            "",
            "| a car came | for | register kWh | visit kWh | difference Wh | noted off by |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
