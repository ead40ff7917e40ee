"""JSON documents on their way out: what is left out of them, and how they become bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b

Document = Mapping[str, object]


def without(document: Document, paths: Iterable[str]) -> Document:
    """The document without these dotted paths; a path leads through every element of a list."""
    for path in paths:
        document = _pruned(document, path.split("."))
    return document


def _pruned(document: Document, path: list[str]) -> Document:
    if path[0] not in document:
        return document
    if len(path) == 1:
        return {key: value for key, value in document.items() if key != path[0]}
    return {key: _inside(value, path[1:]) if key == path[0] else value for key, value in document.items()}


def _inside(value: object, path: list[str]) -> object:
    if isinstance(value, list | tuple):
        return [_inside(each, path) for each in value]
    return _pruned(value, path) if isinstance(value, Mapping) else value


def to_bytes(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def digest(body: bytes) -> str:
    """Short, and the same exactly when the bytes are."""
    return blake2b(body, digest_size=12).hexdigest()


def timestamp(at: datetime) -> str:
    """ISO 8601, UTC, with Z; milliseconds only where there are some."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds" if at.microsecond else "seconds")
    return text.replace("+00:00", "Z")
