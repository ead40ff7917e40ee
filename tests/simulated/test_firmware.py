"""An honest wallbox, without a socket: what it does by itself and what it does when it is asked."""

from datetime import timedelta
from itertools import pairwise

from drivers.simulated.car import Car
from drivers.simulated.messages import Beat, Boot, Start, Status, Stop
from drivers.simulated.profiles import CP_MAX, TX
from hemsd.model import ConnectorStatus as S
from tests.simulated.box import Box


def configured(box, interval_s=10):
    box.firmware.configuration.change("MeterValueSampleInterval", str(interval_s))
    box.firmware.configuration.change(
        "MeterValuesSampledData", "Energy.Active.Import.Register,Current.Import,Current.Offered"
    )
    return box


def test_it_introduces_itself_before_it_says_anything_else():
    box = Box()
    box.live(1)
    assert isinstance(box.heard[0], Boot)
    assert [(m.connector_id, m.status) for m in box.heard[1:] if isinstance(m, Status)] == [
        (0, S.AVAILABLE),
        (1, S.AVAILABLE),
    ]


def test_a_plugged_car_charges_without_being_asked():
    box = Box()
    box.firmware.plug(Car())
    box.live(30)
    assert box.statuses() == [S.PREPARING, S.SUSPENDED_EVSE, S.SUSPENDED_EV, S.CHARGING]
    assert box.current_a == 15.75


def test_a_box_that_wants_a_card_waits_for_a_remote_start():
    box = Box(free_vend=False)
    box.firmware.plug(Car())
    box.live(60)
    assert box.statuses() == [S.PREPARING]
    assert box.firmware.remote_start("hemsd", None)
    box.live(30)
    assert box.starts()[0].transaction.id_tag == "hemsd"
    assert box.current_a > 0


def test_a_remote_start_without_a_car_is_forgotten_in_time():
    box = Box(free_vend=False)
    assert box.firmware.remote_start("hemsd", None)
    box.live(61)
    box.firmware.plug(Car())
    box.live(10)
    assert box.starts() == []


def test_a_second_remote_start_is_rejected():
    assert not Box.charging().firmware.remote_start("hemsd", None)


def test_unplugging_ends_the_transaction_and_frees_the_connector():
    box = Box.charging()
    box.firmware.unplug()
    box.live(2)
    assert [stop.reason for stop in box.stops()] == ["EVDisconnected"]
    assert box.stops()[0].meter_wh > 20
    assert box.statuses()[-1] is S.AVAILABLE


def test_a_remote_stop_leaves_the_car_in_finishing_until_it_is_started_again():
    box = Box.charging()
    assert not box.firmware.remote_stop(99)
    assert box.firmware.remote_stop(17)
    box.live(30)
    assert box.statuses()[-1] is S.FINISHING
    assert box.current_a == 0
    assert box.firmware.remote_start("hemsd", None)
    box.live(30)
    assert box.current_a > 0


def test_a_transaction_that_is_not_allowed_ends_at_once():
    box = Box()
    box.firmware.plug(Car())
    box.live(5)
    box.firmware.start_answered(box.firmware.transaction, 18, accepted=False)
    box.live(5)
    assert [stop.reason for stop in box.stops()] == ["DeAuthorized"]
    assert box.station.enabled is False


def test_a_limit_is_followed_within_three_seconds():
    box = Box.charging(limit_a=10)
    assert box.current_a == 9.75
    box.limit(7)
    box.live(3)
    assert box.current_a == 6.75


def test_the_dead_man_falls_back_when_nobody_refreshes():
    box = Box.charging()
    box.limit(12, 6, after_s=900)
    box.live(899)
    assert box.current_a == 11.75
    box.live(5)
    assert box.current_a == 5.75


def test_the_dead_man_works_without_a_link_too():
    box = Box.charging()
    box.limit(12, 6, after_s=900)
    box.firmware.link_down()
    box.live(910)
    assert box.current_a == 5.75


def test_a_refreshed_dead_man_never_shows():
    box = Box.charging()
    for _ in range(4):
        box.limit(12, 6, after_s=900)
        box.live(450)
        assert box.current_a == 11.75


def test_zero_pauses_and_six_resumes():
    box = Box.charging()
    box.limit(0)
    box.live(5)
    assert box.statuses()[-1] is S.SUSPENDED_EVSE
    box.limit(6)
    box.live(20)
    assert box.statuses()[-1] is S.CHARGING
    assert box.current_a == 5.75


def test_phases_are_switched_when_the_profile_says_so_and_kept_when_it_does_not():
    box = Box.charging(limit_a=8)
    assert box.phases_used == 3
    box.limit(8, phases=1)
    box.live(40)
    assert box.phases_used == 1
    box.limit(9)
    box.live(5)
    assert box.phases_used == 1


def test_a_tx_profile_needs_its_transaction_and_dies_with_it():
    idle = Box()
    assert not idle.limit(8, purpose=TX)
    box = Box.charging(limit_a=10)
    assert not box.limit(8, purpose=TX, transaction_id=99)
    assert box.limit(8, purpose=TX, transaction_id=17)
    box.live(5)
    assert box.current_a == 7.75
    box.firmware.remote_stop(17)
    box.firmware.remote_start("hemsd", None)
    box.live(30)
    assert box.current_a == 9.75


def test_the_maximum_profile_belongs_to_connector_0_and_caps():
    box = Box.charging(limit_a=12)
    assert box.limit(9, purpose=CP_MAX)
    box.live(5)
    assert box.current_a == 8.75


def test_it_refuses_what_it_cannot_hold():
    box = Box.charging()
    assert not box.limit(8, level=9)
    assert not box.limit(*[8] * 25)
    assert not box.limit(-3)


def test_samples_come_at_the_configured_interval_and_only_in_a_transaction():
    box = configured(Box())
    box.live(60)
    assert box.samples() == []
    box.firmware.plug(Car())
    box.live(63)
    times = [sample.at for sample in box.samples()]
    assert [(b - a).total_seconds() for a, b in pairwise(times)] == [10] * 5


def test_a_sample_tells_each_phase_and_what_is_offered():
    box = configured(Box.charging(limit_a=10, phases="1"))
    box.live(10)
    values = box.samples()[-1].values
    assert [(v.get("phase"), v["value"]) for v in values if v["measurand"] == "Current.Import"] == [
        ("L1", "9.75"),
        ("L2", "0.00"),
        ("L3", "0.00"),
    ]
    assert [v["value"] for v in values if v["measurand"] == "Current.Offered"] == ["10.00"]


def test_a_list_of_measurands_is_taken_whole_or_not_at_all():
    configuration = Box().firmware.configuration
    assert configuration.change("MeterValuesSampledData", "Voltage,No.Such.Measurand") == "Rejected"
    assert "Voltage" not in configuration.sampled
    assert configuration.change("NumberOfConnectors", "3") == "Rejected"
    assert configuration.change("NoSuchKey", "3") == "NotSupported"


def test_without_a_link_only_starts_and_stops_are_kept():
    box = configured(Box.charging())
    box.firmware.link_down()
    box.live(60)
    box.firmware.unplug()
    box.live(5)
    assert [type(message) for message in box.firmware.outbox] == [Stop]


def test_after_an_outage_it_goes_on_without_a_boot():
    box = configured(Box.charging())
    box.firmware.link_down()
    box.live(60)
    box.heard.clear()
    box.firmware.link_up()
    box.live(15)
    assert [type(m).__name__ for m in box.heard] == ["Beat", "Sampled"]
    assert box.samples()[0].transaction is box.firmware.transaction


def test_a_charge_that_began_without_a_link_is_told_after_the_boot():
    box = Box()
    box.firmware.link_down()
    box.firmware.plug(Car())
    box.live(30)
    assert box.current_a > 0
    box.firmware.link_up()
    box.live(2)
    assert [type(m) for m in box.heard[:2]] == [Boot, Start]


def test_a_heartbeat_comes_at_the_interval_of_the_boot_answer():
    box = Box()
    box.live(901)
    assert sum(isinstance(m, Beat) for m in box.heard) == 3  # the answer said 300 s


def test_a_reset_ends_the_charge_and_keeps_the_default_profile():
    box = Box.charging(limit_a=9)
    box.firmware.reboot("SoftReset")
    box.live(1)
    assert box.stops()[-1].reason == "SoftReset"
    box.firmware.link_down()
    box.firmware.power_on()
    box.firmware.link_up()
    box.heard.clear()
    box.live(30)
    assert isinstance(box.heard[0], Boot)
    assert box.current_a == 8.75


def test_an_unavailable_box_takes_no_car():
    box = Box()
    assert box.firmware.change_availability(False) == "Accepted"
    box.firmware.plug(Car())
    box.live(30)
    assert box.statuses()[-1] is S.UNAVAILABLE
    assert box.starts() == []


def test_a_trigger_brings_what_it_asks_for():
    box = Box.charging()
    box.heard.clear()
    for message in ("StatusNotification", "MeterValues", "BootNotification", "Heartbeat"):
        assert box.firmware.trigger(message, None) == "Accepted"
    assert box.firmware.trigger("DiagnosticsStatusNotification", None) == "NotImplemented"
    assert box.firmware.trigger("MeterValues", 7) == "Rejected"
    box.listen()
    assert [type(m).__name__ for m in box.heard] == ["Status", "Status", "Sampled", "Boot", "Beat"]
    assert box.samples()[0].context == "Trigger"


def test_its_clock_is_set_by_the_central_system():
    box = Box()
    box.firmware.set_clock(box.clock.utc() + timedelta(hours=3))
    assert box.firmware.now() == box.clock.utc() + timedelta(hours=3)
