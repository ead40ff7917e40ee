"""JSON documents on their way out: what is left out of them, and how they become bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b

Document = Mapping[str, object]


def without(document: object, paths: Iterable[str]) -> object:
    """The document without these dotted paths; a path leads through every element of a list."""
    for path in paths:
        document = _without(document, path.split("."))
    return document


def _without(value: object, path: list[str]) -> object:
    if isinstance(value, list | tuple):
        return [_without(each, path) for each in value]
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    if len(path) == 1:
        return {key: each for key, each in value.items() if key != path[0]}
    return {key: _without(each, path[1:]) if key == path[0] else each for key, each in value.items()}


def to_bytes(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def digest(body: bytes) -> str:
    """Short, and the same exactly when the bytes are."""
    return blake2b(body, digest_size=12).hexdigest()


def timestamp(at: datetime) -> str:
    """ISO 8601, UTC, with Z; milliseconds only where there are some."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds" if at.microsecond else "seconds")
    return text.replace("+00:00", "Z")
