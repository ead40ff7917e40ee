"""The model on whatever runtime is installed; the three give the same numbers.

``tflite-runtime`` ends at Python 3.11 and needs numpy 1; ``ai-edge-litert`` is its successor on newer ones; numpy
itself serves where neither has a wheel (32-bit ARM on newer systems). All are slow to import, so nothing is loaded
before the first question. An engine isn't made for several threads: ``hemsd.scoring.judge`` gives it one of its own.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hemsd.scoring import network
from hemsd.scoring.network import Floats

log = logging.getLogger(__name__)

BASE: Final = "csar-base"
MODELS: Final = Path(__file__).parent / "models"
INFER_ROWS: Final = 14  # one session, blanked out in 14 ways (hemsd.scoring.surprise)
TRAIN_ROWS: Final = 32

Runtime = Literal["auto", "tflite-runtime", "litert", "numpy"]


class EngineError(Exception):
    """A runtime can't be used. The text is for people."""


class Engine(Protocol):
    """Answers (n, 24, 8) with (n, 24, 4), for any n; ``flat`` are other weights than the shipped ones."""

    name: str

    def infer(self, x: Floats, flat: Floats | None = None) -> Floats: ...


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training step works on and gives back: weights, Adam's two memories, its count, and the loss before it."""

    flat: Floats
    m: Floats
    v: Floats
    steps: int = 0
    loss: float = 0.0

    @classmethod
    def begin(cls, flat: Floats) -> Trained:
        return cls(flat, np.zeros_like(flat), np.zeros_like(flat))


def weights(model: str = BASE) -> Floats:
    """The shipped weights as one flat vector."""
    found: NDArray[np.float32] = np.load(MODELS / f"{model}.npy")
    if found.shape != (network.SIZE,):
        raise EngineError(f"{model}.npy holds {found.shape} weights, not {network.SIZE}")
    return found


@cache
def card(model: str = BASE) -> dict[str, object]:
    """What is known of a shipped model: data, split, figures, checksums."""
    read: dict[str, object] = json.loads((MODELS / f"{model}.json").read_text())
    return read


def base_checksum() -> str:
    """What a fine-tuned model was made from."""
    sums = card()["sha256"]
    assert isinstance(sums, dict)
    return str(sums[f"{BASE}.npy"])


def intact(model: str = BASE) -> bool:
    """Whether the files are those that the card was written for."""
    sums = card(model)["sha256"]
    assert isinstance(sums, dict)
    return all(hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == wanted for name, wanted in sums.items())


class NumpyEngine:
    """The sums themselves."""

    name = "numpy"

    def __init__(self, model: str = BASE) -> None:
        self._flat = weights(model)

    def infer(self, x: Floats, flat: Floats | None = None) -> Floats:
        return network.forward(self._flat if flat is None else flat, x)


class TFLiteEngine:
    """Either TFLite runtime: they differ in name and packaging only."""

    def __init__(self, interpreter: ModuleType, name: str, model: str = BASE) -> None:
        self.name = name
        try:
            self._interpreter = interpreter.Interpreter(model_path=str(MODELS / f"{model}.tflite"), num_threads=1)
            self._infer = self._interpreter.get_signature_runner("infer")
            self._infer_with = self._interpreter.get_signature_runner("infer_with")
            self._train = self._interpreter.get_signature_runner("train")
        except (AttributeError, SystemError) as error:  # tflite-runtime with numpy 2 imports, and fails only here
            raise EngineError(f"{name} does not work with numpy {np.__version__}: it needs numpy 1") from error
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"{name} can't load {model}.tflite: {error}") from error

    def infer(self, x: Floats, flat: Floats | None = None) -> Floats:
        if len(x) == INFER_ROWS:
            return self._infer_rows(x, flat)
        answers = [self._infer_rows(x[begin : begin + INFER_ROWS], flat) for begin in range(0, len(x), INFER_ROWS)]
        return np.concatenate(answers) if answers else np.empty((0, *x.shape[1:2], network.OUTPUTS), np.float32)

    def _infer_rows(self, x: Floats, flat: Floats | None) -> Floats:
        padded = x
        if len(x) < INFER_ROWS:
            padded = np.zeros((INFER_ROWS, *x.shape[1:]), np.float32)
            padded[: len(x)] = x
        answer = self._infer(x=padded) if flat is None else self._infer_with(x=padded, flat=flat)
        found: Floats = answer["y"][: len(x)].copy()
        return found

    def train(self, state: Trained, x: Floats, hidden: Floats, learning_rate: float) -> Trained:
        """One step on 32 sessions (32, 24, 7), of which ``hidden`` (32, 24, 1) is blanked out."""
        out = self._train(
            flat=state.flat,
            m=state.m,
            v=state.v,
            t=np.array([state.steps], np.float32),
            lr=np.array([learning_rate], np.float32),
            x=x,
            hidden=hidden,
        )
        return Trained(out["flat"].copy(), out["m"].copy(), out["v"].copy(), state.steps + 1, float(out["loss"][0]))


def load(runtime: Runtime = "auto", model: str = BASE) -> Engine:
    """The engine of this name, or the best one that works here. Raises EngineError."""
    match runtime:
        case "numpy":
            return NumpyEngine(model)
        case "tflite-runtime" | "litert":
            return TFLiteEngine(_module(runtime), runtime, model)
        case "auto":
            return _best(model)


def _best(model: str) -> Engine:
    for runtime in ("tflite-runtime", "litert"):
        try:
            return TFLiteEngine(_module(runtime), runtime, model)
        except EngineError as error:
            log.debug("%s", error)
    return NumpyEngine(model)


def _module(runtime: str) -> ModuleType:
    try:
        if runtime == "tflite-runtime":
            from tflite_runtime import interpreter
        else:
            from ai_edge_litert import interpreter
    except (ImportError, AttributeError) as error:
        raise EngineError(f"{runtime} is not installed for this Python") from error
    module: ModuleType = interpreter
    return module
