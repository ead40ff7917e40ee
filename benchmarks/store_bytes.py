"""What a day of hemsd writes to the memory card: ``python -m benchmarks.store_bytes [--cars N] [--days N]``.

A day is played through the real store, tick by tick, under a clock that the benchmark moves: a car at each wallbox
around the clock (the worst case), eight hours of sun with a new limit every four minutes, each judged 20 s later, and
a sample every 10 s. Two sums are printed:

- *database*: pages that SQLite put into its log and copied out of it, as ``Store.bytes_written`` counts them;
- *storage*: what the kernel counts for this process (``write_bytes`` in /proc/self/io), with the log forced out after
  each group, as a kernel does by itself within seconds: whole blocks of 4 KiB, and so the honest number for a card.
  What the file system adds for its own journal comes on top and is not seen here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from hemsd.clock import ManualClock
from hemsd.journal import DecisionRows
from hemsd.model import (
    Attempt,
    Command,
    Decision,
    DecisionKind,
    DispatchStatus,
    Evidence,
    Outcome,
    QuarterHour,
    Sample,
    SiteMinute,
    SteeringState,
    Visit,
)
from hemsd.store import Store

TICK_S = 5
DAY_S = range(0, 86_400, TICK_S)
SUN_S = range(9 * 3600, 17 * 3600)
COMMAND_EVERY_S = 240
VERDICT_AFTER_S = 20


class Car:
    """One wallbox with a car that stays all day."""

    def __init__(self, name: str, store: Store, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.rows = DecisionRows(store)
        self.random = random.Random(name)
        self.visit = Visit(
            id=str(uuid4()), number=store.next_visit_number(), wallbox=name, plugged_in_at=clock.utc(), vehicle="car"
        )
        self.quarter_wh = 0.0
        self.power_w = 0.0
        self.pending: Command | None = None
        store.save_visit(self.visit)

    def tick(self, second: int) -> None:
        sunny = second in SUN_S
        if not sunny:
            self.power_w = 0.0
        elif second % COMMAND_EVERY_S == 0:
            self._command()
        elif second % 60 == 0:
            self._decide(DecisionKind.HOLD, "within-step")
        if not sunny:
            self._decide(DecisionKind.HOLD, "no-surplus")
        if self.pending is not None and self.clock.monotonic() - self.pending.sent_s >= VERDICT_AFTER_S:
            self._judge(self.pending)
        if second % 10 == 0:
            self.store.record_sample(self.visit.id, self._sample())
        self._count(second)

    def _decide(self, kind: DecisionKind, rule: str, command_id: int | None = None) -> None:
        decision = Decision(
            wallbox=self.visit.wallbox,
            at=self.clock.utc(),
            kind=kind,
            state=SteeringState.MODULATING if kind is DecisionKind.STEP else SteeringState.IDLE,
            rule=rule,
            reason=f"surplus {self.power_w / 1000:.1f} kW keeps {self.power_w / 690:.0f} A on 3 phases",
            limit_a=self.power_w / 690,
            phases=3,
            target_w=round(self.power_w),
            inputs={
                "grid_w": -120.4,
                "pv_w": 5960.2,
                "battery_w": None,
                "house_w": 480.1,
                "mode": "solar",
                "age_s": 0.4,
            },
            dispatched=command_id is not None,
            command_id=command_id,
        )
        self.rows.add(decision, self.visit.id, self.clock.monotonic())

    def _command(self) -> None:
        amps = float(self.random.randint(6, 16))
        self.power_w = amps * 690
        self.pending = Command(
            id=self.store.next_command_id(),
            wallbox=self.visit.wallbox,
            at=self.clock.utc(),
            sent_s=self.clock.monotonic(),
            amps=amps,
            phases=3,
            watts=self.power_w,
            visit_id=self.visit.id,
            attempts=(Attempt(self.clock.utc(), "TxDefaultProfile Absolute stack 0 A", DispatchStatus.APPLIED),),
        )
        self._decide(DecisionKind.STEP, "follow", self.pending.id)
        self.store.record_command(self.pending)

    def _judge(self, command: Command) -> None:
        evidence = Evidence("offered", f"{command.amps:.0f} A offered within 12 s", (self._sample(), self._sample()))
        self.store.record_command(
            replace(command, outcome=Outcome.APPLIED, final=True, effect_s=12.0, evidence=evidence)
        )
        self.pending = None

    def _sample(self) -> Sample:
        amps = self.power_w / 690 + self.random.uniform(-0.1, 0.1)
        return Sample(
            received_s=self.clock.monotonic(),
            received_at=self.clock.utc(),
            box_time=self.clock.utc(),
            transaction_id=17,
            offered_a=round(self.power_w / 690),
            currents_a=(round(amps, 1), round(amps, 1), round(amps, 1)),
            voltages_v=(231.4, 230.9, 232.0),
            power_w=self.power_w,
            energy_wh=120_000 + self.visit.energy_wh,
        )

    def _count(self, second: int) -> None:
        wh = self.power_w * TICK_S / 3600
        if second % 900 == 0:
            self.quarter_wh = 0.0
        self.quarter_wh += wh
        self.visit = replace(
            self.visit, energy_wh=self.visit.energy_wh + wh, solar_wh=self.visit.solar_wh + 0.9 * wh, meter_last_wh=wh
        )
        self.store.save_visit(self.visit)
        start_at = self.clock.utc() - timedelta(seconds=second % 900)
        self.store.record_quarter(
            QuarterHour(self.visit.id, start_at, self.quarter_wh, 0.9 * self.quarter_wh, 0.0, 0.0)
        )


async def day(store: Store, clock: ManualClock, cars: list[Car], log_file: Path, seconds: range = DAY_S) -> float:
    """Plays it; the time that 999 of 1,000 ticks stay below, recording included."""
    took_s: list[float] = []
    for second in seconds:
        began_s = time.perf_counter()
        for car in cars:
            car.tick(second)
        if second % 60 == 0:
            cars_w = {car.visit.wallbox: car.power_w for car in cars}
            store.record_minute(SiteMinute(clock.utc(), -120.4, 2960.2, 0.0, 55.0, 480.1, cars_w))
        took_s.append(time.perf_counter() - began_s)
        while store.busy:  # noqa: ASYNC110 - the thread that writes sets no event
            await asyncio.sleep(0)
        force_out(log_file)
        clock.leap(TICK_S)
    return sorted(took_s)[len(took_s) * 999 // 1000]


def force_out(log_file: Path) -> None:
    with log_file.open("rb") as log:
        os.fdatasync(log.fileno())


def storage_bytes() -> int:
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise RuntimeError("This kernel does not count write_bytes")


async def measure(cars: int, days: int, folder: Path) -> None:
    clock = ManualClock()
    path = folder / "hemsd.db"
    store = await Store.open(path, clock)
    garage = [Car(f"wallbox-{number}", store, clock) for number in range(cars)]
    for number in range(days):
        database, storage = store.bytes_written, storage_bytes()
        tick_s = await day(store, clock, garage, Path(f"{path}-wal"))
        print(
            f"day {number + 1}, {cars} cars: database {(store.bytes_written - database) / 1e6:.1f} MB,"
            f" storage {(storage_bytes() - storage) / 1e6:.1f} MB,"
            f" file {path.stat().st_size / 1e6:.1f} MB, 99.9 % of ticks below {tick_s * 1000:.1f} ms"
        )
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cars", type=int, default=1)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the database is made: a real disk, not memory")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
        asyncio.run(measure(wanted.cars, wanted.days, Path(folder)))


if __name__ == "__main__":
    main()
