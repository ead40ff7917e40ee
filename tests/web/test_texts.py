"""Every language says everything that the page asks for, with the same numbers in it."""

from __future__ import annotations

import ast
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from hemsd.model import ConnectorStatus, DecisionKind, DispatchStatus, Mode, Outcome
from web.server import STATIC

ROOT = STATIC.parent.parent
LANGUAGES = sorted(path.stem for path in (STATIC / "i18n").glob("*.json"))
OTHERS = [language for language in LANGUAGES if language != "en"]
OWN_WORDS = ("reason.", "evidence.", "said.")
CODE = "\n".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.*s"))


def texts(language: str) -> dict[str, str]:
    """The fixed texts; of reasons, evidence and what the daemon says the English words are in its own code."""
    return {key: text for key, text in all_texts(language).items() if not key.startswith(OWN_WORDS)}


def all_texts(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return found


def holes(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_text_with_the_same_holes(language: str) -> None:
    english, other = texts("en"), texts(language)
    assert set(other) == set(english)
    assert {key: holes(text) for key, text in other.items()} == {key: holes(text) for key, text in english.items()}


def test_every_text_that_the_page_names_outright_exists() -> None:
    named = set(re.findall(r'\bt\(\s*"([\w.+]+)"', CODE))
    assert named
    assert named <= set(texts("en"))


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("verdict", list(Outcome)),
        ("dispatch", list(DispatchStatus)),
        ("mode", list(Mode)),
        ("ocpp", list(ConnectorStatus)),
        ("deed", [kind for kind in DecisionKind if kind is not DecisionKind.STEP]),
    ],
)
def test_every_word_of_the_model_has_a_text(prefix: str, words: list[str]) -> None:
    assert {f"{prefix}.{word}" for word in words} <= set(texts("en"))


def test_no_text_is_left_unused() -> None:
    """A key is used when the page names it, or builds it from a prefix that it names."""
    quoted = set(re.findall(r'["`]([a-z][\w.+]*\.[\w.+]*)["`$]', CODE)) | set(
        re.findall(r'data-text="([\w.]+)"', html())
    )
    prefixes = tuple(set(re.findall(r"`([a-z]+(?:\.\w+)*\.|[a-z]+\.\w+_)\$\{", CODE)))
    plain = set(re.findall(r'\bt\("(\w+)"', CODE))
    unused = [key for key in texts("en") if key not in quoted | plain and not key.startswith(prefixes)]
    assert unused == []


def html() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in Path(STATIC).glob("*.html"))


def test_no_rule_is_told_in_words_that_english_keeps_to_itself() -> None:
    """English reasons are the house's own sentences, so the English file has none."""
    file: dict[str, str] = json.loads((STATIC / "i18n" / "en.json").read_text(encoding="utf-8"))
    assert not [key for key in file if key.startswith(OWN_WORDS)]


RULES = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "rules").glob("*.py")]


def evidence_rules() -> set[str]:
    """What each ``Evidence(...)`` names first: a literal, or a constant of the rules."""
    constants = {
        target.id: node.value.value
        for tree in RULES
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    names = {
        first.value if isinstance(first, ast.Constant) else constants[first.id]
        for tree in (*RULES, ast.parse((ROOT / "hemsd/trials.py").read_text(encoding="utf-8")))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Evidence"
        for first in node.args[:1]
        if isinstance(first, ast.Constant | ast.Name)
    }
    return {str(name) for name in names}


def reason_rules() -> set[str]:
    """A rule of a decision is a word directly before its text, or stands as ``rule=``."""
    found: set[str] = set()
    for path in ("modes", "steer"):
        for node in ast.walk(ast.parse((ROOT / f"rules/{path}.py").read_text(encoding="utf-8"))):
            row = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
            for name, text in pairwise(row):
                is_text = isinstance(text, ast.JoinedStr) or (isinstance(text, ast.Name) and text.id == "text")
                if isinstance(name, ast.Constant) and isinstance(name.value, str) and is_text:
                    found.add(name.value)
            if isinstance(node, ast.Call):
                given = [each.value for each in node.keywords if each.arg == "rule"]
                found |= {str(one.value) for one in given if isinstance(one, ast.Constant)}
    return found


@pytest.mark.parametrize("language", OTHERS)
def test_every_evidence_is_told_in_every_language(language: str) -> None:
    rules = evidence_rules()
    assert len(rules) > 10
    told = {key.removeprefix("evidence.") for key in all_texts(language) if key.startswith("evidence.")}
    assert told == rules


@pytest.mark.parametrize("language", OTHERS)
def test_every_reason_is_told_in_every_language(language: str) -> None:
    assert len(reason_rules()) > 15
    assert reason_rules() - {key.split(".")[1] for key in all_texts(language) if key.startswith("reason.")} == set()


def test_every_reason_that_is_translated_belongs_to_a_rule_that_exists() -> None:
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (STATIC.parent.parent / "rules").glob("*.py"))
    for language in LANGUAGES:
        file: dict[str, str] = json.loads((STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
        named = {key.split(".")[1] for key in file if key.startswith("reason.")}
        assert {name for name in named if f'"{name}"' not in rules} == set()
