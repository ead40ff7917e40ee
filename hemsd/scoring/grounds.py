"""Whether a text uses no number that another text does not hold: how far a language model is believed.

Numbers are compared as numbers: 7.20 and 7,2 are the same, and so are "eleven" and 11. A number with a unit must stand
with the same unit in the facts: 45 minutes are no proof of 45 kWh. Moments and dates count as a whole.
"""

from __future__ import annotations

import re
from typing import Final

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}(?::\d{2})?")
_NUMBER: Final = re.compile(
    r"(?<![\w.,])(\d[\d.,]*\d|\d)\s*(kwh|wh|kw|w|%|percent|prozent|minutes?|minuten?|min|hours?|stunden?|h)?(?!\w)",
    re.IGNORECASE,
)
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_UNITS: Final = {"percent": "%", "prozent": "%", "minute": "min", "minutes": "min", "minuten": "min", "hour": "h",
                 "hours": "h", "stunde": "h", "stunden": "h"}  # fmt: skip
_WORDS: Final = {
    2: "two zwei", 3: "three drei", 4: "four vier", 5: "five fünf", 6: "six sechs", 7: "seven sieben",
    8: "eight acht", 9: "nine neun", 10: "ten zehn", 11: "eleven elf", 12: "twelve zwölf", 15: "fifteen fünfzehn",
    20: "twenty zwanzig", 30: "thirty dreißig", 40: "forty vierzig", 50: "fifty fünfzig", 60: "sixty sechzig",
    100: "hundred hundert", 1000: "thousand tausend",
}  # fmt: skip
_SPELLED: Final = {word: float(value) for value, words in _WORDS.items() for word in words.split()}
_WORD: Final = re.compile(r"[a-zäöüß]+", re.IGNORECASE)


def grounded(said: str, facts: str) -> bool:
    """Whether every number that is said stands in the facts."""
    told, known = _numbers(said), _numbers(facts)
    values = {value for value, _ in known} | _pieces(facts)
    return _moments(said) <= _moments(facts) and all(
        (value, unit) in known if unit else value in values for value, unit in told
    )


def _moments(text: str) -> set[str]:
    return {moment.lstrip("0") for moment in _MOMENT.findall(text)}


def _pieces(text: str) -> set[float]:
    """The parts of dates: "on the 27th" is said of 2026-02-27."""
    return {float(part) for date in _DATE.findall(text) for part in date.split("-")}


def _numbers(text: str) -> set[tuple[float, str]]:
    rest = _MOMENT.sub(" ", text)
    found = {(_value(digits), _UNITS.get(unit.lower(), unit.lower())) for digits, unit in _NUMBER.findall(rest)}
    loose = {(float(digits), "") for digits in re.findall(r"(?<=[^\W\d_])\d+|\d+(?=[^\W\d_])", _NUMBER.sub(" ", rest))}
    return found | loose | {(_SPELLED[word], "") for word in _WORD.findall(rest.lower()) if word in _SPELLED}


def _value(digits: str) -> float:
    if _THOUSANDS.fullmatch(digits):
        return float(re.sub("[.,]", "", digits))
    whole, _, part = digits.replace(",", ".").rpartition(".")
    return float(f"{whole.replace('.', '') or part}.{part if whole else 0}")
