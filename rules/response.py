"""How one wallbox and its car answer to a limit, learned from what they did so far.

A command takes seconds to act and longer to show: the wallbox applies it, the car follows, the next sample comes when
it comes. Meanwhile the grid meter already sees the new power, and a fast tick that took the old sample for the present
would correct the same error twice. So the power of a car *at the moment of the grid reading* is told by the sample
only when no command can lie between the two, and by what the command is expected to do otherwise.

Learned here: the delay from command to effect, the current step (some wallboxes round down to whole amperes), how far
the car stays below the offer, where the car has its own cap, and on how many phases it really charges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hemsd.model import ACTIVE_PHASE_A, WallboxImage

FIRST_DELAY_S = 5.0  # IEC 61851-1: a car follows a new duty cycle within 5 s
SETTLED_S = 20.0  # after a command, before currents are taken as the answer to it
WAKE_S = 60.0  # a car may think so long before it draws after a pause
FINE_STEP_A = 0.5  # OCPP 1.6 section 7.13 allows 0.1 A, but each change may be a write to the wallbox's flash
CAP_GAP_A = 1.5  # a draw this far below the offer is the car's own cap, not a shortfall
SHORTEST_DELAY_S, LONGEST_DELAY_S = 2.0, 60.0
FITS_A = 0.3  # the current is what the limit should give
NOTICEABLE_A = 0.3  # the smallest PWM step is about 0.25 A


@dataclass(frozen=True, slots=True)
class Response:
    """What is known of one wallbox and its present car."""

    delay_s: float = FIRST_DELAY_S
    step_a: float = FINE_STEP_A
    shortfall_a: float = 0.0
    cap_a: float | None = None  # the most the car takes, while it takes less than it is offered
    car_phases: int | None = None  # seen with three phases offered
    timed_s: float = 0.0  # the newest command whose delay was taken

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
    return replace(response, shortfall_a=0.0, cap_a=None, car_phases=car_phases)


def learn(response: Response, image: WallboxImage, now_s: float) -> Response:
    """The same, wiser by the newest sample when that is an answer to the limit in force."""
    sample, limit_a = image.sample, image.limit_a
    if sample is None or image.sample_age_s is None or not limit_a or image.limit_age_s is None:
        return response
    after_s = image.limit_age_s - image.sample_age_s  # how long after the command the sample was taken
    drawn_a = sample.max_current_a
    if after_s <= 0.0 or drawn_a is None or drawn_a < ACTIVE_PHASE_A:
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
    """A car's power at the moment of the grid reading; not ``certain`` while a command is acting."""

    power_w: float
    certain: bool = True


def drawn(response: Response, image: WallboxImage, grid_age_s: float, voltage_v: float) -> Drawn:
    """What the car drew when the grid was read."""
    if image.sample is None or image.sample_age_s is None:
        return _expected(response, image, voltage_v)
    power_w = image.sample.power_w
    if power_w is None:
        currents = [a for a in image.sample.currents_a if a is not None]
        power_w = sum(currents) * voltage_v if currents else None
    if power_w is None:
        return _expected(response, image, voltage_v)
    lag_s = image.sample_age_s - grid_age_s  # how much older the sample is than the grid reading
    if lag_s <= 1.5 or image.limit_age_s is None:
        return Drawn(power_w)
    effect_age_s = image.limit_age_s - response.delay_s  # how long ago the newest command took hold
    if effect_age_s > image.sample_age_s or image.limit_age_s < grid_age_s:
        return Drawn(power_w)  # the sample shows it already, or the meter can't have seen it yet
    return Drawn(power_w, certain=False)


def _expected(response: Response, image: WallboxImage, voltage_v: float) -> Drawn:
    """Without a sample only the limit speaks, and it speaks for a car that takes all of it."""
    if image.transaction_id is None or not image.limit_a:
        return Drawn(0.0)
    phases = response.phases_of(image.limit_phases or 1)
    return Drawn(response.draw_a(image.limit_a) * phases * voltage_v, certain=False)
