"""What goes wrong at a home and at its doors, and what a visit makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from hemsd.password import PagePassword
from hemsd.store import clients
from hemsd.tokens import Tokens
from rules.plan_values import Quarter
from tests.dialects.home import CheapAt, Played, played, validate
from tests.dialects.stories import MINUTE, at

PRICES = CheapAt(((at("01:00"), at("02:00")),))


def target_path(home: Played) -> str:
    return f"/flex/vehicle-policies/{home.policy_id}/session/target"


async def test_a_car_that_tells_0_and_then_80_percent_is_believed_and_no_longer_charged_for(tmp_path: Path) -> None:
    """Some cars say 0 until they have woken up."""
    async with played(tmp_path, start_at=at("00:30"), prices=PRICES) as home:
        home.plug(0.0)
        home.play(MINUTE * 2)
        woken = await home.flex()
        assert woken["state"] == "ACTIVE:BATTERY_RESERVE"
        home.latest.tell_soc("garage", 80.0)
        home.play(MINUTE * 8)
        told = await home.flex()
        assert told["state"] == "ACTIVE:REGULAR"
        assert told["outcome"]["latest"]["state"] == "ON_TARGET"
        assert told["statistics"]["aggregated"]["batteryTo"] == 80
        assert home.box.station.power_w == 0
        assert told["blocks"][0]["type"] == "BATTERY_RESERVE"


async def test_a_deadline_in_the_past_is_charged_for_at_once_and_said_to_be_missed(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30"), prices=PRICES) as home:
        home.plug(42.0)
        asked = {"type": "REGULAR", "minimumChargeTarget": 50, "readyBy": "2025-06-11T00:00:00Z"}
        session = await home.send("PUT", target_path(home), asked)
        validate("enode_session", session)
        assert session["outcome"]["latest"]["state"] == "OFF_TARGET"
        home.play(MINUTE * 3)
        assert home.box.station.power_w > 5000


async def test_a_car_that_leaves_while_its_plan_is_made_leaves_a_sound_visit(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30"), prices=PRICES) as home:
        home.plug(42.0)
        asked = {"type": "REGULAR", "minimumChargeTarget": 80, "readyBy": "2025-06-11T05:00:00Z"}
        await home.send("PUT", target_path(home), asked)
        home.unplug()
        (settled,) = await home.settled()
        assert settled["target"]["latest"]["minimumChargeTarget"] == 80
        assert (settled["blocks"], settled["outcome"]["latest"]["state"]) == ([], "OFF_TARGET")
        assert (await home.flex())["target"]["latest"]["source"] == "POLICY"


async def test_prices_that_are_missing_in_the_middle_endanger_no_deadline(tmp_path: Path) -> None:
    class Holed(CheapAt):
        def known(self, from_at: datetime, to_at: datetime) -> Sequence[Quarter]:
            whole = super().known(from_at, to_at)
            return tuple(each for each in whole if not at("01:30") <= each.start_at < at("06:00"))

    async with played(tmp_path, start_at=at("00:30"), prices=Holed(((at("01:00"), at("01:30")),))) as home:
        home.plug(10.0)
        home.play(MINUTE * 3)
        session = await home.flex()
        assert session["outcome"]["latest"]["state"] == "ON_TARGET"
        plan = home.courses.running["garage"].plan
        assert plan is not None
        assert "prices are known for" in plan.reason


async def test_a_token_of_a_client_that_is_not_there_or_that_is_over_opens_no_door(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        tokens = Tokens(home.store, PagePassword(home.config.web, tmp_path / "none"))
        client_id, _ = clients.add(home.path, home.clock, "cloud", ["flex", "partner"])
        for name, lasts_s, status in (("nobody", 100, 401), (client_id, -1, 401), (client_id, 100, 200)):
            token = tokens.issue_to_client(name, frozenset({"flex", "partner"}), lasts_s)
            home.headers = {"Authorization": f"Bearer {token}"}
            await home.get("/flex/vehicle-policies", status=status)
            await home.get(f"{home.ev_path}/current", status=status)
