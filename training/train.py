"""Trains the shipped model: ``python -m training.train [--seed 7] [--sessions 8000] [--out DIR]``.

Simulated sessions of the training households only, healthy ones. Writes ``csar-base.tflite`` (inference and training),
``csar-base.npy`` (the same weights as one vector, for numpy and for fine-tuning) and ``csar-base.json`` (the card).
The figures in the card are those of the validation households; benchmarks/scoring.md has those of the test.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from hemsd.scoring.engine import MODELS, NumpyEngine
from hemsd.scoring.features import BUCKETS, COLUMNS, Buckets, buckets
from hemsd.scoring.network import SHAPES, SIZE, Floats
from hemsd.scoring.surprise import surprises
from hemsd.scoring.trace import trace_of
from hemsd.scoring.tuning import hidden
from training import network, visits
from training.sessions import Example, examples, split

EPOCHS = 60
BATCH = 64
LEARNING_RATE = 2e-3
REPLAYED = 400  # healthy sessions that stay with the model, so that fine-tuning does not forget
CALIBRATION = (0.5, 0.9, 0.97, 0.99)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--sessions", type=int, default=8000)
    parser.add_argument("--out", type=Path, default=MODELS)
    options = parser.parse_args()
    parts = split(options.seed)
    x = inputs(list(examples(parts.training, options.sessions, options.seed)))
    flat, losses = fit(x, options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    np.save(options.out / "csar-base.npy", flat)
    np.savez_compressed(options.out / "csar-replay.npz", x=x[:REPLAYED].astype(np.float16))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "csar-base.tflite"
        network.export(flat, made)
        (options.out / made.name).write_bytes(made.read_bytes())
    write_card(options.out, options.seed, len(x), losses, validated(parts.validation, options.seed, flat))


def inputs(sessions: list[Example]) -> Floats:
    """(n, 24, 7)"""
    return np.stack([_buckets(one).x for one in sessions])


def _buckets(one: Example) -> Buckets:
    return buckets(one.series, trace_of(one.series, one.known), one.known.car_w)


def begin_weights(rng: np.random.Generator) -> Floats:
    parts = []
    for shape in SHAPES.values():
        if len(shape) == 1:
            parts.append(np.zeros(shape))
        else:
            reach = np.sqrt(6 / sum(shape))
            parts.append(rng.uniform(-reach, reach, shape))
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)


def fit(x: Floats, seed: int) -> tuple[Floats, list[float]]:
    rng = np.random.default_rng(seed)
    flat = begin_weights(rng)
    state = {
        "flat": flat,
        "m": np.zeros(SIZE, np.float32),
        "v": np.zeros(SIZE, np.float32),
        "t": np.zeros(1, np.float32),
    }
    run = tf.function(lambda flat, m, v, t, lr, x, hidden: network.step(flat, m, v, t, lr, x, hidden, BATCH))
    losses = []
    for epoch in range(EPOCHS):
        rate = np.array([LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))], np.float32)
        total, order = 0.0, rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH)
        for rows in order:
            out = run(**{k: tf.constant(v) for k, v in state.items()}, lr=rate, x=x[rows], hidden=hidden(rng, BATCH))
            loss = out.pop("loss")
            state = out
            total += float(loss[0])
        losses.append(total / len(order))
        print(f"epoch {epoch + 1}: {losses[-1]:.4f}", flush=True)
    return np.asarray(state["flat"], np.float32), losses


def validated(households: tuple[int, ...], seed: int, flat: Floats) -> dict[str, object]:
    """What healthy sessions of unseen households score: the calibration of a home that has no visits of its own yet."""
    healthy = [_buckets(one) for one in examples(households, 1200, seed + 1)]
    engine = NumpyEngine.__new__(NumpyEngine)
    engine._flat = flat
    scores = [one.score for one in surprises(engine, healthy)]
    return {f"q{int(100 * q)}": round(float(np.quantile(scores, q)), 4) for q in CALIBRATION}


def write_card(out: Path, seed: int, sessions: int, losses: list[float], healthy: dict[str, object]) -> None:
    files = [out / name for name in ("csar-base.tflite", "csar-base.npy", "csar-replay.npz")]
    card = {
        "id": "csar-base",
        "name": "CSAR base",
        "version": "1.0.0",
        "created_at": "2026-11-21T00:00:00Z",
        "description": "Masked sequence autoencoder over 24 quarter-hours, trained on healthy simulated sessions that"
        " are bound to real Norwegian (plug-in, plug-out, kWh) triples",
        "data": visits.checksums(),
        "licences": "training/data/SOURCES.md",
        "split": "households 60 % training, 15 % validation, 25 % test",
        "seed": seed,
        "sessions": sessions,
        "epochs": EPOCHS,
        "parameters": SIZE,
        "input": [BUCKETS, COLUMNS],
        "loss_first_last": [round(losses[0], 4), round(losses[-1], 4)],
        "healthy_surprise": healthy,
        "metrics": {},
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }
    (out / "csar-base.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
