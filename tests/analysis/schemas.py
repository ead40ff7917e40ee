"""The contract's JSON schemas, with their formats checked."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker

CONTRACTS = Path(__file__).parent.parent / "contracts"


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((CONTRACTS / "schemas" / f"{name}.schema.json").read_text())
    return Draft202012Validator(schema, format_checker=FormatChecker())


def conforms(body: object, name: str) -> None:
    """Fails with every deviation of the body from the schema."""
    errors = [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in _validator(name).iter_errors(body)]
    assert errors == []


def example(name: str) -> dict[str, object]:
    body: dict[str, object] = json.loads((CONTRACTS / "examples" / f"csar_{name}.json").read_text())
    return body
