"""What the model says of a session: how surprising each quarter-hour is, given all the others.

The model is not asked to repeat what it saw, at which it would be good whatever it saw. It is asked for what it was not
shown: the session is blanked out in 14 ways, in pieces of three, six and twelve quarter-hours, and each bucket is
compared with what was expected there, in units of how sure the model was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hemsd.scoring.engine import INFER_ROWS, Engine
from hemsd.scoring.features import BUCKETS, PREDICTED, Buckets
from hemsd.scoring.network import INPUTS, Floats
from hemsd.scoring.series import Numbers

WIDTHS: Final = (3, 6, 12)
LARGEST: Final = 12.0  # a surprise beyond that says nothing more
TOP: Final = 3  # one odd bucket is chance, three are a fault


def _masks() -> Floats:
    """(14, 24): 1 where a way of blanking out hides a bucket. Together they hide each bucket three times."""
    rows = []
    for width in WIDTHS:
        for begin in range(0, BUCKETS, width):
            row = np.zeros(BUCKETS, np.float32)
            row[begin : begin + width] = 1
            rows.append(row)
    return np.stack(rows)


MASKS: Final = _masks()
SHOWN: Final = (1 - MASKS)[..., None]
TIMES_HIDDEN: Final = MASKS.sum(axis=0)
assert len(MASKS) == INFER_ROWS


@dataclass(frozen=True, slots=True)
class Surprise:
    """``score`` is the mean of the three oddest buckets; ``by_bucket`` (24,) says where; NaN outside the session."""

    score: float
    by_bucket: Numbers

    @property
    def worst(self) -> int:
        return int(np.nanargmax(self.by_bucket)) if not np.all(np.isnan(self.by_bucket)) else 0


def surprises(engine: Engine, sessions: list[Buckets], flat: Floats | None = None) -> list[Surprise]:
    """For several sessions at once."""
    if not sessions:
        return []
    x = np.empty((len(sessions), INFER_ROWS, BUCKETS, INPUTS), np.float32)
    for place, one in enumerate(sessions):
        blanked(one.x, x[place])
    answers = engine.infer(x.reshape(-1, BUCKETS, INPUTS), flat).reshape(len(sessions), INFER_ROWS, BUCKETS, -1)
    return [_compare(one, answer) for one, answer in zip(sessions, answers, strict=True)]


def blanked(x: Floats, into: Floats) -> None:
    """(24, 7) becomes (14, 24, 8): the predicted columns taken away where a mask hides them."""
    np.multiply(x[:, :PREDICTED], SHOWN, out=into[..., :PREDICTED])
    into[..., PREDICTED:-1] = x[:, PREDICTED:]
    into[..., -1] = MASKS


def _compare(session: Buckets, answer: Floats) -> Surprise:
    off = (session.x[:, :PREDICTED] - answer[..., :PREDICTED]) * np.exp(-answer[..., PREDICTED:])
    off *= off
    each = np.minimum(np.sqrt(off.sum(axis=-1, dtype=np.float64) / PREDICTED), LARGEST)
    by_bucket = (each * MASKS).sum(axis=0) / TIMES_HIDDEN
    inside = session.inside
    by_bucket[~inside] = np.nan
    known = np.sort(by_bucket[inside])
    return Surprise(float(known[-TOP:].mean()) if len(known) else 0.0, by_bucket)
