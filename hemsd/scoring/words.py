"""A verdict in sentences, in English and German.

Every sentence is a template with numbers out of ``Facts`` and ``Finding``: nothing is said that was not measured. The
same session always gets the same words. hemsd.scoring.answers has what is said to questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from hemsd.scoring.categories import Finding
from hemsd.scoring.facts import Facts
from hemsd.scoring.features import BUCKET_S
from hemsd.scoring.sayings import SAYINGS, Language, number, seen

__all__ = ["LANGUAGES", "Language", "clock", "explanation", "language_of", "sentence", "summary", "what"]

LANGUAGES: Final[tuple[Language, ...]] = ("en", "de")
_UNTIL: Final[dict[Language, str]] = {"en": "to", "de": "bis"}
_PLACE: Final[dict[Language, tuple[str, str]]] = {
    "en": ("quarter-hour", "quarter-hours"),
    "de": ("Viertelstunde", "Viertelstunden"),
}
_TOO_FEW: Final[dict[Language, str]] = {
    "en": "There are too few meter values yet to judge this session.",
    "de": "Für diesen Ladevorgang gibt es noch zu wenige Messwerte, um ihn zu beurteilen.",
}
_CLEAN: Final[dict[Language, str]] = {
    "en": "Nothing unusual was found: the session looks clean.",
    "de": "Es wurde nichts Auffälliges gefunden.",
}
_HINTS: Final[dict[Language, str]] = {"en": "Only as a hint:", "de": "Nur als Hinweis:"}
_ADVICE: Final[dict[Language, tuple[str, str]]] = {
    "en": ("Usual cause", "What to do"),
    "de": ("Übliche Ursache", "Was zu tun ist"),
}


def language_of(name: str) -> Language:
    return "de" if name == "de" else "en"


def what(finding: Finding, language: Language) -> str:
    """What was found, without where and when: the part of a sentence."""
    return seen(finding.category, finding.size, language)


def sentence(finding: Finding, start_at: datetime, language: Language) -> str:
    """One finding, with its category, its place and its moments."""
    first, last = int(finding.begin_s // BUCKET_S), int(finding.end_s // BUCKET_S)
    one, many = _PLACE[language]
    place = f"{one} {first}" if first == last else f"{many} {first}–{last}"
    begin = clock(start_at + timedelta(seconds=finding.begin_s))
    end = clock(start_at + timedelta(seconds=finding.end_s))
    told = what(finding, language)
    return f"{finding.category} ({place}, {begin} {_UNTIL[language]} {end} UTC): {told}."


def advice(finding: Finding, language: Language) -> str:
    """Where it usually comes from, and what a household can do."""
    saying, (cause, todo) = SAYINGS[language][finding.category], _ADVICE[language]
    return f"{cause}: {saying.cause}. {todo}: {saying.advice}."


def clock(at: datetime) -> str:
    return f"{at:%H:%M}"


def explanation(
    facts: Facts | None,
    flagged: Sequence[Finding],
    hints: Sequence[Finding],
    start_at: datetime | None,
    language: Language,
) -> str:
    """The verdict in a few sentences. ``start_at`` is the first analysed reading, from which positions count."""
    if facts is None or start_at is None:
        return _TOO_FEW[language]
    parts = [summary(facts, language)]
    for one in flagged:
        parts += [sentence(one, start_at, language), advice(one, language)]
    if not flagged:
        parts.append(_CLEAN[language])
    if hints:
        parts.append(_HINTS[language])
        parts += [sentence(one, start_at, language) for one in hints]
    return " ".join(parts)


def summary(facts: Facts, language: Language) -> str:
    span = f"{facts.began_at:%Y-%m-%d %H:%M}"
    minutes = int((facts.ended_at - facts.began_at).total_seconds() // 60)
    energy = None if facts.energy_kwh is None else f"{number(facts.energy_kwh, 2, language)} kWh"
    peak = None if facts.peak_kw is None else f"{number(facts.peak_kw, 1, language)} kW"
    if language == "de":
        most = f", höchstens {peak}" if peak else ""
        return (
            f"Ab {span} UTC, {minutes} Minuten, {facts.readings} Messwerte: {energy or 'keine Energie gemeldet'}{most}."
        )
    most = f", at most {peak}" if peak else ""
    return f"From {span} UTC, {minutes} minutes, {facts.readings} readings: {energy or 'no energy was reported'}{most}."
