"""What judging and fine-tuning cost: time, memory, and what a home gains from its own sessions.

    python -m benchmarks.scoring_costs

Every runtime that is installed is measured in a process of its own, on the same sessions: six hours with a reading each
minute. Processor time is given beside elapsed time, because the machine may have other things to do.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from benchmarks.scoring_home import real_home
from hemsd.scoring.engine import Engine, EngineError, Runtime, TFLiteEngine, load, weights
from hemsd.scoring.features import BUCKET_S, BUCKETS, Buckets, buckets
from hemsd.scoring.judge import Judged, judge, shipped_calibration
from hemsd.scoring.network import Floats
from hemsd.scoring.rulebook import findings, session_of
from hemsd.scoring.series import Known, MeterValue, last_hours, series_of
from hemsd.scoring.surprise import surprises
from hemsd.scoring.trace import trace_of
from hemsd.scoring.tuning import tune
from training.sessions import Example, examples, split

RUNTIMES: tuple[Runtime, ...] = ("tflite-runtime", "litert", "numpy")
SESSIONS = 200
ROUNDS = 5
OWN = 200  # sessions of a fine-tuning
FRESH = "import numpy"
JUDGED = (
    "from hemsd.scoring.engine import load; import numpy; import hemsd.scoring.judge;"
    "load({runtime!r}).infer(numpy.zeros((14, 24, 8), numpy.float32))"
)
WITHOUT = "import numpy; import hemsd.scoring.judge"


def six_hours(count: int = SESSIONS) -> list[Example]:
    """Sessions of six hours with a reading each minute, two in five with a fault."""
    found = []
    for one in examples(split(7).validation, 20 * count, 4711, faulty=0.4):
        cut = last_hours(one.series)
        if cut.length_s >= 0.99 * 6 * 3600 and len(cut.register) >= 355:
            found.append(replace(one, series=cut))
        if len(found) == count:
            break
    return found


def timed(work: Callable[[int], object], count: int, clock: Callable[[], float]) -> tuple[float, float]:
    """p50 and p99 in milliseconds of the best of some rounds: what disturbed one of them is not its cost."""
    rounds = np.empty((ROUNDS, count))
    for i in range(ROUNDS):
        for j in range(count):
            began = clock()
            work(j)
            rounds[i, j] = clock() - began
    p50, p99 = 1000 * np.quantile(rounds.min(axis=0), [0.5, 0.99])
    return float(p50), float(p99)


def measure(runtime: Runtime) -> dict[str, float]:
    """In this process; ``costs`` calls it in one of its own for each runtime."""
    engine, sessions, calibration = load(runtime), six_hours(), shipped_calibration()

    def judged_now(one: Example) -> Judged:
        return judge(engine, one.series, one.known, calibration, whole=True)

    judged = [judged_now(one) for one in sessions]
    found: dict[str, float] = {}
    values = [_values(one) for one in sessions[:40]]
    for name, work, count in (
        (
            "whole",
            lambda i: judge(engine, sessions[i].series, sessions[i].known, calibration, whole=True),
            len(sessions),
        ),
        ("rules", lambda i: findings(session_of(sessions[i].series, sessions[i].known)), len(sessions)),
        ("model", lambda i: surprises(engine, [judged[i].buckets]), len(sessions)),
        ("parsing", lambda i: series_of(values[i]), len(values)),
    ):
        for clock in (time.perf_counter, time.thread_time):
            found[f"{name}_{clock.__name__}_p50"], found[f"{name}_{clock.__name__}_p99"] = timed(work, count, clock)
    began = time.thread_time()
    for one in sessions:
        judged_now(one)
    found["per_s"] = len(sessions) / (time.thread_time() - began)
    return found


def _values(one: Example) -> list[MeterValue]:
    register = one.series.register
    return [
        MeterValue(one.series.start_at + timedelta(seconds=at_s), value)
        for at_s, value in zip(register.at_s.tolist(), register.values.tolist(), strict=True)
    ]


def memory_mb(code: str) -> float:
    """What a fresh process holds in memory after this."""
    tell = "; print(open('/proc/self/status').read().split('VmRSS:')[1].split()[0])"
    done = subprocess.run([sys.executable, "-c", code + tell], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def costs() -> list[str]:
    """The chapter of the report."""
    fresh, without = memory_mb(FRESH), memory_mb(WITHOUT)
    lines = [
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, one thread; load average"
        f" {os.getloadavg()[0]:.1f} while measuring. {SESSIONS} sessions of six hours with a reading each minute.",
        "",
        "| runtime | a whole session: steps, rules, model, verdict (p50 / p99) | processor time | of that rules"
        " | of that the model (14 views) | sessions a second on one core | memory that it adds |",
        "|---|---|---|---|---|---|---|",
    ]
    for runtime in RUNTIMES:
        try:
            load(runtime)
        except EngineError as error:
            lines.append(f"| {runtime} | {error} | | | | | |")
            continue
        found = _in_a_process(runtime)
        added = max(0.0, memory_mb(JUDGED.format(runtime=runtime)) - without)

        def pair(name: str, clock: str = "thread_time", found: dict[str, float] = found) -> str:
            return f"{found[f'{name}_{clock}_p50']:.2f} / {found[f'{name}_{clock}_p99']:.2f} ms"

        lines.append(
            f"| {runtime} | {pair('whole', 'perf_counter')} | {pair('whole')} | {pair('rules')} | {pair('model')}"
            f" | {found['per_s']:.0f} | {added:.1f} MB |"
        )
        parsing = pair("parsing")
    lines += [
        "",
        f"Reading 360 posted values into a series comes before that: {parsing}. Python with numpy takes {fresh:.0f} MB,"
        f" hemsd's rules and features {without - fresh:.1f} MB more; both are there without a model, too.",
    ]
    return lines


def _in_a_process(runtime: Runtime) -> dict[str, float]:
    code = f"import json; from benchmarks.scoring_costs import measure; print(json.dumps(measure({runtime!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Fine-tuning


def fine_tuning() -> list[str]:
    """50 epochs on 200 sessions: how long, and what later sessions of the same home gain."""
    engine = load()
    if not isinstance(engine, TFLiteEngine):
        return ["No runtime that can train is installed here."]
    lines = [
        "50 epochs as a job does them: a fifth held out, base sessions replayed, kept only for a gain of 2 %. *Later*",
        "sessions were in no training, and came after all that were.",
        "",
        "| sessions of | own | seconds | held out: before → after | kept | later healthy ones: before → after |",
        "|---|---|---|---|---|---|",
    ]
    for name, own, later in (*_homes(), ("the real home in Konstanz", *_konstanz())):
        began = time.perf_counter()
        tuned = tune(engine, weights(), own)
        seconds = time.perf_counter() - began
        before, after = (_mean(engine, later, flat) for flat in (None, tuned.flat))
        lines.append(
            f"| {name} | {len(own)} | {seconds:.1f} | {tuned.before:.2f} → {tuned.after:.2f}"
            f" | {'yes' if tuned.better else 'no: base kept'} | {before:.2f} → {after:.2f} |"
        )
    return lines


def _homes() -> list[tuple[str, Floats, Floats]]:
    """Two test households with many visits, the later ones kept apart; and many households together."""
    found = []
    sessions = list(examples(split(7).test, 4000, 909))
    homes = {one.household for one in sessions}
    for home in sorted(homes, key=lambda home: -sum(one.household == home for one in sessions))[:2]:
        mine = sorted((one for one in sessions if one.household == home), key=lambda one: one.series.start_at)
        x = np.stack([buckets(one.series, trace_of(one.series, one.known), one.known.car_w).x for one in mine])
        cut = min(OWN, int(0.7 * len(x)))
        found.append((f"a simulated test household ({home})", x[:cut], x[cut:]))
    everybody = np.stack(
        [buckets(one.series, trace_of(one.series, one.known), one.known.car_w).x for one in sessions[: OWN + 100]]
    )
    return [*found, (f"{len(homes)} simulated test households together", everybody[:OWN], everybody[OWN:])]


def _konstanz() -> tuple[Floats, Floats]:
    known = Known(connection_w=11_000.0)
    x = np.stack([buckets(one, trace_of(one, known), None).x for one in real_home(7).healthy])
    return x[:OWN], x[OWN:]


def _mean(engine: Engine, x: Floats, flat: Floats | None) -> float:
    begins_s = BUCKET_S * np.arange(BUCKETS, dtype=np.float64)
    return float(np.mean([one.score for one in surprises(engine, [Buckets(one, begins_s) for one in x], flat)]))


if __name__ == "__main__":
    print("\n".join([*costs(), "", *fine_tuning()]))
