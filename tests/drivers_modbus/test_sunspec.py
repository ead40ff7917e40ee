"""The chain of a SunSpec device, and what its values mean for a house."""

from __future__ import annotations

import pytest

from drivers.base import DeviceError
from drivers.modbus_blocks import plan
from drivers.sunspec_meter import meter
from hemsd.model import MeterReading, Role
from tests.drivers_modbus.images import (
    NAN,
    SunSpecImage,
    float32,
    float_meter,
    fronius_meter,
    gen24,
    int16,
    inverter,
    words,
)


def reading(image: SunSpecImage, role: Role, *, invert: bool = False, strings: tuple[int, ...] = ()) -> MeterReading:
    return meter(image.walked(), role, invert=invert, strings=strings).reading(image.image())


# The chain


@pytest.mark.parametrize("base", [40000, 0, 50000])
@pytest.mark.parametrize("common_length", [65, 66])
def test_the_chain_is_found_wherever_it_begins_and_however_long_its_first_model_is(
    base: int, common_length: int
) -> None:
    image = fronius_meter(base=base, common_length=common_length)
    device = image.walked()
    assert device.base == base
    assert [model.id for model in device.models] == [1, 203]
    assert reading(image, Role.GRID).power_w == -1200


def test_models_of_the_makers_own_are_stepped_over() -> None:
    image = SunSpecImage().model(64001, 37, {}).model(160, 8, {}).model(103, 50, {14: 500, 15: 0})
    assert [model.id for model in image.walked().models] == [1, 64001, 160, 103]
    assert reading(image, Role.PV).power_w == 500


def test_a_device_says_who_it_is() -> None:
    device = fronius_meter().walked()
    assert (device.manufacturer, device.model, device.version) == ("Fronius", "Smart Meter TS 65A-3", "1.3")
    assert str(device) == "Fronius Smart Meter TS 65A-3 (serial 4711, version 1.3)"


def test_without_the_marker_the_unit_id_is_doubted() -> None:
    image = fronius_meter()
    image.put(40000, 0, 0)
    with pytest.raises(DeviceError, match="is the unit id right"):
        image.walked()


def test_a_chain_without_an_end_is_cut_off_where_the_registers_end() -> None:
    image = fronius_meter()
    last = max(image.registers)
    del image.registers[last], image.registers[last - 1]
    assert [model.id for model in image.walked().models] == [1, 203]


def test_a_model_of_length_zero_does_not_go_on_for_ever() -> None:
    image = fronius_meter().model(7, 0, {})
    assert [model.id for model in image.walked().models] == [1, 203]


# The house connection


def test_a_meter_with_scale_factors_gives_the_whole_reading() -> None:
    assert reading(fronius_meter(), Role.GRID) == MeterReading(
        power_w=-1200.0,
        currents_a=(-1.7, -1.75, -1.75),
        voltages_v=(230.1, 231.5, 229.8),
        energy_import_wh=7_654_321.0,
        energy_export_wh=1_234_567.0,
    )


def test_a_float_meter_gives_the_same() -> None:
    assert reading(float_meter(), Role.GRID) == MeterReading(
        power_w=640.0,
        currents_a=(1.5, 1.5, 2.0),
        voltages_v=(230.0, 231.0, 232.0),
        energy_import_wh=2000.0,
        energy_export_wh=1000.0,
    )


def test_invert_turns_the_power_and_the_currents_but_not_the_counters() -> None:
    got = reading(fronius_meter(), Role.GRID, invert=True)
    assert got.power_w == 1200.0
    assert got.currents_a == (1.7, 1.75, 1.75)
    assert (got.energy_import_wh, got.energy_export_wh) == (7_654_321.0, 1_234_567.0)


def test_each_current_takes_the_sign_of_its_own_phase() -> None:
    """SolarEdge: -1000, -123 and +1032 W on the phases make -91 W, and all currents are magnitudes."""
    image = fronius_meter(watts=-91)
    image.change(203, 19, int16(-1000), int16(-123), 1032)
    assert reading(image, Role.GRID).currents_a == (-1.7, -1.75, 1.75)


def test_without_the_power_of_the_phases_a_current_stays_a_magnitude() -> None:
    image = fronius_meter()
    image.change(203, 19, 0x8000, 0x8000, 0x8000)
    image.change(203, 3, int16(-170))
    assert reading(image, Role.GRID).currents_a == (1.7, 1.75, 1.75)


def test_a_single_phase_meter_leaves_the_other_phases_unknown() -> None:
    image = SunSpecImage().model(
        201, 105, {2: 520, 6: int16(-2), 8: 2301, 15: int16(-1), 18: int16(-1196), 22: 0}, fill=0x8000
    )
    got = reading(image, Role.GRID)
    assert got.power_w == -1196
    assert got.currents_a == (-5.2, None, None)
    assert got.voltages_v == (230.1, None, None)
    assert got.energy_import_wh is None


@pytest.mark.parametrize("scale", [0x8000, 11, int16(-11)])
def test_power_without_a_usable_scale_factor_is_not_known(scale: int) -> None:
    image = fronius_meter()
    image.change(203, 22, scale)
    assert reading(image, Role.GRID).power_w is None


def test_the_scale_factor_is_read_with_its_value_each_time() -> None:
    image = fronius_meter(watts=-1200)
    found = meter(image.walked(), Role.GRID)
    assert found.reading(image.image()).power_w == -1200
    image.change(203, 18, int16(-120))
    image.change(203, 22, 1)
    assert found.reading(image.image()).power_w == -1200
    assert len(plan(found.spans())) == 1


def test_a_shorter_model_gives_nothing_of_its_neighbour() -> None:
    """Where a maker's model 203 ends after the powers, the next model's words are no counters."""
    image = SunSpecImage().model(203, 40, {18: int16(-1200), 22: 0}).model(64001, 40, {}, fill=7)
    got = reading(image, Role.GRID)
    assert got.power_w == -1200
    assert got.energy_import_wh is None
    assert got.energy_export_wh is None


def test_an_inverter_is_no_grid_meter() -> None:
    with pytest.raises(DeviceError, match=r"serves no meter .* only 1, 103"):
        reading(inverter(), Role.GRID)


# The sun


def test_an_inverter_gives_its_ac_power() -> None:
    got = reading(inverter(watts=432, scale=1), Role.PV)
    assert got.power_w == 4320
    assert got.currents_a == (6.27, 6.27, 6.26)
    assert got.energy_export_wh == 9_876_543


def test_of_an_inverter_that_serves_integers_and_floats_one_is_read() -> None:
    """Kostal serves 103 and 113 side by side; counting both would double the sun."""
    image = inverter(watts=1000).model(113, 60, {22: float32(1000.0), 48: 4})
    found = meter(image.walked(), Role.PV)
    assert found.reading(image.image()).power_w == 1000


@pytest.mark.parametrize("state", [1, 2, 8])
def test_a_sleeping_inverter_without_a_power_gives_none_of_it(state: int) -> None:
    image = inverter(state=state)
    image.change(103, 14, 0x8000, 0x8000)
    assert reading(image, Role.PV).power_w == 0.0


def test_a_sleeping_float_inverter_says_nan() -> None:
    image = SunSpecImage().model(113, 60, {22: NAN, 48: 2})
    assert reading(image, Role.PV).power_w == 0.0


@pytest.mark.parametrize("state", [3, 4, 5, 7, 0xFFFF])
def test_an_inverter_that_is_awake_without_a_power_is_not_known(state: int) -> None:
    image = inverter(state=state)
    image.change(103, 14, 0x8000)
    assert reading(image, Role.PV).power_w is None


def test_what_an_inverter_draws_at_night_is_not_negative_sun() -> None:
    assert reading(inverter(watts=-7), Role.PV).power_w == 0.0


def test_a_hybrid_is_read_where_its_solar_inputs_are_named() -> None:
    """A GEN24 gives 3000 W of sun and 450 W of battery; its AC power says 3300."""
    assert reading(gen24(), Role.PV).power_w == 3000.0


def test_a_hybrid_is_read_where_the_configuration_says() -> None:
    image = gen24(names=("", "", "", ""), inputs=(2100, 900, 800, 0xFFFF))
    assert reading(image, Role.PV, strings=(1, 2, 3)).power_w == 3800.0
    with pytest.raises(DeviceError, match="4 DC inputs, not 5"):
        reading(image, Role.PV, strings=(5,))


def test_a_hybrid_without_names_is_read_by_its_ac_power_and_says_so() -> None:
    image = gen24(names=("1", "2", "3", "4"))
    found = meter(image.walked(), Role.PV)
    assert found.reading(image.image()).power_w == 3300
    assert "pv_strings" in found.remark


def test_at_night_a_hybrids_inputs_are_not_there_and_the_sun_is_zero() -> None:
    image = gen24(state=2, inputs=(0xFFFF,) * 4)
    assert reading(image, Role.PV).power_w == 0.0
    assert reading(image, Role.BATTERY).power_w == 0.0


def test_the_newest_inverter_model_needs_one_request() -> None:
    """Model 701 is 153 words long, but what is read of it lies within 125."""
    points = {
        4: 4, 10: 2500, 14: 110, 19: words("Q", 5000), 41: 2500, 45: 110, 47: 2301,
        113: int16(-1), 114: int16(-1), 116: 0, 120: 0,
    }  # fmt: skip
    image = SunSpecImage().model(701, 153, points, fill=0x8000)
    found = meter(image.walked(), Role.PV)
    got = found.reading(image.image())
    assert (got.power_w, got.energy_export_wh) == (2500, 5000)
    assert got.currents_a == (11.0, None, None)
    assert len(plan(found.spans())) == 1


# The battery


def test_a_battery_of_its_own_model_discharges_positive() -> None:
    image = inverter().model(802, 62, {11: 555, 16: 3, 47: int16(-150), 56: int16(-1), 63: 1})
    got = reading(image, Role.BATTERY)
    assert got == MeterReading(power_w=-1500.0, soc_pct=55.5)
    assert reading(image, Role.BATTERY, invert=True).power_w == 1500.0


def test_a_fronius_battery_is_the_difference_of_two_inputs() -> None:
    assert reading(gen24(inputs=(2100, 900, 0, 450)), Role.BATTERY) == MeterReading(power_w=450.0, soc_pct=55.0)
    assert reading(gen24(inputs=(2100, 900, 700, 0)), Role.BATTERY).power_w == -700.0


def test_a_third_input_without_a_name_is_no_battery() -> None:
    """Kostal's third input may be a panel."""
    image = inverter(manufacturer="KOSTAL").model(160, 68, {4: 0, 8: 3, 61: 800})
    with pytest.raises(DeviceError, match="serves no battery"):
        reading(image, Role.BATTERY)


def test_a_battery_among_the_dc_ports_is_told_from_the_panels() -> None:
    image = SunSpecImage().model(701, 153, {4: 4}, fill=0x8000)
    image.model(713, 7, {4: 610, 8: int16(-1)})
    image.model(714, 68, {4: 2, 17: 0, 20: 1, 32: 3000, 45: 2, 57: int16(-900)})
    assert reading(image, Role.BATTERY) == MeterReading(power_w=-900.0, soc_pct=61.0)


def test_a_battery_that_only_tells_its_charge_leaves_its_power_unknown() -> None:
    image = inverter().model(124, 24, {8: 42, 22: 0})
    found = meter(image.walked(), Role.BATTERY)
    assert found.reading(image.image()) == MeterReading(soc_pct=42.0)
    assert found.remark
