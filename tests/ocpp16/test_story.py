"""A wallbox connects, charges a car, and is steered: the ordinary day."""

from __future__ import annotations

import asyncio

import pytest

from drivers.ocpp16.charge_point import Patience
from drivers.ocpp16.rpc import HURRY_S
from hemsd.model import (
    Booted,
    ConnectorStatus,
    DispatchStatus,
    LinkDown,
    LinkUp,
    Sampled,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
)
from tests.ocpp16.fakes import box, charging_box, home, settle, until


async def test_a_visit_is_told_as_events():
    async with home() as at:
        async with box(at.url("/any/prefix/WB-001")) as station:
            answer = await station.boot(chargePointSerialNumber="S1")
            assert answer["status"] == "Accepted"
            assert answer["currentTime"] == "2026-06-21T08:00:00.000Z"
            await station.report("Preparing")
            transaction_id = await station.start()
            await station.report("Charging")
            await station.sample(transaction_id, Power_Active_Import="2070", Current_Import="9.0")
            await station.stop(transaction_id)
        await until(lambda: at.of(LinkDown))
        assert at.of(LinkUp)[0].remote == "127.0.0.1"
        assert at.of(Booted)[0].serial == "S1"
        assert [event.status for event in at.of(StatusChanged)] == [ConnectorStatus.PREPARING, ConnectorStatus.CHARGING]
        assert at.of(TransactionStarted)[0].transaction_id == transaction_id > 0
        assert at.of(Sampled)[0].sample.power_w == 2070
        assert at.of(TransactionEnded)[0].meter_stop_wh == 3000


async def test_setup_asks_for_samples_and_writes_nothing_that_is_so_already():
    async with home() as at, box(at.url()) as station:
        station.configuration["MeterValueSampleInterval"] = "10"
        await station.boot()
        await until(lambda: station.got("ChangeConfiguration"))
        await settle()
        written = {change["key"]: change["value"] for change in station.got("ChangeConfiguration")}
        assert list(written) == ["MeterValuesSampledData"]
        assert "Current.Offered" in written["MeterValuesSampledData"].split(",")


async def test_a_limit_falls_back_to_the_failsafe_by_itself():
    async with home() as at, charging_box(at) as (station, _):
        dispatch = await at.garage.send_limit(9.06, None, failsafe_a=6)
        assert dispatch.status is DispatchStatus.APPLIED
        assert [attempt.way for attempt in dispatch.attempts] == ["TxDefaultProfile Absolute stack 0 A"]
        schedule = station.profiles[-1]["chargingSchedule"]
        assert schedule["startSchedule"] == "2026-06-21T07:59:00Z"
        assert schedule["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 9.0},
            {"startPeriod": 960, "limit": 6.0},
        ]
        assert "duration" not in schedule
        assert "minChargingRate" not in schedule
        assert "validTo" not in station.profiles[-1]


async def test_the_limit_is_renewed_at_half_time_only():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        await settle()
        at.clock.leap(449)
        await settle()
        assert station.limits == [9.0]
        at.clock.leap(1)
        await until(lambda: station.limits == [9.0, 9.0])


async def test_a_pause_goes_to_six_amperes_first_and_waits_for_the_car():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(10, None, failsafe_a=6)
        pause = asyncio.create_task(at.garage.send_limit(0, None, failsafe_a=6))
        await until(lambda: station.limits == [10.0, 6.0])
        await settle()
        at.clock.leap(4.9)
        await settle()
        assert station.limits == [10.0, 6.0]
        at.clock.leap(0.1)
        dispatch = await pause
        assert station.limits == [10.0, 6.0, 0.0]
        assert [attempt.status for attempt in dispatch.attempts] == [DispatchStatus.APPLIED, DispatchStatus.APPLIED]


async def test_a_pause_that_a_fuse_asks_for_is_zero_at_once():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(10, None, failsafe_a=6)
        dispatch = await at.garage.send_limit(0, None, failsafe_a=6, at_once=True)
        assert station.limits == [10.0, 0.0]
        assert dispatch.status is DispatchStatus.APPLIED


@pytest.mark.parametrize("unanswered", ["TriggerMessage", "SetChargingProfile"])
async def test_a_cut_does_not_wait_for_the_answer_to_something_else(unanswered):
    async with home(patience=Patience()) as at, charging_box(at) as (station, _):
        await at.garage.send_limit(10, None, failsafe_a=6)
        station.answers[unanswered] = lambda payload: asyncio.get_running_loop().create_future()
        asking = (
            at.garage.request_sample()
            if unanswered == "TriggerMessage"
            else at.garage.send_limit(16, None, failsafe_a=6)
        )
        waiting = asyncio.create_task(asking)
        await until(lambda: station.got(unanswered))
        await settle()
        del station.answers[unanswered]
        began_s = asyncio.get_running_loop().time()
        assert (await at.garage.send_limit(0, None, failsafe_a=6, at_once=True)).status is DispatchStatus.APPLIED
        assert station.limits[-1] == 0.0
        assert asyncio.get_running_loop().time() - began_s <= HURRY_S + 0.1
        assert (await waiting).status is DispatchStatus.TIMEOUT


async def test_a_box_that_refuses_zero_is_at_six_amperes_after_a_cut():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(10, None, failsafe_a=6)
        station.answers["SetChargingProfile"] = refusing_zero
        dispatch = await at.garage.send_limit(0, None, failsafe_a=6, at_once=True)
        assert station.limits == [10.0, 0.0, 6.0]
        assert dispatch.status is DispatchStatus.REJECTED


def refusing_zero(payload: dict) -> dict:
    offered_a = payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
    return {"status": "Accepted" if offered_a > 0 else "Rejected"}


async def test_a_newer_command_preempts_a_pause_that_has_not_come_to_zero():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(10, None, failsafe_a=6)
        pause = asyncio.create_task(at.garage.send_limit(0, None, failsafe_a=6))
        await until(lambda: station.limits == [10.0, 6.0])
        assert (await at.garage.send_limit(8, None, failsafe_a=6)).status is DispatchStatus.APPLIED
        assert "superseded" in (await pause).text
        assert station.limits == [10.0, 6.0, 8.0]


async def test_without_a_link_a_command_is_unreachable_and_is_made_good_on_connect():
    async with home() as at:
        assert (await at.garage.send_limit(9, None, failsafe_a=6)).status is DispatchStatus.UNREACHABLE
        async with charging_box(at) as (station, _):
            await until(lambda: set(station.limits) == {9.0})


async def test_between_zero_and_six_amperes_nothing_is_ever_sent():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(6.04, None, failsafe_a=3)
        await at.garage.send_limit(5.99, None, failsafe_a=5.9)
        await at.garage.send_limit(0.4, None, failsafe_a=0.1)
        sent = [
            period["limit"]
            for profile in station.profiles
            for period in profile["chargingSchedule"]["chargingSchedulePeriod"]
        ]
        assert all(limit == 0 or limit >= 6 for limit in sent)


async def test_hemsd_leaves_the_failsafe_behind_and_never_clears():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(16, None, failsafe_a=6)
        await at.central.close(6)
        assert station.limits[-1] == 6.0
        assert station.got("ClearChargingProfile") == []
        assert (await at.garage.send_limit(16, None, failsafe_a=6)).status is DispatchStatus.UNREACHABLE
        assert station.limits[-1] == 6.0
