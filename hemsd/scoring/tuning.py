"""Fine-tuning the shipped model on a home's own sessions, on the device itself.

It helps a home that differs from the simulated ones and harms one that does not, so it has to prove itself: a fifth of
the sessions is held out, and the new weights count only if those surprise them less. Healthy sessions of the
shipped training set are mixed in, so that the model does not forget what else is normal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from hemsd.scoring.engine import MODELS, TRAIN_ROWS, TFLiteEngine, Trained
from hemsd.scoring.features import BUCKET_S, BUCKETS, Buckets
from hemsd.scoring.network import Floats
from hemsd.scoring.surprise import surprises

LEAST_SESSIONS: Final = 20
HELD_OUT: Final = 0.2
LEAST_GAIN: Final = 0.02
REPLAY_ROWS: Final = TRAIN_ROWS // 2
EPOCHS: Final = 50
LEARNING_RATE: Final = 5e-4


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of it: the mean surprise of held-out sessions before and after."""

    flat: Floats
    before: float
    after: float
    scores: tuple[float, ...]  # of all sessions, under the new weights

    @property
    def sessions(self) -> int:
        return len(self.scores)

    @property
    def better(self) -> bool:
        return self.after <= (1 - LEAST_GAIN) * self.before


def tune(
    engine: TFLiteEngine,
    base: Floats,
    sessions: Floats,
    *,
    epochs: int = EPOCHS,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
    pause: Callable[[], None] = lambda: None,
) -> Tuned:
    """``sessions`` (n, 24, 7), healthy, oldest first. ``pause`` is called before every epoch, to let others run."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(sessions))
    held = sessions[order[: max(1, int(HELD_OUT * len(sessions)))]]
    own = sessions[order[len(held) :]]
    replay = replayed()
    state = Trained.begin(base)
    for _ in range(epochs):
        pause()
        for rows in _batches(len(own), rng):
            x = np.concatenate((own[rows], replay[rng.integers(len(replay), size=REPLAY_ROWS)]))
            state = engine.train(state, x.astype(np.float32), hidden(rng, TRAIN_ROWS), learning_rate)
    if not np.all(np.isfinite(state.flat)):
        raise ArithmeticError("the training diverged; try a smaller learning_rate")
    before, after = float(np.mean(_scores(engine, held, base))), float(np.mean(_scores(engine, held, state.flat)))
    return Tuned(state.flat, before, after, _scores(engine, sessions, state.flat))


def replayed(model: str = "csar-replay") -> Floats:
    """Healthy sessions of the shipped training set."""
    x: Floats = np.load(MODELS / f"{model}.npz")["x"].astype(np.float32)
    return x


def hidden(rng: Generator, rows: int) -> Floats:
    """One piece of 1 to 12 buckets is blanked out in each session."""
    width = rng.choice([1, 2, 3, 6, 12], size=rows, p=[0.1, 0.15, 0.35, 0.25, 0.15])
    begin = np.floor(rng.uniform(0, 1, rows) * (BUCKETS - width + 1)).astype(int)
    place = np.arange(BUCKETS)[None]
    mask: Floats = ((place >= begin[:, None]) & (place < (begin + width)[:, None])).astype(np.float32)[..., None]
    return mask


def _batches(count: int, rng: Generator) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Halves of a training batch; the last one is filled up from the beginning."""
    order = np.resize(rng.permutation(count), -(-count // REPLAY_ROWS) * REPLAY_ROWS)
    return [order[begin : begin + REPLAY_ROWS] for begin in range(0, len(order), REPLAY_ROWS)]


def _scores(engine: TFLiteEngine, sessions: Floats, flat: Floats) -> tuple[float, ...]:
    begins_s = BUCKET_S * np.arange(BUCKETS, dtype=np.float64)
    return tuple(one.score for one in surprises(engine, [Buckets(x, begins_s) for x in sessions], flat))
