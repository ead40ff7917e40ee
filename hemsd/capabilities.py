"""What a wallbox turned out to be able to do: the result of ``hemsd adopt``, for people and for the store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hemsd.said import said
from rules.witness import Trust


class Zero(StrEnum):
    """What a limit of 0 A does."""

    PAUSES = "pauses the charge"
    ENDS = "ends the transaction; hemsd pauses with 6 A"
    REFUSED = "is refused; hemsd pauses with 6 A"
    IGNORED = "has no effect"
    UNKNOWN = "could not be told"


ZERO_WORDS = {
    Zero.PAUSES: said("zero.pauses", "pauses the charge"),
    Zero.ENDS: said("zero.ends", "ends the transaction; hemsd pauses with 6 A"),
    Zero.REFUSED: said("zero.refused", "is refused; hemsd pauses with 6 A"),
    Zero.IGNORED: said("zero.ignored", "has no effect"),
    Zero.UNKNOWN: said("zero.unknown", "could not be told"),
}
TRUST_WORDS = {
    Trust.UNKNOWN: said("trust.unknown", "unknown"),
    Trust.TRUSTED: said("trust.trusted", "trusted"),
    Trust.DISTRUSTED: said("trust.distrusted", "distrusted"),
}
NOT_KNOWN, YES, NO = said("not_known", "not known"), said("yes", "yes"), said("no", "no")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """None: could not be told, because a wallbox or a car kept the proof to itself."""

    vendor: str
    model: str
    firmware: str
    way: str | None  # in which it follows limits
    step_a: float | None  # the smallest difference that it makes
    least_a: float | None  # the lowest current at which the car charged
    most_a: float | None  # the highest that it offered or the car took, when told its maximum
    zero: Zero
    falls_back: bool | None  # to a lower limit by itself, when it hears nothing
    overshoots: bool | None  # after a pause
    one_phase: bool | None  # it changes to one phase ...
    three_phases: bool | None  # ... and back
    offered: Trust  # what its Current.Offered is worth
    effects_s: tuple[float, ...] = ()  # from a command to its proof, in order of length

    @property
    def kind(self) -> str:
        return f"{self.vendor}|{self.model}|{self.firmware}"

    @property
    def controllable(self) -> bool:
        return self.way is not None

    def effect_s(self, share: float) -> float | None:
        """The time within which this share of the commands were proved."""
        if not self.effects_s:
            return None
        return self.effects_s[max(0, math.ceil(share * len(self.effects_s)) - 1)]

    def lines(self) -> Iterator[tuple[str, str]]:
        """The sheet, line by line."""
        yield (
            said("sheet.wallbox", "wallbox"),
            said(
                "sheet.who",
                "{model}, firmware {firmware}",
                model=f"{self.vendor} {self.model}".strip(),
                firmware=self.firmware or NOT_KNOWN,
            ),
        )
        yield said("sheet.way", "follows limits"), self.way or said("sheet.no_way", "in no way that was tried")
        yield said("sheet.step", "smallest step"), _amps(self.step_a)
        yield said("sheet.least", "lowest current"), _amps(self.least_a)
        yield said("sheet.most", "highest current"), _amps(self.most_a)
        yield said("sheet.zero", "0 A"), ZERO_WORDS[self.zero]
        yield said("sheet.falls_back", "falls back when hemsd is silent"), _yes_no(self.falls_back)
        yield said("sheet.overshoots", "overshoots after a pause"), _yes_no(self.overshoots)
        yield said("sheet.one_phase", "changes to one phase"), _yes_no(self.one_phase)
        yield said("sheet.three_phases", "changes to three phases"), _yes_no(self.three_phases)
        yield said("sheet.offered", "Current.Offered"), TRUST_WORDS[self.offered]
        half, most = self.effect_s(0.5), self.effect_s(0.9)
        yield (
            said("sheet.proved", "proved after"),
            said("sheet.effects", "{half_s:g} s (half of them), {most_s:g} s (nine of ten)", half_s=half, most_s=most)
            if half and most
            else NOT_KNOWN,
        )


def _amps(amps: float | None) -> str:
    return NOT_KNOWN if amps is None else said("amps", "{amps_a:g} A", amps_a=amps)


def _yes_no(word: bool | None) -> str:
    return NOT_KNOWN if word is None else YES if word else NO
