"""Rules of the shortfall: the car charges, and gets less than it is offered and used to take.

Faults that look alike in the energy differ in texture. A thing that is too hot, or a phase that is gone, holds the
power down to one level (DERATING); a contact that is loose switches it on and off (FLAPPING). What a full car does at
the end of its charge is neither: it tapers off little by little, and takes a small part of the energy while it does.
"""

from __future__ import annotations

from typing import Final

from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.flapping_rule import FINEST_MISSED_S, flapping
from hemsd.scoring.flow_rules import PIT_MIN, PIT_UNTOLD_MIN
from hemsd.scoring.session import Session
from hemsd.scoring.shortfall import Shortfall, shortfall_of

SCORE: Final = 0.88
PIT_SHARE: Final = 0.3  # less than that in a quarter-hour: it was off
DIPPED_MIN: Final = 12.0
FLAT_MIN: Final = 20.0
RAGGED_MIN: Final = 45.0
ABRUPT_MIN: Final = 28.0
LEVEL_MIN: Final = 30.0
TAPER_SHARE: Final = 0.2  # of the energy: no car takes that long to fill up
TRICKLE: Final = 0.36  # of the usual power: so little a nearly full car takes for hours
HOT_C: Final = 60.0  # from there on wallboxes and cars protect themselves


def less_than_usual(session: Session) -> Finding | None:
    """FLAPPING where it is seen to go on and off, else what the shortfall looks like."""
    return flapping(session) or _held_down(session)


def _held_down(session: Session) -> Finding | None:
    found = shortfall_of(session)
    sure = 0.0 if found is None else _sure(found, coarse=session.trace.step_s > FINEST_MISSED_S)
    if found is None or not sure:
        return None
    begin_s, end_s = found.begin * session.trace.step_s, found.end * session.trace.step_s
    match category := _category(session, found, begin_s, end_s):
        case Category.OVER_TEMPERATURE:
            sure, size = 0.9, 100 * (1 - found.share)
        case Category.FLAPPING:
            size = 2.0 * found.dips
        case Category.ENERGY_PIT:
            size = found.missing_min
        case _:
            size = 100 * (1 - found.share)
    return Finding(category, begin_s, end_s, SCORE, sure, size=size)


def _category(session: Session, found: Shortfall, begin_s: float, end_s: float) -> Category:
    if _hot(session, begin_s, end_s):
        return Category.OVER_TEMPERATURE
    if found.dips > 1 and not found.flat:
        return Category.FLAPPING
    return Category.ENERGY_PIT if found.recovered and found.least < PIT_SHARE else Category.DERATING


def _sure(found: Shortfall, *, coarse: bool) -> float:
    """0: it may well be in order."""
    if found.dips > 1 and found.dipped_min >= DIPPED_MIN:
        return 0.72
    if found.recovered:
        if found.flat and found.minutes >= FLAT_MIN:
            return 0.75 if coarse else 0.85
        long_enough = found.missing_min >= (PIT_MIN if found.asked else PIT_UNTOLD_MIN)
        return 0.72 if found.minutes >= RAGGED_MIN or long_enough else 0.0
    if found.share < TRICKLE:
        return 0.0
    if found.energy_share >= TAPER_SHARE and found.minutes >= (LEVEL_MIN if found.flat else RAGGED_MIN):
        return 0.75
    return 0.8 if found.abrupt and found.minutes >= ABRUPT_MIN and not coarse else 0.0


def _hot(session: Session, begin_s: float, end_s: float) -> bool:
    """Whether something was reported as hot while less flowed, or the wallbox said that it was."""
    told, alarms = session.series.temperature, session.series.heat_alarms
    inside = (told.at_s >= begin_s) & (told.at_s <= end_s) & (told.values >= HOT_C)
    return bool(inside.any()) or bool(((alarms.at_s >= begin_s) & (alarms.at_s <= end_s)).any())
