"""The text below each field of a class, as the description that a JSON Schema has of it.

pydantic does this too (``use_attribute_docstrings``), when a class is made: it reads and parses the source of every
class at every start, which took a third of the time until a config.yaml was read. Nobody needs the texts before a
schema is asked for, so they are looked up only then.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue


class Described(GenerateJsonSchema):
    """A ``schema_generator`` for models and dataclasses, with a description of each field."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        return _described(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: Any) -> JsonSchemaValue:
        return _described(super().dataclass_schema(schema), schema["cls"])


def _described(found: JsonSchemaValue, cls: type) -> JsonSchemaValue:
    properties = found.get("properties", {})
    for name, text in texts(cls).items():
        place = properties.get(_written(cls, name))
        if place is not None:
            place.setdefault("description", text)
    return found


def _written(cls: type, name: str) -> str:
    """How JSON spells a field."""
    field = cls.model_fields.get(name) if issubclass(cls, BaseModel) else None
    return field.alias or name if field is not None else name


def texts(cls: type) -> Mapping[str, str]:
    """By field, of the class and of those that it builds upon."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        found |= _of_module(each.__module__).get(each.__qualname__, {})
    return found


@cache
def _of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    """By class, as written in a module of ours; nothing for others and where there is no source."""
    if name.partition(".")[0] not in ("hemsd", "drivers", "web"):
        return {}
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (OSError, TypeError):
        return {}
    return {node.name: dict(_texts_in(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _texts_in(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for before, after in zip(node.body, node.body[1:], strict=False):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
            case _:
                pass
