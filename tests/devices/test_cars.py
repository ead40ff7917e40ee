"""How full a car is: who told it, how long ago, and when that is over."""

from __future__ import annotations

import pytest

from hemsd.clock import ManualClock
from hemsd.latest import Latest
from hemsd.model import (
    ConnectorStatus,
    Sample,
    Sampled,
    StatusChanged,
    ToldBy,
    TransactionStarted,
    WallboxImage,
)

BOX = "garage"


class Garage:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.latest = Latest(self.clock, {}, (BOX,))

    def status(self, status: ConnectorStatus) -> None:
        self.latest.apply(StatusChanged(BOX, 1, status))

    def begins(self) -> None:
        self.latest.apply(TransactionStarted(BOX, 7, 1, "tag", self.clock.utc(), None))

    def samples(self, soc_pct: float | None) -> None:
        self.latest.apply(Sampled(BOX, Sample(self.clock.monotonic(), self.clock.utc(), soc_pct=soc_pct)))

    def tells(self, soc_pct: float, by: ToldBy) -> None:
        match by:
            case ToldBy.WALLBOX:
                self.samples(soc_pct)
            case _:
                self.latest.tell_soc(BOX, soc_pct, by)

    @property
    def image(self) -> WallboxImage:
        return self.latest.freeze().wallboxes[0]


def test_a_level_has_a_source_and_an_age() -> None:
    garage = Garage()
    assert (garage.image.soc_pct, garage.image.soc_told_by, garage.image.soc_age_s) == (None, None, None)
    garage.tells(55, ToldBy.PERSON)
    garage.clock.leap(90)
    assert (garage.image.soc_pct, garage.image.soc_told_by, garage.image.soc_age_s) == (55, ToldBy.PERSON, 90)
    garage.tells(57, ToldBy.WALLBOX)
    assert (garage.image.soc_pct, garage.image.soc_told_by, garage.image.soc_age_s) == (57, ToldBy.WALLBOX, 0)


def test_a_sample_without_a_level_leaves_the_last_one_and_its_age() -> None:
    garage = Garage()
    garage.tells(55, ToldBy.CAR)
    garage.clock.leap(10)
    garage.samples(None)
    assert (garage.image.soc_pct, garage.image.soc_age_s) == (55, 10)


@pytest.mark.parametrize(
    ("by", "stands"), [(ToldBy.CAR, True), (ToldBy.PERSON, True), (ToldBy.WALLBOX, False)], ids=str
)
def test_what_was_told_before_the_charge_began_stands_unless_the_wallbox_told_it(by: ToldBy, stands: bool) -> None:
    """It may have told the level of the car before."""
    garage = Garage()
    garage.status(ConnectorStatus.PREPARING)
    garage.tells(55, by)
    garage.begins()
    assert garage.image.soc_pct == (55 if stands else None)


@pytest.mark.parametrize(
    ("by", "stands"), [(ToldBy.CAR, True), (ToldBy.PERSON, False), (ToldBy.WALLBOX, False)], ids=str
)
def test_only_what_the_car_itself_told_outlives_the_unplugging(by: ToldBy, stands: bool) -> None:
    garage = Garage()
    garage.status(ConnectorStatus.CHARGING)
    garage.tells(55, by)
    garage.status(ConnectorStatus.AVAILABLE)
    assert garage.image.soc_pct == (55 if stands else None)
    assert (garage.image.soc_age_s is None) == (not stands)


def test_a_car_that_sleeps_stays_as_full_as_it_was_for_a_day() -> None:
    garage = Garage()
    garage.tells(55, ToldBy.CAR)
    garage.clock.leap(86_400)
    assert garage.image.soc_pct == 55
    garage.clock.leap(1)
    assert (garage.image.soc_pct, garage.image.soc_told_by, garage.image.soc_age_s) == (None, None, None)
