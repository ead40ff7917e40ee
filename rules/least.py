"""The least current with which this car charges here, learned from where it gives up.

A pilot can offer 6 A, and some cars take nothing below 8 or 10. Where nobody has said so (``vehicles.min_a``), such a
car follows the sun down to 6 A, falls silent there, and looks like a full one. It is not: it drew until it was given so
little. So that current is *suspect*, the car may be woken with a little more (``rules.wake``), and when it draws then,
the smaller one is proven to be too small, for as long as the car stays and charges on as many phases. A full car draws
at no current, so of it nothing is proven.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hemsd.model import ACTIVE_PHASE_A

GIVES_UP_S = 20.0  # nothing drawn so long after a command: it is not on its way any more
FOLLOWS_A = 1.5  # a current this near the limit is an answer to it


@dataclass(frozen=True, slots=True)
class Least:
    """What was seen of this car at this wallbox."""

    phases: int | None = None  # that it was offered
    follows_a: float | None = None  # the newest limit that it followed
    lowest_a: float | None = None  # the lowest at which it was seen to charge
    suspect_a: float | None = None  # it drew until it was given so little
    refuses_a: float | None = None  # ... and drew again when it was given more

    @property
    def minimum_a(self) -> float:
        """The least that is worth offering; 0 while no current is known to be too small."""
        return 0.0 if self.refuses_a is None or self.lowest_a is None else self.lowest_a


NOTHING_SEEN = Least()


def seen(least: Least, limit_a: float, phases: int | None, drawn_a: float, after_s: float) -> Least:
    """A sample that was taken ``after_s`` after the limit in force was said."""
    if phases != least.phases:
        least = Least(phases)
    if drawn_a < ACTIVE_PHASE_A:
        return _silent(least, limit_a, after_s)
    if least.suspect_a is not None and limit_a > least.suspect_a:
        lowest_a = _lower(least, limit_a, above_a=least.suspect_a)
        return Least(phases, limit_a, lowest_a, refuses_a=least.suspect_a)
    if abs(limit_a - drawn_a) > FOLLOWS_A and after_s < GIVES_UP_S:
        return least  # it is on its way
    if least.suspect_a is not None or (least.refuses_a is not None and limit_a <= least.refuses_a):
        return Least(phases, limit_a, limit_a)  # it charges with so little after all
    if (limit_a, True) == (least.follows_a, least.lowest_a is not None and least.lowest_a <= limit_a):
        return least
    return replace(least, follows_a=limit_a, lowest_a=_lower(least, limit_a, above_a=0.0))


def _silent(least: Least, limit_a: float, after_s: float) -> Least:
    follows_a = least.follows_a
    if follows_a is not None and limit_a >= follows_a:  # it stopped by itself: it has what it wanted, or a pause
        return replace(least, follows_a=None)
    gave_up = follows_a is not None and after_s >= GIVES_UP_S
    return replace(least, suspect_a=limit_a) if gave_up and least.suspect_a != limit_a else least


def _lower(least: Least, limit_a: float, *, above_a: float) -> float:
    """The lowest limit that counts; what lies at or below ``above_a`` was no charge that lasted."""
    known_a = least.lowest_a
    return limit_a if known_a is None or known_a <= above_a else min(known_a, limit_a)
