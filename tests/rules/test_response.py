"""What a car draws when the grid is read, told from a sample that may be older than that, or caught it on its way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hemsd.model import ConnectorStatus, Mode, Sample, SiteSettings, WallboxImage, WallboxSettings
from rules.response import Drawn, Response, drawn, told_a
from tests.rules.story import Home

AT = datetime(2026, 6, 21, tzinfo=UTC)


def image(*, limit_age_s: float, sample_age_s: float, current_a: float, limit_a: float = 11.0) -> WallboxImage:
    currents_a = (current_a, current_a, current_a)
    return WallboxImage(
        "garage",
        connected=True,
        status=ConnectorStatus.CHARGING,
        transaction_id=1,
        sample=Sample(0.0, AT, currents_a=currents_a, power_w=3 * 230.0 * current_a),
        sample_age_s=sample_age_s,
        limit_a=limit_a,
        limit_phases=3,
        limit_age_s=limit_age_s,
    )


def seen(**now: float) -> Drawn:
    return drawn(Response(), image(**now), grid_age_s=0.7, voltage_v=230.0)


@pytest.mark.parametrize(
    ("limit_age_s", "sample_age_s", "current_a", "certain"),
    [
        (10.0, 3.6, 10.75, True),  # it has arrived
        (10.0, 3.6, 3.0, False),  # caught while it rises: by now it draws more
        (10.0, 0.8, 3.0, True),  # ... but the grid was read at the same moment
        (10.0, 2.0, 9.0, False),  # ... which 1.3 s are not, while it rises by 3 A a second
        (10.0, 2.0, 10.75, True),
        (30.0, 3.6, 3.0, True),  # it stays so low: that is the car's own will
        (10.0, 8.0, 6.0, False),  # taken before the command could act
    ],
)
def test_a_sample_counts_for_the_present_only_when_nothing_can_have_changed_since(
    limit_age_s: float, sample_age_s: float, current_a: float, certain: bool
) -> None:
    found = seen(limit_age_s=limit_age_s, sample_age_s=sample_age_s, current_a=current_a)
    assert found.certain is certain
    assert found.power_w == pytest.approx(690.0 * current_a)
    assert certain or found.most_w == pytest.approx(690.0 * 11.0)


def test_what_goes_beyond_the_limit_is_ours_only_while_the_box_may_still_obey() -> None:
    assert told_a(image(limit_age_s=10.0, sample_age_s=3.0, current_a=16.0, limit_a=6.0)) == float("inf")
    assert told_a(image(limit_age_s=30.0, sample_age_s=3.0, current_a=16.0, limit_a=6.0)) == 7.0


def test_two_cars_that_start_together_are_not_taken_for_a_load_of_the_house() -> None:
    """Their samples catch them at 3 A while the meter sees 11 A each: no fuse is in danger."""
    boxes = tuple(WallboxSettings(name, phases="3", mode=Mode.FAST) for name in ("garage", "yard"))
    home = Home(boxes=boxes, site=SiteSettings(main_fuse_a=24.0), house_a=(2.0, 2.0, 2.0), sun_w=-1380.0)
    home.play(10.0)
    for name in ("garage", "yard"):
        home.samples[name] = Sample(home.now_s - 3.6, AT, currents_a=(3.0, 3.0, 3.0), power_w=2070.0)
    home.sample_every_s = 60.0
    home.play(15.0)
    assert [decision.limit_a for decision in home.said] == [11.0] * len(home.said)
