"""What is wrong in a device file and on which line: it is written by hand, often over ssh.

Pydantic names a place by its models (``grid, power_w, Point, kind``); the walk below follows it through the file as far
as there are such keys. Where a value may be one of several things, pydantic complains for each of them; what it says of
one that was not meant is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node, SequenceNode

MOST = 5  # complaints in one sentence


@dataclass(frozen=True, slots=True)
class Place:
    line: int
    keys: tuple[str | int, ...]
    is_in_file: bool  # it is no name of a choice


def complaints(text: str, error: ValidationError) -> str:
    """``5: grid.currents_a.0.kind: must be ..., 6: grid.voltages: is not a known key``."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = [(_place(root, detail), _words(detail)) for detail in error.errors(include_url=False)]
    earnest = [place.keys for place, _ in found if place.is_in_file]
    said: dict[tuple[str | int, ...], str] = {}
    for place, words in sorted(found, key=lambda each: each[0].line):
        if place.is_in_file or not any(keys[: len(place.keys)] == place.keys for keys in earnest):
            where = ".".join(map(str, place.keys))
            said.setdefault(place.keys, f"{place.line}: {where}: {words}" if where else f"{place.line}: {words}")
    return ", ".join(list(said.values())[:MOST])


def unreadable(error: yaml.YAMLError) -> str:
    """What PyYAML says, in one line."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    return f"line {error.problem_mark.line + 1}: {error.problem}"


def _place(node: Node | None, detail: ErrorDetails) -> Place:
    steps = detail["loc"][:-1] if detail["type"] == "missing" else detail["loc"]
    line, is_in_file = 1, True
    keys: tuple[str | int, ...] = ()
    for step in steps:
        below = _below(node, step)
        is_in_file = below is not None
        if below is not None:
            line, node = below
            keys = (*keys, step)
    return Place(line, (*keys, *detail["loc"][len(steps) :]), is_in_file)


def _below(node: Node | None, step: str | int) -> tuple[int, Node] | None:
    """The line and the value of a key, or of an entry of a list."""
    match node:
        case MappingNode():
            lines = ((key.start_mark.line + 1, value) for key, value in node.value if key.value == str(step))
            return next(lines, None)
        case SequenceNode() if isinstance(step, int) and step < len(node.value):
            return node.value[step].start_mark.line + 1, node.value[step]
        case _:
            return None


def _words(detail: ErrorDetails) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return "is not a known key"
        case "missing":
            return "is missing"
        case "model_type" | "dict_type":
            return "must hold keys with values"
        case "tuple_type" | "list_type":
            return "must be a list"
        case "value_error":
            return str(detail.get("ctx", {}).get("error", detail["msg"]))
        case _:
            return detail["msg"].replace("Input should be", "must be")
