"""The real visits that every simulated session is bound to: when a car came, when it left, how much it took."""

from __future__ import annotations

import csv
import gzip
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class RealVisit:
    household: int
    plugged_in_at: datetime
    minutes: int
    kwh: float


@dataclass(frozen=True, slots=True)
class CarModel:
    ac_w: float
    phases: int
    usable_wh: float


def norwegian_visits() -> list[RealVisit]:
    """Residential visits of 12 places in Norway; local times, taken as they are."""
    with gzip.open(DATA / "norway_visits.csv.gz", "rt") as file:
        return [
            RealVisit(
                int(row["household"]),
                datetime.fromisoformat(row["plugged_in"]).replace(tzinfo=UTC),
                int(row["minutes"]),
                float(row["kwh"]),
            )
            for row in csv.DictReader(file)
        ]


def car_models() -> list[CarModel]:
    with (DATA / "cars.csv").open() as file:
        return [
            CarModel(1000 * float(row["ac_kw"]), int(row["phases"]), 1000 * float(row["usable_kwh"]))
            for row in csv.DictReader(file)
        ]


def hourly_register() -> list[tuple[datetime, float]]:
    """The car's register of one real home in Konstanz, kWh, hourly."""
    with gzip.open(DATA / "opsd_home4.csv.gz", "rt") as file:
        return [
            (datetime.fromisoformat(row["hour"].replace("Z", "+00:00")), float(row["ev_kwh"]))
            for row in csv.DictReader(file)
        ]


def checksums() -> dict[str, str]:
    """What the card says the data were."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(DATA.glob("*.csv*"))}
