"""The sentence that a plan gives for itself, with its numbers and the clock times of the home."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

SOON = timedelta(hours=20)  # until then a clock time alone can't be mistaken for another day's
WORTH_SAYING_WH = 50.0


@dataclass(frozen=True, slots=True)
class Story:
    """What a plan is about."""

    at: datetime
    zone: tzinfo
    soc_pct: float
    target_pct: float
    deadline_at: datetime | None
    reserve_pct: float | None  # set while the plan fills the reserve
    boost_pct: float | None  # set while the plan starts at once
    regular_h: float
    energy_wh: float
    solar_wh: float
    cost_eur: float | None
    same_price: bool
    priced_h: float
    all_h: float
    reachable: bool
    soc_at_deadline_pct: float
    reached_at: datetime | None


def reason(story: Story) -> str:
    """One sentence for the household: "Cheapest 2 h 15 min before 07:00, 0.19 EUR/kWh on average"."""
    if story.deadline_at is not None and not story.reachable:
        return _late(story, story.deadline_at)
    parts = [text for text in (_at_once(story), _regular(story)) if text]
    if not parts:
        return _enough(story)
    sentence = ", then the ".join(parts) + _price(story) + _sun(story) + _gap(story)
    return sentence[0].upper() + sentence[1:]


def _late(story: Story, deadline_at: datetime) -> str:
    reached = f" at {_clock(story, story.reached_at)}" if story.reached_at is not None else ""
    if deadline_at <= story.at:
        return (
            f"{_clock(story, deadline_at)} has passed: charging without a pause until {story.target_pct:.0f} %{reached}"
        )
    return (
        f"{story.target_pct:.0f} % can't be reached by {_clock(story, deadline_at)}: charging without a pause, "
        f"{story.soc_at_deadline_pct:.0f} % by then and {story.target_pct:.0f} %{reached}"
    )


def _enough(story: Story) -> str:
    if story.deadline_at is None:
        return "No deadline: nothing needs to be bought"
    until = f"the {story.target_pct:.0f} % asked for by {_clock(story, story.deadline_at)}"
    return f"The car's {story.soc_pct:.0f} % are enough for {until}"


def _at_once(story: Story) -> str:
    if story.boost_pct is not None:
        return f"at once to {story.boost_pct:.0f} %"
    if story.reserve_pct is not None:
        return f"at once to the reserve of {story.reserve_pct:.0f} %"
    return ""


def _regular(story: Story) -> str:
    if story.regular_h <= 0.0:
        return ""
    before = f" before {_clock(story, story.deadline_at)}" if story.deadline_at is not None else ""
    first = "first" if story.same_price and story.solar_wh < WORTH_SAYING_WH else "cheapest"
    return f"{first} {_duration(story.regular_h)}{before}"


def _price(story: Story) -> str:
    if story.cost_eur is None or story.energy_wh < 1.0:
        return ""
    return f", {story.cost_eur / story.energy_wh * 1000.0:.2f} EUR/kWh on average"


def _sun(story: Story) -> str:
    if story.solar_wh < WORTH_SAYING_WH:
        return ""
    return f", {story.solar_wh / 1000.0:.1f} of {story.energy_wh / 1000.0:.1f} kWh from the sun"


def _gap(story: Story) -> str:
    if story.priced_h >= story.all_h - 1e-9:
        return ""
    if story.priced_h <= 0.0:
        return "; no price is known yet"
    return f"; prices are known for {_duration(story.priced_h)} of {_duration(story.all_h)}"


def _duration(hours: float) -> str:
    minutes = round(hours * 60)
    whole, rest = divmod(minutes, 60)
    return " ".join(
        text for text in (f"{whole} h" if whole else "", f"{rest} min" if rest or not whole else "") if text
    )


def _clock(story: Story, moment: datetime | None) -> str:
    if moment is None:
        return ""
    local = moment.astimezone(story.zone)
    return f"{local:%H:%M}" if abs(moment - story.at) < SOON else f"{local:%H:%M} on {local:%A}"
