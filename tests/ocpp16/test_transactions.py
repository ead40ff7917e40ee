"""Ids that last, repetitions that change nothing, and charges that were already running."""

from __future__ import annotations

import pytest

from hemsd.model import DispatchStatus, StatusChanged, TransactionEnded, TransactionStarted
from tests.ocpp16.fakes import MemoryBook, box, charging_box, home, settle, until

DURING = "2026-06-21T08:00:00Z"


@pytest.mark.parametrize("transaction_id", [0, -1, 999, "17", None, "nonsense"])
async def test_wb_27_a_stop_for_an_unknown_transaction_is_accepted(transaction_id):
    async with home() as at, box(at.url()) as station:
        assert await station.stop(transaction_id) == {"idTagInfo": {"status": "Accepted"}}
        assert at.of(TransactionEnded) == []


async def test_wb_27_a_stop_with_a_lost_id_ends_the_transaction_that_runs():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await station.stop(-1)
        assert at.of(TransactionEnded)[0].transaction_id == transaction_id


async def test_wb_28_a_repeated_start_gets_the_same_id_and_makes_no_second_transaction():
    async with home() as at:
        async with box(at.url()) as station:
            first = await station.start(at="2026-06-21T07:30:00Z")
        async with box(at.url()) as station:
            assert await station.start(at="2026-06-21T07:30:00Z") == first
            assert await station.start(at="2026-06-21T07:30:00Z") == first
        assert len(at.of(TransactionStarted)) == 1


async def test_wb_28_a_start_is_recognised_even_when_it_bears_the_year_1970():
    async with home() as at, box(at.url()) as station:
        first = await station.start(at="1970-01-01T00:00:07Z")
        at.clock.leap(60)
        assert await station.start(at="1970-01-01T00:00:07Z") == first
        assert at.of(TransactionStarted)[0].started_at.year == 2026


async def test_wb_29_ids_are_positive_and_differ():
    async with home() as at, box(at.url()) as station:
        ids = []
        for minute in range(3):
            ids.append(await station.start(at=f"2026-06-21T08:0{minute}:00Z"))
            await station.stop(ids[-1])
            at.clock.leap(60)
        assert len(set(ids)) == 3
        assert all(0 < transaction_id < 2**31 for transaction_id in ids)


async def test_a_start_while_another_runs_ends_the_older_whose_stop_was_lost():
    async with home() as at, box(at.url()) as station:
        first = await station.start(at="2026-06-21T07:00:00Z")
        second = await station.start(at="2026-06-21T07:30:00Z")
        assert [event.transaction_id for event in at.of(TransactionEnded)] == [first]
        assert at.garage.transaction_id == second


async def test_wb_25_a_charge_that_runs_when_hemsd_starts_is_adopted_at_its_first_sample():
    async with home() as at, box(at.url()) as station:
        await station.report("SuspendedEVSE")
        await station.sample(812, Power_Active_Import="0")
        assert [(event.transaction_id, event.adopted) for event in at.of(TransactionStarted)] == [(812, True)]
        await station.stop(812)
        assert at.of(TransactionEnded)[0].transaction_id == 812


async def test_wb_25_a_stop_may_be_the_first_sign_of_a_charge():
    async with home() as at, box(at.url()) as station:
        await station.report("Charging")
        await station.stop(812)
        assert at.of(TransactionStarted)[0].adopted
        assert at.of(TransactionEnded)[0].transaction_id == 812


async def test_wb_25_a_stop_of_one_of_our_own_from_before_the_restart_ends_it():
    book = MemoryBook()
    known = await book.begin("garage", 1, "CARD", DURING, 1000)
    async with home(book=book) as at, box(at.url()) as station:
        await station.stop(known)
        assert at.of(TransactionStarted) == []
        assert at.of(TransactionEnded)[0].transaction_id == known


@pytest.mark.parametrize("status", ["Available", "Preparing", "Finishing", "Faulted"])
async def test_a_stale_id_is_not_adopted_while_nothing_charges(status):
    async with home() as at, box(at.url()) as station:
        await station.report(status)
        await station.sample(812, Power_Active_Import="0")
        assert at.of(TransactionStarted) == []


async def test_wb_26_samples_after_the_stop_do_not_bring_the_transaction_back():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await station.stop(transaction_id)
        await station.sample(transaction_id, Power_Active_Import="2000")
        assert at.garage.transaction_id is None
        assert len(at.of(TransactionStarted)) == 1


async def test_wb_26_a_second_stop_of_the_same_transaction_changes_nothing():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await station.stop(transaction_id)
        assert await station.stop(transaction_id) == {"idTagInfo": {"status": "Accepted"}}
        assert len(at.of(TransactionEnded)) == 1


async def test_wb_24_connector_0_does_not_say_whether_a_car_is_plugged():
    async with home() as at, box(at.url()) as station:
        await station.report("Preparing", connector=1)
        await station.report("Available", connector=0)
        await station.report("Available", connector=2)
        assert at.garage.status == "Preparing"
        assert [event.connector_id for event in at.of(StatusChanged)] == [1]


async def test_wb_34_every_card_may_charge_unless_there_is_a_list():
    async with home() as at, box(at.url()) as station:
        assert await station.send("Authorize", {"idTag": "ANY"}) == {"idTagInfo": {"status": "Accepted"}}


async def test_wb_34_with_a_list_the_others_are_invalid_but_still_answered():
    async with home(id_tags=["CARD"]) as at, box(at.url()) as station:
        assert (await station.send("Authorize", {"idTag": "card"}))["idTagInfo"]["status"] == "Accepted"
        assert (await station.send("Authorize", {"idTag": "OTHER"}))["idTagInfo"]["status"] == "Invalid"
        answer = await station.send("StartTransaction", {"connectorId": 1, "idTag": "OTHER", "meterStart": 0})
        assert answer["transactionId"] > 0
        assert answer["idTagInfo"]["status"] == "Invalid"


async def test_wb_53_a_new_transaction_gets_the_limit_again():
    async with home() as at, box(at.url()) as station:
        await station.boot()
        await at.garage.send_limit(8, None, failsafe_a=6)
        await settle()
        before = len(station.limits)
        await station.start()
        await until(lambda: len(station.limits) > before)
        assert station.limits[-1] == 8.0


async def test_when_the_car_has_left_nothing_but_the_failsafe_stays_on_the_box():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await at.garage.send_limit(6, None, failsafe_a=6)
        await at.garage.send_limit(0, None, failsafe_a=6)
        assert station.limits[-1] == 0.0
        await station.stop(transaction_id)
        await station.report("Available")
        await until(lambda: station.limits[-1] == 6.0)


async def test_remote_start_and_stop():
    async with home() as at, box(at.url()) as station:
        assert (await at.garage.start_transaction()).status is DispatchStatus.APPLIED
        assert station.got("RemoteStartTransaction") == [{"idTag": "hemsd", "connectorId": 1}]
        assert (await at.garage.stop_transaction()).status is DispatchStatus.UNREACHABLE
        transaction_id = await station.start()
        assert (await at.garage.stop_transaction()).status is DispatchStatus.APPLIED
        assert station.got("RemoteStopTransaction") == [{"transactionId": transaction_id}]


async def test_a_transaction_on_another_connector_gets_its_id_and_is_not_ours():
    async with home() as at, charging_box(at) as (station, ours):
        start = {"connectorId": 2, "idTag": "CARD", "timestamp": DURING, "meterStart": 5}
        theirs = (await station.send("StartTransaction", start))["transactionId"]
        assert theirs != ours
        await station.stop(theirs)
        assert at.of(TransactionEnded) == []
        assert at.garage.transaction_id == ours


async def test_a_closing_sample_is_no_sign_of_a_charge():
    async with home() as at, box(at.url()) as station:
        await station.report("Charging")
        value = {"value": "1000", "context": "Transaction.End"}
        await station.metering([value], transaction_id=812)
        assert at.of(TransactionStarted) == []


async def test_a_box_that_starts_again_what_had_ended_is_running_it():
    async with home() as at, box(at.url()) as station:
        first = await station.start(at="2026-06-21T07:30:00Z")
        await station.stop(first)
        assert await station.start(at="2026-06-21T07:30:00Z") == first
        assert at.garage.transaction_id == first
