"""Reads config.yaml into plain values and remembers on which line each of them stands.

A person writes this file, often over ssh, so every complaint names the line and says what would be right. PyYAML
composes the text into nodes that know their place; the walk below turns nodes into values and keeps, for each path
of keys, the line and the text as it was written.

Plain words are read by the core schema of YAML 1.2 (section 10.3), not by YAML 1.1: ``mode: off`` is the word "off",
``deadline: 07:00`` is the text "07:00" and not 420, a card number keeps its leading zeros. docs/decisions/0001 has
the reasons.

``${NAME}`` inside a value is replaced by the environment variable; ``$${NAME}`` stands for itself without the first
dollar. What came from the environment is never shown in a complaint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hemsd.config.syntax import explain
from hemsd.said import said

KeyPath = tuple[str | int, ...]
Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

# YAML 1.2.2 section 10.3.2, without the octal and hexadecimal forms, which nothing here is written in.
_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

_MERGE_TAG = "tag:yaml.org,2002:merge"
_MANY_VALUES = 20_000  # far above any home; stops a file whose aliases multiply


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in the file that a person must change."""

    line: int
    path: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.line}: {where}{self.wrong}; {self.remedy}"


class ConfigError(Exception):
    """The file can't be used; ``problems`` says all that is wrong with it."""

    def __init__(self, file: Path, problems: tuple[Problem, ...]) -> None:
        self.file = file
        self.problems = problems
        super().__init__("\n".join(f"{file.name}:{problem}" for problem in problems))


@dataclass(slots=True)
class Source:
    """What stands in the file: values, and for each path of keys the line and the text."""

    values: dict[str, Plain] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    texts: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[tuple[KeyPath, Problem]] = field(default_factory=list)

    def line(self, path: KeyPath) -> int:
        """The line of the key, or of the nearest one above it that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def complain(self, path: KeyPath, wrong: str, remedy: str, *, line: int | None = None) -> None:
        self.problems.append((path, Problem(line or self.line(path), dotted(path), wrong, remedy)))


def dotted(path: KeyPath) -> str:
    return ".".join(str(key) for key in path)


def read(text: str, environment: Mapping[str, str]) -> Source:
    """The values of the text. What can't be read is left out and stands in ``problems``."""
    source = Source()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line, wrong, remedy = explain(error, text)
        source.complain((), wrong, remedy, line=line)
        return source
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        source.complain(
            (),
            said("file.character", "holds the character #x{code}", code=f"{error.character:04x}"),
            said("file.character.do", "remove it; the file is plain text"),
            line=line,
        )
        return source
    except RecursionError:
        source.complain(
            (),
            said("file.deep", "is nested too deeply to be read"),
            said("fault.compare", "compare it with the example in the README"),
        )
        return source
    if root is None:
        return source
    if not isinstance(root, MappingNode):
        source.complain(
            (),
            said("file.no_keys", "does not hold keys with values"),
            said("file.no_keys.do", 'begin with a line such as "site:"'),
            line=_line(root),
        )
        return source
    reader = _Reader(source, environment)
    source.values = reader.mapping(root, (), ())
    return source


@dataclass(slots=True)
class _Reader:
    """Walks the nodes; ``within`` holds the containers around a node, to find an alias that holds itself."""

    source: Source
    environment: Mapping[str, str]
    count: int = 0

    def value(self, node: Node, path: KeyPath, within: tuple[Node, ...]) -> Plain:
        self.count += 1
        if self.count > _MANY_VALUES + 1:
            return None
        if any(node is outer for outer in within) or self.count > _MANY_VALUES:
            self.source.complain(
                path,
                said("file.endless", "repeats itself without end"),
                said("file.endless.do", "remove the alias (*name) that points back"),
            )
            return None
        match node:
            case MappingNode():
                return self.mapping(node, path, within)
            case SequenceNode():
                return self.sequence(node, path, within)
            case _:
                return self.scalar(node, path)

    def mapping(self, node: MappingNode, path: KeyPath, within: tuple[Node, ...]) -> dict[str, Plain]:
        """Keys with values. What ``<<`` merges in is read first, as it gives way to the keys that stand here."""
        merged: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE_TAG:
                merged |= self._merged(value_node, path, (*within, node))
        own: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE_TAG:
                continue
            if not isinstance(key_node, ScalarNode):
                self.source.complain(
                    path,
                    said("file.odd_key", "has a key that is no word"),
                    said("yaml.no_colon.do", "write `key: value`"),
                    line=_line(key_node),
                )
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in own:
                first = self.source.lines[here]
                self.source.complain(
                    here,
                    said("file.twice", "stands on line {line} already", line=first),
                    said("file.twice.do", "keep one of them"),
                    line=_line(key_node),
                )
                continue
            self.source.lines[here] = _line(key_node)
            own[key] = self.value(value_node, here, (*within, node))
        return merged | own

    def _merged(self, node: Node, path: KeyPath, within: tuple[Node, ...]) -> dict[str, Plain]:
        """The blocks that a ``<<`` names; of several, the first one has the last word (YAML merge key, 2005)."""
        merged: dict[str, Plain] = {}
        for base in reversed(node.value if isinstance(node, SequenceNode) else [node]):
            block = self.value(base, path, within) if isinstance(base, MappingNode) else None
            if block is None:
                self.source.complain(
                    path,
                    said("file.merge", "<< names no block of keys"),
                    said("file.merge.do", "write <<: *name"),
                    line=_line(node),
                )
            elif isinstance(block, dict):
                merged |= block
        return merged

    def sequence(self, node: SequenceNode, path: KeyPath, within: tuple[Node, ...]) -> list[Plain]:
        values: list[Plain] = []
        for index, item in enumerate(node.value):
            here = (*path, index)
            self.source.lines[here] = _line(item)
            values.append(self.value(item, here, (*within, node)))
        return values

    def scalar(self, node: Node, path: KeyPath) -> Plain:
        text = str(node.value)
        self.source.texts[path] = text
        quoted = isinstance(node, ScalarNode) and node.style is not None
        return self._substituted(text, path) if quoted or "${" in text else plain_value(text)

    def _substituted(self, text: str, path: KeyPath) -> str:
        def of_environment(match: re.Match[str]) -> str:
            escaped, name = match.groups()
            if escaped:
                return match[0][1:]
            if name not in self.environment:
                self.source.complain(
                    path,
                    said("file.variable", "the environment variable {name} is not set", name=name),
                    said(
                        "file.variable.do",
                        "set it (export {name}=..., or Environment= in the systemd unit), or write the value here",
                        name=name,
                    ),
                )
                return ""
            return self.environment[name]

        return _VARIABLE.sub(of_environment, text)


def plain_value(text: str) -> Plain:
    """What an unquoted word means by the core schema of YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
