"""Charge points built with the ``ocpp`` library itself, strict and on a real socket, and its known traps (WB-68 to 76).

hemsd takes the library's messages, enums and request classes, and not its dispatcher. Each trap of the dispatcher has a
test here, so that nobody who brings it back does so unnoticed.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from ocpp.messages import Call, validate_payload
from ocpp.routing import on
from ocpp.v16 import ChargePoint as LibraryChargePoint
from ocpp.v16 import call, call_result
from ocpp.v16.datatypes import MeterValue, SampledValue
from ocpp.v16.enums import Action, ChargePointErrorCode, ChargePointStatus, Measurand, TriggerMessageStatus
from websockets.asyncio.client import connect

from drivers.ocpp16.charge_point import Patience
from drivers.ocpp16.wire import action_of, payload_of
from hemsd.model import Booted, DispatchStatus, LinkDown, Sampled, TransactionStarted
from tests.ocpp16.fakes import box, charging_box, home, settle, until


class StrictBox(LibraryChargePoint):
    """Checks every frame of hemsd's against the schemas, as the library does by default."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.profiles: list[dict] = []

    @on(Action.get_configuration)
    def on_get_configuration(self, key: list[str] | None = None) -> call_result.GetConfiguration:
        return call_result.GetConfiguration(configuration_key=[], unknown_key=key)

    @on(Action.change_configuration)
    def on_change_configuration(self, key: str, value: str) -> call_result.ChangeConfiguration:
        return call_result.ChangeConfiguration(status="Accepted")

    @on(Action.trigger_message)
    def on_trigger_message(self, **asked: object) -> call_result.TriggerMessage:
        return call_result.TriggerMessage(status=TriggerMessageStatus.accepted)

    @on(Action.set_charging_profile)
    def on_set_charging_profile(self, connector_id: int, cs_charging_profiles: dict) -> call_result.SetChargingProfile:
        self.profiles.append(cs_charging_profiles)
        return call_result.SetChargingProfile(status="Accepted")


@asynccontextmanager
async def strict_box(url: str):
    async with connect(url, subprotocols=["ocpp1.6"], close_timeout=0.2) as socket:
        station = StrictBox("WB-001", socket, 2)
        serving = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def test_a_strict_charge_point_boots_charges_and_is_steered():
    async with home() as at, strict_box(at.url()) as station:
        booted = await station.call(call.BootNotification("Wall 11", "Acme"), suppress=False)
        assert booted.status == "Accepted"
        await station.call(
            call.StatusNotification(1, ChargePointErrorCode.no_error, ChargePointStatus.charging), suppress=False
        )
        started = await station.call(call.StartTransaction(1, "CARD", 0, "2026-06-21T08:00:00Z"), suppress=False)
        value = SampledValue("9.0", measurand=Measurand.current_import, unit="A")
        metering = call.MeterValues(1, [MeterValue("2026-06-21T08:00:00Z", [value])], started.transaction_id)
        await station.call(metering, suppress=False)
        assert (await at.garage.send_limit(9, None, failsafe_a=6)).status is DispatchStatus.APPLIED
        stopped = call.StopTransaction(2000, "2026-06-21T09:00:00Z", started.transaction_id)
        await station.call(stopped, suppress=False)
        assert station.profiles[0]["charging_schedule"]["charging_schedule_period"][0]["limit"] == 9
        assert [type(event) for event in at.events if isinstance(event, Booted | TransactionStarted | Sampled)] == [
            Booted,
            TransactionStarted,
            Sampled,
        ]


async def test_wb_68_a_call_of_ours_during_a_call_of_the_boxs_does_not_wait_for_itself():
    """A box that holds back its answer until its own call is answered, as a single-threaded one does."""
    async with home() as at, charging_box(at) as (station, _):
        asked: list[asyncio.Task[dict]] = []

        def asks_first(payload: dict) -> None:
            asked.append(asyncio.create_task(station.send("Heartbeat")))

        station.answers["SetChargingProfile"] = asks_first
        pending = asyncio.create_task(at.garage.send_limit(9, None, failsafe_a=6))
        await until(lambda: asked)
        assert "currentTime" in await asyncio.wait_for(asked[0], 1)
        pending.cancel()


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        (
            "BootNotification",
            {"chargePointVendor": "V" * 30, "chargePointModel": "M", "chargePointSerialNumber": "S" * 33},
        ),
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging", "info": "i" * 80}),
        ("StatusNotification", {"connectorId": 1, "errorCode": "Vendor17", "status": "charging"}),
        ("StartTransaction", {"connectorId": "1", "idTag": "T" * 22, "meterStart": "0", "timestamp": "now", "x": 1}),
        ("StopTransaction", {"transactionId": "1", "idTag": "T\x00\x01", "meterStop": 1.5, "timestamp": ""}),
        ("Authorize", {"idTag": "T" * 21}),
        ("MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": [{"value": 1, "unit": "w"}]}]}),
        (
            "MeterValues",
            {"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "1", "measurand": "Transaction.ID"}]}]},
        ),
        ("MeterValues", {"connectorId": 1, "meterValue": [], "transactionId": "17", "extra": True}),
    ],
)
async def test_wb_69_what_the_schemas_refuse_is_answered(action, payload):
    async with home() as at, box(at.url()) as station:
        assert (await station.exchange(action, payload))[0] == 3


@pytest.mark.parametrize(
    "answer",
    [
        {"configurationKey": [{"key": "ChargeProfileMaxStackLevel", "value": "3"}]},
        {"configurationKey": [{"key": "ChargeProfileMaxStackLevel", "value": 3, "readonly": "yes", "x": 1}]},
        {
            "configurationKey": [
                {"key": "Long", "value": "v" * 600},
                {"key": "chargeprofilemaxstacklevel", "value": "3"},
            ]
        },
    ],
)
async def test_wb_70_answers_that_the_schemas_refuse_are_read(answer):
    async with home() as at, box(at.url()) as station:
        station.answers["GetConfiguration"] = lambda payload: answer
        await station.boot()
        await until(lambda: at.garage.configuration.offer.max_stack == 3)


async def test_wb_71_a_callerror_is_a_refusal_and_never_an_answer_of_nothing():
    async with home() as at, charging_box(at) as (station, _):
        station.answers["SetChargingProfile"] = lambda payload: [4, "NeverHeardOfThisCode", "why", {"a": 1}]
        dispatch = await at.garage.send_limit(9, None, failsafe_a=6)
        assert dispatch.status is DispatchStatus.REJECTED
        assert dispatch.text == "NeverHeardOfThisCode: why"


async def test_wb_73_a_limit_with_many_decimals_is_sent_with_one():
    async with home() as at, strict_box(at.url()) as station:
        for limit_a in (6.25, 6.7, 8.123456, 15.999999):
            assert (await at.garage.send_limit(limit_a, None, failsafe_a=6)).status is DispatchStatus.APPLIED
        sent = [float(p["charging_schedule"]["charging_schedule_period"][0]["limit"]) for p in station.profiles]
        assert sent == [6.2, 6.7, 8.1, 15.9]


async def test_wb_74_an_unanswered_call_delays_the_next_by_its_own_timeout_only():
    async with home(patience=Patience(command_s=0.05, setup_s=0.05)) as at, charging_box(at) as (station, _):
        station.answers["SetChargingProfile"] = lambda payload: None
        assert (await at.garage.send_limit(9, None, failsafe_a=6)).status is DispatchStatus.TIMEOUT
        assert (await at.garage.request_sample()).status is DispatchStatus.APPLIED


async def test_wb_75_a_sample_without_value_zone_or_year_is_answered_and_read():
    async with home() as at, box(at.url()) as station:
        for stamp in ("2026-06-21T10:00:00", "1970-01-01T00:00:01Z", ""):
            sampled = [{"value": ""}, {"value": "9", "measurand": "Current.Import"}]
            await station.metering(sampled, at=stamp or None)
        assert [event.sample.max_current_a for event in at.of(Sampled)] == [9.0, 9.0, 9.0]


async def test_wb_76_the_librarys_keepalive_is_off():
    """One missed pong ends nothing; ``test_door`` shows that three do."""
    async with home() as at, box(at.url()) as station:
        await station.boot()
        await settle()
        (socket,) = at.central.sockets
        assert socket.ping_interval is None
        assert at.of(LinkDown) == []


@pytest.mark.parametrize(
    "request_",
    [
        call.TriggerMessage("StatusNotification", 1),
        call.GetConfiguration(["MeterValueSampleInterval"]),
        call.GetConfiguration(),
        call.ClearChargingProfile(id=6101),
        call.RemoteStartTransaction("hemsd", 1),
        call.RemoteStopTransaction(17),
        call.ChangeAvailability(1, "Operative"),
    ],
    ids=action_of,
)
async def test_what_hemsd_sends_fits_the_schemas(request_):
    await validate_payload(Call("1", action_of(request_), payload_of(request_)), "1.6")
