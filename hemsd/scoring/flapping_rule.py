"""On and off, again and again: a loose contact, or a wallbox that steers by its own idea of the sun.

What switches in minutes is seen by power readings however coarse the register is, and by the register where it is read
often enough; whichever sees more of it counts. Where neither does, hemsd.scoring.shortfall_rules sees what is missing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.series import Numbers
from hemsd.scoring.session import FLOWS_W, Bools, Session

LEAST_MOVES: Final = 8
ON_W: Final = 900.0  # less than any car takes that charges (6 A), more than one that keeps itself warm
SOON_S: Final = 1000.0  # a car that warms itself now and then is no loose contact
COMMANDED_S: Final = 400.0  # so near to a command a move is the car's answer to it
FINEST_MISSED_S: Final = 300.0  # steps longer than that average on and off away


def flapping(session: Session) -> Finding | None:
    """While energy was offered throughout, and the car did not say that it pauses."""
    found = max(_dense(_moves_of_readings(session)), _dense(_moves_of_steps(session)), key=len)
    if len(found) < LEAST_MOVES:
        return None
    return Finding(Category.FLAPPING, float(found[0]), float(found[-1]), 0.88, 0.85, size=float(len(found)))


def _dense(moves_s: Numbers) -> Numbers:
    """The longest chain of moves of which each follows soon after the one before."""
    if len(moves_s) < LEAST_MOVES:
        return moves_s[:0]
    chains = np.split(moves_s, np.flatnonzero(moves_s[1:] - moves_s[:-1] > SOON_S) + 1)
    return max(chains, key=len)


def _moves_of_steps(session: Session) -> Numbers:
    """Moments at which the register's power went on or off."""
    trace = session.trace
    if trace.step_s > FINEST_MISSED_S or not session.flows.any():
        return np.empty(0)
    grain_w = 3600 * trace.quantum_wh / trace.step_s
    moves = _moves(trace.flow_w, session.offered & ~np.isnan(trace.flow_w), max(ON_W, 2 * grain_w))
    return _uncommanded(session, moves * trace.step_s)


def _moves_of_readings(session: Session) -> Numbers:
    """The same of the power readings."""
    at_s, power_w = session.series.power.at_s, session.series.power.values
    if len(at_s) < LEAST_MOVES:
        return np.empty(0)
    return _uncommanded(session, at_s[_moves(power_w, np.ones(len(power_w), np.bool_), ON_W)])


def _moves(power_w: Numbers, seen: Bools, on_w: float) -> NDArray[np.int64]:
    """Places where it went from off to fully on or back; what lies between the two is neither."""
    on = power_w > on_w
    clear = np.flatnonzero(seen & (on | (power_w < FLOWS_W)))
    changed = on[clear[1:]] != on[clear[:-1]]
    moves: NDArray[np.int64] = clear[1:][changed]
    return moves


def _uncommanded(session: Session, moves_s: Numbers) -> Numbers:
    """Moves while energy was offered, far from any command, and not by a car that said it would pause."""
    if len(moves_s) < LEAST_MOVES:
        return np.empty(0)
    step_s, last = session.trace.step_s, len(session.trace) - 1
    place = np.minimum((moves_s / step_s).astype(np.int64), last)
    commanded_s = np.flatnonzero(session.offered[1:] != session.offered[:-1]) * step_s
    free = session.offered[place]
    if len(commanded_s):
        after = np.clip(np.searchsorted(commanded_s, moves_s), 1, len(commanded_s))
        nearest_s = np.minimum(
            np.abs(moves_s - commanded_s[after - 1]),
            np.abs(commanded_s[np.minimum(after, len(commanded_s) - 1)] - moves_s),
        )
        free &= nearest_s > COMMANDED_S
    if not free.any() or (session.trace.asks[place[free]] < 0).mean() > 0.5:
        return np.empty(0)
    kept: Numbers = moves_s[free]
    return kept
