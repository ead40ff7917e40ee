"""The shape of the network, and the same sums in numpy.

A small U of matrix products over 24 buckets: neighbours are looked at three at a time, then pairs are folded together
(24, 12, 6 places), squeezed to 24 numbers for the whole session, and unfolded again beside what was seen on the way.
For each bucket come the mean and the log deviation of power and of roughness: what must be there, and how sure that is.

All weights are one flat float32 vector, so a fine-tuned model is that vector and nothing else: easy to keep, to compare
and to take back. Everything is a matrix product, a tanh or a shift, so training works on the device with the builtin
operations of every runtime.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hemsd.scoring.features import BUCKETS, COLUMNS, PREDICTED

Floats = NDArray[np.float32]

HIDDEN: Final = COLUMNS  # one more input column: 1 where the two predicted columns were blanked out
INPUTS: Final = COLUMNS + 1
OUTPUTS: Final = 2 * PREDICTED
_WIDE, _NARROW, _CODE = 24, 16, 24

SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "left": (INPUTS, _WIDE),
    "here": (INPUTS, _WIDE),
    "right": (INPUTS, _WIDE),
    "bias_1": (_WIDE,),
    "fold_2": (2 * _WIDE, _WIDE),
    "bias_2": (_WIDE,),
    "fold_3": (2 * _WIDE, _NARROW),
    "bias_3": (_NARROW,),
    "squeeze": (BUCKETS // 4 * _NARROW, _CODE),
    "bias_4": (_CODE,),
    "widen": (_CODE, BUCKETS // 4 * _NARROW),
    "bias_5": (BUCKETS // 4 * _NARROW,),
    "beside_3": (_NARROW, 2 * _WIDE),
    "unfold_3": (_NARROW, 2 * _WIDE),
    "bias_6": (2 * _WIDE,),
    "beside_2": (_WIDE, 2 * _WIDE),
    "unfold_2": (_WIDE, 2 * _WIDE),
    "bias_7": (2 * _WIDE,),
    "beside_1": (_WIDE, _WIDE),
    "join": (_WIDE, _WIDE),
    "bias_8": (_WIDE,),
    "out": (_WIDE, OUTPUTS),
    "bias_9": (OUTPUTS,),
}
_ENDS: Final = np.cumsum([0, *(int(np.prod(shape)) for shape in SHAPES.values())])
SIZE: Final = int(_ENDS[-1])

# The log deviation stays between 0.9 % and 74 % of the connection: below, rounding would look like surprise.
LOG_MIDDLE: Final = -2.5
LOG_REACH: Final = 2.2


def unpack(flat: Floats) -> dict[str, Floats]:
    return {
        name: flat[begin:end].reshape(shape)
        for (name, shape), (begin, end) in zip(SHAPES.items(), pairwise(_ENDS.tolist()), strict=True)
    }


def forward(flat: Floats, x: Floats) -> Floats:
    """``x`` (n, 24, 8) gives (n, 24, 4): mean and log deviation of power and roughness."""
    w = unpack(flat)
    n = len(x)
    before = np.concatenate((np.zeros_like(x[:, :1]), x[:, :-1]), axis=1)
    after = np.concatenate((x[:, 1:], np.zeros_like(x[:, :1])), axis=1)
    one = np.tanh(before @ w["left"] + x @ w["here"] + after @ w["right"] + w["bias_1"])
    two = np.tanh(one.reshape(n, BUCKETS // 2, -1) @ w["fold_2"] + w["bias_2"])
    three = np.tanh(two.reshape(n, BUCKETS // 4, -1) @ w["fold_3"] + w["bias_3"])
    code = np.tanh(three.reshape(n, -1) @ w["squeeze"] + w["bias_4"])
    wide = np.tanh(code @ w["widen"] + w["bias_5"]).reshape(n, BUCKETS // 4, -1)
    up_2 = np.tanh(wide @ w["unfold_3"] + three @ w["beside_3"] + w["bias_6"]).reshape(n, BUCKETS // 2, -1)
    up_1 = np.tanh(up_2 @ w["unfold_2"] + two @ w["beside_2"] + w["bias_7"]).reshape(n, BUCKETS, -1)
    joined = np.tanh(up_1 @ w["join"] + one @ w["beside_1"] + w["bias_8"])
    raw = joined @ w["out"] + w["bias_9"]
    mean, deviation = raw[..., :PREDICTED], LOG_MIDDLE + LOG_REACH * np.tanh(raw[..., PREDICTED:])
    answer: Floats = np.concatenate((mean, deviation), axis=-1).astype(np.float32)
    return answer
