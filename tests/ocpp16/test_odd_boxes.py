"""Frames, answers and silences that should not be, and the reply that each gets."""

from __future__ import annotations

import asyncio
import json

import pytest

from drivers.ocpp16.charge_point import Patience
from hemsd.model import Booted, DispatchStatus, LinkDown, LinkUp, Sampled, StatusChanged, TransactionStarted
from tests.ocpp16.fakes import box, charging_box, home, settle, until


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "[]",
        "null",
        '[2,"x"]',
        '[9,"x","Heartbeat",{}]',
        '[2,17,"Heartbeat",{}]',
        '[2,"x",{},{}]',
        '[3,"nobody-asked",{}]',
        '[4,"-1","FormationViolation","",{}]',
        '[4,"x"]',
        b"\xff\xfe",
        b'[2,"x"',
        "[" * 50_000,
    ],
)
async def test_wb_72_a_malformed_frame_gets_no_reply_and_the_link_stays_up(raw):
    async with home() as at, box(at.url()) as station:
        await station.socket.send(raw)
        assert "currentTime" in await station.send("Heartbeat")
        assert at.of(LinkDown) == []


async def test_malformed_frames_are_counted():
    async with home() as at, box(at.url()) as station:
        await station.socket.send("garbage")
        await station.socket.send("[]")
        await station.send("Heartbeat")
        counters = at.garage.counters
        assert counters.bad_frames == 2
        assert "[]" in counters.last_bad_frame


async def test_an_unknown_action_gets_not_implemented_and_nothing_else():
    async with home() as at, box(at.url()) as station:
        assert (await station.exchange("CustomOperation", {"a": 1}))[2] == "NotImplemented"
        assert "currentTime" in await station.send("Heartbeat")


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("Heartbeat", "currentTime"),
        ("Authorize", "idTagInfo"),
        ("StartTransaction", "transactionId"),
        ("StopTransaction", "idTagInfo"),
        ("DataTransfer", "status"),
        ("BootNotification", "status"),
    ],
)
async def test_an_empty_payload_still_gets_a_whole_answer(action, expected):
    async with home() as at, box(at.url()) as station:
        assert expected in await station.send(action, {})


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"meterValue": None},
        {"meterValue": [None, 3, "x", {}]},
        {"connectorId": "one", "transactionId": "17", "meterValue": {"sampledValue": {"value": "9"}}},
        {
            "connectorId": 1,
            "meterValue": [{"timestamp": "yesterday", "sampledValue": [{"value": ""}, {"value": None}]}],
        },
    ],
)
async def test_meter_values_are_always_answered_with_an_empty_object(payload):
    async with home() as at, box(at.url()) as station:
        assert await station.send("MeterValues", payload) == {}


async def test_a_notification_null_payload_is_answered():
    async with home() as at, box(at.url()) as station:
        await station.socket.send(json.dumps([2, "n", "MeterValues", None]))
        assert "currentTime" in await station.send("Heartbeat")


async def test_traffic_without_a_boot_is_accepted():
    async with home() as at, box(at.url()) as station:
        await station.report("Charging")
        await station.sample(4711, Power_Active_Import="1380")
        assert at.of(StatusChanged)
        assert at.of(TransactionStarted)[0].adopted
        assert at.of(TransactionStarted)[0].transaction_id == 4711
        assert at.of(Sampled)[0].sample.power_w == 1380


async def test_wb_11_a_boot_is_asked_for_after_5_s_and_done_without_after_15():
    async with home() as at, box(at.url()) as station:
        await settle()
        at.clock.leap(4.9)
        await settle()
        assert station.got("TriggerMessage") == []
        at.clock.leap(0.1)
        await until(lambda: station.got("TriggerMessage"))
        assert station.got("TriggerMessage")[0] == {"requestedMessage": "BootNotification"}
        await settle()
        at.clock.leap(9.9)
        await settle()
        assert station.got("GetConfiguration") == []
        at.clock.leap(0.1)
        await until(lambda: station.got("GetConfiguration"))


async def test_wb_11_a_boot_that_was_asked_for_after_an_outage_is_no_restart():
    async with home() as at:
        for outage in range(5):
            async with box(at.url()) as station:
                await at.leap_until(lambda s=station: s.got("TriggerMessage"))
                await station.boot()
                assert not at.of(Booted)[-1].restarted
                await until(lambda s=station: s.got("GetConfiguration"))
                await station.boot()  # and now it has restarted, in the only way that is known of
                assert at.of(Booted)[-1].restarted is True
                assert at.garage.preparation.minimal is (outage >= 2)
            at.clock.leap(60)


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ({"status": "Rejected"}, DispatchStatus.REJECTED, "Rejected"),
        ({"status": "accepted"}, DispatchStatus.APPLIED, ""),
        ({}, DispatchStatus.REJECTED, "without a status"),
        ({"status": "Accepted", "extra": 1}, DispatchStatus.APPLIED, ""),
        ([4, "InternalError", "broken", {}], DispatchStatus.REJECTED, "InternalError: broken"),
        ([4, "NoSuchCode"], DispatchStatus.REJECTED, "NoSuchCode"),
    ],
)
async def test_each_answer_to_a_limit_has_its_dispatch_status(answer, status, said):
    async with home() as at, charging_box(at) as (station, _):
        station.answers["SetChargingProfile"] = lambda payload: answer
        dispatch = await at.garage.send_limit(9, None, failsafe_a=6)
        assert dispatch.status is status
        assert said in dispatch.text


async def test_no_answer_is_a_timeout_and_a_late_answer_is_ignored():
    async with home() as at, charging_box(at) as (station, _):
        at.garage.patience = Patience(command_s=0.05)
        station.answers["SetChargingProfile"] = lambda payload: None
        dispatch = await at.garage.send_limit(9, None, failsafe_a=6)
        assert dispatch.status is DispatchStatus.TIMEOUT
        await station.socket.send('[3,"late",{"status":"Accepted"}]')
        del station.answers["SetChargingProfile"]
        assert (await at.garage.send_limit(9, None, failsafe_a=6)).status is DispatchStatus.APPLIED
        assert at.garage.counters.stray_answers == 1


async def test_wb_74_a_call_that_waits_fails_at_once_when_the_socket_closes():
    async with home() as at:
        async with charging_box(at) as (station, _):
            station.answers["SetChargingProfile"] = lambda payload: None
            pending = asyncio.create_task(at.garage.send_limit(9, None, failsafe_a=6))
            await until(lambda: station.profiles)
        assert (await asyncio.wait_for(pending, 0.5)).status is DispatchStatus.UNREACHABLE


async def test_a_link_that_breaks_in_a_transaction_keeps_the_transaction():
    async with home() as at:
        async with charging_box(at) as (_, transaction_id):
            pass
        await until(lambda: at.of(LinkDown))
        assert at.garage.transaction_id == transaction_id
        async with box(at.url()) as station:
            await until(lambda: len(at.of(LinkUp)) == 2)
            await station.sample(transaction_id, Power_Active_Import="2000")
            assert len(at.of(TransactionStarted)) == 1
            await station.stop(transaction_id)
        assert at.garage.transaction_id is None


async def test_a_command_in_a_reconnect_goes_to_the_new_socket():
    async with home() as at:
        async with charging_box(at):
            await at.garage.send_limit(9, None, failsafe_a=6)
        async with box(at.url()) as station:
            await station.boot()
            await until(lambda: station.limits[-1:] == [9.0])


@pytest.mark.parametrize("answer", ["Accepted", "Unknown"])
async def test_wb_42_43_all_profiles_can_be_cleared_and_the_wanted_limit_follows_at_once(answer):
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        station.answers["ClearChargingProfile"] = lambda payload: {"status": answer}
        assert (await at.garage.clear_profiles()).status is DispatchStatus.APPLIED
        assert station.got("ClearChargingProfile") == [{}]
        await until(lambda: station.limits == [9.0, 9.0])


async def test_wb_31_a_start_that_is_refused_is_not_repeated():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await station.stop(transaction_id)
        await station.report("Finishing")
        station.answers["RemoteStartTransaction"] = lambda payload: {"status": "Rejected"}
        assert (await at.garage.start_transaction()).status is DispatchStatus.REJECTED
        at.clock.leap(60)
        await settle()
        assert len(station.got("RemoteStartTransaction")) == 2  # with the connector and without


@pytest.mark.parametrize(
    ("data", "offered_a"),
    [
        ({"duty": 133}, 8.0),
        (json.dumps({"duty": "100"}), 6.0),
        ({"duty": 1000}, 0.0),
        ({"duty": 900}, 16.0),
        ("not json", 16.0),
        ({}, 16.0),
    ],
)
async def test_wb_61_the_duty_cycle_is_worth_more_than_an_offer_that_never_changes(data, offered_a):
    async with home() as at, charging_box(at) as (station, transaction_id):
        transfer = {"vendorId": "Sungrow", "messageId": "cpChargingParameterRpt", "data": data}
        assert await station.send("DataTransfer", transfer) == {"status": "Accepted"}
        await station.sample(transaction_id, Current_Offered="16.0")
        assert at.of(Sampled)[-1].sample.offered_a == offered_a
        at.clock.leap(61)
        await station.sample(transaction_id, Current_Offered="16.0")
        assert at.of(Sampled)[-1].sample.offered_a == 16.0


async def test_samples_of_connector_0_count_until_the_connector_has_its_own():
    async with home() as at, box(at.url()) as station:
        value = [{"sampledValue": [{"value": "500", "measurand": "Power.Active.Import"}]}]
        for connector in (0, 2, 1, 0):
            await station.send("MeterValues", {"connectorId": connector, "meterValue": value})
        assert len(at.of(Sampled)) == 2


async def test_a_sample_with_an_id_of_its_own_belongs_to_the_one_transaction_that_is_open():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await station.sample(4711, Power_Active_Import="2000")
        assert at.of(Sampled)[-1].sample.transaction_id == transaction_id
