"""Is the grid meter where it should be, and does it count as it should? Asked of a wallbox that changes its current.

A wallbox that goes from 6 A to 10 A takes a known power more. All of it must show at the grid meter, in the right
direction: import less what sun and battery gave otherwise. So what the meter moved by, over what the wallbox moved by,
is the *share*, and it has a name:

    1          all is well
    -1         the meter counts the other way round
    0          the meter does not see the wallbox
    2/3, 1/3   a phase, or two, are not measured; 1/3 also when one transformer sits the wrong way round
    10, 0.001  a wrong scale, and so on

Which phase it is, the currents tell. A single-phase charge also tells which phase of the house is behind the
wallbox's L1. The steps are repeated, because a kettle at the wrong moment looks like a fault; when the repetitions
don't agree, nothing is concluded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from hemsd.model import UNKNOWN_PHASES, PerPhase
from rules import findings
from rules.findings import Finding

LEAST_STEP_W = 300.0  # less than this is lost among kettles and fridges
AGREE = 0.15  # so far a repetition's share may be from the middle one
NEAR = 0.2  # how exact a share is: cars and wallboxes round, and the house goes on living
TENFOLD = 0.12  # in powers of ten
STILL = 0.3  # sun and battery must not move by more than this part of the step, for phases to be told apart
LEAST_STEP_A = 1.0
ALONE_W, ALONE = 40.0, 0.03  # a house that uses less than this beside the wallbox is none
GIVING_W = -100.0  # a house can't use less than nothing


@dataclass(frozen=True, slots=True)
class Plateau:
    """The means of a time in which the wallbox held one limit. What no meter tells is None."""

    limit_a: float
    phases: int
    box_w: float | None
    grid_w: float | None
    box_a: PerPhase = UNKNOWN_PHASES
    grid_a: PerPhase = UNKNOWN_PHASES
    pv_w: float | None = None
    battery_w: float | None = None

    @property
    def used_w(self) -> float | None:
        """What house and wallbox use together, as the meters say."""
        return None if self.grid_w is None else self.grid_w + (self.pv_w or 0.0) + (self.battery_w or 0.0)


@dataclass(frozen=True, slots=True)
class Installation:
    """What config.yaml says of it."""

    voltage_v: float = 230.0
    invert: bool = False
    scale: float = 1.0
    inverted_cts: tuple[int, ...] = ()
    rotation: tuple[int, int, int] = (1, 2, 3)  # the house phase behind the wallbox's L1, L2 and L3


@dataclass(frozen=True, slots=True)
class Step:
    """From one plateau to the next on the same phases."""

    before: Plateau
    after: Plateau

    @property
    def box_w(self) -> float | None:
        return _difference(self.before.box_w, self.after.box_w)

    @property
    def used_w(self) -> float | None:
        return _difference(self.before.used_w, self.after.used_w)

    @property
    def given_w(self) -> float:
        """By how much sun and battery moved meanwhile."""
        return abs((self.after.pv_w or 0.0) - (self.before.pv_w or 0.0)) + abs(
            (self.after.battery_w or 0.0) - (self.before.battery_w or 0.0)
        )

    @property
    def grid_a(self) -> PerPhase:
        a, b, c = (_difference(x, y) for x, y in zip(self.before.grid_a, self.after.grid_a, strict=True))
        return a, b, c

    def asked_w(self, voltage_v: float) -> float:
        return (self.after.limit_a - self.before.limit_a) * self.after.phases * voltage_v

    def moved_w(self, voltage_v: float) -> float:
        """What the wallbox moved by: as it says itself, or else as it was asked to."""
        return self.asked_w(voltage_v) if self.box_w is None else self.box_w


def judge(plateaus: Sequence[Plateau], installed: Installation) -> tuple[Finding, ...]:
    """What is wrong; nothing when all is well."""
    pairs = [Step(a, b) for a, b in pairwise(plateaus) if a.phases == b.phases and a.limit_a != b.limit_a]
    every = [step for step in pairs if step.used_w is not None]
    most = max((step.after.phases for step in every), default=0)
    steps = [step for step in every if step.after.phases == most]  # the larger the step, the smaller the house
    if not steps:
        return (findings.silent(),)
    if lazy := _lazy(steps, installed.voltage_v):
        return (lazy,)
    shares = _shares(steps, installed.voltage_v)
    share = median(shares)
    if not _agree(shares, AGREE * max(1.0, abs(share))):
        return (findings.restless(),)
    found = [*_named(share, steps, installed, exact=_agree(shares, AGREE * abs(share)))]
    return tuple(found or [*_sums(plateaus), *_rotation(every, installed)])


def _lazy(steps: Sequence[Step], voltage_v: float) -> Finding | None:
    """A wallbox, or its car, that did not move can't prove anything."""
    moved = [abs(step.moved_w(voltage_v)) for step in steps]
    asked = [abs(step.asked_w(voltage_v)) for step in steps]
    if median(moved) >= max(LEAST_STEP_W, 0.25 * median(asked)):
        return None
    return findings.lazy(median(asked), median(moved))


def _shares(steps: Sequence[Step], voltage_v: float) -> list[float]:
    return [step.used_w / step.moved_w(voltage_v) for step in steps if step.used_w is not None]


def _agree(shares: Sequence[float], within: float) -> bool:
    """Whether three of four are near the middle one."""
    middle = median(shares)
    near = [share for share in shares if abs(share - middle) <= within]
    return len(near) * 4 >= len(shares) * 3


def _named(share: float, steps: Sequence[Step], installed: Installation, *, exact: bool) -> Iterator[Finding]:
    """``exact``: the shares agree even with each other's size, so that a small one is no accident."""
    size = abs(share)
    if size <= NEAR / 2 and not (exact and _tens(size)):
        yield findings.outside(share)
        return
    phases = _phases(share, steps)
    if phases is None and share < 0:
        yield findings.sign(inverted=installed.invert)
    if tens := _tens(size):
        yield findings.scale(tens, installed.scale)
        return
    if abs(size - 1.0) <= NEAR:
        return
    if phases is not None:
        yield phases
    elif abs(size - 2 / 3) <= NEAR / 2 or abs(size - 1 / 3) <= NEAR / 2:
        yield findings.part(size)
    else:
        yield findings.odd(share)


def _tens(size: float) -> int:
    """Which power of ten it is; 0 for none."""
    if size <= 0.0:
        return 0
    tens = round(math.log10(size))
    return tens if abs(math.log10(size) - tens) <= TENFOLD else 0


def _phases(share: float, steps: Sequence[Step]) -> Finding | None:
    """Which phase is reversed or missing: only where the currents account for the share."""
    found = [_phase_shares(step) for step in steps]
    known = [shares for shares in found if shares is not None]
    if not known:
        return None
    middle = [median(shares[phase] for shares in known) for phase in range(3)]
    if abs(sum(middle) / 3 - share) > NEAR:
        return None  # currents without a sign tell nothing here
    reversed_ = [phase for phase, each in enumerate(middle, 1) if each <= -1 + 2 * NEAR]
    missing = [phase for phase, each in enumerate(middle, 1) if abs(each) <= NEAR]
    if reversed_ and len(reversed_) < 3:
        return findings.reversed_phases(reversed_)
    if missing and len(missing) < 3:
        return findings.unseen_phases(missing)
    return None


def _phase_shares(step: Step) -> tuple[float, float, float] | None:
    """By phase, over what the wallbox moved by on each; only for a charge on all three."""
    moved_a = step.after.limit_a - step.before.limit_a
    own = [_difference(x, y) for x, y in zip(step.before.box_a, step.after.box_a, strict=True)]
    known_a = [amps for amps in own if amps is not None]
    if len(known_a) == 3:
        moved_a = sum(known_a) / 3
    a, b, c = step.grid_a
    restless = step.given_w > STILL * abs(step.used_w or 0.0) + LEAST_STEP_W / 3
    if step.after.phases != 3 or a is None or b is None or c is None or abs(moved_a) < LEAST_STEP_A or restless:
        return None
    return a / moved_a, b / moved_a, c / moved_a


def _sums(plateaus: Sequence[Plateau]) -> Iterator[Finding]:
    """What the meters say beside the wallbox: a house, that is never quite off and never gives."""
    known = [(p.grid_w, p.used_w, p.box_w) for p in plateaus]
    beside = [used - box for grid, used, box in known if used is not None and box is not None]
    alone = [abs(grid - box) <= ALONE_W + ALONE * box for grid, _, box in known if grid is not None and box is not None]
    if alone and all(alone):
        yield findings.inside()
    elif beside and median(beside) < GIVING_W:
        yield findings.giving_house(median(beside))


def _rotation(steps: Sequence[Step], installed: Installation) -> Iterator[Finding]:
    """A charge on one phase shows which phase of the house is behind the wallbox's L1."""
    seen = [phase for step in steps if step.after.phases == 1 and (phase := _moved_phase(step)) is not None]
    if not seen or len(set(seen)) > 1 or seen[0] == installed.rotation[0]:
        return
    yield findings.rotation(seen[0], installed.rotation[0])


def _moved_phase(step: Step) -> int | None:
    """The only phase that moved as the limit did."""
    moved_a = step.after.limit_a - step.before.limit_a
    shares = [None if amps is None else amps / moved_a for amps in step.grid_a]
    if None in shares:
        return None
    moved = [phase for phase, share in enumerate(shares, 1) if share is not None and abs(share) > 0.5]
    return moved[0] if len(moved) == 1 else None


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
