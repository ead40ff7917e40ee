"""config.yaml is changed while wallboxes are connected."""

from drivers.ocpp16.settings import OcppWallboxSettings
from drivers.ocpp16.steering import Failsafe
from tests.ocpp16.fakes import charging_box, home, settle, until

SAME = {"charge_point": "WB-001"}


def told(**garage: object) -> dict[str, OcppWallboxSettings]:
    return {"garage": OcppWallboxSettings.model_validate({**SAME, **garage})}


async def test_another_time_to_fall_back_in_is_said_to_the_wallbox_at_once():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        assert at.central.apply(told(), Failsafe(after_s=300)) == ()
        await until(lambda: len(station.profiles) == 2)
        periods = station.profiles[-1]["chargingSchedule"]["chargingSchedulePeriod"]
        assert [(period["startPeriod"], period["limit"]) for period in periods] == [(0, 9), (360, 6)]
        assert await at.leap_until(lambda: len(station.profiles) == 3) in range(148, 153)  # renewed at half time


async def test_what_has_not_changed_is_not_said_again():
    async with home() as at, charging_box(at) as (station, _):
        await at.garage.send_limit(9, None, failsafe_a=6)
        at.central.apply(told(max_a=12), Failsafe())
        await settle()
        assert len(station.profiles) == 1


async def test_another_list_of_cards_counts_from_the_next_card_on():
    async with home() as at, charging_box(at) as (station, _):
        at.central.apply(told(id_tags=["FAMILY"]), Failsafe())
        assert (await station.send("Authorize", {"idTag": "STRANGER"}))["idTagInfo"]["status"] == "Invalid"
        assert (await station.send("Authorize", {"idTag": "family"}))["idTagInfo"]["status"] == "Accepted"


async def test_another_identity_waits_for_a_restart_and_that_is_told():
    async with home() as at, charging_box(at):
        changed = {"garage": OcppWallboxSettings(charge_point="WB-002", connector=2, id_tags=[])}
        assert at.central.apply(changed, Failsafe()) == ("garage",)
        assert (at.garage.settings.charge_point, at.garage.connector, at.garage.settings.id_tags) == ("WB-001", 1, [])
