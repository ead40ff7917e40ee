"""Every known deviation does what its name says, and nothing else changes."""

import pytest

from drivers.simulated.car import Car
from drivers.simulated.messages import payload
from drivers.simulated.personalities import PERSONALITIES, Personality, compose
from drivers.simulated.profiles import TX
from hemsd.model import ConnectorStatus as S
from tests.simulated.box import Box


def sampled(box):
    return {v["measurand"]: v["value"] for v in box.samples()[-1].values if not v.get("phase")}


def all_measurands(box):
    box.firmware.configuration.change(
        "MeterValuesSampledData", "Energy.Active.Import.Register,Current.Import,Current.Offered"
    )
    box.firmware.configuration.change("MeterValueSampleInterval", "10")
    return box


def test_an_honest_one_deviates_in_nothing():
    assert compose([]) == compose(["honest"]) == Personality()


@pytest.mark.parametrize("name", [name for name in PERSONALITIES if name not in ("honest", "finishing_restartable")])
def test_every_other_one_deviates(name):
    assert compose([name]) != Personality()


def test_personalities_add_up():
    both = compose(["zero_rejects", "offered_absent"])
    assert both.zero.value == "rejects"
    assert both.offered is False


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown personality: perfect; known are .*honest"):
        compose(["honest", "perfect"])


def test_ignores_profile():
    assert Box.charging("ignores_profile", limit_a=8).current_a == 15.75


@pytest.mark.parametrize(("deaf_to", "hears"), [("Absolute", "Relative"), ("Relative", "Absolute")])
def test_ignores_one_kind_of_profile(deaf_to, hears):
    box = Box.charging(f"ignores_{deaf_to.lower()}", limit_a=16)
    assert box.limit(9, kind=deaf_to)
    box.live(5)
    assert box.current_a == 15.75
    assert box.limit(9, kind=hears)
    box.live(5)
    assert box.current_a == 8.75


def test_stack0_only_advertises_more_than_it_takes():
    box = Box.charging("stack0_only")
    (key,), _ = box.firmware.configuration.known(["ChargeProfileMaxStackLevel"])
    assert int(key.value) > 0
    assert not box.limit(8, level=1)
    assert box.limit(8, level=0)


def test_txdefault_next_tx_only():
    box = Box("txdefault_next_tx_only")
    box.firmware.plug(Car())
    box.live(40)
    assert box.limit(8)
    box.live(30)
    assert box.current_a == 15.75
    box.firmware.remote_stop(17)
    box.firmware.remote_start("hemsd", None)
    box.live(30)
    assert box.current_a == 7.75


def test_txprofile_dropped_when_suspended():
    box = Box.charging("txprofile_dropped_when_suspended", limit_a=0)
    assert box.limit(10, purpose=TX, transaction_id=17)
    box.live(30)
    assert box.current_a == 0
    assert box.limit(10)
    box.live(30)
    assert box.limit(8, purpose=TX, transaction_id=17)
    box.live(5)
    assert box.current_a == 7.75


def test_offered_constant_16():
    box = all_measurands(Box.charging("offered_constant_16", limit_a=8))
    box.live(10)
    assert sampled(box)["Current.Offered"] == "16.00"
    assert box.current_a == 7.75


def test_offered_echoes_and_ignores():
    box = all_measurands(Box.charging("offered_echoes_and_ignores", limit_a=8))
    box.live(12)
    assert sampled(box)["Current.Offered"] == "8.00"
    assert box.current_a == 15.75


def test_offered_absent():
    box = all_measurands(Box.charging("offered_absent", limit_a=8))
    box.live(10)
    assert "Current.Offered" not in sampled(box)


def test_power_only():
    box = all_measurands(Box.charging("power_only"))
    box.firmware.configuration.change("MeterValuesSampledData", "Current.Import,Power.Active.Import,Current.Offered")
    box.live(12)
    assert {v["measurand"] for v in box.samples()[-1].values} == {"Power.Active.Import"}


def test_zero_rejects():
    box = Box.charging("zero_rejects", limit_a=8)
    assert not box.limit(0)
    box.live(5)
    assert box.current_a == 7.75


def test_zero_ends_tx_finishing():
    box = Box.charging("zero_ends_tx_finishing")
    box.limit(0)
    box.live(5)
    assert [stop.reason for stop in box.stops()] == ["Other"]
    assert box.statuses()[-1] is S.FINISHING
    box.limit(8)
    assert box.firmware.remote_start("hemsd", None)
    box.live(30)
    assert box.current_a == 7.75


def test_zero_ends_tx_silent_preparing():
    box = Box.charging("zero_ends_tx_silent_preparing")
    told = box.statuses()
    box.limit(0)
    box.live(60)
    assert len(box.stops()) == 1
    assert box.statuses() == told
    assert box.firmware.status is S.PREPARING


def test_zero_persists_lockout():
    box = Box.charging("zero_persists_lockout")
    box.limit(0)
    box.live(5)
    assert len(box.stops()) == 1
    box.firmware.remote_start("hemsd", None)
    box.live(10)
    assert len(box.starts()) == 2
    assert len(box.stops()) == 2
    box.limit(10)
    box.firmware.remote_start("hemsd", None)
    box.live(30)
    assert box.current_a == 9.75


def test_resume_full_current_until_it_is_told_again():
    box = Box.charging("resume_full_current", limit_a=8)
    assert box.current_a == 7.75
    box.limit(0)
    box.live(5)
    box.limit(6)
    box.live(30)
    assert box.current_a == 15.75
    box.limit(6)
    box.live(5)
    assert box.current_a == 5.75


def test_tenths():
    assert Box.charging("tenths", limit_a=8.8).station.offered_a == 8.8
    assert Box.charging(limit_a=8.8).station.offered_a == 8


def test_integer_up_to_max():
    box = Box.charging("integer_up_to_max", limit_a=8)
    assert box.current_a == 7.75
    box.limit(8.8)
    box.live(10)
    assert box.current_a == 15.75


@pytest.mark.parametrize(("limit_a", "offered_a"), [(5, 0), (7, 6), (9.9, 8), (12, 10), (15, 13), (16, 16)])
def test_steps_6_8_10_13_16(limit_a, offered_a):
    assert Box.charging("steps_6_8_10_13_16", limit_a=limit_a).station.offered_a == offered_a


def test_cap_18():
    assert Box.charging("cap_18", limit_a=25, max_a=32).station.offered_a == 18
    assert Box.charging("cap_10", limit_a=25, max_a=32).station.offered_a == 10
    assert Box.charging(limit_a=25, max_a=32).station.offered_a == 25


def test_watts_only_lowercase():
    box = Box("watts_only_lowercase")
    (key,), _ = box.firmware.configuration.known(["ChargingScheduleAllowedChargingRateUnit"])
    assert key.value == "power"
    box.firmware.plug(Car())
    assert not box.limit(8)
    assert box.limit(8 * 230, unit="W", phases=1)
    box.live(60)
    assert box.station.offered_a == 8


def test_watts_divides_by_three():
    box = Box("watts_divides_by_three")
    box.firmware.plug(Car())
    box.limit(9 * 230, unit="W", phases=1)
    box.live(60)
    assert box.station.offered_a == 0  # 3 A
    box.limit(24 * 230, unit="W", phases=1)
    box.live(30)
    assert box.station.offered_a == 8


def test_phases_true_but_ignored():
    box = Box.charging("phases_true_but_ignored")
    (key,), _ = box.firmware.configuration.known(["ConnectorSwitch3to1PhaseSupported"])
    assert key.value == "true"
    assert box.limit(10, phases=1)
    box.live(60)
    assert box.phases_used == 3


def test_phases_no_pause():
    box = Box.charging("phases_no_pause")
    box.limit(10, phases=1)
    box.live(3)
    assert box.phases_used == 1
    assert box.current_a == 9.75


def test_no_boot():
    box = Box("no_boot")
    box.live(2)
    assert [type(m).__name__ for m in box.heard] == ["Beat", "Status", "Status"]


def test_boot_loop_on_measurands():
    box = Box.charging("boot_loop_on_measurands")
    few = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Current.Offered"
    box.firmware.configuration.change("MeterValuesSampledData", few)
    box.firmware.configuration_read()
    assert not box.firmware.reboot_wanted
    box.firmware.configuration.change("MeterValuesSampledData", few + ",Voltage,Power.Offered,SoC")
    box.firmware.configuration_read()
    assert box.firmware.reboot_wanted


def test_no_metervalues():
    box = all_measurands(Box.charging("no_metervalues"))
    box.live(120)
    assert box.firmware.trigger("MeterValues", 1) == "NotImplemented"
    assert box.samples() == []


def test_meter_only_on_trigger():
    box = all_measurands(Box.charging("meter_only_on_trigger"))
    box.live(120)
    assert box.samples() == []
    assert box.firmware.trigger("MeterValues", 1) == "Accepted"
    box.listen()
    assert len(box.samples()) == 1


def test_meter_30s_accepts_10_and_keeps_30():
    box = all_measurands(Box.charging("meter_30s"))
    box.heard.clear()
    box.live(90)
    assert len(box.samples()) == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("honest", "2026-06-21T08:01:05.000Z"),
        ("local_time_no_zone", "2026-06-21T10:01:05"),
        ("year_1970", "1970-01-01T08:01:05.000Z"),
    ],
)
def test_how_it_writes_the_time(name, text):
    box = Box.charging(name)
    box.firmware.trigger("MeterValues", 1)
    box.listen()
    assert payload(box.samples()[-1], box.firmware.personality).meter_value[0]["timestamp"] == text


def test_backlog_after_reconnect():
    box = all_measurands(Box.charging("backlog_after_reconnect"))
    box.firmware.link_down()
    left_at = box.clock.utc()
    box.live(60)
    box.heard.clear()
    box.firmware.link_up()
    box.listen()
    assert len(box.samples()) == 6
    assert (box.samples()[0].at - left_at).total_seconds() < 11


def test_stale_txid():
    box = all_measurands(Box.charging("stale_txid"))
    box.live(10)
    assert payload(box.samples()[-1], box.firmware.personality, stale_id=16).transaction_id == 16


def test_stop_unknown_id():
    box = Box.charging("stop_unknown_id")
    box.firmware.unplug()
    box.listen()
    assert payload(box.stops()[0], box.firmware.personality).transaction_id == -1


def test_tx_restart_same_timestamp():
    box = Box.charging("tx_restart_same_timestamp")
    box.firmware.link_down()
    box.live(30)
    box.firmware.link_up()
    box.live(1)
    first, second = box.starts()
    assert payload(first, Personality()) == payload(second, Personality())


def test_idtag_plus_two_bytes():
    box = Box.charging("idtag_plus_two_bytes")
    assert payload(box.starts()[0], box.firmware.personality).id_tag == "FREE\x03\x00"


def test_long_serial():
    box = Box("long_serial")
    box.listen()
    assert len(payload(box.heard[0], box.firmware.personality).charge_box_serial_number) > 25


def test_bad_unit():
    box = all_measurands(Box.charging("bad_unit"))
    box.live(10)
    assert box.samples()[-1].values[-1] == {"value": "1", "measurand": "Transaction.ID", "unit": "w"}


def test_getconfig_one_key():
    keys, _ = Box("getconfig_one_key").firmware.configuration.known()
    assert len(keys) == 1


def test_finishing_until_unplug():
    box = Box.charging("finishing_until_unplug")
    box.firmware.remote_stop(17)
    box.live(5)
    assert not box.firmware.remote_start("hemsd", None)
    box.firmware.plug(box.firmware.unplug())
    box.live(30)
    assert len(box.starts()) == 2
