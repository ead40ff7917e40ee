"""How well faults of a session are found: writes scoring.md beside this file.

    python -m benchmarks.scoring [--seeds 201 202 203] [--sessions 1500]

Households of the test part of the split, which no model has seen; three fresh seeds, drawn after rules, model and
thresholds were frozen. Faults are injected. Every interval is a bootstrap over households, because sessions of one
household are alike. scikit-learn, for one of the baselines, is optional and not a dependency of hemsd.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figures, auc, bearable, figures
from benchmarks.scoring_costs import costs, fine_tuning
from benchmarks.scoring_home import at_home
from hemsd.scoring.categories import Category
from hemsd.scoring.engine import MODELS, Engine, load
from hemsd.scoring.features import BUCKET_S, Buckets, Column, buckets
from hemsd.scoring.fusion import THRESHOLD, both, oddness
from hemsd.scoring.judge import shipped_calibration
from hemsd.scoring.rulebook import findings, session_of
from hemsd.scoring.surprise import surprises
from training.sessions import Example, examples, split
from training.simulate import without_offer

SPLIT_SEED = 7
FAULTY = 0.4
PCA_PARTS = 12
DRAWS = 400
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Set:
    """Sessions, and what each witness says of them."""

    sessions: list[Example]
    faulty: NDArray[np.bool_]
    household: NDArray[np.int64]
    x: Floats
    rule: Floats
    odd: Floats
    place_right: Floats  # of faulty ones: 1 when the worst bucket touches the span


def prepared(sessions: list[Example], engine: Engine) -> Set:
    rule, places = [], []
    for one in sessions:
        session = session_of(one.series, one.known)
        found = [each.score * each.confidence for each in findings(session) if not each.advisory]
        rule.append(max(found, default=0.0))
        places.append(buckets(one.series, session.trace, one.known.car_w))
    scores = surprises(engine, places)
    return Set(
        sessions,
        np.array([one.kind is not None for one in sessions]),
        np.array([one.household for one in sessions]),
        np.stack([place.x for place in places]).astype(np.float64),
        np.array(rule),
        np.array([one.score for one in scores]),
        np.array(
            [_right(place, score.worst, one.span_s) for place, score, one in zip(places, scores, sessions, strict=True)]
        ),
    )


def _right(place: Buckets, worst: int, span_s: tuple[float, float]) -> float:
    begin = place.begins_s[worst]
    return float(begin - BUCKET_S <= span_s[1] and begin + 2 * BUCKET_S >= span_s[0])


# ---------------------------------------------------------------------------------------------------------------------
# Figures


def best_threshold(faulty: NDArray[np.bool_], score: Floats) -> float:
    return max(np.unique(score), key=lambda cut: figures_f1(faulty, score, float(cut)))


def figures_f1(faulty: NDArray[np.bool_], score: Floats, cut: float) -> float:
    flagged = score >= cut
    return float(2 * (flagged & faulty).sum() / (flagged.sum() + faulty.sum()))


def interval(of: Set, score: Floats, threshold: float, seed: int) -> tuple[Figures, Figures]:
    """2.5 and 97.5 % over households drawn with replacement."""
    rng = np.random.default_rng(seed)
    homes = np.unique(of.household)
    rows = {int(home): np.flatnonzero(of.household == home) for home in homes}
    drawn = []
    for _ in range(DRAWS):
        take = np.concatenate([rows[int(home)] for home in rng.choice(homes, len(homes))])
        one = figures(of.faulty[take], score[take], threshold)
        drawn.append((one.auc, one.f1, one.precision, one.recall, one.false_alarms, one.recall_at_1))
    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    return Figures(*low.tolist()), Figures(*high.tolist())


# ---------------------------------------------------------------------------------------------------------------------
# Methods: each learns from healthy sessions and gives a score


Method = Callable[[Set], Floats]


def methods(healthy: Floats, limit: float) -> dict[str, Method]:
    found: dict[str, Method] = {
        "rules only": lambda of: of.rule,
        f"PCA, {PCA_PARTS} components": _pca(healthy),
        "autoencoder alone": lambda of: of.odd,
        "**rules and autoencoder**": lambda of: np.array(
            [both(rule, oddness(odd, limit)) for rule, odd in zip(of.rule, of.odd, strict=True)]
        ),
    }
    forest = _forest(healthy)
    return found if forest is None else {**dict(list(found.items())[:2]), "isolation forest": forest, **found}


def _pca(healthy: Floats) -> Method:
    """Power, roughness and what was to be expected, as the autoencoder gets them; the error counts in the first two."""

    def rows(x: Floats) -> Floats:
        return x[..., :3].reshape(len(x), -1)

    mean = rows(healthy).mean(axis=0)
    _, _, axes = np.linalg.svd(rows(healthy) - mean, full_matrices=False)
    parts = axes[:PCA_PARTS]

    def score(of: Set) -> Floats:
        moved = rows(of.x) - mean
        off = (moved - moved @ parts.T @ parts).reshape(*of.x.shape[:2], 3)[..., :2]
        worst: Floats = np.sort(np.sqrt((off**2).mean(axis=2)), axis=1)[:, -3:].mean(axis=1)
        return worst

    return score


def summaries(x: Floats) -> Floats:
    """What a session comes to, in twelve numbers, for methods that know no order."""
    power, rough, expected = x[..., Column.POWER], x[..., Column.ROUGH], x[..., Column.EXPECTED]
    flows, offered = power > 0.02, expected > 0.05
    ratio = np.where(offered, power / np.maximum(expected, 0.05), 0.0)
    moves = np.abs(np.diff(power, axis=1))
    return np.stack(
        [
            power.sum(axis=1),
            power.max(axis=1),
            flows.sum(axis=1),
            (offered & ~flows).sum(axis=1),
            (offered & ~flows & (x[..., Column.ASKS] > 0)).sum(axis=1),
            ratio.max(axis=1),
            np.where(flows, ratio, 0).sum(axis=1) / np.maximum(flows.sum(axis=1), 1),
            rough.max(axis=1),
            rough.mean(axis=1),
            moves.max(axis=1),
            (moves > 0.1).sum(axis=1),
            x[..., Column.BEFORE].max(axis=1),
        ],
        axis=1,
    )


def _forest(healthy: Floats) -> Method | None:
    try:
        from sklearn.ensemble import IsolationForest
    except ImportError:
        return None
    forest = IsolationForest(n_estimators=200, random_state=SPLIT_SEED).fit(summaries(healthy))
    return lambda of: -np.asarray(forest.score_samples(summaries(of.x)))


# ---------------------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[401, 402, 403])
    parser.add_argument("--sessions", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    parser.add_argument("--card", action="store_true", help="write the figures into the model's card, too")
    options = parser.parse_args()
    engine, parts, limit = load(), split(SPLIT_SEED), shipped_calibration().limit
    healthy = prepared(list(examples(parts.training, 1500, SPLIT_SEED + 50)), engine)
    validation = prepared(list(examples(parts.validation, 1500, SPLIT_SEED + 60, faulty=FAULTY)), engine)
    ways = methods(healthy.x, limit)
    cuts = {name: best_threshold(validation.faulty, way(validation)) for name, way in ways.items()}
    cuts["**rules and autoencoder**"] = THRESHOLD
    tests = [
        prepared(list(examples(parts.test, options.sessions, seed, faulty=FAULTY)), engine) for seed in options.seeds
    ]
    text = report(options.seeds, tests, ways, cuts, engine, limit)
    options.out.write_text("\n".join(text) + "\n")
    if options.card:
        write_card([figures(one.faulty, ways["**rules and autoencoder**"](one), THRESHOLD) for one in tests])
    print("\n".join(text))


def write_card(by_seed: list[Figures]) -> None:
    """The figures of the whole scoring, as the analysis API tells them of its base model."""
    path = MODELS / "csar-base.json"
    made = json.loads(path.read_text())
    made["metrics"] = {
        name: round(float(np.mean([getattr(one, field) for one in by_seed])), 3)
        for name, field in (("f1_score", "f1"), ("precision", "precision"), ("recall", "recall"), ("roc_auc", "auc"))
    }
    path.write_text(json.dumps(made, indent=2) + "\n")


def report(
    seeds: list[int], tests: list[Set], ways: dict[str, Method], cuts: dict[str, float], engine: Engine, limit: float
) -> list[str]:
    pooled = tests[0]
    lines = [
        "# How well faults of a session are found",
        "",
        "Made by `python -m benchmarks.scoring`. Healthy sessions are simulated around real Norwegian (plug-in,",
        "plug-out, kWh); **faults are injected**, one kind each, in 40 % of the sessions; real faults may differ.",
        "Households of the test were seen by no model and by no threshold. hemsd knows what it commanded, what the",
        "wallbox said of the car, and what the car drew before, as it does for its own visits. Figures are means over",
        "the seeds " + ", ".join(map(str, seeds)) + ";",
        "in brackets the 95 % interval over households (bootstrap, first seed).",
        "",
        "| method | ROC-AUC | F1 | precision | recall | false alarms | recall at 1 % false alarms |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, way in ways.items():
        each = [figures(one.faulty, way(one), cuts[name]) for one in tests]
        low, high = interval(pooled, way(pooled), cuts[name], seeds[0])
        cells = []
        for field in ("auc", "f1", "precision", "recall", "false_alarms", "recall_at_1"):
            mean = float(np.mean([getattr(one, field) for one in each]))
            a, b = getattr(low, field), getattr(high, field)
            in_percent = f"{100 * mean:.1f} % ({100 * a:.1f}–{100 * b:.1f})"
            cells.append(in_percent if field == "false_alarms" else f"{mean:.3f} ({a:.3f}–{b:.3f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    hybrid = ways["**rules and autoencoder**"]
    by_seed = [figures(one.faulty, hybrid(one), THRESHOLD) for one in tests]
    lines += [
        "",
        "Rules and autoencoder by seed: "
        + "; ".join(f"{seed}: AUC {one.auc:.3f}, F1 {one.f1:.3f}" for seed, one in zip(seeds, by_seed, strict=True))
        + f". Threshold {THRESHOLD}, the shipped one. Sessions: "
        + ", ".join(f"{len(one.sessions)} ({int(one.faulty.sum())} with a fault)" for one in tests)
        + ".",
        "",
        "## By kind of fault",
        "",
        "| injected | sessions | found | named so | found at 1 % false alarms | ROC-AUC against healthy |",
        "|---|---|---|---|---|---|",
        *by_kind(tests, hybrid),
        "",
        "The autoencoder's oddest quarter-hour touches the injected span (one quarter-hour of grace) in "
        f"{100 * float(np.mean(np.concatenate([one.place_right[one.faulty] for one in tests]))):.0f} % of the faulty"
        " sessions, found or not.",
        "",
        "## Without knowing what was offered",
        "",
        *blind(tests[0], engine, limit),
        "",
        "## One real home",
        "",
        "The car's register of one home in Konstanz (Open Power System Data, hourly); nothing was trained on it.",
        *at_home(engine),
        "",
        "## Fine-tuning",
        "",
        *fine_tuning(),
        "",
        "## What it costs",
        "",
        *costs(),
        "",
        "## How to read this",
        "",
        "- At home perhaps one session in twenty is odd, not two in five: precision is lower there than in the table,",
        "  and false alarms are the figure that a household feels.",
        "- Rules and threshold were tuned on training and validation households with other seeds, and not changed any",
        "  more after the seeds above were drawn. An earlier version met the same test households with the seeds",
        "  301 to 303 (AUC 0.967, F1 0.949, false alarms 1.3 %, more than wanted); then its thresholds were set anew",
        "  on the validation households alone. The real home was looked at more than once.",
        "- A quarter of the injected CHARGING_EXPECTED lack any word from the car, and a fifth of the wallboxes never",
        "  give one; those look exactly like a car that is full or stops at a set level.",
        "- The models see the register after spikes and resets were taken out of it, so those faults are the rules'",
        "  business alone, and the models' own rows suffer from it.",
    ]
    return lines


def by_kind(tests: list[Set], hybrid: Method) -> list[str]:
    """Over all seeds: how many of each kind were found, and called by their name."""
    total, found, named, bearably = (Counter[str]() for _ in range(4))
    areas: dict[str, list[float]] = {}
    for one in tests:
        score = hybrid(one)
        limit = bearable(one.faulty, score)
        kinds = np.array([example.kind or "" for example in one.sessions])
        for example, each in zip(one.sessions, score.tolist(), strict=True):
            if example.kind is None:
                continue
            total[example.kind] += 1
            found[example.kind] += each >= THRESHOLD
            bearably[example.kind] += each > limit
            named[example.kind] += any(
                each.category == Category(example.kind) for each in findings(session_of(example.series, example.known))
            )
        for kind in set(kinds) - {""}:
            part = (kinds == kind) | ~one.faulty
            areas.setdefault(str(kind), []).append(auc(one.faulty[part], score[part]))
    return [
        f"| {kind} | {total[kind]} | {found[kind] / total[kind]:.2f} | {named[kind] / total[kind]:.2f}"
        f" | {bearably[kind] / total[kind]:.2f} | {float(np.mean(areas[kind])):.3f} |"
        for kind in sorted(total, key=lambda kind: -found[kind] / total[kind])
    ]


def blind(of: Set, engine: Engine, limit: float) -> list[str]:
    sessions = [
        replace(one, series=without_offer(one.series), known=replace(one.known, car_w=None)) for one in of.sessions
    ]
    again = prepared(sessions, engine)
    score = np.array([both(rule, oddness(odd, limit)) for rule, odd in zip(again.rule, again.odd, strict=True)])
    seen = figures(again.faulty, score, THRESHOLD)
    return [
        "The same sessions as a program would post them, with meter values only: ROC-AUC "
        f"{seen.auc:.3f}, F1 {seen.f1:.3f}, precision {seen.precision:.3f}, recall {seen.recall:.3f}, false alarms"
        f" {100 * seen.false_alarms:.1f} %.",
    ]


if __name__ == "__main__":
    main()
