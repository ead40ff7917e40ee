"""``GET /api/plan``: what lies ahead of each car, and what it rests on."""

from __future__ import annotations

from web.models import Page, Utc


class QuarterPage(Page):
    """What is known of a UTC quarter-hour."""

    start: Utc
    import_eur_per_kwh: float | None = None
    export_eur_per_kwh: float | None = None
    surplus_w: float | None = None
    """What the sun is expected to leave to cars"""


class BlockPage(Page):
    """A stretch in which a car is planned to charge."""

    type: str
    """Why: BATTERY_RESERVE, REGULAR or IMMEDIATE_START"""
    start: Utc
    end: Utc
    kwh: float
    cost: float | None = None


class PlanStoryPage(Page):
    """What a plan's reason tells, in numbers, for those who say it in another language."""

    soc_pct: float
    """The level that is known, or estimated"""
    goal_pct: float
    reserve_pct: float | None = None
    """Charged at once up to here, whatever it costs"""
    boost_pct: float | None = None
    """Charged at once up to here, because somebody asked for it"""
    regular_h: float
    """For so long in the hours that were chosen"""
    mean_price: float | None = None
    """Per kWh, over all that is planned"""
    solar_kwh: float
    """So much of it is expected from the sun"""
    same_price: bool
    priced_h: float
    """Prices are known for so many hours ..."""
    all_h: float
    """... of so many until the deadline"""
    reached_at: Utc | None = None


class BoxPlanPage(Page):
    """The plan of one running visit."""

    reason: str
    story: PlanStoryPage | None = None
    blocks: list[BlockPage]
    kwh: float
    cost: float | None = None
    target_pct: float | None = None
    ready_by: Utc | None = None
    target_reachable: bool = True
    level_at_deadline_pct: float | None = None


class PlanPage(Page):
    """What lies ahead: prices where a tariff tells them, and planned blocks."""

    time: Utc
    quarters: list[QuarterPage]
    wallboxes: dict[str, BoxPlanPage]
