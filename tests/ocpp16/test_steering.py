"""Boxes that hear the limit in their own way, or not at all."""

from __future__ import annotations

import asyncio

import pytest

from drivers.ocpp16.boxtime import BoxClock
from drivers.ocpp16.charge_point import Patience
from drivers.ocpp16.diagnostics import diagnostics_of
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.ways import Kind, Purpose, Way
from hemsd.model import DispatchStatus, Outcome
from tests.ocpp16.fakes import Box, Home, box, charging_box, home, settle, until


def only(**accepted: object):
    """Accepts profiles with these fields and rejects all others."""

    def answer(payload: dict) -> dict:
        profile = payload["csChargingProfiles"]
        said = {**profile, "unit": profile["chargingSchedule"]["chargingRateUnit"]}
        return {"status": "Accepted" if all(said[key] == value for key, value in accepted.items()) else "Rejected"}

    return answer


@pytest.mark.parametrize(
    ("accepted", "way"),
    [
        ({"stackLevel": 0}, "TxDefaultProfile Absolute stack 0 A"),
        ({"chargingProfileKind": "Relative"}, "TxDefaultProfile Relative stack 3 A"),
        ({"chargingProfilePurpose": "TxProfile"}, "TxProfile Absolute stack 3 A"),
        ({"chargingProfilePurpose": "ChargePointMaxProfile"}, "ChargePointMaxProfile Absolute stack 3 A"),
        ({"unit": "W"}, "TxDefaultProfile Absolute stack 3 W"),
    ],
)
async def test_wb_37_38_39_a_refused_way_leads_to_the_next_within_one_command(accepted, way):
    async with home() as at, charging_box(at) as (station, _):
        station.configuration.update({"ChargeProfileMaxStackLevel": "3"})
        del station.configuration["ChargingScheduleAllowedChargingRateUnit"]
        await station.boot()
        await until(lambda: at.garage.configuration.offer.max_stack == 3)
        station.answers["SetChargingProfile"] = only(**accepted)
        dispatch = await at.garage.send_limit(9, None, failsafe_a=6)
        assert dispatch.status is DispatchStatus.APPLIED
        assert dispatch.attempts[-1].way == way
        at.garage.verdict(Outcome.APPLIED)
        assert str(at.memories[-1].way) == way
        assert (await at.garage.send_limit(8, None, failsafe_a=6)).attempts[0].way == way


async def test_wb_37_what_worked_is_where_the_next_home_with_such_a_box_begins():
    relative = Memory("Acme", "Wall 11", "1.0", way=Way(kind=Kind.RELATIVE))
    async with home(memories={relative.key: relative}) as at, charging_box(at) as (station, _):
        dispatch = await at.garage.send_limit(9, None, failsafe_a=6)
        assert [attempt.way for attempt in dispatch.attempts] == ["TxDefaultProfile Relative stack 0 A"]
        assert "startSchedule" not in station.profiles[-1]["chargingSchedule"]


async def test_wb_37_accepted_without_effect_is_said_again_and_then_in_another_way():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        said = [await said_again(at, station, 9) for _ in range(3)]
        assert said == [("Absolute", 8.0), ("Relative", 9.0), ("Relative", 8.0)]
        at.garage.verdict(Outcome.APPLIED)
        await at.garage.send_limit(9, None, failsafe_a=6)
        assert station.limits[-1] == 9.0


async def test_the_last_chance_of_a_box_comes_after_its_profiles_were_cleared_and_then_it_is_left_at_the_failsafe():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(10, None, failsafe_a=6)
        said = 1
        while at.garage.verdict(Outcome.ACCEPTED_INEFFECTIVE):
            assert at.garage.controllable
            await at.garage.send_limit(10, None, failsafe_a=6)
            said += 1
        ways = 6  # three purposes in two kinds; one stack level, one unit
        assert said == 2 * ways + 1
        cleared = station.got("ClearChargingProfile")
        assert [each["id"] for each in cleared[-4:]] == [6101, 6102, 6103, 6103]
        assert not at.garage.controllable
        assert not at.garage.verdict(Outcome.ACCEPTED_INEFFECTIVE)
        await until(lambda: station.limits[-1] == 6.0)


async def test_a_box_that_was_given_up_gets_another_chance_with_the_next_car():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await at.garage.send_limit(10, None, failsafe_a=6)
        while at.garage.verdict(Outcome.ACCEPTED_INEFFECTIVE):
            await at.garage.send_limit(10, None, failsafe_a=6)
        await station.stop(transaction_id)
        await until(lambda: at.garage.controllable)


async def test_a_climb_goes_on_where_it_was_after_the_link_was_lost():
    async with home() as at:
        async with charging_box(at) as (station, _):
            await at.garage.send_limit(9, None, failsafe_a=6)
            assert [await said_again(at, station, 9) for _ in range(2)][-1] == ("Relative", 9.0)
        await settle()
        async with box(at.url()) as station:
            await at.leap_until(lambda: station.limits, most_s=20)
            assert station.profiles[-1]["chargingProfileKind"] == "Relative"


async def said_again(at: Home, station: Box, limit_a: float) -> tuple[str, float]:
    """What the box hears after what it heard before had no effect."""
    assert at.garage.verdict(Outcome.ACCEPTED_INEFFECTIVE)
    await at.garage.send_limit(limit_a, None, failsafe_a=6)
    return station.profiles[-1]["chargingProfileKind"], station.limits[-1]


async def test_a_box_that_refuses_a_pause_keeps_the_way_and_the_6_a_that_it_took():
    async with home() as at, charging_box(at) as (station, _):

        def no_zero(payload: dict) -> dict:
            limit = payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
            return {"status": "Accepted" if limit >= 6 else "Rejected"}

        station.answers["SetChargingProfile"] = no_zero
        await at.garage.send_limit(6, None, failsafe_a=6)
        dispatch = await at.garage.send_limit(0, None, failsafe_a=6)
        assert [attempt.status for attempt in dispatch.attempts] == ["rejected"]
        assert at.garage.steering.wanted.limit_a == 6
        assert (await at.garage.send_limit(9, None, failsafe_a=6)).attempts[
            0
        ].way == "TxDefaultProfile Absolute stack 0 A"
        assert station.got("ClearChargingProfile") == []


async def test_a_store_that_stays_full_gets_back_what_was_cleared():
    async with home() as at, charging_box(at) as (station, _):
        await a_small_store(at, station)
        await at.garage.send_limit(9, None, failsafe_a=6)
        station.answers["SetChargingProfile"] = lambda payload: {"status": "Rejected"}
        assert (await at.garage.send_limit(10, None, failsafe_a=6)).status is DispatchStatus.REJECTED
        assert station.got("ClearChargingProfile") == [{"id": 6101}]
        assert station.limits[-1] == 9.0


async def test_a_box_that_acts_without_answering_is_believed_when_the_meter_proves_it():
    async with home() as at, charging_box(at) as (station, _):
        at.garage.patience = Patience(command_s=0.05)
        station.answers["SetChargingProfile"] = lambda payload: None
        for _ in range(4):
            dispatch = await at.garage.send_limit(9, None, failsafe_a=6)
            assert dispatch.status is DispatchStatus.TIMEOUT
            at.garage.verdict(Outcome.APPLIED)
        assert {attempt.way for attempt in dispatch.attempts} == {"TxDefaultProfile Absolute stack 0 A"}
        assert at.garage.steering.installed.setpoint.limit_a == 9.0


async def test_a_way_that_worked_before_is_not_given_up_for_one_slow_car():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        at.garage.verdict(Outcome.APPLIED)
        kinds = [(await said_again(at, station, 9))[0] for _ in range(4)]
        assert kinds == ["Absolute", "Absolute", "Absolute", "Relative"]
        assert str(at.garage.steering.memory.way) == "TxDefaultProfile Absolute stack 0 A"


async def test_a_transaction_profile_that_is_replaced_by_another_purpose_is_cleared_by_its_id():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        station.answers["SetChargingProfile"] = only(chargingProfilePurpose="TxProfile")
        await at.garage.send_limit(10, None, failsafe_a=6)
        assert station.profiles[-1]["chargingProfilePurpose"] == "TxProfile"
        assert station.got("ClearChargingProfile")[-1] == {"id": 6101}


async def test_wb_40_not_supported_is_rejected_once_and_not_capable_from_then_on():
    async with home() as at, charging_box(at) as (station, _):
        station.answers["SetChargingProfile"] = lambda payload: [4, "NotSupported", "no smart charging", {}]
        first = await at.garage.send_limit(9, None, failsafe_a=6)
        assert first.status is DispatchStatus.REJECTED
        assert first.text == "NotSupported: no smart charging"
        sent = len(station.profiles)
        second = await at.garage.send_limit(8, None, failsafe_a=6)
        assert second.status is DispatchStatus.NOT_CAPABLE
        assert second.attempts == ()
        assert len(station.profiles) == sent


async def test_wb_40_a_purpose_that_is_not_supported_is_passed_over():
    async with home() as at, charging_box(at) as (station, _):

        def timxon(payload: dict) -> dict:
            default = payload["csChargingProfiles"]["chargingProfilePurpose"] == "TxProfile"
            return {"status": "Accepted" if default else "NotSupported"}

        station.answers["SetChargingProfile"] = timxon
        dispatch = await at.garage.send_limit(9, None, failsafe_a=6)
        assert dispatch.status is DispatchStatus.APPLIED
        purposes = {profile["chargingProfilePurpose"] for profile in station.profiles}
        assert purposes == {"TxDefaultProfile", "TxProfile"}
        assert Purpose.TX_DEFAULT in at.memories[-1].incapable


async def test_a_box_that_refuses_everything_hears_one_word_a_command_afterwards():
    async with home() as at, charging_box(at) as (station, _):
        station.answers["SetChargingProfile"] = lambda payload: {"status": "Rejected"}
        assert len((await at.garage.send_limit(9, None, failsafe_a=6)).attempts) == 6
        again = await at.garage.send_limit(8, None, failsafe_a=6)
        assert again.status is DispatchStatus.REJECTED
        assert [attempt.way for attempt in again.attempts] == ["TxDefaultProfile Absolute stack 0 A"]


async def test_a_profile_for_a_transaction_needs_one():
    proven = Memory("Acme", "Wall 11", "1.0", way=Way(Purpose.TX))
    async with home(memories={proven.key: proven}) as at, box(at.url()) as station:
        await station.boot()
        await until(lambda: at.garage.steering.memory.way == proven.way)
        dispatch = await at.garage.send_limit(9, None, failsafe_a=6)
        assert dispatch.status is DispatchStatus.UNREACHABLE
        assert "open transaction" in dispatch.text
        assert station.profiles == []


async def a_small_store(at: Home, station: Box) -> None:
    station.configuration["MaxChargingProfilesInstalled"] = "1"
    await station.boot()
    await until(lambda: at.garage.configuration.number("MaxChargingProfilesInstalled") == 1)


async def test_wb_41_a_store_without_an_end_is_never_emptied():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        station.answers["SetChargingProfile"] = lambda payload: {"status": "Rejected"}
        await at.garage.send_limit(10, None, failsafe_a=6)
        assert station.got("ClearChargingProfile") == []


async def test_wb_41_a_full_store_is_emptied_of_ours_once():
    async with home() as at, charging_box(at) as (station, _):
        await a_small_store(at, station)
        await at.garage.send_limit(9, None, failsafe_a=6)
        station.answers["SetChargingProfile"] = lambda payload: {
            "status": "Accepted" if station.got("ClearChargingProfile") else "Rejected"
        }
        dispatch = await at.garage.send_limit(10, None, failsafe_a=6)
        assert [attempt.status for attempt in dispatch.attempts] == ["rejected", "applied"]
        assert station.got("ClearChargingProfile") == [{"id": 6101}]


async def test_wb_41_the_same_limit_always_bears_the_same_id_and_stack_level():
    async with home() as at, charging_box(at) as (station, _):
        for limit_a in (9, 10, 6):
            await at.garage.send_limit(limit_a, None, failsafe_a=6)
        assert {(profile["chargingProfileId"], profile["stackLevel"]) for profile in station.profiles} == {(6101, 0)}


async def test_wb_44_a_box_that_rounds_a_fraction_up_is_given_whole_amperes():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(8.8, None, failsafe_a=6)
        assert await said_again(at, station, 8.8) == ("Absolute", 8.0)
        at.garage.verdict(Outcome.APPLIED)
        assert at.memories[-1].step_a == 1.0


async def test_wb_30_a_box_that_ends_the_transaction_at_zero_is_never_given_zero_again():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await at.garage.send_limit(6, None, failsafe_a=6)
        await at.garage.send_limit(0, None, failsafe_a=6)
        await station.send("StopTransaction", {"transactionId": transaction_id, "meterStop": 1, "reason": "Other"})
        await until(lambda: at.memories and at.memories[-1].zero_ends_tx)
        await station.start(at="2026-06-21T08:30:00Z")
        sent = len(station.limits)
        dispatch = await at.garage.send_limit(0, None, failsafe_a=0)
        assert dispatch.status is DispatchStatus.NOT_CAPABLE
        assert "6 A" in dispatch.text
        assert 0.0 not in station.limits[sent:]


async def test_wb_30_a_driver_who_unplugs_in_a_pause_proves_nothing():
    async with home() as at, charging_box(at) as (station, transaction_id):
        await at.garage.send_limit(6, None, failsafe_a=6)
        await at.garage.send_limit(0, None, failsafe_a=6)
        await station.stop(transaction_id)
        assert not at.garage.steering.memory.zero_ends_tx


async def test_wb_47_a_limit_that_was_accepted_in_a_pause_is_said_again_when_the_car_draws():
    async with home() as at, charging_box(at) as (station, _):
        await station.report("SuspendedEV")
        await at.garage.send_limit(9, None, failsafe_a=6)
        await station.report("Charging")
        await until(lambda: station.limits == [9.0, 9.0])
        await station.report("SuspendedEV")
        await station.report("Charging")
        await settle()
        assert station.limits == [9.0, 9.0]


@pytest.mark.parametrize(("drawn_a", "sent_again"), [(16.0, True), (9.0, False), (10.0, False), (10.1, True)])
async def test_wb_48_a_box_that_comes_back_from_a_pause_at_full_current_is_told_again(drawn_a, sent_again):
    async with home() as at, charging_box(at) as (station, transaction_id):
        await at.garage.send_limit(6, None, failsafe_a=6)
        await at.garage.send_limit(0, None, failsafe_a=6)
        await at.garage.send_limit(9, None, failsafe_a=6)
        sent = len(station.limits)
        await station.metering([{"measurand": "Current.Import", "value": str(drawn_a), "phase": "L1"}], transaction_id)
        await settle()
        await settle()
        assert (len(station.limits) > sent) is sent_again


async def test_wb_52_a_limit_that_goes_to_flash_is_neither_renewed_nor_written_without_end():
    async with home() as at, charging_box(at) as (station, _):
        station.answers["SetChargingProfile"] = only(chargingProfilePurpose="ChargePointMaxProfile")
        await at.garage.send_limit(9, None, failsafe_a=6)
        sent = len(station.profiles)
        at.clock.leap(900)
        await settle()
        await settle()
        assert len(station.profiles) == sent
        dispatches = [await at.garage.send_limit(9 + i % 2, None, failsafe_a=6) for i in range(102)]
        assert dispatches[-1].status is DispatchStatus.NOT_CAPABLE
        assert (await at.garage.send_limit(6, None, failsafe_a=6)).status is DispatchStatus.APPLIED


async def test_two_silences_in_the_same_way_lead_to_another_way():
    async with home() as at, charging_box(at) as (station, _):
        at.garage.patience = Patience(command_s=0.05)

        def deaf_to_absolute(payload: dict) -> dict | None:
            return (
                {"status": "Accepted"} if payload["csChargingProfiles"]["chargingProfileKind"] == "Relative" else None
            )

        station.answers["SetChargingProfile"] = deaf_to_absolute
        statuses = [(await at.garage.send_limit(9, None, failsafe_a=6)).status for _ in range(3)]
        assert statuses == ["timeout", "timeout", "applied"]


async def test_commands_that_come_together_end_with_the_newest():
    async with home() as at, charging_box(at) as (station, _):
        dispatches = await asyncio.gather(*(at.garage.send_limit(a, None, failsafe_a=6) for a in (7, 8, 9, 10)))
        assert station.limits[-1] == 10.0
        assert dispatches[-1].status is DispatchStatus.APPLIED
        assert len(station.limits) <= 2


async def leaves_zero_behind(at, station: Box, *, zero_proven: bool) -> bool:
    await at.garage.send_limit(6, None, failsafe_a=0)
    await at.garage.send_limit(0, None, failsafe_a=0)
    if zero_proven:
        at.garage.verdict(Outcome.APPLIED)
    await at.central.close(0)
    return station.limits[-1] == 0


@pytest.mark.parametrize("zero_proven", [True, False])
async def test_no_zero_is_left_behind_unless_the_box_is_proven_to_take_it(zero_proven):
    async with home() as at, charging_box(at) as (station, _):
        assert await leaves_zero_behind(at, station, zero_proven=zero_proven) is zero_proven


async def test_a_box_with_a_wrong_clock_has_no_second_period():
    async with home() as at, charging_box(at) as (station, _):
        await station.report("Charging", timestamp="2026-06-21T10:00:00")  # local time, and no zone
        await at.garage.send_limit(9, None, failsafe_a=6)
        schedule = station.profiles[-1]["chargingSchedule"]
        assert schedule["startSchedule"] == "2020-01-01T00:00:00Z"
        assert len(schedule["chargingSchedulePeriod"]) == 1
        assert isinstance(at.garage.box_clock, BoxClock)


@pytest.mark.parametrize("announced", [None, "false"])
async def test_wb_64_phases_are_asked_for_whatever_the_box_announces(announced):
    async with home() as at, box(at.url()) as station:
        if announced:
            station.configuration["ConnectorSwitch3to1PhaseSupported"] = announced
        await station.boot()
        await until(lambda: len(station.got("ChangeConfiguration")) >= 2)
        assert at.garage.configuration.phase_switching is (False if announced else None)
        await at.garage.send_limit(9, 3, failsafe_a=6)
        assert station.profiles[-1]["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] == 3


async def test_phases_are_named_where_they_are_asked_for():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, 1, failsafe_a=6)
        periods = station.profiles[-1]["chargingSchedule"]["chargingSchedulePeriod"]
        assert [period["numberPhases"] for period in periods] == [1, 1]


async def test_observing_alone_sends_no_limit():
    async with home(steer=False) as at, charging_box(at) as (station, transaction_id):
        await station.stop(transaction_id)
        await station.report("Available")
        await at.central.close(6)
        assert station.profiles == []


async def test_a_transaction_profile_is_said_again_in_the_next_transaction_and_not_in_between():
    async with home() as at, charging_box(at) as (station, transaction_id):
        station.answers["SetChargingProfile"] = only(chargingProfilePurpose="TxProfile")
        await at.garage.send_limit(9, None, failsafe_a=6)
        await station.stop(transaction_id)
        await station.report("Available")
        sent = len(station.profiles)
        at.clock.leap(500)
        await settle()
        assert len(station.profiles) == sent
        second = await station.start(at="2026-06-21T08:30:00Z")
        await until(lambda: len(station.profiles) > sent)
        assert station.profiles[-1]["transactionId"] == second


async def test_the_diagnostics_say_what_was_found_out():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        at.garage.verdict(Outcome.APPLIED)
        await station.socket.send("garbage")
        await station.send("Heartbeat")
        found = diagnostics_of(at.garage)
        assert (found.vendor, found.way) == ("Acme", "TxDefaultProfile Absolute stack 0 A")
        assert found.way_proven
        assert found.falls_back is None  # it took a second period, and nobody has seen it fall back
        assert found.can_steer
        assert found.bad_frames == 1


@pytest.mark.parametrize(("tested", "periods"), [(None, 2), (True, 2), (False, 1)])
async def test_a_box_that_was_seen_not_to_fall_back_is_not_given_a_second_period(tested, periods):
    known = Memory("Acme", "Wall 11", "1.0", falls_back=tested)
    async with home(memories={known.key: known}) as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        assert len(station.profiles[-1]["chargingSchedule"]["chargingSchedulePeriod"]) == periods
        assert diagnostics_of(at.garage).falls_back is tested


async def test_what_can_not_carry_a_failsafe_does_not_fall_back():
    known = Memory("Acme", "Wall 11", "1.0", way=Way(kind=Kind.RELATIVE), falls_back=True)
    async with home(memories={known.key: known}) as at, charging_box(at):
        await at.garage.send_limit(9, None, failsafe_a=6)
        assert diagnostics_of(at.garage).falls_back is False


async def test_a_transaction_that_starts_while_the_box_makes_up_its_mind_gets_the_limit_again():
    """The frame was said before the transaction began, so its answer proves nothing about the transaction."""
    async with home() as at, box(at.url()) as station:
        await station.boot()
        await until(lambda: len(station.got("ChangeConfiguration")) == 2)
        await settle()
        later: asyncio.Future = asyncio.get_running_loop().create_future()
        station.answers["SetChargingProfile"] = lambda payload: later
        command = asyncio.create_task(at.garage.send_limit(9, None, failsafe_a=6))
        await until(lambda: station.profiles)
        await station.start()
        del station.answers["SetChargingProfile"]
        later.set_result({"status": "Accepted"})
        assert (await command).status is DispatchStatus.APPLIED
        await until(lambda: station.limits == [9.0, 9.0])


def write(at: Home, times: int) -> None:
    for _ in range(times):
        at.garage.steering.speaker.writes.count(at.clock.utc().date())


async def test_after_2000_writes_a_day_only_lower_limits_are_worth_the_flash():
    async with home() as at, charging_box(at):
        await at.garage.send_limit(9, None, failsafe_a=6)
        write(at, 1998)
        assert (await at.garage.send_limit(10, None, failsafe_a=6)).status is DispatchStatus.APPLIED
        dispatch = await at.garage.send_limit(11, None, failsafe_a=6)
        assert dispatch.status is DispatchStatus.NOT_CAPABLE
        assert "2000" in dispatch.text
        assert (await at.garage.send_limit(7, None, failsafe_a=6)).status is DispatchStatus.APPLIED
        at.clock.leap(86_400)
        assert (await at.garage.send_limit(11, None, failsafe_a=6)).status is DispatchStatus.APPLIED


@pytest.mark.parametrize(("writes", "renewed"), [(498, True), (499, False)])
async def test_after_500_writes_a_day_a_limit_is_no_longer_renewed(writes, renewed):
    async with home() as at, charging_box(at) as (station, _):
        write(at, writes)
        await at.garage.send_limit(9, None, failsafe_a=6)
        await settle()
        at.clock.leap(450)
        await settle()
        await settle()
        assert (station.limits == [9.0, 9.0]) is renewed


async def test_wb_53_a_box_that_comes_back_without_a_boot_gets_its_limit_again():
    async with home() as at:
        async with charging_box(at):
            await at.garage.send_limit(9, None, failsafe_a=6)
        await settle()
        async with box(at.url()) as station:
            await at.leap_until(lambda: station.limits, most_s=20)
            assert station.limits == [9.0]


async def test_a_limit_that_could_not_be_renewed_is_tried_again_ever_more_rarely():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        await settle()
        station.answers["SetChargingProfile"] = lambda payload: [4, "InternalError", "busy", {}]
        at.clock.leap(450)
        await settle()
        tries = []
        for _ in range(3):
            before = len(station.profiles)
            tries.append(await at.leap_until(lambda n=before: len(station.profiles) > n, step_s=5))
        assert tries == [30, 60, 120]
        del station.answers["SetChargingProfile"]
        before_s = at.garage.steering.installed.at_s
        await at.leap_until(lambda: at.garage.steering.installed.at_s > before_s, step_s=10)
        assert station.limits[-1] == 9.0


async def test_a_proven_way_is_not_left_for_silences_alone():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        at.garage.verdict(Outcome.APPLIED)
        at.garage.patience = Patience(command_s=0.05)
        station.answers["SetChargingProfile"] = lambda payload: None
        for _ in range(3):
            await at.garage.send_limit(10, None, failsafe_a=6)
        assert {profile["chargingProfileKind"] for profile in station.profiles} == {"Absolute"}
