"""One recorded day: how much the sun gave and the house took, second by second.

A recording begins about sunrise and ends after sunset. What it leaves out of the 24 hours is night: the sun gives
nothing, and the house load runs back and forth through its own recording, so that it stays a load of that house. After
86,400 s the day begins again.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path

DAY_S = 86_400.0
FOLDER = Path(__file__).parent / "days"

# Local time of t_s 0; days/SOURCES.md. An unknown recording is taken to begin at six in the morning.
_BEGINS = {"serf": time(5, 51), "nwtc": time(6, 9)}
_BEGINS_ELSE = time(6, 0)
_DATE_ELSE = date(2026, 6, 21)


@dataclass(frozen=True, slots=True)
class Day:
    """A recording: rows of equal length, times rising from 0."""

    name: str
    times_s: tuple[float, ...]
    pv_w: tuple[float, ...]
    house_w: tuple[float, ...]
    begins: time  # local
    recorded: date

    @property
    def length_s(self) -> float:
        return self.times_s[-1]

    def pv_at(self, t_s: float) -> float:
        t_s %= DAY_S
        return self._between(self.pv_w, t_s) if t_s <= self.length_s else 0.0

    def house_at(self, t_s: float) -> float:
        t_s %= DAY_S
        back_and_forth = t_s % (2 * self.length_s)
        return self._between(self.house_w, min(back_and_forth, 2 * self.length_s - back_and_forth))

    def moment(self, t_s: float, zone: tzinfo = UTC, on: date | None = None) -> datetime:
        """When ``t_s`` is, UTC, if the recorded day is played on a date (its own, when none is given)."""
        begins = datetime.combine(on or self.recorded, self.begins, zone)
        return begins.astimezone(UTC) + timedelta(seconds=t_s)

    def _between(self, values: tuple[float, ...], t_s: float) -> float:
        after = min(max(bisect_right(self.times_s, t_s), 1), len(self.times_s) - 1)
        before_s, after_s = self.times_s[after - 1], self.times_s[after]
        share = min(max((t_s - before_s) / (after_s - before_s), 0.0), 1.0)
        return values[after - 1] + (values[after] - values[after - 1]) * share


def shipped() -> list[str]:
    """The names of the recordings that come with hemsd."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def load(name_or_path: str) -> Day:
    """A shipped day by its name, or any CSV with the header t_s,pv_w,house_w. ValueError says what is wrong.

    Rows in which one of the two is not known are left out; what lies between their neighbours takes their place.
    """
    path = FOLDER / f"{name_or_path}.csv" if name_or_path in shipped() else Path(name_or_path)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [_numbers(row) for row in csv.DictReader(file) if row["pv_w"] and row["house_w"]]
    except FileNotFoundError as error:
        raise ValueError(f"no day {name_or_path!r}: take one of {', '.join(shipped())}, or a CSV's path") from error
    except KeyError as error:
        raise ValueError(f"{path}: the header must be t_s,pv_w,house_w; {error} is missing") from error
    if len(rows) < 2:
        raise ValueError(f"{path}: a day needs two rows or more")
    for (before_s, _, _), (after_s, _, _) in pairwise(rows):
        if after_s <= before_s:
            raise ValueError(f"{path}: time does not rise at t_s={after_s:g}")
    times_s, pv_w, house_w = zip(*rows, strict=True)
    return Day(
        path.stem, times_s, pv_w, house_w, _BEGINS.get(path.stem.split("-")[0], _BEGINS_ELSE), _date_in(path.stem)
    )


def _numbers(row: dict[str, str]) -> tuple[float, float, float]:
    return float(row["t_s"]), float(row["pv_w"]), float(row["house_w"])


def _date_in(name: str) -> date:
    found = re.search(r"\d{4}-\d{2}-\d{2}", name)
    return date.fromisoformat(found[0]) if found else _DATE_ELSE
