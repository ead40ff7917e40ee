"""What there is to say of each category: what was seen, what it usually comes from, and what a household can do.

In English and German. ``seen`` has one hole, ``{size}``, for the size of the finding; no other number occurs, so that
nothing is said which was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from hemsd.scoring.categories import Category

Language = Literal["en", "de"]


@dataclass(frozen=True, slots=True)
class Saying:
    seen: str
    cause: str
    advice: str
    decimals: int = 0
    """Of the size"""


SAYINGS: Final[Mapping[Language, Mapping[Category, Saying]]] = {
    "en": {
        Category.KWH_DECREASE: Saying(
            "the energy register fell by {size} kWh, which a meter in order never does",
            "usually it was reset, or readings were mixed up on their way",
            "do not trust the energy of this visit; if it happens again, ask the wallbox's maker for new firmware",
            2,
        ),
        Category.REGISTER_RESET: Saying(
            "the register began anew near zero; before it stood at {size} kWh",
            "usually the wallbox restarted or was updated, and lost its count",
            "add up the parts before and after for a bill; if it happens again, ask the maker",
            1,
        ),
        Category.SPIKE: Saying(
            "the register rose by {size} kWh at once, more than the connection can carry",
            "usually a reading was garbled; nothing of the kind can have flowed",
            "nothing, if it stays a single time; otherwise have the meter looked at",
            1,
        ),
        Category.ZERO_SESSION: Saying(
            "energy was to be had for {size} minutes, and the car took none",
            "the cable may not be fully plugged in, the car may have a timer of its own, or it refused the wallbox",
            "plug in again until it locks, look at the car's charging timer and at its display",
        ),
        Category.ENERGY_PIT: Saying(
            "the charge dropped out for {size} minutes though nobody had paused it, and then went on",
            "a contactor, heat, or a car that pauses without saying so",
            "nothing, if it stays a single time; otherwise note time of day and weather, and tell an electrician",
        ),
        Category.CHARGING_EXPECTED: Saying(
            "for {size} minutes energy was offered and none flowed, though the car was not full",
            "the car or the wallbox broke off the charge",
            "unplug and plug in again; look at the charging limit that is set in the car",
        ),
        Category.STUCK_METER: Saying(
            "the register stood still while about {size} kWh flowed",
            "the meter, or its link to the wallbox, is broken",
            "do not trust the energy of this visit; have the wallbox repaired",
            1,
        ),
        Category.OVER_REPORT: Saying(
            "the register counted {size} % more than can have flowed by the wallbox's own power and connection",
            "a wrong calibration, or a meter that is set up for another transformer",
            "bills from this meter are too high; have it checked",
        ),
        Category.UNDER_REPORT: Saying(
            "the register counted {size} % less than the wallbox's own power readings come to",
            "a wrong calibration, or a phase that the meter does not see",
            "do not bill by this meter; have it checked",
        ),
        Category.ABOVE_CAP: Saying(
            "the car drew {size} kW more than was offered",
            "the wallbox took the limit and did not heed it",
            "have the wallbox looked at before the fuse has to do its work",
            1,
        ),
        Category.DERATING: Saying(
            "the car drew {size} % less than it usually does with this offer",
            "heat, a phase that is missing, or a weak cable",
            "feel whether plug or cable get hot; compare with another cable; look at the fuses",
        ),
        Category.OVER_TEMPERATURE: Saying(
            "the car drew {size} % less than usual while something was reported as too hot",
            "plug, cable or wallbox protected itself from heat",
            "stop using this plug until somebody has looked at its contacts; shade a wallbox that stands in the sun",
        ),
        Category.FLAPPING: Saying(
            "the charge went on and off {size} times without being told to",
            "a loose contact, or solar settings of the wallbox or car that work against hemsd",
            "push the plug home; switch the wallbox's and the car's own solar charging off",
        ),
        Category.MISSING_PHASE: Saying(
            "phase L{size} stopped carrying current while the other two went on",
            "a fuse of that phase, a contactor, or the car's own charger",
            "look at the fuses; if they are in order, call an electrician",
        ),
        Category.UNCLASSIFIED: Saying(
            "the power does not look like the other sessions here ({size} times the usual limit); no rule knows why",
            "it may be a new car or a new habit as well as a fault",
            "look at the curve of this visit",
            1,
        ),
    },
    "de": {
        Category.KWH_DECREASE: Saying(
            "das Energieregister fiel um {size} kWh, was ein heiler Zähler nie tut",
            "meist wurde es zurückgesetzt, oder Messwerte kamen unterwegs durcheinander",
            "der Energie dieser Ladung nicht trauen; kommt es wieder, beim Hersteller nach neuer Firmware fragen",
            2,
        ),
        Category.REGISTER_RESET: Saying(
            "das Register begann neu bei null; davor stand es auf {size} kWh",
            "meist startete die Wallbox neu oder wurde aktualisiert und verlor ihren Zählerstand",
            "für eine Abrechnung die Teile davor und danach zusammenzählen; kommt es wieder, den Hersteller fragen",
            1,
        ),
        Category.SPIKE: Saying(
            "das Register stieg auf einmal um {size} kWh, mehr als der Anschluss tragen kann",
            "meist war ein Messwert verstümmelt; geflossen sein kann so etwas nicht",
            "nichts, wenn es bei einem Mal bleibt; sonst den Zähler prüfen lassen",
            1,
        ),
        Category.ZERO_SESSION: Saying(
            "{size} Minuten lang war Strom zu haben, und das Auto nahm keinen",
            "vielleicht steckt das Kabel nicht ganz, das Auto hat einen eigenen Timer, oder es lehnte die Wallbox ab",
            "neu einstecken, bis es verriegelt, und im Auto Ladetimer und Anzeige ansehen",
        ),
        Category.ENERGY_PIT: Saying(
            "das Laden setzte {size} Minuten lang aus, obwohl es niemand angehalten hatte, und ging dann weiter",
            "ein Schütz, Hitze, oder ein Auto, das ohne ein Wort pausiert",
            "nichts, wenn es bei einem Mal bleibt; sonst Uhrzeit und Wetter notieren und dem Elektriker sagen",
        ),
        Category.CHARGING_EXPECTED: Saying(
            "{size} Minuten lang war Strom angeboten und keiner floss, obwohl das Auto nicht voll war",
            "Auto oder Wallbox haben das Laden abgebrochen",
            "ab- und wieder anstecken; das Ladelimit ansehen, das im Auto eingestellt ist",
        ),
        Category.STUCK_METER: Saying(
            "das Register stand still, während etwa {size} kWh flossen",
            "der Zähler oder seine Verbindung zur Wallbox ist defekt",
            "der Energie dieser Ladung nicht trauen; die Wallbox reparieren lassen",
            1,
        ),
        Category.OVER_REPORT: Saying(
            "das Register zählte {size} % mehr, als nach Leistung und Anschluss der Wallbox geflossen sein kann",
            "falsch kalibriert, oder der Zähler ist auf einen anderen Wandler eingestellt",
            "Abrechnungen nach diesem Zähler sind zu hoch; ihn prüfen lassen",
        ),
        Category.UNDER_REPORT: Saying(
            "das Register zählte {size} % weniger, als die Leistungswerte der Wallbox ergeben",
            "falsch kalibriert, oder der Zähler sieht eine Phase nicht",
            "nicht nach diesem Zähler abrechnen; ihn prüfen lassen",
        ),
        Category.ABOVE_CAP: Saying(
            "das Auto nahm {size} kW mehr als angeboten",
            "die Wallbox nahm das Limit an und hielt sich nicht daran",
            "die Wallbox prüfen lassen, bevor die Sicherung es richten muss",
            1,
        ),
        Category.DERATING: Saying(
            "das Auto nahm {size} % weniger als sonst bei diesem Angebot",
            "Hitze, eine fehlende Phase oder ein schwaches Kabel",
            "fühlen, ob Stecker oder Kabel heiß werden; ein anderes Kabel versuchen; nach den Sicherungen sehen",
        ),
        Category.OVER_TEMPERATURE: Saying(
            "das Auto nahm {size} % weniger als sonst, während etwas als zu heiß gemeldet war",
            "Stecker, Kabel oder Wallbox schützten sich vor Hitze",
            "den Stecker nicht benutzen, bis jemand seine Kontakte geprüft hat; eine Wallbox in der Sonne beschatten",
        ),
        Category.FLAPPING: Saying(
            "das Laden ging {size}-mal an und aus, ohne dass es befohlen war",
            "ein Wackelkontakt, oder Solareinstellungen von Wallbox oder Auto, die gegen hemsd arbeiten",
            "den Stecker fest einstecken; das eigene Solarladen von Wallbox und Auto ausschalten",
        ),
        Category.MISSING_PHASE: Saying(
            "Phase L{size} führte keinen Strom mehr, während die anderen beiden weiterliefen",
            "eine Sicherung dieser Phase, ein Schütz oder das Ladegerät des Autos",
            "nach den Sicherungen sehen; sind sie in Ordnung, den Elektriker rufen",
        ),
        Category.UNCLASSIFIED: Saying(
            "die Leistung sieht nicht aus wie sonst beim Laden hier (das {size}-Fache der üblichen Grenze); keine Regel"
            " weiß warum",
            "es kann ein neues Auto oder eine neue Gewohnheit sein, aber auch ein Fehler",
            "die Kurve dieser Ladung ansehen",
            1,
        ),
    },
}


def number(value: float, decimals: int, language: Language) -> str:
    """As this language writes it; without a sign of the thousands, which the other language would read wrongly."""
    text = f"{value:.{decimals}f}"
    return text.replace(".", ",") if language == "de" else text


def seen(category: Category, size: float, language: Language) -> str:
    saying = SAYINGS[language][category]
    return saying.seen.format(size=number(size, saying.decimals, language))
