"""Every sentence that the daemon can say has its words in each language, with the same things to fill in.

The English ones stand in the code, as the literals of ``said(key, english, ...)``; the others in ``web/static/i18n``.
"""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from web.server import STATIC

ROOT = STATIC.parent.parent
OTHERS = sorted(path.stem for path in (STATIC / "i18n").glob("*.json") if path.stem != "en")
MARK = "said."
MAY_LACK = {"described"}  # what the schema says of a setting, in English only


@dataclass(frozen=True)
class Call:
    """One ``said(...)``."""

    where: str
    literals: tuple[str | None, ...]
    given: frozenset[str]
    """The values that go with it"""

    @property
    def key(self) -> str:
        return str(self.literals[0])

    @property
    def english(self) -> str:
        return str(self.literals[-1])


def calls() -> Iterator[Call]:
    for package in ("hemsd", "drivers", "rules", "web"):
        for path in sorted((ROOT / package).rglob("*.py")):
            code = path.read_text(encoding="utf-8")
            if not re.search("^from hemsd.said import .*said$", code, re.MULTILINE):
                continue
            for node in ast.walk(ast.parse(code)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "said":
                    yield call(path, node)


def call(path: Path, node: ast.Call) -> Call:
    words = tuple(one.value if isinstance(one, ast.Constant) else None for one in node.args)
    names = frozenset(str(one.arg) for one in node.keywords)
    return Call(f"{path.relative_to(ROOT)}:{node.lineno}", words, names)


CALLS = list(calls())
ENGLISH = {one.key: one.english for one in CALLS}


def holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def words_of(language: str) -> dict[str, str]:
    file: dict[str, str] = json.loads((STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return {key.removeprefix(MARK): text for key, text in file.items() if key.startswith(MARK)}


def test_key_and_english_stand_in_the_code_letter_by_letter() -> None:
    assert [one.where for one in CALLS if len(one.literals) != 2 or None in one.literals] == []


def test_a_key_means_one_sentence() -> None:
    assert [one.where for one in CALLS if ENGLISH[one.key] != one.english] == []


def test_a_sentence_is_given_what_it_has_to_be_filled_with() -> None:
    assert [one.where for one in CALLS if holes(ENGLISH[one.key]) != one.given] == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_of_the_daemon_is_known_in_every_language(language: str) -> None:
    assert set(ENGLISH) - set(words_of(language)) == set()


@pytest.mark.parametrize("language", OTHERS)
def test_no_language_keeps_a_sentence_that_nobody_says(language: str) -> None:
    assert set(words_of(language)) - set(ENGLISH) == set()


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_tells_all_that_the_english_sentence_tells(language: str) -> None:
    told = {key: set(re.findall(r"{(\w+)}", text)) for key, text in words_of(language).items()}
    assert {key for key in told if key in ENGLISH and told[key] != holes(ENGLISH[key]) - MAY_LACK} == set()
