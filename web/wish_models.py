"""What may be asked of a wallbox or of the house, and how that is answered."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, RootModel

from hemsd.model import Mode
from web.models import Asked, Page, Percent, Utc
from web.moments import Moment

PEERS_WORDS = {"pv": Mode.SOLAR, "smart": Mode.SOLAR, "minpv": Mode.MIN_SOLAR, "now": Mode.FAST}
"""evcc's names of the modes, before and after its release 0.316"""


def _mode(word: object) -> Mode:
    if isinstance(word, str):
        if word in PEERS_WORDS:
            return PEERS_WORDS[word]
        if word in set(Mode):
            return Mode(word)
    raise ValueError(f"must be one of {', '.join(Mode)} (or {', '.join(PEERS_WORDS)}), not {word!r}")


class ModeBody(Asked):
    mode: Annotated[Mode, BeforeValidator(_mode)]


class BoostBody(Asked):
    """An immediate start."""

    minimum_charge_target_pct: Percent | None = None
    """Until this level; else until the car is full"""


class TargetBody(Asked):
    """Overrides the schedule for this visit."""

    minimum_charge_target_pct: Percent
    ready_by: Moment | None = None


class WhatIfBody(RootModel[dict[str, float | bool | str | None]]):
    """Settings by their place: ``steering.NAME``, ``site.NAME``, and ``wallbox.NAME`` of the visit's wallbox."""


class DimmedBody(Asked):
    """What the grid operator leaves to all cars together."""

    dimmed_w: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    until: AwareDatetime | None = None
    """When it ends by itself, at most 24 hours ahead; else in two hours"""


class SocBody(Asked):
    soc_pct: Percent


class WishPage(Page):
    """What was put to the rules; the state tells what became of it."""

    wallbox: str
    mode: Mode | None = None
    boost: bool | None = None
    minimum_charge_target_pct: float | None = None
    ready_by: Utc | None = None


class SocPage(Page):
    vehicle: str
    soc_pct: float
