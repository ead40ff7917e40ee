"""The shipped model: the same numbers from every runtime, and nothing in the file that one of them trips over."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from hemsd.scoring import engine as engines
from hemsd.scoring import network, tuning
from hemsd.scoring.engine import MODELS, TFLiteEngine, Trained, card, intact, load, weights
from hemsd.scoring.features import BUCKETS, COLUMNS

FILES = sorted(MODELS.glob("*.tflite"))
RUNTIMES = ("tflite-runtime", "litert")


def installed(name: str) -> TFLiteEngine:
    try:
        engine = load(name)  # type: ignore[arg-type]
    except engines.EngineError as error:
        pytest.skip(str(error))
    assert isinstance(engine, TFLiteEngine)
    return engine


def anything(rows: int, columns: int = network.INPUTS, seed: int = 0) -> network.Floats:
    return np.random.default_rng(seed).normal(0, 1, (rows, BUCKETS, columns)).astype(np.float32)


def test_a_model_is_shipped_and_its_files_are_those_of_its_card() -> None:
    assert FILES
    assert intact()
    assert all(path.stat().st_size < 200_000 for path in MODELS.iterdir())


def test_the_card_says_on_which_data_the_model_was_trained() -> None:
    data = card()["data"]
    assert isinstance(data, dict)
    folder = Path(__file__).parents[2] / "training/data"
    assert data == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in data}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("rows", [1, 14, 30])
def test_every_runtime_gives_the_numbers_of_the_plain_sums(runtime: str, rows: int) -> None:
    engine, x = installed(runtime), anything(rows)
    expected = network.forward(weights(), x)

    assert np.abs(engine.infer(x) - expected).max() < 1e-4
    assert np.abs(engine.infer(x, weights()) - expected).max() < 1e-4


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_training_lowers_the_loss_and_other_weights_give_other_numbers(runtime: str) -> None:
    engine = installed(runtime)
    x, rng = tuning.replayed()[:32], np.random.default_rng(1)
    state, losses = Trained.begin(weights()), []
    mask = tuning.hidden(rng, 32)
    for _ in range(60):
        state = engine.train(state, x, mask, 1e-3)
        losses.append(state.loss)

    assert losses[-1] < losses[0]
    assert state.steps == 60
    assert np.abs(engine.infer(anything(14), state.flat) - network.forward(state.flat, anything(14))).max() < 1e-4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_input_of_any_signature_is_a_bare_number(path: Path) -> None:
    """Resizing an input of rank 0 crashes ai-edge-litert on 64-bit ARM."""
    interpreter = _interpreter(path)
    for name in interpreter.get_signature_list():
        for details in interpreter.get_signature_runner(name).get_input_details().values():
            assert len(details["shape"]) >= 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_builtin_operations_on_plain_floats(path: Path) -> None:
    """Flex operations need TensorFlow; dynamic-range quantisation does not load in tflite-runtime 2.14."""
    interpreter = _interpreter(path)
    names = {details["op_name"] for details in interpreter._get_ops_details()}

    assert not [name for name in names if name.startswith("Flex") or name == "CUSTOM"]
    assert {details["dtype"] for details in interpreter.get_tensor_details()} <= {
        np.float32,
        np.int32,
        np.int64,
        np.bool_,
    }


def test_a_runtime_that_is_not_there_is_named() -> None:
    missing = next((name for name in RUNTIMES if not _there(name)), None)
    if missing is None:
        pytest.skip("both are installed")
    with pytest.raises(engines.EngineError, match=missing):
        load(missing)  # type: ignore[arg-type]


def test_without_any_runtime_the_plain_sums_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(runtime: str) -> None:
        raise engines.EngineError(f"{runtime} is not installed for this Python")

    monkeypatch.setattr(engines, "_module", nothing)
    assert load().name == "numpy"
    assert load().infer(anything(2)).shape == (2, BUCKETS, network.OUTPUTS)


def test_a_runtime_with_the_wrong_numpy_is_told_in_words_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        @staticmethod
        def Interpreter(**_: object) -> None:
            raise SystemError("CreateWrapperFromFile returned a result with an exception set")

    monkeypatch.setattr(engines, "_module", lambda runtime: Broken)
    with pytest.raises(engines.EngineError, match="needs numpy 1"):
        load("tflite-runtime")
    assert load().name == "numpy"


def test_sessions_have_the_shape_that_the_model_was_made_for() -> None:
    assert card()["input"] == [BUCKETS, COLUMNS]
    assert card()["parameters"] == network.SIZE == len(weights())


def _there(name: str) -> bool:
    try:
        load(name)  # type: ignore[arg-type]
    except engines.EngineError:
        return False
    return True


def _interpreter(path: Path):  # type: ignore[no-untyped-def]
    name = next((name for name in RUNTIMES if _there(name)), None)
    if name is None:
        pytest.skip("no runtime")
    return engines._module(name).Interpreter(model_path=str(path))
