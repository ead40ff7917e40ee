"""Says what pydantic found in the words of the file: where it stands, what is wrong, what would be right.

Pydantic names a place by its models (``meters, grid, modbus, hots``); people look for keys in the file. The Guide knows
which keys would be known there, and what a missing one is for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic_core import ErrorDetails

from drivers.base import Unfit
from hemsd.config.file import KeyPath, Plain, Source
from hemsd.config.guide import Guide
from hemsd.said import Said, said

_LISTED = 15  # more keys than this are no help in one line
_SECRET = re.compile(r"password|secret|token", re.IGNORECASE)

TEXT_WANTED = frozenset({"string_type", "path_type", "literal_error", "enum"})
"""Complaints that may vanish when a plain 0012 or true is taken as the text that it was written as."""

EMPTY = said("fault.empty", "is empty")
MISSING, ADD = said("fault.missing", "is missing"), said("fault.add_it", "add it")

_SHAPES = frozenset(
    {"model_type", "dataclass_type", "dict_type", "list_type", "tuple_type", "string_type", "bool_type", "int_type"}
)
"""Complaints that say of a choice only that something else was written."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; ``involved`` names every place that takes part, the one to change first."""

    involved: tuple[KeyPath, ...]
    wrong: str
    remedy: str

    @property
    def path(self) -> KeyPath:
        return self.involved[0]


def value_at(values: Plain, path: KeyPath) -> Plain:
    """The value at a path that exists."""
    for key in path:
        values = values[key]  # type: ignore[index]
    return values


def path_in_file(values: Plain, place: KeyPath) -> KeyPath:
    """The keys of the file that pydantic's place stands for; names of choices are left out."""
    path: KeyPath = ()
    for step in place:
        match values:
            case dict() if step in values:
                values = values[str(step)]
            case list() if isinstance(step, int) and step < len(values):
                values = values[step]
            case _:
                continue
        path = (*path, step)
    return path


def meant(errors: list[ErrorDetails], values: Plain) -> list[ErrorDetails]:
    """Where pydantic tried several choices, only the complaints about the one that has the right shape."""

    def wrong_choice(error: ErrorDetails) -> bool:
        place = error["loc"]
        return error["type"] in _SHAPES and path_in_file(values, place) == path_in_file(values, place[:-1])

    in_earnest = [error["loc"] for error in errors if not wrong_choice(error)]
    return [
        error
        for error in errors
        if not (
            wrong_choice(error) and any(place[: len(error["loc"]) - 1] == error["loc"][:-1] for place in in_earnest)
        )
    ]


def fault(error: ErrorDetails, source: Source, guide: Guide) -> Fault:
    """One of pydantic's complaints in our words."""
    place = error["loc"]
    if error["type"] in ("missing", "missing_argument"):
        path = (*path_in_file(source.values, place[:-1]), place[-1])
        described = guide.description(place).rstrip(".")
        return Fault(
            (path,), MISSING, said("fault.add", "add it: {described}", described=described) if described else ADD
        )
    path = path_in_file(source.values, place)
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return Fault(
            (path,),
            said("fault.unknown_key", "is not a known key"),
            _known(str(place[-1]), guide.known_keys(place[:-1])),
        )
    if error["type"] == "value_error":
        return _refused(error, path, source)
    if error["type"] == "union_tag_invalid":
        tag = str(error.get("ctx", {}).get("tag", ""))
        return Fault(
            ((*path, "driver"),),
            said("fault.unknown_driver", '"{tag}" is not a known driver', tag=tag),
            one_of(tag, guide.drivers(place)),
        )
    if error["type"] == "union_tag_not_found" and isinstance(error["input"], Mapping):
        return Fault(((*path, "driver"),), MISSING, one_of("", guide.drivers(place)))
    is_a_name = place[-1:] == ("[key]",)
    wrong, remedy = _words(error, f'"{path[-1]}"' if is_a_name else shown(source, path))
    return Fault((path,), wrong, remedy)


def _refused(error: ErrorDetails, path: KeyPath, source: Source) -> Fault:
    """A settings class said no in its own words; the first key that it names is the place to look at."""
    refusal = error.get("ctx", {}).get("error")
    wrong, remedy = refused(refusal) if isinstance(refusal, Exception) else (error["msg"], "")
    here = value_at(source.values, path)
    named = [
        (*path, word) for word in re.findall(r"\w+", f"{wrong} {remedy}") if isinstance(here, dict) and word in here
    ]
    return Fault((*named[:1], *named) or (path,), wrong, remedy or said("fault.change_one", "change one of them"))


def refused(error: Exception) -> tuple[str, str]:
    """What a settings class found wrong, and what would be right; empty where it gave no second sentence."""
    if isinstance(error, Unfit):
        return error.wrong, error.remedy
    wrong, _, remedy = str(error).partition("; ")
    return wrong, remedy


def at_least(limit: float) -> Said:
    return said("fault.at_least", "at least {limit}", limit=f"{limit:g}")


def at_most(limit: float) -> Said:
    return said("fault.at_most", "at most {limit}", limit=f"{limit:g}")


def _words(error: ErrorDetails, text: str) -> tuple[str, str]:
    """What is wrong and what would be right, for a value that does not fit its field."""
    limits = error.get("ctx", {})
    too_low = said("fault.too_low", "{text} is too low", text=text)
    too_high = said("fault.too_high", "{text} is too high", text=text)
    if error["input"] is None:
        return EMPTY, said("fault.write_value", "write a value, or remove the line")
    match error["type"]:
        case "greater_than_equal":
            return too_low, at_least(limits["ge"])
        case "greater_than":
            return too_low, said("fault.more_than", "more than {limit}", limit=f"{limits['gt']:g}")
        case "less_than_equal":
            return too_high, at_most(limits["le"])
        case "less_than":
            return too_high, said("fault.less_than", "less than {limit}", limit=f"{limits['lt']:g}")
        case "int_from_float" | "int_type" | "int_parsing":
            return said("fault.no_integer", "{text} is not a whole number", text=text), said(
                "fault.digits", "write digits only"
            )
        case "float_type" | "float_parsing" | "finite_number":
            return said("fault.no_number", "{text} is not a number", text=text), said(
                "fault.number", "write a number with a point, and no unit"
            )
        case "bool_type" | "bool_parsing":
            return said("fault.no_bool", "{text} is neither yes nor no", text=text), said("fault.bool", "true or false")
        case "string_type" | "path_type":
            return said("fault.no_text", "{text} is not a text", text=text), said(
                "fault.word", "write one word, or a text in quotes"
            )
        case "string_too_short" | "too_short":
            return EMPTY, at_least(limits["min_length"])
        case "string_too_long" | "too_long":
            return said("fault.too_long", "{text} is too long", text=text), at_most(limits["max_length"])
        case "string_pattern_mismatch":
            return said("fault.no_fit", "{text} does not fit", text=text), _PATTERNS.get(
                limits["pattern"], said("fault.pattern", "it must match {pattern}", pattern=limits["pattern"])
            )
        case "literal_error" | "enum":
            allowed = re.findall(r"'([^']*)'|(\d+)", limits["expected"])
            return said("fault.unknown", "{text} is not known here", text=text), one_of(
                text.strip('"'), ["".join(word) for word in allowed]
            )
        case "model_type" | "model_attributes_type" | "dataclass_type" | "dict_type" | "union_tag_not_found":
            return said("fault.no_block", "{text} stands where keys with values should", text=text), said(
                "fault.block", "write `key: value` lines below it"
            )
        case "list_type" | "tuple_type":
            return said("fault.no_list", "{text} stands where a list should", text=text), said(
                "fault.list", "write [a, b], or one entry a line after a dash"
            )
        case _:
            return error["msg"][:1].lower() + error["msg"][1:], said(
                "fault.compare", "compare it with the example in the README"
            )


_PATTERNS = {
    r"^([01]\d|2[0-3]):[0-5]\d$": said("fault.local_time", "a local time such as 07:00"),
    r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$": said("fault.name", "a name of letters, digits, - and _, at most 40 of them"),
}


def shown(source: Source, path: KeyPath) -> str:
    """A value as people may see it: never a secret."""
    if any(_SECRET.search(str(key)) and not str(key).endswith("_file") for key in path):
        return said("fault.the_value", "the value")
    if path in source.texts:
        text = source.texts[path]
        return text if re.fullmatch(r"-?[0-9.]+", text) else f'"{text}"'
    value = value_at(source.values, path)
    return (
        said("fault.a_list", "a list")
        if isinstance(value, list)
        else said("fault.a_block", "a block of keys")
        if isinstance(value, dict)
        else said("fault.the_value", "the value")
    )


def one_of(wrong: str, right: Iterable[str]) -> str:
    """The nearest of what is allowed, and all of it."""
    allowed = list(right)
    near = difflib.get_close_matches(wrong, allowed, n=1)
    if near and len(allowed) > _LISTED:
        return did_you_mean(near[0])
    listed = _listed(allowed)
    if near:
        return said("fault.near_of", "did you mean {near}? Known: {listed}", near=near[0], listed=listed)
    return said("fault.write", "write {listed}", listed=listed)


def _listed(words: list[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return said("fault.either", "{others} or {last}", others=", ".join(words[:-1]), last=words[-1])


def did_you_mean(near: str) -> Said:
    return said("fault.near", "did you mean {near}?", near=near)


def _known(wrong: str, keys: list[str]) -> str:
    near = difflib.get_close_matches(wrong, keys, n=1, cutoff=0.5)
    if near:
        return did_you_mean(near[0])
    if not keys:
        return said("fault.remove", "remove it")
    first, others = ", ".join(keys[:_LISTED]), len(keys) - _LISTED
    if others > 0:
        return said("fault.some_keys", "known keys: {keys} and {n:d} more (see hemsd schema)", keys=first, n=others)
    return said("fault.keys", "known keys: {keys}", keys=first)
