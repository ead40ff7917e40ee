"""Answers to questions about a session, out of its numbers and its verdict.

Questions are told apart by their words, in English and German. What nobody reported is said to be unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from hemsd.scoring.categories import Finding
from hemsd.scoring.facts import Facts
from hemsd.scoring.sayings import Language, number
from hemsd.scoring.words import advice, explanation


def answer(
    question: str,
    facts: Facts | None,
    flagged: Sequence[Finding],
    hints: Sequence[Finding],
    start_at: datetime | None,
    language: Language,
) -> str:
    """What the stored values say to this question."""
    if facts is None or start_at is None:
        return explanation(facts, flagged, hints, start_at, language)
    asked = question.lower()
    said = [reply(facts, language) for words, reply in _REPLIES if any(word in asked for word in words)]
    if any(word in asked for word in _WHY) or not said:
        said.append(explanation(facts, flagged, hints, start_at, language))
    elif any(word in asked for word in _WHAT_TO_DO):
        said += [advice(one, language) for one in flagged]
    return " ".join(said)


def language_asked(question: str) -> Language:
    """In which language somebody asks who did not say so."""
    words = set(re.findall(r"[a-zäöüß]+", question.lower()))
    return "de" if words & _GERMAN or set("äöüß") & set(question.lower()) else "en"


def _soc(facts: Facts, language: Language) -> str:
    if facts.soc_first_pct is None or facts.soc_last_pct is None:
        return (
            "Der Ladestand des Autos (SoC) wurde nicht gemeldet, darüber lässt sich nichts sagen."
            if language == "de"
            else "The car's state of charge (SoC) was not reported, so nothing can be said about it."
        )
    first, last = facts.soc_first_pct, facts.soc_last_pct
    if language == "de":
        return f"Der gemeldete Ladestand war zuerst {first:.0f} % und zuletzt {last:.0f} %."
    return f"The reported state of charge was {first:.0f} % at first and {last:.0f} % at last."


def _energy(facts: Facts, language: Language) -> str:
    if facts.energy_kwh is None:
        return "Energie wurde nicht gemeldet." if language == "de" else "No energy was reported."
    energy = f"{number(facts.energy_kwh, 2, language)} kWh"
    return f"Geladen wurden {energy}." if language == "de" else f"The session took {energy}."


def _power(facts: Facts, language: Language) -> str:
    if facts.peak_kw is None or facts.mean_kw is None:
        return "Es floss keine nennenswerte Leistung." if language == "de" else "No power worth naming flowed."
    mean, peak = (f"{number(kw, 1, language)} kW" for kw in (facts.mean_kw, facts.peak_kw))
    if language == "de":
        said = f"Beim Laden waren es im Mittel {mean} und höchstens {peak}."
    else:
        said = f"While it charged, power was {mean} on average and at most {peak}."
    if facts.offered_kw is None:
        return said
    offered = f"{number(facts.offered_kw, 1, language)} kW"
    return (
        f"{said} Angeboten waren höchstens {offered}."
        if language == "de"
        else f"{said} At most {offered} were offered."
    )


def _when(facts: Facts, language: Language) -> str:
    if facts.charging_began_at is None or facts.charging_ended_at is None:
        return "Es wurde nicht geladen." if language == "de" else "It never charged."
    begin, end = f"{facts.charging_began_at:%Y-%m-%d %H:%M}", f"{facts.charging_ended_at:%Y-%m-%d %H:%M}"
    if language == "de":
        return f"Geladen wurde zwischen {begin} und {end} UTC."
    return f"It charged between {begin} and {end} UTC."


_GERMAN: Final = frozenset(
    ("warum", "wieso", "wie", "wann", "wer", "welche", "welcher", "ist", "wurde", "das", "der", "nicht", "geladen")
)
_WHY: Final = ("why", "wrong", "anomal", "fault", "problem", "unusual", "warum", "wieso", "fehler", "auffäll", "stimmt")
_WHAT_TO_DO: Final = ("should i", "to do", "can i do", "fix", "was tun", "zu tun", "soll ich", "kann ich", "beheben")
_REPLIES: Final[tuple[tuple[tuple[str, ...], Callable[[Facts, Language], str]], ...]] = (
    (("soc", "state of charge", "battery", "ladestand", "akku", "batterie"), _soc),
    (("energy", "kwh", "how much", "energie", "wie viel", "wieviel"), _energy),
    (("power", " kw", "fast", "slow", "leistung", "schnell", "langsam"), _power),
    (("when", "how long", "start", "end", "wann", "wie lange", "beginn", "ende"), _when),
)
