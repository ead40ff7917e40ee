"""A verdict in sentences, and answers to questions about a session, in English and German.

Every sentence is a template with numbers out of ``Facts`` and ``Finding``: nothing is said that was not measured, and
what nobody reported is said to be unknown. The same session always gets the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, assert_never

from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.facts import Facts
from hemsd.scoring.features import BUCKET_S

Language = Literal["en", "de"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "de")

_WHAT: Final[Mapping[Category, tuple[str, str]]] = {
    Category.KWH_DECREASE: (
        "the energy register fell by {size:.2f} kWh, which a meter in order never does; usually it was reset, or"
        " readings were mixed up on their way",
        "das Energieregister fiel um {size:.2f} kWh, was ein heiler Zähler nie tut; meist wurde er zurückgesetzt, oder"
        " Messwerte kamen unterwegs durcheinander",
    ),
    Category.REGISTER_RESET: (
        "the register began anew near zero; before it stood at {size:.1f} kWh",
        "das Register begann neu bei null; davor stand es auf {size:.1f} kWh",
    ),
    Category.SPIKE: (
        "the register rose by {size:.1f} kWh at once, more than the connection can carry",
        "das Register stieg auf einmal um {size:.1f} kWh, mehr als der Anschluss tragen kann",
    ),
    Category.ZERO_SESSION: (
        "energy was to be had for {size:.0f} minutes, and the car took none",
        "{size:.0f} Minuten lang war Strom zu haben, und das Auto nahm keinen",
    ),
    Category.ENERGY_PIT: (
        "the charge dropped out for {size:.0f} minutes though nobody had paused it, and then went on",
        "das Laden setzte {size:.0f} Minuten lang aus, obwohl es niemand angehalten hatte, und ging dann weiter",
    ),
    Category.CHARGING_EXPECTED: (
        "for {size:.0f} minutes energy was offered and none flowed, though the car was not full",
        "{size:.0f} Minuten lang war Strom angeboten und keiner floss, obwohl das Auto nicht voll war",
    ),
    Category.STUCK_METER: (
        "the register stood still while about {size:.1f} kWh flowed",
        "das Register stand still, während etwa {size:.1f} kWh flossen",
    ),
    Category.OVER_REPORT: (
        "the register counted {size:.0f} % more than the wallbox's own power readings come to",
        "das Register zählte {size:.0f} % mehr, als die Leistungswerte der Wallbox ergeben",
    ),
    Category.UNDER_REPORT: (
        "the register counted {size:.0f} % less than the wallbox's own power readings come to",
        "das Register zählte {size:.0f} % weniger, als die Leistungswerte der Wallbox ergeben",
    ),
    Category.ABOVE_CAP: (
        "the car drew {size:.1f} kW more than was offered",
        "das Auto nahm {size:.1f} kW mehr als angeboten",
    ),
    Category.DERATING: (
        "the car drew steadily {size:.0f} % less than it usually does with this offer",
        "das Auto nahm durchgehend {size:.0f} % weniger als sonst bei diesem Angebot",
    ),
    Category.FLAPPING: (
        "the charge went on and off {size:.0f} times without being told to",
        "das Laden ging {size:.0f}-mal an und aus, ohne dass es befohlen war",
    ),
    Category.MISSING_PHASE: (
        "phase L{size:.0f} stopped carrying current while the other two went on",
        "Phase L{size:.0f} führte keinen Strom mehr, während die anderen beiden weiterliefen",
    ),
    Category.UNCLASSIFIED: (
        "the power does not look like the other sessions here ({size:.1f} times the usual limit); no rule knows why",
        "die Leistung sieht nicht aus wie sonst beim Laden hier (das {size:.1f}-Fache der üblichen Grenze); keine Regel"
        " weiß warum",
    ),
}


def language_of(name: str) -> Language:
    return "de" if name == "de" else "en"


def what(finding: Finding, language: Language) -> str:
    """What was found, without where and when: the part of a sentence."""
    return _WHAT[finding.category][language == "de"].format(size=finding.size)


def sentence(finding: Finding, start_at: datetime, language: Language) -> str:
    """One finding, with its category, its place and its moments."""
    first, last = int(finding.begin_s // BUCKET_S), int(finding.end_s // BUCKET_S)
    begin = clock(start_at + timedelta(seconds=finding.begin_s))
    end = clock(start_at + timedelta(seconds=finding.end_s))
    told = what(finding, language)
    match language:
        case "en":
            place = f"quarter-hour {first}" if first == last else f"quarter-hours {first}–{last}"
            return f"{finding.category} ({place}, {begin} to {end} UTC): {told}."
        case "de":
            place = f"Viertelstunde {first}" if first == last else f"Viertelstunden {first}–{last}"
            return f"{finding.category} ({place}, {begin} bis {end} UTC): {told}."
        case _:
            assert_never(language)


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
    german = language == "de"
    if facts is None or start_at is None:
        return (
            "Für diesen Ladevorgang gibt es noch zu wenige Messwerte, um ihn zu beurteilen."
            if german
            else "There are too few meter values yet to judge this session."
        )
    parts = [summary(facts, language)]
    if flagged:
        parts += [sentence(one, start_at, language) for one in flagged]
    else:
        parts.append(
            "Es wurde nichts Auffälliges gefunden." if german else "Nothing unusual was found: the session looks clean."
        )
    if hints:
        parts.append("Nur als Hinweis:" if german else "Only as a hint:")
        parts += [sentence(one, start_at, language) for one in hints]
    return " ".join(parts)


def summary(facts: Facts, language: Language) -> str:
    german = language == "de"
    span = f"{facts.began_at:%Y-%m-%d %H:%M}"
    minutes = int((facts.ended_at - facts.began_at).total_seconds() // 60)
    if facts.energy_kwh is None:
        energy = "keine Energie gemeldet" if german else "no energy was reported"
    else:
        energy = f"{facts.energy_kwh:.2f} kWh"
    peak = (
        ""
        if facts.peak_kw is None
        else (f", höchstens {facts.peak_kw:.1f} kW" if german else f", at most {facts.peak_kw:.1f} kW")
    )
    if german:
        return f"Ab {span} UTC, {minutes} Minuten, {facts.readings} Messwerte: {energy}{peak}."
    return f"From {span} UTC, {minutes} minutes, {facts.readings} readings: {energy}{peak}."


# ---------------------------------------------------------------------------------------------------------------------
# Answers


def answer(
    question: str,
    facts: Facts | None,
    flagged: Sequence[Finding],
    hints: Sequence[Finding],
    start_at: datetime | None,
    language: Language,
) -> str:
    """What the stored values say to this question; questions are told apart by their words."""
    if facts is None or start_at is None:
        return explanation(facts, flagged, hints, start_at, language)
    asked = question.lower()
    said = [reply(facts, language) for words, reply in _REPLIES if any(word in asked for word in words)]
    if any(word in asked for word in _WHY) or not said:
        said.append(explanation(facts, flagged, hints, start_at, language))
    return " ".join(said)


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
    return (
        f"Geladen wurden {facts.energy_kwh:.2f} kWh."
        if language == "de"
        else f"The session took {facts.energy_kwh:.2f} kWh."
    )


def _power(facts: Facts, language: Language) -> str:
    if facts.peak_kw is None or facts.mean_kw is None:
        return "Es floss keine nennenswerte Leistung." if language == "de" else "No power worth naming flowed."
    offered = ""
    if facts.offered_kw is not None:
        offered = (
            f" Angeboten waren höchstens {facts.offered_kw:.1f} kW."
            if language == "de"
            else f" At most {facts.offered_kw:.1f} kW were offered."
        )
    if language == "de":
        return f"Beim Laden waren es im Mittel {facts.mean_kw:.1f} kW und höchstens {facts.peak_kw:.1f} kW.{offered}"
    return f"While it charged, power was {facts.mean_kw:.1f} kW on average and at most {facts.peak_kw:.1f} kW.{offered}"


def _when(facts: Facts, language: Language) -> str:
    if facts.charging_began_at is None or facts.charging_ended_at is None:
        return "Es wurde nicht geladen." if language == "de" else "It never charged."
    begin, end = f"{facts.charging_began_at:%Y-%m-%d %H:%M}", f"{facts.charging_ended_at:%Y-%m-%d %H:%M}"
    if language == "de":
        return f"Geladen wurde zwischen {begin} und {end} UTC."
    return f"It charged between {begin} and {end} UTC."


_WHY: Final = ("why", "wrong", "anomal", "fault", "problem", "unusual", "warum", "wieso", "fehler", "auffäll", "stimmt")
_REPLIES: Final[tuple[tuple[tuple[str, ...], Callable[[Facts, Language], str]], ...]] = (
    (("soc", "state of charge", "battery", "ladestand", "akku", "batterie"), _soc),
    (("energy", "kwh", "how much", "energie", "wie viel", "wieviel"), _energy),
    (("power", " kw", "fast", "slow", "leistung", "schnell", "langsam"), _power),
    (("when", "how long", "start", "end", "wann", "wie lange", "beginn", "ende"), _when),
)
