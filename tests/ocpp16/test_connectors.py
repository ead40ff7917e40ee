"""A wallbox with two connectors: one that is left alone, or two that are steered over one socket."""

from contextlib import asynccontextmanager

import pytest

from drivers.ocpp16.ways import Purpose
from hemsd.model import LinkDown, LinkUp, Sampled, StatusChanged, TransactionEnded, TransactionStarted
from tests.ocpp16.fakes import box, charging_box, home, settle, until

LEFT_AND_RIGHT = {
    "left": {"charge_point": "DUO", "connector": 1, "id_tags": ["ANNA"]},
    "right": {"charge_point": "DUO", "connector": 2, "id_tags": ["BEN"], "password": "secret"},
}
KEY = {"Authorization": "Basic RFVPOnNlY3JldA=="}  # DUO:secret


async def started(station, connector, tag, meter=0):
    told = {"connectorId": connector, "idTag": tag, "timestamp": "2026-06-21T08:00:00Z", "meterStart": meter}
    return (await station.send("StartTransaction", told))["transactionId"]


async def sampled(station, connector, transaction_id, amps):
    values = [{"measurand": "Current.Import", "phase": "L1", "value": str(amps)}]
    told = {"connectorId": connector, "transactionId": transaction_id, "meterValue": [{"sampledValue": values}]}
    await station.send("MeterValues", told)


@asynccontextmanager
async def duo():
    """Both connectors plugged and in a transaction; gives (home, station, left, right, their transactions)."""
    async with home(LEFT_AND_RIGHT) as at, box(at.url("/DUO"), additional_headers=KEY) as station:
        await station.boot()
        await station.report("Charging", 1)
        await station.report("Charging", 2)
        ids = await started(station, 1, "ANNA"), await started(station, 2, "BEN")
        await until(lambda: len(station.got("ChangeConfiguration")) >= 2)
        await settle()
        yield at, station, at.central.wallboxes["left"], at.central.wallboxes["right"], ids


# --- one connector is steered


async def test_what_happens_at_another_connector_is_nothing_to_the_one_that_is_steered():
    async with home() as at, charging_box(at) as (station, ours):
        await station.report("Available", 2)
        await station.report("Faulted", 2)
        theirs = await started(station, 2, "GUEST")
        await sampled(station, 2, theirs, 31.0)
        await station.stop(theirs)
        assert theirs != ours
        assert (at.garage.status, at.garage.transaction_id) == ("Charging", ours)
        assert {event.connector_id for event in at.of(StatusChanged)} == {1}
        assert len(at.of(TransactionStarted)) == 1
        assert at.of(TransactionEnded) == at.of(Sampled) == []


# --- two are


async def test_two_connectors_of_one_box_are_two_wallboxes_on_one_socket():
    async with duo() as (at, station, left, right, (first, second)):
        assert left.linked
        assert right.linked
        assert (left.transaction_id, right.transaction_id) == (first, second)
        assert len(station.got("ChangeConfiguration")) == 2  # set up once
        await station.report("SuspendedEV", 2)
        assert (left.status, right.status) == ("Charging", "SuspendedEV")
        await sampled(station, 1, first, 9.0)
        await sampled(station, 2, second, 7.0)
        drawn = {event.wallbox: event.sample.max_current_a for event in at.of(Sampled)}
        assert drawn == {"left": 9.0, "right": 7.0}


async def test_each_connector_has_profiles_of_its_own():
    async with duo() as (_, station, left, right, _ids):
        await left.send_limit(9, None, failsafe_a=6)
        await right.send_limit(7, None, failsafe_a=6)
        told = [(each["connectorId"], each["csChargingProfiles"]["chargingProfileId"]) for each in said(station)]
        assert told == [(1, 6101), (2, 6111)]
        assert station.limits == [9, 7]


async def test_a_limit_of_the_whole_box_is_never_used_for_one_of_its_connectors():
    async with duo() as (_, station, left, _right, _ids):
        station.answers["SetChargingProfile"] = lambda payload: {"status": "Rejected"}
        await left.send_limit(9, None, failsafe_a=6)
        purposes = {each["csChargingProfiles"]["chargingProfilePurpose"] for each in said(station)}
        assert purposes == {Purpose.TX_DEFAULT.value, Purpose.TX.value}


async def test_the_end_of_one_charge_is_not_the_end_of_the_other():
    async with duo() as (at, station, left, right, (first, second)):
        await station.stop(second)
        assert (left.transaction_id, right.transaction_id) == (first, None)
        assert [event.wallbox for event in at.of(TransactionEnded)] == ["right"]


@pytest.mark.parametrize("stopped", [-1, 0, 4711])
async def test_a_stop_that_nobody_knows_is_accepted_and_ends_nobodys_charge(stopped):
    async with duo() as (at, station, left, right, (first, second)):
        assert (await station.stop(stopped))["idTagInfo"]["status"] == "Accepted"
        assert (left.transaction_id, right.transaction_id) == (first, second)
        assert at.of(TransactionEnded) == []


async def test_the_meter_of_the_whole_box_is_no_cars():
    async with duo() as (at, station, _left, _right, _ids):
        await sampled(station, 0, None, 16.0)
        assert at.of(Sampled) == []


async def test_a_card_is_welcome_where_it_is_listed():
    async with duo() as (_, station, _left, _right, _ids):
        for tag, status in (("ANNA", "Accepted"), ("ben", "Accepted"), ("CARL", "Invalid")):
            assert (await station.send("Authorize", {"idTag": tag}))["idTagInfo"]["status"] == status
        told = {"connectorId": 1, "idTag": "BEN", "timestamp": "2026-06-21T09:00:00Z", "meterStart": 0}
        assert (await station.send("StartTransaction", told))["idTagInfo"]["status"] == "Invalid"


async def test_both_are_lost_and_found_with_their_socket():
    async with duo() as (at, station, left, right, _ids):
        await left.send_limit(9, None, failsafe_a=6)
        await right.send_limit(7, None, failsafe_a=6)
        await station.socket.close()
        await until(lambda: len(at.of(LinkDown)) == 2)
        async with box(at.url("/DUO"), additional_headers=KEY) as again:
            await until(lambda: len(at.of(LinkUp)) == 4)
            await again.boot()
            await until(lambda: set(again.limits) == {7, 9})


async def test_foreign_profiles_are_cleared_of_one_connector():
    async with duo() as (_, station, _left, right, _ids):
        await right.clear_profiles()
        assert station.got("ClearChargingProfile") == [{"connectorId": 2}]


def said(station):
    return station.got("SetChargingProfile")
