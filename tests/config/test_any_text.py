"""Whatever stands in the file: a Config, or complaints that name a line and a remedy; never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hemsd.config import ConfigError, Problem, json_schema, load


def known_keys() -> list[str]:
    schema = json_schema()
    models = [schema, *schema["$defs"].values()]
    return sorted({key for model in models for key in model.get("properties", {})})


KEYS = st.sampled_from([*known_keys(), "grid", "pv", "battery", "garage", "car", "weird key", "<<", "1"])
WORDS = [
    "modbus",
    "mqtt",
    "ocpp",
    "fixed",
    "garage",
    "car",
    "solar",
    "127.0.0.1",
    "0.0.0.0",
    "http://x",
    "07:00",
    "${X}",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-10, 100_000)
    | st.floats(allow_nan=True)
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4), max_leaves=15
)


def complaints(text: str) -> tuple[Problem, ...]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(text, encoding="utf-8", newline="")
        try:
            load(path, {})
        except ConfigError as error:
            return error.problems
    return ()


def accepted_or_explained(text: str) -> None:
    found = complaints(text)
    last = text.count("\n") + 2
    assert all(1 <= problem.line <= last and problem.wrong and problem.remedy for problem in found)
    places = [(problem.line, problem.path) for problem in found if problem.path]
    assert len(places) == len(set(places))


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, VALUES, max_size=6))
@example({"meters": {"pv": [{"driver": "modbus"}, {"driver": []}, None]}})
@example({"wallboxes": {"garage": {"charge_point": [], "maxa": 1}, "car": {"charge_point": 1.5}}})
@example({"simulate": {"day": "x" * 300}, "web": {"password_file": "y" * 300}, "storage": {"path": "z" * 300}})
@example({"simulate": {"day": "\0.csv"}, "web": {"password_file": "\0"}})
def test_keys_and_values_in_any_order(values: dict[str, Any]) -> None:
    accepted_or_explained(json.dumps(values, indent=1))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@#?,<$ \n\t0"), max_size=40))
@example("? a\n: b")
@example("a: !!python/object:os.system x")
@example("{a: &x [*x]}")
@example("a: &x {<<: *x}")
@example("<<: [1, {a: 1}]")
@example("\ufeffsite: {}")
@example("a: \x85 b")
def test_any_characters(text: str) -> None:
    accepted_or_explained(text)
