#!/usr/bin/env python3
"""How much of the usable sun the steering rules bring into a car; writes benchmarks/steering.md.

Recorded days are played second by second against a wallbox and a car with their delays (2 s from the command to the
pilot signal, 12 s more to the first ampere after a pause, 20 s of pause when the phases change, whole amperes, a car
that stays 0.25 A below its offer). *Capture* is the worth of what was charged (a kWh from the sun +1, a kWh bought
or taken from the home battery -3) over the most that perfect foresight could have had through the same wallbox.

The rules run with their shipped settings. Held against them is a plain controller as one would write it first: mean
of 30 s, start above 6 A for 60 s, stop below for 180 s, whole amperes, never a change of phases.

    steering.py [--more FOLDER]      other recorded days, CSV ``t_s,pv_w,house_w``
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from judge_controller import Controller  # noqa: E402

from drivers.simulated.day import Day, load  # noqa: E402
from hemsd.model import SteeringSettings  # noqa: E402

VOLTS, MIN_A, MAX_A = 230.0, 6, 16
APPLY_S, START_S, SWITCH_S = 2, 12, 20
RAMP_A, SHORTFALL_A = 3.0, 0.25
WEIGHT = 3.0
DAYS = ("nwtc-2018-10-14", "serf-2022-03-18", "sma7-2016-05-20", "sma7-2016-09-12")
TICK_DAYS = ("nwtc-2018-10-14", "sma7-2016-05-20")  # the cloudy ones, where it matters most
CHOICES = ("1", "auto", "3")


# ---------------------------------------------------------------------------------------------------------------------
# The home


@dataclass(slots=True)
class Wallbox:
    """Obeys after its delays; rounds down to whole amperes."""

    switchable: bool
    phases: int
    offered_a: float = 0.0
    current_a: float = 0.0
    ready_s: int = 0
    starts: int = 0
    switches: int = 0
    commands: int = 0
    asked: tuple[float, int] | None = None
    on_the_way: deque[tuple[int, float, int]] = field(default_factory=deque)

    def tell(self, t: int, limit_a: float, phases: int) -> None:
        wanted = (limit_a, phases if self.switchable else self.phases)
        if wanted != self.asked:
            self.asked = wanted
            self.commands += 1
            self.on_the_way.append((t + APPLY_S, *wanted))

    def step(self, t: int) -> None:
        while self.on_the_way and self.on_the_way[0][0] <= t:
            _, limit_a, phases = self.on_the_way.popleft()
            if phases != self.phases:
                self.phases = phases
                self.switches += 1
                self.offered_a = self.current_a = 0.0
                self.ready_s = t + SWITCH_S
            offered_a = float(min(int(limit_a), MAX_A)) if limit_a >= MIN_A else 0.0
            if offered_a and not self.offered_a:
                self.ready_s = max(self.ready_s, t + START_S)
            self.offered_a = offered_a
        wanted_a = self.offered_a - SHORTFALL_A if self.offered_a and t >= self.ready_s else 0.0
        self.starts += self.current_a == 0.0 < wanted_a
        self.current_a = min(wanted_a, self.current_a + RAMP_A)

    @property
    def power_w(self) -> float:
        return self.current_a * VOLTS * self.phases


@dataclass(slots=True)
class Battery:
    """A home battery that keeps the grid at zero by itself, a little late."""

    soc_pct: float = 60.0
    power_w: float = 0.0

    def step(self, load_w: float) -> None:
        wanted_w = max(-5000.0, min(5000.0, load_w))
        if (wanted_w > 0 and self.soc_pct <= 5) or (wanted_w < 0 and self.soc_pct >= 100):
            wanted_w = 0.0
        self.power_w += 0.3 * (wanted_w - self.power_w)
        self.soc_pct -= self.power_w / 3600 / 10_000 * 100


class Steers(Protocol):
    def reply(self, message: dict[str, Any]) -> dict[str, float | int]: ...


class Plain:
    """The controller that one would write first."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.phases = 3 if config["phases"] == "3" else 1
        self.window: deque[float] = deque(maxlen=30)
        self.above_s = self.below_s = 0
        self.limit_a = 0.0

    def reply(self, message: dict[str, Any]) -> dict[str, float | int]:
        self.window.append(message["power_w"] - message["grid_w"] - message["battery_w"])
        mean_a = sum(self.window) / len(self.window) / VOLTS / self.phases
        enough = mean_a >= MIN_A
        self.above_s, self.below_s = (self.above_s + 1, 0) if enough else (0, self.below_s + 1)
        if self.limit_a == 0.0 and self.above_s >= 60:
            self.limit_a = 6.0
        elif self.limit_a:
            self.limit_a = 0.0 if self.below_s >= 180 else float(max(MIN_A, min(MAX_A, int(mean_a))))
        return {"limit_a": self.limit_a, "phases": self.phases}


# ---------------------------------------------------------------------------------------------------------------------
# One day


@dataclass(frozen=True, slots=True)
class Run:
    """One day to be played, and by whom."""

    day: str
    seconds: tuple[tuple[float, float], ...]  # (pv_w, house_w)
    choice: str
    battery: bool = False
    plain: bool = False
    tick_s: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    run: Run
    net_wh: float
    bound_wh: float
    bought_wh: float
    starts: int
    switches: int
    commands: int
    call_us: float

    @property
    def capture(self) -> float:
        return self.net_wh / self.bound_wh


def play(run: Run) -> Result:
    """One day through the home."""
    config = {"phases": run.choice, "min_a": 6.0, "max_a": 16.0, "voltage_v": VOLTS}
    settings = SteeringSettings()
    if run.tick_s is not None:
        settings = replace(settings, tick_s=run.tick_s)
    controller: Steers = Plain(config) if run.plain else Controller(config, settings)
    box = Wallbox(run.choice == "auto", 3 if run.choice == "3" else 1)
    battery = Battery() if run.battery else None
    seen: dict[str, Any] = {"grid_w": 0.0, "pv_w": 0.0, "battery_w": 0.0, "soc": None}
    sun_ws = bought_ws = spent_s = 0.0
    calls = 0
    for t, (pv_w, house_w) in enumerate(run.seconds):
        current_a = [box.current_a if phase < box.phases else 0.0 for phase in range(3)]
        message = seen | {
            "t": t,
            "connected": True,
            "charging": box.current_a > 0,
            "offered_a": box.offered_a,
            "current_a": current_a,
            "power_w": box.power_w,
        }
        began_s = time.process_time()
        reply = controller.reply(message)
        if reply:
            box.tell(t, float(reply["limit_a"]), int(reply["phases"]))
        spent_s += time.process_time() - began_s
        calls += t % int(settings.tick_s) == 0
        box.step(t)
        car_w = box.power_w
        if battery:
            battery.step(house_w + car_w - pv_w)
        lent_w = battery.power_w if battery else 0.0
        sun_w = min(car_w, max(0.0, pv_w - house_w))
        sun_ws += sun_w
        bought_ws += car_w - sun_w
        soc_pct = battery.soc_pct if battery else None
        seen = {"grid_w": house_w + car_w - pv_w - lent_w, "pv_w": pv_w, "battery_w": lent_w, "soc": soc_pct}
    return Result(
        run=run,
        net_wh=(sun_ws - WEIGHT * bought_ws) / 3600,
        bound_wh=bound_of(run),
        bought_wh=bought_ws / 3600,
        starts=box.starts,
        switches=box.switches,
        commands=box.commands,
        call_us=spent_s / calls * 1e6,
    )


_bounds: dict[tuple[str, str], float] = {}


def bound_of(run: Run) -> float:
    """The bound of a day, worked out once in each process."""
    key = (run.day, run.choice)
    if key not in _bounds:
        _bounds[key] = bound_wh([max(0.0, pv_w - house_w) for pv_w, house_w in run.seconds], run.choice)
    return _bounds[key]


def worth_w(power_w: float, sun_w: float) -> float:
    return power_w if power_w <= sun_w else sun_w - WEIGHT * (power_w - sun_w)


def best_worth_w(sun_w: float, phases: int) -> float:
    """At the best of the whole amperes: the last one that the sun covers, or the first that it does not."""
    per_amp_w = VOLTS * phases
    below_a = max(MIN_A, min(MAX_A, int(sun_w / per_amp_w + SHORTFALL_A)))
    above_a = min(MAX_A, below_a + 1)
    return max(worth_w((a - SHORTFALL_A) * per_amp_w, sun_w) for a in (below_a, above_a))


def bound_wh(sun_w: Sequence[float], choice: str) -> float:
    """What perfect foresight could have had: dynamic programming from the evening back to the morning."""
    counts = (1, 3) if choice == "auto" else (int(choice),)
    end = len(sun_w)
    start_s, switch_s = APPLY_S + START_S, APPLY_S + SWITCH_S
    off = [0.0] * (end + switch_s + 1)
    on = {n: [0.0] * (end + switch_s + 1) for n in counts}
    for t in range(end - 1, -1, -1):
        off[t] = max(off[t + 1], *(on[n][t + start_s] for n in counts))
        for n in counts:
            charging = best_worth_w(sun_w[t], n) + on[n][t + 1]
            on[n][t] = max(charging, off[t + 1], *(on[m][t + switch_s] for m in counts if m != n))
    return off[0] / 3600


# ---------------------------------------------------------------------------------------------------------------------
# Days


def seconds_of(day: Day, *, sun: float = 1.0, shift_s: int = 0) -> tuple[tuple[float, float], ...]:
    """A recording second by second; as another home with another roof, or with the household's hours shifted."""
    length = int(day.length_s)
    return tuple((day.pv_at(t) * sun, day.house_at((t + shift_s) % length)) for t in range(length))


def shipped() -> Iterable[tuple[str, tuple[tuple[float, float], ...]]]:
    for name in DAYS:
        yield name, seconds_of(load(name))


def other_homes() -> Iterable[tuple[str, tuple[tuple[float, float], ...]]]:
    """The same skies over other roofs and households."""
    for name in DAYS:
        for sun, hours in ((0.7, 3), (1.4, 6)):
            yield f"{name} x{sun} +{hours} h", seconds_of(load(name), sun=sun, shift_s=hours * 3600)


def from_folder(folder: Path) -> Iterable[tuple[str, tuple[tuple[float, float], ...]]]:
    for path in sorted(folder.glob("*.csv")):
        yield path.stem, seconds_of(load(str(path)))


# ---------------------------------------------------------------------------------------------------------------------
# The report


def mean_capture(results: Sequence[Result]) -> str:
    worth_counting = [result.capture for result in results if result.bound_wh >= 500.0]
    return f"{statistics.mean(worth_counting):.3f}" if worth_counting else "-"


def days_table(results: Sequence[Result], plain: Sequence[Result]) -> list[str]:
    lines = [
        "| phases | day | capture | plain | bought kWh | starts | changes of phases | commands |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for ours, theirs in zip(results, plain, strict=True):
        lines.append(
            f"| {ours.run.choice} | {ours.run.day} | {ours.capture:.3f} | {theirs.capture:.3f} "
            f"| {ours.bought_wh / 1000:.2f} | {ours.starts} | {ours.switches} | {ours.commands} |"
        )
    for choice in CHOICES:
        means = [mean_capture([r for r in each if r.run.choice == choice]) for each in (results, plain)]
        lines.append(f"| **{choice}** | **mean** | **{means[0]}** | **{means[1]}** | | | | |")
    return lines


def summary_table(groups: Sequence[tuple[str, Sequence[Result]]]) -> list[str]:
    lines = [
        "| days | phases | number | mean capture | of all their sun | most starts | most changes of phases "
        "| most commands |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, results in groups:
        for choice in CHOICES:
            some = [result for result in results if result.run.choice == choice and result.bound_wh >= 500.0]
            if some:
                lines.append(
                    f"| {name} | {choice} | {len(some)} | {mean_capture(some)} "
                    f"| {sum(r.net_wh for r in some) / sum(r.bound_wh for r in some):.3f} "
                    f"| {max(r.starts - r.switches for r in some)} | {max(r.switches for r in some)} "
                    f"| {max(r.commands for r in some)} |"
                )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--more", type=Path, help="a folder of recorded days")
    args = parser.parse_args()
    ours = [Run(name, seconds, choice) for choice in CHOICES for name, seconds in shipped()]
    groups = {
        "ours": ours,
        "plain": [replace(run, plain=True) for run in ours],
        "battery": [replace(run, battery=True) for run in ours],
        "tick 5": [run for run in ours if run.day in TICK_DAYS],
        "tick 1": [replace(run, tick_s=1.0) for run in ours if run.day in TICK_DAYS],
        "tick 10": [replace(run, tick_s=10.0) for run in ours if run.day in TICK_DAYS],
        "homes": [Run(name, seconds, choice) for choice in CHOICES for name, seconds in other_homes()],
    }
    if args.more:
        groups["more"] = [Run(name, seconds, choice) for choice in CHOICES for name, seconds in from_folder(args.more)]
    os.nice(10)
    with ProcessPoolExecutor(max_workers=2) as pool:
        results = {name: list(pool.map(play, runs)) for name, runs in groups.items()}
    text = report(results)
    (Path(__file__).parent / "steering.md").write_text(text)
    print(text)


def report(results: dict[str, list[Result]]) -> str:
    explained = (__doc__ or "").split("    steering.py")[0].split("\n", 2)[2]
    lines = ["# Steering", "", "Made by `python benchmarks/steering.py`.", "", explained.strip(), ""]
    lines += ["## Four recorded days", "", *days_table(results["ours"], results["plain"]), ""]
    held_out = [("the four days", results["ours"]), ("with a home battery", results["battery"])]
    held_out.append(("other roofs and households", results["homes"]))
    if "more" in results:
        held_out.append(("other recorded days", results["more"]))
    lines += ["## Other days and homes", ""]
    lines += ["Days on which foresight could have had less than half a kWh are left out. Starts, changes and commands"]
    lines += ["are those of the worst day; starts are counted beside those that a change of phases causes.", ""]
    lines += [*summary_table(held_out), "", "## How often to judge", ""]
    lines += ["The two cloudy days.", "", "| tick_s | 1 phase | auto | 3 phases |", "|---|---|---|---|"]
    for tick, name in (("1", "tick 1"), ("5, as shipped", "tick 5"), ("10", "tick 10")):
        means = [mean_capture([r for r in results[name] if r.run.choice == choice]) for choice in CHOICES]
        lines.append(f"| {tick} | {' | '.join(means)} |")
    call_us = statistics.median(result.call_us for result in results["ours"])
    lines += ["", f"One judgement takes {call_us:.0f} µs of CPU here (Python {sys.version.split()[0]}).", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
