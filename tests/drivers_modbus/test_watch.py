"""What can't follow upon the readings before: stories of meters that freeze, spike and count backwards."""

from __future__ import annotations

import pytest

from drivers.watch import Watch
from hemsd.model import MeterReading


class Meter:
    """A watch, and a clock that the story moves."""

    def __init__(self, *, flickers: bool = False) -> None:
        self.watch = Watch(flickers=flickers)
        self.now_s = 1000.0

    def says(self, after_s: float = 1.0, **values: object) -> MeterReading:
        self.now_s += after_s
        return self.watch.judge(MeterReading(**values), self.now_s)  # type: ignore[arg-type]


# Frozen


STILL = {"power_w": 812.37, "voltages_v": (230.1, 231.2, 229.9)}


def test_a_float_meter_that_stands_still_for_a_minute_is_frozen() -> None:
    meter = Meter(flickers=True)
    said = [meter.says(**STILL) for _ in range(61)]
    assert all(each.power_w == 812.37 for each in said[:60]), "59 s are no minute"
    assert said[60].power_w is None
    assert said[60].doubts == ("the same to the last digit for 60 s: the meter is frozen",)


def test_the_smallest_movement_ends_it() -> None:
    meter = Meter(flickers=True)
    for _ in range(70):
        meter.says(**STILL)
    assert meter.says(power_w=812.37, voltages_v=(230.1, 231.2, 229.8)).power_w == 812.37


def test_a_meter_of_whole_watts_may_stand_still() -> None:
    meter = Meter()
    assert [meter.says(power_w=800).power_w for _ in range(200)] == [800] * 200


def test_nothing_at_all_may_stand_still() -> None:
    meter = Meter(flickers=True)
    assert [meter.says(power_w=0.0).power_w for _ in range(200)] == [0.0] * 200


def test_a_meter_that_is_seldom_asked_is_not_called_frozen_after_a_few_answers() -> None:
    meter = Meter(flickers=True)
    assert [meter.says(after_s=30, **STILL).power_w for _ in range(5)] == [812.37] * 5
    assert meter.says(after_s=30, **STILL).power_w is None


# Spikes


def test_one_reading_that_leaps_and_comes_back_is_withheld() -> None:
    meter = Meter()
    meter.says(power_w=500)
    spike = meter.says(power_w=65_535)
    assert spike.power_w is None
    assert spike.doubts == ("power leapt from 500 to 65535 W",)
    assert meter.says(power_w=520) == MeterReading(power_w=520)


def test_a_leap_that_stays_is_believed_with_the_second_reading() -> None:
    meter = Meter()
    meter.says(power_w=500)
    assert meter.says(power_w=45_000).power_w is None
    assert meter.says(power_w=45_300).power_w == 45_300
    assert meter.says(power_w=45_100).power_w == 45_100


def test_two_spikes_that_don_t_agree_are_two_spikes() -> None:
    meter = Meter()
    meter.says(power_w=500)
    assert [meter.says(power_w=watts).power_w for watts in (65_535, -65_535, 65_535)] == [None] * 3


@pytest.mark.parametrize("watts", [30_500, -29_500, 22_000])
def test_what_a_house_can_do_in_a_second_is_believed(watts: float) -> None:
    meter = Meter()
    meter.says(power_w=500)
    assert meter.says(power_w=watts).power_w == watts


def test_after_a_long_silence_anything_may_be() -> None:
    meter = Meter()
    meter.says(power_w=500)
    assert meter.says(after_s=61, power_w=65_000).power_w == 65_000


# State of charge


def test_a_battery_that_wakes_up_at_zero_is_not_empty() -> None:
    meter = Meter()
    meter.says(power_w=0, soc_pct=61)
    said = [meter.says(power_w=0, soc_pct=0) for _ in range(2)]
    assert [each.soc_pct for each in said] == [None, None]
    assert said[0].doubts == ("state of charge leapt from 61 to 0 %",)
    assert meter.says(power_w=0, soc_pct=61).soc_pct == 61


def test_a_battery_that_insists_is_believed_at_the_third_time() -> None:
    meter = Meter()
    meter.says(soc_pct=61)
    assert [meter.says(soc_pct=soc).soc_pct for soc in (20, 21, 20)] == [None, None, 20]


def test_a_level_that_creeps_is_never_doubted() -> None:
    meter = Meter()
    assert [meter.says(soc_pct=soc).soc_pct for soc in range(0, 101, 10)] == list(range(0, 101, 10))


# Counters


def test_a_counter_that_drops_to_zero_for_one_answer_is_withheld() -> None:
    meter = Meter()
    meter.says(power_w=5, energy_export_wh=12_345_678)
    said = meter.says(power_w=5, energy_export_wh=0)
    assert said == MeterReading(power_w=5, doubts=("the export counter fell from 12345678 to 0 Wh",))
    assert meter.says(power_w=5, energy_export_wh=12_345_680).energy_export_wh == 12_345_680


def test_a_counter_that_stays_lower_for_an_hour_is_a_new_meters() -> None:
    meter = Meter()
    meter.says(energy_import_wh=5000)
    assert meter.says(after_s=60, energy_import_wh=100).energy_import_wh is None
    assert meter.says(after_s=3599, energy_import_wh=150).energy_import_wh is None
    assert meter.says(after_s=1, energy_import_wh=151).energy_import_wh == 151
    assert meter.says(energy_import_wh=152) == MeterReading(energy_import_wh=152)


def test_a_counter_can_t_count_more_than_the_largest_house_takes() -> None:
    meter = Meter()
    meter.says(energy_import_wh=5000)
    assert meter.says(energy_import_wh=16_000_000).doubts == ("the import counter leapt from 5000 to 16000000 Wh",)
    assert meter.says(energy_import_wh=6000).energy_import_wh == 6000


def test_counters_are_watched_apart_and_leave_the_power_alone() -> None:
    meter = Meter()
    meter.says(power_w=1, energy_import_wh=500, energy_export_wh=900)
    said = meter.says(power_w=2, energy_import_wh=400, energy_export_wh=901)
    assert (said.power_w, said.energy_import_wh, said.energy_export_wh) == (2, None, 901)
