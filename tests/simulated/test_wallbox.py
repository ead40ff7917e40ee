"""The simulated wallbox on a real socket, before a central system of a hundred lines."""

import asyncio
import base64
import json
from dataclasses import replace

import pytest
from ocpp.exceptions import InternalError, OCPPError
from ocpp.v16 import call

from drivers.simulated.home import SimulatedHome
from drivers.simulated.settings import SimulatedCar, SimulateSettings
from drivers.simulated.wallbox import WallboxSpec
from tests.simulated.central import Central
from tests.virtual import LoopClock
from tests.virtual import comes_true as until

pytestmark = pytest.mark.virtual_time


@pytest.fixture
async def clock():
    return LoopClock()


@pytest.fixture
async def central(clock):
    async with Central(clock).open() as central:
        yield central


@pytest.fixture
async def living(clock, central):
    """Gives ``home = await living("personality", ...)``: connected, booted, ended with the test."""
    tasks = []

    async def begin(*personality, plugged=True, **of_the_spec):
        settings = SimulateSettings(speed=1, car=SimulatedCar(plugged=plugged))
        spec = WallboxSpec("garage", "WB-001", personality=personality, **of_the_spec)
        home = SimulatedHome(settings, clock, [spec])
        await home.start()
        home.connect_wallboxes(central.url)
        tasks.append(asyncio.create_task(home.run()))
        await until(lambda: central.told("StatusNotification", connector_id=1))
        return home

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_visit_from_plug_in_to_plug_out(living, central, clock):
    home = await living(plugged=False)
    home.plug()
    await until(lambda: central.told("StatusNotification", status="Charging"))
    await clock.sleep(120)
    home.unplug()
    await until(lambda: central.told("StopTransaction"))
    await until(lambda: len(central.told("StatusNotification", status="Available", connector_id=1)) == 2)
    (stop,) = central.told("StopTransaction")
    assert stop["transaction_id"] == 17
    assert stop["reason"] == "EVDisconnected"
    assert stop["meter_stop"] > 200
    actions = [name for name, _ in central.heard if name != "MeterValues"]
    assert actions[:3] == ["BootNotification", "StatusNotification", "StatusNotification"]


async def test_samples_carry_the_transaction_and_what_was_configured(living, central):
    await living()
    wanted = "Current.Import,Current.Offered,Power.Active.Import,Voltage,Energy.Active.Import.Register"
    await until(lambda: central.told("StartTransaction"))
    assert (await central.ask(call.ChangeConfiguration("MeterValuesSampledData", wanted))).status == "Accepted"
    assert (await central.ask(call.ChangeConfiguration("MeterValueSampleInterval", "10"))).status == "Accepted"
    await until(lambda: len(central.told("MeterValues", transaction_id=17)) > 3)
    values = central.told("MeterValues")[-1]["meter_value"][0]["sampled_value"]
    assert {v["measurand"] for v in values} == set(wanted.split(","))
    assert [v["phase"] for v in values if v["measurand"] == "Current.Import"] == ["L1", "L2", "L3"]


async def test_a_profile_is_followed_and_its_second_period_is_the_dead_man(living, central):
    home = await living()
    station = home.wallbox.station
    await until(lambda: station.currents_a[0] > 15)
    assert await central.limit(10, 6, after_s=90) == "Accepted"
    await until(lambda: station.currents_a[0] == 9.75)
    composite = await central.ask(call.GetCompositeSchedule(1, 600))
    periods = composite.charging_schedule["charging_schedule_period"]
    assert [float(period["limit"]) for period in periods] == [10, 6]
    await until(lambda: station.currents_a[0] == 5.75)


async def test_the_dead_man_bites_while_the_central_system_is_gone(living, central):
    home = await living()
    await until(lambda: home.wallbox.station.currents_a[0] > 15)
    assert await central.limit(10, 6, after_s=90) == "Accepted"
    await until(lambda: home.wallbox.station.currents_a[0] == 9.75)
    home.wallbox.cut_link()
    await until(lambda: home.wallbox.station.currents_a[0] == 5.75)
    assert not home.wallbox.state().online


async def test_phases_are_switched_with_a_pause_in_between(living, central):
    home = await living()
    station = home.wallbox.station
    await until(lambda: station.currents_a[2] > 15)
    assert await central.limit(8, phases=1) == "Accepted"
    await until(lambda: station.currents_a == (0.0, 0.0, 0.0))
    await until(lambda: station.currents_a == (7.75, 0.0, 0.0))
    assert central.told("StatusNotification", status="SuspendedEVSE")


async def test_after_an_outage_it_comes_back_without_a_boot_and_goes_on(living, central):
    home = await living()
    await until(lambda: central.told("StartTransaction"))
    assert await central.limit(9) == "Accepted"
    await until(lambda: home.wallbox.station.currents_a[0] == 8.75)
    home.wallbox.cut_link()
    await until(lambda: not home.wallbox.state().online)
    central.heard.clear()
    home.wallbox.link_allowed.set()
    await until(lambda: central.told("MeterValues", transaction_id=17))
    assert central.told("BootNotification") == []
    assert central.told("StartTransaction") == []
    assert home.wallbox.station.currents_a[0] == 8.75


async def test_a_car_that_leaves_during_an_outage_is_told_afterwards(living, central):
    home = await living()
    await until(lambda: central.told("StartTransaction"))
    home.wallbox.cut_link()
    await until(lambda: not home.wallbox.state().online)
    home.unplug()
    home.wallbox.link_allowed.set()
    await until(lambda: central.told("StatusNotification", status="Available", connector_id=1))
    assert [stop["transaction_id"] for stop in central.told("StopTransaction")] == [17]


async def test_a_reset_answers_first_then_ends_the_charge_and_boots(living, central):
    await living()
    await until(lambda: central.told("StartTransaction"))
    central.heard.clear()
    assert (await central.ask(call.Reset("Soft"))).status == "Accepted"
    await until(lambda: central.told("BootNotification") and central.told("StartTransaction"))
    assert [stop["reason"] for stop in central.told("StopTransaction")] == ["SoftReset"]


async def test_remote_stop_and_remote_start_with_a_profile(living, central):
    home = await living()
    await until(lambda: home.wallbox.station.currents_a[0] > 15)
    assert (await central.ask(call.RemoteStopTransaction(99))).status == "Rejected"
    assert (await central.ask(call.RemoteStopTransaction(17))).status == "Accepted"
    await until(lambda: central.told("StatusNotification", status="Finishing"))
    profile = {
        "chargingProfileId": 3,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7}]},
    }
    assert (await central.ask(call.RemoteStartTransaction("hemsd", 1, profile))).status == "Accepted"
    await until(lambda: home.wallbox.station.currents_a[0] == 6.75)
    assert central.told("StartTransaction")[-1]["id_tag"] == "hemsd"


async def test_clearing_answers_unknown_when_there_is_nothing(living, central):
    await living()
    assert (await central.ask(call.ClearChargingProfile(id=1))).status == "Unknown"
    await central.limit(9)
    assert (await central.ask(call.ClearChargingProfile(id=1))).status == "Accepted"


async def test_nothing_is_said_before_the_boot_was_accepted(living, central):
    central.boot_status = "Pending"
    beginning = asyncio.create_task(living())
    await until(lambda: len(central.told("BootNotification")) == 2)
    assert {name for name, _ in central.heard} == {"BootNotification"}
    central.boot_status = "Accepted"
    await beginning
    await until(lambda: central.told("StartTransaction"))


async def test_a_transaction_that_is_refused_ends(living, central):
    central.id_tag_status = "Invalid"
    home = await living()
    await until(lambda: central.told("StopTransaction", reason="DeAuthorized"))
    assert not home.wallbox.station.enabled


async def test_the_password_is_shown(living, central):
    await living(password="sesame")
    scheme, _, secret = central.headers[0]["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(secret)) == ("Basic", b"WB-001:sesame")


async def test_a_limit_with_two_decimals_breaks_the_schema(living, central):
    await living()
    request = call.SetChargingProfile(
        1,
        {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.25}],
            },
        },
    )
    with pytest.raises(OCPPError):
        await central.ask(request, skip_schema_validation=True)


@pytest.mark.parametrize("turns", range(5))
async def test_it_ends_when_it_is_told_to_even_if_the_link_breaks_that_very_moment(clock, central, turns):
    home = SimulatedHome(SimulateSettings(), clock, [WallboxSpec("garage", "WB-001")])
    running = asyncio.create_task(home.wallbox.run(central.url))
    await until(lambda: central.told("StatusNotification"))
    home.wallbox.cut_link()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=1)
    assert done
    assert running.cancelled()


# ---------------------------------------------------------------------------------------------- links that misbehave


async def test_callerror_on_get(living, central):
    await living("callerror_on_get")
    with pytest.raises(InternalError):
        await central.ask(call.GetConfiguration())


async def test_no_answer_but_applies(living, central):
    home = await living("no_answer_but_applies")
    await until(lambda: home.wallbox.station.currents_a[0] > 15)
    central.peers[-1]._response_timeout = 0.2
    with pytest.raises(TimeoutError):
        await central.limit(8)
    await until(lambda: home.wallbox.station.currents_a[0] == 7.75)


async def test_a_slow_answer_comes_after_all(living, central):
    home = await living()
    firmware = home.wallbox.firmware
    firmware.personality = replace(firmware.personality, answer_delay_s=0.2)
    began = asyncio.get_running_loop().time()
    assert await central.limit(8) == "Accepted"
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_bad_json(living, central):
    await living("bad_json")
    await until(lambda: central.told("MeterValues"))

    def broken(raw):
        try:
            json.loads(raw)
        except ValueError:
            return True
        return False

    assert any(broken(raw) for raw in central.raw)


async def test_half_open(living, central):
    home = await living("half_open")
    await until(lambda: central.told("StartTransaction"))
    await until(lambda: home.wallbox.link_is_deaf)
    heard = len(central.raw)
    central.peers[-1]._response_timeout = 0.1
    with pytest.raises(TimeoutError):
        await central.ask(call.TriggerMessage("Heartbeat"))
    assert len(central.raw) == heard
    assert central.peers[-1].socket.state.name == "OPEN"
    await until(lambda: len(central.peers) == 2)


async def test_double_connect(living, central):
    await living("double_connect")
    await until(lambda: len(central.peers) == 2)
    first, second = (peer.socket for peer in central.peers)
    assert first.state.name == second.state.name == "OPEN"
    await until(lambda: central.told("Heartbeat"))
    assert (await central.ask(call.ClearCache())).status == "Accepted"


async def test_reconnect_after_19min(living, central, clock):
    home = await living("reconnect_after_19min")
    lost_s = clock.monotonic()
    await central.peers[0].socket.close()
    await until(lambda: not home.wallbox.state().online)
    await until(lambda: len(central.peers) == 2)
    assert clock.monotonic() - lost_s >= 19 * 60


async def test_no_boot(living, central):
    await living("no_boot")
    await until(lambda: central.told("StartTransaction"))
    assert central.told("BootNotification") == []


async def test_boot_loop_on_measurands(living, central):
    await living("boot_loop_on_measurands")
    everything = (
        "Energy.Active.Import.Register,Power.Active.Import,Power.Offered,Current.Import,Current.Offered,Voltage"
    )
    await central.ask(call.ChangeConfiguration("MeterValuesSampledData", everything))
    await central.ask(call.GetConfiguration(["MeterValuesSampledData"]))
    await until(lambda: len(central.told("BootNotification")) == 2)
