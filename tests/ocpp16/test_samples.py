"""MeterValues as real boxes write them, and the sample that hemsd makes of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ocpp16 import inbound
from drivers.ocpp16.samples import Arrival, read_metering, sample_of, spread
from hemsd.model import Sample

ARRIVAL = Arrival(received_s=1.0, received_at=datetime(2026, 6, 21, 8, tzinfo=UTC), transaction_id=1, backlog=False)


def value(measurand: str, of: object, **more: object) -> dict[str, object]:
    return {"measurand": measurand, "value": of, **more}


def read(*sampled: object, arrival: Arrival = ARRIVAL) -> Sample:
    metering = read_metering({"connectorId": 1, "meterValue": [{"sampledValue": list(sampled)}]})
    return sample_of(metering.entries[0], arrival)


def metered(**kinds: float) -> Arrival:
    return Arrival(ARRIVAL.received_s, ARRIVAL.received_at, 1, False, **kinds)


@pytest.mark.parametrize(
    ("of", "unit", "power_w"),
    [
        ("2070", "W", 2070.0),
        ("2070", "w", 2070.0),
        ("2.07", "kW", 2070.0),
        ("2.07", "KW", 2070.0),
        (2070, "W", 2070.0),
        ("2070.00", "", 2070.0),
        ("2,07", "kW", 2070.0),
        ("-3", "W", 0.0),
        ("-900", "W", None),
        ("", "W", None),
        ("NaN", "W", None),
        ("Infinity", "W", None),
        (None, "W", None),
        (True, "W", None),
        ("1e9", "W", None),
        ("2070", "Fahrenheit", None),
    ],
)
def test_wb_35_units_in_any_case_and_numbers_in_any_form(of, unit, power_w):
    sample = read(value("Power.Active.Import", of, unit=unit), value("Voltage", "230"))
    assert sample.power_w == power_w


def test_wb_35_registers_come_in_kwh_and_without_unit_or_measurand():
    assert read({"value": "1234"}).energy_wh == 1234
    assert read({"value": "1.234", "unit": "kWh"}).energy_wh == 1234
    assert read({"value": "0.15003999999999998", "unit": "kWh"}).energy_wh == pytest.approx(150.04)
    assert read({"value": "-5"}, value("Voltage", "230")).energy_wh is None


def test_wb_59_line_to_neutral_tags_are_phases():
    sample = read(*(value("Current.Import", a, phase=f"L{i}-N", unit="A") for i, a in enumerate((9.1, 9.0, 0.0), 1)))
    assert sample.currents_a == (9.1, 9.0, 0.0)
    assert sample.active_phases == 2


def test_wb_59_a_total_is_never_added_to_its_parts():
    parts = [value("Power.Active.Import", "1000", phase=f"L{i}") for i in (1, 2, 3)]
    assert read(*parts, value("Power.Active.Import", "3000")).power_w == 3000
    assert read(*parts).power_w == 3000


def test_wb_59_line_to_line_voltages_and_the_neutral_are_left_out():
    sample = read(value("Voltage", "400", phase="L1-L2"), value("Current.Import", "3", phase="N"), {"value": "1"})
    assert sample.voltages_v == (None, None, None)
    assert sample.max_current_a is None


@pytest.mark.parametrize(
    ("amps", "power_w", "arrival", "currents_a"),
    [
        (8.0, 5520.0, ARRIVAL, (8.0, 8.0, 8.0)),  # each of three phases
        (6.0, 4140.0, ARRIVAL, (6.0, 6.0, 6.0)),
        (9.0, 4140.0, ARRIVAL, (9.0, 9.0, 0.0)),  # each of two
        (9.0, 2070.0, ARRIVAL, (9.0, None, None)),  # one phase, or the sum of three at 3 A: open
        (9.0, 2070.0, metered(wired_phases=1), (9.0, 0.0, 0.0)),
        (24.0, 5520.0, metered(limit_a=8.0, max_a=16.0), (8.0, 8.0, 8.0)),  # the sum of three
        (24.0, 2000.0, metered(limit_a=8.0, max_a=16.0), (24.0, None, None)),  # fits nothing
        (16.0, 3680.0, metered(limit_a=8.0, max_a=16.0), (16.0, None, None)),  # deaf on one phase, not obedient on two
        (9.0, None, ARRIVAL, (9.0, None, None)),
        (0.0, 0.0, ARRIVAL, (0.0, 0.0, 0.0)),
        (1.0, 690.0, ARRIVAL, (1.0, None, None)),  # rounded amperes say nothing this low
    ],
)
def test_one_current_without_a_phase_is_set_against_the_power(amps, power_w, arrival, currents_a):
    assert spread(amps, power_w, 230.0, arrival) == currents_a


def test_offered_current_by_phase_counts_once():
    offered = [value("Current.Offered", "9", phase=f"L{i}") for i in (1, 2, 3)]
    assert read(*offered).offered_a == 9
    assert read(value("Power.Offered", "6.21", unit="kW")).offered_w == 6210


@pytest.mark.parametrize(
    "sampled",
    [
        value("Transaction.ID", "17"),
        value("No.Such.Measurand", "1"),
        value("Power.Active.Import", "1", format="SignedData"),
        value("Current.Import", {}, phase=4),
        "9.0",
        None,
    ],
)
def test_wb_69_a_bad_value_costs_only_itself(sampled):
    assert read(sampled, value("Current.Import", "9.0")).max_current_a == 9.0


@pytest.mark.parametrize("stamp", ["", None, "yesterday", "2026-06-21T08:00:00", "0001-01-01T00:00:00+14:00", 17])
def test_wb_75_any_timestamp_will_do(stamp):
    metering = read_metering({"meterValue": [{"timestamp": stamp, "sampledValue": [{"value": "1"}]}]})
    assert sample_of(metering.entries[0], ARRIVAL).energy_wh == 1


words = st.sampled_from(["", " ", "\x00", "L1", "l2-n", "kWh", "SoC", "Voltage", "1e999", "-1", "0x1", "٣", "9" * 400])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
SAMPLED_KEYS = ("value", "measurand", "unit", "phase", "context", "format")
sampled_values = st.dictionaries(st.sampled_from(SAMPLED_KEYS), json_values)
METERING_KEYS = ("connectorId", "transactionId", "meterValue", "idTag", "timestamp", "status", "meterStart", "reason")


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(METERING_KEYS), json_values), st.lists(sampled_values, max_size=3))
def test_nothing_that_a_box_says_raises(payload, sampled):
    for entry in read_metering({**payload, "meterValue": [{"sampledValue": sampled}]}).entries:
        sample_of(entry, ARRIVAL)
    read_metering(payload)
    for reader in (inbound.read_boot, inbound.read_start, inbound.read_stop, inbound.read_status):
        reader(payload)


def test_wb_69_a_padded_id_tag_is_trimmed_and_a_long_one_cut():
    assert inbound.read_id_tag({"idTag": "ABCDEFGHIJKLMNOPQRST\x00\x01"}) == "ABCDEFGHIJKLMNOPQRST"
    assert len(inbound.read_id_tag({"idTag": "X" * 40})) == 20
    assert inbound.read_id_tag({"idTag": 1234}) == "1234"
