"""Rules and model as two witnesses, and a yardstick that is each home's own."""

from __future__ import annotations

import numpy as np
import pytest

from hemsd.scoring.categories import Category, Finding
from hemsd.scoring.features import BUCKET_S, BUCKETS, COLUMNS, Buckets
from hemsd.scoring.fusion import OWN_SESSIONS, THRESHOLD, Calibration, both, calibrated, fuse, oddness
from hemsd.scoring.surprise import Surprise

SHIPPED = Calibration(10.0)
SETTLED = Calibration(10.0, OWN_SESSIONS)
PLACE = Buckets(np.ones((BUCKETS, COLUMNS), np.float32), BUCKET_S * np.arange(BUCKETS, dtype=np.float64))


def surprise(score: float, worst: int = 5) -> Surprise:
    by_bucket = np.full(BUCKETS, 0.1)
    by_bucket[worst : worst + 2] = score
    return Surprise(score, by_bucket)


def pit(score: float, confidence: float) -> Finding:
    return Finding(Category.ENERGY_PIT, 600, 3000, score, confidence)


def test_healthy_sessions_end_where_oddness_is_one_half() -> None:
    assert oddness(10.0, 10.0) == pytest.approx(0.5)
    assert oddness(2.0, 10.0) < 0.01 < 0.99 < oddness(50.0, 10.0)


def test_two_witnesses_say_more_than_one_and_one_does_not_outvote_the_other() -> None:
    assert both(0.5, 0.5) > 0.5
    assert both(0.9, 0.0) == pytest.approx(0.882)
    assert both(0.0, 0.9) == pytest.approx(0.9)


@pytest.mark.parametrize(("confidence", "flagged"), [(0.95, True), (0.5, False)])
def test_a_rule_that_is_sure_needs_no_model_and_one_that_is_not_only_advises(confidence: float, flagged: bool) -> None:
    verdict = fuse([pit(0.9, confidence)], surprise(0.5), PLACE, SHIPPED)

    assert verdict.is_anomaly is flagged
    assert len(verdict.findings) + len(verdict.advisories) == 1
    assert (verdict.score >= THRESHOLD) is flagged


def test_the_model_strengthens_a_rule_that_was_not_sure() -> None:
    assert fuse([pit(0.9, 0.5)], surprise(10.0), PLACE, SHIPPED).is_anomaly


def test_before_twenty_own_sessions_the_model_alone_raises_no_alarm() -> None:
    verdict = fuse([], surprise(30.0), PLACE, SHIPPED)

    assert not verdict.is_anomaly
    assert verdict.score < THRESHOLD
    assert [one.category for one in verdict.advisories] == [Category.UNCLASSIFIED]


def test_after_twenty_it_does_and_says_where_but_not_what() -> None:
    [finding] = fuse([], surprise(30.0, worst=5), PLACE, SETTLED).findings

    assert finding.category is Category.UNCLASSIFIED
    assert (finding.begin_s, finding.end_s) == (5 * BUCKET_S, 7 * BUCKET_S)


def test_a_fault_that_the_wallbox_reported_needs_a_person_even_in_a_healthy_session() -> None:
    assert fuse([], surprise(0.1), PLACE, SHIPPED, faulted=True).is_incident
    assert not fuse([], surprise(0.1), PLACE, SHIPPED).is_incident


@pytest.mark.parametrize(
    ("category", "needs_one"),
    [
        (Category.ZERO_SESSION, True),
        (Category.CHARGING_EXPECTED, True),
        (Category.MISSING_PHASE, True),
        (Category.OVER_TEMPERATURE, True),
        (Category.KWH_DECREASE, False),
        (Category.ENERGY_PIT, False),
    ],
)
def test_csar_43_an_incident_is_what_a_person_has_to_see_to(category: Category, needs_one: bool) -> None:
    assert fuse([Finding(category, 0, 900, 0.9, 0.9)], surprise(0.1), PLACE, SHIPPED).is_incident is needs_one


@pytest.mark.parametrize(("count", "limit"), [(OWN_SESSIONS - 1, 10.0), (OWN_SESSIONS, 7.0)])
def test_twenty_own_sessions_make_the_yardstick_the_homes_own(count: int, limit: float) -> None:
    assert calibrated([7.0] * count, SHIPPED).limit == pytest.approx(limit)


def test_a_home_whose_sessions_are_all_alike_does_not_call_the_next_one_a_fault() -> None:
    assert calibrated([0.01] * 50, SHIPPED).limit == 5.0
