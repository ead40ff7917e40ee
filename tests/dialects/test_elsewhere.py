"""A car that charges away from home and says so: one settled session that nobody managed, and nothing before it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hemsd.model import ChargeReport, LinkDown, LinkUp
from tests.dialects.away import TELLING_CAR, charged_elsewhere, telling
from tests.dialects.home import played, validate
from tests.dialects.stories import MINUTE, at

CHARGES = ChargeReport(True, power_w=11_000.0)
RESTS = ChargeReport(False)


async def test_enode_20_50_52_53_a_charge_elsewhere_is_one_settled_session_of_nobody(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), vehicles=TELLING_CAR, step_s=60.0) as home:
        before = await home.flex()
        elsewhere = telling(home)
        elsewhere.hear("car", CHARGES)
        home.play(MINUTE * 20)
        assert await home.settled() == [], "nothing of it is told while it goes on"
        assert await home.flex() == before
        elsewhere.hear("car", RESTS)
        (session,) = await home.settled(vehicleId=home.vehicle_id)
        assert (session["state"], session["policyId"], session["blocks"]) == ("SETTLED", None, [])
        assert (session["target"]["latest"], session["outcome"]["latest"], session["error"]["latest"]) == (None,) * 3
        assert session["statistics"]["aggregated"]["kwhSum"] == 3.667
        assert sum(each["kwh"] for each in session["statistics"]["timeseries"]) > 3.6
        found = await home.get(f"/flex/vehicle-policies/{home.policy_id}/sessions/{session['id']}")
        validate("enode_session", found)
        assert await home.flex() == before
        assert before["state"] == "UPCOMING"


async def test_it_is_listed_once_and_is_no_run_of_the_steering(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), vehicles=TELLING_CAR, step_s=60.0) as home:
        charged_elsewhere(home)
        (visit,) = (await home.get("/api/sessions"))["sessions"]
        assert (visit["wallbox"], visit["vehicle"], visit["managed"]) == ("", "car", False)
        assert (visit["kwh"], visit["grid_kwh"], visit["solar_kwh"]) == (5.5, 5.5, 0.0)
        assert (visit["cost"], visit["co2_g"]) == (None, None)
        assert (await home.get(home.hems_path, **{"from": "2025-06-11", "to": "2025-06-11"}))["items"] == []


async def test_what_the_car_says_at_home_is_the_wallboxs_visit_and_no_other(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), vehicles=TELLING_CAR, step_s=60.0) as home:
        elsewhere = telling(home)
        home.plug(15.0)
        elsewhere.hear("car", CHARGES)
        home.play(MINUTE * 10)
        elsewhere.hear("car", RESTS)
        home.unplug()
        (session,) = await home.settled()
        assert session["policyId"] == home.policy_id


async def test_coming_home_ends_it_with_its_last_word(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), vehicles=TELLING_CAR, step_s=60.0) as home:
        elsewhere = telling(home)
        elsewhere.hear("car", CHARGES)
        home.play(MINUTE * 10)
        elsewhere.hear("car", CHARGES)
        home.play(MINUTE * 30)
        elsewhere.look()
        assert await home.settled() == []
        home.plug(50.0)
        elsewhere.look()
        (session,) = await home.settled()
        assert session["pluggedOutAt"] == "2025-06-11T10:11:00Z"


async def test_a_restart_loses_nothing_of_it(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), vehicles=TELLING_CAR, step_s=60.0) as home:
        telling(home).hear("car", CHARGES)
        home.play(timedelta(minutes=30))
        again = telling(home)
        again.hear("car", RESTS)
        (session,) = await home.settled()
        assert session["statistics"]["aggregated"]["kwhSum"] == 5.5
        assert again.away == {}
        assert telling(home).away == {}


async def test_a_wallbox_that_can_not_be_seen_may_have_the_car(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), vehicles=TELLING_CAR, step_s=60.0) as home:
        elsewhere = telling(home)
        home.control.notice(LinkDown("garage", "test"))
        elsewhere.hear("car", CHARGES)
        assert elsewhere.away == {}
        home.control.notice(LinkUp("garage", "test"))
        elsewhere.hear("car", CHARGES)
        assert set(elsewhere.away) == {"car"}


async def test_a_stranger_at_the_cars_wallbox_is_not_the_car(tmp_path: Path) -> None:
    box = {"garage": {"driver": "ocpp", "charge_point": "WB-001", "phases": "3", "id_tags": ["ours"]}}
    async with played(tmp_path, start_at=at("10:00"), vehicles=TELLING_CAR, wallboxes=box, step_s=60.0) as home:
        elsewhere = telling(home)
        home.plug(50.0, card="guest")
        elsewhere.hear("car", CHARGES)
        home.play(MINUTE * 10)
        elsewhere.hear("car", RESTS)
        home.unplug()
        places = {visit["vehicle"]: visit["wallbox"] for visit in (await home.get("/api/sessions"))["sessions"]}
        assert places == {"car": "", None: "garage"}
