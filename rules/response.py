"""How one wallbox and its car answer to a limit, learned from what they did so far.

A command takes seconds to act and longer to show: the wallbox applies it, the car follows, the next sample comes when
it comes. Meanwhile the grid meter already sees the new power, and a fast tick that took the old sample for the present
would correct the same error twice. So the power of a car *at the moment of the grid reading* is told by the sample
only when no command can lie between the two, and by what the command is expected to do otherwise.

Learned here: the delay from command to effect, the current step (some wallboxes round down to whole amperes), how far
the car stays below the offer, where the car has its own cap, on how many phases it really charges, and below which
current it does not charge at all (``rules.least``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from hemsd.model import ACTIVE_PHASE_A, ConnectorStatus, Sample, WallboxImage
from rules.least import NOTHING_SEEN, Least, seen

FIRST_DELAY_S = 5.0  # IEC 61851-1: a car follows a new duty cycle within 5 s
SETTLED_S = 20.0  # after a command, before currents are taken as the answer to it
WAKE_S = 60.0  # a car may think so long before it draws after a pause
FINE_STEP_A = 0.5  # OCPP 1.6 section 7.13 allows 0.1 A, but each change may be a write to the wallbox's flash
CAP_GAP_A = 1.5  # a draw this far below the offer is the car's own cap, not a shortfall
SHORTEST_DELAY_S, LONGEST_DELAY_S = 2.0, 60.0
FITS_A = 0.3  # the current is what the limit should give
OVERSHOOT_A = 1.0  # a draw this far above the limit is no rounding
NOTICEABLE_A = 0.3  # the smallest PWM step is about 0.25 A


SAME_TIME_S = 1.5  # a sample so little older than the grid reading is of the same moment
MOVING_S = 0.3  # ... and of a car that is on its way (some rise by 3 A a second) only within this
DRAWS_W = 100.0  # less is the car's electronics, not a charge

Currents = tuple[float, float, float]
NO_CURRENT: Currents = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Response:
    """What is known of one wallbox and its present car."""

    delay_s: float = FIRST_DELAY_S
    step_a: float = FINE_STEP_A
    shortfall_a: float = 0.0
    cap_a: float | None = None  # the most the car takes, while it takes less than it is offered
    car_phases: int | None = None  # seen with three phases offered
    timed_s: float = 0.0  # the newest command whose delay was taken
    least: Least = NOTHING_SEEN

    def phases_of(self, offered_phases: int) -> int:
        """On how many phases the car charges when so many are offered."""
        return min(offered_phases, self.car_phases or offered_phases)

    def draw_a(self, limit_a: float) -> float:
        """The current per phase that a limit is expected to give."""
        if limit_a <= 0.0:
            return 0.0
        drawn = max(0.0, limit_a - self.shortfall_a)
        return drawn if self.cap_a is None else min(drawn, self.cap_a)


NEW = Response()


def at_plug_in(response: Response, car_phases: int | None) -> Response:
    """A new car: what belongs to the wallbox stays, what belonged to the last car is forgotten."""
    return replace(response, shortfall_a=0.0, cap_a=None, car_phases=car_phases, least=NOTHING_SEEN)


def learn(response: Response, image: WallboxImage, now_s: float) -> Response:
    """The same, wiser by the newest sample when that is an answer to the limit in force."""
    sample, limit_a = image.sample, image.limit_a
    if sample is None or image.sample_age_s is None or not limit_a or image.limit_age_s is None:
        return response
    after_s = image.limit_age_s - image.sample_age_s  # how long after the command the sample was taken
    drawn_a = sample.max_current_a
    if after_s <= 0.0 or drawn_a is None:
        return response
    least = seen(response.least, limit_a, image.limit_phases, drawn_a, after_s)
    response = response if least is response.least else replace(response, least=least)
    if drawn_a < ACTIVE_PHASE_A:
        return response
    response = _timed(response, now_s - image.limit_age_s, after_s, limit_a, drawn_a)
    if after_s < SETTLED_S:
        return response
    if sample.offered_a is not None and _rounded(sample.offered_a, limit_a):
        response = replace(response, step_a=1.0)
    response = _measured(response, drawn_a, sample.offered_a or limit_a)
    active = sample.active_phases
    if image.limit_phases == 3 and active is not None and after_s > WAKE_S:
        response = replace(response, car_phases=active)
    return response


def _timed(response: Response, sent_s: float, after_s: float, limit_a: float, drawn_a: float) -> Response:
    """The delay, by the first sample whose current fits the newest command.

    Samples are late and never early, so an early one is believed at once and a late one only a little.
    """
    if sent_s <= response.timed_s or abs(response.draw_a(limit_a) - drawn_a) > FITS_A:
        return response
    trust = 1.0 if after_s < response.delay_s else 0.05
    delay_s = response.delay_s + trust * (min(after_s, LONGEST_DELAY_S) - response.delay_s)
    return replace(response, delay_s=max(SHORTEST_DELAY_S, delay_s), timed_s=sent_s)


def _measured(response: Response, drawn_a: float, offered_a: float) -> Response:
    """Shortfall, or the cap of a car that takes much less than it is offered."""
    gap_a = offered_a - drawn_a
    if gap_a > CAP_GAP_A:
        return replace(response, cap_a=drawn_a)
    if gap_a < -NOTICEABLE_A:  # it still draws what it was offered before
        return response
    shortfall_a = response.shortfall_a + 0.3 * (max(0.0, gap_a) - response.shortfall_a)
    return replace(response, shortfall_a=shortfall_a, cap_a=None)


def _rounded(offered_a: float, limit_a: float) -> bool:
    """Whether a wallbox made a whole number of a limit that was none."""
    whole = abs(offered_a - round(offered_a)) < 0.01
    return whole and abs(limit_a - round(limit_a)) > 0.05 and 0.05 < abs(offered_a - limit_a) < 1.0


def floor_a(response: Response, current_a: float) -> float:
    """The highest current on the wallbox's steps that is not above ``current_a``."""
    steps = math.floor(current_a / response.step_a + 1e-6)
    return round(steps * response.step_a, 1)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a car drew when the grid was read; not ``certain`` while a command is taking effect unseen."""

    power_w: float = 0.0
    currents_a: Currents = NO_CURRENT  # on the wallbox's own phases
    most_w: float = 0.0  # what it may have risen to since
    most_a: Currents = NO_CURRENT
    certain: bool = True


def drawn(response: Response, image: WallboxImage, grid_age_s: float, voltage_v: float) -> Drawn:
    """What the car drew when the grid was read, by its newest sample, or by its limit where there is none."""
    phases = response.phases_of(image.limit_phases or 1)
    expected_a = response.draw_a(image.limit_a or 0.0) if image.transaction_id is not None else 0.0
    expected_w = expected_a * phases * voltage_v
    as_expected_a = _on_phases(expected_a, phases)
    sample = image.sample
    drawn_w = power_w(sample, voltage_v) if sample is not None else None
    if sample is None or drawn_w is None:
        return Drawn(expected_w, as_expected_a, expected_w, as_expected_a, certain=expected_a == 0.0)
    match _effect(response, image, grid_age_s, asleep=bool(image.limit_a) and drawn_w < DRAWS_W):
        case Effect.SURE:
            return Drawn(expected_w, as_expected_a, expected_w, as_expected_a)
        case effect:
            active = sample.active_phases or phases
            even_a = _on_phases(drawn_w / active / voltage_v, active)
            now_a = _currents(*(even if a is None else a for a, even in zip(sample.currents_a, even_a, strict=True)))
            most_a = _currents(*(max(pair) for pair in zip(now_a, as_expected_a, strict=True)))
            return Drawn(drawn_w, now_a, max(drawn_w, expected_w), most_a, certain=effect is Effect.NONE)


def told_a(image: WallboxImage) -> float:
    """The most per phase that a car draws because it was told so; what a box lets through beyond its limit is not ours.

    Infinite while a command may still be taking effect, and where none was given.
    """
    if image.limit_a is None or image.limit_age_s is None or image.sample_age_s is None:
        return math.inf
    obeyed_by_now = image.limit_age_s - image.sample_age_s > SETTLED_S
    return image.limit_a + OVERSHOOT_A if obeyed_by_now else math.inf


def draws(image: WallboxImage) -> bool:
    """Whether the car charges, by what the wallbox measures or, where it measures nothing, by what it says."""
    sample = image.sample
    if sample is not None and sample.power_w is not None:
        return sample.power_w > DRAWS_W
    if sample is not None and sample.max_current_a is not None:
        return sample.max_current_a > NOTICEABLE_A
    return image.status is ConnectorStatus.CHARGING


class Effect(StrEnum):
    """Whether the meter sees the effect of the newest command, where the newest sample does not show it."""

    NONE = "none"  # the sample is as new as the command's effect, or the meter was read before it
    MAYBE = "maybe"
    SURE = "sure"


def _effect(response: Response, image: WallboxImage, grid_age_s: float, *, asleep: bool) -> Effect:
    if image.limit_age_s is None or image.sample_age_s is None or image.limit_age_s < grid_age_s:
        return Effect.NONE
    after_s, apart_s = image.limit_age_s - image.sample_age_s, image.sample_age_s - grid_age_s
    if apart_s <= SAME_TIME_S:
        moving = 0.0 < after_s <= SETTLED_S and abs(apart_s) > MOVING_S and not _arrived(response, image)
        return Effect.MAYBE if moving else Effect.NONE
    if asleep:  # it may begin to draw at any moment, but a car that has slept on is full
        return Effect.MAYBE if image.limit_age_s < 2 * WAKE_S else Effect.NONE
    if after_s > response.delay_s:
        return Effect.NONE if after_s > SETTLED_S or _arrived(response, image) else Effect.MAYBE
    return Effect.SURE if image.limit_age_s - grid_age_s > response.delay_s + SETTLED_S else Effect.MAYBE


def _arrived(response: Response, image: WallboxImage) -> bool:
    """Whether the sample shows what the limit should give; else the car may have been caught on its way there."""
    drawn_a = image.sample.max_current_a if image.sample is not None else None
    return drawn_a is None or abs(response.draw_a(image.limit_a or 0.0) - drawn_a) <= CAP_GAP_A


def power_w(sample: Sample, voltage_v: float) -> float | None:
    """What a sample says of the power, by its currents where it does not name it."""
    if sample.power_w is not None:
        return sample.power_w
    known = [current_a for current_a in sample.currents_a if current_a is not None]
    return sum(known) * voltage_v if known else None


def _on_phases(current_a: float, phases: int) -> Currents:
    return _currents(*(current_a if phase < phases else 0.0 for phase in range(3)))


def _currents(*three: float) -> Currents:
    one, two, last = three
    return one, two, last
