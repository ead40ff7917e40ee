"""A sentence for people that still knows what it was made of, so that it can be said in another language.

``said("meter.leapt", "power leapt from {before_w:.0f} to {now_w:.0f} W", before_w=..., now_w=...)`` is an English text
like any other: logs, the command line and the database take it as it is, and never learn that it is more. The page's
own API looks into it (``web.spoken``) and hands on key and values; the page then says the text that its language
has under that key, with the numbers written as that language writes them.

It is a ``str`` because most of what carries it only carries text: an exception, a doubt beside a reading, a line of
progress. Whatever is built *around* it by an f-string is plain text again, so a sentence in a sentence is a value:
``said("device", "{name}: {trouble}", name=name, trouble=trouble)``.

Key and English stand in the call, as literals: that call is the English file. tests/web/test_sayings.py reads all
calls and compares them with every other language.

How a value is written follows the end of its name (``_w``, ``_a``, ``_s``, ``_wh``, ``_pct``; ``_at`` is a moment), so
in another language a unit belongs to the value. What must reach the reader letter by letter, as a setting does, is a
str.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

Value = str | float | datetime | None
_KEPT = "\x1e"  # a row that begins so holds more than text


class Said(str):
    """Made by ``said``. Immutable, as every str is."""

    __slots__ = ("key", "values")
    key: str
    values: Mapping[str, Value]

    def __str__(self) -> str:
        """Itself: so ``str(error)`` is still what was raised."""
        return self


def said(key: str, english: str, /, **values: Value) -> Said:
    """``english`` with its holes filled in, as ``str.format`` does."""
    text = Said(english.format(**values))
    text.key, text.values = key, values
    return text


def kept(text: str) -> str:
    """As a row of the store holds it, where the page will still want to know what it was made of."""
    return f"{_KEPT}{json.dumps(_parts(text))}" if isinstance(text, Said) else text


def recalled(row: str) -> str:
    """What ``kept`` made a row of; a row of plain text is that text."""
    return str(_whole(json.loads(row.removeprefix(_KEPT)))) if row.startswith(_KEPT) else row


def _parts(value: Value) -> object:
    match value:
        case Said():
            return [value.key, f"{value}", {name: _parts(each) for name, each in value.values.items()}]
        case datetime():
            return value.isoformat()
        case _:
            return value


def _whole(parts: object) -> Value:
    match parts:
        case [str(key), str(english), dict(values)]:
            text = Said(english)
            text.key, text.values = key, {str(name): _whole(each) for name, each in values.items()}
            return text
        case str() | float() | int() | None:
            return parts
        case _:
            raise ValueError(f"no value of a sentence: {parts!r}")
