"""A grid meter in the path of consumption: what flows to the grid is worked out."""

from __future__ import annotations

from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.config import ConfigError, load, named_meters
from hemsd.latest import Latest
from hemsd.meters import behind_inverter
from hemsd.model import MeterReading, Role

ROLES = {"grid": Role.GRID, "pv": Role.PV, "battery": Role.BATTERY}


def home(roles: dict[str, Role] = ROLES) -> tuple[Latest, ManualClock]:
    clock = ManualClock()
    return Latest(clock, roles, (), ("grid",)), clock


def test_the_grid_takes_what_the_house_leaves() -> None:
    latest, _ = home()
    latest.put("grid", MeterReading(power_w=1500, currents_a=(1, 2, 3)))
    latest.put("pv", MeterReading(power_w=4000))
    latest.put("battery", MeterReading(power_w=-1000))
    grid = latest.freeze().grid
    assert grid is not None
    assert grid.power_w == -1500
    assert grid.reading.currents_a == (None, None, None), "the currents are the house's, and guard no fuse"
    assert latest.meter("grid") == grid


def test_it_is_as_old_as_its_oldest_part() -> None:
    latest, clock = home()
    latest.put("pv", MeterReading(power_w=4000))
    clock.leap(7)
    latest.put("grid", MeterReading(power_w=1500))
    latest.put("battery", MeterReading(power_w=0))
    grid = latest.freeze().grid
    assert grid is not None
    assert grid.age_s == 7


@pytest.mark.parametrize("missing", ["grid", "pv", "battery"])
def test_without_one_of_them_nothing_is_known(missing: str) -> None:
    latest, _ = home()
    for name in ROLES:
        latest.put(name, MeterReading(power_w=None if name == missing else 100.0))
    grid = latest.freeze().grid
    assert grid is not None
    assert grid.power_w is None


def test_a_home_without_a_battery_needs_none() -> None:
    latest, _ = home({"grid": Role.GRID, "pv": Role.PV})
    latest.put("grid", MeterReading(power_w=1500))
    latest.put("pv", MeterReading(power_w=500))
    grid = latest.freeze().grid
    assert grid is not None
    assert grid.power_w == 1000


def said(folder: Path, text: str) -> list[str]:
    (folder / "config.yaml").write_text(text)
    try:
        load(folder / "config.yaml", {})
    except ConfigError as error:
        return str(error).splitlines()
    return []


def test_the_configuration_says_it_and_needs_the_sun_for_it(tmp_path: Path) -> None:
    grid = "grid: {driver: modbus, host: h, position: house}"
    assert said(tmp_path, f"meters: {{{grid}, pv: {{driver: modbus, host: h}}}}") == []
    assert behind_inverter(named_meters(load(tmp_path / "config.yaml", {}))) == {"grid"}
    assert said(tmp_path, f"meters: {{{grid}}}") == [
        "config.yaml:1: meters.grid.position: needs to know what the sun gives; add the inverter under pv"
    ]
    pv = "pv: {driver: modbus, host: h, position: house}"
    assert said(tmp_path, f"meters: {{{pv}}}") == [
        "config.yaml:1: meters.pv.position: belongs to a grid meter, and this is pv; take it out"
    ]
