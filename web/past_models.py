"""What was: visits with their decisions, commands and readings, and the history of the house."""

from __future__ import annotations

from hemsd.model import SteeringState
from web.models import Page, Utc
from web.state_models import CommandPage, DecisionPage


class AnomalyPage(Page):
    """What the judgement of a visit found unusual, and where."""

    category: str
    begin: Utc
    end: Utc
    texts: dict[str, str]
    """What it is, by language"""
    advice: dict[str, str] = {}
    """Where it usually comes from, and what can be done; by language"""


class StretchPage(Page):
    """A stretch in which the car charged."""

    type: str
    """Why: BATTERY_RESERVE, REGULAR or IMMEDIATE_START"""
    start: Utc
    end: Utc | None
    """null: it is not over"""
    kwh: float


class CloudAnomalyPage(Page):
    category: str
    """The cloud's own word"""
    begin: Utc | None = None
    end: Utc | None = None


class CloudVerdictPage(Page):
    """What a cloud thinks of a visit that it was told of."""

    received: Utc
    status: str
    """pending, active or failed; a cloud may have words of its own"""
    is_anomaly: bool | None
    score: float | None
    """0 to 1"""
    confidence: float | None
    anomalies: list[CloudAnomalyPage]


class VisitPage(Page):
    """One stay of a car at a wallbox."""

    id: str
    number: int
    wallbox: str
    """Empty: the car charged away from home, by its own word"""
    vehicle: str | None
    plugged_in_at: Utc
    plugged_out_at: Utc | None
    managed: bool
    kwh: float
    solar_kwh: float
    battery_kwh: float
    grid_kwh: float
    state: SteeringState
    cost: float | None = None
    saved: float | None = None
    """Against charging at full power at once"""
    co2_g: float | None = None
    """What its energy from the grid stands for; sun and battery count as nothing; null: not known"""
    co2_saved_g: float | None = None
    """Against charging at full power at once"""
    findings: list[str] = []
    """What the judgement of the visit found unusual, for people"""
    anomalies: list[AnomalyPage] = []
    """The same, with where it lies"""
    blocks: list[StretchPage] = []
    """When it charged, and why"""
    obeyed: int = 0
    """Of the commands with a verdict, so many"""
    judged: int = 0
    cloud: CloudVerdictPage | None = None
    """What a cloud thinks of it, beside hemsd's own findings; null: none has said anything"""


class PlayedPage(Page):
    """What a visit would have been under some settings."""

    kwh: float
    cost: float | None = None
    """The sun at what it would have brought; null where a price is not known"""
    solar_kwh: float
    battery_kwh: float
    grid_kwh: float
    starts: int
    phase_switches: int
    commands: int


class WhatIfPage(Page):
    """A visit played twice; only the difference of the two tells anything."""

    hours: float
    """How much of the visit was played"""
    whole: bool
    """False: the rest of it would have taken too long"""
    now: PlayedPage
    """With the settings of now"""
    then: PlayedPage
    """With those asked for"""


class VisitsPage(Page):
    sessions: list[VisitPage]
    next_after: str | None = None
    """Pass it as `after` to read on"""


class DecisionsPage(Page):
    decisions: list[DecisionPage] = []


class CommandsPage(Page):
    commands: list[CommandPage] = []


class ReadingPage(Page):
    """What the wallbox said at one moment of a visit."""

    time: Utc
    power_w: float | None = None
    offered_a: float | None = None
    currents_a: tuple[float | None, float | None, float | None] = (None, None, None)
    energy_wh: float | None = None
    soc_pct: float | None = None


class ReadingsPage(Page):
    readings: list[ReadingPage] = []


class HistoryPoint(Page):
    """Mean powers of one step, and how they divide up; None where nothing was recorded."""

    time: Utc
    grid_w: float | None = None
    pv_w: float | None = None
    battery_w: float | None = None
    house_w: float | None = None
    cars_w: dict[str, float] = {}
    soc_pct: float | None = None
    pv_house_w: float | None = None
    pv_car_w: float | None = None
    pv_battery_w: float | None = None
    pv_grid_w: float | None = None
    battery_house_w: float | None = None
    battery_car_w: float | None = None
    grid_house_w: float | None = None
    grid_car_w: float | None = None
    grid_battery_w: float | None = None


class HistoryPage(Page):
    from_at: Utc
    to_at: Utc
    step_s: int
    points: list[HistoryPoint]


class IdentitiesPage(Page):
    """The uuids that the public dialects use; made once, kept in the store."""

    org_id: str
    user_id: str
    location_id: str
    wallboxes: dict[str, str]
    vehicles: dict[str, str]
    policies: dict[str, str]
