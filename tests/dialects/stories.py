"""Visits that are played once for all tests, with what the application answered at their moments.

Each story is a short night or day: prices are made so that the plan lies where the story needs it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hemsd.model import DispatchStatus, Wish
from tests.dialects.home import CheapAt, Played, played

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2025, 6, 11, tzinfo=UTC)  # a Wednesday


def at(clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return MIDNIGHT + timedelta(hours=int(hours), minutes=int(minutes))


@dataclass
class Told:
    """What was answered, by the name of the moment, and what the tests need to know of the home."""

    documents: dict[str, Any] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, moment: str) -> Any:
        return self.documents[moment]

    def __setitem__(self, moment: str, document: object) -> None:
        self.documents[moment] = document


Story = Callable[[], Told]


def story(play: Callable[[Path], Awaitable[Told]]) -> Story:
    @cache
    def told() -> Told:
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, _awaited(play(Path(folder)))).result()  # an event loop of its own

    return told


async def _awaited(told: Awaitable[Told]) -> Told:
    return await told


TWO_CHEAP_QUARTERS = ((at("01:00"), at("01:15")), (at("01:45"), at("02:00")))


@story
async def a_night(folder: Path) -> Told:
    """42 % at 00:38, 50 % by 07:00, two cheap quarter-hours with a dear half an hour between them."""
    told = Told()
    prices = CheapAt(TWO_CHEAP_QUARTERS)
    async with played(folder, start_at=at("00:30"), prices=prices) as home:
        told.ids["policy"] = home.policy_id
        told["upcoming"] = await home.flex()
        home.play(at("00:38"))
        home.plug(42.0)
        told["plugged in"] = await home.flex()
        told["ev plugged in"] = await home.get(f"{home.ev_path}/current", include_hidden="true")
        home.play(at("01:02"))
        told["charging"] = await home.flex()
        home.play(at("01:07"))
        told["charging on"] = await home.flex()
        told["ev charging"] = await home.get(f"{home.ev_path}/current")
        home.play(at("01:20"))
        told["between"] = await home.flex()
        home.play(at("01:35"))
        told["still between"] = await home.flex()
        home.play(at("02:20"))
        told["reached"] = await home.flex()
        told["ev before"] = await home.get(f"{home.ev_path}/current")
        home.unplug()
        told["energy_wh"] = home.box.station.energy_wh
        told["next"] = await home.flex()
        (told["settled"],) = await home.settled()
        path = f"/flex/vehicle-policies/{home.policy_id}/sessions/{told['settled']['id']}"
        told["alone"] = await home.get(path)
        home.play(at("02:40"))
        told["later"] = await home.get(path)
        told["hems"] = await home.get(f"{home.hems_path}/1")
        told["ev"] = await home.get(home.ev_path, **{"from": "2025-06-11", "to": "2025-06-11"})
        told["ev none"] = await home.get(f"{home.ev_path}/current")
    return told


@story
async def a_boosted_night(folder: Path) -> Told:
    """An immediate start in the middle of a cheap block, reached; then another that is not reached before the end."""
    told = Told()
    prices = CheapAt(((at("01:00"), at("01:45")),))
    async with played(folder, start_at=at("00:50"), prices=prices) as home:
        home.plug(42.0)
        home.play(at("01:05"))
        told["before"] = await home.flex()
        home.control.wish(Wish("garage", boost=True, boost_target_pct=47.0))
        home.tick()
        told["boosted"] = await home.flex()
        told["ev boosted"] = await home.get(f"{home.ev_path}/current")
        home.play(at("01:12"))
        told["boosted on"] = await home.flex()
        home.play(at("01:23"))
        told["back"] = await home.flex()
        home.control.wish(Wish("garage", boost=True, boost_target_pct=70.0))
        home.play(at("01:40"))
        told["again"] = await home.flex()
        home.unplug()
        (told["settled"],) = await home.settled()
        told["next"] = await home.flex()
        told["ev"] = await home.get(home.ev_path, **{"from": "2025-06-11", "to": "2025-06-11"})
    return told


@story
async def below_the_reserve(folder: Path) -> Told:
    """18 % at plug-in, 20 % reserve, and the cheap hour comes later."""
    told = Told()
    prices = CheapAt(((at("02:00"), at("05:00")),))
    async with played(folder, start_at=at("00:30"), prices=prices) as home:
        home.play(at("00:38"))
        home.plug(18.0)
        home.play(at("00:41"))
        told["reserve"] = await home.flex()
        home.play(at("00:55"))
        told["filled"] = await home.flex()
        home.unplug()
        (told["settled"],) = await home.settled()
        told["ev"] = await home.get(home.ev_path, **{"from": "2025-06-11", "to": "2025-06-11"})
    return told


@story
async def a_refused_start(folder: Path) -> Told:
    """The wallbox does not answer in the cheap quarter-hour, and does later."""
    told = Told()
    prices = CheapAt(((at("01:00"), at("01:45")),))
    async with played(folder, start_at=at("00:30"), prices=prices) as home:
        home.plug(42.0)
        # The played wallbox makes no attempts, so its time-out would look like a command that was never sent.
        home.box.refusal = DispatchStatus.UNREACHABLE
        home.play(at("01:10"))
        told["failed"] = await home.flex()
        told["hems"] = await home.get(f"{home.hems_path}/current")
        home.box.refusal = None
        home.play(at("01:25"))
        told["mended"] = await home.flex()
        home.unplug()
        (told["settled"],) = await home.settled()
    return told


@story
async def never_obeyed(folder: Path) -> Told:
    """The wallbox accepts everything and does nothing."""
    told = Told()
    cheap = CheapAt(((at("00:45"), at("02:00")),))
    verification = {"evidence": ["offered"]}
    async with played(folder, start_at=at("00:30"), prices=cheap, verification=verification) as home:
        home.plug(42.0)
        home.box.deaf = True
        home.play(at("01:10"))
        told["running"] = await home.get(f"{home.hems_path}/current")
        told["flex"] = await home.flex()
        home.unplug()
        told["hems"] = await home.get(f"{home.hems_path}/1")
        told["ev"] = await home.get(home.ev_path, **{"from": "2025-06-11", "to": "2025-06-11"})
        (told["settled"],) = await home.settled()
    return told


@story
async def before_the_car_comes(folder: Path) -> Told:
    """What is asked for while nobody is plugged in."""
    told = Told()
    async with played(folder, start_at=at("00:30"), prices=CheapAt()) as home:
        told["policy"] = await home.flex()
        await home.send("PUT", "/api/wallboxes/garage/boost", {"minimum_charge_target_pct": 70})
        home.tick()
        told["boost"] = await home.flex()
        await home.send("DELETE", "/api/wallboxes/garage/boost")
        home.tick()
        told["taken back"] = await home.flex()
        body = {"minimum_charge_target_pct": 90, "ready_by": "2025-06-11T08:00:00Z"}
        await home.send("PUT", "/api/wallboxes/garage/target", body)
        home.tick()
        told["override"] = await home.flex()
        await home.send("DELETE", "/api/wallboxes/garage/target")
        await home.send("PUT", "/api/wallboxes/garage/boost", {"minimum_charge_target_pct": 70})
        home.tick()
        told["boost again"] = await home.flex()
        home.plug(42.0)
        home.play(MINUTE * 3)
        told["charging at once"] = await home.flex()
        told["ev charging at once"] = await home.get(f"{home.ev_path}/current")
        home.unplug()
        told["next"] = await home.flex()
        told["ev"] = await home.get(home.ev_path, **{"from": "2025-06-11", "to": "2025-06-11"})
    return told


@story
async def first_an_override(folder: Path) -> Told:
    """Another level by another time, asked for before the car comes and before anything else."""
    told = Told()
    async with played(folder, start_at=at("00:30"), prices=CheapAt()) as home:
        body = {"minimum_charge_target_pct": 90, "ready_by": "2025-06-11T08:00:00Z"}
        await home.send("PUT", "/api/wallboxes/garage/target", body)
        home.tick()
        told["override"] = await home.flex()
    return told


@story
async def a_sunny_day(folder: Path) -> Told:
    """A schedule that is met already, and enough sun for a charge."""
    told = Told()
    prices = CheapAt()
    noon = datetime(2025, 6, 11, 10, 0, tzinfo=UTC)
    async with played(folder, start_at=noon, prices=prices, sun_s=15_000.0) as home:
        home.plug(60.0)
        home.play(MINUTE * 25)
        told["running"] = await home.get(f"{home.hems_path}/current")
        told["flex"] = await home.flex()
        told["list while running"] = await home.get(home.hems_path, **{"from": "2025-06-11", "to": "2025-06-11"})
        home.play(MINUTE * 15)
        home.unplug()
        told["hems"] = await home.get(f"{home.hems_path}/1")
        told["list"] = await home.get(home.hems_path, **{"from": "2025-06-11", "to": "2025-06-11"})
        told["none"] = await home.get(f"{home.hems_path}/current")
        told["ev"] = await home.get(home.ev_path, **{"from": "2025-06-11", "to": "2025-06-11"})
        (told["settled"],) = await home.settled()
    return told


@story
async def a_dark_day(folder: Path) -> Told:
    """No sun, and a schedule that is met already: the loop runs and never starts."""
    told = Told()
    async with played(folder, start_at=at("10:00"), prices=CheapAt()) as home:
        home.plug(60.0)
        home.play(MINUTE * 10)
        home.unplug()
        told["hems"] = await home.get(f"{home.hems_path}/1")
        told["ev"] = await home.get(home.ev_path, **{"from": "2025-06-11", "to": "2025-06-11"})
        (told["settled"],) = await home.settled()
    return told


GUEST_WALLBOXES = {
    "garage": {"driver": "ocpp", "charge_point": "WB-001", "phases": "3", "id_tags": ["card"]},
    "yard": {"driver": "ocpp", "charge_point": "WB-002", "phases": "3", "steer": False, "mode": "fast"},
    "street": {"driver": "ocpp", "charge_point": "WB-003", "phases": "3", "mode": "fast"},
}


@story
async def guests(folder: Path) -> Told:
    """A wallbox that is only watched, one without a policy, and a stranger's card at the household's own."""
    told = Told()
    async with played(folder, start_at=at("10:00"), prices=CheapAt(), wallboxes=GUEST_WALLBOXES) as home:
        home.boxes["yard"].station.tell(16.0, 3)
        home.plug(30.0, wallbox="yard")
        home.plug(30.0, wallbox="street")
        home.play(MINUTE * 20)
        told["elsewhere"] = await home.flex()
        told["while elsewhere"] = await home.settled()
        home.unplug("yard")
        home.unplug("street")
        home.play(MINUTE)
        home.plug(30.0, card="somebody's")
        home.play(MINUTE * 2)
        told["stranger"] = await home.flex()
        home.unplug()
        told["sessions"] = await home.settled()
        told["by policy"] = await home.settled(policyId=home.policy_id)
        told["hems yard"] = await home.get(
            home.hems_path.replace(
                home.store.identities(wallboxes=["garage"]).wallboxes["garage"],
                home.store.identities(wallboxes=["yard"]).wallboxes["yard"],
            ),
            **{"from": "2025-06-11", "to": "2025-06-11"},
        )
        told["energy_wh"] = home.boxes["yard"].station.energy_wh
        told["unmanaged"] = next(each for each in told["sessions"] if each["statistics"]["aggregated"]["kwhSum"] > 1)
        unmanaged = told["sessions"][0]["id"]
        told["under a policy"] = await home.get(f"/flex/vehicle-policies/{home.policy_id}/sessions/{unmanaged}")
    return told


@story
async def over_a_restart(folder: Path) -> Told:
    """hemsd stops in the middle of a block and comes back."""
    told = Told()
    prices = CheapAt(((at("01:00"), at("01:45")),))
    async with played(folder, start_at=at("00:50"), prices=prices) as home:
        home.plug(42.0)
        home.play(at("01:10"))
        told["before"] = await home.flex()
        energy_wh = home.box.station.energy_wh

    def still_there(home: Played) -> None:
        home.box.station.energy_wh = energy_wh + 100.0  # it charged on by itself meanwhile
        home._transaction_id = 0
        home.plug(44.0)

    async with played(
        folder,
        start_at=at("01:11"),
        prices=prices,
        scopes=("flex", "partner", "local"),
        at_once=still_there,
        password=None,
    ) as home:
        home.play(at("01:13"))
        told["after"] = await home.flex()
        home.play(at("01:20"))
        home.unplug()
        (told["settled"],) = await home.settled()
        told["hems"] = await home.get(f"{home.hems_path}/1")
    return told


@story
async def gone_while_away(folder: Path) -> Told:
    """The car leaves while hemsd does not run."""
    told = Told()
    async with played(folder, start_at=at("00:50"), prices=CheapAt()) as home:
        home.plug(42.0)
        home.play(MINUTE * 5)
    async with played(folder, start_at=at("01:30"), prices=CheapAt()) as home:
        home.tick()
        told["hems"] = await home.get(f"{home.hems_path}/1")
        told["ev"] = await home.get(home.ev_path, **{"from": "2025-06-11", "to": "2025-06-11"})
        (told["settled"],) = await home.settled()
    return told
