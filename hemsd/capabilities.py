"""What a wallbox turned out to be able to do: the result of ``hemsd adopt``, for people and for the store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rules.witness import Trust


class Zero(StrEnum):
    """What a limit of 0 A does."""

    PAUSES = "pauses the charge"
    ENDS = "ends the transaction; hemsd pauses with 6 A"
    REFUSED = "is refused; hemsd pauses with 6 A"
    IGNORED = "has no effect"
    UNKNOWN = "could not be told"


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
        yield "wallbox", f"{self.vendor} {self.model}, firmware {self.firmware or 'unknown'}".strip()
        yield "follows limits", self.way or "in no way that was tried"
        yield "smallest step", _amps(self.step_a)
        yield "lowest current", _amps(self.least_a)
        yield "highest current", _amps(self.most_a)
        yield "0 A", self.zero.value
        yield "falls back when hemsd is silent", _yes_no(self.falls_back)
        yield "overshoots after a pause", _yes_no(self.overshoots)
        yield "changes to one phase", _yes_no(self.one_phase)
        yield "changes to three phases", _yes_no(self.three_phases)
        yield "Current.Offered", self.offered.value
        half, most = self.effect_s(0.5), self.effect_s(0.9)
        yield "proved after", f"{half:g} s (half of them), {most:g} s (nine of ten)" if half and most else "not known"


def _amps(amps: float | None) -> str:
    return "not known" if amps is None else f"{amps:g} A"


def _yes_no(word: bool | None) -> str:
    return "not known" if word is None else "yes" if word else "no"
