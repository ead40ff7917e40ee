"""A finished visit once more, under other settings: "2 starts fewer, 0.4 kWh more from the grid".

Sun and house are what was recorded, minute by minute; wallbox and car are played. A played car is not the real one, so
nothing is compared with what really happened: the visit is played twice, with the settings of now and with those asked
for, and the difference of the two is the answer. What the model gets wrong, it gets wrong in both.

It runs in a thread beside the control loop, one at a time, and gives up on the rest of a visit after ``MOST_S``; both
plays then end at the same minute, and the answer says how many hours it covers.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from drivers.simulated.day import Day
from drivers.simulated.physics import Battery, Car
from hemsd.control import ControlSettings
from hemsd.model import (
    Decision,
    Mode,
    SiteMinute,
    SiteSettings,
    SteeringSettings,
    SteeringState,
    Visit,
    WallboxSettings,
)
from hemsd.replay import Replayed, Stage, outcome, play, stage
from hemsd.said import said
from rules.savings import PriceOf, cost_eur
from web.house import NotPlayable
from web.past_models import PlayedPage, WhatIfPage

LONGEST = timedelta(hours=24)
MOST_S = 30.0  # real seconds for both plays together
CHUNK_S = 900.0
STEP_S = 5.0  # what was recorded once a minute needs no finer one
REST_S = 0.005  # after each chunk the thread lets the event loop have the interpreter
FULL_PCT = 100.0

Value = float | str | bool | None
Section = TypeVar("Section", SteeringSettings, SiteSettings, WallboxSettings)
SECTIONS = ("steering", "site", "wallbox")


# ---------------------------------------------------------------------------------------------------------------------
# The settings


def unpriced(_start_at: datetime) -> tuple[float | None, float | None]:
    """Nobody knows a price."""
    return None, None


def changed(settings: ControlSettings, wallbox: str, asked: Mapping[str, Value]) -> ControlSettings:
    """With other values under ``steering.``, ``site.`` or ``wallbox.`` for one wallbox. Raises NotPlayable."""
    box = next(box for box in settings.boxes if box.name == wallbox)
    by_section: dict[str, dict[str, Value]] = {section: {} for section in SECTIONS}
    for key, value in asked.items():
        section, _, name = key.partition(".")
        if section not in by_section or not name:
            raise NotPlayable(said("whatif.key", "{key}: must begin with steering., site. or wallbox.", key=key))
        by_section[section][name] = value
    return replace(
        settings,
        steering=_with(settings.steering, SteeringSettings, "steering", by_section["steering"]),
        site=_with(settings.site, SiteSettings, "site", by_section["site"]),
        boxes=(_with(box, WallboxSettings, "wallbox", by_section["wallbox"]),),
    )


def _with(before: Section, kind: type[Section], section: str, asked: Mapping[str, Value]) -> Section:
    known = [each.name for each in fields(kind)]
    for name in asked:
        if name not in known or name == "name":
            raise NotPlayable(
                said("whatif.setting", "{section}.{name}: there is no such setting", section=section, name=name)
            )
    values = {name: asked.get(name, getattr(before, name)) for name in known}
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise NotPlayable(f"{section}.{place}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error


# ---------------------------------------------------------------------------------------------------------------------
# The play


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is known of the visit."""

    visit: Visit
    minutes: Sequence[SiteMinute]
    decisions: Sequence[Decision]

    def day(self) -> Day:
        """Sun and house of the visit, as a recording that begins with it. Raises NotPlayable."""
        known = [m for m in self.minutes if m.pv_w is not None and m.house_w is not None]
        if len(known) < 2:
            raise NotPlayable(said("whatif.too_little", "too little was recorded of sun and house during this visit"))
        first_at = known[0].at
        times_s = tuple((minute.at - first_at).total_seconds() for minute in known)
        pv_w = tuple(minute.pv_w or 0.0 for minute in known)
        house_w = tuple(minute.house_w or 0.0 for minute in known)
        begins = first_at.astimezone(UTC)
        return Day(f"visit {self.visit.number}", times_s, pv_w, house_w, begins.time(), begins.date())

    def mode(self) -> Mode | None:
        """The one that was in force for longest."""
        ticks = Counter[str]()
        for decision in self.decisions:
            if (mode := decision.inputs.get("mode")) is not None:
                ticks[str(mode)] += decision.ticks
        return Mode(ticks.most_common(1)[0][0]) if ticks else None

    def battery(self) -> Battery | None:
        levels = [minute.soc_pct for minute in self.minutes if minute.soc_pct is not None]
        return Battery(soc_pct=levels[0]) if levels else None

    def car(self, box: WallboxSettings) -> Car:
        """As hungry as it was: one that took all that it could ends there, any other takes whatever it is given."""
        hungry_kwh = 1e6
        if self.visit.final_state is SteeringState.FINISHED and self.visit.energy_wh > 0:
            hungry_kwh = self.visit.energy_wh / 1000
        return Car(
            capacity_kwh=hungry_kwh, soc_pct=0.0, phases=box.vehicle_phases or 3, max_a=box.vehicle_max_a or box.max_a
        )


def _scene(recorded: Recorded, settings: ControlSettings) -> Stage:
    battery = recorded.battery()
    scene = stage(recorded.day(), settings, battery=battery is not None)
    if battery is not None:
        scene.home.battery = battery
    for box in scene.boxes:
        box.station.plug(recorded.car(box.settings))
        box.station.enabled = True
    return scene


def compare(
    recorded: Recorded,
    now: ControlSettings,
    asked: ControlSettings,
    *,
    most_s: float = MOST_S,
    time_s: Callable[[], float] = time.monotonic,
    price_of: PriceOf = unpriced,
) -> WhatIfPage:
    """Plays both, a stretch of each in turn, so that they end together. Takes seconds: call it in a thread."""
    until_s = time_s() + most_s
    scenes = (_scene(recorded, now), _scene(recorded, asked))
    length_s = min(recorded.day().length_s, LONGEST.total_seconds())
    played_s = 0.0
    while played_s < length_s and time_s() < until_s:
        chunk_s = min(CHUNK_S, length_s - played_s)
        for scene in scenes:
            play(scene, chunk_s, STEP_S)
            time.sleep(REST_S)
        played_s += chunk_s
    before, after = (outcome(scene) for scene in scenes)
    whole_s = ((recorded.minutes[-1].at - recorded.minutes[0].at) if recorded.minutes else timedelta()).total_seconds()
    return WhatIfPage(
        hours=round(played_s / 3600, 2),
        whole=played_s >= min(whole_s, recorded.day().length_s) - 60.0,
        now=_page(before, price_of),
        then=_page(after, price_of),
    )


def _page(played: Replayed, price_of: PriceOf) -> PlayedPage:
    eur = cost_eur(played.quarters, price_of)
    return PlayedPage(
        kwh=round(played.energy_kwh, 3),
        cost=None if eur is None else round(eur, 2),
        solar_kwh=played.solar_kwh,
        battery_kwh=played.battery_kwh,
        grid_kwh=played.grid_kwh,
        starts=played.starts,
        phase_switches=played.phase_switches,
        commands=played.commands,
    )


# ---------------------------------------------------------------------------------------------------------------------
# Beside the running daemon


class WhatIf:
    """Answers the page. Satisfies ``web.house.Playing``."""

    def __init__(self, settings: Callable[[], ControlSettings], price_of: PriceOf = unpriced) -> None:
        self._settings = settings
        self._price_of = price_of
        self._one_at_a_time = asyncio.Lock()

    @property
    def busy(self) -> bool:
        return self._one_at_a_time.locked()

    async def answer(
        self,
        visit: Visit,
        minutes: Sequence[SiteMinute],
        decisions: Sequence[Decision],
        asked: Mapping[str, Value],
    ) -> WhatIfPage:
        """Raises web.house.NotPlayable, whose text is for people."""
        recorded, present = Recorded(visit, minutes, decisions), self._settings()
        if not visit.at_home:
            raise NotPlayable(said("whatif.elsewhere", "nobody steered this visit: the car charged away from home"))
        if visit.wallbox not in [box.name for box in present.boxes]:
            raise NotPlayable(said("whatif.no_wallbox", "there is no wallbox {name} any more", name=visit.wallbox))
        base = changed(present, visit.wallbox, {})
        if (mode := recorded.mode()) is not None:
            base = changed(base, visit.wallbox, {"wallbox.mode": mode.value})
        other = changed(base, visit.wallbox, asked)
        recorded.day()  # what is wrong with it is said at once
        async with self._one_at_a_time:
            return await asyncio.to_thread(compare, recorded, base, other, price_of=self._price_of)
