"""What no house can measure."""

from __future__ import annotations

import math

from drivers.plausible import plausible
from hemsd.model import MeterReading


def test_thirty_six_megawatts_are_a_doubt_and_not_a_surplus() -> None:
    got = plausible(MeterReading(power_w=-36e6, voltages_v=(230.0, 231.0, 232.0)))
    assert got.power_w is None
    assert got.voltages_v == (230.0, 231.0, 232.0)
    assert got.doubts == ("power of -36000000 W can't be",)


def test_the_classic_leak_of_an_unavailable_register_is_caught() -> None:
    got = plausible(MeterReading(voltages_v=(6553.5, None, 230.0), soc_pct=655.35, power_w=0.0))
    assert got.voltages_v == (None, None, 230.0)
    assert got.soc_pct is None
    assert got.power_w == 0.0
    assert len(got.doubts) == 2


def test_what_is_no_number_is_withheld() -> None:
    assert plausible(MeterReading(power_w=math.nan)).power_w is None
    assert plausible(MeterReading(power_w=math.inf)).doubts == ("power of inf W can't be",)


def test_the_largest_house_connection_is_still_believed() -> None:
    whole = MeterReading(power_w=312_000.0, currents_a=(-400.0, 400.0, None), soc_pct=100.0, energy_import_wh=0.0)
    assert plausible(whole) == whole
    assert plausible(MeterReading(power_w=312_001.0)).power_w is None
