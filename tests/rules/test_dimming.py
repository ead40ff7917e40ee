"""What the grid operator leaves: the least counts, an end ends, and it binds in every mode at the next tick."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from hemsd.model import Dimmed, DimmedBy, DimmedSpan, Mode, SiteSettings, WallboxSettings, Wish
from rules.dimming import failsafe_a, in_force
from tests.rules.story import NOON, Home

AT = datetime(2026, 6, 22, 15, 30, tzinfo=UTC)  # a Monday, 17:30 in Berlin
EVENING = DimmedSpan(time(17), time(19), 4200.0)
NIGHT = DimmedSpan(time(22), time(6), 6000.0, "weekdays")


def scheduled(*spans: DimmedSpan, at: datetime) -> Dimmed | None:
    return in_force(SiteSettings(dimmed_schedule=spans), (), at)


def test_nobody_dims_a_house_of_which_nobody_spoke() -> None:
    assert in_force(SiteSettings(), (), AT) is None


def test_the_least_of_all_that_was_said_counts() -> None:
    site = SiteSettings(dimmed_w=8000.0, dimmed_schedule=(EVENING,))
    orders = (Dimmed(9000.0, DimmedBy.API), Dimmed(5000.0, DimmedBy.MQTT))
    assert in_force(site, orders, AT) == Dimmed(4200.0, DimmedBy.SCHEDULE, datetime(2026, 6, 22, 17, tzinfo=UTC))
    assert in_force(site, orders, AT + timedelta(hours=3)) == orders[1]
    assert in_force(site, (), AT + timedelta(hours=3)) == Dimmed(8000.0, DimmedBy.CONFIG)


def test_an_order_ends_when_its_time_is_over() -> None:
    order = Dimmed(4200.0, DimmedBy.API, AT)
    assert in_force(SiteSettings(), (order,), AT - timedelta(seconds=1)) == order
    assert in_force(SiteSettings(), (order,), AT) is None


@pytest.mark.parametrize(
    ("local", "dimmed"),
    [
        ("2026-06-22 21:59", False),
        ("2026-06-22 22:00", True),  # Monday night ...
        ("2026-06-23 05:59", True),
        ("2026-06-23 06:00", False),
        ("2026-06-27 05:00", True),  # ... the night that began on Friday
        ("2026-06-27 23:00", False),  # Saturday
        ("2026-06-29 05:00", False),  # began on Sunday
    ],
)
def test_a_span_over_midnight_belongs_to_the_day_on_which_it_begins(local: str, dimmed: bool) -> None:
    at = datetime.fromisoformat(f"{local}+02:00").astimezone(UTC)
    assert (scheduled(NIGHT, at=at) is not None) is dimmed


BOX = WallboxSettings("garage", phases="1", max_a=32.0)
ORDER = (Dimmed(1840.0, DimmedBy.MQTT, NOON + timedelta(hours=3)),)


@pytest.mark.parametrize("mode", [Mode.SOLAR, Mode.MIN_SOLAR, Mode.FAST])
@pytest.mark.parametrize("charged_s", [15.0, 600.0])  # within the minimum run time, and after it
def test_it_binds_in_every_mode_at_the_next_tick(mode: Mode, charged_s: float) -> None:
    home = Home(boxes=(replace(BOX, mode=mode),), sun_w=6000.0)
    home.play(charged_s)
    assert (home.last.limit_a or 0.0) > 20.0
    home.grid_orders = ORDER
    decision = home.tick()
    assert (decision.limit_a, decision.rule) == (8.0, "dimmed")
    assert decision.reason == "The grid operator's 1.84 kW leaves 8.0 A on a phase: down to 8 A at once."
    assert decision.inputs["dimmed_by"] == "mqtt"
    home.play(600.0)
    assert home.last.limit_a == 8.0


def test_no_boost_and_no_missing_meter_outranks_it() -> None:
    home = Home(boxes=(replace(BOX, mode=Mode.SOLAR),), sun_w=6000.0)
    home.tick(Wish("garage", boost=True))
    home.play(600.0)
    home.grid_orders = ORDER
    assert home.tick().limit_a == 8.0
    home.play(300.0, grid_age_s=500.0)
    assert home.last.limit_a == 8.0


def test_when_it_ends_the_car_charges_on_as_before() -> None:
    home = Home(boxes=(replace(BOX, mode=Mode.FAST),), grid_orders=(replace(ORDER[0], until_at=NOON),))
    home.now_s = 900.0  # 100 s before noon
    home.play(60.0)
    assert home.last.limit_a == 8.0
    home.play(180.0)
    assert home.last.limit_a == 32.0


def test_the_failsafe_is_no_more_than_what_is_left_to_all() -> None:
    three = WallboxSettings("yard", phases="auto")
    site, dimmed = SiteSettings(), Dimmed(4200.0, DimmedBy.API)
    assert failsafe_a(6.0, None, site, (three,)) == 6.0
    assert failsafe_a(6.0, dimmed, site, (three,)) == 6.0  # 4,140 W
    assert failsafe_a(10.0, dimmed, site, (three,)) == 6.0
    assert failsafe_a(6.0, dimmed, site, (three, BOX)) == 0.0  # 4.5 A for each is no charge
    assert failsafe_a(6.0, dimmed, site, (three, replace(BOX, steer=False))) == 6.0
