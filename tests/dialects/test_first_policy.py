"""A target for a car that config.yaml has no policy for: it is kept, shown and charged for, and ends with the visit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dialects.home import CheapAt, Played, played, validate
from tests.dialects.stories import MINUTE, at

ASKED = {"minimum_charge_target_pct": 50, "ready_by": "2025-06-11T02:00:00Z"}
TARGET = "/api/wallboxes/garage/target"
PRICES = CheapAt(((at("01:00"), at("02:00")),))


async def present(home: Played) -> dict[str, object]:
    (policy,) = (await home.get("/flex/vehicle-policies"))["data"]
    session = await home.get(f"/flex/vehicle-policies/{policy['id']}/session")
    validate("enode_session", session)
    return dict(session)


@pytest.mark.slow
async def test_a_target_in_mid_visit_is_charged_for_and_told_when_it_is_over(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30"), prices=PRICES, policies={}) as home:
        home.plug(42.0)
        home.play(MINUTE * 5)
        assert (await home.get("/flex/vehicle-policies"))["data"] == []
        await home.send("PUT", TARGET, ASKED)
        home.play(at("01:10"))
        assert home.box.station.power_w > 5000
        session = await present(home)
        assert session["state"] == "ACTIVE:REGULAR"
        home.play(at("01:50"))
        home.unplug()
        (settled,) = await home.settled()
        assert settled["target"]["latest"]["minimumChargeTarget"] == 50
        assert settled["outcome"]["latest"]["state"] == "ON_TARGET"
        summed = sum(block["kwhSum"] for block in settled["blocks"])
        assert abs(summed - settled["statistics"]["aggregated"]["kwhSum"]) < 0.001
        following = await present(home)
        assert following["state"] == "UPCOMING"
        assert following["target"]["latest"]["minimumChargeTarget"] == 0  # type: ignore[index]


async def test_a_target_before_the_car_comes_waits_for_it(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("00:30"), prices=PRICES, policies={}) as home:
        await home.send("PUT", TARGET, ASKED)
        home.tick()
        home.plug(42.0)
        home.play(at("01:10"))
        assert home.box.station.power_w > 5000


async def test_a_strangers_visit_gets_no_target(tmp_path: Path) -> None:
    box = {"driver": "ocpp", "charge_point": "WB-001", "phases": "3", "id_tags": ["card"]}
    async with played(tmp_path, start_at=at("00:30"), prices=PRICES, policies={}, wallboxes={"garage": box}) as home:
        home.plug(42.0, card="somebody's")
        home.play(MINUTE)
        await home.send("PUT", TARGET, ASKED)
        home.play(at("01:10"))
        assert home.box.station.power_w == 0
        home.unplug()
        (settled,) = await home.settled()
        assert settled["policyId"] is None


async def test_a_target_where_no_car_is_configured_is_refused(tmp_path: Path) -> None:
    async with played(tmp_path, policies={}, vehicles={}) as home:
        await home.send("PUT", TARGET, ASKED, status=409)
