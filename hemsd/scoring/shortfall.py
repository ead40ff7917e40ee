"""How much less flowed than should have, and where: what the rules of the shortfall judge.

Step by step the power is compared with the least that should have flowed: the lowest offer of the last two minutes, and
no more than this car has shown that it takes. Steps that prove nothing are left out: nothing offered, the car said that
it pauses, it was allowed to begin only just now, readings too far apart, or hardly any energy flowed afterwards. What
remains is added up in quarter-hours, which rare readings and coarse registers can bear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hemsd.scoring.series import Numbers
from hemsd.scoring.session import OFFERED_W, Bools, Session, lately, runs
from hemsd.scoring.trace import median

BLOCK_S: Final = 900.0
KNOWN_SHARE: Final = 0.4  # of a quarter-hour's steps, for it to count
LOW: Final = 0.8
NORMAL: Final = 0.86
FLAT: Final = 0.06
STARTING_S: Final = 300.0  # so long a car may take to begin when it is allowed to
CHARGED_SHARE: Final = 0.98  # of the energy of a visit; what comes after is a car that keeps itself warm


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The stretch in which most is missing, and how often there was one."""

    begin: int  # steps
    end: int
    share: float  # of what should have flowed
    minutes: float  # that prove it
    energy_share: float  # of the visit
    least: float  # share in the worst quarter-hour
    recovered: bool  # the usual power came back
    flat: bool  # at one level
    abrupt: bool  # at once
    asked: bool  # the car said that it wants energy
    dips: int  # stretches in the whole session after which the usual power came back
    dipped_min: float  # what was missing in all of them

    @property
    def missing_min(self) -> float:
        return (1 - self.share) * self.minutes


def shortfall_of(session: Session) -> Shortfall | None:
    """None: nothing is missing, or nobody can say what should have flowed."""
    expected_w = expected(session)
    if expected_w is None:
        return None
    steps = max(1, round(BLOCK_S / session.trace.step_s))
    proves = ~np.isnan(expected_w)
    due = _by_block(np.where(proves, expected_w, 0.0), steps)
    came = _by_block(np.where(proves, session.power_w, 0.0), steps)
    known = _by_block(proves.astype(np.float64), steps) >= KNOWN_SHARE * steps
    share = np.divide(came, due, out=np.ones_like(due), where=due > 0)
    low, normal = known & (share < LOW), known & (share >= NORMAL)
    if not low.any():
        return None
    missing_min = session.minutes(steps) * (1 - share) * low
    stretches = [_trimmed(low, begin, end) for begin, end in runs(~normal) if low[begin:end].any()]
    dips = [one for one in stretches if normal[one[1] :].any()]
    begin, end = max(stretches, key=lambda one: float(missing_min[one[0] : one[1]].sum()))
    first, last = _edges(session, expected_w, begin * steps, min(end * steps, len(session.trace)), steps)
    power_w, part = session.power_w[first:last], proves[first:last]
    level = _level(session, power_w, part & session.flows[first:last])
    return Shortfall(
        first,
        last,
        share=float(power_w[part].sum() / max(float(expected_w[first:last][part].sum()), 1.0)),
        minutes=session.minutes(float(part.sum())),
        energy_share=float(power_w.sum() / session.power_w.sum()),
        least=float(share[begin:end][low[begin:end]].min()),
        recovered=bool(normal[end:].any()),
        flat=level is not None,
        abrupt=level is not None and _abrupt(session, expected_w, first, level),
        asked=bool((session.trace.asks[first:last][part] > 0).mean() > 0.5) if part.any() else False,
        dips=len(dips),
        dipped_min=sum(float(missing_min[begin:end].sum()) for begin, end in dips),
    )


def expected(session: Session) -> Numbers | None:
    """What should flow at least; NaN in steps that prove nothing."""
    trace, car_w = session.trace, session.known.car_w
    if car_w is None or not session.offer_known or not session.flows.any():
        return None
    expected_w = np.minimum(lately(trace.offered_w, trace.step_s, np.fmin), car_w)
    proves = session.offered & (expected_w > OFFERED_W) & (trace.fine > 0) & (trace.asks >= 0)
    proves[_charged(session) :] = False
    starts = np.flatnonzero(session.offered[1:] & ~session.offered[:-1]) + 1
    for start in (0, *starts.tolist()):
        proves[start : start + int(np.ceil(STARTING_S / trace.step_s))] = False
    expected_w[~proves] = np.nan
    return expected_w


def _charged(session: Session) -> int:
    """The step from which on hardly any energy flowed."""
    delivered = np.cumsum(session.power_w)
    return int(np.searchsorted(delivered, CHARGED_SHARE * delivered[-1])) + 1


def _by_block(values: Numbers, steps: int) -> Numbers:
    """The sums of as many steps each; the last one of what is left."""
    ends = np.append(np.arange(steps, len(values), steps), len(values))
    sums: Numbers = np.cumsum(values)[ends - 1]
    sums[1:] -= sums[:-1].copy()
    return sums


def _trimmed(low: Bools, begin: int, end: int) -> tuple[int, int]:
    where = np.flatnonzero(low[begin:end])
    return begin + int(where[0]), begin + int(where[-1]) + 1


def _edges(session: Session, expected_w: Numbers, begin: int, end: int, steps: int) -> tuple[int, int]:
    """The stretch to the step: quarter-hours are cut where the power was as usual, and reach a little further."""
    from_, to = max(0, begin - steps), min(len(session.trace), end + steps)
    low = np.flatnonzero(session.power_w[from_:to] < LOW * expected_w[from_:to])
    return (from_ + int(low[0]), from_ + int(low[-1]) + 1) if len(low) else (begin, end)


def _level(session: Session, power_w: Numbers, seen: Bools) -> float | None:
    """The one power that nearly all these steps have; None where they have several."""
    if not seen.any():
        return None
    level = median(power_w[seen])
    grain_w = 3600 * session.trace.quantum_wh / session.trace.step_s
    near = np.abs(power_w[seen] - level) <= FLAT * level + grain_w
    return level if near.mean() >= 0.8 else None


def _abrupt(session: Session, expected_w: Numbers, first: int, level: float) -> bool:
    """Whether the power fell from the usual to its new level at once; or the session began with it."""
    if first < 2:
        return True
    before, due = session.power_w[max(0, first - 3) : first], expected_w[max(0, first - 3) : first]
    after = session.power_w[first + 1 : first + 3]
    usual = bool((before >= NORMAL * due).any()) or bool(np.isnan(due).all())
    return usual and len(after) > 0 and bool((np.abs(after - level) <= 2 * FLAT * level).all())
