"""What hemsd does when a box does not say what it should."""

from __future__ import annotations

import pytest

from hemsd.model import TransactionEnded
from tests.ocpp16.fakes import Home, box, charging_box, home, settle


async def pass_time(at: Home, seconds: float) -> None:
    """In small leaps, so that everybody who waits has a turn."""
    for _ in range(round(seconds)):
        at.clock.leap(1)
        await settle()


def triggers(station, message: str) -> int:
    return sum(1 for trigger in station.got("TriggerMessage") if trigger["requestedMessage"] == message)


async def test_wb_17_a_box_that_never_sends_samples_is_asked_for_them():
    async with home() as at, charging_box(at) as (station, _):
        await pass_time(at, 29)
        asked = triggers(station, "MeterValues")
        await pass_time(at, 4)
        assert triggers(station, "MeterValues") == asked + 1
        await pass_time(at, 20)
        assert triggers(station, "MeterValues") in (asked + 2, asked + 3)


async def test_wb_17_a_box_that_sends_is_left_alone():
    async with home() as at, charging_box(at) as (station, transaction_id):
        asked = triggers(station, "MeterValues")
        for _ in range(5):
            await station.sample(transaction_id, at=at.clock.utc().isoformat(), Power_Active_Import="2000")
            await pass_time(at, 10)
        assert triggers(station, "MeterValues") == asked


async def test_wb_18_a_box_that_refuses_to_be_asked_is_asked_less_and_less():
    async with home() as at, charging_box(at) as (station, _):
        station.answers["TriggerMessage"] = lambda payload: {"status": "NotImplemented"}
        asked = triggers(station, "MeterValues")
        await pass_time(at, 240)
        assert triggers(station, "MeterValues") - asked <= 3


async def test_wb_23_silence_after_a_stop_is_answered_by_asking_for_the_status():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await station.stop(transaction_id)
        before = triggers(station, "StatusNotification")
        await pass_time(at, 14)
        assert triggers(station, "StatusNotification") == before
        await pass_time(at, 4)
        assert triggers(station, "StatusNotification") == before + 1


async def test_a_transaction_on_a_free_connector_ends_after_a_minute():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await station.report("Available")
        await pass_time(at, 58)
        assert at.of(TransactionEnded) == []
        await pass_time(at, 5)
        assert at.of(TransactionEnded)[0].transaction_id == transaction_id


async def test_a_connector_that_says_available_and_charges_is_believed_to_charge():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await station.report("Available")
        await pass_time(at, 30)
        await station.sample(transaction_id, at=at.clock.utc().isoformat(), Current_Import="9")
        await pass_time(at, 60)
        assert at.of(TransactionEnded) == []


async def test_wb_32_a_car_that_waits_is_started_after_the_box_had_its_time():
    async with home(remote_start=True) as at, box(at.url()) as station:
        await station.boot()
        await station.report("Preparing")
        await pass_time(at, 19)
        assert station.got("RemoteStartTransaction") == []
        await pass_time(at, 3)
        assert len(station.got("RemoteStartTransaction")) == 1
        await pass_time(at, 120)
        assert len(station.got("RemoteStartTransaction")) == 2


async def test_wb_32_nothing_is_started_unless_it_is_configured():
    async with home() as at, box(at.url()) as station:
        await station.boot()
        await station.report("Preparing")
        await pass_time(at, 60)
        assert station.got("RemoteStartTransaction") == []


@pytest.mark.parametrize(
    ("status", "asked"),
    [("Unavailable", [{"connectorId": 1, "type": "Operative"}]), ("Faulted", []), ("Available", [])],
)
async def test_wb_20_availability_is_changed_only_where_the_box_is_unavailable(status, asked):
    async with home() as at, box(at.url()) as station:
        await station.boot()
        await station.report(status)
        await pass_time(at, 90)
        assert station.got("ChangeAvailability") == asked


async def test_a_card_that_may_not_charge_is_stopped_where_the_box_does_not_do_it():
    async with home(id_tags=["CARD"]) as at, box(at.url()) as station:
        await station.boot()
        await station.report("Charging")
        transaction_id = await station.start(tag="OTHER")
        await pass_time(at, 13)
        assert station.got("RemoteStopTransaction") == [{"transactionId": transaction_id}]


async def test_wb_33_a_start_that_is_refused_is_tried_without_the_connector():
    async with home() as at, box(at.url()) as station:
        station.answers["RemoteStartTransaction"] = lambda payload: {
            "status": "Rejected" if "connectorId" in payload else "Accepted"
        }
        dispatch = await at.garage.start_transaction()
        assert [attempt.status for attempt in dispatch.attempts] == ["rejected", "applied"]
        assert all("chargingProfile" not in start for start in station.got("RemoteStartTransaction"))


async def test_wb_33_the_boxs_own_card_for_free_charging_is_used():
    async with home(id_tags=["CARD"]) as at, box(at.url()) as station:
        station.configuration["PlugAndChargeIdentifier"] = "FREE-7"
        await station.boot()
        await settle()
        await settle()
        await at.garage.start_transaction()
        assert station.got("RemoteStartTransaction")[0]["idTag"] == "FREE-7"
        assert (await station.send("Authorize", {"idTag": "FREE-7"}))["idTagInfo"]["status"] == "Accepted"


async def test_a_status_that_was_never_told_is_asked_for_ever_more_rarely():
    async with home() as at, box(at.url()) as station:
        await station.boot()
        await pass_time(at, 70)
        assert triggers(station, "StatusNotification") == 3  # at 5, 15 and 60 s
        at.clock.leap(840)
        await pass_time(at, 4)
        assert triggers(station, "StatusNotification") == 4


async def test_a_box_that_comes_back_without_a_boot_is_asked_what_happened():
    async with home() as at:
        async with charging_box(at):
            pass
        await settle()
        at.clock.leap(600)
        async with box(at.url()) as station:
            await pass_time(at, 16)
            assert triggers(station, "StatusNotification") >= 1
            await station.report("Charging")
            asked = triggers(station, "StatusNotification")
            await pass_time(at, 20)
            assert triggers(station, "StatusNotification") == asked


async def test_a_box_that_repeats_that_it_is_free_is_not_written_to_each_time():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await at.garage.send_limit(9, None, failsafe_a=6)
        await station.stop(transaction_id)
        for _ in range(5):
            await station.report("Available")
            await settle()
        assert station.limits == [9.0, 6.0]
