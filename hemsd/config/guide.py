"""What could stand at a place of config.yaml: its keys, its drivers, what it is for. Read from the JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hemsd.config.file import KeyPath


class Guide:
    """The JSON Schema of config.yaml, walked by the places that pydantic names."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def known_keys(self, place: KeyPath) -> list[str]:
        return list(dict.fromkeys(key for node in self._at(place) for key in _properties(node)))

    def description(self, place: KeyPath) -> str:
        """What the field at this place is for; empty when nobody wrote it."""
        described = (_properties(node).get(str(place[-1]), {}) for node in self._at(place[:-1]))
        return next((found["description"] for found in described if "description" in found), "")

    def drivers(self, place: KeyPath) -> list[str]:
        """What ``driver:`` may say at this place."""
        return [str(node["properties"]["driver"]["const"]) for node in self._at(place) if "driver" in _properties(node)]

    def _at(self, place: KeyPath) -> list[Mapping[str, Any]]:
        nodes = list(self._leaves(self._schema))
        for step in place:
            below = [leaf for node in nodes for leaf in self._below(node, step)]
            nodes = below or nodes  # a step that leads nowhere is a name that pydantic gave to a choice
        return nodes

    def _below(self, node: Mapping[str, Any], step: str | int) -> Iterator[Mapping[str, Any]]:
        if step in _properties(node):
            yield from self._leaves(node["properties"][step])
        elif _properties(node).get("driver", {}).get("const") == step:
            yield node
        elif isinstance(step, int) and "items" in node:
            yield from self._leaves(node["items"])
        else:
            for pattern, below in node.get("patternProperties", {}).items():
                if re.search(pattern, str(step)):
                    yield from self._leaves(below)

    def _leaves(self, node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The node itself, with references and choices resolved."""
        if "$ref" in node:
            yield from self._leaves(self._schema["$defs"][node["$ref"].rpartition("/")[2]])
        for choice in ("anyOf", "oneOf", "allOf"):
            for option in node.get(choice, ()):
                yield from self._leaves(option)
        if not {"$ref", "anyOf", "oneOf", "allOf"} & node.keys():
            yield node


def _properties(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return node.get("properties") or {}
