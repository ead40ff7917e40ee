"""Brings the steps together, so that one look finds everything that is wrong.

Pydantic stops a section at its first kind of trouble, and what does not validate can't be checked against the rest. So
what was refused is noted, taken out of the values, and the rest is validated again, until what remains is a Config.
It is used for nothing but finding further faults: with a single fault the file is refused whole.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hemsd.config import checks
from hemsd.config.file import ConfigError, KeyPath, Plain, Problem, Source, dotted, read
from hemsd.config.guide import Guide
from hemsd.config.models import Config
from hemsd.config.words import TEXT_WANTED, Fault, fault, meant, path_in_file, value_at
from hemsd.said import said


def load(
    path: Path,
    environment: Mapping[str, str] = os.environ,
    *,
    password_comes: bool = False,
    overrides: Iterable[str] = (),
) -> Config:
    """The file as a Config, its paths absolute. Raises ConfigError with every problem of the file.

    ``password_comes``: the page's password is just about to be set, so it is not missed. ``overrides`` are settings
    for this once, as ``steering.stop_budget_wh=60``.
    """
    path = path.absolute()
    source = read(_text(path), environment)
    for override in overrides:
        _override(source.values, path, override)
    source.values = _absolute_paths(source.values, path.parent)
    found = {place: problem for place, problem in reversed(source.problems)}
    collector = _Collector(source, found)
    config = collector.validated()
    collector.add(checks.missing_files(source.values))
    if config is not None:
        config = _absolute_storage(config, path.parent)
        has_password = password_comes or _may_exist(config.storage.password_hash_file)
        collector.add(checks.faults(config, checks.Surroundings(path.parent, has_password)))
    if found or config is None:
        raise ConfigError(path, tuple(sorted(found.values(), key=lambda problem: (problem.line, problem.path))))
    return config


def _override(values: dict[str, Plain], path: Path, override: str) -> None:
    """Puts KEY=VALUE where KEY's dots lead, before the checks, so that a wrong one is refused as in the file."""
    dotted_key, given, text = override.partition("=")
    keys = dotted_key.strip().split(".")
    if not given or not all(keys):
        raise ConfigError(
            path,
            (
                Problem(
                    0,
                    override,
                    said("override.none", "is no setting"),
                    said("override.none.do", "write it as steering.stop_budget_wh=60"),
                ),
            ),
        )
    holder: Plain = values
    for key in keys[:-1]:
        if not isinstance(holder, dict):
            break
        holder = holder.setdefault(key, {})
    if not isinstance(holder, dict):
        raise ConfigError(
            path,
            (
                Problem(
                    0,
                    dotted_key,
                    said("override.nothing", "leads to nothing"),
                    said("override.nothing.do", "name a setting of config.yaml"),
                ),
            ),
        )
    holder[keys[-1]] = read(f"value: {text}\n", {}).values.get("value")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of config.yaml, for editors."""
    from hemsd.field_docs import Described  # which nothing needs that only reads a file

    return Config.model_json_schema(schema_generator=Described)


@cache
def _guide() -> Guide:
    return Guide(json_schema())


class _Collector:
    """Holds the first problem of each place; what a refused place is involved in is not reported a second time."""

    def __init__(self, source: Source, found: dict[KeyPath, Problem]) -> None:
        self._source = source
        self._found = found

    def add(self, faults: Iterable[Fault]) -> None:
        for one in faults:
            if one.path not in self._found and not any(self._is_doubtful(place) for place in one.involved[1:]):
                line = self._source.line(one.path)
                self._found[one.path] = Problem(line, dotted(one.path), one.wrong, one.remedy)

    def _is_doubtful(self, place: KeyPath) -> bool:
        """Whether something at this place or below was refused, so that it may be missing for that reason only."""
        return any(found[: len(place)] == place for found in self._found)

    def validated(self) -> Config | None:
        """What remains of the file when all that pydantic refuses is taken out; None when nothing does."""
        values: Plain = copy.deepcopy(self._source.values)
        while True:
            try:
                return Config.model_validate(values)
            except ValidationError as error:
                refused = error
            changed = False
            details = meant(refused.errors(include_url=False), values)
            places = [path_in_file(values, detail["loc"]) for detail in details]  # before anything is taken out
            for detail, place in zip(details, places, strict=True):
                if detail["type"] in TEXT_WANTED and self._take_as_text(values, place):
                    changed = True
                    continue
                one = fault(detail, self._source, _guide())
                again = one.path in self._found
                self.add([one])
                changed |= _take_out(values, place[:-1] if again and place == one.path else place)
            if not changed:
                return None

    def _take_as_text(self, values: Plain, place: KeyPath) -> bool:
        """A card number 0012 and a name that looks like a number are what was written, where a text is wanted."""
        text = self._source.texts.get(place)
        if not place or text is None or not isinstance(value_at(values, place), bool | int | float):
            return False
        value_at(values, place[:-1])[place[-1]] = text  # type: ignore[index]
        return True


_ABSENT = object()


def _take_out(values: Plain, place: KeyPath) -> bool:
    """Removes what stands at the place, and says whether it did.

    Of a list the whole list goes, so that the other entries keep their numbers.
    """
    lists = [depth for depth, key in enumerate(place) if isinstance(key, int)]
    if lists:
        place = place[: lists[0]]
    if not place:
        return False
    try:
        holder = value_at(values, place[:-1])
    except (KeyError, IndexError, TypeError):  # a fault before this one took it out already
        return False
    return isinstance(holder, dict) and holder.pop(str(place[-1]), _ABSENT) is not _ABSENT


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        wrong, remedy = (
            said("file.missing", "there is no such file"),
            said("file.missing.do", "write one (see examples/), or name another with -c"),
        )
    except UnicodeDecodeError as error:
        wrong, remedy = (
            said("file.no_utf8", "byte {byte} is no UTF-8", byte=error.start),
            said("file.no_utf8.do", "save the file as UTF-8"),
        )
    except OSError as error:
        wrong, remedy = (
            said("file.not_read", "can't be read ({why})", why=error.strerror),
            said("file.not_read.do", "let this user read it"),
        )
    raise ConfigError(path, (Problem(1, "", wrong, remedy),))


def _absolute_paths(values: dict[str, Plain], folder: Path) -> dict[str, Plain]:
    """Every ``*_file``, and a recorded day of one's own, counts from the directory of config.yaml."""

    def absolute(value: Plain, key: str) -> Plain:
        match value:
            case dict():
                return {name: absolute(below, name) for name, below in value.items()}
            case list():
                return [absolute(below, "") for below in value]
            case str() if key.endswith("_file"):
                return str(folder / Path(value).expanduser())
            case str() if key == "day" and value.endswith(".csv"):
                return str(folder / value)
            case _:
                return value

    return {key: absolute(value, key) for key, value in values.items()}


def _may_exist(file: Path) -> bool:
    """Whether it is there; what this user may not see is left to the daemon's own user."""
    try:
        return file.is_file()
    except PermissionError:
        return True
    except OSError:  # a name that no file can have
        return False


def _absolute_storage(config: Config, folder: Path) -> Config:
    storage = config.storage.model_copy(update={"path": folder / config.storage.path.expanduser()})
    return config.model_copy(update={"storage": storage})
