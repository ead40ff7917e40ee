"""Numbers out of MQTT payloads: a small JSON path, and what publishers write where they have no number.

Paths are the plain part of RFC 9535: ``$`` followed by ``.name``, ``['name']`` or ``[0]``. One path, one value; whoever
needs filters has a broker that can compute.
"""

from __future__ import annotations

import json
import math
import re
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

WHOLE: Path = ()
LARGEST_BYTES = 64 * 1024  # no meter says more at once

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]]+) | \[(?P<index>\d+)\] | \['(?P<single>[^']*)'\] | \["(?P<double>[^"]*)"\]""", re.X
)
NO_NUMBER = frozenset({"", "none", "null", "nan", "unknown", "unavailable"})  # Home Assistant's states among them


class Malformed(ValueError):
    """The payload is not what the configuration says. The text is for people."""


class Missing(Malformed):
    """The payload is sound, but nothing stands at the path: many publishers only send what changed."""


def path(text: str) -> Path:
    """The steps of a path. Raises ValueError when it is none."""
    if not text.startswith("$"):
        raise ValueError(f"a path begins with $, like $.{text.strip('.') or 'power'}")
    steps: list[str | int] = []
    position = 1
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            raise ValueError(f"{text[position:]!r} is no step of a path; write $.name, $['name'] or $.list[0]")
        index = found["index"]
        steps.append(int(index) if index is not None else found["name"] or found["single"] or found["double"] or "")
        position = found.end()
    return tuple(steps)


def document(payload: bytes) -> Json:
    """The payload as JSON, or as the bare text that it is. Raises Malformed."""
    if len(payload) > LARGEST_BYTES:
        raise Malformed(f"{len(payload)} bytes are too much")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise Malformed("it is not text") from None
    try:
        found: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found


def at(found: Json, steps: Path) -> Json:
    """What stands at a path. Raises Malformed, or Missing."""
    for step in steps:
        match found, step:
            case dict(), str() if step in found:
                found = found[step]
            case list(), int() if step < len(found):
                found = found[step]
            case str(), _:
                raise Malformed("it is not JSON")
            case _:
                raise Missing(f"nothing stands at {_shown(steps)}")
    return found


def number(found: Json, steps: Path) -> float | None:
    """The number at a path; None where the publisher says that it has none. Raises Malformed, or Missing."""
    found = at(found, steps)
    match found:
        case bool() | dict() | list():
            raise Malformed(f"what stands at {_shown(steps)} is no number")
        case None:
            return None
        case str() if found.strip().lower() in NO_NUMBER:
            return None
    try:
        value = float(found)
    except (ValueError, OverflowError):
        raise Malformed(f"what stands at {_shown(steps)} is no number") from None
    return value if math.isfinite(value) else None


def _shown(steps: Path) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
