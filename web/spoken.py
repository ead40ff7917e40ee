"""A sentence of the daemon on its way to the page: its English text, and what another language needs to say it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from hemsd.said import Said, Value


class SpokenPage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    """In English"""
    key: str | None = None
    """Under which a language has the same sentence; null: it has no other words, as what a device says of itself"""
    values: dict[str, float | str | SpokenPage | None] = {}
    """What the sentence has to be filled with; the end of a name tells the unit, and _at a moment"""


def spoken(text: str, clean: Callable[[str], str] = str) -> SpokenPage:
    """``clean`` takes out what nobody may read, wherever a text stands in it."""
    if not isinstance(text, Said):
        return SpokenPage(text=clean(text))
    values = {name: _value(value, clean) for name, value in text.values.items()}
    return SpokenPage(text=clean(text).strip(), key=text.key, values=values)


def _value(value: Value, clean: Callable[[str], str]) -> float | str | SpokenPage | None:
    match value:
        case Said():
            return spoken(value, clean)
        case str():
            return clean(value)
        case datetime():
            return value.isoformat()
        case _:
            return value


Spoken = Annotated[SpokenPage, BeforeValidator(lambda given: spoken(given) if isinstance(given, str) else given)]
"""A field that takes any text and keeps what it was made of."""
