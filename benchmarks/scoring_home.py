"""One real home of the benchmark: the car's hourly register of a house in Konstanz, on which nothing was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.figures import auc
from hemsd.scoring.engine import Engine
from hemsd.scoring.fusion import OWN_SESSIONS, Calibration, calibrated
from hemsd.scoring.judge import judge, shipped_calibration
from hemsd.scoring.series import Curve, Known, Series
from training.visits import hourly_register

SEED = 7


@dataclass(frozen=True, slots=True)
class RealHome:
    healthy: list[Series]
    odd: list[tuple[str, Series]]


def real_home(seed: int) -> RealHome:
    """Charges of one home in Konstanz from its hourly register, and faults injected into copies of the later half."""
    rows = hourly_register()
    kwh = np.array([value for _, value in rows])
    moves = np.diff(kwh)
    on = moves > 0.2
    healthy: list[Series] = []
    i = 0
    while i < len(on):
        if not on[i]:
            i += 1
            continue
        end = i
        while end < len(on) and (on[end] or (end + 1 < len(on) and on[end + 1])):
            end += 1
        begin, last = max(0, i - 1), min(len(kwh) - 1, end + 2)
        hours = [(rows[k][0] - rows[begin][0]).total_seconds() for k in range(begin, last + 1)]
        whole = kwh[last] - kwh[begin]
        if 1 <= whole <= 60 and len(hours) >= 4 and hours[-1] <= 36 * 3600 and np.all(np.diff(hours) == 3600):
            register = Curve(np.array(hours), 1000 * (100 + kwh[begin : last + 1] - kwh[begin]))
            healthy.append(Series(rows[begin][0], length_s=hours[-1], register=register))
        i = end + 1
    rng = np.random.default_rng(seed)
    odd = []
    for series in healthy[len(healthy) // 2 :]:
        kind = str(rng.choice(["KWH_DECREASE", "ZERO_SESSION", "ENERGY_PIT", "DERATING", "SPIKE"]))
        made = _injected(series, kind, rng)
        if made is not None:
            odd.append((kind, made))
    return RealHome(healthy, odd)


def _injected(series: Series, kind: str, rng: np.random.Generator) -> Series | None:
    values = series.register.values.copy()
    steps = np.diff(values)
    on = np.flatnonzero(steps > 500)
    match kind:
        case "KWH_DECREASE":
            values[int(rng.choice(on)) + 1 :] -= rng.uniform(1500, 5000)
        case "ZERO_SESSION":
            values[:] = values[0]
        case "SPIKE":
            values[int(rng.integers(1, len(values)))] += rng.uniform(30_000, 1e6)
        case "ENERGY_PIT":
            at = int(rng.choice(on))
            if at == on[0]:
                return None
            begins = series.register.at_s[at + 1 :] + 3600
            moved = np.concatenate((series.register.at_s[: at + 1], [series.register.at_s[at + 1]], begins))
            kept = np.concatenate((values[: at + 1], [values[at]], values[at + 1 :]))
            return replace(series, length_s=float(moved[-1]), register=Curve(moved, kept))
        case _:
            half = len(on) // 2
            steps[on[half:]] *= rng.uniform(0.3, 0.6)
            values = np.concatenate(([values[0]], values[0] + np.cumsum(steps)))
    return replace(series, register=Curve(series.register.at_s, values))


def at_home(engine: Engine) -> list[str]:
    home = real_home(SEED)
    known = Known(connection_w=11_000.0)
    shipped = shipped_calibration()
    half = len(home.healthy) // 2

    def verdicts(sessions: Sequence[Series], calibration: Calibration) -> list[tuple[bool, float, float]]:
        found = []
        for series in sessions:
            verdict = judge(engine, series, known, calibration, whole=True).verdict
            found.append((verdict.is_anomaly, verdict.score, verdict.surprise or 0.0))
        return found

    first = verdicts(home.healthy[:half], shipped)
    own = calibrated([surprise for flagged, _, surprise in first if not flagged], shipped)
    lines = []
    for name, calibration in (
        ("first weeks (shipped yardstick, model advisory)", shipped),
        ("shipped yardstick, if the model could raise alarms", replace(shipped, own=OWN_SESSIONS)),
        ("own yardstick from the first half", own),
    ):
        later = verdicts(home.healthy[half:], calibration)
        odd = verdicts([series for _, series in home.odd], calibration)
        truth = np.array([False] * len(later) + [True] * len(odd))
        score = np.array([one[1] for one in (*later, *odd)])
        alarms = sum(one[0] for one in later) / len(later)
        recall = sum(one[0] for one in odd) / len(odd)
        lines.append(f"| {name} | {auc(truth, score):.3f} | {100 * alarms:.1f} % | {recall:.2f} |")
    return [
        f"{len(home.healthy)} real charges, the later {len(home.healthy) - half} tested, {len(home.odd)} injected"
        f" copies; own yardstick {own.limit:.2f} from {own.own} sessions, shipped {shipped.limit:.2f}.",
        "",
        "| | ROC-AUC | false alarms on real charges | recall of injected |",
        "|---|---|---|---|",
        *lines,
    ]
