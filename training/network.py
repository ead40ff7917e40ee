"""The network in TensorFlow: the same sums as ``hemsd.scoring.network``, with their gradients, as TFLite signatures.

``infer`` has the trained weights inside. ``infer_with`` and ``train`` take the weights as an input and give new ones
back, so nothing lives in the file and a restart can lose nothing. No input is of rank 0: on 64-bit ARM, resizing one
crashes ai-edge-litert. Only matmul, tanh, shifts and sums occur, whose gradients are builtin operations too.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import tensorflow as tf

from hemsd.scoring.engine import INFER_ROWS, TRAIN_ROWS
from hemsd.scoring.features import BUCKETS, COLUMNS, PREDICTED, Column
from hemsd.scoring.network import INPUTS, LOG_MIDDLE, LOG_REACH, SHAPES, SIZE, Floats

VISIBLE_WEIGHT = 0.1  # buckets that were not blanked out count a little, too
SMALLEST = 1e-3  # of the connection; rounds the corner of the absolute value
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


def unpack(flat: tf.Tensor) -> dict[str, tf.Tensor]:
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in SHAPES.values())]).tolist()
    return {
        name: tf.reshape(tf.slice(flat, [begin], [end - begin]), shape)
        for (name, shape), (begin, end) in zip(SHAPES.items(), pairwise(ends), strict=True)
    }


def _dot(x: tf.Tensor, weights: tf.Tensor, rows: int, places: int) -> tf.Tensor:
    flat = tf.reshape(x, [rows * places, weights.shape[0]])
    return tf.reshape(tf.matmul(flat, weights), [rows, places, weights.shape[1]])


def forward(flat: tf.Tensor, x: tf.Tensor, rows: int) -> tuple[tf.Tensor, tf.Tensor]:
    """(mean, log deviation), each (rows, 24, 2)."""
    w = unpack(flat)
    half, quarter = BUCKETS // 2, BUCKETS // 4
    before = tf.pad(tf.slice(x, [0, 0, 0], [rows, BUCKETS - 1, INPUTS]), [[0, 0], [1, 0], [0, 0]])
    after = tf.pad(tf.slice(x, [0, 1, 0], [rows, BUCKETS - 1, INPUTS]), [[0, 0], [0, 1], [0, 0]])
    one = tf.tanh(
        _dot(before, w["left"], rows, BUCKETS)
        + _dot(x, w["here"], rows, BUCKETS)
        + _dot(after, w["right"], rows, BUCKETS)
        + w["bias_1"]
    )
    two = tf.tanh(_dot(tf.reshape(one, [rows, half, -1]), w["fold_2"], rows, half) + w["bias_2"])
    three = tf.tanh(_dot(tf.reshape(two, [rows, quarter, -1]), w["fold_3"], rows, quarter) + w["bias_3"])
    code = tf.tanh(tf.matmul(tf.reshape(three, [rows, -1]), w["squeeze"]) + w["bias_4"])
    wide = tf.reshape(tf.tanh(tf.matmul(code, w["widen"]) + w["bias_5"]), [rows, quarter, -1])
    up_2 = tf.tanh(_dot(wide, w["unfold_3"], rows, quarter) + _dot(three, w["beside_3"], rows, quarter) + w["bias_6"])
    up_2 = tf.reshape(up_2, [rows, half, -1])
    up_1 = tf.tanh(_dot(up_2, w["unfold_2"], rows, half) + _dot(two, w["beside_2"], rows, half) + w["bias_7"])
    up_1 = tf.reshape(up_1, [rows, BUCKETS, -1])
    joined = tf.tanh(_dot(up_1, w["join"], rows, BUCKETS) + _dot(one, w["beside_1"], rows, BUCKETS) + w["bias_8"])
    raw = _dot(joined, w["out"], rows, BUCKETS) + w["bias_9"]
    mean = tf.slice(raw, [0, 0, 0], [rows, BUCKETS, PREDICTED])
    deviation = LOG_MIDDLE + LOG_REACH * tf.tanh(tf.slice(raw, [0, 0, PREDICTED], [rows, BUCKETS, PREDICTED]))
    return mean, deviation


def loss_of(flat: tf.Tensor, x: tf.Tensor, hidden: tf.Tensor, rows: int) -> tf.Tensor:
    """How surprised the model is, on average, by what it was not shown. ``hidden`` (rows, 24, 1) is 0 or 1."""
    shown = 1.0 - hidden
    predicted = tf.slice(x, [0, 0, 0], [rows, BUCKETS, PREDICTED])
    given = tf.slice(x, [0, 0, PREDICTED], [rows, BUCKETS, COLUMNS - PREDICTED])
    mean, deviation = forward(flat, tf.concat([predicted * shown, given, hidden], axis=2), rows)
    inside = tf.slice(x, [0, 0, int(Column.INSIDE)], [rows, BUCKETS, 1])
    weight = inside * (hidden + VISIBLE_WEIGHT * shown)
    # Laplace rather than Gauss: sessions have long tails, and one blip must not make the model unsure of everything.
    surprise = tf.sqrt(tf.square(predicted - mean) + SMALLEST**2) * tf.exp(-deviation) + deviation
    return tf.reshape(tf.reduce_sum(surprise * weight) / (tf.reduce_sum(weight) * PREDICTED + 1e-6), [1])


def step(
    flat: tf.Tensor, m: tf.Tensor, v: tf.Tensor, t: tf.Tensor, lr: tf.Tensor, x: tf.Tensor, hidden: tf.Tensor, rows: int
) -> dict[str, tf.Tensor]:
    """One step of Adam; everything it remembers comes in and goes out."""
    with tf.GradientTape() as tape:
        tape.watch(flat)
        loss = loss_of(flat, x, hidden, rows)
    slope = tape.gradient(loss, flat)
    t = t + 1.0
    m = BETA_1 * m + (1 - BETA_1) * slope
    v = BETA_2 * v + (1 - BETA_2) * slope * slope
    mended_m = m / (1.0 - tf.pow(BETA_1, t))
    mended_v = v / (1.0 - tf.pow(BETA_2, t))
    return {"flat": flat - lr * mended_m / (tf.sqrt(mended_v) + EPSILON), "m": m, "v": v, "t": t, "loss": loss}


def _spec(*shape: int) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32)


class Exported(tf.Module):
    """What goes into the file. The first argument must be called ``self``, or the converter loses it."""

    def __init__(self, flat: Floats) -> None:
        super().__init__()
        self.flat = tf.constant(flat)

    @tf.function(input_signature=[_spec(INFER_ROWS, BUCKETS, INPUTS)])
    def infer(self, x):  # type: ignore[no-untyped-def]
        return {"y": tf.concat(forward(self.flat, x, INFER_ROWS), axis=2)}

    @tf.function(input_signature=[_spec(INFER_ROWS, BUCKETS, INPUTS), _spec(SIZE)])
    def infer_with(self, x, flat):  # type: ignore[no-untyped-def]
        return {"y": tf.concat(forward(flat, x, INFER_ROWS), axis=2)}

    @tf.function(
        input_signature=[
            _spec(SIZE), _spec(SIZE), _spec(SIZE), _spec(1), _spec(1),
            _spec(TRAIN_ROWS, BUCKETS, COLUMNS), _spec(TRAIN_ROWS, BUCKETS, 1),
        ]
    )  # fmt: skip
    def train(self, flat, m, v, t, lr, x, hidden):  # type: ignore[no-untyped-def]
        return step(flat, m, v, t, lr, x, hidden, TRAIN_ROWS)


def export(flat: Floats, path: Path) -> None:
    exported = Exported(flat)
    signatures = {"infer": exported.infer, "infer_with": exported.infer_with, "train": exported.train}
    folder = path.with_suffix("")
    tf.saved_model.save(exported, str(folder), signatures=signatures)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    path.write_bytes(converter.convert())
