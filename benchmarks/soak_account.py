"""What a soak comes to: the recorded visits held against the wallbox's own register, and the daemon against itself."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

LARGEST_ERROR = 0.005  # of a visit's energy
LONGEST_EXCESS_S = 60.0  # simulated; a 25 A fuse of class gG carries 1.25 times that for an hour (IEC 60269-1)
STEEPEST_KB_H = 300.0  # of simulated time, over the longest life of a daemon; noise of the allocator included
LEAST_LIFE_H = 3.0  # a shorter one says nothing of a slope
LARGEST_KB = 250_000


@dataclass(frozen=True, slots=True)
class Look:
    """The daemon's memory at a moment."""

    life: int  # how often it had been killed
    at_s: float
    kb: int


@dataclass(frozen=True, slots=True)
class Account:
    """What was found in the end."""

    hours: float
    seed: int
    troubles: Mapping[str, int]
    register_wh: tuple[float, ...]  # what each stay's register gained
    visits_wh: tuple[float, ...]  # what each recorded visit says
    quarters_wh: tuple[float, ...]
    open_visits: int
    integrity: str
    excess_s: float  # the longest time above the fuse at a stretch
    looks: tuple[Look, ...]
    dead_tasks: tuple[str, ...]
    tick_age_s: float
    untold: int  # what the cloud still had to be told at the end
    written_mb: float
    log: str = field(repr=False)

    @property
    def largest_error(self) -> float:
        """Of a visit, against its register, beyond the 2 Wh that a register in whole Wh may be off at its two ends."""
        pairs = [pair for pair in zip(self.register_wh, self.visits_wh, strict=False) if pair[0] > 0]
        return max((max(0.0, abs(there - here) - 2.0) / there for there, here in pairs), default=0.0)

    @property
    def largest_kb(self) -> int:
        return max((look.kb for look in self.looks), default=0)

    @property
    def kb_h(self) -> float | None:
        """The slope of memory over the longest life, its first quarter aside; None when none was long enough."""
        lives: dict[int, list[Look]] = {}
        for look in self.looks:
            lives.setdefault(look.life, []).append(look)
        longest = max(lives.values(), key=lambda life: life[-1].at_s - life[0].at_s, default=[])
        settled = longest[len(longest) // 4 :]
        if len(settled) < 10 or settled[-1].at_s - settled[0].at_s < LEAST_LIFE_H * 3600:
            return None
        return 3600 * slope([look.at_s for look in settled], [float(look.kb) for look in settled])

    def faults(self) -> list[str]:
        """What is not as it must be; nothing, when all is well."""
        found = {
            f"{len(self.register_wh)} stays are {len(self.visits_wh)} visits": (
                len(self.visits_wh) != len(self.register_wh)
            ),
            f"{self.open_visits} visits are left open": self.open_visits > 0,
            f"a visit's energy is off by {self.largest_error:.2%}": self.largest_error > LARGEST_ERROR,
            "quarter-hours and visits differ": any(
                abs(quarters - visit) > 2.0 for quarters, visit in zip(self.quarters_wh, self.visits_wh, strict=True)
            ),
            f"the database says {self.integrity}": self.integrity != "ok",
            f"the fuse was exceeded for {self.excess_s:.0f} s": self.excess_s > LONGEST_EXCESS_S,
            f"the daemon held {self.largest_kb} kB": self.largest_kb > LARGEST_KB,
            f"memory grows by {self.kb_h or 0:.0f} kB an hour": (self.kb_h or 0.0) > STEEPEST_KB_H,
            f"not well in the end: {', '.join(self.dead_tasks)}": bool(self.dead_tasks),
            f"the control loop stood for {self.tick_age_s:.0f} s": self.tick_age_s > 60.0,
            f"the cloud was not told {self.untold} things": self.untold > 0,
            "the log has a traceback": "Traceback" in self.log,
        }
        return [text for text, wrong in found.items() if wrong]


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the straight line through the points, by least squares."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((one - mean_x) ** 2 for one in x)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the database holds in the end."""

    visits_wh: tuple[float, ...]
    quarters_wh: tuple[float, ...]
    open_visits: int
    integrity: str
    written_mb: float


def recorded(database: Path) -> Recorded:
    with closing(sqlite3.connect(database)) as db:
        visits = db.execute("SELECT number, energy_wh FROM visits ORDER BY number").fetchall()
        quarters = dict(db.execute("SELECT visit, sum(energy_wh) FROM quarter_hours GROUP BY visit").fetchall())
        [open_visits] = db.execute("SELECT count(*) FROM visits WHERE plugged_out_ms IS NULL").fetchone()
        [integrity] = db.execute("PRAGMA integrity_check").fetchone()
        [written] = db.execute("SELECT sum(bytes) FROM written").fetchone()
    return Recorded(
        tuple(energy_wh for _, energy_wh in visits),
        tuple(quarters.get(number, 0.0) for number, _ in visits),
        open_visits,
        integrity,
        (written or 0) / 1e6,
    )


def number(metrics: str, name: str) -> float:
    """The sum of a metric's samples in the text that /metrics answers; nan when it is not there."""
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", metrics, re.MULTILINE)
    return sum(map(float, found)) if found else float("nan")


def dead_tasks(metrics: str) -> tuple[str, ...]:
    return tuple(re.findall(r'^hemsd_task_up{task="([^"]+)"} 0\.0$', metrics, re.MULTILINE))


def report(account: Account) -> str:
    rows = [
        f"| {stay} | {there / 1000:.3f} | {here / 1000:.3f} | {here - there:+.1f} |"
        for stay, (there, here) in enumerate(zip(account.register_wh, account.visits_wh, strict=False), 1)
    ]
    troubles = ", ".join(f"{count} × {name}" for name, count in sorted(account.troubles.items()))
    kills = account.troubles.get("daemon killed", 0)
    grows = "no life was long enough for a slope" if account.kb_h is None else f"{account.kb_h:+.0f} kB an hour"
    faults = account.faults()
    return "\n".join(
        [
            "# Soak",
            "",
            f"`python -m benchmarks.soak --hours {account.hours:g} --seed {account.seed} --kills {kills}`:"
            f" {account.hours:g} simulated hours with {troubles}.",
            "",
            f"**{'Well' if not faults else 'Not well: ' + '; '.join(faults)}.**",
            "",
            "| | |",
            "|---|---|",
            f"| stays, visits, open | {len(account.register_wh)}; {len(account.visits_wh)}; {account.open_visits} |",
            f"| largest error of a visit | {account.largest_error:.2%} |",
            f"| longest time above the fuse | {account.excess_s:.0f} s |",
            f"| tasks not well in the end | {', '.join(account.dead_tasks) or 'none'} |",
            f"| still to be told to the cloud | {account.untold} |",
            f"| memory | at most {account.largest_kb / 1024:.0f} MB; {grows} |",
            f"| database | {account.integrity}, {account.written_mb:.1f} MB written |",
            "",
            "| stay | register kWh | visit kWh | difference Wh |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
